/*
 * Printing of rollbacks, for their command.
 */
#ifndef ROWBACK_CLI_REPORT_ROLLBACK_PRIV_H
#define ROWBACK_CLI_REPORT_ROLLBACK_PRIV_H

#include "cmd_priv.h"
#include "rowback/ops/rollback.h"

/** Print what a rollback will do. */
int rb_cmd_print_rollback_plan(const struct rb_cli *cli, const struct rb_rollback_plan *plan,
                               struct rb_err *err) RB_MUST_CHECK;

/**
 * Print how a rollback went.
 *
 * with_plan  the plan was not shown before
 */
int rb_cmd_print_rollback(const struct rb_cli *cli, const struct rb_rollback_report *report,
                          bool with_plan, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_CLI_REPORT_ROLLBACK_PRIV_H */
