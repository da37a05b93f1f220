/*
 * See rowback/ops/event.h.
 */
#include <stdio.h>
#include <string.h>

#include "rowback/base/time.h"
#include "rowback/ops/event.h"
#include "rowback/repo/commit.h"
#include "rowback/runtime/who.h"
#include "backup/commit_priv.h"

#define MESSAGE_MAX ((size_t)1 << 20)

static int write_message(const struct rb_event *event, int64_t time_unix_s, struct rb_buf *out,
                         struct rb_err *err)
{
	struct rb_event whole = *event;
	char user[RB_WHO_SIZE];
	char host[RB_WHO_SIZE];
	char by[2 * RB_WHO_SIZE];
	char id[17];

	rb_who_user(user);
	rb_who_host(host);
	snprintf(by, sizeof(by), "%s@%s", user, host);
	rb_time_format_id(time_unix_s, id);
	whole.id = id;
	whole.by = by;
	return rb_event_write(&whole, out, err);
}

/* The loose commit first, durably; only then the branch says so. */
static int write_commit(struct rb_store *store, const char *name, const struct rb_oid *tip,
                        const char *message, int64_t time_unix_s, struct rb_oid *out,
                        struct rb_err *err)
{
	struct rb_commit_opts opts = {
	        .parents = tip, .parent_count = 1, .time_unix_s = time_unix_s, .message = message};
	struct rb_buf log = RB_BUF(4096);
	int rc = rb_store_tree_of(store, tip, &opts.tree, err);

	if (rc == RB_OK)
		rc = rb_buf_addf(&log, err, "rowback: %s", name);
	if (rc == RB_OK)
		rc = rb_commit_write(store->repo, NULL, 0, &opts, out, err);
	if (rc == RB_OK)
		rc = rb_repo_ref_update(store->repo, store->branch_ref, out, tip, rb_buf_str(&log),
		                        err);
	rb_buf_release(&log);
	return rc;
}

int rb_event_record(struct rb_store *store, const struct rb_event *event, struct rb_oid *commit,
                    struct rb_err *err)
{
	struct rb_buf message = RB_BUF(MESSAGE_MAX);
	struct rb_oid tip;
	struct rb_commit_time time = {0};
	int rc = rb_store_tip(store, &tip, err);

	if (rc < 0)
		return rc;
	if (rb_oid_is_none(&tip))
		return rb_err_set(err, RB_E_NOSTORE,
		                  "there is no backup yet that a %s could be recorded after",
		                  event->name);
	rc = rb_commit_next_time(store, &tip, &time, err);
	if (rc == RB_OK)
		rc = write_message(event, time.id_unix_s, &message, err);
	if (rc == RB_OK)
		rc = write_commit(store, event->name, &tip, rb_buf_str(&message), time.taken_unix_s,
		                  commit, err);
	rb_buf_release(&message);
	return rc;
}
