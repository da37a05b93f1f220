/*
 * What a remote is called and what it has; fetching from it.
 */
#include <stdlib.h>
#include <string.h>

#include "remote_priv.h"
#include "repo_priv.h"

/* A million refs. */
#define LIST_BYTES_MAX ((size_t)128 << 20)
#define CONFIG_TIMEOUT_MS 30000

int rb_remote_url(struct rb_repo *repo, const char *remote, struct rb_buf *out, struct rb_err *err)
{
	const struct rb_git_limits limits = {.timeout_ms = CONFIG_TIMEOUT_MS,
	                                     .stdout_max = RB_REMOTE_URL_BYTES_MAX};
	struct rb_proc_result result = {0};
	struct rb_git git;
	const char *text;
	size_t len;
	int rc;

	rb_git_begin(&git, repo);
	rb_git_arg(&git, "remote");
	rb_git_arg(&git, "get-url");
	rb_git_arg(&git, "--push");
	rb_git_arg(&git, "--all");
	rb_git_arg(&git, "--");
	rb_git_arg(&git, "%s", remote);
	rc = rb_git_run(&git, &limits, &result, err);
	if (rc < 0)
		goto out;
	text = rb_buf_str(&result.out);
	len = strcspn(text, "\n");
	if (result.exit_code != 0 || len == 0) {
		rb_err_set(err, RB_E_NOTFOUND, "there is no remote '%s'", remote);
		rc = rb_err_hint(err, "git -C '%s' remote add %s URL",
		                 rb_repo_work_dir(repo) ? rb_repo_work_dir(repo)
		                                        : rb_repo_git_dir(repo),
		                 remote);
		goto out;
	}
	if (text[len] == '\n' && text[len + 1] != '\0') {
		/* Each may be public, refuse or diverge on its own. */
		rb_err_set(err, RB_E_UNSUPPORTED, "remote '%s' has several push URLs", remote);
		rc = rb_err_hint(err, "keep one; let the host mirror to the others");
		goto out;
	}
	rc = rb_buf_add(out, text, len, err);

out:
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

int rb_remote_shown_url(struct rb_repo *repo, const char *remote, struct rb_buf *out,
                        struct rb_err *err)
{
	struct rb_buf url = RB_BUF(RB_REMOTE_URL_BYTES_MAX);
	int rc;

	if (rb_remote_is_url(remote))
		return rb_remote_redact_url(remote, out, err);
	rc = rb_remote_url(repo, remote, &url, err);
	if (rc == RB_OK)
		rc = rb_remote_redact_url(rb_buf_str(&url), out, err);
	rb_buf_release(&url);
	return rc;
}

/*
 * Run a command that is put together, and let `result` hold what it printed; a status that
 * is not 0 is reported.
 */
static int run(const struct rb_remote_act *act, struct rb_git *git, int64_t timeout_ms,
               struct rb_proc_result *result, struct rb_err *err)
{
	const struct rb_git_limits limits = {.timeout_ms = timeout_ms,
	                                     .stdout_max = LIST_BYTES_MAX};
	int rc = rb_git_run(git, &limits, result, err);

	if (rc == RB_E_TIMEOUT)
		rb_err_hint(err, "the remote does not answer, or answers slowly; try again");
	if (rc < 0)
		return rb_remote_wrap(act, rc, err);
	if (result->exit_code != 0)
		return rb_remote_report(act, result, err);
	return RB_OK;
}

static int compare_refs(const void *a, const void *b)
{
	const struct rb_remote_ref *left = a;
	const struct rb_remote_ref *right = b;

	return strcmp(left->ref, right->ref);
}

/* Git matches a pattern with the end of a ref's name, too; here it is the whole name. */
static bool matches(const char *const *patterns, const char *ref)
{
	if (!patterns || !patterns[0])
		return true;
	for (; *patterns; patterns++) {
		size_t len = strlen(*patterns);

		if (len > 0 && (*patterns)[len - 1] == '*') {
			if (strncmp(ref, *patterns, len - 1) == 0)
				return true;
		} else if (strcmp(ref, *patterns) == 0) {
			return true;
		}
	}
	return false;
}

static int add_ref(struct rb_remote_refs *refs, size_t *cap, const char *name,
                   const struct rb_oid *oid, struct rb_err *err)
{
	struct rb_remote_ref *added;

	if (refs->count == *cap) {
		size_t grown_cap = *cap ? 2 * *cap : 16;
		struct rb_remote_ref *grown;

		grown = realloc(refs->refs, grown_cap * sizeof(*grown));
		if (!grown)
			return rb_err_set(err, RB_E_NOMEM, "no memory for %zu refs", grown_cap);
		refs->refs = grown;
		*cap = grown_cap;
	}
	added = &refs->refs[refs->count];
	added->oid = *oid;
	added->ref = strdup(name);
	if (!added->ref)
		return rb_err_set(err, RB_E_NOMEM, "no memory for ref '%s'", name);
	refs->count++;
	return RB_OK;
}

/* Read lines of "<name of object>\t<ref>". */
static int read_list(char *text, const char *const *patterns, struct rb_remote_refs *out,
                     struct rb_err *err)
{
	size_t cap = 0;
	int rc = RB_OK;

	while (*text && rc == RB_OK) {
		char *end = text + strcspn(text, "\n");
		char *next = *end ? end + 1 : end;
		char *tab = memchr(text, '\t', (size_t)(end - text));
		struct rb_oid oid;

		*end = '\0';
		if (!tab)
			return rb_err_set(err, RB_E_FORMAT, "git ls-remote printed '%.80s'", text);
		*tab = '\0';
		if (!rb_oid_parse(text, &oid)) {
			rb_err_set(err, RB_E_UNSUPPORTED,
			           "the remote does not name objects by SHA-1");
			return rb_err_hint(err, "make it with: git init --object-format=sha1");
		}
		if (matches(patterns, tab + 1))
			rc = add_ref(out, &cap, tab + 1, &oid, err);
		text = next;
	}
	return rc;
}

int rb_remote_list(struct rb_repo *repo, const char *remote, const char *const *patterns,
                   int64_t timeout_ms, struct rb_remote_refs *out, struct rb_err *err)
{
	struct rb_remote_act act = {.repo = repo, .verb = "read", .remote = remote};
	struct rb_buf url = RB_BUF(RB_REMOTE_URL_BYTES_MAX);
	struct rb_proc_result result = {0};
	struct rb_git git = {0};
	int rc;

	memset(out, 0, sizeof(*out));
	rc = rb_remote_shown_url(repo, remote, &url, err);
	if (rc < 0)
		goto out;
	act.url = rb_buf_str(&url);
	rc = rb_git_begin_network(&git, repo, err);
	if (rc < 0)
		goto out;
	rb_git_arg(&git, "ls-remote");
	rb_git_arg(&git, "--quiet");
	rb_git_arg(&git, "--refs");
	rb_git_arg(&git, "--");
	rb_git_arg(&git, "%s", remote);
	for (size_t i = 0; patterns && patterns[i]; i++)
		rb_git_arg(&git, "%s", patterns[i]);
	rc = run(&act, &git, timeout_ms, &result, err);
	if (rc == RB_OK && result.out.len > 0)
		rc = read_list(result.out.data, patterns, out, err);
	if (rc == RB_OK && out->count > 0)
		qsort(out->refs, out->count, sizeof(*out->refs), compare_refs);

out:
	if (rc < 0)
		rb_remote_refs_release(out);
	rb_proc_result_release(&result);
	rb_git_release(&git);
	rb_buf_release(&url);
	return rc;
}

void rb_remote_refs_release(struct rb_remote_refs *refs)
{
	for (size_t i = 0; i < refs->count; i++)
		free(refs->refs[i].ref);
	free(refs->refs);
	memset(refs, 0, sizeof(*refs));
}

const struct rb_oid *rb_remote_refs_find(const struct rb_remote_refs *refs, const char *ref)
{
	for (size_t i = 0; i < refs->count; i++) {
		if (strcmp(refs->refs[i].ref, ref) == 0)
			return &refs->refs[i].oid;
	}
	return NULL;
}

int rb_remote_fetch(struct rb_repo *repo, const char *remote, const char *const *refspecs,
                    int64_t timeout_ms, struct rb_err *err)
{
	struct rb_remote_act act = {.repo = repo, .verb = "fetch from", .remote = remote};
	struct rb_buf url = RB_BUF(RB_REMOTE_URL_BYTES_MAX);
	struct rb_proc_result result = {0};
	struct rb_git git = {0};
	int rc;

	rc = rb_remote_shown_url(repo, remote, &url, err);
	if (rc < 0)
		goto out;
	act.url = rb_buf_str(&url);
	rc = rb_git_begin_network(&git, repo, err);
	if (rc < 0)
		goto out;
	/* One pack, whatever its size: loose objects are slow to make and to read. */
	rb_git_arg(&git, "-c");
	rb_git_arg(&git, "fetch.unpackLimit=1");
	/* What comes from outside is checked before it is kept. */
	rb_git_arg(&git, "-c");
	rb_git_arg(&git, "fetch.fsckObjects=true");
	rb_git_arg(&git, "fetch");
	rb_git_arg(&git, "--quiet");
	rb_git_arg(&git, "--no-tags");
	rb_git_arg(&git, "--no-prune");
	rb_git_arg(&git, "--no-write-fetch-head");
	/* No other ref moves than those the caller names. */
	rb_git_arg(&git, "--refmap=");
	rb_git_arg(&git, "--no-recurse-submodules");
	rb_git_arg(&git, "--");
	rb_git_arg(&git, "%s", remote);
	for (size_t i = 0; refspecs && refspecs[i]; i++)
		rb_git_arg(&git, "%s", refspecs[i]);
	rc = run(&act, &git, timeout_ms, &result, err);
	if (rc == RB_OK)
		rc = rb_repo_refresh(repo, err);

out:
	rb_proc_result_release(&result);
	rb_git_release(&git);
	rb_buf_release(&url);
	return rc;
}
