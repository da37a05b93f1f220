/*
 * rowback activity: what was done to a store, newest first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_priv.h"
#include "rowback/base/time.h"
#include "rowback/ops/record.h"
#include "rowback/value/json.h"

struct activity_opts {
	int64_t max_count;  /* RB_CLI_UNSET: all */
	const char *action; /* NULL: any */
	int64_t since;      /* Unix seconds, or RB_CLI_UNSET */
	int64_t until;      /* likewise */
	bool only_failed;
};

static const struct activity_opts defaults = {
        .max_count = RB_CLI_UNSET,
        .since = RB_CLI_UNSET,
        .until = RB_CLI_UNSET,
};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_INT,
                .short_name = 'n',
                .digits = true,
                .long_name = "max-count",
                .arg = "N",
                .help = "show the newest N at most",
                .offset = offsetof(struct activity_opts, max_count),
                .min = 1,
                .max = INT32_MAX,
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "action",
                .arg = "NAME",
                .help = "only this: a command's name, 'hook' or 'config'",
                .offset = offsetof(struct activity_opts, action),
        },
        {
                .kind = RB_CLI_WHEN,
                .long_name = "since",
                .arg = "WHEN",
                .help = "only what began from then on: '2 days ago', 2026-11-20",
                .offset = offsetof(struct activity_opts, since),
        },
        {
                .kind = RB_CLI_WHEN,
                .long_name = "until",
                .arg = "WHEN",
                .help = "only what began up to then",
                .offset = offsetof(struct activity_opts, until),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "failed",
                .help = "only what failed or was refused",
                .offset = offsetof(struct activity_opts, only_failed),
        },
        {.kind = RB_CLI_END},
};

/* One line that is wanted. */
struct found {
	char *line;
	json_t *doc;
};

/* The wanted lines, oldest first. */
struct search {
	const struct activity_opts *given;
	struct found *items;
	size_t count;
	size_t room;
};

static void release_found(struct found *found)
{
	free(found->line);
	json_decref(found->doc);
	memset(found, 0, sizeof(*found));
}

static void release(struct search *search)
{
	for (size_t i = 0; i < search->count; i++)
		release_found(&search->items[i]);
	free(search->items);
}

/* A text of a line: "" when it has none, or one that is not UTF-8. */
static const char *text_of(const json_t *doc, const char *member)
{
	const char *text = json_string_value(json_object_get(doc, member));

	return text ? text : "";
}

static bool is_wanted(const struct activity_opts *given, const json_t *doc)
{
	const char *result = text_of(doc, "result");
	int64_t time = 0;

	if (rb_time_parse_utc(text_of(doc, "time"), &time, NULL) < 0)
		return false;
	return (!given->action || strcmp(given->action, text_of(doc, "action")) == 0) &&
	       (given->since == RB_CLI_UNSET || time >= given->since) &&
	       (given->until == RB_CLI_UNSET || time <= given->until) &&
	       (!given->only_failed || strcmp(result, "failed") == 0 ||
	        strcmp(result, "refused") == 0);
}

static int take_line(void *ctx, const char *line, json_t *doc, struct rb_err *err)
{
	struct search *search = ctx;
	struct found *item;

	if (!is_wanted(search->given, doc))
		return RB_OK;
	if (search->count == search->room) {
		size_t room = search->room ? search->room * 2 : 64;
		struct found *grown = realloc(search->items, room * sizeof(*grown));

		if (!grown)
			return rb_err_set(err, RB_E_NOMEM, "no memory to show the activity");
		search->items = grown;
		search->room = room;
	}
	item = &search->items[search->count++];
	item->doc = json_incref(doc);
	item->line = strdup(line);
	return item->line ? RB_OK : rb_err_set(err, RB_E_NOMEM, "no memory to show the activity");
}

/* "812 ms", "4.2 s", "12 min" */
static void format_duration(int64_t ms, char *out, size_t size)
{
	if (ms < 1000)
		snprintf(out, size, "%lld ms", (long long)ms);
	else if (ms < 100000)
		snprintf(out, size, "%lld.%lld s", (long long)(ms / 1000),
		         (long long)(ms % 1000 / 100));
	else
		snprintf(out, size, "%lld min", (long long)((ms + 30000) / 60000));
}

static enum rb_out_style style_of(const char *result)
{
	if (strcmp(result, "failed") == 0 || strcmp(result, "refused") == 0)
		return RB_OUT_RED;
	return strcmp(result, "findings") == 0 ? RB_OUT_YELLOW : RB_OUT_PLAIN;
}

static int add_row(struct rb_out_table *table, const json_t *doc, struct rb_err *err)
{
	const char *result = text_of(doc, "result");
	struct rb_buf who = RB_BUF((size_t)64 << 10);
	char duration[32];
	int rc = rb_buf_addf(&who, err, "%s@%s", text_of(doc, "user"), text_of(doc, "host"));

	format_duration(json_integer_value(json_object_get(doc, "duration_ms")), duration,
	                sizeof(duration));
	if (rc == RB_OK) {
		const struct rb_out_cell cells[] = {
		        {.text = text_of(doc, "time")},
		        {.text = rb_buf_str(&who)},
		        {.text = text_of(doc, "action"), .style = RB_OUT_BOLD},
		        {.text = result, .style = style_of(result)},
		        {.text = text_of(doc, "backup")},
		        {.text = duration},
		        {.text = text_of(doc, "detail")},
		};

		rc = rb_out_table_add(table, cells, err);
	}
	rb_buf_release(&who);
	return rc;
}

static int print_table(const struct rb_cli *cli, const struct search *search, size_t first,
                       struct rb_err *err)
{
	static const struct rb_out_column columns[] = {
	        {.title = "when"},   {.title = "who"},    {.title = "action"},
	        {.title = "result"}, {.title = "backup"}, {.title = "took", .is_number = true},
	        {.title = "detail"},
	};
	struct rb_out_table table = RB_OUT_TABLE(columns);
	int rc = RB_OK;

	for (size_t i = search->count; rc == RB_OK && i > first; i--)
		rc = add_row(&table, search->items[i - 1].doc, err);
	if (rc == RB_OK)
		rb_out_table_print(&table, &cli->out);
	rb_out_table_release(&table);
	return rc;
}

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct activity_opts *given = values;
	struct search search = {.given = given};
	struct rb_store store = {0};
	size_t first = 0;
	int rc = rb_cmd_open_store(cli, &store, err);

	if (rc < 0)
		return rc;
	rc = rb_record_each(&store, take_line, &search, err);
	if (given->max_count != RB_CLI_UNSET && search.count > (size_t)given->max_count)
		first = search.count - (size_t)given->max_count;
	if (rc == RB_OK && !cli->wants_json)
		rc = print_table(cli, &search, first, err);
	for (size_t i = first; rc == RB_OK && cli->wants_json && i < search.count; i++)
		rb_out_printf(&cli->out, "%s\n", search.items[i].line);
	release(&search);
	rb_store_close(&store);
	return rc;
}

const struct rb_cli_command rb_cmd_activity = {
        .name = "activity",
        .summary = "list what was done to the store, and how it ended",
        .description =
                "Shows the store's activity log, newest first: every run of a command that writes, "
                "refusals of the gate, runs of hooks, and changes of the configuration, each with "
                "who, when and the outcome (ok, nothing, findings, refused, failed). Dry runs are "
                "not in it, nor is a run that was killed.\n\n"
                "With --json it prints the lines as they stand in .git/rowback/activity.jsonl, "
                "oldest first; they also have the arguments, without secrets. The log stays on "
                "this machine. Restores, rollbacks and prunes are commits in the history as well, "
                "which the remote gets.\n\n"
                "  rowback -C /srv/backups/app activity --failed --since '1 week ago'",
        .opts = opts,
        .args = rb_cmd_no_args,
        .needs = RB_CLI_NEEDS_STORE,
        .values_size = sizeof(struct activity_opts),
        .defaults = &defaults,
        .run = run,
};
