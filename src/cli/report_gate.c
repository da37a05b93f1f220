/*
 * What the gate answered, for programs.
 */
#include "cmd_priv.h"
#include "rowback/ops/gate.h"

static json_t *reason_json(enum rb_gate_reason reason)
{
	return reason == RB_GATE_PASSES ? json_null() : json_string(rb_gate_reason_word(reason));
}

static json_t *backup_json(const struct rb_gate_report *report)
{
	if (!*report->id)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o, s:I, s:b, s:o, s:o}", "id", report->id, "kind",
	                 rb_cmd_text_json(report->kind), "label", rb_cmd_text_json(report->label),
	                 "commit", rb_cmd_oid_json(&report->commit), "age_s",
	                 (json_int_t)report->age_s, "found_unchanged", report->was_checked,
	                 "source", rb_cmd_text_json(report->source), "code",
	                 rb_cmd_text_json(report->code_commit));
}

static json_t *remote_json(const struct rb_gate_report *report)
{
	if (!report->remote_name)
		return json_null();
	return json_pack("{s:o, s:o, s:b, s:b}", "name", rb_cmd_text_json(report->remote_name),
	                 "url", rb_cmd_text_json(report->remote_url), "asked", report->remote_asked,
	                 "has", report->remote_has);
}

json_t *rb_cmd_gate_json(const struct rb_gate_report *report)
{
	return json_pack(
	        "{s:s, s:b, s:o, s:o, s:o, s:s, s:I, s:b, s:o, s:o, s:o}", "message_type", "gate",
	        "pass", report->reason == RB_GATE_PASSES, "reason", reason_json(report->reason),
	        "message", rb_cmd_text_json(report->answer.msg), "hint",
	        rb_cmd_text_json(report->answer.hint[0] ? report->answer.hint : NULL), "require",
	        rb_cmd_requires[report->require], "max_age_s", (json_int_t)report->max_age_s,
	        "offline", report->offline, "backup", backup_json(report), "taken",
	        rb_cmd_text_json(*report->taken ? report->taken : NULL), "remote",
	        remote_json(report));
}

/* {"limit":"5%","value":5.0,...}; null when there is none. */
static json_t *limit_json(const struct rb_row_limit *limit)
{
	struct rb_buf text = RB_BUF(64);
	json_t *doc = NULL;

	if (!limit->is_set)
		return json_null();
	if (rb_gate_limit_text(limit, &text, NULL) == RB_OK)
		doc = json_string(rb_buf_str(&text));
	rb_buf_release(&text);
	return doc;
}

static double percent_of(uint64_t removed, uint64_t before)
{
	return before ? (double)removed * 100 / (double)before : 0;
}

static json_t *tables_json(const struct rb_effect *effect)
{
	json_t *list = json_array();

	for (size_t i = 0; i < effect->table_count; i++) {
		const struct rb_effect_table *table = &effect->tables[i];
		json_t *doc = json_pack("{s:o, s:o, s:I, s:I, s:f, s:b, s:b}", "source",
		                        rb_cmd_text_json(table->source), "table",
		                        rb_cmd_text_json(table->table), "rows_before",
		                        (json_int_t)table->rows_before, "removed",
		                        (json_int_t)table->removed, "percent",
		                        percent_of(table->removed, table->rows_before), "dropped",
		                        table->dropped, "over", table->is_over);

		if (json_array_append_new(list, doc) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

json_t *rb_cmd_effect_json(const struct rb_effect *effect)
{
	return json_pack(
	        "{s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:f, s:b, s:b, s:b}", "from", effect->from,
	        "to", effect->to, "limit", limit_json(&effect->per_table), "limit_total",
	        limit_json(&effect->total), "tables", tables_json(effect), "rows_before",
	        (json_int_t)effect->rows_before, "removed", (json_int_t)effect->removed, "percent",
	        percent_of(effect->removed, effect->rows_before), "total_over",
	        effect->total_is_over, "over", effect->is_over, "accepted", effect->accepted);
}
