/*
 * See cmd_priv.h: what the commands share.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_priv.h"
#include "rowback/ops/history.h"
#include "rowback/ops/record.h"
#include "rowback/value/json.h"

int rb_cmd_open_store(const struct rb_cli *cli, struct rb_store *store, struct rb_err *err)
{
	bool locks = (cli->command->needs & RB_CLI_NEEDS_LOCK) != 0;
	const struct rb_store_opts opts = {.dir = cli->dir,
	                                   .config_file = cli->config_file,
	                                   .command = locks ? cli->command->name : NULL,
	                                   .lock_wait_ms = cli->lock_wait_s * 1000};
	struct rb_err why = {0};

	int rc = rb_store_open(&opts, store, err);

	if (rc == RB_OK && locks && !cli->is_dry_run &&
	    rb_record_config(store, cli->config_file, &why) < 0)
		rb_log(RB_LOG_WARN, "changes of the configuration were not recorded: %s", why.msg);
	return rc;
}

void rb_cmd_tell(struct rb_cli *cli, const char *backup_id, const char *fmt, ...)
{
	va_list ap;

	snprintf(cli->backup_id, sizeof(cli->backup_id), "%s", backup_id ? backup_id : "");
	va_start(ap, fmt);
	vsnprintf(cli->detail, sizeof(cli->detail), fmt, ap);
	va_end(ap);
}

const char *const *rb_cmd_names(const struct rb_cli_list *list)
{
	return list->count ? (const char *const *)list->items : NULL;
}

int rb_cmd_print_text(const struct rb_cli *cli, const char *text, struct rb_err *err)
{
	struct rb_buf escaped = RB_BUF((size_t)1 << 28);
	int rc = rb_out_escape(text, strlen(text), &escaped, err);

	if (rc == RB_OK)
		rb_out_printf(&cli->out, "%s", rb_buf_str(&escaped));
	rb_buf_release(&escaped);
	return rc;
}

void rb_cmd_counts_text(const struct rb_row_counts *counts, char text[RB_CMD_COUNTS_SIZE])
{
	const struct {
		char sign;
		uint64_t n;
	} parts[] = {{'+', counts->inserted}, {'~', counts->updated}, {'-', counts->deleted}};
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char number[RB_OUT_COUNT_SIZE];
		int put;

		if (parts[i].n == 0)
			continue;
		rb_out_count(parts[i].n, number);
		put = snprintf(text + used, RB_CMD_COUNTS_SIZE - used, "%s%c%s", used ? " " : "",
		               parts[i].sign, number);
		used += put > 0 ? (size_t)put : 0;
	}
}

json_t *rb_cmd_counts_json(const struct rb_row_counts *counts)
{
	return json_pack("{s:I, s:I, s:I}", "inserted", (json_int_t)counts->inserted, "updated",
	                 (json_int_t)counts->updated, "deleted", (json_int_t)counts->deleted);
}

json_t *rb_cmd_text_json(const char *text)
{
	return text ? rb_json_bytes(text, strlen(text)) : json_null();
}

json_t *rb_cmd_oid_json(const struct rb_oid *oid)
{
	char hex[RB_OID_HEX_SIZE];

	if (rb_oid_is_none(oid))
		return json_null();
	rb_oid_hex(oid, hex);
	return json_string(hex);
}

json_t *rb_cmd_changes_json(const struct rb_changes *changes)
{
	json_t *list = json_array();

	for (size_t i = 0; i < changes->count; i++) {
		const struct rb_table_change *change = &changes->items[i];
		json_t *doc = json_pack(
		        "{s:o, s:o, s:I, s:I, s:I, s:b, s:b, s:b}", "source",
		        rb_cmd_text_json(change->source), "table", rb_cmd_text_json(change->table),
		        "inserted", (json_int_t)change->inserted, "updated",
		        (json_int_t)change->updated, "deleted", (json_int_t)change->deleted,
		        "definition_changed", change->schema_changed, "created", change->created,
		        "dropped", change->dropped);

		if (json_array_append_new(list, doc) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

json_t *rb_cmd_remarks_json(const struct rb_catalog *catalog)
{
	json_t *list = json_array();

	for (size_t i = 0; catalog && i < catalog->remark_count; i++) {
		const struct rb_remark *remark = &catalog->remarks[i];
		json_t *doc = json_pack(
		        "{s:o, s:o, s:b}", "object", rb_cmd_text_json(remark->object), "remark",
		        rb_cmd_text_json(remark->what), "incomplete", remark->incomplete);

		if (json_array_append_new(list, doc) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

void rb_cmd_log_remarks(const struct rb_catalog *catalog, const char *lost)
{
	for (size_t i = 0; catalog && i < catalog->remark_count; i++) {
		const struct rb_remark *remark = &catalog->remarks[i];

		rb_log(RB_LOG_WARN, "%s%s: %s", remark->incomplete ? lost : "", remark->object,
		       remark->what);
	}
}

int rb_cmd_print_json(const struct rb_cli *cli, json_t *doc, struct rb_err *err)
{
	int rc = doc ? rb_out_json(&cli->out, doc, err)
	             : rb_err_set(err, RB_E_NOMEM, "no memory for a report");

	json_decref(doc);
	return rc;
}

int rb_cmd_changes_table(const struct rb_cli *cli, const struct rb_changes *changes,
                         struct rb_err *err)
{
	static const struct rb_out_column columns[] = {
	        {.title = "table"},
	        {.title = "added", .is_number = true},
	        {.title = "changed", .is_number = true},
	        {.title = "removed", .is_number = true},
	        {.title = ""},
	};
	struct rb_out_table table = RB_OUT_TABLE(columns);
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < changes->count; i++) {
		const struct rb_table_change *change = &changes->items[i];
		struct rb_buf name = RB_BUF((size_t)1 << 20);
		char numbers[3][RB_OUT_COUNT_SIZE];
		const char *what = change->created          ? "new table"
		                   : change->dropped        ? "table dropped"
		                   : change->schema_changed ? "definition changed"
		                                            : "";

		rb_out_count(change->inserted, numbers[0]);
		rb_out_count(change->updated, numbers[1]);
		rb_out_count(change->deleted, numbers[2]);
		rc = rb_buf_addf(&name, err, "%s/%s", change->source, change->table);
		if (rc == RB_OK) {
			const struct rb_out_cell cells[] = {{.text = rb_buf_str(&name)},
			                                    {.text = numbers[0]},
			                                    {.text = numbers[1]},
			                                    {.text = numbers[2]},
			                                    {.text = what}};

			rc = rb_out_table_add(&table, cells, err);
		}
		rb_buf_release(&name);
	}
	if (rc == RB_OK)
		rb_out_table_print(&table, &cli->out);
	if (changes->others > 0)
		rb_out_printf(&cli->out, "other definitions and settings that differ: %zu\n",
		              changes->others);
	rb_out_table_release(&table);
	return rc;
}

int rb_cmd_print_row_json(const struct rb_cli *cli, const char *table, const struct rb_row *old_row,
                          const struct rb_row *new_row, struct rb_err *err)
{
	json_t *name = rb_cmd_text_json(table);
	struct rb_buf text = RB_BUF((size_t)1 << 28);
	int rc = name ? rb_json_dump_line(name, &text, err)
	              : rb_err_set(err, RB_E_NOMEM, "no memory for a row");

	if (rc == RB_OK)
		rb_out_printf(
		        &cli->out, "\"table\":%s,\"old\":%.*s,\"new\":%.*s}\n", rb_buf_str(&text),
		        old_row ? (int)old_row->line_len : 4, old_row ? old_row->line : "null",
		        new_row ? (int)new_row->line_len : 4, new_row ? new_row->line : "null");
	rb_buf_release(&text);
	json_decref(name);
	return rc;
}

json_t *rb_cmd_code_json(const struct rb_message *message)
{
	if (!message->code_commit)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "commit",
	                 rb_cmd_text_json(message->code_commit), "deployed",
	                 rb_cmd_text_json(message->code_deployed ? message->code_deployed
	                                                         : message->code_commit),
	                 "branch", rb_cmd_text_json(message->code_branch), "subject",
	                 rb_cmd_text_json(message->code_subject), "state",
	                 rb_cmd_text_json(message->code_state));
}

bool rb_cmd_bytes_added(const struct rb_message *message, uint64_t *out)
{
	const char *text = message->bytes_added;
	size_t len = text ? strspn(text, "0123456789") : 0;

	/* 18 digits are an exabyte, and fit; what is longer is nobody's size. */
	if (len == 0 || len > 18 || text[len])
		return false;
	*out = strtoull(text, NULL, 10);
	return true;
}

json_t *rb_cmd_bytes_json(const struct rb_message *message)
{
	uint64_t bytes;

	return rb_cmd_bytes_added(message, &bytes) ? json_integer((json_int_t)bytes) : json_null();
}
