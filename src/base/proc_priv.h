/*
 * Starting a child, the first half of rb_proc_run().
 *
 * Layer: base (0), private.
 */
#ifndef ROWBACK_BASE_PROC_PRIV_H
#define ROWBACK_BASE_PROC_PRIV_H

#include <sys/types.h>

#include "rowback/base/proc.h"

/** A child that was started, and our ends of its descriptors. */
struct proc_child {
	pid_t pid;  /**< its id, and its process group's; 0 before it is started */
	int fds[3]; /**< what leads to its 0 and from its 1 and 2, non-blocking; -1 when closed */
};

/** Close a descriptor unless it is -1, and make it -1. */
void proc_close(int *fd);

/**
 * Start a program, and wait until it really runs.
 *
 * child    filled on success; fds[0] is -1 when there is nothing to write
 * returns  0; RB_E_NOTFOUND, RB_E_IO, RB_E_NOMEM: no child and no descriptor is left
 */
int proc_spawn(const struct rb_proc_opts *opts, struct proc_child *child,
               struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_BASE_PROC_PRIV_H */
