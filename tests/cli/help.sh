#!/bin/sh
# Help, manual and completions, as the program prints them and others read them.
. "$(dirname "$0")/../harness/cli.sh"

commands="init backup export sync log show restore verify doctor help"

prints_its_version() {
	expect_status 0 "$ROWBACK" --version
	expect_out "rowback $(sed -n 's/^VERSION := //p' "$root/Makefile")"
	expect_status 0 "$ROWBACK" backup --version
	expect_err ""
}

help_is_the_same_however_it_is_asked_for() {
	expect_status 0 "$ROWBACK" --help
	cp out all
	expect_status 0 "$ROWBACK" help
	expect_out all
	expect_status 0 "$ROWBACK" -h
	expect_out all
	for command in $commands; do
		expect_status 0 "$ROWBACK" help "$command"
		cp out one
		head -n 1 one | grep -q "^usage: rowback $command" || fail "$command: no usage line"
		expect_status 0 "$ROWBACK" "$command" --help
		expect_out one
		expect_status 0 "$ROWBACK" --help "$command"
		expect_out one
		grep -q "^  $command  *[a-z]" all || fail "$command is not in the list"
	done
}

hidden_commands_have_help_too() {
	expect_status 0 "$ROWBACK" completion --help
	expect_status 0 "$ROWBACK" man --help
	expect_status 0 "$ROWBACK" --help
	if grep -qE '^  (man|completion) ' out; then
		fail "they are listed"
	fi
}

man_page_is_read_without_a_warning() {
	need groff
	expect_status 0 "$ROWBACK" man
	cp out rowback.1
	expect_status 0 groff -man -Tutf8 -wall -z rowback.1
	expect_out ""
	expect_err ""
	expect_status 0 groff -man -Tascii -P -cbou rowback.1
	for command in $commands; do
		grep -qF "rowback $command" out || fail "$command is not in the manual"
	done
	grep -qF 'source.<name>.urlCommand = COMMAND' out || fail "a key is missing"
	# What roff could have taken for its own must come out as it went in.
	grep -qF "rowback init --source sqlite:/srv/app/app.db \\" out || fail "a backslash is lost"
	grep -qF "'latest~2'" out || fail "quotes or a tilde are lost"
}

# offered WORD...: what bash offers for the last word, sorted, on one line.
offered() {
	bash -c '
		source ./rowback.bash
		compopt() { :; }
		COMP_WORDS=("$@")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_rowback
		printf "%s\n" "${COMPREPLY[@]}"
	' bash "$@" | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//'
}

offers() {
	want=$1
	shift
	got=$(offered "$@")
	[ "$got" = "$want" ] || fail "'$*' offers '$got', not '$want'"
}

bash_completes() {
	need bash
	expect_status 0 "$ROWBACK" completion bash
	cp out rowback.bash
	expect_status 0 bash -n rowback.bash
	mkdir -p dir/sub
	: >dir/file

	commands=$("$ROWBACK" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]\{1,\}\) .*/\1/p' | sort | tr '\n' ' ')
	case $commands in *'backup '*'gate '*) ;; *) fail "the help lists no commands: $commands" ;; esac
	offers "${commands% }" rowback ""
	offers "backup" rowback ba
	offers "verify" rowback -C /srv/verify -q ve
	offers "--label" rowback backup --la
	offers "--lock-wait" rowback --loc
	offers "--lock-wait" rowback backup --loc
	offers "" rowback log --loc
	offers "api deploy manual pre-restore schedule" rowback backup --trigger ""
	offers "deploy" rowback backup --trigger = de
	offers "api deploy manual pre-restore schedule" rowback backup --trigger =
	offers "merge" rowback -q restore --strategy m
	offers "sync" rowback help sy
	offers "dir/sub" rowback -C dir/
	offers "dir/file dir/sub" rowback backup --config dir/
	offers "dir/sub" rowback init dir/
	offers "" rowback backup --label ""
	offers "bash fish zsh" rowback completion ""
}

zsh_can_read_its_script() {
	need zsh
	expect_status 0 "$ROWBACK" completion zsh
	cp out _rowback
	expect_status 0 zsh -n _rowback
}

fish_can_read_its_script() {
	need fish
	expect_status 0 "$ROWBACK" completion fish
	cp out rowback.fish
	expect_status 0 fish --no-execute rowback.fish
}

installs_what_a_system_expects() {
	expect_status 0 make -s -C "$root" "BUILD=$BUILD" "DESTDIR=$work/dest" PREFIX=/usr install
	expect_status 0 "$work/dest/usr/bin/rowback" --version
	for file in bin/rowback share/man/man1/rowback.1 \
		share/bash-completion/completions/rowback share/zsh/site-functions/_rowback \
		share/fish/vendor_completions.d/rowback.fish; do
		[ -s "$work/dest/usr/$file" ] || fail "no $file"
	done
	expect_status 0 make -s -C "$root" "BUILD=$BUILD" "DESTDIR=$work/dest" PREFIX=/usr uninstall
	[ -z "$(find "$work/dest" -type f)" ] || fail "uninstall leaves files"
}

check "prints its version" prints_its_version
check "help is the same however it is asked for" help_is_the_same_however_it_is_asked_for
check "hidden commands have help, too" hidden_commands_have_help_too
check "the manual page is read without a warning" man_page_is_read_without_a_warning
check "bash completes commands, options and values" bash_completes
check "zsh can read its completion script" zsh_can_read_its_script
check "fish can read its completion script" fish_can_read_its_script
check "make install puts everything in its place" installs_what_a_system_expects
