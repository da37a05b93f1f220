/*
 * Deflate and inflate of pack entries: ISA-L where it is, else zlib.
 *
 * What is written is the same format by either (RFC 1950); the bytes differ.
 */
#ifndef ROWBACK_REPO_DEFLATE_PRIV_H
#define ROWBACK_REPO_DEFLATE_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "rowback/base/err.h"

/** Bytes in front of what rb_deflate() gives that the caller may write to. */
#define RB_DEFLATE_ROOM 16

/** State and scratch memory of one thread. */
struct rb_deflater;

int rb_deflater_new(struct rb_deflater **out, struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_deflater_free(struct rb_deflater *deflater);

/**
 * Deflate at level 1, with zlib's header and checksum.
 *
 * out      where the bytes are, until the next call; RB_DEFLATE_ROOM bytes before are free
 * returns  0; RB_E_NOMEM; RB_E_LIMIT past 4 GB - 1
 */
int rb_deflate(struct rb_deflater *deflater, const void *data, size_t len, unsigned char **out,
               size_t *out_len, struct rb_err *err) RB_MUST_CHECK;

/** CRC-32 as gzip, zlib and pack indexes have it. */
uint32_t rb_crc32(const void *data, size_t len);

/** Reads a zlib stream out of a file. */
struct rb_inflater;

int rb_inflater_new(struct rb_inflater **out, struct rb_err *err) RB_MUST_CHECK;

/** NULL is allowed. */
void rb_inflater_free(struct rb_inflater *inflater);

/**
 * Go to a place in a file and look at its first bytes.
 *
 * fd       borrowed until the next begin; read by pread(2), so threads may share it
 * offset   where to begin
 * end      where the stream must have ended
 * head     what is there, until rb_inflater_run()
 * head_len bytes in head; at least 32 when the file has them
 */
int rb_inflater_begin(struct rb_inflater *inflater, int fd, uint64_t offset, uint64_t end,
                      const unsigned char **head, size_t *head_len,
                      struct rb_err *err) RB_MUST_CHECK;

/**
 * Inflate the stream that follows the first `skip` bytes.
 *
 * out      room for len + 1 bytes: one more shows a stream that is too long
 * len      bytes that it must hold exactly
 * returns  0; RB_E_FORMAT when it is damaged or of another length; RB_E_IO
 */
int rb_inflater_run(struct rb_inflater *inflater, size_t skip, void *out, size_t len,
                    struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_REPO_DEFLATE_PRIV_H */
