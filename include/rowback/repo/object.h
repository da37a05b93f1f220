/*
 * Git object names.
 *
 * Layer: repo (1).  Uses: OpenSSL EVP.
 */
#ifndef ROWBACK_REPO_OBJECT_H
#define ROWBACK_REPO_OBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "rowback/base/err.h"

/** A SHA-1 object name; all zero means none. */
struct rb_oid {
	unsigned char id[20];
};

/** 40 digits and a NUL. */
#define RB_OID_HEX_SIZE 41

/** Types as a pack numbers them. */
enum rb_object_type {
	RB_OBJECT_COMMIT = 1,
	RB_OBJECT_TREE = 2,
	RB_OBJECT_BLOB = 3,
	RB_OBJECT_TAG = 4
};

/** File modes that a store uses. */
enum { RB_MODE_TREE = 0040000, RB_MODE_FILE = 0100644 };

/** The name of an object with this content (SHA-1 over "blob <len>\0" and the data). */
int rb_object_id(enum rb_object_type type, const void *data, size_t len, struct rb_oid *out,
                 struct rb_err *err) RB_MUST_CHECK;

/** SHA-256 of bytes, as 64 lower-case digits and a NUL: the names of blob files. */
int rb_sha256_hex(const void *data, size_t len, char out[65], struct rb_err *err) RB_MUST_CHECK;

/** SHA-256 of bytes that come in pieces, of one thing after the other. */
struct rb_sha256;

#define RB_SHA256_SIZE 32

/** A digest of nothing yet. */
int rb_sha256_new(struct rb_sha256 **out, struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_sha256_free(struct rb_sha256 *sha);

int rb_sha256_add(struct rb_sha256 *sha, const void *data, size_t len,
                  struct rb_err *err) RB_MUST_CHECK;

/** The digest of what was added; it is of nothing again then. */
int rb_sha256_end(struct rb_sha256 *sha, unsigned char out[RB_SHA256_SIZE],
                  struct rb_err *err) RB_MUST_CHECK;

void rb_oid_hex(const struct rb_oid *oid, char out[RB_OID_HEX_SIZE]);

/** False when text is not exactly 40 hex digits. */
bool rb_oid_parse(const char *text, struct rb_oid *out);

bool rb_oid_equal(const struct rb_oid *a, const struct rb_oid *b);

bool rb_oid_is_none(const struct rb_oid *oid);

#endif /* ROWBACK_REPO_OBJECT_H */
