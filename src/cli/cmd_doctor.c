/*
 * rowback doctor: what is wrong, and what to do about it.
 */
#include "cmd_priv.h"

struct doctor_opts {
	bool is_offline; /* do not try to reach the remote */
};

static const struct rb_cli_opt opts[] = {
        {
                .kind = RB_CLI_FLAG,
                .long_name = "offline",
                .help = "do not try to reach the remote",
                .offset = offsetof(struct doctor_opts, is_offline),
        },
        {.kind = RB_CLI_END},
};

static int run(struct rb_cli *cli, const void *values, struct rb_err *err)
{
	const struct doctor_opts *doctor = values;

	(void)cli;
	(void)doctor;
	return rb_err_set(err, RB_E_UNSUPPORTED, "not built yet");
}

const struct rb_cli_command rb_cmd_doctor = {
        .name = "doctor",
        .summary = "say what is wrong and what to do about it",
        .description =
                "Prints the versions of rowback and of what it uses, the configuration with "
                "secrets "
                "hidden, the state of the store, the sources and the remote, and for everything "
                "that is wrong a hint. The status is 1 when something is.",
        .opts = opts,
        .args = rb_cmd_no_args,
        .needs = RB_CLI_NEEDS_STORE,
        .values_size = sizeof(struct doctor_opts),
        .run = run,
};
