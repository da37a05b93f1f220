/*
 * See packfile_priv.h.
 *
 * source  gitformat-pack(5)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "packfile_priv.h"

#define OID_SIZE 20

struct rb_packfile {
	char *idx_path;
	char *pack_path;
	unsigned char *idx;   /**< the index, mapped */
	size_t idx_size;      /**< bytes mapped */
	uint32_t count;       /**< objects */
	uint64_t pack_end;    /**< where the pack's closing SHA-1 begins */
	int fd;               /**< the pack; -1 when not open */
	atomic_bool is_fresh; /**< rb_packfile_freshen() was here */
};

static uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static const unsigned char *names_of(const struct rb_packfile *pack)
{
	return pack->idx + RB_IDX_HEADER_SIZE + RB_IDX_FANOUT_SIZE;
}

static uint32_t fanout(const struct rb_packfile *pack, unsigned int byte)
{
	return be32(pack->idx + RB_IDX_HEADER_SIZE + 4 * (size_t)byte);
}

/* The parts must fill the file exactly, and the fan-out must rise. */
static int check_idx(struct rb_packfile *pack, struct rb_err *err)
{
	static const unsigned char magic[4] = {0xff, 't', 'O', 'c'};
	const size_t fixed = RB_IDX_HEADER_SIZE + RB_IDX_FANOUT_SIZE + 2 * OID_SIZE;
	size_t entries;

	if (memcmp(pack->idx, magic, sizeof(magic)) != 0 || be32(pack->idx + 4) != 2)
		return rb_err_set(err, RB_E_UNSUPPORTED, "'%s' is no pack index of version 2",
		                  pack->idx_path);
	for (unsigned int i = 1; i < 256; i++)
		if (fanout(pack, i) < fanout(pack, i - 1))
			goto damaged;
	pack->count = fanout(pack, 255);
	entries = (size_t)pack->count * (OID_SIZE + 4 + 4);
	if (pack->idx_size - fixed < entries || (pack->idx_size - fixed - entries) % 8 != 0 ||
	    (pack->idx_size - fixed - entries) / 8 > pack->count)
		goto damaged;
	return RB_OK;

damaged:
	return rb_err_set(err, RB_E_FORMAT, "the pack index '%s' is damaged", pack->idx_path);
}

static int map_idx(struct rb_packfile *pack, struct rb_err *err)
{
	struct stat st;
	void *map;
	int fd = open(pack->idx_path, O_RDONLY | O_CLOEXEC);
	int rc = RB_OK;

	if (fd < 0)
		return rb_err_sys(err, errno, "cannot open '%s'", pack->idx_path);
	if (fstat(fd, &st) < 0) {
		rc = rb_err_sys(err, errno, "cannot read '%s'", pack->idx_path);
		goto out;
	}
	if (st.st_size < RB_IDX_HEADER_SIZE + RB_IDX_FANOUT_SIZE + 2 * OID_SIZE) {
		rc = rb_err_set(err, RB_E_FORMAT, "the pack index '%s' is too short",
		                pack->idx_path);
		goto out;
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		rc = rb_err_sys(err, errno, "cannot map '%s'", pack->idx_path);
		goto out;
	}
	pack->idx = map;
	pack->idx_size = (size_t)st.st_size;
	rc = check_idx(pack, err);

out:
	close(fd);
	return rc;
}

static int open_pack(struct rb_packfile *pack, struct rb_err *err)
{
	struct stat st;

	pack->fd = open(pack->pack_path, O_RDONLY | O_CLOEXEC);
	if (pack->fd < 0 || fstat(pack->fd, &st) < 0)
		return rb_err_sys(err, errno, "cannot open '%s'", pack->pack_path);
	if (st.st_size < RB_PACK_HEADER_SIZE + OID_SIZE)
		return rb_err_set(err, RB_E_FORMAT, "the pack '%s' is damaged", pack->pack_path);
	pack->pack_end = (uint64_t)st.st_size - OID_SIZE;
	return RB_OK;
}

int rb_packfile_open(const char *idx_path, struct rb_packfile **out, struct rb_err *err)
{
	struct rb_packfile *pack = calloc(1, sizeof(*pack));
	size_t stem = strlen(idx_path) - strlen(".idx");
	int rc;

	if (!pack)
		return rb_err_set(err, RB_E_NOMEM, "no memory to open '%s'", idx_path);
	pack->fd = -1;
	pack->idx_path = strdup(idx_path);
	pack->pack_path = malloc(stem + sizeof(".pack"));
	if (!pack->idx_path || !pack->pack_path) {
		rb_packfile_close(pack);
		return rb_err_set(err, RB_E_NOMEM, "no memory to open '%s'", idx_path);
	}
	memcpy(pack->pack_path, idx_path, stem);
	memcpy(pack->pack_path + stem, ".pack", sizeof(".pack"));
	rc = map_idx(pack, err);
	if (rc == RB_OK)
		rc = open_pack(pack, err);
	if (rc < 0) {
		rb_packfile_close(pack);
		return rc;
	}
	*out = pack;
	return RB_OK;
}

void rb_packfile_close(struct rb_packfile *pack)
{
	if (!pack)
		return;
	if (pack->idx)
		munmap(pack->idx, pack->idx_size);
	if (pack->fd >= 0)
		close(pack->fd);
	free(pack->idx_path);
	free(pack->pack_path);
	free(pack);
}

const char *rb_packfile_idx_path(const struct rb_packfile *pack)
{
	return pack->idx_path;
}

/* The offset of the n-th object; false when the index has none that can be. */
static bool offset_at(const struct rb_packfile *pack, uint32_t n, uint64_t *offset)
{
	const unsigned char *offsets = names_of(pack) + (size_t)pack->count * (OID_SIZE + 4);
	const unsigned char *large = offsets + (size_t)pack->count * 4;
	const unsigned char *end = pack->idx + pack->idx_size - (size_t)2 * OID_SIZE;
	size_t large_count = (size_t)(end - large) / 8;
	uint32_t word = be32(offsets + (size_t)n * 4);
	uint64_t found = word;

	if (word & 0x80000000u) {
		size_t slot = word & 0x7fffffffu;

		if (slot >= large_count)
			return false;
		found = (uint64_t)be32(large + slot * 8) << 32 | be32(large + slot * 8 + 4);
	}
	if (found < RB_PACK_HEADER_SIZE || found >= pack->pack_end)
		return false;
	*offset = found;
	return true;
}

bool rb_packfile_find(const struct rb_packfile *pack, const struct rb_oid *oid, uint64_t *offset)
{
	const unsigned char *names = names_of(pack);
	uint32_t low = oid->id[0] ? fanout(pack, oid->id[0] - 1u) : 0;
	uint32_t high = fanout(pack, oid->id[0]);

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = memcmp(names + (size_t)mid * OID_SIZE, oid->id, OID_SIZE);

		if (order == 0)
			return offset_at(pack, mid, offset);
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

void rb_packfile_freshen(struct rb_packfile *pack)
{
	/* Without the right to do so git keeps what is recent anyway: no error. */
	if (!atomic_exchange(&pack->is_fresh, true))
		(void)utimensat(AT_FDCWD, pack->pack_path, NULL, 0);
}

/* Type and size in front of an entry; 0 when they do not end within len. */
static size_t parse_head(const unsigned char *head, size_t len, unsigned int *type, uint64_t *size)
{
	unsigned int shift = 4;
	size_t used = 1;

	if (len == 0)
		return 0;
	*type = (head[0] >> 4) & 7u;
	*size = head[0] & 15u;
	while (head[used - 1] & 0x80u) {
		/* Ten bytes hold 67 bits: more would be shifted out. */
		if (used == len || shift > 57)
			return 0;
		*size |= (uint64_t)(head[used++] & 0x7fu) << shift;
		shift += 7;
	}
	return used;
}

int rb_packfile_read(const struct rb_packfile *pack, uint64_t offset, struct rb_inflater *inflater,
                     enum rb_object_type *type, struct rb_buf *out, struct rb_err *err)
{
	const unsigned char *head = NULL;
	size_t head_len = 0;
	unsigned int kind = 0;
	uint64_t size = 0;
	size_t used;
	int rc = rb_inflater_begin(inflater, pack->fd, offset, pack->pack_end, &head, &head_len,
	                           err);

	if (rc < 0)
		return rb_err_wrap(err, rc, "'%s'", pack->pack_path);
	used = parse_head(head, head_len, &kind, &size);
	if (used == 0)
		return rb_err_set(err, RB_E_FORMAT, "the pack '%s' is damaged at %llu",
		                  pack->pack_path, (unsigned long long)offset);
	if (kind < RB_OBJECT_COMMIT || kind > RB_OBJECT_TAG)
		return rb_err_set(err, RB_E_UNSUPPORTED, "the object is no whole one");
	if (size > out->max - out->len)
		return rb_err_set(err, RB_E_LIMIT, "%llu bytes are more than the limit of %zu",
		                  (unsigned long long)size, out->max);
	rc = rb_buf_reserve(out, (size_t)size, err);
	if (rc < 0)
		return rc;
	rc = rb_inflater_run(inflater, used, out->data + out->len, (size_t)size, err);
	if (rc == RB_OK) {
		out->len += (size_t)size;
		*type = (enum rb_object_type)kind;
	} else {
		rb_err_wrap(err, rc, "'%s'", pack->pack_path);
	}
	/* The byte after the content is the inflater's to try; it must be a NUL. */
	out->data[out->len] = '\0';
	return rc;
}
