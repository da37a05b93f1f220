/*
 * rowback show: what a backup holds and what changed in it.
 */
#include <string.h>

#include "cmd_priv.h"
#include "rowback/base/time.h"
#include "rowback/ops/show.h"

struct show_opts {
	const char *backup;        /* NULL: latest */
	int64_t at;                /* Unix seconds, or RB_CLI_UNSET */
	bool shows_rows;           /* print the changed rows */
	struct rb_cli_list tables; /* names; empty: all */
};

static const struct show_opts defaults = {.at = RB_CLI_UNSET};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_WHEN,
                .long_name = "at",
                .arg = "WHEN",
                .help = RB_CMD_AT_HELP,
                .offset = offsetof(struct show_opts, at),
        },
        {
                .kind = RB_CLI_FLAG,
                .long_name = "rows",
                .help = "print the rows that changed: - as they were, + as they are",
                .offset = offsetof(struct show_opts, shows_rows),
        },
        {
                .kind = RB_CLI_LIST,
                .long_name = "table",
                .arg = "NAME",
                .help = "this table only; may be given several times",
                .offset = offsetof(struct show_opts, tables),
        },
        {.kind = RB_CLI_END},
};

static const struct rb_cli_arg args[] = {
        {
                .name = "BACKUP",
                .help = RB_CMD_BACKUP_HELP,
                .offset = offsetof(struct show_opts, backup),
        },
        {.name = NULL},
};

static json_t *tables_json(const struct rb_show_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->table_count; i++) {
		const struct rb_show_table *table = &report->tables[i];
		json_t *doc = json_pack(
		        "{s:o, s:o, s:I, s:I, s:I}", "source", rb_cmd_text_json(table->source),
		        "table", rb_cmd_text_json(table->table), "rows", (json_int_t)table->rows,
		        "bytes", (json_int_t)table->bytes, "chunks", (json_int_t)table->chunks);

		if (json_array_append_new(list, doc) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int print_json(const struct rb_cli *cli, const struct rb_show_report *report,
                      struct rb_err *err)
{
	const struct rb_backup_entry *entry = &report->entry;
	const struct rb_message *message = &entry->message;
	char when[21];

	rb_time_format_iso(entry->time_unix_s, when);
	return rb_cmd_print_json(
	        cli,
	        json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:I, "
	                  "s:I, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o}",
	                  "message_type", "show", "id", rb_cmd_text_json(message->id), "commit",
	                  rb_cmd_oid_json(&entry->commit), "time", when, "kind",
	                  rb_cmd_text_json(message->kind), "trigger",
	                  rb_cmd_text_json(message->trigger), "label",
	                  rb_cmd_text_json(message->label), "note", rb_cmd_text_json(message->note),
	                  "sources", rb_cmd_text_json(message->sources), "incomplete",
	                  rb_cmd_text_json(message->incomplete), "pushed", entry->pushed, "aside",
	                  entry->aside, "drill", rb_cmd_text_json(entry->drill), "rows",
	                  (json_int_t)report->rows, "bytes", (json_int_t)report->bytes, "before",
	                  rb_cmd_text_json(*report->before_id ? report->before_id : NULL),
	                  "changed", rb_cmd_counts_json(&report->changes.total), "changes",
	                  rb_cmd_changes_json(&report->changes), "others_changed",
	                  (json_int_t)report->changes.others, "tables", tables_json(report),
	                  "bytes_added", rb_cmd_bytes_json(message), "code",
	                  rb_cmd_code_json(message), "data_backup",
	                  rb_cmd_text_json(*report->data_id ? report->data_id : NULL)),
	        err);
}

static int print_pair(const struct rb_cli *cli, const char *name, const char *value,
                      struct rb_err *err)
{
	int rc;

	if (!value || !*value)
		return RB_OK;
	rb_out_printf(&cli->out, "%-8s ", name);
	rc = rb_cmd_print_text(cli, value, err);
	rb_out_printf(&cli->out, "\n");
	return rc;
}

/* "code     <hash>", what it is, and whether files were as in that commit. */
static int print_code(const struct rb_cli *cli, const struct rb_message *message,
                      struct rb_err *err)
{
	bool is_dirty = message->code_state && strcmp(message->code_state, "dirty") == 0;
	int rc = print_pair(cli, "code", message->code_commit, err);

	if (rc == RB_OK)
		rc = print_pair(cli, "deployed", message->code_deployed, err);
	if (rc == RB_OK)
		rc = print_pair(cli, "subject", message->code_subject, err);
	if (rc == RB_OK)
		rc = print_pair(cli, "branch", message->code_branch, err);
	if (rc == RB_OK)
		rc = print_pair(cli, "state",
		                is_dirty ? "dirty: files were not as in that commit"
		                         : message->code_state,
		                err);
	return rc;
}

static int print_head(const struct rb_cli *cli, const struct rb_show_report *report,
                      struct rb_err *err)
{
	const struct rb_backup_entry *entry = &report->entry;
	const struct rb_message *message = &entry->message;
	char hex[RB_OID_HEX_SIZE];
	char when[21];
	int rc;

	rb_oid_hex(&entry->commit, hex);
	rb_time_format_iso(entry->time_unix_s, when);
	rb_out_printf(&cli->out, "%sbackup   %s%s\n", rb_out_style(&cli->out, RB_OUT_YELLOW),
	              message->id, rb_out_style(&cli->out, RB_OUT_PLAIN));
	rc = print_pair(cli, "commit", hex, err);
	if (rc == RB_OK)
		rc = print_pair(cli, "taken", when, err);
	if (rc == RB_OK)
		rc = print_pair(cli, "kind", message->kind, err);
	if (rc == RB_OK)
		rc = print_pair(cli, "data of", report->data_id, err);
	if (rc == RB_OK)
		rc = print_pair(cli, "trigger", message->trigger, err);
	if (rc == RB_OK)
		rc = print_pair(cli, "label", message->label, err);
	if (rc == RB_OK)
		rc = print_pair(cli, "note", message->note, err);
	if (rc == RB_OK)
		rc = print_code(cli, message, err);
	if (rc == RB_OK)
		rc = print_pair(cli, "missing", message->incomplete, err);
	if (rc == RB_OK)
		rc = print_pair(cli, "pushed", entry->pushed ? "yes" : "no", err);
	if (rc == RB_OK)
		rc = print_pair(cli, "drill", entry->drill, err);
	return rc;
}

static int print_tables(const struct rb_cli *cli, const struct rb_show_report *report,
                        struct rb_err *err)
{
	static const struct rb_out_column columns[] = {
	        {.title = "table"},
	        {.title = "rows", .is_number = true},
	        {.title = "size", .is_number = true},
	        {.title = "files", .is_number = true},
	};
	struct rb_out_table table = RB_OUT_TABLE(columns);
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < report->table_count; i++) {
		const struct rb_show_table *entry = &report->tables[i];
		struct rb_buf name = RB_BUF((size_t)1 << 20);
		char rows[RB_OUT_COUNT_SIZE];
		char chunks[RB_OUT_COUNT_SIZE];
		char bytes[RB_OUT_BYTES_SIZE];

		rb_out_count(entry->rows, rows);
		rb_out_count(entry->chunks, chunks);
		rb_out_bytes(entry->bytes, bytes);
		rc = rb_buf_addf(&name, err, "%s/%s", entry->source, entry->table);
		if (rc == RB_OK) {
			const struct rb_out_cell cells[] = {{.text = rb_buf_str(&name)},
			                                    {.text = rows},
			                                    {.text = bytes},
			                                    {.text = chunks}};

			rc = rb_out_table_add(&table, cells, err);
		}
		rb_buf_release(&name);
	}
	if (rc == RB_OK)
		rb_out_table_print(&table, &cli->out);
	rb_out_table_release(&table);
	return rc;
}

/* A row of one side: a line as the store has it, behind its sign. */
static int print_side(const struct rb_cli *cli, bool is_new, const char *source, const char *table,
                      const struct rb_row *row, struct rb_err *err)
{
	const struct rb_out *out = &cli->out;
	struct rb_buf text = RB_BUF((size_t)1 << 30);
	int rc;

	if (!row)
		return RB_OK;
	rc = rb_buf_addf(&text, err, "%c %s/", is_new ? '+' : '-', source);
	if (rc == RB_OK)
		rc = rb_out_escape(table, strlen(table), &text, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&text, " ", err);
	if (rc == RB_OK)
		rc = rb_out_escape(row->line, row->line_len, &text, err);
	if (rc == RB_OK)
		rb_out_printf(out, "%s%s%s\n",
		              rb_out_style(out, is_new ? RB_OUT_GREEN : RB_OUT_RED),
		              rb_buf_str(&text), rb_out_style(out, RB_OUT_PLAIN));
	rb_buf_release(&text);
	return rc;
}

static int print_row(void *ctx, const char *source, const char *table, enum rb_row_op op,
                     const struct rb_row *old_row, const struct rb_row *new_row, struct rb_err *err)
{
	static const char *const names[] = {"insert", "update", "delete"};
	const struct rb_cli *cli = ctx;
	int rc;

	if (cli->wants_json) {
		/* The rows are JSON as they stand: they need no second writer. */
		rb_out_printf(&cli->out,
		              "{\"message_type\":\"row\",\"op\":\"%s\",\"source\":\"%s\",",
		              names[op], source);
		return rb_cmd_print_row_json(cli, table, old_row, new_row, err);
	}
	rc = print_side(cli, false, source, table, old_row, err);
	return rc < 0 ? rc : print_side(cli, true, source, table, new_row, err);
}

static int print_report(struct rb_cli *cli, const struct rb_show_report *report, struct rb_err *err)
{
	int rc = print_head(cli, report, err);

	rb_out_printf(&cli->out, "\n");
	if (rc == RB_OK)
		rc = print_tables(cli, report, err);
	if (rc < 0)
		return rc;
	if (report->changes.count == 0 && report->changes.others == 0)
		rb_out_printf(&cli->out, "\nno changes%s%s\n", *report->before_id ? " since " : "",
		              report->before_id);
	else if (*report->before_id)
		rb_out_printf(&cli->out, "\nchanges since %s\n", report->before_id);
	else
		rb_out_printf(&cli->out, "\nthe first backup\n");
	return rb_cmd_changes_table(cli, &report->changes, err);
}

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct show_opts *show = values;
	struct rb_show_report report = {0};
	struct rb_store store = {0};
	int rc = rb_cmd_check_backup(show->backup, show->at, err);

	if (rc == RB_OK)
		rc = rb_cmd_open_store(cli, &store, err);
	if (rc == RB_OK)
		rc = rb_show_run(&store, show->backup, show->at == RB_CLI_UNSET ? 0 : show->at,
		                 &report, err);
	if (rc == RB_OK)
		rc = rb_show_only(&report, rb_cmd_names(&show->tables), err);
	if (rc == RB_OK && show->shows_rows)
		rc = rb_show_rows(&store, &report, print_row, cli, err);
	else if (rc == RB_OK)
		rc = cli->wants_json ? print_json(cli, &report, err)
		                     : print_report(cli, &report, err);
	rb_show_report_release(&report);
	rb_store_close(&store);
	return rc;
}

const struct rb_cli_command rb_cmd_show = {
        .name = "show",
        .summary = "show what a backup holds and what changed in it",
        .description =
                "Shows one backup: its tables with rows and sizes, and what changed against the "
                "backup before it, as numbers of rows added, updated and deleted, or with --rows "
                "row by row.\n\n"
                "  rowback -C /srv/backups/app show latest~1\n"
                "  rowback -C /srv/backups/app show --at yesterday --rows --table tasks",
        .opts = opts,
        .args = args,
        .needs = RB_CLI_NEEDS_STORE,
        .values_size = sizeof(struct show_opts),
        .defaults = &defaults,
        .run = run,
};
