# shellcheck shell=bash
#
# sanitize.sh
#	script/test --sanitize: the same tests with the engine, the network layer and both libraries of the extension under ASan and
#	UBSan.  To be sourced after lib.sh.
#
# Contract:
#	- run_sanitized [SUITE|NAME...] builds and tests a copy of the tree in a mount namespace of its own.  There the folders of
#	  PostgreSQL carry an overlay, so that nobody else loads the libraries that are installed for it.  It needs root.
#	- inside, EV_SANITIZE is the folder of the reports, and use_sanitizers makes the compiler and the tests use them.
#	- each report of a sanitizer counts as one failed test (count_reports), whatever the test that met it says.
#
# A signal makes no report (some tests crash a worker by intent): the server's log shows it, which each TAP test looks at.  The
# server's own programs are not instrumented: the runtime is preloaded into whatever the tests start.  Leaks are not looked
# for, since a server frees by memory context and at its end.  The prober's process keeps its rights, because a confined one
# could not write a report: 044_confined is left out.

# shellcheck disable=SC2054 # the comma is the compiler's
EV_SANITIZERS=(-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all)

# can_sanitize: may this user mount an overlay in a namespace of its own, and has the compiler the runtime?
can_sanitize() {
	am_root && [[ -e $(${CC:-gcc} -print-file-name=libasan.so) ]] &&
		unshare --mount bash -c 'mount -t tmpfs tmpfs /mnt && mkdir /mnt/{l,u,w,m} &&
			mount -t overlay overlay -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w /mnt/m' 2>/dev/null
}

# run_sanitized [SUITE|NAME...]: does not return
run_sanitized() {
	local copy code=0
	can_sanitize || die "--sanitize needs root, overlay mounts and the compiler's sanitizer runtime"
	copy=$(mktemp -d /tmp/email_verify.XXXXXX)
	at_exit rm -rf "$copy"
	tar -C "$EV_ROOT" --exclude=./build --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' \
		-cf - . | tar -C "$copy" --no-same-owner -xf -
	mkdir "$copy/build"
	if [[ -d $EV_BUILD/mta ]]; then cp -a "$EV_BUILD/mta" "$copy/build/"; fi
	chmod -R a+rX "$copy"
	# shellcheck disable=SC2016 # expanded inside
	supervise unshare --mount --fork --kill-child bash -c 'set -e
		mkdir "$0/overlay"
		mount -t tmpfs tmpfs "$0/overlay"
		mkdir -m 1777 "$0/overlay/reports"
		for dir in "$("$PG_CONFIG" --pkglibdir)" "$("$PG_CONFIG" --sharedir)"; do
			made=$0/overlay/$(basename "$(dirname "$dir")")
			mkdir -p "$made"{,.work}
			mount -t overlay overlay -o "lowerdir=$dir,upperdir=$made,workdir=$made.work" "$dir"
		done
		EV_SANITIZE=$0/overlay/reports EV_BOOTSTRAP=0 exec bash "$0/script/test" "$@"' "$copy" "$@" || code=$?
	mkdir -p "$EV_LOG/sanitized"
	if [[ -d $copy/build/log ]]; then cp -r "$copy/build/log/." "$EV_LOG/sanitized/"; fi
	exit "$code"
}

# use_sanitizers: sets what make_logged (EV_STRICT, CFLAGS, LDFLAGS) and the tests (EV_TEST_ENV) use
use_sanitizers() {
	local first=$EV_BUILD/first.so
	# shellcheck disable=SC2034 # used by those who source this
	EV_STRICT=("COPT=${EV_SANITIZERS[*]}")
	export CFLAGS="${EV_SANITIZERS[*]} -DEV_UNCONFINED" LDFLAGS=-fsanitize=address,undefined
	if [[ ! -e $first ]]; then
		${CC:-gcc} -O1 -fPIC -shared -Wl,-z,initfirst -o "$first" "$EV_ROOT/test/sanitize/first.c"
	fi
	# shellcheck disable=SC2034 # used by those who source this
	EV_TEST_ENV=("LD_PRELOAD=$(realpath "$(${CC:-gcc} -print-file-name=libasan.so)") $first"
		"ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:handle_abort=0:handle_segv=0:log_path=$EV_SANITIZE/asan"
		"UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1:log_path=$EV_SANITIZE/ubsan")
}

# count_reports: tells each report as one failed test, and each file that looks for no faults
count_reports() {
	local report reports=0 file
	for file in email_verify.so email_verify_worker.so build/email_verify_prober; do
		if nm -D "$file" | grep -c __asan_report_load >/dev/null && nm -D "$file" | grep -c __ubsan_handle >/dev/null; then
			tally sanitize "$file looks for faults" 1 0
		else
			tally sanitize "$file looks for no faults" 0 1
		fi
	done
	for report in "$EV_SANITIZE"/*; do
		[[ -s $report ]] || continue
		reports=$((reports + 1))
		cp "$report" "$EV_LOG/"
		show "$report" 40
	done
	tally sanitize "reports of the sanitizers" "$((reports == 0))" "$reports"
}
