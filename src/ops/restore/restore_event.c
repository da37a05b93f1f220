/*
 * See restore_priv.h: that a database was restored, in the history.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rowback/base/log.h"
#include "rowback/ops/event.h"
#include "restore_priv.h"

#define SUBJECT_MAX ((size_t)64 << 10)
#define TABLES_NAMED 5 /* a subject is one line; the rest is counted */

static int add_tables(const char *const *tables, struct rb_buf *out, struct rb_err *err)
{
	size_t count = 0;
	int rc;

	while (tables[count])
		count++;
	rc = rb_buf_adds(out, " (", err);
	for (size_t i = 0; rc == RB_OK && i < count && i < TABLES_NAMED; i++)
		rc = rb_buf_addf(out, err, "%s%s", i ? ", " : "", tables[i]);
	if (rc == RB_OK && count > TABLES_NAMED)
		rc = rb_buf_addf(out, err, " and %zu more", count - TABLES_NAMED);
	return rc < 0 ? rc : rb_buf_adds(out, ")", err);
}

static int add_counts(const struct rb_row_counts *rows, struct rb_buf *out, struct rb_err *err)
{
	const struct {
		char sign;
		uint64_t count;
	} parts[] = {{'+', rows->inserted}, {'~', rows->updated}, {'-', rows->deleted}};
	bool any = false;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].count == 0)
			continue;
		rc = rb_buf_addf(out, err, "%s %c%" PRIu64, any ? "" : ",", parts[i].sign,
		                 parts[i].count);
		any = true;
	}
	if (rc < 0)
		return rc;
	return rb_buf_adds(out, any ? " rows" : ", definitions changed", err);
}

/* "restore: app (users) is as in backup ID, +3 ~2 -1 rows" */
static int write_subject(const struct rb_restore *restore, struct rb_buf *out, struct rb_err *err)
{
	const struct rb_restore_opts *opts = restore->opts;
	const char *how = opts->strategy == RB_STRATEGY_UPSERT  ? "has the rows of"
	                  : opts->strategy == RB_STRATEGY_MERGE ? "has what changed in"
	                                                        : "is as in";
	const char *with = opts->strategy == RB_STRATEGY_UPSERT  ? " (upsert)"
	                   : opts->strategy == RB_STRATEGY_MERGE ? " (merge)"
	                                                         : "";
	int rc = rb_buf_addf(out, err, "restore: %s",
	                     restore->is_own ? restore->backup.source : restore->report->target);

	if (rc == RB_OK && opts->tables)
		rc = add_tables(opts->tables, out, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(out, err, " %s backup %s%s", how, restore->report->backup_id,
		                 with);
	if (rc == RB_OK)
		rc = add_counts(&restore->report->plan.total, out, err);
	return rc;
}

static int record(struct rb_restore *restore, struct rb_err *err)
{
	static char name[] = "restore";
	struct rb_restore_report *report = restore->report;
	struct rb_event event = {.name = name, .backup = report->backup_id};
	struct rb_buf subject = RB_BUF(SUBJECT_MAX);
	struct rb_oid commit;
	int rc = write_subject(restore, &subject, err);

	event.safety = report->safety_id;
	event.source = restore->backup.source;
	event.subject = subject.data;
	if (rc == RB_OK)
		rc = rb_event_record(restore->store, &event, &commit, err);
	rb_buf_release(&subject);
	return rc;
}

void rb_restore_record(struct rb_restore *restore)
{
	const struct rb_restore_report *report = restore->report;
	struct rb_err why = {0};

	/* A copy of a backup somewhere else changed nothing that anybody had. */
	if (!report->written || restore->opts->no_event ||
	    (!restore->is_own && report->plan.into_new))
		return;
	if (record(restore, &why) < 0)
		rb_log(RB_LOG_WARN, "the restore was not recorded in the history: %s", why.msg);
}
