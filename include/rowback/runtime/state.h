/*
 * What rowback remembers about a store between runs: a small key and value document.
 *
 * Layer: runtime (2).  Uses: rowback/base, rowback/value/json.h, jansson.
 *
 * <git dir>/rowback/state.json:
 *
 *	{
 *	  "version": 1,
 *	  "sections": {
 *	    "fingerprint/app": {
 *	      "commit": "5f1c...",
 *	      "text": "sqlite 1 4711 12"
 *	    }
 *	  }
 *	}
 *
 * All of it can be found out again, so a file that is missing, damaged or of another version
 * is an empty state and no error.  Only the holder of the store's lock saves it.
 */
#ifndef ROWBACK_RUNTIME_STATE_H
#define ROWBACK_RUNTIME_STATE_H

#include <stddef.h>

#include "rowback/base/err.h"

/** Largest file that is read: far above what is kept, and no burden when it is garbage. */
#define RB_STATE_BYTES_MAX ((size_t)16 * 1024 * 1024)

struct rb_state;

/**
 * Read the state.
 *
 * path    the file, as rb_repo_state_path(repo, "state.json") gives it; copied
 * out     for rb_state_free()
 * returns 0, also when the file cannot be used (said in the debug log); RB_E_NOMEM
 */
int rb_state_load(const char *path, struct rb_state **out, struct rb_err *err) RB_MUST_CHECK;

/** A value, borrowed until the next change of the state; NULL when it is not set. */
const char *rb_state_get(const struct rb_state *state, const char *section, const char *name);

/**
 * Set a value, in memory.
 *
 * section, name, value  UTF-8, copied
 * returns               0; RB_E_FORMAT when one is not UTF-8; RB_E_NOMEM
 */
int rb_state_set(struct rb_state *state, const char *section, const char *name, const char *value,
                 struct rb_err *err) RB_MUST_CHECK;

/**
 * Call fn with each value of a section; it must not change the state.
 *
 * returns 0; what fn returned
 */
int rb_state_each(const struct rb_state *state, const char *section,
                  int (*fn)(void *ctx, const char *name, const char *value, struct rb_err *err),
                  void *ctx, struct rb_err *err) RB_MUST_CHECK;

/** Forget a value, in memory; with name NULL the whole section.  What is not there is fine. */
void rb_state_unset(struct rb_state *state, const char *section, const char *name);

/**
 * Write the state durably (0600), unless nothing changed since it was loaded or saved.
 *
 * returns as rb_fs_replace(); the file is the old one or the new one
 */
int rb_state_save(struct rb_state *state, struct rb_err *err) RB_MUST_CHECK;

/** What was not saved is lost; NULL is allowed. */
void rb_state_free(struct rb_state *state);

#endif /* ROWBACK_RUNTIME_STATE_H */
