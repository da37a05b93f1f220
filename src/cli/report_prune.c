/*
 * What a prune takes out, for people and for programs.
 */
#include <stdio.h>

#include "cmd_priv.h"
#include "rowback/base/time.h"
#include "rowback/ops/prune.h"

static json_t *bytes_json(bool known, uint64_t bytes)
{
	return known ? json_integer((json_int_t)bytes) : json_null();
}

static json_t *entry_json(const struct rb_backup_entry *entry, const struct rb_retention_item *item)
{
	char when[21];

	rb_time_format_iso(item->time_unix_s, when);
	return json_pack("{s:o, s:s, s:s, s:o, s:b, s:o, s:b, s:b, s:o}", "id",
	                 rb_cmd_text_json(entry->message.id), "time", when, "kind",
	                 rb_retention_kind_name(item->kind), "label",
	                 rb_cmd_text_json(entry->message.label), "keep", item->keep, "why",
	                 item->keep ? rb_cmd_text_json(item->why) : json_null(), "pinned",
	                 item->pinned, "pushed", item->pushed, "bytes",
	                 rb_cmd_bytes_json(&entry->message));
}

static int print_json(const struct rb_cli *cli, const struct rb_prune_report *report,
                      struct rb_err *err)
{
	json_t *backups = json_array();

	for (size_t i = 0; i < report->list.count; i++)
		json_array_append_new(backups,
		                      entry_json(&report->list.items[i], &report->items[i]));
	return rb_cmd_print_json(cli,
	                         json_pack("{s:s, s:b, s:I, s:I, s:o, s:I, s:o, s:b, s:o}",
	                                   "message_type", cli->command->name, "done", report->done,
	                                   "kept",
	                                   (json_int_t)(report->list.count - report->removed),
	                                   "removed", (json_int_t)report->removed, "bytes",
	                                   bytes_json(report->bytes_known, report->bytes),
	                                   "rewritten", (json_int_t)report->rewritten, "trash",
	                                   rb_cmd_text_json(report->done ? report->trash : NULL),
	                                   "pushed", report->pushed, "backups", backups),
	                         err);
}

static int add_row(struct rb_out_table *table, const struct rb_backup_entry *entry,
                   const struct rb_retention_item *item, struct rb_err *err)
{
	uint64_t bytes;
	char size[RB_OUT_BYTES_SIZE] = "-";
	char ago[32];

	rb_time_format_ago(item->time_unix_s, rb_time_now_unix_s(), ago, sizeof(ago));
	if (rb_cmd_bytes_added(&entry->message, &bytes))
		rb_out_bytes(bytes, size);
	{
		const struct rb_out_cell cells[] = {
		        {.text = entry->message.id, .style = RB_OUT_YELLOW},
		        {.text = ago},
		        {.text = rb_retention_kind_name(item->kind)},
		        {.text = size},
		        {.text = item->keep ? "stays" : "goes",
		         .style = item->keep ? RB_OUT_GREEN : RB_OUT_RED},
		        {.text = item->why},
		        {.text = entry->message.label},
		};

		return rb_out_table_add(table, cells, err);
	}
}

static int print_table(const struct rb_cli *cli, const struct rb_prune_report *report,
                       struct rb_err *err)
{
	static const struct rb_out_column columns[] = {
	        {.title = "backup"},
	        {.title = "taken"},
	        {.title = "kind"},
	        {.title = "size", .is_number = true},
	        {.title = ""},
	        {.title = "why"},
	        {.title = "label", .may_hide = true},
	};
	struct rb_out_table table = RB_OUT_TABLE(columns);
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < report->list.count; i++)
		rc = add_row(&table, &report->list.items[i], &report->items[i], err);
	if (rc == RB_OK)
		rb_out_table_print(&table, &cli->out);
	rb_out_table_release(&table);
	return rc;
}

void rb_cmd_print_pushed(const struct rb_cli *cli, const struct rb_push_report *push, bool pushed)
{
	if (pushed)
		rb_out_printf(&cli->out, "%s has it\n", push->url);
	else if (push->has_remote)
		rb_out_printf(&cli->out,
		              "the remote has not got it yet: the next push brings it\n");
}

int rb_cmd_print_prune(const struct rb_cli *cli, const struct rb_prune_report *report, bool pushes,
                       struct rb_err *err)
{
	const struct rb_out *out = &cli->out;
	size_t kept = report->list.count - report->removed;
	char bytes[RB_OUT_BYTES_SIZE];
	char about[RB_OUT_BYTES_SIZE + 16] = "";
	int rc = RB_OK;

	if (cli->wants_json)
		return print_json(cli, report, err);
	if (!cli->is_quiet)
		rc = print_table(cli, report, err);
	if (report->bytes_known) {
		rb_out_bytes(report->bytes, bytes);
		snprintf(about, sizeof(about), ", about %s", bytes);
	}
	if (rc < 0)
		return rc;
	if (report->removed == 0) {
		rb_out_printf(out, "all %zu backups stay\n", kept);
	} else if (report->done) {
		rb_out_printf(out, "%zu backup%s removed%s; %zu kept\n", report->removed,
		              report->removed == 1 ? "" : "s", about, kept);
		rb_out_printf(out,
		              "the history before lies in %s%s: 'rowback prune --undo' puts "
		              "it back\n",
		              RB_TRASH_PREFIX, report->trash);
		if (pushes)
			rb_cmd_print_pushed(cli, &report->push, report->pushed);
	} else {
		rb_out_printf(out, "%zu backup%s would be removed%s; %zu would stay\n",
		              report->removed, report->removed == 1 ? "" : "s", about, kept);
		rb_out_printf(out, "nothing was changed: --confirm does it\n");
	}
	return RB_OK;
}

void rb_cmd_tell_prune(struct rb_cli *cli, const struct rb_prune_report *report)
{
	const char *id = NULL;

	/* Of one backup that goes the record has the id. */
	for (size_t i = 0; report->items && report->removed == 1 && i < report->list.count; i++) {
		if (!report->items[i].keep)
			id = report->list.items[i].message.id;
	}
	cli->did_nothing = !report->done;
	rb_cmd_tell(cli, id, "%zu of %zu backups removed%s", report->done ? report->removed : 0,
	            report->list.count, report->pushed ? ", pushed" : "");
}
