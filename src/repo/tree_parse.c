/*
 * See tree_priv.h.
 */
#include <string.h>

#include "repo_priv.h"
#include "tree_priv.h"

#define OID_SIZE 20

/* "100644 " and more: the least that stands before a name's NUL is "40000 x". */
#define MODE_DIGITS_MAX 6

void rb_tree_reader_init(struct rb_tree_reader *reader, const void *data, size_t len)
{
	reader->data = data;
	reader->len = len;
	reader->at = 0;
	reader->last.name = NULL;
	reader->prefix_count = 0;
}

bool rb_tree_item_is_dir(const struct rb_tree_item *item)
{
	return item->mode == RB_MODE_TREE;
}

int rb_tree_item_order(const struct rb_tree_item *a, const struct rb_tree_item *b)
{
	size_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
	int order = memcmp(a->name, b->name, len);
	unsigned char end_a;
	unsigned char end_b;

	if (order != 0)
		return order;
	end_a = (unsigned char)a->name[len];
	end_b = (unsigned char)b->name[len];
	if (end_a == '\0' && rb_tree_item_is_dir(a))
		end_a = '/';
	if (end_b == '\0' && rb_tree_item_is_dir(b))
		end_b = '/';
	return (int)end_a - (int)end_b;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Bytes of a character that HFS+ does not see in names: U+200C..F, U+202A..E, U+206A..F,
 * U+FEFF (git, utf8.c). */
static size_t ignored_by_hfs(const char *name, size_t len)
{
	const unsigned char *p = (const unsigned char *)name;

	if (len < 3)
		return 0;
	if (p[0] == 0xe2 && p[1] == 0x80 &&
	    ((p[2] >= 0x8c && p[2] <= 0x8f) || (p[2] >= 0xaa && p[2] <= 0xae)))
		return 3;
	if (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xaa && p[2] <= 0xaf)
		return 3;
	return p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf ? 3 : 0;
}

static bool is_hfs_dotgit(const char *name, size_t len)
{
	static const char want[] = ".git";
	size_t matched = 0;

	for (size_t at = 0; at < len;) {
		size_t ignored = ignored_by_hfs(name + at, len - at);

		if (ignored > 0) {
			at += ignored;
		} else {
			/* Past its end `want` is a NUL, which no name holds. */
			if (lower(name[at++]) != want[matched++])
				return false;
		}
	}
	return matched == strlen(want);
}

/* ".git" or its short name, then what NTFS drops from the end of a name, or a stream. */
static bool is_ntfs_dotgit(const char *name, size_t len)
{
	static const char *const forms[] = {".git", "git~1"};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t at = 0;

		while (at < len && forms[i][at] && lower(name[at]) == forms[i][at])
			at++;
		if (forms[i][at])
			continue;
		while (at < len && (name[at] == ' ' || name[at] == '.'))
			at++;
		if (at == len || name[at] == ':' || name[at] == '\\')
			return true;
	}
	return false;
}

bool rb_tree_name_is_safe(const char *name, size_t len)
{
	if (len == 0 || memchr(name, '/', len) || memchr(name, '\0', len))
		return false;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return false;
	if (is_hfs_dotgit(name, len))
		return false;
	/* Windows takes '\' for '/'. */
	for (const char *part = name; part;) {
		size_t left = len - (size_t)(part - name);

		if (is_ntfs_dotgit(part, left))
			return false;
		part = memchr(part, '\\', left);
		if (part)
			part++;
	}
	return true;
}

/* Modes that git writes; 0100664 is of its first weeks. */
static bool is_known_mode(uint32_t mode)
{
	return mode == RB_MODE_TREE || mode == RB_MODE_FILE || mode == 0100755 || mode == 0120000 ||
	       mode == 0160000 || mode == 0100664;
}

static bool parse_item(struct rb_tree_reader *reader, struct rb_tree_item *item)
{
	const char *at = reader->data + reader->at;
	const char *end = reader->data + reader->len;
	const char *name_end;
	int digits = 0;

	item->mode = 0;
	for (; at < end && *at >= '0' && *at <= '7' && digits < MODE_DIGITS_MAX; at++, digits++)
		item->mode = item->mode << 3 | (uint32_t)(*at - '0');
	if (at == end || *at != ' ' || digits == 0 || at[-digits] == '0' ||
	    !is_known_mode(item->mode))
		return false;
	item->name = at + 1;
	name_end = memchr(item->name, '\0', (size_t)(end - item->name));
	if (!name_end || end - name_end - 1 < OID_SIZE)
		return false;
	item->name_len = (size_t)(name_end - item->name);
	memcpy(item->oid.id, name_end + 1, OID_SIZE);
	reader->at = (size_t)(name_end + 1 + OID_SIZE - reader->data);
	return true;
}

/*
 * Whether a file had this directory's name.  They need not stand side by side: "a",
 * "a-b", "a/" is sorted.  But all between begin with the file's name.
 */
static bool is_file_too(struct rb_tree_reader *reader, const struct rb_tree_item *item)
{
	const struct rb_tree_item *top = NULL;

	while (reader->prefix_count > 0) {
		top = &reader->prefixes[reader->prefix_count - 1];
		if (item->name_len >= top->name_len &&
		    memcmp(item->name, top->name, top->name_len) == 0)
			break;
		reader->prefix_count--;
		top = NULL;
	}
	return top && rb_tree_item_is_dir(item) && top->name_len == item->name_len;
}

int rb_tree_reader_next(struct rb_tree_reader *reader, struct rb_tree_item *item,
                        struct rb_err *err)
{
	if (reader->at == reader->len)
		return 0;
	if (!parse_item(reader, item))
		return rb_err_set(err, RB_E_FORMAT, "the object is damaged at byte %zu",
		                  reader->at);
	if (!rb_tree_name_is_safe(item->name, item->name_len))
		return rb_err_set(err, RB_E_FORMAT, "the name '%.100s' is not allowed", item->name);
	if (reader->last.name && rb_tree_item_order(&reader->last, item) >= 0)
		return rb_err_set(err, RB_E_FORMAT, "'%.100s' stands in the wrong place",
		                  item->name);
	if (is_file_too(reader, item))
		return rb_err_set(err, RB_E_FORMAT, "'%.100s' is a file and a directory",
		                  item->name);
	if (!rb_tree_item_is_dir(item)) {
		if (reader->prefix_count == RB_TREE_PREFIXES_MAX)
			return rb_err_set(err, RB_E_LIMIT,
			                  "more than %d names begin with one another",
			                  RB_TREE_PREFIXES_MAX);
		reader->prefixes[reader->prefix_count++] = *item;
	}
	reader->last = *item;
	return 1;
}

int rb_tree_err(struct rb_err *err, int status, const struct rb_oid *oid)
{
	char hex[RB_OID_HEX_SIZE];

	rb_oid_hex(oid, hex);
	return rb_err_wrap(err, status, "tree %s", hex);
}

int rb_tree_load(struct rb_repo *repo, const struct rb_oid *oid, struct rb_buf *data,
                 struct rb_tree_reader *reader, struct rb_err *err)
{
	int rc;

	rb_buf_clear(data);
	rc = rb_repo_read(repo, oid, RB_OBJECT_TREE, data, err);
	if (rc == RB_OK)
		rb_tree_reader_init(reader, data->data, data->len);
	return rc;
}

int rb_tree_path_set(struct rb_buf *path, size_t len, const struct rb_tree_item *item,
                     struct rb_err *err)
{
	path->len = len;
	return rb_buf_add(path, item->name, item->name_len, err);
}
