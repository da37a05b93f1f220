/*
 * See target_priv.h: values into parameters, where SQLite would change them on the way.
 *
 * Text for a UTF-16 database is converted by SQLite when it is bound as UTF-8.  Two things
 * get lost there: U+FFFE and U+FFFF become U+FFFD, and a byte order mark at the start of
 * UTF-16 is taken off.  Both stay when the text is bound as UTF-16 with a mark in front,
 * which is then the one that is taken off.
 *
 * source: SQLite's utf.c, READ_UTF8 and sqlite3VdbeMemHandleBom()
 */
#include <string.h>

#include "target_priv.h"

/* The code point at *at of well-formed UTF-8; *at moves past it. */
static uint32_t next_code_point(const struct rb_bytes *utf8, size_t *at)
{
	const unsigned char *text = (const unsigned char *)utf8->data;
	uint32_t lead = text[(*at)++];
	unsigned int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
	uint32_t code = more == 0 ? lead : lead & (0x3fU >> more);

	for (; more > 0 && *at < utf8->len; more--)
		code = code << 6 | (text[(*at)++] & 0x3fU);
	return code;
}

static int add_unit(struct rb_buf *out, uint32_t unit, bool big_endian, struct rb_err *err)
{
	unsigned char high = (unsigned char)(unit >> 8);
	unsigned char low = (unsigned char)unit;
	unsigned char bytes[2] = {big_endian ? high : low, big_endian ? low : high};

	return rb_buf_add(out, bytes, sizeof(bytes), err);
}

static int add_utf16(struct rb_buf *out, const struct rb_bytes *utf8, bool big_endian,
                     struct rb_err *err)
{
	size_t at = 0;
	int rc = RB_OK;

	while (at < utf8->len && rc == RB_OK) {
		uint32_t code = next_code_point(utf8, &at);

		if (code >= 0x10000) {
			rc = add_unit(out, 0xd800 + ((code - 0x10000) >> 10), big_endian, err);
			code = 0xdc00 + ((code - 0x10000) & 0x3ff);
		}
		if (rc == RB_OK)
			rc = add_unit(out, code, big_endian, err);
	}
	return rc;
}

/* Whether UTF-8 has U+FFFE or U+FFFF: EF BF BE, EF BF BF. */
static bool has_noncharacter(const struct rb_bytes *bytes)
{
	const char *at = bytes->data;
	const char *end = at + bytes->len;

	while (end - at >= 3 && (at = memchr(at, 0xef, (size_t)(end - at) - 2))) {
		if (at[1] == '\xbf' && (at[2] == '\xbe' || at[2] == '\xbf'))
			return true;
		at++;
	}
	return false;
}

static bool has_mark(const struct rb_bytes *bytes)
{
	return bytes->len >= 2 &&
	       (memcmp(bytes->data, "\xfe\xff", 2) == 0 || memcmp(bytes->data, "\xff\xfe", 2) == 0);
}

int rb_sqlite_rows_bind(struct rb_sqlite_target *target, sqlite3_stmt *stmt, int index,
                        const struct rb_value *value, struct rb_err *err)
{
	struct rb_buf *text = &target->rows.text;
	int encoding = target->conn.encoding;
	bool big_endian = encoding == SQLITE_UTF16BE;
	int code;
	int rc;

	if (value->kind == RB_VALUE_TEXT_RAW && target->is_foreign_text) {
		rb_err_set(err, RB_E_UNSUPPORTED,
		           "text that is not well-formed cannot be put into a database of "
		           "another encoding");
		rb_err_hint(err, "restore to a new database with --to");
		return RB_E_UNSUPPORTED;
	}
	if (encoding == SQLITE_UTF8 ||
	    !((value->kind == RB_VALUE_TEXT && has_noncharacter(&value->u.bytes)) ||
	      (value->kind == RB_VALUE_TEXT_RAW && has_mark(&value->u.bytes) &&
	       value->u.bytes.len % 2 == 0)))
		return rb_sqlite_bind(&target->conn, stmt, index, value, err);

	rb_buf_clear(text);
	rc = add_unit(text, 0xfeff, big_endian, err);
	if (rc == RB_OK && value->kind == RB_VALUE_TEXT)
		rc = add_utf16(text, &value->u.bytes, big_endian, err);
	else if (rc == RB_OK)
		rc = rb_buf_add(text, value->u.bytes.data, value->u.bytes.len, err);
	if (rc < 0)
		return rc;
	code = sqlite3_bind_text64(stmt, index, text->data, text->len, SQLITE_TRANSIENT,
	                           (unsigned char)encoding);
	return code == SQLITE_OK ? RB_OK
	                         : rb_sqlite_fail(&target->conn, code, err, "cannot bind a text");
}
