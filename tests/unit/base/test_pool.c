/*
 * rowback/base/pool.h: every job is done or dropped once, and the first failure is kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>

#include "harness/fault.h"
#include "rowback/base/pool.h"

#define JOBS 1000
#define WORKERS 3

/* What a job does beside being counted. */
enum deed { COUNT, FAIL, BLOCK, BLOCK_AND_FAIL };

struct job {
	enum deed deed;
	int done;            /* times */
	int dropped;         /* times */
	unsigned int worker; /* who did it */
};

struct fixture {
	struct job jobs[JOBS];
	unsigned int by_worker[WORKERS + 1]; /* each written by one thread alone */
	sem_t blocked;                       /* posted when a BLOCK job has begun */
	sem_t go_on;                         /* and waited for by it */
	sigset_t mask;                       /* of the thread that did the last BLOCK job */
};

static int run(void *ctx, unsigned int worker, void *data, struct rb_err *err)
{
	struct fixture *fx = ctx;
	struct job *job = data;

	job->done++;
	job->worker = worker;
	fx->by_worker[worker]++;
	if (job->deed == BLOCK || job->deed == BLOCK_AND_FAIL) {
		pthread_sigmask(SIG_SETMASK, NULL, &fx->mask);
		sem_post(&fx->blocked);
		sem_wait(&fx->go_on);
	}
	if (job->deed == FAIL || job->deed == BLOCK_AND_FAIL)
		return rb_err_set(err, RB_E_LIMIT, "job %d is too large", (int)(job - fx->jobs));
	return RB_OK;
}

static void drop(void *ctx, void *data)
{
	struct fixture *fx = ctx;
	struct job *job = data;

	job->dropped++;
	sem_post(&fx->go_on);
}

static int set_up(void **state)
{
	static struct fixture fx;

	memset(&fx, 0, sizeof(fx));
	*state = &fx;
	return sem_init(&fx.blocked, 0, 0) | sem_init(&fx.go_on, 0, 0);
}

static struct rb_pool *new_pool(struct fixture *fx, unsigned int workers, size_t queue_max)
{
	struct rb_pool_opts opts = {
	        .workers = workers, .queue_max = queue_max, .run = run, .drop = drop, .ctx = fx};
	struct rb_pool *pool = NULL;

	assert_int_equal(rb_pool_new(&opts, &pool, NULL), RB_OK);
	assert_non_null(pool);
	return pool;
}

static void every_job_is_done_once(void **state)
{
	struct fixture *fx = *state;
	struct rb_pool *pool = new_pool(fx, WORKERS, 4);
	unsigned int total = 0;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < JOBS / 2; i++)
			assert_int_equal(rb_pool_put(pool, &fx->jobs[round * JOBS / 2 + i], NULL),
			                 RB_OK);
		assert_int_equal(rb_pool_wait(pool, NULL), RB_OK);
		for (int i = 0; i < JOBS; i++)
			assert_int_equal(fx->jobs[i].done, i < (round + 1) * JOBS / 2);
	}
	for (int i = 0; i <= WORKERS; i++)
		total += fx->by_worker[i];
	assert_int_equal(total, JOBS);
	rb_pool_free(pool);
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(fx->jobs[i].dropped, 0);
}

static void without_workers_all_is_done_inside_put(void **state)
{
	struct fixture *fx = *state;
	struct rb_pool *pool = new_pool(fx, 0, 1);

	for (int i = 0; i < 5; i++) {
		assert_int_equal(rb_pool_put(pool, &fx->jobs[i], NULL), RB_OK);
		assert_int_equal(fx->jobs[i].done, 1);
		assert_int_equal(fx->jobs[i].worker, 0);
	}
	assert_int_equal(rb_pool_wait(pool, NULL), RB_OK);
	rb_pool_free(pool);
}

/* One worker, held up in job 0: the caller finds the queue full and does the oldest. */
static void a_full_queue_makes_the_caller_do_the_oldest(void **state)
{
	struct fixture *fx = *state;
	struct rb_pool *pool = new_pool(fx, 1, 2);

	fx->jobs[0].deed = BLOCK;
	assert_int_equal(rb_pool_put(pool, &fx->jobs[0], NULL), RB_OK);
	sem_wait(&fx->blocked);
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(rb_pool_put(pool, &fx->jobs[i], NULL), RB_OK);
		assert_int_equal(fx->jobs[i].done, 0);
	}
	assert_int_equal(rb_pool_put(pool, &fx->jobs[3], NULL), RB_OK);
	assert_int_equal(fx->jobs[1].done, 1);
	assert_int_equal(fx->jobs[1].worker, 0);
	assert_int_equal(fx->jobs[2].done, 0);
	assert_int_equal(fx->jobs[3].done, 0);

	sem_post(&fx->go_on);
	assert_int_equal(rb_pool_wait(pool, NULL), RB_OK);
	assert_int_equal(fx->jobs[0].worker, 1);
	assert_int_equal(fx->jobs[3].done, 1);
	rb_pool_free(pool);
}

/* Job 1 fails in the caller while job 0, which fails later, is under way in the worker. */
static void the_first_failure_stops_the_pool_and_is_kept(void **state)
{
	struct fixture *fx = *state;
	struct rb_pool *pool = new_pool(fx, 1, 1);
	struct rb_err err = {0};

	fx->jobs[0].deed = BLOCK_AND_FAIL;
	fx->jobs[1].deed = FAIL;
	assert_int_equal(rb_pool_put(pool, &fx->jobs[0], NULL), RB_OK);
	sem_wait(&fx->blocked);
	assert_int_equal(rb_pool_put(pool, &fx->jobs[1], NULL), RB_OK);
	assert_int_equal(rb_pool_put(pool, &fx->jobs[2], &err), RB_E_LIMIT);
	assert_string_equal(err.msg, "job 1 is too large");
	assert_int_equal(err.status, RB_E_LIMIT);
	assert_int_equal(rb_pool_put(pool, &fx->jobs[3], NULL), RB_E_LIMIT);
	assert_int_equal(fx->jobs[3].dropped, 1);

	sem_post(&fx->go_on);
	memset(&err, 0, sizeof(err));
	assert_int_equal(rb_pool_wait(pool, &err), RB_E_LIMIT);
	assert_string_equal(err.msg, "job 1 is too large");
	assert_int_equal(fx->jobs[0].done, 1);
	assert_int_equal(fx->jobs[2].done, 0);
	assert_int_equal(fx->jobs[2].dropped, 1);
	rb_pool_free(pool);
}

static void a_failure_in_the_caller_stops_the_pool_too(void **state)
{
	struct fixture *fx = *state;
	struct rb_pool *pool = new_pool(fx, 0, 1);
	struct rb_err err = {0};

	fx->jobs[0].deed = FAIL;
	assert_int_equal(rb_pool_put(pool, &fx->jobs[0], &err), RB_E_LIMIT);
	assert_string_equal(err.msg, "job 0 is too large");
	assert_int_equal(rb_pool_put(pool, &fx->jobs[1], &err), RB_E_LIMIT);
	assert_int_equal(fx->jobs[1].dropped, 1);
	rb_pool_free(pool);
}

/* drop() lets job 0 go on: only a free that drops before it joins comes back. */
static void free_drops_what_waits(void **state)
{
	struct fixture *fx = *state;
	struct rb_pool *pool = new_pool(fx, 1, 8);

	fx->jobs[0].deed = BLOCK;
	assert_int_equal(rb_pool_put(pool, &fx->jobs[0], NULL), RB_OK);
	sem_wait(&fx->blocked);
	for (int i = 1; i <= 3; i++)
		assert_int_equal(rb_pool_put(pool, &fx->jobs[i], NULL), RB_OK);
	rb_pool_free(pool);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(fx->jobs[i].done, 0);
		assert_int_equal(fx->jobs[i].dropped, 1);
	}
	rb_pool_free(NULL);
}

static void signals_are_blocked_in_workers_only(void **state)
{
	struct fixture *fx = *state;
	struct rb_pool *pool = new_pool(fx, 1, 1);
	sigset_t mask;

	fx->jobs[0].deed = BLOCK;
	assert_int_equal(rb_pool_put(pool, &fx->jobs[0], NULL), RB_OK);
	sem_wait(&fx->blocked);
	assert_int_equal(sigismember(&fx->mask, SIGINT), 1);
	assert_int_equal(sigismember(&fx->mask, SIGTERM), 1);
	assert_int_equal(sigismember(&fx->mask, SIGSEGV), 0); /* a crash is to be seen */
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_int_equal(sigismember(&mask, SIGINT), 0);
	sem_post(&fx->go_on);
	assert_int_equal(rb_pool_wait(pool, NULL), RB_OK);
	rb_pool_free(pool);
}

static void a_pool_that_cannot_start_leaves_nothing(void **state)
{
	struct fixture *fx = *state;
	struct rb_pool_opts opts = {
	        .workers = 2, .queue_max = 1, .run = run, .drop = drop, .ctx = fx};
	struct rb_pool *pool = NULL;
	struct rb_err err = {0};

	for (unsigned int nth = 1; nth <= 3; nth++) {
		fault_arm(FAULT_MALLOC, nth, ENOMEM);
		assert_int_equal(rb_pool_new(&opts, &pool, &err), RB_E_NOMEM);
		assert_int_equal(fault_disarm(), 1);
		assert_string_equal(err.msg, "no memory for a worker pool");
		assert_null(pool);
	}
	for (unsigned int nth = 1; nth <= 2; nth++) {
		fault_arm(FAULT_THREAD, nth, EAGAIN);
		assert_int_equal(rb_pool_new(&opts, &pool, &err), RB_E_IO);
		assert_int_equal(fault_disarm(), 1);
		assert_string_equal(err.msg, "cannot start a worker thread: "
		                             "Resource temporarily unavailable");
		assert_null(pool);
	}
}

static void the_default_is_between_one_and_eight(void **state)
{
	(void)state;
	assert_in_range(rb_pool_default_workers(), 1, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(every_job_is_done_once, set_up),
	        cmocka_unit_test_setup(without_workers_all_is_done_inside_put, set_up),
	        cmocka_unit_test_setup(a_full_queue_makes_the_caller_do_the_oldest, set_up),
	        cmocka_unit_test_setup(the_first_failure_stops_the_pool_and_is_kept, set_up),
	        cmocka_unit_test_setup(a_failure_in_the_caller_stops_the_pool_too, set_up),
	        cmocka_unit_test_setup(free_drops_what_waits, set_up),
	        cmocka_unit_test_setup(signals_are_blocked_in_workers_only, set_up),
	        cmocka_unit_test_setup(a_pool_that_cannot_start_leaves_nothing, set_up),
	        cmocka_unit_test(the_default_is_between_one_and_eight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
