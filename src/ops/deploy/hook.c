/*
 * See rowback/ops/hook.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowback/base/fs.h"
#include "rowback/ops/hook.h"
#include "rowback/repo/hooks.h"
#include "hook_priv.h"

#define SCRIPT_MAX ((size_t)1 << 20)
#define NAME_MAX_BYTES 256

/* In the second line of each of our hooks. */
#define MARK "# rowback-hook "
/* What is appended to the name of a hook that was there before. */
#define BEFORE ".before-rowback"

/* A hook: its name here, git's name of it, its text. */
struct hook {
	const char *name;
	const char *file;
	const char *text;
};

static const struct hook hooks[] = {
        {"pre-push", "pre-push", rb_hook_pre_push},
        {"pre-receive", "pre-receive", rb_hook_pre_receive},
        {"append-only", "update", rb_hook_append_only},
};

/* A hook in a repository. */
struct place {
	const struct hook *hook;
	struct rb_hooks where;
	char *file;   /* .../hooks/pre-push */
	char *before; /* .../hooks/pre-push.before-rowback */
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for a hook");
}

static const struct hook *find_hook(const char *name)
{
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		if (strcmp(hooks[i].name, name) == 0)
			return &hooks[i];
	}
	return NULL;
}

const char *rb_hook_text(const char *hook)
{
	const struct hook *found = find_hook(hook);

	return found ? found->text : NULL;
}

static void release(struct place *place)
{
	rb_hooks_release(&place->where);
	free(place->file);
	free(place->before);
	memset(place, 0, sizeof(*place));
}

static int find_place(const char *name, const char *path, struct place *out, struct rb_err *err)
{
	char before[64];
	int rc;

	memset(out, 0, sizeof(*out));
	out->hook = find_hook(name);
	if (!out->hook) {
		rb_err_set(err, RB_E_USAGE, "'%.100s' is no hook of rowback's", name);
		return rb_err_hint(err, "there are pre-push, pre-receive and append-only");
	}
	rc = rb_hooks_find(path, &out->where, err);
	if (rc < 0)
		return rc;
	snprintf(before, sizeof(before), "%s" BEFORE, out->hook->file);
	out->file = rb_fs_join(out->where.dir, out->hook->file);
	out->before = rb_fs_join(out->where.dir, before);
	return out->file && out->before ? RB_OK : no_memory(err);
}

/* The name of a setting: "rowback.pre-push.store". */
static const char *setting(const struct place *place, const char *key, char out[NAME_MAX_BYTES])
{
	snprintf(out, NAME_MAX_BYTES, "rowback.%s.%s", place->hook->name, key);
	return out;
}

/* Whether the file is there, and whether it is a hook of ours. */
static int look_at_file(const struct place *place, bool *exists, bool *is_ours, struct rb_err *err)
{
	struct rb_buf text = RB_BUF(SCRIPT_MAX);
	int rc = RB_OK;

	*is_ours = false;
	*exists = rb_fs_exists(place->file);
	if (*exists)
		rc = rb_fs_read(place->file, &text, err);
	if (*exists && rc == RB_OK)
		*is_ours = strstr(rb_buf_str(&text), "\n" MARK) != NULL;
	/* A program of many megabytes, or a link that leads nowhere, is somebody else's. */
	if (rc == RB_E_LIMIT || rc == RB_E_NOTFOUND)
		rc = RB_OK;
	rb_buf_release(&text);
	return rc;
}

static int fill_report(const struct place *place, struct rb_hook_report *report, struct rb_err *err)
{
	struct rb_buf store = RB_BUF(SCRIPT_MAX);
	char name[NAME_MAX_BYTES];
	bool exists = false;
	int rc = look_at_file(place, &exists, &report->is_there, err);

	/* git passes over one that must not be run, and so does ours. */
	report->has_before = access(place->before, X_OK) == 0;
	report->is_shared = place->where.is_shared;
	report->is_in_worktree = place->where.is_in_worktree;
	report->file = strdup(place->file);
	if (rc == RB_OK && !report->file)
		rc = no_memory(err);
	if (rc == RB_OK)
		rc = rb_hooks_get(&place->where, setting(place, "store", name), &store, err);
	if (rc == RB_OK) {
		report->is_set = true;
		report->store = rb_buf_detach(&store);
	}
	/* append-only has no settings. */
	if (rc == RB_E_NOTFOUND) {
		report->is_set = strcmp(place->hook->name, "append-only") == 0 && report->is_there;
		rc = RB_OK;
	}
	rb_buf_release(&store);
	return rc;
}

/* A hook manager writes its files anew, and with them the one that was put among them. */
static int refuse_manager(const struct place *place, struct rb_err *err)
{
	const char *dir = place->where.dir;
	size_t len = strlen(dir);

	if (len < 8 || strcmp(dir + len - 8, ".husky/_") != 0)
		return RB_OK;
	rb_err_set(err, RB_E_USAGE,
	           "the hooks in '%s' are written by husky, which would take ours away", dir);
	return rb_err_hint(err,
	                   "write it into your own hook, behind its first line: "
	                   "rowback hook print %s >.husky/rowback-%s, and then: "
	                   "sh .husky/rowback-%s \"$@\" || exit 1",
	                   place->hook->name, place->hook->name, place->hook->name);
}

/* Set all values of a name; the first replaces what is there. */
static int set_values(const struct place *place, const char *key, const char *const *values,
                      struct rb_err *err)
{
	char name[NAME_MAX_BYTES];
	int rc = rb_hooks_set(&place->where, setting(place, key, name), values ? values[0] : NULL,
	                      err);

	for (size_t i = 1; rc == RB_OK && values && values[0] && values[i]; i++)
		rc = rb_hooks_add(&place->where, name, values[i], err);
	return rc;
}

static int set_value(const struct place *place, const char *key, const char *value,
                     struct rb_err *err)
{
	const char *const values[] = {value, NULL};

	return set_values(place, key, values, err);
}

/* The store last: without it the hook protects nothing, and does not ask half-way. */
static int write_settings(const struct place *place, const struct rb_hook_opts *opts,
                          struct rb_err *err)
{
	int rc = set_value(place, "program", opts->program, err);

	if (rc == RB_OK)
		rc = set_values(place, "branch", opts->branches, err);
	if (rc == RB_OK)
		rc = set_values(place, "tag", opts->tags, err);
	if (rc == RB_OK)
		rc = set_value(place, "deletions", opts->refuse_deletion ? "refuse" : NULL, err);
	if (rc == RB_OK)
		rc = set_value(place, "require", opts->require, err);
	if (rc == RB_OK)
		rc = set_value(place, "maxAge", opts->max_age, err);
	if (rc == RB_OK)
		rc = set_value(place, "backup", opts->backup ? "true" : NULL, err);
	if (rc == RB_OK)
		rc = set_value(place, "store", opts->store, err);
	return rc;
}

/* Put a hook that was there before aside; ours will call it. */
static int keep_before(const struct place *place, struct rb_err *err)
{
	if (rb_fs_exists(place->before)) {
		rb_err_set(err, RB_E_EXISTS, "'%s' is there, and so is '%s'", place->file,
		           place->before);
		return rb_err_hint(err, "make one of the two, and take the other away");
	}
	if (rename(place->file, place->before) < 0)
		return rb_err_sys(err, errno, "cannot rename '%s'", place->file);
	return RB_OK;
}

static int write_file(const struct place *place, struct rb_err *err)
{
	bool is_ours = false;
	bool exists = false;
	int rc = look_at_file(place, &exists, &is_ours, err);

	if (rc == RB_OK)
		rc = rb_fs_mkdirs(place->where.dir, 0777, err);
	if (rc == RB_OK && exists && !is_ours)
		rc = keep_before(place, err);
	if (rc == RB_OK)
		rc = rb_fs_replace(place->file, place->hook->text, strlen(place->hook->text), 0755,
		                   err);
	/* No hook must be missing that was there. */
	if (rc < 0 && exists && !is_ours && !rb_fs_exists(place->file))
		(void)rename(place->before, place->file);
	return rc;
}

static int check_patterns(const char *const *patterns, struct rb_err *err)
{
	for (size_t i = 0; patterns && patterns[i]; i++) {
		if (!patterns[i][0] || patterns[i][0] == '-' || strpbrk(patterns[i], " \t\n'\"\\"))
			return rb_err_set(err, RB_E_USAGE,
			                  "'%.100s' is no name of a branch or tag, nor a pattern",
			                  patterns[i]);
	}
	return RB_OK;
}

int rb_hook_install(const struct rb_hook_opts *opts, struct rb_hook_report *report,
                    struct rb_err *err)
{
	struct place place;
	int rc;

	memset(report, 0, sizeof(*report));
	rc = find_place(opts->hook, opts->path, &place, err);
	if (rc == RB_OK)
		rc = check_patterns(opts->branches, err);
	if (rc == RB_OK)
		rc = check_patterns(opts->tags, err);
	if (rc == RB_OK)
		rc = refuse_manager(&place, err);
	if (rc == RB_OK && opts->store)
		rc = write_settings(&place, opts, err);
	if (rc == RB_OK)
		rc = write_file(&place, err);
	if (rc == RB_OK)
		rc = fill_report(&place, report, err);
	release(&place);
	return rc;
}

/* Take our file away; what was there before gets its name again. */
static int remove_file(const struct place *place, struct rb_err *err)
{
	if (rb_fs_exists(place->before)) {
		if (rename(place->before, place->file) < 0)
			return rb_err_sys(err, errno, "cannot rename '%s'", place->before);
	} else if (unlink(place->file) < 0 && errno != ENOENT) {
		return rb_err_sys(err, errno, "cannot remove '%s'", place->file);
	}
	return RB_OK;
}

int rb_hook_remove(const char *hook, const char *path, struct rb_hook_report *report,
                   struct rb_err *err)
{
	struct place place;
	char section[NAME_MAX_BYTES];
	bool is_ours = false;
	bool exists = false;
	int rc;

	memset(report, 0, sizeof(*report));
	rc = find_place(hook, path, &place, err);
	if (rc == RB_OK)
		rc = look_at_file(&place, &exists, &is_ours, err);
	/* The file first: a hook without settings would let everything pass. */
	if (rc == RB_OK && is_ours && !place.where.is_shared)
		rc = remove_file(&place, err);
	snprintf(section, sizeof(section), "rowback.%s", hook);
	if (rc == RB_OK)
		rc = rb_hooks_remove_section(&place.where, section, err);
	if (rc == RB_OK)
		rc = fill_report(&place, report, err);
	release(&place);
	return rc;
}

int rb_hook_look(const char *hook, const char *path, struct rb_hook_report *report,
                 struct rb_err *err)
{
	struct place place;
	int rc;

	memset(report, 0, sizeof(*report));
	rc = find_place(hook, path, &place, err);
	if (rc == RB_OK)
		rc = fill_report(&place, report, err);
	release(&place);
	return rc;
}

void rb_hook_report_release(struct rb_hook_report *report)
{
	free(report->file);
	free(report->store);
	memset(report, 0, sizeof(*report));
}
