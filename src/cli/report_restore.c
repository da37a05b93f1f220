/*
 * What a restore will do and how it went: for people and for programs.
 */
#include <stdio.h>
#include <string.h>

#include "cmd_priv.h"
#include "rowback/ops/restore.h"

/* Bytes of the names of columns in a line of a plan; --json has all of them. */
#define LEFT_OUT_MAX 200

static const char *const action_names[] = {"keep", "create", "recreate", "drop"};
static const char *const action_words[] = {"", "new table", "made anew: defined otherwise",
                                           "dropped: not in the backup"};

json_t *rb_cmd_plan_tables_json(const struct rb_restore_plan *plan)
{
	json_t *list = json_array();

	for (size_t i = 0; i < plan->table_count; i++) {
		const struct rb_plan_table *table = &plan->tables[i];
		json_t *doc = json_pack(
		        "{s:o, s:s, s:I, s:I, s:I, s:I, s:o}", "table",
		        rb_cmd_text_json(table->name), "action", action_names[table->action],
		        "insert", (json_int_t)table->rows.inserted, "update",
		        (json_int_t)table->rows.updated, "delete", (json_int_t)table->rows.deleted,
		        "conflicts", (json_int_t)table->conflicts, "left_out",
		        rb_cmd_text_json(table->left_out));

		if (json_array_append_new(list, doc) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* Remarks as a list of {"object": ..., what: ...}; [] for none. */
static json_t *list_json(const struct rb_catalog *catalog, const char *what)
{
	json_t *list = json_array();

	for (size_t i = 0; catalog && i < catalog->remark_count; i++) {
		const struct rb_remark *remark = &catalog->remarks[i];
		json_t *doc = json_pack("{s:o, s:o}", "object", rb_cmd_text_json(remark->object),
		                        what, rb_cmd_text_json(remark->what));

		if (json_array_append_new(list, doc) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* What is otherwise in another engine, a line for each. */
static int print_converted(const struct rb_cli *cli, const struct rb_restore_report *report,
                           struct rb_err *err)
{
	static const struct rb_out_column columns[] = {{.title = "in the other engine"},
	                                               {.title = ""}};
	const struct rb_catalog *converted = report->converted;
	struct rb_out_table table = RB_OUT_TABLE(columns);
	int rc = RB_OK;

	for (size_t i = 0; converted && rc == RB_OK && i < converted->remark_count; i++) {
		const struct rb_out_cell cells[] = {{.text = converted->remarks[i].object},
		                                    {.text = converted->remarks[i].what}};

		rc = rb_out_table_add(&table, cells, err);
	}
	if (rc == RB_OK && converted && converted->remark_count > 0)
		rb_out_table_print(&table, &cli->out);
	rb_out_table_release(&table);
	return rc;
}

/* What the report says of definitions; NULL: nothing. */
static const char *definitions_text(const struct rb_restore_report *report)
{
	static const char *const texts[] = {
	        [RB_DEFINITIONS_NONE] = NULL,
	        [RB_DEFINITIONS_COMPARED] = "compared",
	        [RB_DEFINITIONS_DIFFER] = "differ",
	        [RB_DEFINITIONS_NOT_COMPARED] = "not compared",
	};

	return texts[report->definitions];
}

static int print_json(const struct rb_cli *cli, const struct rb_restore_report *report,
                      struct rb_err *err)
{
	const struct rb_restore_plan *plan = &report->plan;

	return rb_cmd_print_json(
	        cli,
	        json_pack("{s:s, s:s, s:o, s:o, s:b, s:b, s:b, s:b, s:b, s:I, s:o, s:o, s:o, "
	                  "s:I, s:I, s:o, s:o, s:o, s:o}",
	                  "message_type", "restore", "backup", report->backup_id, "target",
	                  rb_cmd_text_json(report->target), "safety_backup",
	                  rb_cmd_text_json(*report->safety_id ? report->safety_id : NULL),
	                  "dry_run", cli->is_dry_run, "into_new", plan->into_new, "declined",
	                  report->declined, "written", report->written, "verified",
	                  report->verified, "rows_compared", (json_int_t)report->rows,
	                  "definitions", rb_cmd_text_json(definitions_text(report)),
	                  "definitions_why", rb_cmd_text_json(report->definitions_why),
	                  "differences", list_json(report->differences, "difference"), "conflicts",
	                  (json_int_t)plan->conflicts, "objects_changed",
	                  (json_int_t)plan->objects_changed, "changed",
	                  rb_cmd_counts_json(&plan->total), "tables", rb_cmd_plan_tables_json(plan),
	                  "remarks", rb_cmd_remarks_json(report->remarks), "converted",
	                  list_json(report->converted, "change")),
	        err);
}

int rb_cmd_print_plan(const struct rb_cli *cli, const struct rb_restore_plan *plan,
                      struct rb_err *err)
{
	static const struct rb_out_column columns[] = {
	        {.title = "table"},
	        {.title = "insert", .is_number = true},
	        {.title = "update", .is_number = true},
	        {.title = "delete", .is_number = true},
	        {.title = "conflicts", .is_number = true},
	        {.title = ""},
	        {.title = ""},
	};
	struct rb_out_table table = RB_OUT_TABLE(columns);
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < plan->table_count; i++) {
		const struct rb_plan_table *entry = &plan->tables[i];
		char numbers[4][RB_OUT_COUNT_SIZE];
		char left_out[LEFT_OUT_MAX] = "";

		if (entry->left_out)
			snprintf(left_out, sizeof(left_out), "not in the backup: %s",
			         entry->left_out);
		rb_out_count(entry->rows.inserted, numbers[0]);
		rb_out_count(entry->rows.updated, numbers[1]);
		rb_out_count(entry->rows.deleted, numbers[2]);
		rb_out_count(entry->conflicts, numbers[3]);
		{
			const struct rb_out_cell cells[] = {
			        {.text = entry->name}, {.text = numbers[0]},
			        {.text = numbers[1]},  {.text = numbers[2]},
			        {.text = numbers[3]},  {.text = action_words[entry->action]},
			        {.text = left_out}};

			rc = rb_out_table_add(&table, cells, err);
		}
	}
	if (rc == RB_OK)
		rb_out_table_print(&table, &cli->out);
	if (plan->objects_changed > 0)
		rb_out_printf(&cli->out, "other definitions and settings to change: %zu\n",
		              plan->objects_changed);
	rb_out_table_release(&table);
	return rc;
}

static void print_outcome(const struct rb_cli *cli, const struct rb_restore_report *report)
{
	const struct rb_out *out = &cli->out;
	const struct rb_restore_plan *plan = &report->plan;
	char counts[RB_CMD_COUNTS_SIZE];
	char rows[RB_OUT_COUNT_SIZE];

	rb_cmd_counts_text(&plan->total, counts);
	rb_out_count(report->rows, rows);
	if (*report->safety_id && !report->declined)
		rb_out_printf(out, "safety backup: %s\n", report->safety_id);
	if (plan->table_count == 0 && plan->objects_changed == 0)
		rb_out_printf(out, "nothing to restore: %s holds backup %s already\n",
		              report->target, report->backup_id);
	else if (cli->is_dry_run)
		rb_out_printf(out, "dry run: nothing was written to %s\n", report->target);
	if (!report->written)
		return;
	rb_out_printf(out, "%srestored%s backup %s to %s: %s rows\n",
	              rb_out_style(out, RB_OUT_GREEN), rb_out_style(out, RB_OUT_PLAIN),
	              report->backup_id, report->target, *counts ? counts : "no");
	if (report->verified && report->converted)
		rb_out_printf(
		        out, "verified: %s rows read back and compared, with %zu changes of type\n",
		        rows, report->types_changed);
	else if (report->verified)
		rb_out_printf(out, "verified: exported again and compared, %s rows\n", rows);
	if (report->definitions_why)
		rb_out_printf(out, "definitions: %s: %s\n", definitions_text(report),
		              report->definitions_why);
	else if (definitions_text(report))
		rb_out_printf(out, "definitions: %s\n", definitions_text(report));
	if (*report->safety_id)
		rb_out_printf(out, "undo it with: rowback restore %s\n", report->safety_id);
}

int rb_cmd_print_restore(const struct rb_cli *cli, const struct rb_restore_report *report,
                         bool with_plan, struct rb_err *err)
{
	int rc = RB_OK;

	rb_cmd_log_remarks(report->remarks, "not restored: ");
	rb_cmd_log_remarks(report->differences, "not compared: ");
	if (cli->wants_json)
		return print_json(cli, report, err);
	if (cli->is_quiet)
		return RB_OK;
	if (with_plan || cli->is_dry_run || report->plan.into_new)
		rc = rb_cmd_print_plan(cli, &report->plan, err);
	if (rc == RB_OK)
		rc = print_converted(cli, report, err);
	if (rc == RB_OK)
		print_outcome(cli, report);
	return rc;
}

void rb_cmd_tell_restore(struct rb_cli *cli, const struct rb_restore_report *report)
{
	char counts[RB_CMD_COUNTS_SIZE];

	rb_cmd_counts_text(&report->plan.total, counts);
	cli->did_nothing = !report->written;
	if (!report->target)
		rb_cmd_tell(cli, report->backup_id, "%s", "");
	else if (!report->written)
		rb_cmd_tell(cli, report->backup_id, "nothing to restore: %s holds it already",
		            report->target);
	else
		rb_cmd_tell(cli, report->backup_id, "%s rows in %s%s%s", *counts ? counts : "no",
		            report->target, *report->safety_id ? ", safety backup " : "",
		            report->safety_id);
}
