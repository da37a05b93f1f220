/*
 * See postgres_priv.h: what a URL says, without its secrets.
 */
#include <string.h>

#include "postgres_priv.h"

static int not_understood(struct rb_err *err)
{
	/* libpq's own message may quote a piece of a password. */
	rb_err_set(err, RB_E_USAGE, "the source's URL is none that libpq understands");
	return rb_err_hint(err, "write postgres://user@host:5432/dbname, "
	                        "postgres:///dbname?host=/run/postgresql or "
	                        "postgres:service=NAME; bytes like @ : / %% in a part are "
	                        "written as %%40, %%3A, %%2F, %%25");
}

int rb_pg_conninfo(const char *url, struct rb_buf *out, struct rb_err *err)
{
	const char *rest = strchr(url, ':');
	PQconninfoOption *options = NULL;
	size_t before = out->len;
	int rc;

	if (!rest)
		return not_understood(err);
	rest++;
	/* libpq knows the scheme in small letters only. */
	rc = strncmp(rest, "//", 2) == 0 ? rb_buf_addf(out, err, "postgresql:%s", rest)
	                                 : rb_buf_adds(out, rest, err);
	if (rc < 0)
		return rc;
	options = PQconninfoParse(rb_buf_str(out) + before, NULL);
	if (!options || out->len == before)
		rc = not_understood(err);
	PQconninfoFree(options);
	return rc;
}

const char *rb_pg_option(const PQconninfoOption *options, const char *keyword)
{
	for (; options && options->keyword; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val && *options->val ? options->val : NULL;
	return NULL;
}

bool rb_pg_url_has_secret(const char *url)
{
	struct rb_buf info = RB_BUF((size_t)64 << 10);
	PQconninfoOption *options = NULL;
	bool found = false;

	if (rb_pg_conninfo(url, &info, NULL) == RB_OK)
		options = PQconninfoParse(rb_buf_str(&info), NULL);
	/* source: libpq-fe.h, struct _PQconninfoOption: "*" is a password */
	for (const PQconninfoOption *o = options; o && o->keyword; o++)
		found |= o->val && *o->val && strchr(o->dispchar, '*');
	PQconninfoFree(options);
	if (info.data)
		memset(info.data, 0, info.len);
	rb_buf_release(&info);
	return found;
}

int rb_pg_label(const PQconninfoOption *options, struct rb_buf *out, struct rb_err *err)
{
	const char *dbname = rb_pg_option(options, "dbname");
	const char *host = rb_pg_option(options, "host");

	if (!dbname)
		dbname = rb_pg_option(options, "user");
	if (!host)
		host = rb_pg_option(options, "hostaddr");
	return rb_buf_addf(out, err, "%s%s%s", dbname ? dbname : "?", host ? "@" : "",
	                   host ? host : "");
}
