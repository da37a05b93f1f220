/*
 * rb_config_load(): the configuration of a real repository, written by git.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/sh.h"
#include "rowback/base/fs.h"
#include "rowback/config/config.h"

struct fixture {
	char dir[32];
	struct rb_repo *repo;
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	*state = fx;
	snprintf(fx->dir, sizeof(fx->dir), "rb-test-load.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	return rb_repo_init(fx->dir, "main", false, &fx->repo, NULL);
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	int rc;

	rb_repo_free(fx->repo);
	rc = rb_fs_remove_tree(fx->dir, NULL);
	free(fx);
	return rc;
}

/* Have git write a value. */
static void git_config(const struct fixture *fx, const char *name, const char *value)
{
	sh("git -C %s config --add '%s' '%s'", fx->dir, name, value);
}

static void what_git_wrote_is_read(void **state)
{
	struct fixture *fx = *state;
	struct rb_config config = {0};
	struct rb_err err = {0};

	git_config(fx, "rowback.maxAge", "2d");
	git_config(fx, "rowback.git.example.com.publicUrl", "https://git.example.com");
	git_config(fx, "source.shop.url", "sqlite:/srv/shop.db");
	git_config(fx, "source.app.urlCommand", "pass show \"app\" # url");
	git_config(fx, "source.app.exclude", "logs");
	git_config(fx, "source.app.exclude", "cache_*,tmp");
	git_config(fx, "remote.origin.url", "git@example.com:me/app.git");
	if (rb_config_load(fx->repo, NULL, &config, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(config.max_age_s, 2 * 86400);
	assert_int_equal(config.source_count, 2);
	assert_string_equal(config.sources[0].name, "app");
	assert_string_equal(config.sources[0].url_command, "pass show \"app\" # url");
	assert_int_equal(config.sources[0].exclude.count, 3);
	assert_string_equal(config.sources[1].url, "sqlite:/srv/shop.db");
	rb_config_release(&config);
}

static void a_new_store_has_the_defaults(void **state)
{
	struct fixture *fx = *state;
	struct rb_config config = {0};

	assert_int_equal(rb_config_load(fx->repo, NULL, &config, NULL), RB_OK);
	assert_string_equal(config.branch, "main");
	assert_int_equal(config.source_count, 0);
	rb_config_release(&config);
}

static void a_wrong_key_names_the_file_and_leaves_nothing(void **state)
{
	struct fixture *fx = *state;
	struct rb_config config = {0};
	struct rb_err err = {0};
	char want[1024];

	git_config(fx, "source.app.url", "sqlite:/srv/app.db");
	git_config(fx, "rowback.maxAgee", "26h");
	assert_int_equal(rb_config_load(fx->repo, NULL, &config, &err), RB_E_USAGE);
	snprintf(want, sizeof(want), "unknown key 'rowback.maxagee' in '%s/config'",
	         rb_repo_git_dir(fx->repo));
	assert_string_equal(err.msg, want);
	assert_string_equal(err.hint, "did you mean 'rowback.maxAge'?");
	assert_null(config.sources);
	assert_null(config.file);
}

static void a_variable_without_a_value_is_true(void **state)
{
	struct fixture *fx = *state;
	struct rb_config config = {0};
	static const char text[] = "[rowback]\n\tallowPublic\n";
	char file[64];

	snprintf(file, sizeof(file), "%s/other", fx->dir);
	assert_int_equal(rb_fs_replace(file, text, strlen(text), 0600, NULL), RB_OK);
	assert_int_equal(rb_config_load(fx->repo, file, &config, NULL), RB_OK);
	assert_true(config.allow_public);
	rb_config_release(&config);
}

static void another_file_replaces_the_stores_own(void **state)
{
	struct fixture *fx = *state;
	struct rb_config config = {0};
	struct rb_err err = {0};
	static const char text[] =
	        "[rowback]\n\tbranch = other\n[source \"b\"]\n\turl = sqlite:b\n";
	char file[64];

	git_config(fx, "source.app.url", "sqlite:/srv/app.db");
	snprintf(file, sizeof(file), "%s/other", fx->dir);
	assert_int_equal(rb_config_load(fx->repo, file, &config, &err), RB_E_NOTFOUND);
	assert_int_equal(rb_fs_replace(file, text, strlen(text), 0600, NULL), RB_OK);
	if (rb_config_load(fx->repo, file, &config, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(config.branch, "other");
	assert_string_equal(config.file, file);
	assert_int_equal(config.source_count, 1);
	assert_string_equal(config.sources[0].name, "b");
	rb_config_release(&config);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_STORE(what_git_wrote_is_read),
	        WITH_STORE(a_new_store_has_the_defaults),
	        WITH_STORE(a_wrong_key_names_the_file_and_leaves_nothing),
	        WITH_STORE(a_variable_without_a_value_is_true),
	        WITH_STORE(another_file_replaces_the_stores_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
