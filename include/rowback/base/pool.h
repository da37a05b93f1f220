/*
 * Worker threads behind one bounded queue.
 *
 * Layer: base (0).  Uses: libc, pthreads.
 *
 * One thread puts jobs in, the workers take them out in order.  When the queue is
 * full the thread that puts does the oldest job itself instead of waiting, so that a
 * machine with two cores is busy with one worker.  Memory is bounded by the queue's
 * length times what a job holds.
 */
#ifndef ROWBACK_BASE_POOL_H
#define ROWBACK_BASE_POOL_H

#include <stddef.h>

#include "rowback/base/err.h"

struct rb_pool;

/**
 * Do one job.
 *
 * worker  0 .. workers; 0 is the thread that puts, so each has scratch space of its own
 * job     as given to rb_pool_put(); the function owns it from here
 * returns 0; on failure the pool stops: later jobs go to `drop`, and the first
 *         failure is what rb_pool_put() and rb_pool_wait() return
 */
typedef int rb_pool_fn(void *ctx, unsigned int worker, void *job, struct rb_err *err);

/** What to run. */
struct rb_pool_opts {
	unsigned int workers; /**< threads besides the caller's; 0: all is done inside put */
	size_t queue_max;     /**< jobs waiting at most; >= 1 */
	rb_pool_fn *run;      /**< does a job */
	void (*drop)(void *ctx, void *job); /**< frees a job that will not be done */
	void *ctx;                          /**< passed to both */
};

/**
 * Start the workers.  Signals are blocked in them.
 *
 * opts     copied
 * returns  0; RB_E_NOMEM; RB_E_IO when a thread cannot be started
 */
int rb_pool_new(const struct rb_pool_opts *opts, struct rb_pool **out,
                struct rb_err *err) RB_MUST_CHECK;

/**
 * Hand a job over; the pool owns it whatever is returned.
 *
 * returns 0, or the first failure of any job so far
 */
int rb_pool_put(struct rb_pool *pool, void *job, struct rb_err *err) RB_MUST_CHECK;

/**
 * As rb_pool_put(), from another thread than the one that made the pool.
 *
 * worker  what the job is told when this thread has to do it itself: over `workers`, and
 *         another number for each thread that puts
 */
int rb_pool_put_as(struct rb_pool *pool, unsigned int worker, void *job,
                   struct rb_err *err) RB_MUST_CHECK;

/** Wait until every job put so far is done, and help.  returns 0 or the first failure */
int rb_pool_wait(struct rb_pool *pool, struct rb_err *err) RB_MUST_CHECK;

/** Drop the jobs still waiting, end the threads and free the pool; NULL is allowed. */
void rb_pool_free(struct rb_pool *pool);

/** Workers to start by default: the online processors less one, 1 at least, 8 at most. */
unsigned int rb_pool_default_workers(void);

#endif /* ROWBACK_BASE_POOL_H */
