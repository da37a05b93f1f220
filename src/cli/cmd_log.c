/*
 * rowback log: the backups there are, newest first.
 */
#include <stdio.h>
#include <string.h>

#include "cmd_priv.h"
#include "rowback/base/time.h"
#include "rowback/cli/exit.h"
#include "rowback/ops/history.h"

struct log_opts {
	int64_t max_count;  /* RB_CLI_UNSET: all */
	int kind;           /* place in rb_cmd_kinds, or RB_CLI_NO_CHOICE */
	const char *label;  /* NULL: any */
	const char *source; /* NULL: any */
	const char *code;   /* a commit of the app repository; NULL: any */
	int64_t since;      /* Unix seconds, or RB_CLI_UNSET */
	int64_t until;      /* likewise */
};

static const struct log_opts defaults = {
        .max_count = RB_CLI_UNSET,
        .kind = RB_CLI_NO_CHOICE,
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
                .help = "show N backups at most",
                .offset = offsetof(struct log_opts, max_count),
                .min = 1,
                .max = INT32_MAX,
        },
        {
                .kind = RB_CLI_CHOICE,
                .long_name = "kind",
                .choices = rb_cmd_kinds,
                .help = "only backups of this kind",
                .offset = offsetof(struct log_opts, kind),
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "label",
                .arg = "NAME",
                .help = "only backups with this label",
                .offset = offsetof(struct log_opts, label),
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "source",
                .arg = "NAME",
                .help = "only backups of this source",
                .offset = offsetof(struct log_opts, source),
        },
        {
                .kind = RB_CLI_STRING,
                .long_name = "code",
                .arg = "COMMIT",
                .help = "only backups of this commit of the app repository: its hash or the "
                        "beginning of it, or what that repository resolves: v1.2, HEAD~1",
                .offset = offsetof(struct log_opts, code),
        },
        {
                .kind = RB_CLI_WHEN,
                .long_name = "since",
                .arg = "WHEN",
                .help = "only backups from then on: '2 days ago', 2026-11-20",
                .offset = offsetof(struct log_opts, since),
        },
        {
                .kind = RB_CLI_WHEN,
                .long_name = "until",
                .arg = "WHEN",
                .help = "only backups up to then",
                .offset = offsetof(struct log_opts, until),
        },
        {.kind = RB_CLI_END},
};

static json_t *entry_json(const struct rb_backup_entry *entry)
{
	const struct rb_message *message = &entry->message;
	const struct rb_row_counts counts = {.inserted = message->inserted,
	                                     .updated = message->updated,
	                                     .deleted = message->deleted};
	char when[21];

	rb_time_format_iso(entry->time_unix_s, when);
	return json_pack(
	        "{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:b, s:b, s:o, "
	        "s:o, s:o, s:o, s:b}",
	        "id", rb_cmd_text_json(message->id), "commit", rb_cmd_oid_json(&entry->commit),
	        "time", when, "kind", rb_cmd_text_json(message->kind), "trigger",
	        rb_cmd_text_json(message->trigger), "label", rb_cmd_text_json(message->label),
	        "note", rb_cmd_text_json(message->note), "sources",
	        rb_cmd_text_json(message->sources), "rows", (json_int_t)message->rows, "changed",
	        rb_cmd_counts_json(&counts), "incomplete", rb_cmd_text_json(message->incomplete),
	        "pushed", entry->pushed, "aside", entry->aside, "drill",
	        rb_cmd_text_json(entry->drill), "subject", rb_cmd_text_json(entry->subject),
	        "bytes_added", rb_cmd_bytes_json(message), "code", rb_cmd_code_json(message),
	        "pinned", entry->pinned);
}

/* nearest  the backup before the code that was asked for, when there is none of it */
static int print_json(const struct rb_cli *cli, const struct rb_backup_list *list,
                      const struct rb_backup_entry *nearest, struct rb_err *err)
{
	json_t *backups = json_array();

	for (size_t i = 0; i < list->count; i++) {
		if (json_array_append_new(backups, entry_json(&list->items[i])) < 0) {
			json_decref(backups);
			backups = NULL;
			break;
		}
	}
	return rb_cmd_print_json(cli,
	                         json_pack("{s:s, s:o, s:o}", "message_type", "log", "backups",
	                                   backups, "nearest",
	                                   nearest->message.id ? entry_json(nearest) : json_null()),
	                         err);
}

/* Whether rows are of different sources: a column that says the same everywhere is no help. */
static bool sources_differ(const struct rb_backup_list *list)
{
	for (size_t i = 1; i < list->count; i++) {
		const char *first = list->items[0].message.sources;
		const char *other = list->items[i].message.sources;

		if (strcmp(first ? first : "", other ? other : "") != 0)
			return true;
	}
	return false;
}

static int add_row(struct rb_out_table *table, const struct rb_backup_entry *entry,
                   bool with_source, struct rb_err *err)
{
	const struct rb_message *message = &entry->message;
	const struct rb_row_counts counts = {.inserted = message->inserted,
	                                     .updated = message->updated,
	                                     .deleted = message->deleted};
	char changed[RB_CMD_COUNTS_SIZE];
	char rows[RB_OUT_COUNT_SIZE];
	char ago[32];
	char size[RB_OUT_BYTES_SIZE] = "";
	char code[8] = "";
	uint64_t bytes;

	if (rb_cmd_bytes_added(message, &bytes))
		rb_out_bytes(bytes, size);
	if (message->code_commit)
		snprintf(code, sizeof(code), "%s", message->code_commit);
	rb_cmd_counts_text(&counts, changed);
	rb_out_count(message->rows, rows);
	rb_time_format_ago(entry->time_unix_s, rb_time_now_unix_s(), ago, sizeof(ago));
	{
		const struct rb_out_cell cells[] = {
		        {.text = message->id, .style = RB_OUT_YELLOW},
		        {.text = ago},
		        {.text = message->incomplete ? "incomplete" : message->kind},
		        {.text = with_source ? message->sources : NULL},
		        {.text = rows},
		        {.text = changed},
		        {.text = size},
		        {.text = entry->pushed ? "yes" : "no",
		         .style = entry->pushed ? RB_OUT_PLAIN : RB_OUT_RED},
		        {.text = code},
		        {.text = entry->pinned ? "yes" : ""},
		        {.text = message->label},
		};

		return rb_out_table_add(table, cells, err);
	}
}

static int print_table(const struct rb_cli *cli, const struct rb_backup_list *list,
                       struct rb_err *err)
{
	static const struct rb_out_column columns[] = {
	        {.title = "backup"},
	        {.title = "taken"},
	        {.title = "kind"},
	        {.title = "source", .may_hide = true},
	        {.title = "rows", .is_number = true},
	        {.title = "changed", .may_hide = true},
	        {.title = "size", .is_number = true, .may_hide = true},
	        {.title = "pushed"},
	        {.title = "code", .may_hide = true},
	        {.title = "pin", .may_hide = true},
	        {.title = "label", .may_hide = true},
	};
	struct rb_out_table table = RB_OUT_TABLE(columns);
	bool with_source = sources_differ(list);
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < list->count; i++)
		rc = add_row(&table, &list->items[i], with_source, err);
	if (rc == RB_OK)
		rb_out_table_print(&table, &cli->out);
	rb_out_table_release(&table);
	return rc;
}

/* No backup that was asked for is of that commit: which one comes near? */
static int find_nearest(struct rb_store *store, const struct rb_code_wanted *wanted,
                        struct rb_backup_entry *nearest, struct rb_err *err)
{
	struct rb_err why = {0};
	int rc = wanted->is_resolved ? rb_history_code_before(store, wanted, nearest, &why)
	                             : RB_E_NOSTORE;

	if (rc == RB_E_NOSTORE) {
		rb_log(RB_LOG_INFO, "no backup is of code commit %s%s", wanted->commit,
		       wanted->is_resolved ? ", nor of one before it" : "");
		return RB_OK;
	}
	if (rc < 0) {
		*err = why;
		return rc;
	}
	if (strcmp(nearest->message.code_commit, wanted->commit) == 0)
		rb_log(RB_LOG_INFO,
		       "no backup of those that were asked for is of code commit %s; %s is",
		       wanted->commit, nearest->message.id);
	else
		rb_log(RB_LOG_INFO,
		       "no backup is of code commit %s; the nearest before it is %s, of code "
		       "commit %.7s",
		       wanted->commit, nearest->message.id, nearest->message.code_commit);
	return RB_OK;
}

/* Find the backups, and for a commit of the code that has none the nearest. */
static int look_up(const struct log_opts *given, struct rb_store *store,
                   struct rb_backup_list *list, struct rb_backup_entry *nearest, struct rb_err *err)
{
	struct rb_code_wanted wanted = {.commit = ""};
	const struct rb_history_opts log = {
	        .kind = given->kind == RB_CLI_NO_CHOICE ? NULL : rb_cmd_kinds[given->kind],
	        .label = given->label,
	        .source = given->source,
	        .code = given->code ? wanted.commit : NULL,
	        .since_unix_s = given->since == RB_CLI_UNSET ? 0 : given->since,
	        .until_unix_s = given->until == RB_CLI_UNSET ? 0 : given->until,
	        .count_max = given->max_count == RB_CLI_UNSET ? 0 : (size_t)given->max_count};
	int rc = given->code ? rb_history_code(store, given->code, &wanted, err) : RB_OK;

	if (rc == RB_OK)
		rc = rb_history_list(store, &log, list, err);
	if (rc == RB_OK && given->code && list->count == 0)
		rc = find_nearest(store, &wanted, nearest, err);
	return rc;
}

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct log_opts *given = values;
	struct rb_backup_entry nearest = {0};
	struct rb_backup_list list = {0};
	struct rb_store store = {0};
	bool has_none;
	int rc = rb_cmd_open_store(cli, &store, err);

	if (rc == RB_OK)
		rc = look_up(given, &store, &list, &nearest, err);
	if (rc == RB_OK)
		rc = cli->wants_json ? print_json(cli, &list, &nearest, err)
		                     : print_table(cli, &list, err);
	has_none = given->code && list.count == 0;
	rb_backup_entry_release(&nearest);
	rb_backup_list_release(&list);
	rb_store_close(&store);
	return rc == RB_OK && has_none ? RB_CLI_FINDINGS : rc;
}

const struct rb_cli_command rb_cmd_log = {
        .name = "log",
        .summary = "list the backups, newest first",
        .description =
                "Lists the backups as a table: id, when, kind, rows, what changed, the size it "
                "added to the store, whether the remote has confirmed that it has it, the commit "
                "of the code and the label. Columns with nothing in them are left out, so is "
                "the source where it is always the same. 'git log' in the store shows the same "
                "commits.\n\n"
                "With --code it answers which backup belongs to a deploy. When none does, the "
                "nearest one before it is named on standard error, and the status is 1.\n\n"
                "  rowback -C /srv/backups/app log -5 --since '2 weeks ago'\n"
                "  rowback -C /srv/backups/app log --code 1a2b3c4",
        .opts = opts,
        .args = rb_cmd_no_args,
        .needs = RB_CLI_NEEDS_STORE,
        .values_size = sizeof(struct log_opts),
        .defaults = &defaults,
        .run = run,
};
