/*
 * rowback/repo/worktree.h: files that are put are there, git finds them clean without
 * reading them, and nothing else is touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/sh.h"
#include "rowback/repo/worktree.h"

struct fixture {
	char *dir;   /* absolute */
	char *store; /* dir + "/store" */
	struct rb_repo *repo;
	struct rb_err err;
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	fx->dir = sh_out("mktemp -d $PWD/wt.XXXXXX");
	fx->store = sh_out("echo %s/store", fx->dir);
	return rb_repo_init(fx->store, "main", false, &fx->repo, NULL);
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;

	fault_disarm();
	rb_repo_free(fx->repo);
	sh("rm -rf %s", fx->dir);
	free(fx->store);
	free(fx->dir);
	free(fx);
	return 0;
}

static int isolate(void **state)
{
	(void)state;
	umask(0);
	sh_isolate_git();
	return 0;
}

/* A file to put, and what is managed for it. */
struct file {
	const char *path;
	const char *text;
};

static int put(struct rb_worktree *wt, const char *path, const char *text, struct rb_err *err)
{
	struct rb_oid oid = {{0}};
	int rc = rb_object_id(RB_OBJECT_BLOB, text, strlen(text), &oid, err);

	/* In a test of faults it may be this that fails. */
	if (rc < 0)
		return rc;
	return rb_worktree_put(wt, path, &oid, text, strlen(text), err);
}

/* Manage `managed` and put the files, up to one without a path. */
static int put_all(struct fixture *fx, const char *managed, const struct file *files)
{
	struct rb_worktree *wt = NULL;
	int rc;

	memset(&fx->err, 0, sizeof(fx->err));
	rc = rb_worktree_begin(fx->repo, &wt, &fx->err);
	if (rc == RB_OK)
		rc = rb_worktree_manage(wt, managed, &fx->err);
	for (; files->path && rc == RB_OK; files++)
		rc = put(wt, files->path, files->text, &fx->err);
	if (rc == RB_OK)
		rc = rb_worktree_finish(wt, &fx->err);
	rb_worktree_free(wt);
	return rc;
}

/* A round, however it ends, leaves nothing of its own behind. */
static int round_of(struct fixture *fx, const char *managed, const struct file *files)
{
	int rc = put_all(fx, managed, files);

	sh_assert("", sh_out("cd %s && ls -d .git/index.lock .git/rowback/* 2>/dev/null || :",
	                     fx->store));
	return rc;
}

/* Let HEAD have the tree of the index, without git writing the index. */
static void commit(struct fixture *fx)
{
	sh("cd %s && git ls-files -z | xargs -0 -r git hash-object -w >/dev/null -- && "
	   "cp .git/index .git/copy && tree=$(GIT_INDEX_FILE=.git/copy git write-tree) && "
	   "rm .git/copy && git update-ref HEAD $(git commit-tree -m x $tree)",
	   fx->store);
}

static void assert_clean(struct fixture *fx)
{
	sh_assert("", sh_out("git -C %s status --porcelain --untracked-files=all", fx->store));
}

/* Every file below the working tree, but git's. */
static void assert_files(struct fixture *fx, const char *want)
{
	sh_assert(want, sh_out("cd %s && find . -name .git -prune -o ! -type d -print | "
	                       "LC_ALL=C sort | tr '\\n' ' '",
	                       fx->store));
}

static const struct file two_files[] = {{"app/a", "1\n"}, {"app/b/c", "2\n"}, {NULL, NULL}};

static void what_is_put_is_clean(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(round_of(fx, "app", two_files), RB_OK);
	commit(fx);
	assert_clean(fx);
	assert_files(fx, "./app/a ./app/b/c ");
	sh_assert("1\n2", sh_out("cd %s && cat app/a app/b/c", fx->store));
	sh("git -C %s fsck --strict", fx->store);
}

/* What git would have written after reading the files is what is there. */
static void the_index_is_what_git_would_write(void **state)
{
	struct fixture *fx = *state;
	char *ours;

	assert_int_equal(round_of(fx, "app", two_files), RB_OK);
	ours = sh_out("cd %s && git ls-files -s --debug", fx->store);
	sh("cd %s && rm .git/index && git add app", fx->store);
	sh_assert(ours, sh_out("cd %s && git ls-files -s --debug", fx->store));
	free(ours);
}

/* With the same size and time, only reading could tell that the content is another. */
static void git_does_not_read_what_was_put(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(round_of(fx, "app", two_files), RB_OK);
	commit(fx);
	sh("cd %s/app && touch -r a time && printf X | dd of=a conv=notrunc 2>/dev/null && "
	   "touch -r time a && rm time",
	   fx->store);
	sh_assert("", sh_out("git -C %s -c core.trustctime=false status --porcelain", fx->store));
	sh("cd %s && test $(git hash-object app/a) != $(git rev-parse :app/a)", fx->store);
}

static void files_are_private_and_a_little_old(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(round_of(fx, "app", two_files), RB_OK);
	sh_assert("700 app\n600 app/a\n700 app/b\n600 app/b/c",
	          sh_out("cd %s && stat -c '%%a %%n' app app/a app/b app/b/c", fx->store));
	sh_assert("100644\n100644", sh_out("git -C %s ls-files -s | cut -d' ' -f1", fx->store));
	sh_assert("600", sh_out("stat -c %%a %s/.git/index", fx->store));
	sh("cd %s && test $(stat -c %%Y app/a) -le $(($(stat -c %%Y .git/index) - 2))", fx->store);
	sh_assert("000000000", sh_out("stat -c %%y %s/app/a | sed 's/.*[.]//;s/ .*//'", fx->store));
}

static void what_did_not_change_is_not_touched(void **state)
{
	struct fixture *fx = *state;
	char *before;

	assert_int_equal(round_of(fx, "app", two_files), RB_OK);
	before = sh_out("cd %s && stat -c '%%n %%i %%Z %%z' app/a app/b/c .git/index", fx->store);
	assert_int_equal(round_of(fx, "app", two_files), RB_OK);
	sh_assert(before,
	          sh_out("cd %s && stat -c '%%n %%i %%Z %%z' app/a app/b/c .git/index", fx->store));
	free(before);
}

static void a_changed_file_is_replaced_as_a_whole(void **state)
{
	const struct file files[] = {{"app/a", "new\n"}, {"app/b/c", "2\n"}, {NULL, NULL}};
	struct fixture *fx = *state;

	assert_int_equal(round_of(fx, "app", two_files), RB_OK);
	/* A second name for the old file shows whether it was written into. */
	sh("cd %s && ln app/a ../old", fx->store);
	assert_int_equal(round_of(fx, "app", files), RB_OK);
	sh_assert("1\nnew", sh_out("cat %s/old %s/app/a", fx->dir, fx->store));
	commit(fx);
	assert_clean(fx);
}

static void a_file_that_somebody_changed_is_put_back(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(round_of(fx, "app", two_files), RB_OK);
	sh("cd %s/app && echo 9 >a && rm b/c", fx->store);
	assert_int_equal(round_of(fx, "app", two_files), RB_OK);
	sh_assert("1\n2", sh_out("cd %s && cat app/a app/b/c", fx->store));
	commit(fx);
	assert_clean(fx);
}

static void what_was_not_put_goes_and_the_rest_stays(void **state)
{
	const struct file files[] = {{"app/b/c", "2\n"}, {NULL, NULL}};
	struct fixture *fx = *state;

	assert_int_equal(round_of(fx, "app", two_files), RB_OK);
	sh("cd %s && echo mine >README && git add README && commit=1 && mkdir -p app/x/y app-2 && "
	   "touch app/left app/x/y/over app/.rowback-tmp-1-1 .rowback-tmp-1-2 app-2/f untracked && "
	   "mkdir empty app/empty",
	   fx->store);
	assert_int_equal(round_of(fx, "app", files), RB_OK);
	assert_files(fx, "./README ./app-2/f ./app/b/c ./untracked ");
	sh_assert("app\napp-2\napp/b\nempty",
	          sh_out("cd %s && find * -type d | LC_ALL=C sort", fx->store));
	sh_assert("README\napp/b/c", sh_out("git -C %s ls-files", fx->store));
	commit(fx);
	sh_assert("?? app-2/\n?? untracked", sh_out("git -C %s status --porcelain", fx->store));
}

static void a_source_without_files_goes_whole(void **state)
{
	const struct file none[] = {{NULL, NULL}};
	struct fixture *fx = *state;

	assert_int_equal(round_of(fx, "app", two_files), RB_OK);
	assert_int_equal(round_of(fx, "app", none), RB_OK);
	assert_files(fx, "");
	sh_assert("", sh_out("git -C %s ls-files", fx->store));
	assert_int_equal(round_of(fx, "other/deep", none), RB_OK);
	sh_assert("", sh_out("ls %s", fx->store));
}

static void a_single_file_is_managed_like_a_directory(void **state)
{
	const struct file first[] = {{"rowback.json", "{}\n"}, {NULL, NULL}};
	const struct file second[] = {{"rowback.json", "{ }\n"}, {NULL, NULL}};
	struct fixture *fx = *state;

	assert_int_equal(round_of(fx, "rowback.json", first), RB_OK);
	assert_int_equal(round_of(fx, "rowback.json", second), RB_OK);
	commit(fx);
	assert_clean(fx);
	assert_files(fx, "./rowback.json ");
}

/* Links below what is ours are replaced; what they point to is not touched. */
static void links_are_replaced_not_followed(void **state)
{
	static const char *const links[] = {
	        "ln -s ../far app",
	        "mkdir app && ln -s ../../far app/b",
	        "mkdir -p app/b && ln -s ../../far/c app/b/c && ln -s ../../far/c app/b/d",
	        "mkdir -p app && ln -s ../../far app/other",
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		sh("cd %s && rm -rf app .git/index ../far && mkdir ../far && echo far >../far/c && "
		   "%s",
		   fx->store, links[i]);
		assert_int_equal(round_of(fx, "app", two_files), RB_OK);
		assert_files(fx, "./app/a ./app/b/c ");
		sh_assert("c\nfar", sh_out("cd %s/far && ls && cat c", fx->dir));
		sh_assert("", sh_out("find %s/app -type l", fx->store));
	}
}

static void a_link_that_is_not_ours_is_a_conflict(void **state)
{
	struct fixture *fx = *state;

	sh("cd %s && mkdir ../far && ln -s ../far app", fx->store);
	assert_int_equal(round_of(fx, "app/b", two_files + 1), RB_E_CONFLICT);
	assert_string_equal(fx->err.msg, "'app' is no directory");
	assert_string_equal(fx->err.hint, "move it away: backups are written below it");
	sh_assert("", sh_out("ls %s/far", fx->dir));

	sh("cd %s && rm app && echo x >app && git add app && rm app", fx->store);
	assert_int_equal(round_of(fx, "app/b", two_files + 1), RB_E_CONFLICT);
	assert_string_equal(fx->err.msg, "'app' is a file that git tracks");
}

static void files_and_directories_change_places(void **state)
{
	const struct file file[] = {{"app", "3\n"}, {NULL, NULL}};
	struct fixture *fx = *state;

	assert_int_equal(round_of(fx, "app", two_files), RB_OK);
	assert_int_equal(round_of(fx, "app", file), RB_OK);
	assert_files(fx, "./app ");
	commit(fx);
	assert_clean(fx);
	assert_int_equal(round_of(fx, "app", two_files), RB_OK);
	assert_files(fx, "./app/a ./app/b/c ");
	commit(fx);
	assert_clean(fx);
}

static void names_may_hold_any_byte(void **state)
{
	char longest[260] = "app/";
	const struct file files[] = {
	        {"app/new\nline", "1"}, {"app/-rf", "2"},       {"app/\xff\xfe", "3"},
	        {"app/ ", "4"},         {"app/a\\b\"'", "5"},   {"app/.x/..y/z.", "6"},
	        {"app/.gitignore", ""}, {"app/\x01\x7f", "7"},  {longest, "8"},
	        {"app/\xc3\xa9", "9"},  {"app/e\xcc\x81", "9"}, {NULL, NULL},
	};
	struct fixture *fx = *state;

	memset(longest + 4, 'n', 255);
	longest[259] = '\0';
	for (int i = 0; i < 2; i++) {
		assert_int_equal(round_of(fx, "app", files), RB_OK);
		commit(fx);
		assert_clean(fx);
		sh_assert("11", sh_out("git -C %s ls-files | wc -l", fx->store));
	}
}

static void paths_that_lead_elsewhere_are_refused(void **state)
{
	static const char *const bad[] = {
	        "",        "/app", "app/",       "app//a",      ".",      "..",        "app/../a",
	        "app/./a", ".git", "app/.git/x", ".GIT/config", "app/..", "app/git~1",
	};
	struct fixture *fx = *state;
	struct rb_worktree *wt = NULL;

	assert_int_equal(rb_worktree_begin(fx->repo, &wt, NULL), RB_OK);
	assert_int_equal(rb_worktree_manage(wt, "app", NULL), RB_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *want = sh_out("printf %%s \"'%s' is no path for a working tree\"", bad[i]);

		assert_int_equal(rb_worktree_manage(wt, bad[i], &fx->err), RB_E_FORMAT);
		assert_string_equal(fx->err.msg, want);
		assert_int_equal(put(wt, bad[i], "x", NULL), RB_E_FORMAT);
		free(want);
	}
	assert_int_equal(put(wt, "app2", "x", &fx->err), RB_E_USAGE);
	assert_string_equal(fx->err.msg, "'app2' is outside the managed paths");
	rb_worktree_free(wt);
	assert_files(fx, "");
}

static void a_lock_of_git_is_respected(void **state)
{
	struct fixture *fx = *state;
	struct rb_worktree *wt = NULL;
	char *want = sh_out("echo \"'%s/.git/index.lock' is there\"", fx->store);

	sh("touch -d '2 minutes ago' %s/.git/index.lock", fx->store);
	assert_int_equal(rb_worktree_begin(fx->repo, &wt, &fx->err), RB_E_LOCKED);
	assert_null(wt);
	assert_string_equal(fx->err.msg, want);
	free(want);
	want = sh_out("echo \"another git program took it 2 minutes ago; if none works here: rm "
	              "'%s/.git/index.lock'\"",
	              fx->store);
	assert_string_equal(fx->err.hint, want);
	free(want);
	sh("test -e %s/.git/index.lock", fx->store);
}

static void a_lock_of_a_killed_run_is_taken_over(void **state)
{
	struct fixture *fx = *state;
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct rb_worktree *wt = NULL;

		if (rb_worktree_begin(fx->repo, &wt, NULL) != RB_OK ||
		    rb_worktree_manage(wt, "app", NULL) != RB_OK ||
		    put(wt, "app/left", "x", NULL) != RB_OK)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	sh("test -e %s/.git/index.lock", fx->store);
	assert_int_equal(round_of(fx, "app", two_files), RB_OK);
	assert_files(fx, "./app/a ./app/b/c ");
}

static void git_waits_while_a_round_goes_on(void **state)
{
	struct fixture *fx = *state;
	struct rb_worktree *wt = NULL;

	assert_int_equal(rb_worktree_begin(fx->repo, &wt, NULL), RB_OK);
	assert_int_not_equal(sh_status("cd %s && touch x && git add x", fx->store), 0);
	rb_worktree_free(wt);
	sh("cd %s && git add x", fx->store);
}

static void bare_repositories_have_nothing_to_put(void **state)
{
	struct fixture *fx = *state;
	struct rb_worktree *wt = NULL;
	struct rb_repo *repo = NULL;
	char *path = sh_out("echo %s/bare", fx->dir);

	assert_int_equal(rb_repo_init(path, "main", true, &repo, NULL), RB_OK);
	assert_int_equal(rb_worktree_begin(repo, &wt, NULL), RB_OK);
	assert_null(wt);
	assert_int_equal(rb_worktree_manage(wt, "app", NULL), RB_OK);
	assert_int_equal(put(wt, "app/a", "x", NULL), RB_OK);
	assert_int_equal(rb_worktree_finish(wt, NULL), RB_OK);
	rb_worktree_free(wt);
	rb_repo_free(repo);
	free(path);
}

/* A file as young as the index may have changed since: our younger index must not hide it. */
static void a_change_that_git_could_not_see_yet_is_not_hidden(void **state)
{
	struct fixture *fx = *state;

	sh("cd %s && echo one >note && touch -d @1700000000 note && git add note && "
	   "printf two | dd of=note conv=notrunc 2>/dev/null && "
	   "touch -d @1700000000 note .git/index && git config core.trustctime false",
	   fx->store);
	assert_int_equal(round_of(fx, "app", two_files), RB_OK);
	sh_assert("AM note", sh_out("git -C %s status --porcelain note", fx->store));
}

/* What several threads put. */
struct share {
	struct rb_worktree *wt;
	int first;
	int rc;
};

static void *put_share(void *arg)
{
	struct share *share = arg;
	char path[64];
	char text[64];

	for (int i = share->first; i < 2000 && share->rc == RB_OK; i += 4) {
		snprintf(path, sizeof(path), "app/%d/%d/%d", i / 200, i / 20, i);
		snprintf(text, sizeof(text), "%d\n", i);
		share->rc = put(share->wt, path, text, NULL);
	}
	return NULL;
}

static void threads_put_at_the_same_time(void **state)
{
	struct fixture *fx = *state;

	for (int again = 0; again < 2; again++) {
		struct rb_worktree *wt = NULL;
		struct share shares[4];
		pthread_t threads[4];

		assert_int_equal(rb_worktree_begin(fx->repo, &wt, NULL), RB_OK);
		assert_int_equal(rb_worktree_manage(wt, "app", NULL), RB_OK);
		for (int i = 0; i < 4; i++) {
			shares[i] = (struct share){.wt = wt, .first = i};
			assert_int_equal(pthread_create(&threads[i], NULL, put_share, &shares[i]),
			                 0);
		}
		for (int i = 0; i < 4; i++) {
			assert_int_equal(pthread_join(threads[i], NULL), 0);
			assert_int_equal(shares[i].rc, RB_OK);
		}
		assert_int_equal(rb_worktree_finish(wt, NULL), RB_OK);
		rb_worktree_free(wt);
		commit(fx);
		assert_clean(fx);
		sh_assert("2000", sh_out("git -C %s ls-files | wc -l", fx->store));
		sh_assert("1999", sh_out("cat %s/app/9/99/1999", fx->store));
	}
}

/* Whatever call fails: the old file or the new one, nothing temporary, the lock is free. */
static void any_fault_leaves_nothing_half_done(void **state)
{
	static const struct {
		enum fault_call which;
		int errnum;
		int status;
	} faults[] = {
	        {FAULT_MALLOC, ENOMEM, RB_E_NOMEM},
	        {FAULT_WRITE, ENOSPC, RB_E_IO},
	        {FAULT_CLOSE, EIO, RB_E_IO},
	        {FAULT_RENAME, EACCES, RB_E_IO},
	};
	const struct file files[] = {{"app/a", "new\n"}, {"app/n", "4\n"}, {NULL, NULL}};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		for (unsigned int n = 1;; n++) {
			int rc;
			unsigned int reached;

			assert_int_equal(put_all(fx, "app", two_files), RB_OK);
			fault_arm(faults[i].which, n, faults[i].errnum);
			rc = put_all(fx, "app", files);
			reached = fault_disarm();
			if (rc == RB_OK && reached == 0)
				break;
			assert_true(n < 500);
			assert_true(rc == RB_OK || rc == faults[i].status);
			sh("cd %s/app && echo 1 | cmp -s - a || echo new | cmp - a && "
			   "! ls -A . .. ../.git ../.git/rowback | grep -e tmp -e new -e lock",
			   fx->store);
		}
	}
	assert_int_equal(round_of(fx, "app", files), RB_OK);
	commit(fx);
	assert_clean(fx);
}

static void a_full_disk_is_named(void **state)
{
	struct fixture *fx = *state;
	struct rb_worktree *wt = NULL;

	assert_int_equal(rb_worktree_begin(fx->repo, &wt, NULL), RB_OK);
	assert_int_equal(rb_worktree_manage(wt, "app", NULL), RB_OK);
	fault_arm(FAULT_WRITE, 1, ENOSPC);
	assert_int_equal(put(wt, "app/a", "x", &fx->err), RB_E_IO);
	assert_int_equal(fault_disarm(), 1);
	assert_string_equal(fx->err.msg, "cannot write app/a: No space left on device");
	rb_worktree_free(wt);
	assert_files(fx, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* A blob that git puts into the store, from the text of a file in the fixture's directory. */
static struct rb_oid stored(struct fixture *fx, const char *text)
{
	struct rb_oid oid = {{0}};
	char *hex =
	        sh_out("cd %s && printf '%%s' '%s' | git hash-object -w --stdin", fx->store, text);

	assert_true(rb_oid_parse(hex, &oid));
	free(hex);
	return oid;
}

static int put_object(struct fixture *fx, const char *path, const struct rb_oid *oid)
{
	struct rb_worktree *wt = NULL;
	int rc = rb_worktree_begin(fx->repo, &wt, &fx->err);

	if (rc == RB_OK)
		rc = rb_worktree_manage(wt, "app", &fx->err);
	if (rc == RB_OK)
		rc = rb_worktree_put_object(wt, path, oid, &fx->err);
	if (rc == RB_OK)
		rc = rb_worktree_finish(wt, &fx->err);
	rb_worktree_free(wt);
	return rc;
}

static void an_object_of_the_store_is_read_where_its_file_is_not(void **state)
{
	struct fixture *fx = *state;
	struct rb_oid oid = stored(fx, "of the store");
	char *before;

	assert_int_equal(put_object(fx, "app/a", &oid), RB_OK);
	sh_assert("of the store", sh_out("cat %s/app/a", fx->store));
	sh_assert("A  app/a", sh_out("cd %s && git status --porcelain", fx->store));
	/* Once it is there the object is not needed, nor the file written. */
	before = sh_out("stat -c %%i:%%z %s/app/a", fx->store);
	sh("rm -rf %s/.git/objects/??", fx->store);
	assert_int_equal(put_object(fx, "app/a", &oid), RB_OK);
	sh_assert(before, sh_out("stat -c %%i:%%z %s/app/a", fx->store));
	/* Somebody changed it. */
	sh("echo else >%s/app/a", fx->store);
	assert_int_equal(put_object(fx, "app/a", &oid), RB_E_NOTFOUND);
	assert_non_null(strstr(fx->err.msg, "'app/a': "));
	oid = stored(fx, "of the store");
	assert_int_equal(put_object(fx, "app/a", &oid), RB_OK);
	sh_assert("of the store", sh_out("cat %s/app/a", fx->store));
	assert_int_equal(put_object(fx, "b", &oid), RB_E_USAGE);
	free(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(what_is_put_is_clean),
	        TEST(the_index_is_what_git_would_write),
	        TEST(git_does_not_read_what_was_put),
	        TEST(files_are_private_and_a_little_old),
	        TEST(what_did_not_change_is_not_touched),
	        TEST(a_changed_file_is_replaced_as_a_whole),
	        TEST(a_file_that_somebody_changed_is_put_back),
	        TEST(what_was_not_put_goes_and_the_rest_stays),
	        TEST(a_source_without_files_goes_whole),
	        TEST(a_single_file_is_managed_like_a_directory),
	        TEST(links_are_replaced_not_followed),
	        TEST(a_link_that_is_not_ours_is_a_conflict),
	        TEST(files_and_directories_change_places),
	        TEST(names_may_hold_any_byte),
	        TEST(paths_that_lead_elsewhere_are_refused),
	        TEST(a_lock_of_git_is_respected),
	        TEST(a_lock_of_a_killed_run_is_taken_over),
	        TEST(git_waits_while_a_round_goes_on),
	        TEST(bare_repositories_have_nothing_to_put),
	        TEST(a_change_that_git_could_not_see_yet_is_not_hidden),
	        TEST(threads_put_at_the_same_time),
	        TEST(an_object_of_the_store_is_read_where_its_file_is_not),
	        TEST(any_fault_leaves_nothing_half_done),
	        TEST(a_full_disk_is_named),
	};

	return cmocka_run_group_tests(tests, isolate, NULL);
}
