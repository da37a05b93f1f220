/*
 * See target_priv.h: ALTER DEFAULT PRIVILEGES of the target.
 *
 * pg_dump says rights against those that an object has by itself, and says what is given by
 * default last of all.  In a database where that is said already, a table that is made anew
 * would have rights which it had not: it is taken back, in our transaction, until all is made.
 */
#include <string.h>

#include "target_priv.h"

int rb_pg_set_defaults_aside(struct rb_pg_target *target, struct rb_err *err)
{
	const struct rb_catalog *objects = target->objects;
	struct rb_buf opposite = RB_BUF(RB_PG_SCHEMA_MAX);
	char why[RB_ERR_MSG_SIZE];
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < objects->object_count; i++) {
		const char *sql = objects->objects[i].sql;

		if (strcmp(objects->objects[i].kind, "default acl") != 0)
			continue;
		rb_buf_clear(&opposite);
		rc = rb_pg_add_opposite(sql, &opposite, err);
		if (rc == RB_OK)
			rc = rb_pg_try(target, rb_buf_str(&opposite), why, err);
		if (rc == RB_OK)
			rc = rb_buf_add(&target->afterwards, sql, strlen(sql) + 1, err);
		if (rc == RB_E_UNSUPPORTED)
			rc = RB_OK;
	}
	rb_buf_release(&opposite);
	return rc;
}
