/*
 * rowback usage: how much room the store takes, by what, and how it grows.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd_priv.h"
#include "rowback/base/time.h"
#include "rowback/ops/usage.h"

#define NEWEST_DEFAULT 10
#define TABLES_DEFAULT 10

struct usage_opts {
	int64_t newest;
	int64_t tables;
};

static const struct usage_opts defaults = {.newest = NEWEST_DEFAULT, .tables = TABLES_DEFAULT};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_INT,
                .short_name = 'n',
                .digits = true,
                .long_name = "max-count",
                .arg = "N",
                .help = "show the growth of the N newest backups; 10 when left out",
                .offset = offsetof(struct usage_opts, newest),
                .max = INT32_MAX,
        },
        {
                .kind = RB_CLI_INT,
                .long_name = "tables",
                .arg = "N",
                .help = "show the N largest tables; 10 when left out",
                .offset = offsetof(struct usage_opts, tables),
                .max = INT32_MAX,
        },
        {.kind = RB_CLI_END},
};

static json_t *growth_json(const struct rb_usage_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->list.count; i++) {
		const struct rb_backup_entry *entry = &report->list.items[i];

		json_array_append_new(list,
		                      json_pack("{s:o, s:o, s:o}", "id",
		                                rb_cmd_text_json(entry->message.id), "kind",
		                                rb_cmd_text_json(entry->message.kind),
		                                "bytes_added", rb_cmd_bytes_json(&entry->message)));
	}
	return list;
}

static json_t *tables_json(const struct rb_usage_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->table_count; i++) {
		const struct rb_show_table *table = &report->tables[i];

		json_array_append_new(list, json_pack("{s:o, s:o, s:I, s:I, s:I}", "source",
		                                      rb_cmd_text_json(table->source), "table",
		                                      rb_cmd_text_json(table->table), "rows",
		                                      (json_int_t)table->rows, "bytes",
		                                      (json_int_t)table->bytes, "chunks",
		                                      (json_int_t)table->chunks));
	}
	return list;
}

static json_t *trash_json(const struct rb_usage_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->trash_count; i++) {
		const struct rb_usage_trash *trash = &report->trash[i];
		char when[21];

		rb_time_format_iso(trash->trash.expires_unix_s, when);
		json_array_append_new(
		        list, json_pack("{s:s, s:s, s:I, s:o}", "id", trash->trash.id, "expires",
		                        when, "backups", (json_int_t)trash->backups, "bytes",
		                        trash->bytes_known ? json_integer((json_int_t)trash->bytes)
		                                           : json_null()));
	}
	return list;
}

static int print_json(const struct rb_cli *cli, const struct rb_usage_report *report,
                      struct rb_err *err)
{
	const struct rb_space *space = &report->space;

	return rb_cmd_print_json(
	        cli,
	        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:o, s:I, s:I, s:o, "
	                  "s:o}",
	                  "message_type", "usage", "packs_bytes", (json_int_t)space->packs, "packs",
	                  (json_int_t)space->pack_count, "loose_bytes", (json_int_t)space->loose,
	                  "objects_bytes", (json_int_t)report->objects, "other_bytes",
	                  (json_int_t)space->other, "worktree_bytes", (json_int_t)space->worktree,
	                  "warn_bytes", (json_int_t)report->warn_at, "large", report->is_large,
	                  "backups", (json_int_t)report->backups, "newest", growth_json(report),
	                  "rows", (json_int_t)report->rows, "table_bytes",
	                  (json_int_t)report->bytes, "tables", tables_json(report), "trash",
	                  trash_json(report)),
	        err);
}

static void print_space(const struct rb_cli *cli, const struct rb_usage_report *report)
{
	const struct rb_space *space = &report->space;
	const struct {
		const char *what;
		uint64_t bytes;
	} parts[] = {{"backups", report->objects},
	             {"working tree", space->worktree},
	             {"other", space->other}};
	char text[RB_OUT_BYTES_SIZE];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		rb_out_bytes(parts[i].bytes, text);
		rb_out_printf(&cli->out, "%-14s %10s", parts[i].what, text);
		if (i == 0)
			rb_out_printf(&cli->out, "  in %zu backup%s, %" PRIu64 " pack%s",
			              report->backups, report->backups == 1 ? "" : "s",
			              space->pack_count, space->pack_count == 1 ? "" : "s");
		rb_out_printf(&cli->out, "\n");
	}
}

static int print_growth(const struct rb_cli *cli, const struct rb_usage_report *report,
                        struct rb_err *err)
{
	static const struct rb_out_column columns[] = {
	        {.title = "backup"}, {.title = "kind"}, {.title = "added", .is_number = true}};
	struct rb_out_table table = RB_OUT_TABLE(columns);
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < report->list.count; i++) {
		const struct rb_message *message = &report->list.items[i].message;
		char size[RB_OUT_BYTES_SIZE] = "-";
		uint64_t bytes;

		if (rb_cmd_bytes_added(message, &bytes))
			rb_out_bytes(bytes, size);
		{
			const struct rb_out_cell cells[] = {
			        {.text = message->id, .style = RB_OUT_YELLOW},
			        {.text = message->kind},
			        {.text = size}};

			rc = rb_out_table_add(&table, cells, err);
		}
	}
	if (rc == RB_OK && report->list.count > 0) {
		rb_out_printf(&cli->out, "\n");
		rb_out_table_print(&table, &cli->out);
	}
	rb_out_table_release(&table);
	return rc;
}

static int print_tables(const struct rb_cli *cli, const struct rb_usage_report *report,
                        struct rb_err *err)
{
	static const struct rb_out_column columns[] = {{.title = "table"},
	                                               {.title = "rows", .is_number = true},
	                                               {.title = "size", .is_number = true},
	                                               {.title = "share", .is_number = true}};
	struct rb_out_table table = RB_OUT_TABLE(columns);
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < report->table_count; i++) {
		const struct rb_show_table *entry = &report->tables[i];
		struct rb_buf name = RB_BUF((size_t)1 << 20);
		char rows[RB_OUT_COUNT_SIZE];
		char size[RB_OUT_BYTES_SIZE];
		char share[16];
		double percent =
		        report->bytes ? 100.0 * (double)entry->bytes / (double)report->bytes : 0;

		rb_out_count(entry->rows, rows);
		rb_out_bytes(entry->bytes, size);
		snprintf(share, sizeof(share), "%.1f%%", percent);
		rc = rb_buf_addf(&name, err, "%s/%s", entry->source, entry->table);
		if (rc == RB_OK) {
			const struct rb_out_cell cells[] = {{.text = rb_buf_str(&name)},
			                                    {.text = rows},
			                                    {.text = size},
			                                    {.text = share}};

			rc = rb_out_table_add(&table, cells, err);
		}
		rb_buf_release(&name);
	}
	if (rc == RB_OK && report->table_count > 0) {
		rb_out_printf(&cli->out, "\n");
		rb_out_table_print(&table, &cli->out);
	}
	rb_out_table_release(&table);
	return rc;
}

static void print_trash(const struct rb_cli *cli, const struct rb_usage_report *report)
{
	for (size_t i = 0; i < report->trash_count; i++) {
		const struct rb_usage_trash *trash = &report->trash[i];
		char size[RB_OUT_BYTES_SIZE] = "-";
		char when[32];

		if (trash->bytes_known)
			rb_out_bytes(trash->bytes, size);
		rb_time_format_ago(trash->trash.expires_unix_s, rb_time_now_unix_s(), when,
		                   sizeof(when));
		rb_out_printf(&cli->out, "%strash %s: %zu backup%s, about %s, goes %s\n",
		              i == 0 ? "\n" : "", trash->trash.id, trash->backups,
		              trash->backups == 1 ? "" : "s", size, when);
	}
}

static int print(const struct rb_cli *cli, const struct rb_usage_report *report, struct rb_err *err)
{
	char size[RB_OUT_BYTES_SIZE];
	char limit[RB_OUT_BYTES_SIZE];
	int rc;

	if (report->is_large) {
		rb_out_bytes(report->objects, size);
		rb_out_bytes(report->warn_at, limit);
		rb_log(RB_LOG_WARN,
		       "the store has grown to %s (store.warnSize is %s): 'rowback prune' takes "
		       "old backups out",
		       size, limit);
	}
	if (cli->wants_json)
		return print_json(cli, report, err);
	print_space(cli, report);
	rc = print_growth(cli, report, err);
	if (rc == RB_OK)
		rc = print_tables(cli, report, err);
	if (rc == RB_OK)
		print_trash(cli, report);
	return rc;
}

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct usage_opts *given = values;
	struct rb_usage_report report = {0};
	struct rb_store store = {0};
	int rc = rb_cmd_open_store(cli, &store, err);

	if (rc == RB_OK)
		rc = rb_usage_run(&store, (size_t)given->newest, (size_t)given->tables, &report,
		                  err);
	if (rc == RB_OK)
		rc = print(cli, &report, err);
	rb_usage_report_release(&report);
	rb_store_close(&store);
	return rc;
}

const struct rb_cli_command rb_cmd_usage = {
        .name = "usage",
        .summary = "show how much room the store takes",
        .description =
                "Shows the size of the store on disk, what the newest backups have added, the "
                "largest tables of the newest one, and the old histories that prunes left and "
                "that will go by themselves (retention.trash). Past store.warnSize (500 MB) it "
                "warns, as 'rowback backup' does.\n\n"
                "  rowback -C /srv/backups/app usage -30",
        .opts = opts,
        .args = rb_cmd_no_args,
        .needs = RB_CLI_NEEDS_STORE,
        .values_size = sizeof(struct usage_opts),
        .defaults = &defaults,
        .run = run,
};
