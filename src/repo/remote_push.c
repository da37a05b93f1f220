/*
 * Pushing, by `git push --porcelain`.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote_priv.h"
#include "rowback/base/log.h"

/* A line for each ref. */
#define STDOUT_BYTES_MAX ((size_t)4 << 20)

/* What a host's secret scanner said of a push. */
struct protection {
	char kind[80];   /* "GitHub Personal Access Token" */
	char commit[48]; /* as printed */
	char path[200];  /* of the first finding, with ":line" */
	char url[300];   /* where the push can be allowed */
};

static void show_progress(void *ctx, const char *line)
{
	(void)ctx;
	if (strncmp(line, "Writing objects:", 16) == 0 ||
	    strncmp(line, "Compressing objects:", 20) == 0)
		rb_log_progress("push: %.100s", line);
}

static void add_refs(struct rb_git *git, const struct rb_push_ref *refs, size_t ref_count)
{
	char hex[RB_OID_HEX_SIZE];

	for (size_t i = 0; i < ref_count; i++) {
		if (!refs[i].lease)
			continue;
		rb_oid_hex(&refs[i].expected, hex);
		rb_git_arg(git, "--force-with-lease=%s:%s", refs[i].ref,
		           rb_oid_is_none(&refs[i].expected) ? "" : hex);
	}
}

static void add_refspecs(struct rb_git *git, const struct rb_push_ref *refs, size_t ref_count)
{
	char hex[RB_OID_HEX_SIZE];

	for (size_t i = 0; i < ref_count; i++) {
		rb_oid_hex(&refs[i].oid, hex);
		rb_git_arg(git, "%s:%s", rb_oid_is_none(&refs[i].oid) ? "" : hex, refs[i].ref);
	}
}

/*
 * --no-verify: a pre-push hook is for people's pushes; one that core.hooksPath brings in for
 * every repository of the user (linters, large-file programs) would stop backups.
 * --no-follow-tags, --recurse-submodules=no: the refs that are named, whatever the user's
 * push.* settings add.
 */
static int run_push(const struct rb_remote_act *act, struct rb_push_ref *refs, size_t ref_count,
                    int64_t timeout_ms, struct rb_proc_result *result, struct rb_err *err)
{
	const struct rb_git_limits limits = {
	        .timeout_ms = timeout_ms, .stdout_max = STDOUT_BYTES_MAX, .on_line = show_progress};
	struct rb_git git;
	int rc;

	rc = rb_git_begin_network(&git, act->repo, err);
	if (rc < 0)
		return rc;
	rb_git_arg(&git, "push");
	rb_git_arg(&git, "--porcelain");
	rb_git_arg(&git, "--progress");
	rb_git_arg(&git, "--no-verify");
	rb_git_arg(&git, "--no-follow-tags");
	rb_git_arg(&git, "--recurse-submodules=no");
	add_refs(&git, refs, ref_count);
	rb_git_arg(&git, "--");
	rb_git_arg(&git, "%s", act->remote);
	add_refspecs(&git, refs, ref_count);
	rc = rb_git_run(&git, &limits, result, err);
	rb_log_progress_end();
	rb_git_release(&git);
	return rc;
}

static struct rb_push_ref *find_ref(struct rb_push_ref *refs, size_t ref_count, const char *name,
                                    size_t len)
{
	for (size_t i = 0; i < ref_count; i++) {
		if (strlen(refs[i].ref) == len && memcmp(refs[i].ref, name, len) == 0)
			return &refs[i];
	}
	return NULL;
}

/* Copy bytes, cut to fit, control characters as blanks. */
static void copy_text(const char *text, size_t len, char *out, size_t size)
{
	if (len >= size)
		len = size - 1;
	for (size_t i = 0; i < len; i++)
		out[i] = iscntrl((unsigned char)text[i]) ? ' ' : text[i];
	out[len] = '\0';
}

/* "[remote rejected] (pre-receive hook declined)": what stands in the last parentheses. */
static void keep_reason(struct rb_push_ref *ref, const char *summary, size_t len)
{
	const char *open = memchr(summary, '(', len);

	if (open && summary[len - 1] == ')') {
		len = (size_t)(summary + len - 1 - (open + 1));
		summary = open + 1;
	}
	copy_text(summary, len, ref->reason, sizeof(ref->reason));
}

/*
 * One line: "<flag>\t<from>:<to>\t<summary> (<reason>)", where '!' alone means no.
 * source: git-push(1), "OUTPUT"
 */
static void take_line(struct rb_push_ref *refs, size_t ref_count, const char *line, size_t len)
{
	const char *end = line + len;
	const char *colon;
	const char *tab;
	struct rb_push_ref *ref;

	if (len < 2 || line[1] != '\t')
		return;
	tab = memchr(line + 2, '\t', len - 2);
	if (!tab)
		return;
	/* A ref has no colon, so the first one ends <from>. */
	colon = memchr(line + 2, ':', (size_t)(tab - line - 2));
	if (!colon)
		return;
	ref = find_ref(refs, ref_count, colon + 1, (size_t)(tab - colon - 1));
	if (!ref)
		return;
	ref->accepted = line[0] != '!';
	/* "[remote failure]" is no answer: the connection broke before there was one. */
	if (!ref->accepted && strncmp(tab + 1, "[remote failure]", 16) != 0)
		keep_reason(ref, tab + 1, (size_t)(end - tab - 1));
}

static void take_output(struct rb_push_ref *refs, size_t ref_count, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		take_line(refs, ref_count, text, len);
		text += len + (text[len] == '\n');
	}
}

/* "Writing objects: 100% (3/3), 1.19 MiB | 2.00 MiB/s, done." */
static uint64_t read_bytes_sent(const char *text)
{
	static const struct {
		const char *unit;
		double factor;
	} units[] = {{" bytes", 1},
	             {" KiB", 1024},
	             {" MiB", 1024.0 * 1024},
	             {" GiB", 1024.0 * 1024 * 1024}};
	uint64_t bytes = 0;

	for (const char *at = strstr(text, "Writing objects: 100% ("); at;
	     at = strstr(at + 1, "Writing objects: 100% (")) {
		const char *number = strstr(at, "), ");
		char *unit;
		double value;

		if (!number || number - at > 80)
			continue;
		value = strtod(number + 3, &unit);
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			if (strncmp(unit, units[i].unit, strlen(units[i].unit)) == 0 && value > 0)
				bytes = (uint64_t)(value * units[i].factor);
		}
	}
	return bytes;
}

/* Copy what follows `mark` in a line of the remote's, up to a blank. */
static void copy_after(const char *line, const char *mark, char *out, size_t size)
{
	size_t line_len = strcspn(line, "\r\n");
	const char *at = strstr(line, mark);

	if (!at || at >= line + line_len || *out)
		return;
	at += strlen(mark);
	copy_text(at, strcspn(at, " \t\r\n\033"), out, size);
}

/* "—— GitHub Personal Access Token ————": what stands between the dashes (UTF-8 E2 80 94). */
static void copy_kind(const char *line, char *out, size_t size)
{
	static const char dash[] = "\xe2\x80\x94";
	const char *start = strstr(line, dash);
	const char *end;
	size_t len;

	if (!start || start > line + strcspn(line, "\r\n") || *out)
		return;
	while (strncmp(start, dash, 3) == 0)
		start += 3;
	if (*start != ' ')
		return;
	start++;
	len = strcspn(start, "\r\n");
	end = strstr(start, dash);
	if (!end || end > start + len || end - start < 2)
		return;
	copy_text(start, (size_t)(end - start) - 1, out, size);
}

/*
 * GitHub's push protection names commit, path and line of a secret, and a page where the
 * push can be allowed.  source: docs.github.com, "Working with push protection from the
 * command line"
 */
static bool read_protection(const char *text, struct protection *out)
{
	memset(out, 0, sizeof(*out));
	if (!strstr(text, "GH013") && !strstr(text, "PUSH PROTECTION"))
		return false;
	for (const char *line = text; line; line = rb_remote_next_line(line)) {
		if (strncmp(line, "remote:", 7) != 0)
			continue;
		copy_kind(line, out->kind, sizeof(out->kind));
		copy_after(line, " commit: ", out->commit, sizeof(out->commit));
		copy_after(line, " path: ", out->path, sizeof(out->path));
		if (strstr(line, "/unblock-secret/"))
			copy_after(line, " https:", out->url, sizeof(out->url));
	}
	return out->path[0] != '\0';
}

static bool is_diverged(const struct rb_push_ref *ref)
{
	/* source: git v2.39 transport.c, print_one_push_report() */
	static const char *const reasons[] = {"non-fast-forward", "fetch first", "needs force",
	                                      "stale info", "remote ref updated since checkout"};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strcmp(ref->reason, reasons[i]) == 0)
			return true;
	}
	return false;
}

static int report_protection(const struct protection *protection, struct rb_err *err)
{
	rb_err_set(err, RB_E_REJECTED, "the host found a secret in '%s'%s%s%s%s%s",
	           protection->path, protection->commit[0] ? " of commit " : "", protection->commit,
	           protection->kind[0] ? " (" : "", protection->kind,
	           protection->kind[0] ? ")" : "");
	if (protection->url[0])
		return rb_err_hint(err,
		                   "leave that table or column out of the backup, or allow it at "
		                   "https:%s and run it again",
		                   protection->url);
	return rb_err_hint(err, "leave that table or column out of the backup, or allow the push "
	                        "in the host's settings");
}

/* Report the first ref that had to be accepted and was not. */
static int report_refusal(const struct rb_push_ref *ref, const char *text, struct rb_err *err)
{
	struct protection protection;
	struct rb_buf words = RB_BUF(4096);
	int rc;

	if (is_diverged(ref)) {
		rb_err_set(err, RB_E_REJECTED, "%s has diverged there (%s)", ref->ref, ref->reason);
		return rb_err_hint(err, "another writer pushed to it, and rowback never merges or "
		                        "overwrites: give this store a branch of its own "
		                        "(rowback.branch), or begin again from the remote with "
		                        "'rowback init --remote URL DIR'");
	}
	if (read_protection(text, &protection))
		return report_protection(&protection, err);

	rc = rb_remote_add_words(text, &words, err);
	if (rc < 0 && rc != RB_E_LIMIT)
		goto out;
	rc = rb_err_set(err, RB_E_REJECTED, "%s was refused (%s)%s%.450s", ref->ref, ref->reason,
	                words.len > 0 ? ": " : "", rb_buf_str(&words));
	rb_err_hint(err,
	            "the remote's rules or hooks decide: let this key push to %s there; the "
	            "backup is safe in the local store",
	            ref->ref);

out:
	rb_buf_release(&words);
	return rc;
}

static int push(const struct rb_remote_act *act, struct rb_push_ref *refs, size_t ref_count,
                int64_t timeout_ms, struct rb_push_stats *stats, struct rb_err *err)
{
	struct rb_proc_result result = {0};
	const char *text;
	int rc;

	rc = run_push(act, refs, ref_count, timeout_ms, &result, err);
	if (rc == RB_E_TIMEOUT)
		rb_err_hint(err, "the connection stalled, or rowback.pushTimeout is too short for "
		                 "what has to be sent; the backup is safe in the local store");
	if (rc < 0) {
		rb_remote_wrap(act, rc, err);
		goto out;
	}
	text = rb_buf_str(&result.errtxt);
	take_output(refs, ref_count, rb_buf_str(&result.out));
	stats->bytes_sent = read_bytes_sent(text);
	for (size_t i = 0; i < ref_count; i++) {
		if (refs[i].accepted || refs[i].optional)
			continue;
		if (refs[i].reason[0] == '\0') {
			rc = rb_remote_report(act, &result, err);
		} else {
			rc = report_refusal(&refs[i], text, err);
			rb_remote_wrap(act, rc, err);
		}
		break;
	}

out:
	rb_proc_result_release(&result);
	return rc;
}

int rb_remote_push(struct rb_repo *repo, const char *remote, struct rb_push_ref *refs,
                   size_t ref_count, int64_t timeout_ms, struct rb_push_stats *stats,
                   struct rb_err *err)
{
	struct rb_remote_act act = {.repo = repo, .verb = "push to", .remote = remote};
	struct rb_push_stats own_stats = {0};
	struct rb_buf url = RB_BUF(RB_REMOTE_URL_BYTES_MAX);
	int rc;

	for (size_t i = 0; i < ref_count; i++) {
		refs[i].accepted = false;
		refs[i].reason[0] = '\0';
	}
	rc = rb_remote_shown_url(repo, remote, &url, err);
	if (rc < 0)
		goto out;
	act.url = rb_buf_str(&url);
	if (ref_count > 0)
		rc = push(&act, refs, ref_count, timeout_ms, &own_stats, err);
	if (stats)
		*stats = own_stats;

out:
	rb_buf_release(&url);
	return rc;
}
