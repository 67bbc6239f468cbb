# shellcheck shell=bash
#
# lib.sh
#	What script/* share.  To be sourced, after `set -euo pipefail`.
#
# Contract:
#	- sets EV_ROOT (the source tree; also the working directory from here on), EV_BUILD, EV_LOG;
#	- takes what could disturb a test out of the environment (PG*, locale, MAKEFLAGS, umask), and gives
#	  the scripts a standard input that is always open;
#	- whatever is started or made through the functions below is stopped or removed when the script ends,
#	  also by INT, TERM or HUP.  Only recorded process ids are signalled;
#	- as root, PostgreSQL and the tests run as an unprivileged user (`postgres` if there is one, else
#	  `email_verify_test`, which is created), and only directories made by unpriv_dir belong to it.

EV_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
EV_BUILD=$EV_ROOT/build
EV_LOG=$EV_BUILD/log
EV_WORLD_LOG=${EV_WORLD_LOG:-$EV_LOG/world} # log of the small internet's start (.log), and logs of its programs
export EV_ROOT EV_BUILD
export WORLD_BUILD=$EV_BUILD/world # test/world compiles there, not in the source tree

cd "$EV_ROOT" || exit 1
umask 022
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGPASSFILE PGSERVICE PGSERVICEFILE PGOPTIONS \
	PGAPPNAME PGCLIENTENCODING PGDATESTYLE PGTZ PGGEQO PGCONNECT_TIMEOUT PGSSLMODE PGREQUIRESSL \
	PGTARGETSESSIONATTRS PGDATA MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES COPT CDPATH GREP_OPTIONS PROVE_OPTIONS
export LC_ALL=C.UTF-8 TMPDIR=/tmp PSQLRC=/dev/null
[[ -t 0 ]] || exec 0</dev/null

# --- messages ----------------------------------------------------------------------------------------

EV_PROGRAM=$(basename "$0")

say() { printf '%s\n' "$*"; }
note() { printf '%s: %s\n' "$EV_PROGRAM" "$*" >&2; }
die() {
	note "$*"
	exit 1
}

# show FILE [LINES]: the end of a log, indented
show() { if [[ -s $1 ]]; then tail -n "${2:-40}" "$1" | sed 's/^/    | /'; fi; }

# usage: print the header comment of the running script
usage() { sed -n '3,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"; }

# --- end of the script: undo, last things first --------------------------------------------------------

EV_AT_EXIT=()
EV_CHILD=

# at_exit COMMAND [ARG...]: run it when the script ends, in reverse order of registration
at_exit() {
	local quoted
	printf -v quoted '%q ' "$@"
	EV_AT_EXIT+=("$quoted")
}

ev_finish() {
	local code=$? i
	trap '' INT TERM HUP
	trap - EXIT
	set +e
	ev_end_child
	for ((i = ${#EV_AT_EXIT[@]} - 1; i >= 0; i--)); do
		eval "${EV_AT_EXIT[i]}"
	done
	exit "$code"
}

# ev_end_child: TERM to the group of what is running now, KILL to what is left of it after 40 seconds
ev_end_child() {
	local i
	[[ -n $EV_CHILD ]] || return 0
	kill -TERM -- "-$EV_CHILD" 2>/dev/null
	for ((i = 0; i < 400; i++)); do
		kill -0 -- "-$EV_CHILD" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL -- "-$EV_CHILD" 2>/dev/null
	EV_CHILD=
	return 0
}

trap ev_finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# supervise COMMAND [ARG...]: run a program (not a function) as a process group of its own, so that an
# interrupt ends all of it; returns its exit status
supervise() {
	supervise_stdin "$@" </dev/null
}

# supervise_stdin COMMAND [ARG...]: the same with the caller's standard input
supervise_stdin() {
	local code=0
	setsid "$@" <&0 &
	EV_CHILD=$!
	wait "$EV_CHILD" || code=$?
	kill -KILL -- "-$EV_CHILD" 2>/dev/null || true
	EV_CHILD=
	return "$code"
}

# --- users and directories --------------------------------------------------------------------------------

am_root() { [[ $(id -u) -eq 0 ]]; }

# need_root WHAT: end with a message unless root
need_root() { am_root || die "$1 needs root"; }

# EV_UNPRIV: a command prefix.  setpriv and not runuser: it leaves no parent behind that would kill a test
# two seconds after TERM.
EV_UNPRIV=()
EV_USER=
setup_unprivileged() {
	[[ -z $EV_USER ]] || return 0
	if am_root; then
		if id -u postgres >/dev/null 2>&1; then
			EV_USER=postgres
		else
			EV_USER=email_verify_test
			id -u $EV_USER >/dev/null 2>&1 ||
				useradd --system --user-group --no-create-home --shell /usr/sbin/nologin $EV_USER
		fi
		EV_UNPRIV=(setpriv "--reuid=$EV_USER" "--regid=$(id -g $EV_USER)" --init-groups
			env "HOME=$EV_BUILD/home" "USER=$EV_USER" "LOGNAME=$EV_USER")
	else
		EV_USER=$(id -un)
		EV_UNPRIV=(env "HOME=$EV_BUILD/home")
	fi
}

# as_unprivileged COMMAND [ARG...]
as_unprivileged() {
	setup_unprivileged
	"${EV_UNPRIV[@]}" "$@"
}

# unpriv_dir DIR...: make it, for the unprivileged user to write in
unpriv_dir() {
	setup_unprivileged
	mkdir -p "$@"
	if am_root; then chown "$EV_USER:" "$@"; fi
}

# temp_dir VARIABLE: a new directory with a short name, owned by the unprivileged user, gone at the end
temp_dir() {
	local made
	made=$(mktemp -d /tmp/ev.XXXXXX)
	unpriv_dir "$made"
	at_exit rm -rf "$made"
	printf -v "$1" '%s' "$made"
}

# reachable_or_rerun SCRIPT [ARG...]: a tree below a private directory cannot be read by the unprivileged
# user; then the script runs in a copy of the tree, and the logs are brought back
reachable_or_rerun() {
	local script=$1 copy code=0
	shift
	am_root || return 0
	if as_unprivileged test -r "$EV_ROOT/Makefile" -a -r "$EV_ROOT/script/lib.sh"; then
		return 0
	fi
	copy=$(mktemp -d /tmp/email_verify.XXXXXX)
	at_exit rm -rf "$copy"
	note "user $EV_USER cannot read $EV_ROOT: running in a copy, $copy"
	tar -C "$EV_ROOT" --exclude=./build --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' \
		-cf - . | tar -C "$copy" --no-same-owner -xf -
	chmod -R a+rX "$copy"
	supervise bash "$copy/script/$script" "$@" || code=$?
	mkdir -p "$EV_LOG"
	if [[ -d $copy/build/log ]]; then cp -r "$copy/build/log/." "$EV_LOG/"; fi
	exit "$code"
}

setup_build_dir() {
	mkdir -p "$EV_LOG" 2>/dev/null || true
	if [[ ! -w $EV_BUILD || ! -w $EV_LOG ]]; then
		die "cannot write in $EV_BUILD (left there by another user? remove it)"
	fi
	unpriv_dir "$EV_BUILD/home"
}

# --- PostgreSQL: where it is -------------------------------------------------------------------------------

EV_PG_OLDEST=15

# pg_major: the version to use: EV_PG_MAJOR, else the highest one installed with its development files,
# else the one of this Debian release
pg_major() {
	local dir best=0 v
	if [[ -n ${EV_PG_MAJOR:-} ]]; then
		say "$EV_PG_MAJOR"
		return
	fi
	for dir in /usr/lib/postgresql/*/lib/pgxs/src/makefiles/pgxs.mk; do
		v=${dir#/usr/lib/postgresql/}
		v=${v%%/*}
		[[ -e $dir && -x /usr/lib/postgresql/$v/bin/pg_config && $v =~ ^[0-9]+$ ]] || continue
		if ((v >= EV_PG_OLDEST && v > best)); then best=$v; fi
	done
	if ((best == 0)); then
		case $(cat /etc/debian_version 2>/dev/null) in
			13*) best=17 ;;
			*) best=15 ;;
		esac
	fi
	say "$best"
}

# pg_paths: PG_CONFIG (as given, or of pg_major), PG_BIN, PG_TEST (pg_regress and the Perl modules)
pg_paths() {
	if [[ -z ${PG_CONFIG:-} ]]; then PG_CONFIG=/usr/lib/postgresql/$(pg_major)/bin/pg_config; fi
	[[ -x $(command -v "$PG_CONFIG") ]] || die "there is no $PG_CONFIG: run script/bootstrap, or set PG_CONFIG"
	PG_BIN=$("$PG_CONFIG" --bindir)
	PG_TEST=$(dirname "$("$PG_CONFIG" --pgxs)")/../test
	PG_TEST=$(cd "$PG_TEST" && pwd -P) || die "$PG_CONFIG belongs to no complete installation"
	[[ -x $PG_BIN/initdb ]] || die "$PG_BIN has no server programs: run script/bootstrap"
	PATH=$PG_BIN:$PATH
	export PG_CONFIG PG_BIN PG_TEST PATH
}

# --- building and installing --------------------------------------------------------------------------------

# the header files of PostgreSQL themselves are not clean under -Wunused-parameter
# shellcheck disable=SC2034 # used by those who source this
EV_STRICT=("COPT=-Wall -Wextra -Wno-unused-parameter -Werror" "EV_WERROR=-Werror")

# make_logged LOG [ARG...]: make with the right pg_config; on failure shows the end of the log
make_logged() {
	local log=$EV_LOG/$1.log code=0
	shift
	supervise make --no-print-directory -j"$(nproc)" "PG_CONFIG=$PG_CONFIG" "$@" >"$log" 2>&1 || code=$?
	if ((code != 0)); then
		note "make failed; the end of ${log#"$EV_ROOT"/}:"
		grep -nE '(error|warning):|\*\*\*' "$log" | head -20 | sed 's/^/    | /' || true
		show "$log" 15
	fi
	return "$code"
}

# installed_is_current: are the installed files the ones built here?
installed_is_current() {
	local lib share file
	lib=$("$PG_CONFIG" --pkglibdir)
	share=$("$PG_CONFIG" --sharedir)/extension
	for file in email_verify.so email_verify_worker.so; do
		cmp -s "$file" "$lib/$file" || return 1
	done
	cmp -s build/email_verify_prober "$lib/email_verify_prober" || return 1
	for file in email_verify.control email_verify--*.sql; do
		cmp -s "$file" "$share/$file" || return 1
	done
}

# install_extension [MAKE-ARG...]: into the PostgreSQL of this machine; there is no other place that
# versions 15 to 17 would find an extension in
install_extension() {
	if [[ -w $("$PG_CONFIG" --pkglibdir) && -w $("$PG_CONFIG" --sharedir)/extension ]]; then
		make_logged install install "$@"
	elif installed_is_current; then
		return 0
	else
		note "installing into $("$PG_CONFIG" --pkglibdir) needs root: run this script as root," \
			"or once: sudo make install PG_CONFIG=$PG_CONFIG"
		return 1
	fi
}

# --- throw-away clusters ---------------------------------------------------------------------------------------

# make_cluster DIR [EXTRA-CONF]: initdb and start; sets and exports PGHOST, PGPORT, PGUSER, PGDATABASE.
# The socket lies in a private directory and no TCP port is listened on, so any number of clusters go
# together and nobody else gets in.  Stopped at the end of the script.
make_cluster() {
	local dir=$1 extra=${2:-} socket log
	temp_dir socket
	log=$EV_LOG/cluster-$(basename "$dir").log
	rm -rf "$dir"
	unpriv_dir "$dir" # initdb wants to make it itself or to find it empty
	chmod 700 "$dir"
	as_unprivileged "$PG_BIN/initdb" -D "$dir" -A trust -U postgres -E UTF8 --no-locale -N >"$log" 2>&1 || {
		show "$log"
		return 1
	}
	{
		cat <<-CONF
			listen_addresses = ''
			unix_socket_directories = '$socket'
			unix_socket_permissions = 0700
			fsync = off
			log_destination = 'stderr'
			logging_collector = off
		CONF
		printf '%s\n' "$extra"
	} >>"$dir/postgresql.conf"
	at_exit stop_cluster "$dir"
	# its own session: an interrupt at the terminal is for the script, which then stops it in order
	as_unprivileged setsid -w "$PG_BIN/pg_ctl" -D "$dir" -l "$dir/server.log" -w -t 60 start >>"$log" 2>&1 || {
		show "$log"
		show "$dir/server.log"
		return 1
	}
	export PGHOST=$socket PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}

# stop_cluster DIR: at once; nothing if it does not run
stop_cluster() {
	if [[ -f $1/postmaster.pid ]]; then
		as_unprivileged "$PG_BIN/pg_ctl" -D "$1" -w -t 30 -m fast stop >/dev/null 2>&1 || stop_servers_below "$1"
	fi
}

# stop_servers_below DIR: end what a killed test left running in data directories there
stop_servers_below() {
	local file pid data i
	[[ -d $1 ]] || return 0
	while IFS= read -r file; do
		pid=$(sed -n 1p "$file" 2>/dev/null) || continue
		data=$(dirname "$file")
		[[ $pid =~ ^[0-9]+$ && $(readlink "/proc/$pid/cwd") == "$data" ]] || continue
		kill -QUIT "$pid" 2>/dev/null || continue
		for ((i = 0; i < 100; i++)); do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
		kill -KILL "$pid" 2>/dev/null || true
	done < <(find "$1" -name postmaster.pid -type f 2>/dev/null)
}

# --- the small internet on loopback -------------------------------------------------------------------------------

EV_WORLD_DIR=

have_world() { [[ -x test/world/world ]]; }

# start_world: sets and exports WORLD_ENV, a file of shell assignments, and sets those variables here.
# Without root it has no Postfix and no postgrey; the file says so.  EV_WORLD_PORT: its first port, for those who run
# several scripts at a time.
start_world() {
	local log=$EV_LOG/world.log base made
	have_world || {
		note "there is no test/world/world"
		return 1
	}
	# a short path outside the source tree: sockets live there, and other users must reach it
	made=$(mktemp -d /tmp/ev.XXXXXX)
	chmod 755 "$made"
	at_exit rm -rf "$made"
	EV_WORLD_DIR=$made/w
	at_exit stop_world
	for base in ${EV_WORLD_PORT:-25300 25400 25500 25600}; do
		if (: </dev/tcp/127.0.0.1/$((base + 26))) 2>/dev/null; then continue; fi
		if supervise test/world/world start --dir "$EV_WORLD_DIR" --base-port "$base" >"$log" 2>&1; then
			export WORLD_ENV=$EV_WORLD_DIR/world.env
			# shellcheck source=/dev/null
			source "$WORLD_ENV"
			return 0
		fi
		note "test/world did not start:"
		show "$log"
		return 1
	done
	note "test/world: all ports are taken"
	return 1
}

stop_world() {
	[[ -n $EV_WORLD_DIR && -d $EV_WORLD_DIR ]] || return 0
	rm -rf "$EV_WORLD_LOG"
	cp -r "$EV_WORLD_DIR/log" "$EV_WORLD_LOG" 2>/dev/null || true
	test/world/world stop --dir "$EV_WORLD_DIR" >>"$EV_WORLD_LOG.log" 2>&1 </dev/null ||
		note "test/world did not stop cleanly"
	EV_WORLD_DIR=
	unset WORLD_ENV
}

# world_conf [DATABASES]: settings of a server that verifies in this world: they let it connect to loopback,
# and all time-outs and delays are of seconds
world_conf() {
	cat <<-CONF
		shared_preload_libraries = 'email_verify'
		email_verify.databases = '${1:-*}'
		email_verify.helo_name = '$WORLD_HELO'
		email_verify.mail_from = '$WORLD_MAIL_FROM'
		email_verify.dns_servers = '$WORLD_DNS'
		email_verify.smtp_port = $WORLD_SMTP_PORT
		email_verify.allow_private_networks = loopback
		email_verify.dns_timeout = '1s'
		email_verify.connect_timeout = '3s'
		email_verify.greeting_timeout = '4s'
		email_verify.ehlo_timeout = '4s'
		email_verify.mail_timeout = '4s'
		email_verify.rcpt_timeout = '4s'
		email_verify.session_timeout = '15s'
		email_verify.greylist_delays = '4s, 5s, 6s'
		email_verify.transient_delays = '3s, 3s'
		email_verify.connection_delays = '3s, 3s'
		email_verify.blocked_delays = '5s'
		email_verify.catch_all_delays = '3s, 3s'
		email_verify.put_back_delay = '2s'
		email_verify.max_wait = '2min'
	CONF
}
