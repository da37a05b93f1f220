/*
 * See rowback/base/err.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rowback/base/err.h"

int rb_err_set(struct rb_err *err, enum rb_status status, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return status;

	err->status = status;
	err->hint[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return status;
}

int rb_err_sys(struct rb_err *err, int errnum, const char *fmt, ...)
{
	enum rb_status status = RB_E_IO;
	char what[RB_ERR_MSG_SIZE];
	char why[128];
	va_list ap;

	if (errnum == ENOENT)
		status = RB_E_NOTFOUND;
	else if (errnum == ENOMEM)
		status = RB_E_NOMEM;

	if (!err)
		return status;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (strerror_r(errnum, why, sizeof(why)) != 0)
		snprintf(why, sizeof(why), "error %d", errnum);

	/* The reason must survive a long path, so the path is what is cut. */
	return rb_err_set(err, status, "%.700s: %s", what, why);
}

int rb_err_wrap(struct rb_err *err, int status, const char *fmt, ...)
{
	char below[RB_ERR_MSG_SIZE];
	size_t used;
	va_list ap;

	if (!err)
		return status;

	memcpy(below, err->msg, sizeof(below));
	va_start(ap, fmt);
	vsnprintf(err->msg, 200, fmt, ap);
	va_end(ap);

	used = strlen(err->msg);
	snprintf(err->msg + used, sizeof(err->msg) - used, ": %.800s", below);
	err->status = (enum rb_status)status;
	return status;
}

int rb_err_hint(struct rb_err *err, const char *fmt, ...)
{
	va_list ap;

	/* There is a failure, or there would be no hint: never let it look like success. */
	if (!err)
		return RB_E_USAGE;

	va_start(ap, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
	return err->status;
}
