/*
 * libgit2: starting it, and its errors in our terms.
 */
#include <git2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "repo_priv.h"

/*
 * libgit2 maps windows of packs that it reads: its defaults (1 GiB each) would count as
 * our memory.  We read packs ourselves; only deltas and oddities go through these.
 */
#define MAP_WINDOW_BYTES ((size_t)4 << 20)
#define MAP_TOTAL_BYTES ((size_t)32 << 20)

/* Commits and small trees that libgit2 keeps, instead of up to 256 MiB. */
#define CACHE_BYTES ((ssize_t)16 << 20)

static pthread_once_t lib_once = PTHREAD_ONCE_INIT;
static int lib_rc;

static void lib_start(void)
{
	/* objectformat may stand there with the value sha1; check_config() looks at it. */
	const char *extensions[] = {"objectformat"};

	lib_rc = git_libgit2_init();
	if (lib_rc < 0)
		return;
	lib_rc = git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
	if (lib_rc == 0)
		lib_rc = git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 1);
	if (lib_rc == 0)
		lib_rc = git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, extensions, (size_t)1);
	if (lib_rc == 0)
		lib_rc = git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, MAP_WINDOW_BYTES);
	if (lib_rc == 0)
		lib_rc = git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, MAP_TOTAL_BYTES);
	if (lib_rc == 0)
		lib_rc = git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, CACHE_BYTES);
}

int rb_repo_lib_init(struct rb_err *err)
{
	if (pthread_once(&lib_once, lib_start) != 0 || lib_rc < 0)
		return rb_err_set(err, RB_E_NOMEM, "libgit2 cannot be started");
	return RB_OK;
}

static enum rb_status status_of(int git_rc, const git_error *last)
{
	switch (git_rc) {
	case GIT_ENOTFOUND:
	case GIT_EUNBORNBRANCH:
		return RB_E_NOTFOUND;
	case GIT_EEXISTS:
		return RB_E_EXISTS;
	case GIT_ELOCKED:
	case GIT_EMODIFIED:
		return RB_E_LOCKED;
	case GIT_EINVALIDSPEC:
	case GIT_EAMBIGUOUS:
		return RB_E_USAGE;
	case GIT_EMISMATCH:
		return RB_E_FORMAT;
	default:
		break;
	}
	switch (last ? last->klass : GIT_ERROR_NONE) {
	case GIT_ERROR_NOMEMORY:
		return RB_E_NOMEM;
	case GIT_ERROR_CONFIG: /* a configuration file with an error in it */
		return RB_E_USAGE;
	case GIT_ERROR_ODB:
	case GIT_ERROR_ZLIB:
	case GIT_ERROR_OBJECT:
	case GIT_ERROR_TREE:
	case GIT_ERROR_TAG:
		return RB_E_FORMAT;
	default:
		return RB_E_IO;
	}
}

int rb_repo_git_err(struct rb_err *err, int git_rc, const char *fmt, ...)
{
	const git_error *last = git_error_last();
	enum rb_status status = status_of(git_rc, last);
	char what[RB_ERR_MSG_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (!last || !last->message || !last->message[0])
		return rb_err_set(err, status, "%s", what);
	/* The reason must survive a long path, so the path is what is cut. */
	return rb_err_set(err, status, "%.600s: %s", what, last->message);
}

git_oid rb_oid_to_git(const struct rb_oid *oid)
{
	git_oid out;

	memcpy(out.id, oid->id, sizeof(oid->id));
	return out;
}

struct rb_oid rb_oid_from_git(const git_oid *oid)
{
	struct rb_oid out;

	memcpy(out.id, oid->id, sizeof(out.id));
	return out;
}
