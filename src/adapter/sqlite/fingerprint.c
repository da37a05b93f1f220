/*
 * See sqlite_priv.h: the proof that nothing was written.
 *
 * What proves it depends on how the database is journalled (bytes 18 and 19 of its
 * header).  source: sqlite.org/fileformat2.html, sqlite.org/walformat.html
 *
 * Rollback journal (1): "the file change counter is a 4-byte big-endian integer at offset
 * 24 that is incremented whenever the database file is unlocked after having been
 * modified."  That holds with every journal mode of the writer, OFF and MEMORY included,
 * and nobody can write while our transaction holds its shared lock.  Equal headers of an
 * equal file mean that nothing was written.
 *
 * Write-ahead log (2): "changes to the database are detected using the wal-index and so
 * the change counter is not needed", and it is not kept up.  Content is the main file and
 * the frames of the log up to the last commit.
 *	- The log has frames: salts (new each time the log starts over), the number of
 *	  committed frames and the checksum that runs over all of them name a state of the
 *	  log; another commit cannot come back to it.
 *	- The log is empty: content is the main file alone.  A writer may have come, gone
 *	  through a new log, checkpointed and deleted it; then the main file was written, and
 *	  its times changed.  They prove nothing while they are so young that a later write
 *	  could be given the same ones, as git's index has it: then the text is "".
 *
 * The header of the wal-index (in the -shm file) moves on while we read, so it is looked
 * at right before and right after the snapshot is taken: when it stood still, it is the
 * snapshot's own.
 *
 * All reading goes through SQLite's own file handles: closing another descriptor of the
 * file would drop this process's POSIX locks on it, and with them the snapshot.
 * source: sqlite.org/howtocorrupt.html, section 2.2
 */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "rowback/base/encode.h"
#include "sqlite_priv.h"

#define HEADER_SIZE 100
#define HEADER_WRITE_VERSION 18 /* 1: rollback journal, 2: write-ahead log */

/* The start of the -shm file; all integers in the machine's byte order. */
#define WAL_INDEX_VERSION 3007000
#define WAL_INDEX_REGION 32768 /* what SQLite maps at a time */
struct wal_index_header {
	uint32_t version;
	uint32_t unused;
	uint32_t change; /* goes up with every transaction */
	uint8_t is_init;
	uint8_t is_big_endian_checksum;
	uint16_t page_size;
	uint32_t frames; /* mxFrame */
	uint32_t pages;  /* nPage */
	uint32_t frame_checksum[2];
	uint32_t salt[2];
	uint32_t checksum[2]; /* of all the above */
};
_Static_assert(sizeof(struct wal_index_header) == 48, "layout of the wal-index header");

/* A time stamp this young may be given to a later write as well: FAT counts 2 seconds. */
#define RACY_NS INT64_C(2000000000)

/* How often to try for a snapshot between two commits of a busy writer. */
#define SNAPSHOT_TRIES 5

static sqlite3_file *main_file(struct rb_sqlite_conn *conn)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK)
		return NULL;
	return file && file->pMethods ? file : NULL;
}

/* Copy the wal-index header as it is now; false when there is none, or it is being written. */
static bool peek_wal_index(struct rb_sqlite_conn *conn, struct wal_index_header *out)
{
	sqlite3_file *file = main_file(conn);
	struct wal_index_header copies[2];
	void volatile *region = NULL;

	if (!file || file->pMethods->iVersion < 2 || !file->pMethods->xShmMap)
		return false;
	if (file->pMethods->xShmMap(file, 0, WAL_INDEX_REGION, 0, &region) != SQLITE_OK || !region)
		return false;
	for (size_t i = 0; i < sizeof(copies); i++)
		((unsigned char *)copies)[i] = ((unsigned char volatile *)region)[i];
	file->pMethods->xShmBarrier(file);
	*out = copies[0];
	return memcmp(&copies[0], &copies[1], sizeof(copies[0])) == 0 &&
	       copies[0].version == WAL_INDEX_VERSION && copies[0].is_init;
}

/* Read the header of the main file; a database that is still empty has none: zeros. */
static bool read_header(struct rb_sqlite_conn *conn, unsigned char header[HEADER_SIZE])
{
	sqlite3_file *file = main_file(conn);
	int code;

	memset(header, 0, HEADER_SIZE);
	if (!file)
		return false;
	code = file->pMethods->xRead(file, header, HEADER_SIZE, 0);
	return code == SQLITE_OK || code == SQLITE_IOERR_SHORT_READ;
}

/* Whether the write-ahead log is in use; the version for reading stands behind the other. */
static bool is_wal_mode(const unsigned char header[HEADER_SIZE])
{
	return header[HEADER_WRITE_VERSION] == 2 || header[HEADER_WRITE_VERSION + 1] == 2;
}

static void take_wal_state(const struct wal_index_header *header, struct rb_sqlite_wal *out)
{
	out->is_known = true;
	out->frames = header->frames;
	out->pages = header->pages;
	memcpy(out->checksum, header->frame_checksum, sizeof(out->checksum));
	memcpy(out->salt, header->salt, sizeof(out->salt));
}

/* As peek_wal_index(), but only where there is a log: asking would make a -shm file. */
static bool peek_in_wal_mode(struct rb_sqlite_conn *conn, struct wal_index_header *out)
{
	unsigned char header[HEADER_SIZE];

	return read_header(conn, header) && is_wal_mode(header) && peek_wal_index(conn, out);
}

static int begin(struct rb_sqlite_conn *conn, struct rb_err *err)
{
	int64_t one;
	int rc = rb_sqlite_exec(conn, "BEGIN", err);

	/* BEGIN alone takes no lock: the first read does. */
	if (rc == RB_OK)
		rc = rb_sqlite_get_int(conn, "SELECT 1 FROM main.sqlite_schema LIMIT 1", &one, err);
	if (rc == RB_E_NOTFOUND)
		rc = RB_OK;
	if (rc == RB_E_INCOMPLETE || rc == RB_E_IO) {
		rc = RB_E_UNREACHABLE;
		if (err)
			err->status = RB_E_UNREACHABLE;
	}
	return rc;
}

int rb_sqlite_begin_read(struct rb_sqlite_conn *conn, struct rb_err *err)
{
	struct wal_index_header before;
	struct wal_index_header after;
	int rc = RB_OK;

	memset(&conn->wal, 0, sizeof(conn->wal));
	for (int tries = 0; tries < SNAPSHOT_TRIES && rc == RB_OK; tries++) {
		bool is_before = peek_in_wal_mode(conn, &before);

		if (tries > 0)
			rc = rb_sqlite_exec(conn, "ROLLBACK", err);
		if (rc == RB_OK)
			rc = begin(conn, err);
		if (rc < 0 || !peek_in_wal_mode(conn, &after))
			break;
		if (is_before && memcmp(&before, &after, sizeof(before)) == 0) {
			take_wal_state(&after, &conn->wal);
			break;
		}
	}
	return rc;
}

/* Whether a later write could be given the time stamps the file has now. */
static bool is_racy(const struct stat *st)
{
	const struct timespec *times[] = {&st->st_mtim, &st->st_ctim};
	struct timespec now;

	/* The real clock: a fixed one (ROWBACK_NOW) would make a young file look old. */
	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		return true;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		int64_t age_s = (int64_t)now.tv_sec - (int64_t)times[i]->tv_sec;
		int64_t age_ns;

		if (age_s < 0 || age_s > 10) {
			if (age_s < 0)
				return true;
			continue;
		}
		age_ns = age_s * INT64_C(1000000000) + now.tv_nsec - times[i]->tv_nsec;
		if (age_ns < RACY_NS)
			return true;
	}
	return false;
}

/* Where the snapshot ends in the log; in a transaction that writes, that is the log's end. */
static void find_wal_state(struct rb_sqlite_conn *conn, struct rb_sqlite_wal *out)
{
	struct wal_index_header header;

	*out = conn->wal;
	if (sqlite3_txn_state(conn->db, "main") != SQLITE_TXN_WRITE)
		return;
	memset(out, 0, sizeof(*out));
	if (peek_wal_index(conn, &header))
		take_wal_state(&header, out);
}

static int add_file_state(const struct stat *st, const unsigned char header[HEADER_SIZE],
                          struct rb_buf *out, struct rb_err *err)
{
	char hex[2 * HEADER_SIZE + 1];

	rb_hex_encode(header, HEADER_SIZE, hex);
	return rb_buf_addf(out, err,
	                   "sqlite-1 %" PRIuMAX " %" PRIuMAX " %" PRIdMAX " %" PRIdMAX
	                   ".%09ld %" PRIdMAX ".%09ld %s",
	                   (uintmax_t)st->st_dev, (uintmax_t)st->st_ino, (intmax_t)st->st_size,
	                   (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
	                   (intmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec, hex);
}

int rb_sqlite_fingerprint(struct rb_sqlite_conn *conn, struct rb_buf *out, struct rb_err *err)
{
	unsigned char header[HEADER_SIZE];
	struct rb_sqlite_wal wal = {0};
	struct stat st;
	int has_moved = 0;
	int rc;

	/* The name must still be the file that is open. */
	if (stat(sqlite3_db_filename(conn->db, "main"), &st) < 0 ||
	    sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved) !=
	            SQLITE_OK ||
	    has_moved || !read_header(conn, header))
		return RB_OK;
	if (is_wal_mode(header)) {
		find_wal_state(conn, &wal);
		if (!wal.is_known || (wal.frames == 0 && is_racy(&st)))
			return RB_OK;
	}
	rc = add_file_state(&st, header, out, err);
	if (rc == RB_OK && wal.frames > 0)
		rc = rb_buf_addf(out, err,
		                 " wal %" PRIu32 " %08" PRIx32 "%08" PRIx32 " %" PRIu32
		                 " %08" PRIx32 "%08" PRIx32,
		                 wal.frames, wal.salt[0], wal.salt[1], wal.pages, wal.checksum[0],
		                 wal.checksum[1]);
	return rc;
}
