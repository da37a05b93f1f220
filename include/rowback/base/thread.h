/*
 * Threads besides the caller's.
 *
 * Layer: base (0).  Uses: libc.
 */
#ifndef ROWBACK_BASE_THREAD_H
#define ROWBACK_BASE_THREAD_H

#include <pthread.h>

/**
 * Start a thread to which no signal is delivered: they are for the main thread.
 *
 * returns  0: it is to be joined; or an errno
 */
int rb_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif /* ROWBACK_BASE_THREAD_H */
