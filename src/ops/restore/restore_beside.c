/*
 * See restore_priv.h: most of the proof while the rest is written.
 *
 * Rows that were written stay as they are while those of other tables follow, and while
 * indexes are made, which keep one thread busy and a half.  So they are exported in waves: one
 * with the tables that are there when the wave before it has ended, and a last one beside the
 * indexes.  Whatever fails here is not a failure of the restore: the tables that are not
 * exported here are exported when everything is made.
 */
#define _GNU_SOURCE /* SCHED_IDLE */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "rowback/base/thread.h"
#include "restore_priv.h"

#define READERS 2
#define WAVE_ROWS_MIN 10000 /* fewer rows wait for others: a wave costs a commit and a thread */

/* Tables that are exported together. */
struct wave {
	const struct rb_adapter *adapter;
	struct rb_source *readers[READERS]; /* the second may be NULL */
	struct rb_catalog tables;           /* borrows from the backup's */
	struct rb_catalog *catalog;         /* until the export has it */
	struct rb_pack *pack;               /* stores nothing */
	struct rb_export_opts opts;
	struct rb_export exported;
	pthread_t thread;
	bool started; /* and not joined yet */
	atomic_bool is_over;
	int rc;
	struct wave *before;
};

struct rb_beside {
	struct wave *last;                /* the newest; the others hang behind it */
	struct rb_table *filled;          /* written, and in no wave yet; copies that borrow */
	size_t filled_count;              /* the array has room for all tables */
	uint64_t filled_rows;             /* in them */
	const struct rb_export **results; /* NULL-terminated */
};

static void *run(void *arg)
{
	struct wave *wave = arg;

	wave->rc = rb_export_run(&wave->opts, &wave->exported, NULL);
	atomic_store(&wave->is_over, true);
	return NULL;
}

static void start_thread(struct wave *wave)
{
	wave->started = rb_thread_start(&wave->thread, run, wave) == 0;
	if (wave->started)
		wave->catalog = NULL;
}

/* Only what nobody else wants of the processors, or as much as others. */
static void set_policy(struct wave *wave, int policy)
{
	const struct sched_param param = {.sched_priority = 0};

	/* Where that is not allowed it takes longer. */
	if (wave->started)
		(void)pthread_setschedparam(wave->thread, policy, &param);
}

static void join(struct wave *wave)
{
	if (wave->started)
		pthread_join(wave->thread, NULL);
	wave->started = false;
}

static void free_wave(struct wave *wave)
{
	join(wave);
	rb_export_release(&wave->exported);
	rb_catalog_free(wave->catalog);
	rb_pack_free(wave->pack);
	for (size_t i = 0; i < READERS; i++)
		wave->adapter->source_close(wave->readers[i]);
	free(wave->tables.tables);
	free(wave);
}

/* Open the readers, and look at the schema while it stands still. */
static int prepare(struct rb_restore *restore, struct wave *wave, size_t readers)
{
	const struct rb_adapter *adapter = restore->adapter;
	int rc = adapter->target_reader(restore->target, &wave->readers[0], NULL);

	/* One is enough when there is no second. */
	if (rc == RB_OK && readers > 1 &&
	    adapter->target_reader(restore->target, &wave->readers[1], NULL) < 0)
		wave->readers[1] = NULL;
	if (rc == RB_OK)
		rc = adapter->source_catalog(wave->readers[0], &wave->catalog, NULL);
	if (rc == RB_OK)
		rc = rb_pack_begin(NULL, rb_export_slots(0), &wave->pack, NULL);
	/* Nothing is deflated: to hand a chunk to a worker costs more than to hash it. */
	wave->opts = (struct rb_export_opts){.source = wave->readers[0],
	                                     .helper = wave->readers[1],
	                                     .name = restore->backup.source,
	                                     .config = restore->config,
	                                     .columns_of = restore->backup.catalog,
	                                     .tables_of = &wave->tables,
	                                     .catalog = wave->catalog,
	                                     .plain_only = true,
	                                     .pack = wave->pack,
	                                     .workers = 0};
	return rc;
}

/* Export what was written so far.  False when the target has no readers. */
static bool begin_wave(struct rb_restore *restore, size_t readers)
{
	struct rb_beside *beside = restore->beside;
	size_t count = beside->filled_count;
	struct wave *wave = calloc(1, sizeof(*wave));
	int rc;

	if (!wave)
		return false;
	wave->adapter = restore->adapter;
	atomic_init(&wave->is_over, false);
	wave->tables.tables = beside->filled;
	wave->tables.table_count = count;
	beside->filled = calloc(restore->backup.catalog->table_count + 1, sizeof(*beside->filled));
	beside->filled_count = 0;
	beside->filled_rows = 0;
	rc = beside->filled ? prepare(restore, wave, readers) : RB_E_NOMEM;
	if (rc == RB_OK)
		start_thread(wave);
	if (!wave->started) {
		free_wave(wave);
		return false;
	}
	wave->before = beside->last;
	beside->last = wave;
	return true;
}

/* No more waves: what is in none is exported in the end. */
static void stop(struct rb_beside *beside)
{
	free(beside->filled);
	beside->filled = NULL;
}

void rb_restore_beside_begin(struct rb_restore *restore)
{
	struct rb_beside *beside = NULL;

	if (!restore->adapter->target_reader)
		return;
	beside = calloc(1, sizeof(*beside));
	if (!beside)
		return;
	beside->filled = calloc(restore->backup.catalog->table_count + 1, sizeof(*beside->filled));
	restore->beside = beside;
}

void rb_restore_beside_filled(struct rb_restore *restore, size_t table)
{
	struct rb_beside *beside = restore->beside;
	const struct rb_table *def = &restore->backup.catalog->tables[table];

	if (!beside || !beside->filled || def->kind != RB_TABLE_PLAIN)
		return;
	beside->filled[beside->filled_count++] = *def;
	beside->filled_rows += restore->backup.tables[table].rows;
	if (beside->filled_rows < WAVE_ROWS_MIN ||
	    (beside->last && !atomic_load(&beside->last->is_over)))
		return;
	if (begin_wave(restore, 1))
		/* The rows are waited for: they are read, parsed and written by three threads. */
		set_policy(beside->last, SCHED_IDLE);
	else
		stop(beside);
}

void rb_restore_beside_last(struct rb_restore *restore)
{
	struct rb_beside *beside = restore->beside;

	if (!beside)
		return;
	for (struct wave *wave = beside->last; wave; wave = wave->before)
		set_policy(wave, SCHED_OTHER);
	if (beside->filled && beside->filled_count > 0)
		begin_wave(restore, rb_store_workers(restore->store) > 1 ? READERS : 1);
	stop(beside);
}

void rb_restore_beside_wait(struct rb_restore *restore)
{
	struct rb_beside *beside = restore->beside;
	size_t count = 0;

	if (!beside)
		return;
	stop(beside);
	for (struct wave *wave = beside->last; wave; wave = wave->before) {
		set_policy(wave, SCHED_OTHER);
		join(wave);
		count++;
	}
	free(beside->results);
	beside->results = calloc(count + 1, sizeof(*beside->results));
	count = 0;
	for (struct wave *wave = beside->last; wave && beside->results; wave = wave->before) {
		if (wave->rc == RB_OK)
			beside->results[count++] = &wave->exported;
	}
}

const struct rb_export *const *rb_restore_beside_results(const struct rb_restore *restore)
{
	return restore->beside ? restore->beside->results : NULL;
}

void rb_restore_beside_free(struct rb_restore *restore)
{
	struct rb_beside *beside = restore->beside;

	if (!beside)
		return;
	stop(beside);
	while (beside->last) {
		struct wave *before = beside->last->before;

		free_wave(beside->last);
		beside->last = before;
	}
	free(beside->results);
	free(beside);
	restore->beside = NULL;
}
