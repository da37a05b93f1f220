/*
 * Chunks of a table in order, read ahead by a thread.
 *
 * Layer: ops (3), private.  Uses: repo (objects), rowback/ops/snapshot.h.
 */
#ifndef OPS_STREAM_PRIV_H
#define OPS_STREAM_PRIV_H

#include <stdbool.h>

#include "rowback/ops/snapshot.h"

struct rb_stream;

/**
 * Begin reading.
 *
 * list      borrowed until rb_stream_close()
 * verify    check that each object's content has its name
 * threaded  inflate in a thread of its own, some chunks ahead
 */
int rb_stream_open(struct rb_repo *repo, const struct rb_chunk_list *list, bool verify,
                   bool threaded, struct rb_stream **out, struct rb_err *err) RB_MUST_CHECK;

/**
 * The next chunk; the one before is no longer valid.
 *
 * returns 1; 0 at the end; negative on failure, naming the chunk
 */
int rb_stream_next(struct rb_stream *stream, const struct rb_buf **text, const char **path,
                   struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_stream_close(struct rb_stream *stream);

#endif /* OPS_STREAM_PRIV_H */
