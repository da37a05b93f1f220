/*
 * See rowback/base/pool.h.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "rowback/base/pool.h"
#include "rowback/base/thread.h"

/* More than this many deflating threads wait for the disk and for the reader. */
#define DEFAULT_WORKERS_MAX 8

struct worker {
	struct rb_pool *pool;
	unsigned int index; /**< 1 .. workers, as passed to run */
	pthread_t thread;
};

struct rb_pool {
	struct rb_pool_opts opts;
	pthread_mutex_t lock; /**< over everything below up to `workers` */
	pthread_cond_t work;  /**< a job came, or closing */
	pthread_cond_t idle;  /**< the queue is empty and nothing runs */
	void **queue;         /**< a ring of opts.queue_max jobs */
	size_t first;         /**< where in the ring the oldest job is */
	size_t waiting;       /**< jobs in the ring */
	size_t running;       /**< jobs taken out and not finished */
	bool closing;         /**< the workers are to end; jobs are dropped */
	int status;           /**< 0, or the first failure */
	struct rb_err err;    /**< its message */

	struct worker *workers; /**< opts.workers of them */
	unsigned int started;   /**< how many of them run */
};

static void push(struct rb_pool *pool, void *job)
{
	pool->queue[(pool->first + pool->waiting) % pool->opts.queue_max] = job;
	pool->waiting++;
}

/* The oldest job, counted as running; the queue must not be empty. */
static void *pop(struct rb_pool *pool)
{
	void *job = pool->queue[pool->first];

	pool->first = (pool->first + 1) % pool->opts.queue_max;
	pool->waiting--;
	pool->running++;
	return job;
}

/* Do, or drop, a job that is counted as running.  Called with the lock, which it lets go meanwhile.
 */
static void do_job(struct rb_pool *pool, unsigned int worker, void *job)
{
	bool drop = pool->closing || pool->status < 0;
	struct rb_err err = {0};
	int rc = RB_OK;

	pthread_mutex_unlock(&pool->lock);
	if (drop)
		pool->opts.drop(pool->opts.ctx, job);
	else
		rc = pool->opts.run(pool->opts.ctx, worker, job, &err);
	pthread_mutex_lock(&pool->lock);

	if (rc < 0 && pool->status == RB_OK) {
		pool->status = rc;
		pool->err = err;
	}
	pool->running--;
	if (pool->running == 0 && pool->waiting == 0)
		pthread_cond_broadcast(&pool->idle);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct rb_pool *pool = worker->pool;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (pool->waiting == 0 && !pool->closing)
			pthread_cond_wait(&pool->work, &pool->lock);
		if (pool->waiting == 0)
			break;
		do_job(pool, worker->index, pop(pool));
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* What put and wait return.  Called with the lock. */
static int first_failure(const struct rb_pool *pool, struct rb_err *err)
{
	if (pool->status < 0 && err)
		*err = pool->err;
	return pool->status;
}

static int start_workers(struct rb_pool *pool, struct rb_err *err)
{
	int errnum = 0;

	while (errnum == 0 && pool->started < pool->opts.workers) {
		struct worker *worker = &pool->workers[pool->started];

		worker->pool = pool;
		worker->index = pool->started + 1;
		errnum = rb_thread_start(&worker->thread, work, worker);
		if (errnum == 0)
			pool->started++;
	}
	if (errnum != 0)
		return rb_err_sys(err, errnum, "cannot start a worker thread");
	return RB_OK;
}

int rb_pool_new(const struct rb_pool_opts *opts, struct rb_pool **out, struct rb_err *err)
{
	struct rb_pool *pool = calloc(1, sizeof(*pool));
	int rc;

	if (!pool)
		return rb_err_set(err, RB_E_NOMEM, "no memory for a worker pool");
	/* These fail for lack of memory only, which glibc and musl do not need for them. */
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->idle, NULL);
	pool->opts = *opts;
	pool->queue = calloc(opts->queue_max, sizeof(*pool->queue));
	pool->workers = calloc(opts->workers + 1U, sizeof(*pool->workers));
	if (!pool->queue || !pool->workers)
		rc = rb_err_set(err, RB_E_NOMEM, "no memory for a worker pool");
	else
		rc = start_workers(pool, err);
	if (rc < 0) {
		rb_pool_free(pool);
		return rc;
	}
	*out = pool;
	return RB_OK;
}

int rb_pool_put(struct rb_pool *pool, void *job, struct rb_err *err)
{
	return rb_pool_put_as(pool, 0, job, err);
}

int rb_pool_put_as(struct rb_pool *pool, unsigned int worker, void *job, struct rb_err *err)
{
	int rc;

	pthread_mutex_lock(&pool->lock);
	if (pool->opts.workers == 0 || pool->status < 0) {
		pool->running++;
		do_job(pool, worker, job);
	} else if (pool->waiting < pool->opts.queue_max) {
		push(pool, job);
		pthread_cond_signal(&pool->work);
	} else {
		/* Full: the oldest is done here, so that jobs still start in order. */
		void *oldest = pop(pool);

		push(pool, job);
		do_job(pool, worker, oldest);
	}
	rc = first_failure(pool, err);
	pthread_mutex_unlock(&pool->lock);
	return rc;
}

int rb_pool_wait(struct rb_pool *pool, struct rb_err *err)
{
	int rc;

	pthread_mutex_lock(&pool->lock);
	while (pool->waiting > 0)
		do_job(pool, 0, pop(pool));
	while (pool->running > 0)
		pthread_cond_wait(&pool->idle, &pool->lock);
	rc = first_failure(pool, err);
	pthread_mutex_unlock(&pool->lock);
	return rc;
}

void rb_pool_free(struct rb_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->closing = true;
	while (pool->waiting > 0)
		do_job(pool, 0, pop(pool));
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned int i = 0; i < pool->started; i++)
		pthread_join(pool->workers[i].thread, NULL);

	pthread_cond_destroy(&pool->idle);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool->workers);
	free(pool->queue);
	free(pool);
}

unsigned int rb_pool_default_workers(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	if (online <= 2)
		return 1;
	if (online > DEFAULT_WORKERS_MAX)
		return DEFAULT_WORKERS_MAX;
	return (unsigned int)online - 1;
}
