# shellcheck shell=bash
#
# tap.sh
#	Runs programs that speak TAP, and counts their tests.  To be sourced after lib.sh.
#
# Contract: who sources it defines `tally SUITE WHAT PASSED FAILED [SKIPPED]`, which is called once for each TAP file.

EV_TIMEOUT=${EV_TIMEOUT:-900}
EV_TEST_ENV=() # what the programs of a test find in their environment beside the rest

# print_tally SUITE WHAT PASSED FAILED [SKIPPED]: one line
print_tally() {
	local word=ok
	if (($4 > 0)); then
		word=FAIL
	elif (($3 == 0)); then
		word=skip
	fi
	printf '%-4s %-9s %-34s %5d of %d%s\n' "$word" "$1" "$2" "$3" "$(($3 + $4))" \
		"$( ((${5:-0} == 0)) || printf ', %d skipped' "$5")"
}

# count_tap LOG STATUS: sets passed, failed, skipped.  Lines at the left margin only: subtests belong to
# the test that sums them up.  cmocka writes "not ok N # SKIP" for a skipped test.
count_tap() {
	read -r passed failed skipped < <(awk -v status="$2" '
		/^1\.\.[0-9]+/ { planned += substr($1, 4) }
		/^(not )?ok [0-9]+/ {
			ran++
			if ($0 ~ /# *[Ss][Kk][Ii][Pp]/) skipped++
			else if ($1 == "ok" || $0 ~ /# *TODO/) passed++
			else failed++
		}
		END {
			if (planned > ran) failed += planned - ran
			if (status != 0 && !failed) failed++
			print passed + 0, failed + 0, skipped + 0
		}' "$1")
}

# show_tap LOG: the failed tests with what is said about them
show_tap() {
	grep -nE '^not ok|^Bail out|^#' "$1" | grep -v '# *SKIP' | head -n 40 | sed 's/^/    | /' || true
}

# run_limited LOG COMMAND...: standard output to LOG, errors to its end
run_limited() {
	local log=$1 code=0
	shift
	supervise timeout -k 30 "$EV_TIMEOUT" "$@" >"$log" 2>"$log.err" || code=$?
	if ((code == 124 || code == 137)); then say "ended after $EV_TIMEOUT s (status $code)" >>"$log.err"; fi
	if [[ -s $log.err ]]; then
		{
			say "--- standard error"
			cat "$log.err"
		} >>"$log"
	fi
	rm -f "$log.err"
	return "$code"
}

# tap_file SUITE NAME: run one file
tap_file() {
	local suite=$1 name=$2 log=$EV_LOG/tap-$2.log code=0 dir=$EV_BUILD/tap/$2
	rm -rf "$dir"
	unpriv_dir "$EV_BUILD/tap" "$dir"
	setup_unprivileged
	run_limited "$log" "${EV_UNPRIV[@]}" "TMPDIR=$EV_TMP" "${EV_TEST_ENV[@]}" \
		"PG_REGRESS=$PG_TEST/regress/pg_regress" "PERL5LIB=$PG_TEST/perl:$EV_ROOT/test/world:$EV_ROOT/test/tap" \
		"TESTDIR=$dir" "TESTDATADIR=$dir/tmp_check" "TESTLOGDIR=$dir/tmp_check/log" \
		"PG_TEST_PORT_DIR=$EV_BUILD/tap" PGPORT=65432 \
		prove --norc -v "test/tap/$name.pl" || code=$?
	stop_servers_below "$dir"
	count_tap "$log" "$code"
	tally "$suite" "$name" "$passed" "$failed" "$skipped"
	if ((passed + failed == 0)); then sed -n 's/^.*skipped: /    | /p' "$log"; fi
	if ((failed > 0)); then
		show_tap "$log"
		show "$log" 25
		show "$dir/tmp_check/log/regress_log_$name" 25
		say "    logs: ${log#"$EV_ROOT"/} and ${dir#"$EV_ROOT"/}/tmp_check/log"
	else
		rm -rf "$dir"/tmp_check/*_data # data directories of servers that did well
	fi
}

# --- side by side -----------------------------------------------------------------------------------------

TAP_NAMESPACES=(unshare --mount --net --ipc --pid --fork --kill-child --mount-proc)

# tap_jobs FILES: how many TAP files to run at a time.  They wait more than they compute.
tap_jobs() {
	local jobs=${EV_JOBS:-$((3 * $(nproc)))}
	if ! am_root || ! "${TAP_NAMESPACES[@]}" true 2>/dev/null; then jobs=1; fi
	say "$((jobs < $1 ? jobs : $1))"
}

# longest_first NAME...: one a line; files that say in their header that they take long go first, so that none of them is
# the last one running
longest_first() {
	local name
	for name; do
		if grep -q '^#	Takes long' "test/tap/$name.pl"; then say "0 $name"; else say "1 $name"; fi
	done | sort -s -k1,1 | cut -d ' ' -f 2
}

# tap_side_by_side JOBS NAME...: each of JOBS workers takes the next name from one list until it is empty.  A file
# without a result (its worker died) counts as failed.
tap_side_by_side() {
	local jobs=$1 dir=$EV_BUILD/tap/jobs name passed failed skipped
	shift
	rm -rf "$dir"
	mkdir -p "$dir"
	longest_first "$@" >"$dir/list"
	# xargs: one process group for all of them, which an interrupt ends; namespaces end with the process that made them
	seq "$jobs" | supervise_stdin xargs -P "$jobs" -I{} "${TAP_NAMESPACES[@]}" script/tap-worker "$dir" {} || true
	for name; do
		if [[ -s $dir/$name.result ]]; then
			read -r passed failed skipped <"$dir/$name.result"
			total_passed=$((total_passed + passed))
			total_failed=$((total_failed + failed))
		else
			tally tap "$name: its worker ended without a result" 0 1
		fi
	done
}
