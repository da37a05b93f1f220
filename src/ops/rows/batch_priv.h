/*
 * Rows of a table, parsed in a thread of their own.
 *
 * Layer: ops (3), private.  Uses: rowback/ops/snapshot.h.
 *
 * Writing a row into a database costs about as much as reading one from the store: with a
 * thread for each, a restore takes the time of the slower one.
 */
#ifndef OPS_BATCH_PRIV_H
#define OPS_BATCH_PRIV_H

#include "rowback/ops/snapshot.h"

struct rb_batches;

/**
 * Begin reading all rows that `opts` names.
 *
 * opts  borrowed until rb_batches_close()
 */
int rb_batches_open(const struct rb_rows_opts *opts, struct rb_batches **out,
                    struct rb_err *err) RB_MUST_CHECK;

/**
 * The next rows.
 *
 * values  one after the other, value_count (the table's stored columns) for each row; valid
 *         until the next call
 * rows    how many
 * returns 1; 0 at the end; negative on failure, as rb_rows_next() and rb_rows_parse()
 */
int rb_batches_next(struct rb_batches *batches, const struct rb_value **values, size_t *rows,
                    struct rb_err *err) RB_MUST_CHECK;

/** Stored columns of the table: values in a row. */
size_t rb_batches_width(const struct rb_batches *batches);

/** NULL is allowed. */
void rb_batches_close(struct rb_batches *batches);

#endif /* OPS_BATCH_PRIV_H */
