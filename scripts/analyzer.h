/*
 * Read by clang-tidy before each source file but err.c.  The analyzer sees one file at a
 * time: this tells it that a failure that is reported comes back as a failure.
 */
#include "rowback/base/err.h"

#define rb_err_set(err, status, ...) ((rb_err_set)((err), (status), __VA_ARGS__), (int)(status))
#define rb_err_wrap(err, status, ...) ((rb_err_wrap)((err), (status), __VA_ARGS__), (status))
#define rb_err_sys(err, errnum, ...) ((rb_err_sys)((err), (errnum), __VA_ARGS__), (int)RB_E_IO)
#define rb_err_hint(err, ...) ((rb_err_hint)((err), __VA_ARGS__), (int)RB_E_USAGE)
