/*
 * See rowback/base/thread.h.
 */
#include <signal.h>

#include "rowback/base/thread.h"

int rb_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	sigset_t all;
	sigset_t old;
	int errnum;

	/* A new thread has the mask of the one that starts it.  Not those of a crash: they must
	 * reach whoever reports it. */
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	errnum = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return errnum;
}
