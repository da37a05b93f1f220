/*
 * Who writes commits, notes and reflogs.
 */
#include <git2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repo_priv.h"
#include "rowback/base/buf.h"
#include "rowback/repo/repo.h"

/* As git, ident.c: what a name must not begin or end with. */
static bool is_crud(char c)
{
	return (unsigned char)c <= 32 || strchr(".,:;<>\"\\'", c);
}

/* Append text as git would: no crud around it, no line end or bracket in it. */
static int add_clean(struct rb_buf *out, const char *text, struct rb_err *err)
{
	size_t len = strlen(text);
	int rc = RB_OK;

	while (len > 0 && is_crud(*text)) {
		text++;
		len--;
	}
	while (len > 0 && is_crud(text[len - 1]))
		len--;
	for (size_t i = 0; i < len && rc == RB_OK; i++)
		if (text[i] != '\n' && text[i] != '<' && text[i] != '>')
			rc = rb_buf_add(out, text + i, 1, err);
	return rc;
}

/* The environment first, then the configuration; out stays empty when neither says. */
static int look_up(struct rb_repo *repo, const char *variable, const char *key, struct rb_buf *out,
                   struct rb_err *err)
{
	struct rb_buf value = RB_BUF(RB_IDENTITY_MAX_BYTES);
	const char *text = getenv(variable);
	int rc = RB_OK;

	if (text)
		rc = add_clean(out, text, err);
	if (rc < 0 || out->len > 0)
		return rc;
	rc = rb_repo_config_get(repo, key, &value, err);
	if (rc == RB_OK)
		rc = add_clean(out, rb_buf_str(&value), err);
	else if (rc == RB_E_NOTFOUND)
		rc = RB_OK;
	rb_buf_release(&value);
	return rc;
}

int rb_repo_identity(struct rb_repo *repo, enum rb_role role, struct rb_identity *out,
                     struct rb_err *err)
{
	bool author = role == RB_ROLE_AUTHOR;
	char host[256] = "";
	int rc;

	rb_buf_clear(&out->name);
	rb_buf_clear(&out->email);
	rc = look_up(repo, author ? "GIT_AUTHOR_NAME" : "GIT_COMMITTER_NAME", "user.name",
	             &out->name, err);
	if (rc == RB_OK)
		rc = look_up(repo, author ? "GIT_AUTHOR_EMAIL" : "GIT_COMMITTER_EMAIL",
		             "user.email", &out->email, err);
	if (rc == RB_OK && out->name.len == 0)
		rc = rb_buf_adds(&out->name, "rowback", err);
	if (rc < 0 || out->email.len > 0)
		return rc;
	if (gethostname(host, sizeof(host) - 1) < 0)
		host[0] = '\0';
	rc = rb_buf_adds(&out->email, "rowback@", err);
	if (rc == RB_OK)
		rc = add_clean(&out->email, host[0] ? host : "localhost", err);
	return rc;
}

void rb_identity_release(struct rb_identity *identity)
{
	rb_buf_release(&identity->name);
	rb_buf_release(&identity->email);
}
