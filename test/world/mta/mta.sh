# mta.sh - the real mail servers of one world: a private Postfix and postgrey.  Sourced by `world`.
#
# Root only (Postfix insists).  /etc/postfix is never read or written but for the read-only lists
# the package keeps there.  Every face of Postfix is an smtpd on an address of its own; the domain
# that leads there is in ../zones/postfix.zone.  What a verifier could leave there is discarded (it stops before DATA).
# Mail handed in at 127.25.0.9 is sent to the scripted hosts, and bounces go to port WORLD_SINK_PORT, where a test may listen.

GREY_DELAY=${WORLD_GREY_DELAY:-3}

mta_config() {
	local m=$DIR/mta
	mkdir -p "$m"/{etc,queue,data,postgrey}
	chown root:root "$m" "$m"/{etc,queue}
	chown postfix "$m/data"
	cp "$DIR/tls/cert.pem" "$DIR/tls/key.pem" "$m/etc/"
	chmod 600 "$m/etc/key.pem"
	sed -e "s|@MTA@|$m|g; s|@DIR@|$DIR|g; s|@DNS@|$PORT_DNS|g; s|@GREY@|$PORT_GREY|g" \
		"$HERE/mta/main.cf.in" >"$m/etc/main.cf"
	sed -e "s|@SMTP@|$PORT_SMTP|g" "$HERE/mta/master.cf.in" >"$m/etc/master.cf"
	cp "$HERE"/mta/{mailboxes,rcpt_access,sender_access} "$m/etc/"
	sed -e "s|@SMTP@|$PORT_SMTP|g; s|@SINK@|$PORT_SINK|g" "$HERE/mta/transport.in" >"$m/etc/transport"
}

postgrey_start() {
	command -v postgrey >/dev/null || return 0
	daemon postgrey postgrey --inet="127.0.0.1:$PORT_GREY" --dbdir="$DIR/mta/postgrey" \
		--user=root --group=root --delay="$GREY_DELAY" --hostname=mx.pfgrey.com \
		--whitelist-clients=/dev/null --whitelist-recipients=/dev/null
	CHECKS+=("tcp:127.0.0.1:$PORT_GREY")
	HAS_POSTGREY=1
}

# Postfix's daemons run as somebody else and must be able to get to DIR.
mta_reachable() {
	local p=$DIR
	while [ "$p" != / ]; do
		[[ $(stat -c %A "$p") == *[xt] ]] || fail "$p must be open to user postfix; or use --no-mta"
		p=$(dirname "$p")
	done
}

mta_start() {
	local face log=$DIR/log/postfix.log
	[ "$(id -u)" = 0 ] || return 0
	command -v postfix >/dev/null && [ -x /usr/lib/postfix/sbin/master ] || return 0
	mta_reachable
	mta_config
	postgrey_start
	# The master itself instead of `postfix start`: that is a shell script which checks the
	# ownership of the installed files, takes seconds, and says nothing without a terminal.
	postfix -c "$DIR/mta/etc" check >"$log" 2>&1 || fail "postfix check"
	(cd "$DIR/mta" && exec setsid /usr/lib/postfix/sbin/master -c "$DIR/mta/etc" -w) \
		</dev/null >>"$log" 2>&1 || fail "postfix master"
	# -w ends when the daemon has its lock and its sockets; its pid is then in the file
	read -r PID <"$DIR/mta/queue/pid/master.pid" && record postfix "$PID"
	for face in 1 2 3 5 6 7 8 9; do
		CHECKS+=("tcp:127.25.0.$face:$PORT_SMTP")
	done
	CHECKS+=("smtp:127.25.0.1:$PORT_SMTP")
	HAS_POSTFIX=1
}

# The master's children end with it.  If `start` was interrupted before it could record the master,
# the master's own pid file is believed, provided that the process is one of this world.
mta_stop() {
	local pid
	if [ ! -e "$DIR/pid/postfix" ] && read -r pid 2>/dev/null <"$DIR/mta/queue/pid/master.pid" &&
		tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "-c $DIR/mta/etc"; then
		record postfix "$pid"
	fi
	[ -e "$DIR/pid/postfix" ] && end_one "$DIR/pid/postfix"
	return 0
}
