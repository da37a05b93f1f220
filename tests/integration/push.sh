#!/bin/sh
# Backups pushed to real remotes: a path, ssh, https; remotes that refuse, stall, are cut
# midway or have gone another way; remotes that anybody can read.
. "$(dirname "$0")/../harness/cli.sh"
# shellcheck source=tests/harness/servers.sh
. "$root/tests/harness/servers.sh"
need sqlite3 git jq python3
SERVERS_HOME=$root/tests/harness
servers=$(make_server_dir) || fail "no directory for servers"

at_exit() { stop_servers "$servers"; }

no_ssh='' no_web=''
start_sshd "$servers" >"$work/sshd.log" 2>&1 || no_ssh=${why:-$(tail -n 1 "$work/sshd.log")}
start_apache "$servers" >"$work/apache.log" 2>&1 || no_web=${why:-$(tail -n 1 "$work/apache.log")}
# shellcheck disable=SC1091 # made by the servers
. "$servers/env"
[ -n "$no_ssh" ] || GIT_SSH_COMMAND="ssh -F $SSH_CONFIG"
export GIT_SSH_COMMAND PASSWORD=s3cret

need_ssh() { [ -z "$no_ssh" ] || skip "$no_ssh"; }
need_web() { [ -z "$no_web" ] || skip "$no_web"; }

# All that is ever printed, to look for secrets in.
seen() { cat "$work/out" "$work/err" >>"$work/printed"; }

rb() {
	"$ROWBACK" -C "$@"
}

# expect STATUS COMMAND...: as expect_status, and kept.
expect() {
	expect_status "$@"
	seen
}

json() { jq -r "$1" "$work/out"; }
add_row() { sql "$1.db" "INSERT INTO t VALUES(NULL, hex(randomblob(${2:-8})))"; }

# make_store NAME URL: a database, and a store whose remote is not asked yet.
make_store() {
	sql "$1.db" "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 'one')"
	"$ROWBACK" -q init --no-check --source "app=sqlite:$1.db" --remote "$2" "$1"
	[ -n "$no_web" ] || git -C "$1" config http.sslCAInfo "$CA_FILE"
	git -C "$1" config credential.helper \
		'!f() { echo username=${USERNAME:-me}; echo password=$PASSWORD; }; f'
}

# The local backup is whole, whatever happened to the push.
safe_here() {
	git -C "$1" fsck --strict --no-dangling
	rm -f safe.db
	expect 0 rb "$1" restore latest --to sqlite:safe.db
	[ "$(db_digest safe.db)" = "$(db_digest "$1.db")" ] || fail "the local backup differs"
}

# pushed STORE REPOSITORY: it has the newest backup, and a new machine restores it.
pushed() {
	[ "$(git --git-dir="$2" -c safe.directory='*' rev-parse "${3:-main}")" = \
		"$(git -C "$1" rev-parse main)" ] || fail "$2 has another commit"
	git --git-dir="$2" -c safe.directory='*' fsck --strict --no-dangling
	expect 0 rb "$1" --json log
	[ "$(json '[.backups[].pushed] | all')" = true ]
}

back_and_forth() {
	store=$1 repository=$2
	expect 0 rb "$store" --json backup
	[ "$(json '.pushed, .push.commits, (.push.bytes_sent > 0)' | tr '\n' ' ')" = 'true 1 true ' ]
	pushed "$store" "$repository"
	add_row "$store"
	expect 0 rb "$store" --json backup
	[ "$(json '.committed, .pushed, .push.commits, (.push.bytes_sent < 5000)' | tr '\n' ' ')" = \
		'true true 1 true ' ]
	expect 0 rb "$store" --json backup
	[ "$(json '.committed, .pushed, .push.commits' | tr '\n' ' ')" = 'false true 0 ' ]
	pushed "$store" "$repository"
	rm -rf again again.db
	[ -n "$no_web" ] || git config --global http.sslCAInfo "$CA_FILE"
	git config --global credential.helper '!f() { echo username=me; echo password=$PASSWORD; }; f'
	expect 0 "$ROWBACK" init --remote "$(git -C "$store" remote get-url origin)" again
	git config --global --unset credential.helper
	expect 0 rb again restore latest --to sqlite:again.db
	[ "$(db_digest again.db)" = "$(db_digest "$store.db")" ]
}

over_a_path() {
	git init -q --bare path.git
	make_store path "$work/path.git"
	back_and_forth path path.git
}

over_ssh() {
	need_ssh
	git init -q --bare ssh.git
	make_store ssh "far:$work/ssh.git"
	back_and_forth ssh ssh.git
	grep -q "cannot find out whether 'far:$work/ssh.git' is private: no https form" printed
}

over_https() {
	need_web
	make_http_repo "$servers" mine.git
	make_store https "https://localhost:$HTTPS_PORT/git/mine.git"
	back_and_forth https "$HTTP_ROOT/mine.git"
}

a_hook_that_refuses() {
	git init -q --bare hook.git
	make_store hook "$work/hook.git"
	expect 0 rb hook backup
	printf '#!/bin/sh\necho "no backups on Sundays" >&2\nexit 1\n' >hook.git/hooks/pre-receive
	chmod +x hook.git/hooks/pre-receive
	add_row hook
	expect 14 rb hook backup
	expect_err_has "backup $(git -C hook log -1 --format='%(trailers:key=Backup-Id,valueonly)' |
		head -n 1) is safe in the store, but was not pushed: "
	expect_err_has "no backups on Sundays"
	grep -q '^hint: ' err
	expect_out_has "+1 rows"
	safe_here hook
	expect 0 rb hook --json log
	[ "$(json '[.backups[].pushed] | join(" ")')" = 'false true' ]
	add_row hook
	expect 14 rb hook backup
	rm hook.git/hooks/pre-receive
	expect 0 rb hook --json backup
	[ "$(json '.committed, .pushed, .push.commits' | tr '\n' ' ')" = 'false true 2 ' ]
	pushed hook hook.git
}

gone_another_way() {
	git init -q --bare other.git
	make_store other "$work/other.git"
	expect 0 rb other backup
	git clone -q other.git clone
	git -C clone commit -q --allow-empty -m 'from elsewhere'
	git -C clone push -q
	theirs=$(git -C other.git rev-parse main)
	add_row other
	expect 14 rb other backup
	expect_err_has "diverged"
	expect_err_has "hint: another writer pushed to it, and rowback never merges or overwrites"
	safe_here other
	[ "$(git -C other.git rev-parse main)" = "$theirs" ]
	expect 14 rb other sync
	expect 1 rb other doctor
	expect_out_has "it diverged"
	# A branch of its own, and everything waits no longer.
	mine=$(git -C other rev-parse main)
	git -C other branch -m main host2
	git -C other config rowback.branch host2
	expect 0 rb other backup
	[ "$(git -C other.git rev-parse host2)" = "$mine" ]
	[ "$(git -C other.git rev-parse main)" = "$theirs" ]
}

broken_connections() {
	need_web
	make_http_repo "$servers" broken.git
	make_store broken "https://localhost:$HTTPS_PORT/git/broken.git"
	expect 0 rb broken backup
	add_row broken 400000
	for mode in cut stall; do
		port=$(start_proxy "$servers" "$HTTPS_PORT" "$mode:200000")
		git -C broken remote set-url origin "https://localhost:$port/git/broken.git"
		git -C broken config rowback.pushTimeout 4s
		expect 14 timeout 60 "$ROWBACK" -C broken backup
		grep -q '^hint: ' err || fail "$mode: $(cat err)"
		expect_err_has "is safe in the store, but was not pushed"
		safe_here broken
	done
	git -C broken config --unset rowback.pushTimeout
	git -C broken remote set-url origin "https://localhost:$HTTPS_PORT/git/broken.git"
	expect 0 rb broken --json backup
	[ "$(json '.committed, .pushed, .push.commits' | tr '\n' ' ')" = 'false true 1 ' ]
	pushed broken "$HTTP_ROOT/broken.git"
}

stops_a_push() {
	need_web
	make_http_repo "$servers" stop.git
	port=$(start_proxy "$servers" "$HTTPS_PORT" stall:200000)
	make_store stop "https://localhost:$port/git/stop.git"
	add_row stop 400000
	"$ROWBACK" -C stop backup >out 2>err &
	run=$!
	tries=0
	until git -C stop rev-parse -q --verify main >/dev/null && pgrep -P "$run" git >/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || fail "it does not push"
		sleep 0.05
	done
	kill -s TERM "$run"
	status=0
	wait "$run" || status=$?
	[ "$status" -eq 143 ] || fail "status $status: $(cat err)"
	seen
	! pgrep -P "$run" || fail "git goes on"
	safe_here stop
}

who_is_not_let_in() {
	need_web
	make_http_repo "$servers" closed.git
	make_store closed "https://localhost:$HTTPS_PORT/git/closed.git"
	PASSWORD=wr0ng-pass expect 12 rb closed backup
	expect_err_has "is safe in the store, but was not pushed"
	expect_err_has "hint: give git an ssh key or a credential helper"
	USERNAME=reader expect 12 rb closed backup
	grep -q '^hint: ' err
	safe_here closed
	git -C closed config --unset http.sslCAInfo
	git config --global --unset http.sslCAInfo || true
	expect 12 rb closed backup
	expect_err_has "http.sslCAInfo"
	git -C closed config http.sslCAInfo "$CA_FILE"
	expect 0 rb closed backup
	pushed closed "$HTTP_ROOT/closed.git"
}

ssh_that_does_not_let_in() {
	need_ssh
	git init -q --bare keys.git
	make_store keys "nokey:$work/keys.git"
	expect 12 rb keys backup
	expect_err_has "Permission denied"
	git -C keys remote set-url origin "strange:$work/keys.git"
	expect 12 rb keys backup
	expect_err_has "known_hosts"
	git -C keys remote set-url origin "far:$work/keys.git"
	expect 0 rb keys backup
	pushed keys keys.git
}

no_such_repository() {
	make_store nowhere "$work/nowhere.git"
	expect 14 rb nowhere backup
	expect_err_has "hint: make the repository there first, or correct the URL: git -C '$work/nowhere'"
	safe_here nowhere
	git init -q --bare nowhere.git
	expect 0 rb nowhere backup
	pushed nowhere nowhere.git
	need_web
	git -C nowhere remote set-url origin "https://localhost:$HTTPS_PORT/git/nowhere.git"
	add_row nowhere
	expect 14 rb nowhere backup
	grep -q '^hint: ' err
}

nobody_listens() {
	port=$(free_ports 1)
	make_store down "https://localhost:$port/git/down.git"
	expect 14 rb down backup
	expect_err_has "hint: check the network and the host's name, then try again"
	expect_err_has "cannot find out whether"
	safe_here down
	git -C down remote set-url origin "ssh://git@localhost:$port/down.git"
	GIT_SSH_COMMAND='' expect 14 rb down backup
	grep -q '^hint: ' err
	status=0
	"$ROWBACK" init --remote "https://localhost:$port/git/down.git" gone >out 2>err || status=$?
	[ "$status" -eq 14 ] && [ ! -e gone ]
}

public_is_refused() {
	need_web
	make_http_repo "$servers" public-app.git
	make_store open "https://localhost:$HTTPS_PORT/git/public-app.git"
	expect 20 rb open backup
	expect_err_has "can be read by anybody: no data was pushed into it"
	expect_err_has "hint: make the repository private, or, when everybody may read this data, run: git config rowback.allowPublic true"
	[ -z "$(git --git-dir="$HTTP_ROOT/public-app.git" -c safe.directory='*' for-each-ref)" ]
	[ -z "$(find "$HTTP_ROOT/public-app.git/objects" -type f)" ]
	safe_here open
	expect 20 rb open sync
	expect 1 rb open doctor
	expect_out_has "can be read by anybody"
	git -C open config rowback.allowPublic true
	expect 0 rb open backup
	pushed open "$HTTP_ROOT/public-app.git"
	git -C open config rowback.allowPublic false
	add_row open
	expect 20 rb open backup
	# init says so at once, and makes the store all the same.
	git config --global http.sslCAInfo "$CA_FILE"
	git config --global credential.helper '!f() { echo username=me; echo password=$PASSWORD; }; f'
	make_http_repo "$servers" public-new.git
	expect 0 "$ROWBACK" init --source sqlite:open.db \
		--remote "https://localhost:$HTTPS_PORT/git/public-new.git" told
	expect_err_has "anybody can read the remote: backups will not be pushed to it"
	git config --global --unset credential.helper
}

asked_again_when_the_url_changes() {
	need_web
	make_http_repo "$servers" first.git
	make_http_repo "$servers" public-second.git
	make_store moves "https://localhost:$HTTPS_PORT/git/first.git"
	expect 0 rb moves backup
	git -C moves remote set-url origin "https://localhost:$HTTPS_PORT/git/public-second.git"
	add_row moves
	expect 20 rb moves backup
	[ -z "$(find "$HTTP_ROOT/public-second.git/objects" -type f)" ]
	git -C moves remote set-url origin "https://localhost:$HTTPS_PORT/git/first.git"
	expect 0 rb moves backup
	# What git makes of the URL is what counts.
	git -C moves config "url.https://localhost:$HTTPS_PORT/git/public-second.git.pushInsteadOf" \
		"https://localhost:$HTTPS_PORT/git/first.git"
	add_row moves
	expect 20 rb moves backup
	[ -z "$(find "$HTTP_ROOT/public-second.git/objects" -type f)" ]
}

an_ssh_remote_that_is_public_by_https() {
	need_ssh
	need_web
	# What ssh finds at a path, https shows below public/ under the same one.
	mkdir -p "$HTTP_ROOT/public$HTTP_ROOT"
	make_http_repo "$servers" "public$HTTP_ROOT/public-ssh.git"
	make_http_repo "$servers" public-ssh.git
	make_store alias "far:$HTTP_ROOT/public-ssh.git"
	git -C alias config rowback.127.0.0.1.publicUrl "https://localhost:$HTTPS_PORT/git/public"
	expect 20 rb alias backup
	expect_err_has "can be read by anybody"
	[ -z "$(find "$HTTP_ROOT/public-ssh.git/objects" -type f)" ]
}

no_secret_is_told() {
	need_web
	make_http_repo "$servers" url.git
	make_store url "https://me:s3cret@localhost:$HTTPS_PORT/git/url.git"
	git -C url config --unset credential.helper
	expect 0 rb url -v backup
	expect_out_has "https://me:***@localhost:$HTTPS_PORT/git/url.git"
	add_row url
	git -C url remote set-url origin "https://me:wr0ng-pass@localhost:$HTTPS_PORT/git/url.git"
	expect 12 rb url -v backup
	expect 1 rb url doctor
	expect 0 rb url --json log
	git -C url remote set-url origin "https://me:s3cret@localhost:$HTTPS_PORT/git/url.git"
	expect 0 rb url --json backup
	expect 0 rb url doctor --json
	[ -s printed ]
	for secret in s3cret wr0ng-pass; do
		! grep -n "$secret" printed || fail "it was printed"
		for store in https closed url broken; do
			! grep -rl "$secret" "$store/.git/rowback" "$store/.git/logs" || fail "it was kept"
			git -C "$store" cat-file --batch-all-objects --batch >objects
			! grep -q "$secret" objects || fail "it was committed"
		done
	done
}

check "over a path" over_a_path
check "over ssh, by an alias and an RSA key" over_ssh
check "over https, with an authority of one's own and a credential helper" over_https
check "a remote that refuses" a_hook_that_refuses
check "a remote that has gone another way" gone_another_way
check "a connection that is cut or stalls" broken_connections
check "a push can be stopped" stops_a_push
check "who is not let in" who_is_not_let_in
check "ssh that does not let in" ssh_that_does_not_let_in
check "no such repository" no_such_repository
check "nobody listens" nobody_listens
check "a public remote is refused" public_is_refused
check "a remote is asked again when its URL changes" asked_again_when_the_url_changes
check "an ssh remote that is public by https" an_ssh_remote_that_is_public_by_https
check "no secret is told" no_secret_is_told
