/*
 * See rowback/ops/gate.h: how many rows were removed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/time.h"
#include "rowback/ops/diff.h"
#include "rowback/ops/event.h"
#include "rowback/ops/history.h"
#include "rowback/ops/snapshot.h"
#include "gate_priv.h"
#include "verify/verify_priv.h"

#define LIVE "live"
#define TEXT_MAX ((size_t)1 << 16)
/* A backup in words: an id, a label. */
#define SPEC_MAX 256
/* Tables named in the line; it stays one that a person reads. */
#define NAMED_MAX 5
/* Doubles do not hold 0.57 exactly; no table is so large that this lets a row pass. */
#define ROUNDING 1e-12

/* One comparison. */
struct compare {
	struct rb_store *store;
	const struct rb_effect_opts *opts;
	struct rb_effect *effect;
	char from[SPEC_MAX]; /* which backups, as rb_history_find() takes them */
	char to[SPEC_MAX];
	struct rb_backup_entry old_entry;
	struct rb_backup_entry new_entry;
	struct rb_manifest manifest; /* of the older one */
	struct rb_changes changes;
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to compare backups");
}

void rb_effect_release(struct rb_effect *effect)
{
	for (size_t i = 0; i < effect->table_count; i++) {
		free(effect->tables[i].source);
		free(effect->tables[i].table);
	}
	free(effect->tables);
	memset(effect, 0, sizeof(*effect));
}

bool rb_gate_is_over(const struct rb_row_limit *limit, uint64_t removed, uint64_t rows_before)
{
	if (!limit->is_set || removed == 0 || rows_before == 0)
		return false;
	if (!limit->is_percent)
		return (double)removed > limit->value;
	return (double)removed * 100 > limit->value * (double)rows_before * (1 + ROUNDING);
}

int rb_gate_limit_text(const struct rb_row_limit *limit, struct rb_buf *out, struct rb_err *err)
{
	if (!limit->is_percent)
		return rb_buf_addf(out, err, "%.0f", limit->value);
	return rb_buf_addf(out, err, "%.15g%%", limit->value);
}

bool rb_gate_range_is_live(const char *range)
{
	const char *dots = range ? strstr(range, "..") : NULL;

	return range && strcmp(dots ? dots + 2 : range, LIVE) == 0;
}

static int bad_range(const char *range, struct rb_err *err)
{
	rb_err_set(err, RB_E_USAGE, "'%.200s' names no two backups", range);
	return rb_err_hint(err, "give latest~1..latest, two ids with '..' between them, or live");
}

/* "A..B", where either may be left out; "live". */
static int split_range(struct compare *compare, struct rb_err *err)
{
	const char *range = compare->opts->range;
	const char *dots = range ? strstr(range, "..") : NULL;
	bool is_live = rb_gate_range_is_live(range);
	const char *from = is_live ? "latest" : "latest~1";
	const char *to = is_live ? LIVE : "latest";
	size_t len;

	if (range && ((!dots && !is_live) || (dots && strstr(dots + 2, ".."))))
		return bad_range(range, err);
	if (dots && dots > range)
		from = range;
	if (dots && dots[2])
		to = dots + 2;
	len = from == range ? (size_t)(dots - range) : strlen(from);
	if (len >= SPEC_MAX || strlen(to) >= SPEC_MAX)
		return bad_range(range, err);
	memcpy(compare->from, from, len); /* all zero before */
	memcpy(compare->to, to, strlen(to));
	return RB_OK;
}

static int choose_limits(struct compare *compare, struct rb_err *err)
{
	const struct rb_gate_config *config = &compare->store->config.gate;
	struct rb_effect *effect = compare->effect;

	effect->per_table = compare->opts->max_removed.is_set ? compare->opts->max_removed
	                                                      : config->max_removed;
	effect->total = config->max_removed_total;
	if (effect->per_table.is_set || effect->total.is_set)
		return RB_OK;
	rb_err_set(err, RB_E_USAGE,
	           "no limit says how many rows may be removed: neither gate.maxRemovedRows (of "
	           "each table) nor gate.maxRemovedRowsTotal is set");
	return rb_err_hint(err, "git config gate.maxRemovedRows 5%%, or give --max-removed 5%%");
}

static int find_from(struct compare *compare, struct rb_err *err)
{
	int rc = rb_history_find(compare->store, compare->from, 0, &compare->old_entry, err);

	if (rc == RB_OK)
		rc = rb_snapshot_manifest(compare->store->repo, &compare->old_entry.tree,
		                          &compare->manifest, err);
	snprintf(compare->effect->from, sizeof(compare->effect->from), "%s",
	         rc == RB_OK ? compare->old_entry.message.id : "");
	return rc;
}

static int compare_backups(struct compare *compare, struct rb_err *err)
{
	int rc = rb_history_find(compare->store, compare->to, 0, &compare->new_entry, err);

	if (rc == RB_OK)
		rc = rb_diff_roots(compare->store->repo, &compare->old_entry.tree,
		                   &compare->new_entry.tree, &compare->changes, err);
	snprintf(compare->effect->to, sizeof(compare->effect->to), "%s",
	         rc == RB_OK ? compare->new_entry.message.id : "");
	return rc;
}

/* The configured sources as they are now. */
static int compare_live(struct compare *compare, struct rb_err *err)
{
	struct rb_verify_report report = {0};
	int rc = rb_verify_live(compare->store, &compare->old_entry, &report, err);

	/* A table that cannot be read now is not known to be whole. */
	if (rc == RB_OK && report.not_checked_count > 0)
		rc = rb_err_set(err, RB_E_INCOMPLETE, "cannot compare all: %.900s",
		                report.not_checked[0]);
	compare->changes = report.live;
	memset(&report.live, 0, sizeof(report.live));
	rb_verify_report_release(&report);
	snprintf(compare->effect->to, sizeof(compare->effect->to), "%s", LIVE);
	return rc;
}

static uint64_t rows_before(const struct rb_manifest_source *source, const char *table)
{
	for (size_t i = 0; source && i < source->table_count; i++) {
		if (strcmp(source->tables[i].name, table) == 0)
			return source->tables[i].rows;
	}
	return 0;
}

static int add_table(struct compare *compare, const struct rb_table_change *change,
                     struct rb_err *err)
{
	struct rb_effect *effect = compare->effect;
	struct rb_effect_table *table = &effect->tables[effect->table_count++];

	table->source = strdup(change->source);
	table->table = strdup(change->table);
	if (!table->source || !table->table)
		return no_memory(err);
	table->rows_before =
	        rows_before(rb_manifest_source(&compare->manifest, change->source), change->table);
	table->removed = change->deleted;
	table->dropped = change->dropped;
	table->is_over = rb_gate_is_over(&effect->per_table, table->removed, table->rows_before);
	effect->removed += table->removed;
	effect->is_over |= table->is_over;
	return RB_OK;
}

/* Whether the rows of a source were compared. */
static bool is_compared(const struct compare *compare, const char *source)
{
	const struct rb_source_config *known = NULL;

	return strcmp(compare->to, LIVE) != 0 ||
	       rb_config_source(&compare->store->config, source, &known, NULL) == RB_OK;
}

static int most_first(const void *a, const void *b)
{
	const struct rb_effect_table *left = a;
	const struct rb_effect_table *right = b;

	if (left->removed != right->removed)
		return left->removed > right->removed ? -1 : 1;
	if (strcmp(left->source, right->source) != 0)
		return strcmp(left->source, right->source);
	return strcmp(left->table, right->table);
}

static int sum_up(struct compare *compare, struct rb_err *err)
{
	struct rb_effect *effect = compare->effect;
	int rc = RB_OK;

	effect->tables = calloc(compare->changes.count + 1, sizeof(*effect->tables));
	if (!effect->tables)
		return no_memory(err);
	for (size_t i = 0; rc == RB_OK && i < compare->changes.count; i++) {
		if (compare->changes.items[i].deleted > 0)
			rc = add_table(compare, &compare->changes.items[i], err);
	}
	for (size_t i = 0; i < compare->manifest.source_count; i++) {
		const struct rb_manifest_source *source = &compare->manifest.sources[i];

		for (size_t j = 0; is_compared(compare, source->name) && j < source->table_count;
		     j++)
			effect->rows_before += source->tables[j].rows;
	}
	effect->total_is_over =
	        rb_gate_is_over(&effect->total, effect->removed, effect->rows_before);
	effect->is_over |= effect->total_is_over;
	if (effect->table_count > 0)
		qsort(effect->tables, effect->table_count, sizeof(*effect->tables), most_first);
	return rc;
}

/* "app/users -120 of 1000 (12%)" */
static int add_counts(struct rb_buf *out, uint64_t removed, uint64_t before, struct rb_err *err)
{
	double percent = before ? (double)removed * 100 / (double)before : 0;

	return rb_buf_addf(out, err, "-%llu of %llu (%.3g%%)", (unsigned long long)removed,
	                   (unsigned long long)before, percent);
}

static bool has_table_over(const struct rb_effect *effect)
{
	for (size_t i = 0; i < effect->table_count; i++) {
		if (effect->tables[i].is_over)
			return true;
	}
	return false;
}

/* The tables that lost too many rows, or that made the total too much; and the total then. */
static int add_losses(const struct rb_effect *effect, struct rb_buf *out, struct rb_err *err)
{
	bool names_all = !has_table_over(effect);
	size_t named = 0;
	size_t over = 0;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < effect->table_count; i++) {
		const struct rb_effect_table *table = &effect->tables[i];

		if ((!table->is_over && !names_all) || over++ >= NAMED_MAX)
			continue;
		rc = rb_buf_addf(out, err, "%s%s/%s ", named++ ? ", " : "", table->source,
		                 table->table);
		if (rc == RB_OK)
			rc = add_counts(out, table->removed, table->rows_before, err);
		if (rc == RB_OK && table->dropped)
			rc = rb_buf_adds(out, ", dropped", err);
	}
	if (rc == RB_OK && over > NAMED_MAX)
		rc = rb_buf_addf(out, err, " and %zu more tables", over - NAMED_MAX);
	if (rc == RB_OK && effect->total_is_over) {
		rc = rb_buf_addf(out, err, "%sall tables ", named ? "; " : "");
		if (rc == RB_OK)
			rc = add_counts(out, effect->removed, effect->rows_before, err);
	}
	return rc;
}

static int add_limits(const struct rb_effect *effect, struct rb_buf *out, struct rb_err *err)
{
	int rc = RB_OK;

	if (effect->per_table.is_set) {
		rc = rb_gate_limit_text(&effect->per_table, out, err);
		if (rc == RB_OK)
			rc = rb_buf_adds(out, " of a table", err);
	}
	if (rc == RB_OK && effect->total.is_set) {
		rc = rb_buf_adds(out, effect->per_table.is_set ? " and " : "", err);
		if (rc == RB_OK)
			rc = rb_gate_limit_text(&effect->total, out, err);
		if (rc == RB_OK)
			rc = rb_buf_adds(out, " of all rows", err);
	}
	return rc;
}

static int add_between(const struct rb_effect *effect, struct rb_buf *out, struct rb_err *err)
{
	if (strcmp(effect->to, LIVE) == 0)
		return rb_buf_addf(out, err, "since backup %s", effect->from);
	return rb_buf_addf(out, err, "between the backups %s and %s", effect->from, effect->to);
}

/* The command that accepts it. */
static int hint_accept(struct compare *compare, struct rb_err *err)
{
	struct rb_effect *effect = compare->effect;
	struct rb_buf text = RB_BUF(TEXT_MAX);
	int rc = rb_gate_command(compare->store, &text, err);

	if (rc == RB_OK)
		rc = rb_buf_addf(&text, err, " gate --effect %s..%s", effect->from, effect->to);
	if (rc == RB_OK && compare->opts->max_removed.is_set) {
		rc = rb_buf_adds(&text, " --max-removed ", err);
		if (rc == RB_OK)
			rc = rb_gate_limit_text(&compare->opts->max_removed, &text, err);
	}
	if (rc == RB_OK)
		rb_err_hint(&effect->answer, "when that is right: %s --accept", rb_buf_str(&text));
	rb_buf_release(&text);
	return rc;
}

/* Record that it was accepted; the lock is held. */
static int record(struct compare *compare, const char *losses, struct rb_err *err)
{
	struct rb_effect *effect = compare->effect;
	struct rb_buf subject = RB_BUF(TEXT_MAX);
	struct rb_oid commit;
	struct rb_event event = {.name = strdup("accept")};
	int rc = rb_buf_addf(&subject, err, "accept: removed %s ", losses);

	if (rc == RB_OK)
		rc = add_between(effect, &subject, err);
	if (rc == RB_OK) {
		event.subject = strdup(rb_buf_str(&subject));
		event.backup = strdup(strcmp(effect->to, LIVE) == 0 ? effect->from : effect->to);
		rc = event.name && event.subject && event.backup ? RB_OK : no_memory(err);
	}
	if (rc == RB_OK)
		rc = rb_event_record(compare->store, &event, &commit, err);
	effect->accepted = rc == RB_OK;
	rb_event_release(&event);
	rb_buf_release(&subject);
	return rc;
}

static int answer(struct compare *compare, struct rb_err *err)
{
	struct rb_effect *effect = compare->effect;
	struct rb_buf losses = RB_BUF(TEXT_MAX);
	struct rb_buf line = RB_BUF(TEXT_MAX);
	int rc = effect->is_over ? add_losses(effect, &losses, err)
	                         : add_counts(&losses, effect->removed, effect->rows_before, err);

	if (rc == RB_OK)
		rc = rb_buf_addf(&line, err, "%s rows removed ", rb_buf_str(&losses));
	if (rc == RB_OK)
		rc = add_between(effect, &line, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&line, ", allowed is ", err);
	if (rc == RB_OK)
		rc = add_limits(effect, &line, err);
	if (rc == RB_OK && effect->is_over && compare->opts->accept)
		rc = record(compare, rb_buf_str(&losses), err);
	if (rc == RB_OK && effect->accepted)
		rc = rb_buf_adds(&line, "; accepted", err);
	rb_err_set(&effect->answer, RB_E_GATE, "%.900s", rb_buf_str(&line));
	if (rc == RB_OK && effect->is_over && !effect->accepted)
		rc = hint_accept(compare, err);
	rb_buf_release(&losses);
	rb_buf_release(&line);
	return rc;
}

int rb_gate_effect(struct rb_store *store, const struct rb_effect_opts *opts,
                   struct rb_effect *effect, struct rb_err *err)
{
	struct compare compare = {.store = store, .opts = opts, .effect = effect};
	int rc;

	memset(effect, 0, sizeof(*effect));
	rc = split_range(&compare, err);
	if (rc == RB_OK)
		rc = choose_limits(&compare, err);
	if (rc == RB_OK)
		rc = find_from(&compare, err);
	if (rc == RB_OK)
		rc = strcmp(compare.to, LIVE) == 0 ? compare_live(&compare, err)
		                                   : compare_backups(&compare, err);
	if (rc == RB_OK)
		rc = sum_up(&compare, err);
	if (rc == RB_OK)
		rc = answer(&compare, err);
	if (rc == RB_OK && effect->is_over && !effect->accepted)
		rc = rb_gate_refuse(&effect->answer, err);
	rb_backup_entry_release(&compare.old_entry);
	rb_backup_entry_release(&compare.new_entry);
	rb_manifest_release(&compare.manifest);
	rb_changes_release(&compare.changes);
	return rc;
}
