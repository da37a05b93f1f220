/*
 * How fast objects go into a pack and come out of it: 328 MB in blobs of 16 to 24 KiB
 * that deflate as JSON rows do.
 *
 *	make build/bench/bench_pack && build/bench/bench_pack [threads [megabytes]]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "rowback/base/fs.h"
#include "rowback/repo/pack.h"
#include "rowback/repo/repo.h"
#include "rowback/repo/tree.h"

enum { THREADS_MAX = 16, POOL_BYTES = 32 << 20 };

struct worker {
	struct rb_pack *pack;
	struct rb_repo *repo;
	unsigned int slot;
	unsigned int threads;
	struct rb_oid *oids;
	int rc;
};

static char *pool;        /* rows, POOL_BYTES of them */
static size_t blob_count; /* blobs to write */

static double now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Rows such as an application has: ids, a name, an address, a number, a time, a text. */
static void fill_pool(void)
{
	static const char *const words[] = {"alpha",  "order",  "green",  "window",
	                                    "report", "north",  "paper",  "simple",
	                                    "cloud",  "market", "yellow", "table"};
	uint64_t x = 88172645463325252u;
	size_t at = 0;

	for (unsigned int id = 1; at < POOL_BYTES - 512; id++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		at += (size_t)snprintf(
		        pool + at, 512,
		        "{\"id\":%u,\"name\":\"%s %s\",\"email\":\"%s.%u@example.com\","
		        "\"amount\":%u.%02u,\"token\":\"%08x%04x\",\"created\":\"2026-%02u-%02uT%"
		        "02u:%02u:00Z\","
		        "\"note\":\"%s %s %s %s\"}\n",
		        id, words[x % 12], words[(x >> 8) % 12], words[(x >> 16) % 12],
		        (unsigned int)(x >> 20) % 100000, (unsigned int)(x >> 40) % 10000,
		        (unsigned int)(x >> 50) % 100, (unsigned int)x,
		        (unsigned int)(x >> 33) % 65536, (unsigned int)(x >> 12) % 12 + 1,
		        (unsigned int)(x >> 24) % 28 + 1, (unsigned int)(x >> 36) % 24,
		        (unsigned int)(x >> 48) % 60, words[(x >> 4) % 12], words[(x >> 28) % 12],
		        words[(x >> 44) % 12], words[(x >> 52) % 12]);
	}
}

static size_t blob_len(size_t n)
{
	return ((size_t)16 << 10) + n * 977 % ((size_t)8 << 10);
}

static void *write_blobs(void *arg)
{
	struct worker *worker = arg;
	char *blob = malloc((size_t)24 << 10);

	for (size_t n = worker->slot; blob && n < blob_count && worker->rc == 0;
	     n += worker->threads) {
		size_t len = blob_len(n);

		memcpy(blob, pool + n * 7919 % (POOL_BYTES - ((size_t)32 << 10)), len);
		memcpy(blob, &n, sizeof(n));
		worker->rc = rb_pack_add(worker->pack, worker->slot, RB_OBJECT_BLOB, blob, len,
		                         &worker->oids[n], NULL, NULL);
	}
	free(blob);
	return NULL;
}

static void *read_blobs(void *arg)
{
	struct worker *worker = arg;
	struct rb_buf out = RB_BUF((size_t)1 << 20);

	for (size_t n = worker->slot; n < blob_count && worker->rc == 0; n += worker->threads) {
		rb_buf_clear(&out);
		worker->rc =
		        rb_repo_read(worker->repo, &worker->oids[n], RB_OBJECT_BLOB, &out, NULL);
	}
	rb_buf_release(&out);
	return NULL;
}

static int run(void *(*fn)(void *), struct worker *workers, unsigned int threads)
{
	pthread_t ids[THREADS_MAX];
	int rc = 0;

	for (unsigned int i = 1; i < threads; i++)
		if (pthread_create(&ids[i], NULL, fn, &workers[i]) != 0)
			abort();
	fn(&workers[0]);
	for (unsigned int i = 1; i < threads; i++)
		pthread_join(ids[i], NULL);
	for (unsigned int i = 0; i < threads; i++)
		rc = rc ? rc : workers[i].rc;
	return rc;
}

static void report(const char *what, double bytes, double wall, double cpu)
{
	printf("%-28s wall %6.3f s  cpu %6.3f s  %7.1f MB/s\n", what, wall, cpu,
	       bytes / 1e6 / wall);
}

static int bench(struct rb_repo *repo, unsigned int threads, double bytes, struct rb_oid *oids)
{
	struct worker workers[THREADS_MAX] = {0};
	struct rb_pack *pack = NULL;
	struct rb_pack_stats stats = {0};
	double wall = now(CLOCK_MONOTONIC);
	double cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	double added;
	double added_cpu;
	int rc = rb_pack_begin(repo, threads, &pack, NULL);

	for (unsigned int i = 0; i < threads; i++)
		workers[i] = (struct worker){pack, repo, i, threads, oids, 0};
	if (rc == 0)
		rc = run(write_blobs, workers, threads);
	added = now(CLOCK_MONOTONIC);
	added_cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	report("add", bytes, added - wall, added_cpu - cpu);
	if (rc == 0)
		rc = rb_pack_finish(pack, &stats, NULL);
	rb_pack_free(pack);
	report("finish", bytes, now(CLOCK_MONOTONIC) - added,
	       now(CLOCK_PROCESS_CPUTIME_ID) - added_cpu);
	report("both", bytes, now(CLOCK_MONOTONIC) - wall, now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
	printf("%llu objects, %.1f MB on disk\n", (unsigned long long)stats.objects_written,
	       (double)stats.bytes_written / 1e6);

	wall = now(CLOCK_MONOTONIC);
	cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	if (rc == 0)
		rc = run(read_blobs, workers, threads);
	report("read", bytes, now(CLOCK_MONOTONIC) - wall, now(CLOCK_PROCESS_CPUTIME_ID) - cpu);

	wall = now(CLOCK_MONOTONIC);
	cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	if (rc == 0)
		rc = rb_pack_begin(repo, threads, &pack, NULL);
	for (unsigned int i = 0; i < threads; i++)
		workers[i].pack = pack;
	if (rc == 0)
		rc = run(write_blobs, workers, threads);
	rb_pack_free(pack);
	report("add again (all known)", bytes, now(CLOCK_MONOTONIC) - wall,
	       now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
	return rc;
}

static int count(void *ctx, const struct rb_tree_entry *entry, struct rb_err *err)
{
	(void)entry;
	(void)err;
	++*(size_t *)ctx;
	return 0;
}

/* A tree of 20,000 files: built, written, walked. */
static int bench_tree(struct rb_repo *repo, const struct rb_oid *oids)
{
	enum { FILES = 20000 };
	struct rb_tree_builder *builder = NULL;
	struct rb_pack *pack = NULL;
	struct rb_oid root;
	double start = now(CLOCK_MONOTONIC);
	double built;
	double finished;
	size_t files = 0;
	int rc = rb_tree_builder_new(&builder, NULL);

	for (size_t i = 0; i < FILES && rc == 0; i++) {
		char path[64];

		snprintf(path, sizeof(path), "app/orders/rows/%02zu/%06zu.jsonl", i / 300, i);
		rc = rb_tree_builder_add(builder, path, RB_MODE_FILE, &oids[i % blob_count], NULL);
	}
	if (rc == 0)
		rc = rb_pack_begin(repo, 1, &pack, NULL);
	if (rc == 0)
		rc = rb_tree_builder_write(builder, pack, 0, &root, NULL);
	built = now(CLOCK_MONOTONIC);
	if (rc == 0)
		rc = rb_pack_finish(pack, NULL, NULL);
	finished = now(CLOCK_MONOTONIC);
	if (rc == 0)
		rc = rb_tree_walk(repo, &root, count, &files, NULL);
	printf("tree of %d files: build %.1f ms, pack %.1f ms, walk %.1f ms\n", FILES,
	       1e3 * (built - start), 1e3 * (finished - built),
	       1e3 * (now(CLOCK_MONOTONIC) - finished));
	rb_pack_free(pack);
	rb_tree_builder_free(builder);
	return rc == 0 && files == FILES ? 0 : -1;
}

int main(int argc, char **argv)
{
	unsigned int threads = argc > 1 ? (unsigned int)atoi(argv[1]) : 1;
	double megabytes = argc > 2 ? atof(argv[2]) : 328;
	struct rb_repo *repo = NULL;
	struct rb_oid *oids = NULL;
	struct rusage usage;
	double bytes = 0;
	char *dir = NULL;
	int rc = 0;

	if (threads < 1 || threads > THREADS_MAX || rb_fs_mkdtemp("rowback-bench", &dir, NULL) < 0)
		return 2;
	pool = malloc(POOL_BYTES);
	if (!pool)
		return 2;
	fill_pool();
	for (blob_count = 0; bytes < megabytes * 1e6; blob_count++)
		bytes += (double)blob_len(blob_count);
	oids = calloc(blob_count, sizeof(*oids));
	rc = oids ? rb_repo_init(dir, "main", true, &repo, NULL) : -1;
	if (rc == 0)
		rc = bench(repo, threads, bytes, oids);
	if (rc == 0)
		rc = bench_tree(repo, oids);
	rb_repo_free(repo);
	getrusage(RUSAGE_SELF, &usage);
	printf("peak %ld MiB, of which %d MiB are the bench's rows\n", usage.ru_maxrss / 1024,
	       POOL_BYTES >> 20);
	if (rb_fs_remove_tree(dir, NULL) < 0)
		rc = -1;
	free(oids);
	free(pool);
	free(dir);
	return rc == 0 ? 0 : 1;
}
