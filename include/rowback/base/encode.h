/*
 * Text forms of bytes: hex, base64, UTF-8.
 *
 * Layer: base (0).  Uses: libc, rowback/base/buf.h.
 */
#ifndef ROWBACK_BASE_ENCODE_H
#define ROWBACK_BASE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"

/** Write 2 * len lower-case hex digits and a NUL to out. */
void rb_hex_encode(const void *data, size_t len, char *out);

/** Read 2 * len hex digits (either case) into out; false when text is not exactly that. */
bool rb_hex_decode(const char *text, size_t text_len, void *out, size_t len);

/** Append standard base64 (RFC 4648 section 4, with padding, no line breaks). */
int rb_base64_encode(const void *data, size_t len, struct rb_buf *out,
                     struct rb_err *err) RB_MUST_CHECK;

/**
 * Append the bytes that base64 text stands for.  Strict: canonical padding, no white
 * space, unused bits zero, so that one byte string has one text.
 *
 * returns 0; RB_E_FORMAT; RB_E_LIMIT; RB_E_NOMEM
 */
int rb_base64_decode(const char *text, size_t len, struct rb_buf *out,
                     struct rb_err *err) RB_MUST_CHECK;

/**
 * Bytes at the start of text that are well-formed UTF-8 (no surrogates, no overlong
 * forms, up to U+10FFFF); == len when all of it is.  NUL is a valid character.
 *
 * source  RFC 3629
 * cost    about a cycle a byte for ASCII: it is called for every text value
 */
size_t rb_utf8_valid_len(const char *text, size_t len);

/**
 * Append the UTF-8 form of UTF-16 code units.
 *
 * data        UTF-16, no byte order mark expected
 * len         bytes
 * big_endian  byte order
 * well_formed set to false, with out unchanged, when a surrogate stands alone or len is odd
 */
int rb_utf16_to_utf8(const void *data, size_t len, bool big_endian, struct rb_buf *out,
                     bool *well_formed, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_BASE_ENCODE_H */
