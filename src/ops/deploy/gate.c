/*
 * See rowback/ops/gate.h: asking, and what is answered.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/time.h"
#include "rowback/repo/remote.h"
#include "gate_priv.h"

#define COMMAND_MAX ((size_t)1 << 16)

/* One question. */
struct ask {
	struct rb_store *store;
	const struct rb_gate_opts *opts;
	struct rb_gate_report *report;
	const char **sources; /* NULL: any */
	char **told_sources;  /* by the backups, where no source is configured; NULL */
	int64_t now_unix_s;
	struct rb_oid tip;   /* where the remote's branch is */
	struct rb_oid check; /* the record of a check that it has */
	bool was_fetched;
	struct rb_gate_finds remote; /* what it has */
	struct rb_gate_finds local;
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for the gate");
}

void rb_gate_report_release(struct rb_gate_report *report)
{
	free(report->kind);
	free(report->label);
	free(report->code_commit);
	free(report->code_deployed);
	free(report->source);
	free(report->remote_name);
	free(report->remote_url);
	memset(report, 0, sizeof(*report));
}

/* Set the answer's line; a reason that is there already stays the first one. */
static void answer(struct ask *ask, enum rb_gate_reason reason, const char *fmt, ...)
        RB_PRINTF(3, 4);

static void answer(struct ask *ask, enum rb_gate_reason reason, const char *fmt, ...)
{
	char text[RB_ERR_MSG_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ask->report->reason = reason;
	rb_err_set(&ask->report->answer, RB_E_GATE, "%s", text);
}

/* A failure that says nothing about backups. */
static bool is_ours(int rc)
{
	return rc == RB_E_NOMEM || rc == RB_E_CANCELLED;
}

static int copy(char **out, const char *text, struct rb_err *err)
{
	free(*out);
	*out = text ? strdup(text) : NULL;
	return text && !*out ? no_memory(err) : RB_OK;
}

static int set_up(struct ask *ask, struct rb_err *err)
{
	const struct rb_config *config = &ask->store->config;
	struct rb_gate_report *report = ask->report;
	int64_t age_s = config->gate.max_age_s ? config->gate.max_age_s : config->max_age_s;

	report->require = ask->opts->require == RB_GATE_CONFIGURED
	                          ? config->gate.require
	                          : (enum rb_require)ask->opts->require;
	report->max_age_s =
	        ask->opts->max_age_s == RB_GATE_CONFIGURED ? age_s : ask->opts->max_age_s;
	report->offline = ask->opts->offline;
	ask->now_unix_s = rb_time_now_unix_s();
	return copy(&report->remote_name, config->remote, err);
}

/* The sources that must be covered: those asked for, or all that are configured. */
static int choose_sources(struct ask *ask, struct rb_err *err)
{
	const struct rb_config *config = &ask->store->config;
	const char *const *given = ask->opts->sources;
	size_t count = 0;

	while (given && given[count])
		count++;
	if (!given)
		count = config->source_count;
	if (count == 0)
		return RB_OK;
	ask->sources = calloc(count + 1, sizeof(*ask->sources));
	if (!ask->sources)
		return no_memory(err);
	for (size_t i = 0; i < count; i++) {
		const struct rb_source_config *known = NULL;
		int rc;

		ask->sources[i] = given ? given[i] : config->sources[i].name;
		/* A clone knows none, and takes what it is told. */
		rc = given && config->source_count > 0
		             ? rb_config_source(config, given[i], &known, err)
		             : RB_OK;
		if (rc < 0)
			return rc;
	}
	return RB_OK;
}

/* What to do where a backup would mend it. */
static int hint_backup(struct ask *ask, const char *verb, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(COMMAND_MAX);
	int rc;

	if (ask->store->config.source_count == 0) {
		rb_err_hint(&ask->report->answer,
		            "%s on the machine that has the database: "
		            "rowback backup%s",
		            verb,
		            ask->told_sources ? "; where some sources no longer count, name "
		                                "those that do: rowback gate --source NAME"
		                              : "");
		return RB_OK;
	}
	rc = rb_gate_command(ask->store, &text, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&text, " backup", err);
	if (rc == RB_OK && ask->report->require == RB_REQUIRE_QUICK && ask->store->config.app.path)
		rc = rb_buf_adds(&text, " --quick", err);
	for (size_t i = 0; rc == RB_OK && ask->opts->sources && ask->opts->sources[i]; i++)
		rc = rb_buf_addf(&text, err, " --source %s", ask->opts->sources[i]);
	if (rc == RB_OK)
		rb_err_hint(&ask->report->answer, "%s: %s", verb, rb_buf_str(&text));
	rb_buf_release(&text);
	return rc;
}

static int hint_offline(struct ask *ask, const char *other, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(COMMAND_MAX);
	int rc = rb_gate_command(ask->store, &text, err);

	if (rc == RB_OK)
		rb_err_hint(&ask->report->answer,
		            "%.400s%sto trust the last confirmed push: %s gate --offline", other,
		            *other ? "; or " : "", rb_buf_str(&text));
	rb_buf_release(&text);
	return rc;
}

/* What went wrong with the remote is why it is refused. */
static int refuse_unreachable(struct ask *ask, int rc, const struct rb_err *why, struct rb_err *err)
{
	if (is_ours(rc)) {
		if (err)
			*err = *why;
		return rc;
	}
	answer(ask, RB_GATE_REMOTE_UNREACHABLE, "the remote could not be asked: %.800s", why->msg);
	return hint_offline(ask, why->hint, err);
}

/* Find out the remote's URL; none makes a refusal. */
static int name_remote(struct ask *ask, struct rb_err *err)
{
	struct rb_buf url = RB_BUF(65536);
	struct rb_buf shown = RB_BUF(65536);
	struct rb_err why = {0};
	int rc = rb_remote_url(ask->store->repo, ask->store->config.remote, &url, &why);

	if (rc == RB_E_NOTFOUND) {
		answer(ask, RB_GATE_NO_REMOTE,
		       "there is no remote '%s': the backups are on this machine only",
		       ask->store->config.remote);
		rb_err_hint(&ask->report->answer, "%s", why.hint);
		rc = copy(&ask->report->remote_name, NULL, err);
	} else if (rc < 0) {
		rc = refuse_unreachable(ask, rc, &why, err);
	} else {
		rc = rb_remote_redact_url(rb_buf_str(&url), &shown, err);
		if (rc == RB_OK)
			rc = copy(&ask->report->remote_url, rb_buf_str(&shown), err);
	}
	rb_buf_release(&url);
	rb_buf_release(&shown);
	return rc;
}

/* Bring an object of the remote's here, unless it is; a failure makes a refusal. */
static int bring(struct ask *ask, const char *ref, struct rb_err *err)
{
	const char *specs[] = {ref, NULL};
	struct rb_err why = {0};
	int rc = rb_remote_fetch(ask->store->repo, ask->store->config.remote, specs,
	                         ask->store->config.push_timeout_ms, &why);

	return rc < 0 ? refuse_unreachable(ask, rc, &why, err) : RB_OK;
}

static int ask_remote(struct ask *ask, struct rb_err *err)
{
	struct rb_store *store = ask->store;
	const char *patterns[] = {store->branch_ref, store->check_ref, NULL};
	struct rb_remote_refs refs = {0};
	struct rb_err why = {0};
	const struct rb_oid *has;
	int rc = rb_remote_list(store->repo, store->config.remote, patterns,
	                        store->config.push_timeout_ms, &refs, &why);

	if (rc < 0)
		return refuse_unreachable(ask, rc, &why, err);
	ask->report->remote_asked = true;
	has = rb_remote_refs_find(&refs, store->branch_ref);
	if (has)
		ask->tip = *has;
	has = rb_remote_refs_find(&refs, store->check_ref);
	if (has)
		ask->check = *has;
	rb_remote_refs_release(&refs);
	if (!rb_oid_is_none(&ask->tip) && !rb_repo_has(store->repo, &ask->tip)) {
		ask->was_fetched = true;
		rc = bring(ask, store->branch_ref, err);
	}
	return rc;
}

/* What the remote confirmed when it was pushed to, or cloned. */
static int last_confirmed(struct ask *ask, struct rb_err *err)
{
	struct rb_store *store = ask->store;
	const char *check = rb_state_get(store->state, "pushed", store->check_ref);
	int rc = rb_repo_ref(store->repo, store->tracking_ref, &ask->tip, err);

	if (check)
		(void)rb_oid_parse(check, &ask->check);
	if (rc != RB_E_NOTFOUND)
		return rc;
	memset(&ask->tip, 0, sizeof(ask->tip));
	return RB_OK;
}

static bool is_refused(const struct ask *ask)
{
	return ask->report->reason != RB_GATE_PASSES;
}

static bool is_fresh(const struct ask *ask, const struct rb_gate_found *found)
{
	int64_t since_unix_s = ask->opts->since_unix_s;

	if (!*found->id)
		return false;
	return ask->now_unix_s - found->fresh_unix_s <= ask->report->max_age_s ||
	       (since_unix_s > 0 && found->fresh_unix_s >= since_unix_s);
}

/* The sources that must be covered. */
static const char *const *sources_of(const struct ask *ask)
{
	if (ask->sources)
		return (const char *const *)ask->sources;
	return (const char *const *)ask->told_sources;
}

/* Find the newest backups.  A clone knows no sources: there the backups tell which there are. */
static int find(struct ask *ask, struct rb_err *err)
{
	int rc = RB_OK;

	if (!ask->sources && !ask->told_sources)
		rc = rb_gate_sources(ask->store, &ask->tip, &ask->told_sources, err);
	if (rc == RB_OK)
		rc = rb_gate_find(ask->store, &ask->tip, ask->report->require, sources_of(ask),
		                  &ask->remote, err);
	return rc;
}

/* Look at what the remote has; the record of a check is only fetched where it matters. */
static int look(struct ask *ask, struct rb_err *err)
{
	struct rb_store *store = ask->store;
	int rc = find(ask, err);

	/* An earlier fetch's objects may have been cleared away in part. */
	if (rc == RB_E_NOTFOUND && ask->report->remote_asked && !ask->was_fetched) {
		rc = bring(ask, store->branch_ref, err);
		if (rc == RB_OK && !is_refused(ask))
			rc = find(ask, err);
	}
	if (rc < 0 || is_refused(ask) || is_fresh(ask, rb_gate_worst(&ask->remote)) ||
	    rb_oid_is_none(&ask->check))
		return rc;
	if (ask->report->remote_asked && !rb_repo_has(store->repo, &ask->check))
		rc = bring(ask, store->check_ref, err);
	if (rc == RB_OK && !is_refused(ask))
		rc = rb_gate_apply_check(store, &ask->tip, &ask->check, &ask->remote, err);
	return rc;
}

/* What is here, whether the remote has it or not. */
static int look_here(struct ask *ask, struct rb_err *err)
{
	struct rb_store *store = ask->store;
	struct rb_oid check = {{0}};
	struct rb_oid tip;
	int rc = rb_store_tip(store, &tip, err);

	if (rc == RB_OK)
		rc = rb_gate_find(store, &tip, ask->report->require, sources_of(ask), &ask->local,
		                  err);
	if (rc < 0)
		return rc;
	rc = rb_repo_ref(store->repo, store->check_ref, &check, err);
	if (rc == RB_E_NOTFOUND)
		return RB_OK;
	return rc < 0 ? rc : rb_gate_apply_check(store, &tip, &check, &ask->local, err);
}

/* Let the report be about a backup. */
static int report_found(struct ask *ask, const struct rb_gate_found *found, struct rb_err *err)
{
	struct rb_gate_report *report = ask->report;
	int rc = copy(&report->kind, found->kind, err);

	snprintf(report->id, sizeof(report->id), "%s", found->id);
	report->commit = found->commit;
	report->age_s = ask->now_unix_s - found->fresh_unix_s;
	report->was_checked = found->was_checked;
	if (rc == RB_OK)
		rc = copy(&report->label, found->label, err);
	if (rc == RB_OK)
		rc = copy(&report->code_commit, found->code_commit, err);
	if (rc == RB_OK)
		rc = copy(&report->code_deployed, found->code_deployed, err);
	if (rc == RB_OK)
		rc = copy(&report->source, found->source, err);
	return rc;
}

/* " of source 'app'" where there are several. */
static void source_text(const struct ask *ask, const char *source, char out[100])
{
	bool says = source && (ask->remote.count > 1 || ask->opts->sources);

	snprintf(out, 100, "%s%.64s%s", says ? " of source '" : "", says ? source : "",
	         says ? "'" : "");
}

static int pass(struct ask *ask, const struct rb_gate_found *found, struct rb_err *err)
{
	char span[RB_GATE_TEXT_SIZE];
	char of_source[100];
	int64_t age_s = ask->now_unix_s - found->fresh_unix_s;
	int rc = report_found(ask, found, err);

	ask->report->remote_has = true;
	source_text(ask, found->source, of_source);
	rb_gate_span_text(age_s < 0 ? 0 : age_s, span);
	answer(ask, RB_GATE_PASSES, "%s backup %s%s, %s%s%s, %s", found->kind, found->id, of_source,
	       found->was_checked ? "found unchanged " : "", span,
	       found->was_checked ? " ago" : " old",
	       ask->opts->offline ? "the remote had it when it was asked last (--offline)"
	                          : "the remote has it");
	return rc;
}

/* With the clocks right again, a new backup is one of now, though its id follows the wrong one. */
static int hint_clock(struct ask *ask, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(COMMAND_MAX);
	int rc = RB_OK;

	if (ask->store->config.source_count > 0)
		rc = rb_gate_command(ask->store, &text, err);
	else
		rc = rb_buf_adds(&text, "on the machine that has the database: rowback", err);
	if (rc == RB_OK)
		rb_err_hint(&ask->report->answer,
		            "compare what both say: date -u; when they are right again: %s backup "
		            "--force",
		            rb_buf_str(&text));
	rb_buf_release(&text);
	return rc;
}

static int refuse_clock(struct ask *ask, const struct rb_gate_found *found, struct rb_err *err)
{
	char span[RB_GATE_TEXT_SIZE];
	int rc;

	rb_gate_span_text(ask->now_unix_s - found->fresh_unix_s, span);
	answer(ask, RB_GATE_CLOCK,
	       "%s backup %s is %s in the future: a clock is wrong, here or where it was made",
	       found->kind, found->id, span);
	ask->report->remote_has = true;
	rc = report_found(ask, found, err);
	return rc == RB_OK ? hint_clock(ask, err) : rc;
}

static int refuse_old(struct ask *ask, const struct rb_gate_found *found, struct rb_err *err)
{
	char allowed[RB_GATE_TEXT_SIZE];
	char span[RB_GATE_TEXT_SIZE];
	char of_source[100];
	int rc;

	source_text(ask, found->source, of_source);
	rb_gate_duration_text(ask->report->max_age_s, allowed);
	rb_gate_span_text(ask->now_unix_s - found->fresh_unix_s, span);
	answer(ask, RB_GATE_TOO_OLD,
	       "the newest %s backup%s that the remote %s %s%s%s, allowed is %s", found->kind,
	       of_source, ask->opts->offline ? "had when it was asked last (--offline)" : "has",
	       found->was_checked ? "was found unchanged " : "is ", span,
	       found->was_checked ? " ago" : " old", allowed);
	ask->report->remote_has = true;
	rc = report_found(ask, found, err);
	return rc == RB_OK ? hint_backup(ask, "take one", err) : rc;
}

/* remote_has_it: only that it was looked at has not arrived there */
static int refuse_not_pushed(struct ask *ask, const struct rb_gate_found *found, bool remote_has_it,
                             struct rb_err *err)
{
	char span[RB_GATE_TEXT_SIZE];
	int rc;

	rb_gate_span_text(ask->now_unix_s - found->fresh_unix_s, span);
	if (found->was_checked && remote_has_it)
		answer(ask, RB_GATE_NOT_PUSHED,
		       "that %s backup %s was found unchanged %s ago has not reached the remote",
		       found->kind, found->id, span);
	else
		answer(ask, RB_GATE_NOT_PUSHED, "%s backup %s, %s%s%s, has not reached the remote",
		       found->kind, found->id, found->was_checked ? "found unchanged " : "", span,
		       found->was_checked ? " ago" : " old");
	rc = report_found(ask, found, err);
	return rc == RB_OK ? hint_backup(ask, "push it", err) : rc;
}

static int refuse_missing(struct ask *ask, const struct rb_gate_found *found, struct rb_err *err)
{
	const struct rb_gate_finds *finds = &ask->remote;
	const char *kind = ask->report->require == RB_REQUIRE_FULL ? "full " : "";

	if (finds->saw_other && found->source)
		answer(ask, RB_GATE_SOURCE_MISSING, "the remote has no %sbackup of source '%s'",
		       kind, found->source);
	else if (finds->saw_quick)
		answer(ask, RB_GATE_KIND, "the remote has quick backups only, which hold no data");
	else if (finds->saw_incomplete)
		answer(ask, RB_GATE_INCOMPLETE,
		       "the remote has only backups that lack tables (Backup-Incomplete)");
	else if (finds->saw_any)
		answer(ask, RB_GATE_KIND, "the remote has no %sbackup, only other kinds", kind);
	else
		answer(ask, RB_GATE_NO_BACKUP, "the remote has no backup");
	return hint_backup(ask, "take one", err);
}

/* Say why, by what is here too. */
static int refuse(struct ask *ask, const struct rb_gate_found *has, struct rb_err *err)
{
	const struct rb_gate_found *here;
	int rc = look_here(ask, err);

	if (rc < 0)
		return rc;
	here = rb_gate_worst(&ask->local);
	if (*here->id &&
	    (!*has->id || (here->fresh_unix_s > has->fresh_unix_s && is_fresh(ask, here))))
		return refuse_not_pushed(ask, here, strcmp(here->id, has->id) == 0, err);
	if (*has->id)
		return refuse_old(ask, has, err);
	return refuse_missing(ask, has, err);
}

static int decide(struct ask *ask, struct rb_err *err)
{
	const struct rb_gate_found *worst = rb_gate_worst(&ask->remote);

	for (size_t i = 0; i < ask->remote.count; i++) {
		const struct rb_gate_found *found = &ask->remote.items[i];

		if (*found->id && found->fresh_unix_s - ask->now_unix_s > RB_GATE_CLOCK_MAX_S)
			return refuse_clock(ask, found, err);
	}
	return is_fresh(ask, worst) ? pass(ask, worst, err) : refuse(ask, worst, err);
}

int rb_gate_ask(struct rb_store *store, const struct rb_gate_opts *opts,
                struct rb_gate_report *report, struct rb_err *err)
{
	struct ask ask = {.store = store, .opts = opts, .report = report};
	int rc;

	memset(report, 0, sizeof(*report));
	rc = set_up(&ask, err);
	if (rc == RB_OK)
		rc = choose_sources(&ask, err);
	if (rc == RB_OK)
		rc = name_remote(&ask, err);
	if (rc == RB_OK && !is_refused(&ask))
		rc = opts->offline ? last_confirmed(&ask, err) : ask_remote(&ask, err);
	if (rc == RB_OK && !is_refused(&ask))
		rc = look(&ask, err);
	if (rc == RB_OK && !is_refused(&ask))
		rc = decide(&ask, err);
	if (rc == RB_OK && is_refused(&ask))
		rc = rb_gate_refuse(&report->answer, err);
	rb_gate_finds_release(&ask.remote);
	rb_gate_finds_release(&ask.local);
	rb_gate_sources_free(ask.told_sources);
	free(ask.sources);
	return rc;
}
