# Servers for tests: sshd, and apache2 with git-http-backend, on free ports of 127.0.0.1.
#
#	. tests/harness/servers.sh
#	dir=$(make_server_dir)
#	start_sshd "$dir" && start_apache "$dir" || echo "SKIP: $why"
#	. "$dir/env"                       SSH_PORT, SSH_CONFIG, HTTPS_PORT, ...
#	stop_servers "$dir"                ends them, and removes the directory
#
# To be read by a POSIX shell.  All that a server needs is below its directory, so another
# shell can go on with it.  A function that cannot start its server returns 77 with the
# reason in $why and on standard output; 1 is a server that should have started.
#
# sshd      RSA user key, ed25519 host key.  $SSH_CONFIG is a client configuration with the
#           aliases "far" (right), "strange" (host key not known) and "nokey" (user key not
#           known); paths are absolute:
#           GIT_SSH_COMMAND="ssh -F $SSH_CONFIG" git push far:/some/path
# apache2   https://localhost:$HTTPS_PORT/git/NAME, the same with TLS 1.3 only at
#           $TLS13_PORT, certificate by the authority in $CA_FILE.  Users: "me" may read and
#           write, "reader" may read; both have the password "s3cret".  A repository whose
#           name begins with "public" can be read by anybody.  Make them with
#           make_http_repo DIR NAME; look at them with git --git-dir=$HTTP_ROOT/NAME.

# The directory must be one that the web server's user may enter, and its name short: it
# holds a socket.
make_server_dir() {
	server_dir=$(mktemp -d /tmp/rb-servers.XXXXXX) || return 1
	chmod 711 "$server_dir"
	: >"$server_dir/env"
	: >"$server_dir/pids"
	echo "$server_dir"
}

# Print N ports that were free a moment ago.
free_ports() {
	python3 -c '
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in held:
    s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in held])
' "$1"
}

# Wait until somebody listens on a port.
await_port() {
	python3 -c '
import socket, sys, time
until = time.monotonic() + 20
while True:
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1).close()
        break
    except OSError:
        if time.monotonic() > until:
            sys.exit(1)
        time.sleep(0.02)
' "$1"
}

# A program that may stand outside PATH.
find_program() {
	PATH=$PATH:/usr/sbin:/usr/local/sbin:/sbin command -v "$1"
}

cannot_start() {
	why=$1
	echo "$why"
	return 77
}

start_sshd() {
	sshd=$(find_program sshd) || cannot_start "sshd is not installed" || return
	ssh_dir=$1/ssh
	mkdir -m 700 "$ssh_dir" || return 1
	[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
	port=$(free_ports 1) || return 1
	ssh-keygen -q -t ed25519 -N '' -f "$ssh_dir/host" || return 1
	ssh-keygen -q -t rsa -b 2048 -N '' -f "$ssh_dir/user" || return 1
	ssh-keygen -q -t ed25519 -N '' -f "$ssh_dir/stranger" || return 1
	cp "$ssh_dir/user.pub" "$ssh_dir/authorized_keys"
	echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 "$ssh_dir/host.pub")" >"$ssh_dir/known_hosts"
	cat >"$ssh_dir/sshd_config" <<-END
		Port $port
		ListenAddress 127.0.0.1
		HostKey $ssh_dir/host
		PidFile $ssh_dir/pid
		AuthorizedKeysFile $ssh_dir/authorized_keys
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		PermitRootLogin prohibit-password
		AcceptEnv GIT_PROTOCOL
	END
	cat >"$ssh_dir/config" <<-END
		Host far
			UserKnownHostsFile $ssh_dir/known_hosts
		Host strange
			UserKnownHostsFile /dev/null
		Host nokey
			UserKnownHostsFile $ssh_dir/known_hosts
			IdentityFile $ssh_dir/stranger
		Host far strange
			IdentityFile $ssh_dir/user
		Host *
			HostName 127.0.0.1
			Port $port
			User $(id -un)
			IdentitiesOnly yes
			IdentityAgent none
			GlobalKnownHostsFile /dev/null
			StrictHostKeyChecking yes
			BatchMode yes
	END
	"$sshd" -f "$ssh_dir/sshd_config" -E "$ssh_dir/log" </dev/null >/dev/null 2>&1 || {
		cat "$ssh_dir/log"
		return 1
	}
	await_port "$port" || return 1
	cat "$ssh_dir/pid" >>"$1/pids"
	echo "SSH_PORT=$port SSH_CONFIG=$ssh_dir/config" >>"$1/env"
}

# An authority of our own, and a certificate of it for localhost.
make_certificates() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-subj '/CN=rowback test authority' -keyout "$1/ca.key" -out "$1/ca.pem" &&
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
			-subj /CN=localhost -keyout "$1/server.key" -out "$1/server.csr" &&
		echo subjectAltName=DNS:localhost,IP:127.0.0.1 >"$1/san" &&
		openssl x509 -req -in "$1/server.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" \
			-CAcreateserial -days 2 -extfile "$1/san" -out "$1/server.pem"
}

write_apache_conf() {
	web_dir=$1 modules=$2 backend=$3
	cat <<-END
		ServerRoot $web_dir
		DefaultRuntimeDir $web_dir
		PidFile $web_dir/pid
		Mutex file:$web_dir
		ServerName localhost
		ErrorLog $web_dir/error.log
		ScriptSock $web_dir/cgisock
		Listen 127.0.0.1:$HTTPS_PORT
		Listen 127.0.0.1:$TLS13_PORT
	END
	[ "$(id -u)" -ne 0 ] || printf 'User %s\nGroup %s\n' www-data www-data
	for module in mpm_event authn_core authn_file authz_core authz_user auth_basic alias \
		cgid env ssl setenvif socache_shmcb unixd; do
		[ ! -e "$modules/mod_$module.so" ] ||
			echo "LoadModule ${module}_module $modules/mod_$module.so"
	done
	cat <<-END
		SetEnv GIT_PROJECT_ROOT $web_dir/www
		SetEnv GIT_HTTP_EXPORT_ALL 1
		SetEnv HOME /nonexistent
		ScriptAlias /git/ $backend/
		<Location /git>
			AuthzSendForbiddenOnFailure On
			AuthType Basic
			AuthName git
			AuthUserFile $web_dir/users
			Require valid-user
			Options +ExecCGI
		</Location>
		<LocationMatch "^/git/public">
			Require all granted
		</LocationMatch>
		<LocationMatch "/git-receive-pack\$">
			Require user me
		</LocationMatch>
		<If "%{QUERY_STRING} == 'service=git-receive-pack'">
			Require user me
		</If>
		SSLCertificateFile $web_dir/server.pem
		SSLCertificateKeyFile $web_dir/server.key
		<VirtualHost 127.0.0.1:$HTTPS_PORT>
			SSLEngine on
		</VirtualHost>
		<VirtualHost 127.0.0.1:$TLS13_PORT>
			SSLEngine on
			SSLProtocol TLSv1.3
		</VirtualHost>
	END
}

start_apache() {
	apache=$(find_program apache2) || cannot_start "apache2 is not installed" || return
	backend=$(git --exec-path)/git-http-backend
	[ -x "$backend" ] || cannot_start "git-http-backend is not installed" || return
	web_dir=$1/web
	mkdir -m 711 "$web_dir" "$web_dir/www" || return 1
	ports=$(free_ports 2) || return 1
	HTTPS_PORT=${ports% *} TLS13_PORT=${ports#* }
	make_certificates "$web_dir" >"$web_dir/openssl.log" 2>&1 || {
		cat "$web_dir/openssl.log"
		return 1
	}
	hash=$(openssl passwd -apr1 s3cret)
	printf 'me:%s\nreader:%s\n' "$hash" "$hash" >"$web_dir/users"
	write_apache_conf "$web_dir" /usr/lib/apache2/modules "$backend" >"$web_dir/conf"
	"$apache" -f "$web_dir/conf" -k start </dev/null >"$web_dir/out" 2>&1 &&
		await_port "$TLS13_PORT" || {
		cat "$web_dir/out" "$web_dir/error.log"
		return 1
	}
	cat "$web_dir/pid" >>"$1/pids"
	cat >>"$1/env" <<-END
		HTTPS_PORT=$HTTPS_PORT TLS13_PORT=$TLS13_PORT CA_FILE=$web_dir/ca.pem
		HTTP_ROOT=$web_dir/www
	END
}

# Give a directory to the user that the web server runs as.
give_to_apache() {
	[ "$(id -u)" -ne 0 ] || chown -R www-data:www-data "$1"
}

make_http_repo() {
	git init -q --bare "$1/web/www/$2" && give_to_apache "$1/web/www/$2"
}

# Print the port of a proxy before another port.  MODE: see tcp_proxy.py.
start_proxy() {
	port_file=$(mktemp -u "$1/proxy.XXXXXX")
	python3 "${SERVERS_HOME:?set it to tests/harness}/tcp_proxy.py" "$port_file" "$2" "$3" \
		</dev/null >"$1/proxy.log" 2>&1 &
	echo $! >>"$1/pids"
	until [ -s "$port_file" ]; do
		kill -0 $! 2>/dev/null || return 1
		sleep 0.02
	done
	cat "$port_file"
}

stop_servers() {
	while read -r pid; do
		kill "$pid" 2>/dev/null
	done <"$1/pids"
	# A server's children write into the directory until they have ended.
	while read -r pid; do
		tries=0
		while kill -0 "$pid" 2>/dev/null && [ $tries -lt 250 ]; do
			sleep 0.02
			tries=$((tries + 1))
		done
	done <"$1/pids"
	rm -rf "$1"
}
