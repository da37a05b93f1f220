#!/bin/sh
# What every command has: exit statuses, error messages, and a standard output that is
# checked.
. "$(dirname "$0")/../harness/cli.sh"

says_what_to_do_without_a_command() {
	expect_status 2 "$ROWBACK"
	expect_out ""
	expect_err "rowback: error: no command given
hint: 'rowback --help' lists the commands"
}

names_the_nearest_command() {
	expect_status 2 "$ROWBACK" bakcup
	expect_err "rowback: error: 'bakcup' is not a rowback command
hint: did you mean 'rowback backup'?"
	expect_status 2 "$ROWBACK" help resotre
	expect_err "rowback: error: 'resotre' is not a rowback command
hint: did you mean 'rowback restore'?"
}

names_the_nearest_option() {
	expect_status 2 "$ROWBACK" verify --dril
	expect_err "rowback: error: unknown option '--dril'
hint: did you mean '--drill'?"
}

global_options_stand_before_or_after() {
	expect_status 0 "$ROWBACK" -q --no-color help -v sync
	expect_status 0 "$ROWBACK" --lock-wait 10m help --lock-wait=1h sync
	expect_status 2 "$ROWBACK" --lock-wait soon help
	expect_err_has "option '--lock-wait' is 'soon', but must be a duration"
}

options_that_exclude_each_other_are_refused() {
	expect_status 2 "$ROWBACK" restore --on-conflict live
	expect_err "rowback: error: --on-conflict goes with --strategy merge only"
	expect_status 2 "$ROWBACK" show latest --at yesterday
	expect_err "rowback: error: give a backup ('latest') or --at, not both"
	expect_status 2 "$ROWBACK" verify --all latest
	expect_err "rowback: error: --all checks every backup: name none beside it"
}

errors_are_one_json_line() {
	expect_status 2 "$ROWBACK" --json bakcup
	expect_out '{"message_type":"error","status":2,"code":"usage","message":"'"'bakcup'"' is not a rowback command","hint":"did you mean '"'rowback backup'?"'"}'
	expect_err_has "rowback: error: 'bakcup' is not a rowback command"
	# Also when what is wrong stands before it.
	expect_status 2 "$ROWBACK" show a b --json
	expect_out '{"message_type":"error","status":2,"code":"usage","message":"unexpected argument '"'b'"'","hint":"see '"'rowback help show'"'"}'
	# But not when it is no option.
	expect_status 2 "$ROWBACK" show a b -- --json
	expect_out ""
}

a_dry_run_is_never_done_in_earnest() {
	for line in "init -n new" "-n init new" "--dry-run export" "sync -n"; do
		# shellcheck disable=SC2086 # words, on purpose
		expect_status 2 "$ROWBACK" $line
		expect_err_has " has no --dry-run; nothing was done"
	done
	[ ! -e new ] || fail "init made something"
}

messages_cannot_steer_the_terminal() {
	expect_status 2 "$ROWBACK" "$(printf 'x\033[2Jy\377')"
	expect_err "rowback: error: 'x\\x1b[2Jy\\xff' is not a rowback command
hint: 'rowback --help' lists the commands"
}

lost_output_is_an_error() {
	[ -c /dev/full ] || skip "no /dev/full"
	expect_status 2 sh -c '"$ROWBACK" --help >/dev/full'
	expect_err "rowback: error: cannot write to standard output: No space left on device"
	expect_status 2 sh -c '"$ROWBACK" --help >&-'
	expect_err "rowback: error: cannot write to standard output: Bad file descriptor"
}

closed_descriptors_do_no_harm() {
	expect_status 0 sh -c '"$ROWBACK" --help <&-'
	expect_status 2 sh -c '"$ROWBACK" nonsense 2>&-'
	expect_status 2 sh -c '"$ROWBACK" nonsense <&- >&- 2>&-'
}

# As if SIGPIPE had ended it: no message, and no success either.
a_reader_that_goes_is_no_complaint() {
	mkfifo pipe
	: <pipe &
	reader=$!
	exec 3>pipe
	wait "$reader"
	expect_status 141 sh -c '"$ROWBACK" man >&3'
	expect_err ""
	exec 3>&-
}

check "says what to do without a command" says_what_to_do_without_a_command
check "names the nearest command" names_the_nearest_command
check "names the nearest option" names_the_nearest_option
check "global options stand before or after the command" global_options_stand_before_or_after
check "options that exclude each other are refused" options_that_exclude_each_other_are_refused
check "errors are one JSON line for programs" errors_are_one_json_line
check "a dry run is never done in earnest" a_dry_run_is_never_done_in_earnest
check "messages cannot steer the terminal" messages_cannot_steer_the_terminal
check "lost output is an error" lost_output_is_an_error
check "closed descriptors do no harm" closed_descriptors_do_no_harm
check "a reader that goes is no complaint" a_reader_that_goes_is_no_complaint
