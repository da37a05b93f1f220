/*
 * See restore_priv.h: why a proof failed, when the store is to blame.
 *
 * Chunks are not hashed when they are read for a restore: the proof compares the names of
 * trees, which say the same of all of them together.  Only when it fails each one is looked at.
 */
#include "rows/stream_priv.h"
#include "restore_priv.h"

/* Read all chunks of a table, and hold each against its name. */
static int check_chunks(const struct rb_restore *restore, size_t table, struct rb_err *err)
{
	const struct rb_snapshot *backup = &restore->backup;
	struct rb_chunk_list chunks = {0};
	struct rb_stream *stream = NULL;
	const struct rb_buf *text = NULL;
	const char *path = NULL;
	int rc = rb_snapshot_chunks(backup, table, &chunks, err);

	if (rc == RB_OK)
		rc = rb_stream_open(backup->repo, &chunks, true, true, &stream, err);
	if (rc == RB_OK) {
		do
			rc = rb_stream_next(stream, &text, &path, err);
		while (rc > 0);
	}
	rb_stream_close(stream);
	rb_chunk_list_release(&chunks);
	return rc < 0 ? rb_err_wrap(err, rc, "table '%s'", backup->catalog->tables[table].name)
	              : RB_OK;
}

int rb_restore_find_damage(const struct rb_restore *restore, int rc, struct rb_err *err)
{
	const struct rb_catalog *catalog = restore->backup.catalog;
	struct rb_err damage = {0};

	for (size_t i = 0; i < catalog->table_count; i++) {
		int found = RB_OK;

		if (rb_restore_wants(restore, catalog->tables[i].name))
			found = check_chunks(restore, i, &damage);
		if (found == RB_OK)
			continue;
		rb_err_hint(&damage, "nothing was kept; see what verify says of the store");
		if (err)
			*err = damage;
		return found;
	}
	return rc;
}
