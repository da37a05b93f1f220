/*
 * See rowback/repo/repo.h: reading objects.
 */
#include <git2.h>
#include <pthread.h>
#include <unistd.h>

#include "packs_priv.h"
#include "repo_priv.h"
#include "rowback/base/buf.h"
#include "rowback/repo/repo.h"

/* Read through libgit2, which looks at the disk again when it does not know the object. */
static int read_by_libgit2(struct rb_repo *repo, const struct rb_oid *oid,
                           enum rb_object_type *type, struct rb_buf *out, struct rb_err *err)
{
	git_oid id = rb_oid_to_git(oid);
	git_odb_object *object = NULL;
	git_object_t git_type = GIT_OBJECT_INVALID;
	char hex[RB_OID_HEX_SIZE];
	size_t size = 0;
	int rc;

	rb_oid_hex(oid, hex);
	pthread_mutex_lock(&repo->odb_lock);
	/* The header first: the whole would be in memory before its size is known. */
	rc = git_odb_read_header(&size, &git_type, repo->odb, &id);
	if (rc == 0 && size <= out->max - out->len)
		rc = git_odb_read(&object, repo->odb, &id);
	pthread_mutex_unlock(&repo->odb_lock);

	if (rc == GIT_ENOTFOUND)
		return rb_err_set(err, RB_E_NOTFOUND, "there is no object %s", hex);
	if (rc < 0)
		return rb_repo_git_err(err, rc, "object %s cannot be read", hex);
	if (!object)
		return rb_err_set(err, RB_E_LIMIT, "%zu bytes are more than the limit of %zu", size,
		                  out->max);
	rc = rb_buf_add(out, git_odb_object_data(object), git_odb_object_size(object), err);
	*type = (enum rb_object_type)git_odb_object_type(object);
	git_odb_object_free(object);
	return rc;
}

static int read_any(struct rb_repo *repo, const struct rb_oid *oid, enum rb_object_type *type,
                    struct rb_buf *out, struct rb_err *err)
{
	struct rb_inflater *inflater = rb_packs_take_inflater(repo->packs, err);
	bool outdated = false;
	int rc;

	if (!inflater)
		return RB_E_NOMEM;
	rc = rb_packs_read(repo, oid, inflater, type, out, &outdated, err);
	if (rc == RB_E_NOTFOUND && outdated && rb_repo_refresh(repo, NULL) == RB_OK)
		rc = rb_packs_read(repo, oid, inflater, type, out, &outdated, err);
	rb_packs_give_inflater(repo->packs, inflater);

	/* A damaged object may be whole elsewhere. */
	if (rc == RB_E_NOTFOUND || rc == RB_E_UNSUPPORTED || rc == RB_E_FORMAT)
		rc = read_by_libgit2(repo, oid, type, out, err);
	return rc;
}

/* Read an object that must be of a type (0: any); `found` is what it is. */
static int read_typed(struct rb_repo *repo, const struct rb_oid *oid, enum rb_object_type type,
                      enum rb_object_type *found, struct rb_buf *out, struct rb_err *err)
{
	size_t before = out->len;
	char hex[RB_OID_HEX_SIZE];
	int rc = read_any(repo, oid, found, out, err);

	if (rc < 0 || type == 0 || *found == type)
		return rc;
	out->len = before;
	out->data[before] = '\0';
	rb_oid_hex(oid, hex);
	return rb_err_set(err, RB_E_FORMAT, "object %s is a %s, not a %s", hex,
	                  rb_object_type_name(*found), rb_object_type_name(type));
}

int rb_repo_read(struct rb_repo *repo, const struct rb_oid *oid, enum rb_object_type type,
                 struct rb_buf *out, struct rb_err *err)
{
	enum rb_object_type found = type;

	return read_typed(repo, oid, type, &found, out, err);
}

int rb_repo_read_verified(struct rb_repo *repo, const struct rb_oid *oid, enum rb_object_type type,
                          struct rb_buf *out, struct rb_err *err)
{
	enum rb_object_type found = type;
	size_t before = out->len;
	struct rb_oid is;
	char hex[RB_OID_HEX_SIZE];
	int rc = read_typed(repo, oid, type, &found, out, err);

	if (rc == RB_OK)
		rc = rb_object_id(found, out->data + before, out->len - before, &is, err);
	if (rc < 0 || rb_oid_equal(&is, oid))
		return rc;
	out->len = before;
	out->data[before] = '\0';
	rb_oid_hex(oid, hex);
	return rb_err_set(err, RB_E_FORMAT, "object %s is damaged: its content is another's", hex);
}

int rb_repo_object_size(struct rb_repo *repo, const struct rb_oid *oid, uint64_t *out,
                        struct rb_err *err)
{
	git_oid id = rb_oid_to_git(oid);
	git_object_t type = GIT_OBJECT_INVALID;
	char hex[RB_OID_HEX_SIZE];
	size_t size = 0;
	int rc;

	pthread_mutex_lock(&repo->odb_lock);
	rc = git_odb_read_header(&size, &type, repo->odb, &id);
	pthread_mutex_unlock(&repo->odb_lock);
	*out = size;
	if (rc == 0)
		return RB_OK;
	rb_oid_hex(oid, hex);
	if (rc == GIT_ENOTFOUND)
		return rb_err_set(err, RB_E_NOTFOUND, "there is no object %s", hex);
	return rb_repo_git_err(err, rc, "object %s cannot be read", hex);
}

void rb_repo_drop_loose(struct rb_repo *repo, const struct rb_oid *oid)
{
	struct rb_buf path = RB_BUF(8192);
	char hex[RB_OID_HEX_SIZE];

	rb_oid_hex(oid, hex);
	if (rb_buf_addf(&path, NULL, "%s/objects/%.2s/%s", rb_repo_git_dir(repo), hex, hex + 2) ==
	    RB_OK)
		unlink(rb_buf_str(&path));
	rb_buf_release(&path);
}
