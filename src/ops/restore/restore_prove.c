/*
 * See restore_priv.h: the commit, and definitions that are read again around it.
 *
 * Some engines show definitions as others see them only, which is after the commit.  A database
 * that was made can be dropped then; in one that was there the rows stay, which are verified, and
 * the safety backup is the way back.
 */
#include <stdlib.h>
#include <string.h>

#include "restore_priv.h"

#define TEXT_MAX ((size_t)64 << 10)
#define NAMED_MAX 3 /* differences in a message; the report has all */

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to compare definitions");
}

/* "public.t: this index is not there: CREATE ...; and 4 more" */
static int name_differences(const struct rb_catalog *found, struct rb_buf *out, struct rb_err *err)
{
	size_t named = 0;
	size_t count = 0;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < found->remark_count; i++) {
		const struct rb_remark *remark = &found->remarks[i];

		if (remark->incomplete || count++ >= NAMED_MAX)
			continue;
		named++;
		rc = rb_buf_addf(out, err, "%s%s: %.260s", named > 1 ? "; " : "", remark->object,
		                 remark->what);
	}
	if (rc == RB_OK && count > named)
		rc = rb_buf_addf(out, err, "; and %zu more", count - named);
	return rc;
}

static int differ(struct rb_restore *restore, size_t count, struct rb_err *err)
{
	struct rb_restore_report *report = restore->report;
	struct rb_buf names = RB_BUF(TEXT_MAX);
	int rc = name_differences(report->differences, &names, err);

	report->definitions = RB_DEFINITIONS_DIFFER;
	report->verified = false;
	if (rc == RB_OK) {
		rc = RB_E_MISMATCH;
		rb_err_set(err, rc, "%s %zu definition%s not as %s should be%s: %s",
		           report->written ? "the rows were restored, but" : "after the restore",
		           count, count == 1 ? " is" : "s are", count == 1 ? "it" : "they",
		           report->written ? "" : "; nothing was kept", rb_buf_str(&names));
	}
	rb_buf_release(&names);
	if (rc != RB_E_MISMATCH || !report->written)
		return rc;
	if (*report->safety_id && restore->is_own)
		return rb_err_hint(err, "undo it with: rowback restore %s", report->safety_id);
	if (*report->safety_id)
		return rb_err_hint(err, "undo it with: rowback restore %s --to '%s'",
		                   report->safety_id, report->target);
	return rb_err_hint(err, "the database was empty before");
}

/* Which tables were passed over. */
static int note_unread(struct rb_restore_report *report, struct rb_err *err)
{
	struct rb_buf names = RB_BUF(TEXT_MAX);
	size_t count = 0;
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < report->differences->remark_count; i++) {
		const struct rb_remark *remark = &report->differences->remarks[i];

		if (remark->incomplete && count++ == 0)
			rc = rb_buf_addf(&names, err, "%s: %s", remark->object, remark->what);
	}
	if (rc == RB_OK && count > 1)
		rc = rb_buf_addf(&names, err, "; and %zu more", count - 1);
	if (rc == RB_OK && count > 0) {
		report->definitions = RB_DEFINITIONS_NOT_COMPARED;
		report->definitions_why = rb_buf_detach(&names);
		rc = report->definitions_why ? RB_OK : no_memory(err);
	}
	rb_buf_release(&names);
	return rc;
}

/* They cannot be read: that is told, and no failure. */
static int not_read(struct rb_restore_report *report, int rc, const struct rb_err *why,
                    struct rb_err *err)
{
	report->definitions = RB_DEFINITIONS_NOT_COMPARED;
	report->definitions_why = strdup(why->msg);
	if (!report->definitions_why)
		return no_memory(err);
	if (rc != RB_E_CANCELLED && rc != RB_E_NOMEM)
		return RB_OK;
	if (err)
		*err = *why;
	return report->written
	               ? rb_err_wrap(err, rc, "restored, but its definitions were not compared")
	               : rc;
}

/* returns  RB_E_UNSUPPORTED when it is to be asked after the commit */
static int prove(struct rb_restore *restore, struct rb_err *err)
{
	struct rb_restore_report *report = restore->report;
	struct rb_err why = {0};
	size_t count = 0;
	int rc;

	rb_catalog_free(report->differences);
	report->differences = calloc(1, sizeof(*report->differences));
	if (!report->differences)
		return no_memory(err);
	rc = restore->adapter->target_prove(restore->target, report->differences, &why);
	if (rc == RB_E_UNSUPPORTED && !report->written && !restore->opts->rehearse)
		return rc;
	if (rc < 0)
		return not_read(report, rc, &why, err);
	for (size_t i = 0; i < report->differences->remark_count; i++)
		count += !report->differences->remarks[i].incomplete;
	report->definitions = RB_DEFINITIONS_COMPARED;
	rc = note_unread(report, err);
	return rc < 0 || count == 0 ? rc : differ(restore, count, err);
}

int rb_restore_commit(struct rb_restore *restore, struct rb_err *err)
{
	const struct rb_adapter *adapter = restore->adapter;
	struct rb_restore_report *report = restore->report;
	bool is_after = adapter->target_prove && !report->plan.into_new;
	int rc = RB_OK;

	if (adapter->target_prove && report->plan.into_new) {
		rc = prove(restore, err);
		is_after = rc == RB_E_UNSUPPORTED;
		if (is_after)
			rc = RB_OK;
	}
	if (rc < 0 || restore->opts->rehearse)
		return rc;
	rc = adapter->target_commit(restore->target, err);
	report->written = rc == RB_OK;
	return rc == RB_OK && is_after ? prove(restore, err) : rc;
}
