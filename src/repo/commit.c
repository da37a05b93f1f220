/*
 * See rowback/repo/commit.h.
 *
 *	tree 4b825dc6...
 *	parent 9a3c...                              none, one or several
 *	author Name <mail> 1763650000 +0000
 *	committer Name <mail> 1763650000 +0000
 *	gpgsig -----BEGIN ...                       and others; a line that begins with a
 *	 ...                                        space goes on with the one before
 *
 *	message
 */
#include <git2.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "repo_priv.h"
#include "rowback/base/buf.h"
#include "rowback/base/cancel.h"
#include "rowback/repo/commit.h"

/* A commit is a message for people. */
#define COMMIT_MAX_BYTES ((size_t)16 << 20)

static int add_hash(struct rb_buf *out, const char *key, const struct rb_oid *oid,
                    struct rb_err *err)
{
	char hex[RB_OID_HEX_SIZE];

	rb_oid_hex(oid, hex);
	return rb_buf_addf(out, err, "%s %s\n", key, hex);
}

static int add_identity(struct rb_repo *repo, struct rb_buf *out, enum rb_role role,
                        int64_t time_unix_s, struct rb_err *err)
{
	struct rb_identity who = RB_IDENTITY;
	int rc = rb_repo_identity(repo, role, &who, err);

	if (rc == RB_OK)
		rc = rb_buf_addf(out, err, "%s %s <%s> %" PRId64 " +0000\n",
		                 role == RB_ROLE_AUTHOR ? "author" : "committer",
		                 rb_buf_str(&who.name), rb_buf_str(&who.email), time_unix_s);
	rb_identity_release(&who);
	return rc;
}

/* Durably, as an object of its own: libgit2 syncs it (GIT_OPT_ENABLE_FSYNC_GITDIR). */
static int write_loose(struct rb_repo *repo, const struct rb_buf *text, struct rb_oid *out,
                       struct rb_err *err)
{
	git_oid id;
	int code;

	pthread_mutex_lock(&repo->odb_lock);
	code = git_odb_write(&id, repo->odb, text->data, text->len, GIT_OBJECT_COMMIT);
	pthread_mutex_unlock(&repo->odb_lock);
	if (code < 0)
		return rb_repo_git_err(err, code, "the commit cannot be written");
	memcpy(out->id, id.id, sizeof(out->id));
	return RB_OK;
}

int rb_commit_write(struct rb_repo *repo, struct rb_pack *pack, unsigned int slot,
                    const struct rb_commit_opts *opts, struct rb_oid *out, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(COMMIT_MAX_BYTES);
	int rc = add_hash(&text, "tree", &opts->tree, err);

	for (size_t i = 0; i < opts->parent_count && rc == RB_OK; i++)
		rc = add_hash(&text, "parent", &opts->parents[i], err);
	if (rc == RB_OK)
		rc = add_identity(repo, &text, RB_ROLE_AUTHOR, opts->time_unix_s, err);
	if (rc == RB_OK)
		rc = add_identity(repo, &text, RB_ROLE_COMMITTER, opts->time_unix_s, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(&text, err, "\n%s", opts->message);
	if (rc == RB_OK)
		rc = pack ? rb_pack_add(pack, slot, RB_OBJECT_COMMIT, text.data, text.len, out,
		                        NULL, err)
		          : write_loose(repo, &text, out, err);
	rb_buf_release(&text);
	return rc;
}

/* The line at *at if it begins with key and a space: what follows, and *at past it. */
static const char *take_line(const char **at, const char *key, size_t *len)
{
	size_t key_len = strlen(key);
	const char *value;
	const char *end;

	if (strncmp(*at, key, key_len) != 0 || (*at)[key_len] != ' ')
		return NULL;
	value = *at + key_len + 1;
	end = strchr(value, '\n');
	if (!end)
		return NULL;
	*len = (size_t)(end - value);
	*at = end + 1;
	return value;
}

static bool take_hash(const char **at, const char *key, struct rb_oid *oid)
{
	char hex[RB_OID_HEX_SIZE];
	size_t len = 0;
	const char *value = take_line(at, key, &len);

	if (!value || len != RB_OID_HEX_SIZE - 1)
		return false;
	memcpy(hex, value, len);
	hex[len] = '\0';
	return rb_oid_parse(hex, oid);
}

/* The seconds behind the address; what people's programs wrote there may be anything. */
static bool take_time(const char **at, const char *key, int64_t *unix_s)
{
	char digits[32] = "";
	size_t len = 0;
	size_t begin;
	const char *value = take_line(at, key, &len);

	if (!value)
		return false;
	for (begin = len; begin > 0 && value[begin - 1] != '>'; begin--)
		;
	if (begin > 0 && len - begin < sizeof(digits))
		memcpy(digits, value + begin, len - begin);
	*unix_s = strtoll(digits, NULL, 10);
	return true;
}

static int take_parents(const char **at, struct rb_commit *commit)
{
	size_t count = 0;

	for (const char *line = *at; strncmp(line, "parent ", 7) == 0; count++) {
		line = strchr(line, '\n');
		if (!line)
			return RB_E_FORMAT;
		line++;
	}
	if (count == 0)
		return RB_OK;
	commit->parents = calloc(count, sizeof(*commit->parents));
	if (!commit->parents)
		return RB_E_NOMEM;
	while (commit->parent_count < count)
		if (!take_hash(at, "parent", &commit->parents[commit->parent_count++]))
			return RB_E_FORMAT;
	return RB_OK;
}

/* text ends with a NUL; what stands behind one inside it is not seen. */
static int parse(const char *text, struct rb_commit *commit)
{
	const char *at = text;
	int64_t author_time;
	int rc;

	if (!take_hash(&at, "tree", &commit->tree))
		return RB_E_FORMAT;
	rc = take_parents(&at, commit);
	if (rc < 0)
		return rc;
	if (!take_time(&at, "author", &author_time) ||
	    !take_time(&at, "committer", &commit->time_unix_s))
		return RB_E_FORMAT;
	/* Signatures, encodings and what is yet to come: all up to the empty line. */
	while (*at != '\n' && *at != '\0') {
		at = strchr(at, '\n');
		if (!at)
			return RB_E_FORMAT;
		at++;
	}
	if (*at == '\n')
		at++;
	commit->message = strdup(at);
	return commit->message ? RB_OK : RB_E_NOMEM;
}

int rb_commit_read(struct rb_repo *repo, const struct rb_oid *oid, struct rb_commit *out,
                   struct rb_err *err)
{
	struct rb_buf text = RB_BUF(COMMIT_MAX_BYTES);
	struct rb_commit commit = {.oid = *oid};
	char hex[RB_OID_HEX_SIZE];
	int rc = rb_repo_read(repo, oid, RB_OBJECT_COMMIT, &text, err);

	if (rc < 0)
		goto out;
	rb_oid_hex(oid, hex);
	rc = parse(rb_buf_str(&text), &commit);
	if (rc == RB_E_NOMEM)
		rb_err_set(err, RB_E_NOMEM, "no memory to read commit %s", hex);
	else if (rc < 0)
		rb_err_set(err, RB_E_FORMAT, "commit %s is damaged", hex);
	if (rc < 0) {
		rb_commit_release(&commit);
		goto out;
	}
	*out = commit;

out:
	rb_buf_release(&text);
	return rc;
}

void rb_commit_release(struct rb_commit *commit)
{
	free(commit->parents);
	free(commit->message);
	memset(commit, 0, sizeof(*commit));
}

int rb_commit_walk(struct rb_repo *repo, const struct rb_oid *from,
                   int (*fn)(void *ctx, const struct rb_commit *commit, struct rb_err *err),
                   void *ctx, struct rb_err *err)
{
	struct rb_oid at = *from;
	bool more = !rb_oid_is_none(from);
	int rc = RB_OK;

	while (more && rc == RB_OK) {
		struct rb_commit commit;

		rc = rb_cancel_check(err);
		if (rc == RB_OK)
			rc = rb_commit_read(repo, &at, &commit, err);
		if (rc < 0)
			return rc;
		rc = fn(ctx, &commit, err);
		more = commit.parent_count > 0;
		if (more)
			at = commit.parents[0];
		rb_commit_release(&commit);
	}
	return rc < 0 ? rc : RB_OK;
}

/* libgit2 has no code of its own for a commit that is missing at an end of the walk. */
static int must_exist(struct rb_repo *repo, const struct rb_oid *oid, struct rb_err *err)
{
	git_oid id = rb_oid_to_git(oid);
	char hex[RB_OID_HEX_SIZE];
	bool there;

	pthread_mutex_lock(&repo->odb_lock);
	there = git_odb_exists(repo->odb, &id) == 1;
	pthread_mutex_unlock(&repo->odb_lock);
	if (there)
		return RB_OK;
	rb_oid_hex(oid, hex);
	return rb_err_set(err, RB_E_NOTFOUND, "there is no commit %s", hex);
}

int rb_commit_is_ancestor(struct rb_repo *repo, const struct rb_oid *ancestor,
                          const struct rb_oid *tip, struct rb_err *err)
{
	git_oid ancestor_id = rb_oid_to_git(ancestor);
	git_oid tip_id = rb_oid_to_git(tip);
	char hex[RB_OID_HEX_SIZE];
	int rc = must_exist(repo, ancestor, err);

	if (rc == RB_OK)
		rc = must_exist(repo, tip, err);
	if (rc < 0)
		return rc;
	if (rb_oid_equal(ancestor, tip))
		return 1;
	rc = git_graph_descendant_of(repo->git, &tip_id, &ancestor_id);
	if (rc < 0) {
		rb_oid_hex(tip, hex);
		return rb_repo_git_err(err, rc, "cannot walk the history of %s", hex);
	}
	return rc;
}
