/*
 * See packs_priv.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "packs_priv.h"
#include "repo_priv.h"
#include "rowback/base/encode.h"
#include "rowback/base/fs.h"
#include "rowback/repo/repo.h"

/* Each pack holds a descriptor, and 1,024 is the usual limit of a process. */
#define PACKS_MAX 256

/* Inflaters kept for reuse; no more than this many threads read at once. */
#define INFLATERS_MAX 16

struct rb_packs {
	pthread_rwlock_t lock;    /**< readers read; a look at the directory writes */
	struct rb_packfile **all; /**< PACKS_MAX places */
	size_t count;
	bool others;            /**< there is more than `all` and loose objects */
	bool loose_dirs[256];   /**< objects/xx that exist */
	struct timespec mtime;  /**< of objects/pack when it was looked at */
	atomic_size_t last_hit; /**< where the last object was found: the next is near */

	pthread_mutex_t inflater_lock;
	struct rb_inflater *inflaters[INFLATERS_MAX]; /**< not in use now */
	size_t inflater_count;
};

static bool ends_with(const char *name, const char *end)
{
	size_t name_len = strlen(name);
	size_t end_len = strlen(end);

	return name_len > end_len && strcmp(name + name_len - end_len, end) == 0;
}

/* Take a pack out of the old list, or open it. */
static int load_pack(struct rb_packs *packs, struct rb_packfile **old, size_t old_count,
                     const char *idx_path, struct rb_err *err)
{
	struct rb_packfile *pack = NULL;
	struct rb_err ignored = {0};
	int rc;

	for (size_t i = 0; i < old_count; i++) {
		if (old[i] && strcmp(rb_packfile_idx_path(old[i]), idx_path) == 0) {
			packs->all[packs->count++] = old[i];
			old[i] = NULL;
			return RB_OK;
		}
	}
	rc = rb_packfile_open(idx_path, &pack, &ignored);
	if (rc == RB_E_NOMEM)
		return rb_err_set(err, RB_E_NOMEM, "%s", ignored.msg);
	/* A pack that went meanwhile, or that we cannot read: libgit2 has the last word. */
	if (rc < 0)
		packs->others = true;
	else
		packs->all[packs->count++] = pack;
	return RB_OK;
}

/* Read the names in objects/pack; `packs` is empty and gets what stands there. */
static int list_packs(struct rb_packs *packs, struct rb_packfile **old, size_t old_count,
                      const char *dir_path, struct rb_err *err)
{
	DIR *dir = opendir(dir_path);
	const struct dirent *entry;
	struct stat st;
	int rc = RB_OK;

	memset(&packs->mtime, 0, sizeof(packs->mtime));
	if (!dir && errno == ENOENT)
		return RB_OK;
	if (!dir)
		return rb_err_sys(err, errno, "cannot read '%s'", dir_path);
	/* Before the names: a pack that comes later changes it again. */
	if (fstat(dirfd(dir), &st) == 0)
		packs->mtime = st.st_mtim;
	while (rc == RB_OK && (entry = readdir(dir))) {
		char *path;

		if (!ends_with(entry->d_name, ".idx"))
			continue;
		if (packs->count == PACKS_MAX) {
			packs->others = true;
			break;
		}
		path = rb_fs_join(dir_path, entry->d_name);
		if (path)
			rc = load_pack(packs, old, old_count, path, err);
		else
			rc = rb_err_set(err, RB_E_NOMEM, "no memory to read '%s'", dir_path);
		free(path);
	}
	closedir(dir);
	return rc;
}

/* Which of objects/00 .. objects/ff there are: a store of ours has hardly any. */
static void list_loose(struct rb_repo *repo)
{
	bool *dirs = repo->packs->loose_dirs;
	DIR *dir = opendir(repo->objects_dir);
	const struct dirent *entry;
	unsigned char byte;

	/* Without a look each may be there. */
	memset(dirs, !dir, sizeof(repo->packs->loose_dirs));
	while (dir && (entry = readdir(dir)))
		if (strlen(entry->d_name) == 2 && rb_hex_decode(entry->d_name, 2, &byte, 1))
			dirs[byte] = true;
	if (dir)
		closedir(dir);
}

static bool has_alternates(const struct rb_repo *repo)
{
	char *path = rb_fs_join(repo->objects_dir, "info/alternates");
	bool there = !path || rb_fs_exists(path);

	free(path);
	return there;
}

/* Look at the disk again, under the write lock. */
static int rescan(struct rb_repo *repo, struct rb_err *err)
{
	struct rb_packs *packs = repo->packs;
	struct rb_packfile **old = packs->all;
	size_t old_count = packs->count;
	struct rb_packfile **fresh = calloc(PACKS_MAX, sizeof(struct rb_packfile *));
	char *dir_path = rb_fs_join(repo->objects_dir, "pack");
	int rc;

	if (!fresh || !dir_path) {
		free(fresh);
		free(dir_path);
		return rb_err_set(err, RB_E_NOMEM, "no memory to read '%s'", repo->objects_dir);
	}
	packs->all = fresh;
	packs->count = 0;
	packs->others = has_alternates(repo);
	rc = list_packs(packs, old, old_count, dir_path, err);
	list_loose(repo);
	if (rc < 0) { /* what was not listed is there all the same */
		packs->others = true;
		memset(&packs->mtime, 0, sizeof(packs->mtime));
	}
	for (size_t i = 0; i < old_count; i++)
		rb_packfile_close(old[i]);
	free(old);
	free(dir_path);
	return rc;
}

int rb_packs_new(struct rb_repo *repo, struct rb_err *err)
{
	struct rb_packs *packs = calloc(1, sizeof(*packs));

	if (!packs)
		return rb_err_set(err, RB_E_NOMEM, "no memory to read packs");
	if (pthread_rwlock_init(&packs->lock, NULL) != 0) {
		free(packs);
		return rb_err_set(err, RB_E_NOMEM, "no memory for a lock");
	}
	if (pthread_mutex_init(&packs->inflater_lock, NULL) != 0) {
		pthread_rwlock_destroy(&packs->lock);
		free(packs);
		return rb_err_set(err, RB_E_NOMEM, "no memory for a lock");
	}
	repo->packs = packs;
	return rescan(repo, err);
}

void rb_packs_free(struct rb_packs *packs)
{
	if (!packs)
		return;
	for (size_t i = 0; i < packs->count; i++)
		rb_packfile_close(packs->all[i]);
	for (size_t i = 0; i < packs->inflater_count; i++)
		rb_inflater_free(packs->inflaters[i]);
	pthread_mutex_destroy(&packs->inflater_lock);
	pthread_rwlock_destroy(&packs->lock);
	free(packs->all);
	free(packs);
}

int rb_repo_refresh(struct rb_repo *repo, struct rb_err *err)
{
	int rc;

	pthread_rwlock_wrlock(&repo->packs->lock);
	rc = rescan(repo, err);
	pthread_rwlock_unlock(&repo->packs->lock);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&repo->odb_lock);
	rc = git_odb_refresh(repo->odb);
	pthread_mutex_unlock(&repo->odb_lock);
	return rc < 0 ? rb_repo_git_err(err, rc, "cannot read '%s'", repo->objects_dir) : RB_OK;
}

/* Under the read lock. */
static struct rb_packfile *find(struct rb_packs *packs, const struct rb_oid *oid, uint64_t *offset)
{
	size_t first = atomic_load_explicit(&packs->last_hit, memory_order_relaxed);

	for (size_t i = 0; i < packs->count; i++) {
		size_t at = (first + i) % packs->count;

		if (rb_packfile_find(packs->all[at], oid, offset)) {
			if (i > 0)
				atomic_store_explicit(&packs->last_hit, at, memory_order_relaxed);
			return packs->all[at];
		}
	}
	return NULL;
}

static bool has_loose(const struct rb_repo *repo, const struct rb_oid *oid, bool freshen)
{
	char hex[RB_OID_HEX_SIZE];
	char name[RB_OID_HEX_SIZE + 1];
	char *path;
	bool there;

	if (!repo->packs->loose_dirs[oid->id[0]])
		return false;
	rb_oid_hex(oid, hex);
	snprintf(name, sizeof(name), "%.2s/%s", hex, hex + 2);
	path = rb_fs_join(repo->objects_dir, name);
	there = path && rb_fs_exists(path);
	if (there && freshen)
		(void)utimensat(AT_FDCWD, path, NULL, 0);
	free(path);
	return there;
}

bool rb_packs_has(struct rb_repo *repo, const struct rb_oid *oid, bool freshen)
{
	struct rb_packs *packs = repo->packs;
	struct rb_packfile *pack;
	uint64_t offset = 0;
	bool there;
	bool others;

	pthread_rwlock_rdlock(&packs->lock);
	pack = find(packs, oid, &offset);
	if (pack && freshen)
		rb_packfile_freshen(pack);
	there = pack || has_loose(repo, oid, freshen);
	others = packs->others;
	pthread_rwlock_unlock(&packs->lock);

	if (!there && others) {
		git_oid id = rb_oid_to_git(oid);

		pthread_mutex_lock(&repo->odb_lock);
		there = git_odb_exists_ext(repo->odb, &id, GIT_ODB_LOOKUP_NO_REFRESH) == 1;
		pthread_mutex_unlock(&repo->odb_lock);
	}
	return there;
}

bool rb_repo_has(struct rb_repo *repo, const struct rb_oid *oid)
{
	return rb_packs_has(repo, oid, false);
}

struct rb_inflater *rb_packs_take_inflater(struct rb_packs *packs, struct rb_err *err)
{
	struct rb_inflater *inflater = NULL;

	pthread_mutex_lock(&packs->inflater_lock);
	if (packs->inflater_count > 0)
		inflater = packs->inflaters[--packs->inflater_count];
	pthread_mutex_unlock(&packs->inflater_lock);
	if (!inflater && rb_inflater_new(&inflater, err) < 0)
		return NULL;
	return inflater;
}

void rb_packs_give_inflater(struct rb_packs *packs, struct rb_inflater *inflater)
{
	pthread_mutex_lock(&packs->inflater_lock);
	if (packs->inflater_count < INFLATERS_MAX) {
		packs->inflaters[packs->inflater_count++] = inflater;
		inflater = NULL;
	}
	pthread_mutex_unlock(&packs->inflater_lock);
	rb_inflater_free(inflater);
}

/* Whether objects/pack has changed since it was looked at. */
static bool is_outdated(const struct rb_repo *repo)
{
	char *path = rb_fs_join(repo->objects_dir, "pack");
	const struct timespec *seen = &repo->packs->mtime;
	struct stat st;
	bool outdated = path && stat(path, &st) == 0 &&
	                (st.st_mtim.tv_sec != seen->tv_sec || st.st_mtim.tv_nsec != seen->tv_nsec);

	free(path);
	return outdated;
}

int rb_packs_read(struct rb_repo *repo, const struct rb_oid *oid, struct rb_inflater *inflater,
                  enum rb_object_type *type, struct rb_buf *out, bool *outdated, struct rb_err *err)
{
	struct rb_packs *packs = repo->packs;
	const struct rb_packfile *pack;
	uint64_t offset = 0;
	int rc;

	pthread_rwlock_rdlock(&packs->lock);
	pack = find(packs, oid, &offset);
	if (pack) {
		rc = rb_packfile_read(pack, offset, inflater, type, out, err);
	} else {
		*outdated = is_outdated(repo);
		rc = rb_err_set(err, RB_E_NOTFOUND, "the object is in no pack");
	}
	pthread_rwlock_unlock(&packs->lock);
	return rc;
}
