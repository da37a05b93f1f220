/*
 * rb_config_load(): see rowback/config/config.h.
 */
#include <stdlib.h>

#include "rowback/base/fs.h"
#include "rowback/config/config.h"

static int take_entry(void *ctx, const char *name, const char *value, struct rb_err *err)
{
	return rb_config_set(ctx, name, value, err);
}

int rb_config_load(struct rb_repo *repo, const char *file, struct rb_config *out,
                   struct rb_err *err)
{
	char *own_file = NULL;
	int rc;

	*out = (struct rb_config){0};
	own_file = rb_fs_join(rb_repo_git_dir(repo), "config");
	if (!own_file)
		return rb_err_set(err, RB_E_NOMEM, "no memory for the configuration");

	rc = rb_config_init(out, file ? file : own_file, err);
	if (rc == RB_OK)
		rc = rb_repo_config_each(repo, file, take_entry, out, err);
	if (rc == RB_OK)
		rc = rb_config_check(out, err);
	if (rc < 0)
		rb_config_release(out);
	free(own_file);
	return rc;
}
