/*
 * See rowback/repo/object.h.
 */
#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repo_priv.h"
#include "rowback/base/encode.h"
#include "rowback/repo/object.h"

/* "commit 18446744073709551615" and its NUL fit. */
#define HEADER_SIZE 32

struct rb_hasher {
	EVP_MD_CTX *ctx;
};

/* EVP_sha1() looks its implementation up again for every digest: a fetch does it once. */
static pthread_once_t sha1_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha1;

static void fetch_sha1(void)
{
	sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
}

int rb_hasher_new(struct rb_hasher **out, struct rb_err *err)
{
	struct rb_hasher *hasher = NULL;

	if (pthread_once(&sha1_once, fetch_sha1) != 0 || !sha1)
		return rb_err_set(err, RB_E_UNSUPPORTED, "this OpenSSL offers no SHA-1");
	hasher = calloc(1, sizeof(*hasher));
	if (hasher)
		hasher->ctx = EVP_MD_CTX_new();
	if (!hasher || !hasher->ctx) {
		rb_hasher_free(hasher);
		return rb_err_set(err, RB_E_NOMEM, "no memory for a digest");
	}
	*out = hasher;
	return RB_OK;
}

void rb_hasher_free(struct rb_hasher *hasher)
{
	if (!hasher)
		return;
	EVP_MD_CTX_free(hasher->ctx);
	free(hasher);
}

int rb_hasher_begin(struct rb_hasher *hasher, struct rb_err *err)
{
	if (EVP_DigestInit_ex2(hasher->ctx, sha1, NULL) != 1)
		return rb_err_set(err, RB_E_NOMEM, "SHA-1 cannot be started");
	return RB_OK;
}

int rb_hasher_add(struct rb_hasher *hasher, const void *data, size_t len, struct rb_err *err)
{
	if (EVP_DigestUpdate(hasher->ctx, data, len) != 1)
		return rb_err_set(err, RB_E_NOMEM, "SHA-1 of %zu bytes failed", len);
	return RB_OK;
}

int rb_hasher_end(struct rb_hasher *hasher, struct rb_oid *out, struct rb_err *err)
{
	if (EVP_DigestFinal_ex(hasher->ctx, out->id, NULL) != 1)
		return rb_err_set(err, RB_E_NOMEM, "SHA-1 cannot be ended");
	return RB_OK;
}

const char *rb_object_type_name(unsigned int type)
{
	static const char *const names[] = {NULL, "commit", "tree", "blob", "tag"};

	return type < sizeof(names) / sizeof(names[0]) ? names[type] : NULL;
}

int rb_hasher_object(struct rb_hasher *hasher, enum rb_object_type type, const void *data,
                     size_t len, struct rb_oid *out, struct rb_err *err)
{
	const char *name = rb_object_type_name(type);
	char header[HEADER_SIZE];
	int header_len;
	int rc;

	assert(name);
	header_len = snprintf(header, sizeof(header), "%s %zu", name, len);
	rc = rb_hasher_begin(hasher, err);
	if (rc == RB_OK)
		rc = rb_hasher_add(hasher, header, (size_t)header_len + 1, err);
	if (rc == RB_OK)
		rc = rb_hasher_add(hasher, data, len, err);
	if (rc == RB_OK)
		rc = rb_hasher_end(hasher, out, err);
	return rc;
}

int rb_object_id(enum rb_object_type type, const void *data, size_t len, struct rb_oid *out,
                 struct rb_err *err)
{
	struct rb_hasher *hasher = NULL;
	int rc = rb_hasher_new(&hasher, err);

	if (rc == RB_OK)
		rc = rb_hasher_object(hasher, type, data, len, out, err);
	rb_hasher_free(hasher);
	return rc;
}

int rb_sha256_hex(const void *data, size_t len, char out[65], struct rb_err *err)
{
	unsigned char digest[32];

	if (EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) != 1)
		return rb_err_set(err, RB_E_NOMEM, "SHA-256 of %zu bytes failed", len);
	rb_hex_encode(digest, sizeof(digest), out);
	return RB_OK;
}

struct rb_sha256 {
	EVP_MD_CTX *ctx;
};

static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;

static void fetch_sha256(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static int sha256_failed(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "SHA-256 cannot be made");
}

int rb_sha256_new(struct rb_sha256 **out, struct rb_err *err)
{
	struct rb_sha256 *sha = NULL;

	if (pthread_once(&sha256_once, fetch_sha256) != 0 || !sha256)
		return rb_err_set(err, RB_E_UNSUPPORTED, "this OpenSSL offers no SHA-256");
	sha = calloc(1, sizeof(*sha));
	if (sha)
		sha->ctx = EVP_MD_CTX_new();
	if (!sha || !sha->ctx || EVP_DigestInit_ex2(sha->ctx, sha256, NULL) != 1) {
		rb_sha256_free(sha);
		return sha256_failed(err);
	}
	*out = sha;
	return RB_OK;
}

void rb_sha256_free(struct rb_sha256 *sha)
{
	if (!sha)
		return;
	EVP_MD_CTX_free(sha->ctx);
	free(sha);
}

int rb_sha256_add(struct rb_sha256 *sha, const void *data, size_t len, struct rb_err *err)
{
	return EVP_DigestUpdate(sha->ctx, data, len) == 1 ? RB_OK : sha256_failed(err);
}

int rb_sha256_end(struct rb_sha256 *sha, unsigned char out[RB_SHA256_SIZE], struct rb_err *err)
{
	if (EVP_DigestFinal_ex(sha->ctx, out, NULL) != 1 ||
	    EVP_DigestInit_ex2(sha->ctx, sha256, NULL) != 1)
		return sha256_failed(err);
	return RB_OK;
}

void rb_oid_hex(const struct rb_oid *oid, char out[RB_OID_HEX_SIZE])
{
	rb_hex_encode(oid->id, sizeof(oid->id), out);
}

bool rb_oid_parse(const char *text, struct rb_oid *out)
{
	return rb_hex_decode(text, strlen(text), out->id, sizeof(out->id));
}

bool rb_oid_equal(const struct rb_oid *a, const struct rb_oid *b)
{
	return memcmp(a->id, b->id, sizeof(a->id)) == 0;
}

bool rb_oid_is_none(const struct rb_oid *oid)
{
	static const struct rb_oid none;

	return rb_oid_equal(oid, &none);
}
