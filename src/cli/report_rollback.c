/*
 * What a rollback will do and how it went: for people and for programs.
 */
#include <string.h>

#include "cmd_priv.h"
#include "report_rollback_priv.h"

static const char *const code_names[] = {"stays", "commit", "forward", "reset"};
static const char *const part_names[] = {"data", "code", "remote", "command"};
static const char *const part_titles[] = {"data", "code here", "code on the remote", "command"};
static const char *const state_names[] = {"none", "as-was", "done", "taken-back", "stuck"};
static const char *const state_words[] = {"takes no part", "not changed", "rolled back",
                                          "taken back", "NOT TAKEN BACK"};

static const char *words_of(size_t part, enum rb_part_state state)
{
	if (part == RB_PART_COMMAND && state == RB_PART_DONE)
		return "run";
	if (part == RB_PART_COMMAND && state == RB_PART_AS_WAS)
		return "not run";
	if (part == RB_PART_COMMAND && state == RB_PART_BACK)
		return "run again";
	return state_words[state];
}

static json_t *code_json(const struct rb_rollback_plan *plan)
{
	if (!plan->app_dir)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o, s:s, s:o, s:s, s:o, s:I}", "way",
	                 code_names[plan->code], "path", rb_cmd_text_json(plan->app_dir), "branch",
	                 rb_cmd_text_json(plan->branch), "remote", rb_cmd_text_json(plan->remote),
	                 "from", plan->from.oid, "from_subject",
	                 rb_cmd_text_json(plan->from.subject), "to", plan->to.oid, "to_subject",
	                 rb_cmd_text_json(plan->to.subject), "commits_undone",
	                 (json_int_t)plan->commits_undone);
}

static json_t *data_json(const struct rb_rollback_plan *plan)
{
	json_t *list = json_array();

	for (size_t i = 0; i < plan->source_count; i++) {
		const struct rb_rollback_source *source = &plan->sources[i];
		json_t *doc = json_pack(
		        "{s:o, s:o, s:o, s:I, s:o}", "source", rb_cmd_text_json(source->name),
		        "target", rb_cmd_text_json(source->report.target), "changed",
		        rb_cmd_counts_json(&source->report.plan.total), "objects_changed",
		        (json_int_t)source->report.plan.objects_changed, "tables",
		        rb_cmd_plan_tables_json(&source->report.plan));

		if (json_array_append_new(list, doc) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *parts_json(const struct rb_rollback_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < RB_PART_COUNT; i++) {
		const struct rb_part *part = &report->parts[i];
		json_t *doc = json_pack("{s:s, s:s, s:o, s:o}", "part", part_names[i], "state",
		                        state_names[part->state], "detail",
		                        rb_cmd_text_json(part->detail), "by_hand",
		                        rb_cmd_text_json(part->by_hand));

		if (json_array_append_new(list, doc) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int print_json(const struct rb_cli *cli, const struct rb_rollback_report *report,
                      struct rb_err *err)
{
	const struct rb_rollback_plan *plan = &report->plan;
	json_t *doc = json_pack(
	        "{s:s, s:b, s:b, s:o, s:o, s:b, s:b, s:b, s:b, s:b, s:o, s:b, s:b, s:b, s:o, s:o, "
	        "s:o, s:o, s:o}",
	        "message_type", "rollback", "undo", plan->is_undo, "unfinished",
	        plan->is_unfinished, "backup", rb_cmd_text_json(plan->backup_id), "kind",
	        rb_cmd_text_json(plan->kind), "dry_run", cli->is_dry_run, "declined",
	        report->declined, "nothing", report->nothing, "done", report->done, "taken_back",
	        report->taken_back, "safety_backup",
	        rb_cmd_text_json(*report->safety_id ? report->safety_id : NULL), "safety_pushed",
	        report->safety_pushed, "recorded", report->recorded, "record_pushed",
	        report->record_pushed, "code", code_json(plan), "data", data_json(plan), "command",
	        rb_cmd_text_json(plan->run), "confirm", rb_cmd_text_json(plan->name), "parts",
	        parts_json(report));

	return rb_cmd_print_json(cli, doc, err);
}

static int print_code(const struct rb_cli *cli, const struct rb_rollback_plan *plan,
                      struct rb_err *err)
{
	struct rb_buf text = RB_BUF((size_t)64 << 10);
	char count[RB_OUT_COUNT_SIZE];
	int rc;

	if (!plan->app_dir) {
		rb_out_printf(&cli->out, "code:    %s\n",
		              plan->code_configured ? "stays as it is"
		                                    : "stays as it is: no app repository is set "
		                                      "(app.path), this is about data only");
		return RB_OK;
	}
	rb_out_count(plan->commits_undone, count);
	rc = rb_buf_addf(&text, err, "code:    branch '%s' of %s", plan->branch, plan->app_dir);
	if (rc == RB_OK && plan->code == RB_CODE_STAYS)
		rc = rb_buf_addf(&text, err, "\n         stays: it is as in %s '%s'\n",
		                 plan->to.brief, plan->to.subject);
	else if (rc == RB_OK)
		rc = rb_buf_addf(
		        &text, err,
		        "\n         from %s '%s'\n         to   %s '%s'\n         %s commit%s "
		        "undone, by %s\n",
		        plan->from.brief, plan->from.subject, plan->to.brief, plan->to.subject,
		        count, plan->commits_undone == 1 ? "" : "s",
		        plan->code == RB_CODE_COMMIT    ? "a new commit on top"
		        : plan->code == RB_CODE_FORWARD ? "moving on to it"
		                                        : "setting the branch back");
	if (rc == RB_OK && plan->code != RB_CODE_STAYS)
		rc = plan->remote
		             ? rb_buf_addf(&text, err, "         pushed to '%s'%s\n", plan->remote,
		                           plan->code == RB_CODE_RESET ? " with --force-with-lease"
		                                                       : "")
		             : rb_buf_adds(&text, "         not pushed: it has no remote\n", err);
	for (const char *line = rb_buf_str(&text); rc == RB_OK && *line;) {
		size_t len = strcspn(line, "\n");
		struct rb_buf shown = RB_BUF((size_t)256 << 10);

		rc = rb_out_escape(line, len, &shown, err);
		if (rc == RB_OK)
			rb_out_printf(&cli->out, "%s\n", rb_buf_str(&shown));
		rb_buf_release(&shown);
		line += len + (line[len] == '\n');
	}
	rb_buf_release(&text);
	return rc;
}

static int print_data(const struct rb_cli *cli, const struct rb_rollback_plan *plan,
                      struct rb_err *err)
{
	int rc = RB_OK;

	if (plan->source_count == 0)
		rb_out_printf(&cli->out, "data:    stays as it is\n");
	for (size_t i = 0; rc == RB_OK && i < plan->source_count; i++) {
		const struct rb_rollback_source *source = &plan->sources[i];

		rb_out_printf(&cli->out, "data:    ");
		rc = rb_cmd_print_text(cli, source->report.target, err);
		rb_out_printf(&cli->out, " (source %s)\n", source->name);
		if (rc == RB_OK)
			rc = rb_cmd_print_plan(cli, &source->report.plan, err);
	}
	return rc;
}

int rb_cmd_print_rollback_plan(const struct rb_cli *cli, const struct rb_rollback_plan *plan,
                               struct rb_err *err)
{
	const struct rb_out *out = &cli->out;
	int rc;

	if (plan->is_unfinished)
		rb_out_printf(out,
		              "takes back what was begun %s and broken off, to backup %s (%s)\n",
		              plan->begun, plan->backup_id, plan->kind);
	else if (plan->is_undo)
		rb_out_printf(out, "takes back the rollback of %s, to backup %s (%s)\n",
		              plan->begun, plan->backup_id, plan->kind);
	else
		rb_out_printf(out, "rolls back to backup %s (%s)\n", plan->backup_id, plan->kind);
	rc = print_code(cli, plan, err);
	if (rc == RB_OK)
		rc = print_data(cli, plan, err);
	if (rc < 0)
		return rc;
	rb_out_printf(out, "command: ");
	rc = rb_cmd_print_text(cli, plan->run ? plan->run : "none (rollback.run)", err);
	rb_out_printf(out, "\n");
	return rc;
}

static int print_parts(const struct rb_cli *cli, const struct rb_rollback_report *report,
                       struct rb_err *err)
{
	static const struct rb_out_column columns[] = {
	        {.title = "part"}, {.title = "state"}, {.title = ""}};
	struct rb_out_table table = RB_OUT_TABLE(columns);
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < RB_PART_COUNT; i++) {
		const struct rb_part *part = &report->parts[i];
		const struct rb_out_cell cells[] = {
		        {.text = part_titles[i]},
		        {.text = words_of(i, part->state),
		         .style = part->state == RB_PART_STUCK ? RB_OUT_RED : RB_OUT_PLAIN},
		        {.text = part->detail}};

		rc = rb_out_table_add(&table, cells, err);
	}
	if (rc == RB_OK)
		rb_out_table_print(&table, &cli->out);
	rb_out_table_release(&table);
	for (size_t i = 0; rc == RB_OK && i < RB_PART_COUNT; i++) {
		if (!report->parts[i].by_hand)
			continue;
		rb_out_printf(&cli->out, "by hand, %s: ", part_titles[i]);
		rc = rb_cmd_print_text(cli, report->parts[i].by_hand, err);
		rb_out_printf(&cli->out, "\n");
	}
	return rc;
}

static bool has_parts(const struct rb_rollback_report *report)
{
	for (size_t i = 0; i < RB_PART_COUNT; i++) {
		if (report->parts[i].state != RB_PART_NONE)
			return true;
	}
	return report->done;
}

int rb_cmd_print_rollback(const struct rb_cli *cli, const struct rb_rollback_report *report,
                          bool with_plan, struct rb_err *err)
{
	const struct rb_out *out = &cli->out;
	bool is_quick = report->plan.kind && strcmp(report->plan.kind, "quick") == 0;
	int rc = RB_OK;

	if (cli->wants_json)
		return print_json(cli, report, err);
	/* What could not be put right is said in any case. */
	if (cli->is_quiet && report->stuck == 0)
		return RB_OK;
	if (report->nothing) {
		if (report->plan.is_unfinished)
			rb_out_printf(out, "nothing had been changed yet%s\n",
			              cli->is_dry_run ? "" : ": it is forgotten");
		else
			rb_out_printf(out, "nothing to roll back: %s as in backup %s\n",
			              is_quick ? "code is" : "code and data are",
			              report->plan.backup_id);
		return RB_OK;
	}
	if (with_plan && *report->plan.backup_id)
		rc = rb_cmd_print_rollback_plan(cli, &report->plan, err);
	if (rc == RB_OK && cli->is_dry_run)
		rb_out_printf(out, "dry run: nothing was changed\n");
	if (rc < 0 || !has_parts(report))
		return rc;
	if (*report->safety_id)
		rb_out_printf(out, "safety backup: %s%s\n", report->safety_id,
		              report->safety_pushed ? "" : " (not pushed)");
	rc = print_parts(cli, report, err);
	if (rc == RB_OK && report->done && !report->plan.is_undo)
		rb_out_printf(out, "%srolled back%s; undo it with: rowback rollback --undo\n",
		              rb_out_style(out, RB_OUT_GREEN), rb_out_style(out, RB_OUT_PLAIN));
	else if (rc == RB_OK && report->done)
		rb_out_printf(out, "%staken back%s; what was there before: rowback rollback %s\n",
		              rb_out_style(out, RB_OUT_GREEN), rb_out_style(out, RB_OUT_PLAIN),
		              report->safety_id);
	return rc;
}
