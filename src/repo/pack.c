/*
 * See rowback/repo/pack.h.
 *
 *	"PACK"  00 00 00 02  objects (4 bytes)
 *	each object: type and size (a varint), deflated content
 *	SHA-1 of all the above
 *
 * A thread hashes and deflates by itself and holds the lock only to note the name and to
 * append its bytes to the buffer.
 *
 * source  gitformat-pack(5)
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deflate_priv.h"
#include "pack_table_priv.h"
#include "packs_priv.h"
#include "repo_priv.h"
#include "rowback/base/fs.h"
#include "rowback/repo/pack.h"

/* Bytes gathered before a write(2). */
#define BUFFER_BYTES ((size_t)1 << 20)

/* Bytes written between two hints to the system to bring them to the disk. */
#define START_BYTES ((uint64_t)32 << 20)

/* As git: nobody changes a pack. */
#define PACK_MODE 0400

/* What one thread works with. */
struct slot {
	struct rb_hasher *hasher;
	struct rb_deflater *deflater; /**< NULL until it deflates */
};

/* What is being added. */
struct object {
	enum rb_object_type type;
	const void *data;
	size_t len;
	struct rb_oid oid;
	size_t place; /* in the pack's table, once its name is reserved */
};

/* A file that is taken back unless it is kept. */
struct file {
	char *path; /**< NULL: there is none */
	int fd;     /**< -1 when closed */
};

struct rb_pack {
	struct rb_repo *repo; /**< NULL: names only */
	struct slot *slots;
	unsigned int slot_count;

	pthread_mutex_t lock; /**< over all below */
	bool failed;          /**< something is missing: it cannot be finished */
	struct rb_err why;    /**< the first failure: threads that come later tell it, too */
	bool is_scratch;      /**< its files go with it */
	struct rb_pack_table objects; /**< crc and offset are zero while a thread deflates */
	struct file pack;             /**< made with the first object */
	struct file idx;
	unsigned char *buffer; /**< BUFFER_BYTES, not yet written */
	size_t buffered;       /**< bytes in it */
	uint64_t size;         /**< of the pack so far, with the buffer */
	uint64_t started;      /**< of that, what the disk was told of */
	struct rb_pack_stats stats;
};

static int make_slots(struct rb_pack *pack, struct rb_err *err)
{
	int rc = RB_OK;

	pack->slots = calloc(pack->slot_count, sizeof(*pack->slots));
	if (!pack->slots)
		return rb_err_set(err, RB_E_NOMEM, "no memory for a pack");
	for (unsigned int i = 0; rc == RB_OK && i < pack->slot_count; i++)
		rc = rb_hasher_new(&pack->slots[i].hasher, err);
	return rc;
}

int rb_pack_begin(struct rb_repo *repo, unsigned int slots, struct rb_pack **out,
                  struct rb_err *err)
{
	struct rb_pack *pack = calloc(1, sizeof(*pack));
	int rc;

	assert(slots > 0);
	if (!pack)
		return rb_err_set(err, RB_E_NOMEM, "no memory for a pack");
	if (pthread_mutex_init(&pack->lock, NULL) != 0) {
		free(pack);
		return rb_err_set(err, RB_E_NOMEM, "no memory for a lock");
	}
	pack->repo = repo;
	pack->slot_count = slots;
	pack->pack.fd = -1;
	pack->idx.fd = -1;
	rc = make_slots(pack, err);
	if (rc < 0) {
		rb_pack_free(pack);
		return rc;
	}
	*out = pack;
	return RB_OK;
}

/* Make objects/pack/<prefix>_XXXXXX. */
static int make_file(const struct rb_pack *pack, const char *prefix, struct file *file,
                     struct rb_err *err)
{
	size_t size = strlen(pack->repo->objects_dir) + sizeof("/pack/tmp_pack_XXXXXX");
	int rc;

	file->path = malloc(size);
	if (!file->path)
		return rb_err_set(err, RB_E_NOMEM, "no memory for a pack");
	snprintf(file->path, size, "%s/pack", pack->repo->objects_dir);
	if (mkdir(file->path, 0700) < 0 && errno != EEXIST)
		goto failed;
	snprintf(file->path, size, "%s/pack/%s_XXXXXX", pack->repo->objects_dir, prefix);
	file->fd = mkstemp(file->path);
	if (file->fd < 0)
		goto failed;
	/* Close-on-exec: a hook or alert command must not inherit this. */
	if (fcntl(file->fd, F_SETFD, FD_CLOEXEC) < 0)
		return rb_err_sys(err, errno, "cannot open '%s'", file->path);
	return RB_OK;

failed:
	rc = rb_err_sys(err, errno, "cannot create '%s'", file->path);
	free(file->path);
	file->path = NULL;
	return rc;
}

static void discard_file(struct file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	if (file->path)
		unlink(file->path);
	free(file->path);
	file->path = NULL;
}

static int flush(struct rb_pack *pack, struct rb_err *err)
{
	int rc = rb_fs_write_all(pack->pack.fd, pack->buffer, pack->buffered, pack->pack.path, err);

	if (rc < 0)
		return rc;
	pack->buffered = 0;
	if (pack->size - pack->started >= START_BYTES) {
		rb_fs_start_writing(pack->pack.fd);
		pack->started = pack->size;
	}
	return RB_OK;
}

static int put(struct rb_pack *pack, const void *data, size_t len, struct rb_err *err)
{
	int rc = RB_OK;

	if (BUFFER_BYTES - pack->buffered < len)
		rc = flush(pack, err);
	if (rc == RB_OK && len > BUFFER_BYTES)
		rc = rb_fs_write_all(pack->pack.fd, data, len, pack->pack.path, err);
	if (rc < 0)
		return rc;
	if (len <= BUFFER_BYTES) {
		memcpy(pack->buffer + pack->buffered, data, len);
		pack->buffered += len;
	}
	pack->size += len;
	return RB_OK;
}

static void format_header(uint64_t objects, unsigned char header[RB_PACK_HEADER_SIZE])
{
	memcpy(header, "PACK\0\0\0\2", 8);
	for (int i = 0; i < 4; i++)
		header[8 + i] = (unsigned char)(objects >> (24 - 8 * i));
}

static int start_file(struct rb_pack *pack, struct rb_err *err)
{
	unsigned char header[RB_PACK_HEADER_SIZE];
	int rc;

	pack->buffer = malloc(BUFFER_BYTES);
	if (!pack->buffer)
		return rb_err_set(err, RB_E_NOMEM, "no memory for a pack");
	rc = make_file(pack, "tmp_pack", &pack->pack, err);
	if (rc < 0)
		return rc;
	format_header(0, header); /* the number comes at the end */
	return put(pack, header, sizeof(header), err);
}

/* Type and size in front of an entry, written backwards from `end`; returns its length. */
static size_t put_entry_head(enum rb_object_type type, size_t len, unsigned char *end)
{
	unsigned char head[RB_DEFLATE_ROOM];
	size_t used = 0;

	head[used] = (unsigned char)((unsigned int)type << 4 | (len & 15));
	for (len >>= 4; len > 0; len >>= 7) {
		head[used++] |= 0x80;
		head[used] = (unsigned char)(len & 0x7f);
	}
	used++;
	memcpy(end - used, head, used);
	return used;
}

/* Keep the first failure; with the lock held. */
static void note_failure(struct rb_pack *pack, int rc, const struct rb_err *why)
{
	if (pack->failed)
		return;
	pack->failed = true;
	pack->why = *why;
	pack->why.status = (enum rb_status)rc;
}

static int tell_failure(const struct rb_pack *pack, struct rb_err *err)
{
	if (err)
		*err = pack->why;
	return pack->why.status;
}

/* Note that a name is about to be written; false when it is known. */
static int reserve(struct rb_pack *pack, struct object *object, bool *reserved, struct rb_err *err)
{
	int rc;

	*reserved = false;
	pthread_mutex_lock(&pack->lock);
	if (pack->failed)
		rc = tell_failure(pack, err);
	else
		rc = rb_pack_table_add(&pack->objects, &object->oid, &object->place, reserved, err);
	pthread_mutex_unlock(&pack->lock);
	return rc;
}

/* Append an entry's bytes and note where they are. */
static int append(struct rb_pack *pack, const struct object *object, const unsigned char *entry,
                  size_t len, struct rb_err *err)
{
	uint32_t crc = rb_crc32(entry, len);
	uint64_t offset;
	int rc = RB_OK;

	pthread_mutex_lock(&pack->lock);
	if (pack->failed)
		rc = tell_failure(pack, err);
	else if (!pack->buffer)
		rc = start_file(pack, err);
	offset = pack->size;
	if (rc == RB_OK)
		rc = put(pack, entry, len, err);
	if (rc == RB_OK) {
		pack->objects.entries[object->place].crc = crc;
		pack->objects.entries[object->place].offset = offset;
	} else {
		note_failure(pack, rc, err);
	}
	pthread_mutex_unlock(&pack->lock);
	return rc;
}

/* Deflate and append an object whose name is reserved. */
static int write_object(struct rb_pack *pack, struct slot *slot, const struct object *object,
                        struct rb_err *err)
{
	unsigned char *body = NULL;
	size_t body_len = 0;
	size_t head_len;
	int rc = RB_OK;

	if (!slot->deflater)
		rc = rb_deflater_new(&slot->deflater, err);
	if (rc == RB_OK)
		rc = rb_deflate(slot->deflater, object->data, object->len, &body, &body_len, err);
	if (rc != RB_OK)
		return rc;
	assert(body);
	head_len = put_entry_head(object->type, object->len, body);
	return append(pack, object, body - head_len, head_len + body_len, err);
}

/* A thread says where it stands, what it adds, and gets two answers: NOLINTNEXTLINE */
int rb_pack_add(struct rb_pack *pack, unsigned int slot, enum rb_object_type type, const void *data,
                size_t len, struct rb_oid *out, bool *was_new, struct rb_err *err)
{
	struct object object = {.type = type, .data = data, .len = len};
	struct rb_err why = {0};
	bool reserved = false;
	int rc;

	assert(slot < pack->slot_count);
	rc = rb_hasher_object(pack->slots[slot].hasher, type, data, len, &object.oid, &why);
	if (rc == RB_OK && pack->repo && !rb_packs_has(pack->repo, &object.oid, true))
		rc = reserve(pack, &object, &reserved, &why);
	if (rc == RB_OK && reserved)
		rc = write_object(pack, &pack->slots[slot], &object, &why);

	if (rc < 0 || reserved) {
		pthread_mutex_lock(&pack->lock);
		if (rc < 0)
			note_failure(pack, rc, &why);
		pack->stats.bytes_raw += len;
		pthread_mutex_unlock(&pack->lock);
	}
	if (rc < 0) {
		if (err)
			*err = why;
		return rc;
	}
	*out = object.oid;
	if (was_new)
		*was_new = reserved;
	return RB_OK;
}

/* Write bytes at an offset of a file. */
static int write_at(const struct file *file, const void *data, size_t len, off_t offset,
                    struct rb_err *err)
{
	ssize_t put_len;

	do
		put_len = pwrite(file->fd, data, len, offset);
	while (put_len < 0 && errno == EINTR);
	if (put_len < 0 || (size_t)put_len != len)
		return rb_err_sys(err, put_len < 0 ? errno : EIO, "cannot write '%s'", file->path);
	return RB_OK;
}

/*
 * SHA-1 of the pack as it is now.  The number of objects stands in the first block and is
 * known last, so the file is read again; it is in the page cache.
 */
static int hash_pack(struct rb_pack *pack, struct rb_oid *out, struct rb_err *err)
{
	struct rb_hasher *hasher = pack->slots[0].hasher;
	uint64_t done = 0;
	int rc = rb_hasher_begin(hasher, err);

	while (rc == RB_OK && done < pack->size) {
		ssize_t got = pread(pack->pack.fd, pack->buffer, BUFFER_BYTES, (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return rb_err_sys(err, got < 0 ? errno : EIO, "cannot read '%s'",
			                  pack->pack.path);
		rc = rb_hasher_add(hasher, pack->buffer, (size_t)got, err);
		done += (uint64_t)got;
	}
	return rc < 0 ? rc : rb_hasher_end(hasher, out, err);
}

static int sync_and_close(struct file *file, struct rb_err *err)
{
	int fd = file->fd;

	if (fchmod(fd, PACK_MODE) < 0 || fsync(fd) < 0)
		return rb_err_sys(err, errno, "cannot write '%s'", file->path);
	/* A full disk or a network file system may only tell at close. */
	file->fd = -1;
	if (close(fd) < 0)
		return rb_err_sys(err, errno, "cannot close '%s'", file->path);
	return RB_OK;
}

static int end_pack(struct rb_pack *pack, struct rb_oid *checksum, struct rb_err *err)
{
	unsigned char header[RB_PACK_HEADER_SIZE];
	int rc = flush(pack, err);

	format_header(pack->objects.count, header);
	if (rc == RB_OK)
		rc = write_at(&pack->pack, header, sizeof(header), 0, err);
	/* The disk writes while the pack is hashed. */
	if (rc == RB_OK)
		rb_fs_start_writing(pack->pack.fd);
	if (rc == RB_OK)
		rc = hash_pack(pack, checksum, err);
	if (rc == RB_OK)
		rc = put(pack, checksum->id, sizeof(checksum->id), err);
	return rc;
}

static int write_idx(struct rb_pack *pack, const struct rb_oid *checksum, uint64_t *size,
                     struct rb_err *err)
{
	struct rb_idx_opts opts = {
	        .entries = pack->objects.entries,
	        .count = pack->objects.count,
	        .pack_checksum = *checksum,
	        .offset_max = RB_IDX_OFFSET_MAX,
	};
	int rc = make_file(pack, "tmp_idx", &pack->idx, err);

	opts.fd = pack->idx.fd;
	opts.name = pack->idx.path;
	if (rc == RB_OK)
		rc = rb_pack_idx_write(&opts, size, err);
	if (rc == RB_OK)
		rc = sync_and_close(&pack->idx, err);
	return rc;
}

/* Rename a file to objects/pack/pack-<checksum><end>; it is discarded under that name then. */
static int place_file(const struct rb_pack *pack, struct file *file, const struct rb_oid *checksum,
                      const char *end, struct rb_err *err)
{
	char hex[RB_OID_HEX_SIZE];
	size_t size = strlen(pack->repo->objects_dir) + sizeof("/pack/pack-.pack") + sizeof(hex);
	char *path = malloc(size);

	if (!path)
		return rb_err_set(err, RB_E_NOMEM, "no memory for a pack");
	rb_oid_hex(checksum, hex);
	snprintf(path, size, "%s/pack/pack-%s%s", pack->repo->objects_dir, hex, end);
	if (rename(file->path, path) < 0) {
		int rc = rb_err_sys(err, errno, "cannot rename '%s' to '%s'", file->path, path);

		free(path);
		return rc;
	}
	free(file->path);
	file->path = path;
	return RB_OK;
}

/* The pack before its index: an index without a pack would be an error to git. */
static int place_files(struct rb_pack *pack, const struct rb_oid *checksum, struct rb_err *err)
{
	char *dir = rb_fs_join(pack->repo->objects_dir, "pack");
	int rc = RB_OK;

	if (!dir)
		return rb_err_set(err, RB_E_NOMEM, "no memory for a pack");
	rc = place_file(pack, &pack->pack, checksum, ".pack", err);
	if (rc == RB_OK)
		rc = place_file(pack, &pack->idx, checksum, ".idx", err);
	if (rc == RB_OK)
		rc = rb_fs_sync_dir(dir, err);
	free(dir);
	return rc;
}

void rb_pack_make_scratch(struct rb_pack *pack)
{
	pack->is_scratch = true;
}

/* Nothing of the pack shall be taken back any more. */
static void keep_file(struct file *file)
{
	free(file->path);
	file->path = NULL;
}

int rb_pack_finish(struct rb_pack *pack, struct rb_pack_stats *stats, struct rb_err *err)
{
	struct rb_oid checksum;
	uint64_t idx_size = 0;
	int seen;
	int rc = RB_OK;

	if (pack->failed)
		return tell_failure(pack, err);
	pack->stats.objects_written = pack->objects.count;
	if (pack->stats.objects_written > 0) {
		rc = end_pack(pack, &checksum, err);
		if (rc == RB_OK)
			rc = flush(pack, err);
		if (rc == RB_OK)
			rc = sync_and_close(&pack->pack, err);
		if (rc == RB_OK)
			rc = write_idx(pack, &checksum, &idx_size, err);
		if (rc == RB_OK)
			rc = place_files(pack, &checksum, err);
		if (rc < 0)
			goto out;
		if (!pack->is_scratch) {
			keep_file(&pack->pack);
			keep_file(&pack->idx);
		}
		pack->stats.bytes_written = pack->size + idx_size;
		/* It is safe: when it cannot be seen now, a read that misses looks again. */
		seen = rb_repo_refresh(pack->repo, NULL);
		(void)seen;
	}
	if (stats)
		*stats = pack->stats;

out:
	if (rc < 0) {
		discard_file(&pack->idx);
		discard_file(&pack->pack);
	}
	/* It is at its end, either way. */
	rb_err_set(&pack->why, RB_E_IO, "the pack was finished before");
	pack->failed = true;
	return rc;
}

void rb_pack_free(struct rb_pack *pack)
{
	if (!pack)
		return;
	discard_file(&pack->idx);
	discard_file(&pack->pack);
	for (unsigned int i = 0; pack->slots && i < pack->slot_count; i++) {
		rb_hasher_free(pack->slots[i].hasher);
		rb_deflater_free(pack->slots[i].deflater);
	}
	free(pack->slots);
	rb_pack_table_release(&pack->objects);
	free(pack->buffer);
	pthread_mutex_destroy(&pack->lock);
	free(pack);
}
