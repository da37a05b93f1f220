/*
 * See restore_priv.h: half of the proof while indexes are made.
 *
 * Making indexes keeps one thread busy and a half, and writes nothing that the rows are
 * stored in.  Whatever fails here is not a failure of the restore: the tables that are not
 * exported here are exported when everything is made.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "restore_priv.h"

#define READERS 2

struct rb_beside {
	const struct rb_adapter *adapter;
	struct rb_source *readers[READERS]; /* the second may be NULL */
	struct rb_catalog *catalog;         /* until the export has it */
	struct rb_pack *pack;               /* stores nothing */
	struct rb_export_opts opts;
	struct rb_export exported;
	pthread_t thread;
	bool started; /* and not joined yet */
	bool is_done; /* exported is what the thread made */
	int rc;
};

static void *run(void *arg)
{
	struct rb_beside *beside = arg;

	beside->rc = rb_export_run(&beside->opts, &beside->exported, NULL);
	return NULL;
}

/* Signals are for the main thread, as in export.c. */
static void start_thread(struct rb_beside *beside)
{
	sigset_t all;
	sigset_t old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	beside->started = pthread_create(&beside->thread, NULL, run, beside) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (beside->started)
		beside->catalog = NULL;
}

static void free_beside(struct rb_beside *beside)
{
	rb_export_release(&beside->exported);
	rb_catalog_free(beside->catalog);
	rb_pack_free(beside->pack);
	for (size_t i = 0; i < READERS; i++)
		beside->adapter->source_close(beside->readers[i]);
	free(beside);
}

/* Open the readers, and look at the schema while it stands still. */
static int prepare(struct rb_restore *restore, struct rb_beside *beside)
{
	const struct rb_adapter *adapter = restore->adapter;
	unsigned int workers = rb_store_workers(restore->store);
	int rc = adapter->target_reader(restore->target, &beside->readers[0], NULL);

	/* One is enough when there is no second. */
	if (rc == RB_OK && adapter->target_reader(restore->target, &beside->readers[1], NULL) < 0)
		beside->readers[1] = NULL;
	if (rc == RB_OK)
		rc = adapter->source_catalog(beside->readers[0], &beside->catalog, NULL);
	if (rc == RB_OK)
		rc = rb_pack_begin(NULL, rb_export_slots(workers), &beside->pack, NULL);
	beside->opts = (struct rb_export_opts){.source = beside->readers[0],
	                                       .helper = beside->readers[1],
	                                       .name = restore->backup.source,
	                                       .config = restore->config,
	                                       .tables_of = restore->backup.catalog,
	                                       .catalog = beside->catalog,
	                                       .plain_only = true,
	                                       .pack = beside->pack,
	                                       .workers = workers};
	return rc;
}

void rb_restore_beside_start(struct rb_restore *restore)
{
	struct rb_beside *beside = NULL;

	if (!restore->adapter->target_reader)
		return;
	beside = calloc(1, sizeof(*beside));
	if (!beside)
		return;
	beside->adapter = restore->adapter;
	if (prepare(restore, beside) == RB_OK)
		start_thread(beside);
	if (beside->started)
		restore->beside = beside;
	else
		free_beside(beside);
}

void rb_restore_beside_wait(struct rb_restore *restore)
{
	struct rb_beside *beside = restore->beside;

	if (!beside || !beside->started)
		return;
	pthread_join(beside->thread, NULL);
	beside->started = false;
	beside->is_done = beside->rc == RB_OK;
}

const struct rb_export *rb_restore_beside_result(const struct rb_restore *restore)
{
	return restore->beside && restore->beside->is_done ? &restore->beside->exported : NULL;
}

void rb_restore_beside_free(struct rb_restore *restore)
{
	if (!restore->beside)
		return;
	rb_restore_beside_wait(restore);
	free_beside(restore->beside);
	restore->beside = NULL;
}
