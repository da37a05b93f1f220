/*
 * See rowback/base/cancel.h.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

#include "rowback/base/cancel.h"

/* An atomic, since threads read it too; lock-free, since a handler writes it (C11 7.14.1.1). */
static atomic_int requested;
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "signal handlers need lock-free atomics");

static void on_signal(int signum)
{
	int none = 0;

	/* The first one is what ended the program, and what its exit status tells. */
	atomic_compare_exchange_strong(&requested, &none, signum);
}

static void install(int signum, void (*handler)(int))
{
	struct sigaction action = {0};

	action.sa_handler = handler;
	sigemptyset(&action.sa_mask);
	sigaction(signum, &action, NULL);
}

void rb_cancel_install(void)
{
	struct sigaction hup;

	install(SIGINT, on_signal);
	install(SIGTERM, on_signal);
	/* nohup(1) has it ignored, and must be heeded. */
	if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN)
		install(SIGHUP, on_signal);
	install(SIGPIPE, SIG_IGN);
	/* Where it was left ignored, the exit status of children would be lost. */
	install(SIGCHLD, SIG_DFL);
}

int rb_cancel_signal(void)
{
	return atomic_load_explicit(&requested, memory_order_relaxed);
}

static const char *signal_name(int signum)
{
	switch (signum) {
	case SIGINT:
		return "SIGINT";
	case SIGTERM:
		return "SIGTERM";
	case SIGHUP:
		return "SIGHUP";
	default:
		return NULL;
	}
}

int rb_cancel_check(struct rb_err *err)
{
	int signum = rb_cancel_signal();
	const char *name;

	if (signum == 0)
		return RB_OK;
	name = signal_name(signum);
	if (!name)
		return rb_err_set(err, RB_E_CANCELLED, "stopped by signal %d", signum);
	return rb_err_set(err, RB_E_CANCELLED, "stopped by %s", name);
}

void rb_cancel_request(int signum)
{
	atomic_store(&requested, signum);
}
