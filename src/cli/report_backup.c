/*
 * How a backup, an export or a sync went: for people and for programs.
 */
#include <string.h>

#include "cmd_priv.h"
#include "rowback/base/time.h"
#include "rowback/ops/backup.h"

static json_t *sources_json(const struct rb_backup_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->source_count; i++) {
		const struct rb_source_report *source = &report->sources[i];
		json_t *doc = json_pack("{s:o, s:b, s:I, s:I, s:I, s:b, s:o}", "name",
		                        rb_cmd_text_json(source->name), "read", source->was_read,
		                        "rows", (json_int_t)source->rows, "proved_rows",
		                        (json_int_t)source->rows_proved, "bytes",
		                        (json_int_t)source->bytes, "incomplete", source->incomplete,
		                        "remarks", rb_cmd_remarks_json(source->remarks));

		if (json_array_append_new(list, doc) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *push_json(const struct rb_backup_report *report)
{
	const struct rb_push_report *push = &report->push;

	if (!push->has_remote)
		return json_null();
	return json_pack("{s:o, s:b, s:I, s:I}", "remote", rb_cmd_text_json(push->url), "confirmed",
	                 push->confirmed, "bytes_sent", (json_int_t)push->bytes_sent, "commits",
	                 (json_int_t)push->commits);
}

static json_t *code_json(const struct rb_backup_report *report)
{
	const struct rb_app_state *code = &report->code;

	if (!*code->commit)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:b}", "commit", code->commit, "branch",
	                 rb_cmd_text_json(code->branch), "subject", rb_cmd_text_json(code->subject),
	                 "clean", code->is_clean);
}

static int print_json(const struct rb_cli *cli, const struct rb_backup_report *report,
                      struct rb_err *err)
{
	json_t *doc = json_pack(
	        "{s:s, s:o, s:o, s:b, s:b, s:b, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:o, "
	        "s:o, s:o, s:o}",
	        "message_type", cli->command->name, "id",
	        rb_cmd_text_json(*report->id ? report->id : NULL), "commit",
	        rb_cmd_oid_json(&report->commit), "committed", report->committed, "dry_run",
	        cli->is_dry_run, "pushed", report->pushed, "rows", (json_int_t)report->rows,
	        "tables", (json_int_t)report->table_count, "changed",
	        rb_cmd_counts_json(&report->changes.total), "changes",
	        rb_cmd_changes_json(&report->changes), "sources", sources_json(report),
	        "bytes_added", (json_int_t)report->pack.bytes_written, "objects_added",
	        (json_int_t)report->pack.objects_written, "push", push_json(report), "code",
	        code_json(report), "code_problem", rb_cmd_text_json(report->code_problem),
	        "data_backup", rb_cmd_text_json(*report->data_id ? report->data_id : NULL));

	return rb_cmd_print_json(cli, doc, err);
}

static void print_sources(const struct rb_cli *cli, const struct rb_backup_report *report)
{
	for (size_t i = 0; i < report->source_count; i++) {
		const struct rb_source_report *source = &report->sources[i];
		char rows[RB_OUT_COUNT_SIZE];
		char proved[RB_OUT_COUNT_SIZE];
		char bytes[RB_OUT_BYTES_SIZE];

		rb_out_count(source->rows, rows);
		rb_out_bytes(source->bytes, bytes);
		rb_out_count(source->rows_proved, proved);
		if (source->was_read && source->rows_proved > 0)
			rb_out_printf(&cli->out,
			              "%s: %s rows, %s proved unchanged by the server's digests, "
			              "%s read\n",
			              source->name, rows, proved, bytes);
		else if (source->was_read)
			rb_out_printf(&cli->out, "%s: %s rows read, %s\n", source->name, rows,
			              bytes);
		else
			rb_out_printf(&cli->out, "%s: not written since it was read last\n",
			              source->name);
	}
}

static void print_commit(const struct rb_cli *cli, const struct rb_backup_report *report)
{
	const struct rb_out *out = &cli->out;
	char counts[RB_CMD_COUNTS_SIZE];
	char bytes[RB_OUT_BYTES_SIZE];

	rb_cmd_counts_text(&report->changes.total, counts);
	rb_out_bytes(report->pack.bytes_written, bytes);
	if (cli->is_dry_run)
		rb_out_printf(out, "would back up %s%s\n", *counts ? counts : "nothing new",
		              *counts ? " rows" : "");
	else if (report->committed)
		rb_out_printf(out, "%sbackup %s%s: %s%s in %zu of %zu tables, %s added\n",
		              rb_out_style(out, RB_OUT_GREEN), report->id,
		              rb_out_style(out, RB_OUT_PLAIN), *counts ? counts : "no",
		              *counts ? " rows" : " rows changed", report->changes.count,
		              report->table_count, bytes);
	else if (*report->id)
		rb_out_printf(out, "nothing changed since backup %s\n", report->id);
}

/* "fix the importer (master, dirty)" */
static int print_commit_of_code(const struct rb_cli *cli, const struct rb_app_state *code,
                                struct rb_err *err)
{
	int rc = rb_cmd_print_text(cli, code->subject, err);

	rb_out_printf(&cli->out, " (%s%s)\n", code->branch, code->is_clean ? "" : ", dirty");
	return rc;
}

/* The code that was recorded. */
static int print_code(const struct rb_cli *cli, const struct rb_backup_report *report,
                      struct rb_err *err)
{
	const struct rb_app_state *code = &report->code;

	if (!*code->commit || !(report->committed || (cli->is_dry_run && report->code_moved)))
		return RB_OK;
	rb_out_printf(&cli->out, "code: %.7s ", code->commit);
	return print_commit_of_code(cli, code, err);
}

/* What a quick one is, and plainly what it is not. */
static int print_quick(const struct rb_cli *cli, const struct rb_backup_report *report,
                       struct rb_err *err)
{
	const struct rb_out *out = &cli->out;
	char ago[32];
	int rc;

	rb_time_format_ago(report->data_taken_at_unix_s, rb_time_now_unix_s(), ago, sizeof(ago));
	if (cli->is_dry_run)
		rb_out_printf(out, "would record code commit %.7s: ", report->code.commit);
	else
		rb_out_printf(out, "%squick backup %s%s: code commit %.7s recorded: ",
		              rb_out_style(out, RB_OUT_GREEN), report->id,
		              rb_out_style(out, RB_OUT_PLAIN), report->code.commit);
	rc = print_commit_of_code(cli, &report->code, err);
	rb_out_printf(out, "it protects no data: the data is that of backup %s, taken %s\n",
	              report->data_id, ago);
	return rc;
}

static void print_push(const struct rb_cli *cli, const struct rb_backup_report *report)
{
	const struct rb_push_report *push = &report->push;
	char bytes[RB_OUT_BYTES_SIZE];

	if (!report->pushed)
		return;
	rb_out_bytes(push->bytes_sent, bytes);
	if (push->commits > 0)
		rb_out_printf(&cli->out, "backed up: %s has it (%s sent)\n", push->url, bytes);
	else
		rb_out_printf(&cli->out, "backed up: %s has it\n", push->url);
}

int rb_cmd_print_backup(const struct rb_cli *cli, const struct rb_backup_report *report,
                        struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; i < report->source_count; i++)
		rb_cmd_log_remarks(report->sources[i].remarks, "not exported: ");
	if (cli->wants_json)
		return print_json(cli, report, err);
	if (cli->is_quiet)
		return RB_OK;
	if (*report->data_id) {
		rc = print_quick(cli, report, err);
		print_push(cli, report);
		return rc;
	}
	print_sources(cli, report);
	print_commit(cli, report);
	rc = print_code(cli, report, err);
	if (rc == RB_OK && (report->committed || cli->is_dry_run))
		rc = rb_cmd_changes_table(cli, &report->changes, err);
	print_push(cli, report);
	return rc;
}

void rb_cmd_tell_backup(struct rb_cli *cli, const struct rb_backup_report *report)
{
	const char *pushed = report->pushed ? ", pushed" : "";
	char counts[RB_CMD_COUNTS_SIZE];
	char rows[RB_OUT_COUNT_SIZE];

	rb_cmd_counts_text(&report->changes.total, counts);
	rb_out_count(report->rows, rows);
	cli->did_nothing = *report->id && !report->committed && report->push.commits == 0;
	if (*report->data_id)
		rb_cmd_tell(cli, report->id, "code commit %.7s, the data is that of %s%s",
		            report->code.commit, report->data_id, pushed);
	else if (report->committed)
		rb_cmd_tell(cli, report->id, "%s rows in %zu of %zu tables%s",
		            *counts ? counts : "no", report->changes.count, report->table_count,
		            pushed);
	else if (*report->id)
		rb_cmd_tell(cli, report->id, "nothing changed%s", pushed);
	else
		rb_cmd_tell(cli, NULL, "%s rows in the working tree", rows);
}
