/*
 * What state a store is in, and what is wrong with it.
 *
 * Layer: ops (3).
 */
#ifndef ROWBACK_OPS_DOCTOR_H
#define ROWBACK_OPS_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "rowback/base/err.h"

enum rb_check_status { RB_CHECK_INFO, RB_CHECK_OK, RB_CHECK_WARN, RB_CHECK_BAD };

/** One line of the report. */
struct rb_check {
	const char *section; /**< "versions", "store", "config", "source", "app",
	                          "remote"; static */
	char *name;
	enum rb_check_status status;
	char *text; /**< secrets hidden */
	char *hint; /**< what to do; NULL */
};

struct rb_doctor_report {
	struct rb_check *checks;
	size_t count;
	size_t warnings;
	size_t errors;
};

struct rb_doctor_opts {
	const char *dir;         /**< in the store; NULL: the current directory */
	const char *config_file; /**< instead of the store's own; NULL */
	bool offline;            /**< do not ask the remote */
};

/**
 * Look at everything; what is wrong is in the report.
 *
 * returns 0 unless memory is gone or a signal came
 */
int rb_doctor_run(const struct rb_doctor_opts *opts, struct rb_doctor_report *report,
                  struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_doctor_report_release(struct rb_doctor_report *report);

#endif /* ROWBACK_OPS_DOCTOR_H */
