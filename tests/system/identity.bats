#!/usr/bin/env bats
# By what a process proves which session it is in: the kernel's word, and the token in its session keyring.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup()
{
	start_sessd
	start_sshd
}
teardown() { host_reset; }

# A login that runs this; its session is in `sid`.
alice_runs() # BACKGROUND COMMAND
{
	local before
	before=$(sessions_where true | jq -Rs .)
	background "$1" ssh_as alice -- "$2"
	held "$1"
	one_session "(.sid | inside($before) | not) and .class == \"login\""
	sid=$(of_record sid)
}

# --- sessctl check ---

@test "check: a live session" {
	run -0 ssh_as alice -- 'echo $SESSD_SID; sessctl check && sessctl check --quiet'
	contains "$output" "${lines[0]:0:8} alice sshd: live since "
	equal 2 "${#lines[@]}"
	run -0 ssh_as alice -- 'setsid sh -c "sessctl check -q"'
}

@test "check: within su and sudo, of the login above" {
	run -0 ssh_as alice -- "sudo -n sessctl check; su - bob -c 'sessctl check' <<<'$PASSWORD'; sudo -n keyctl session - sessctl check"
	contains "$output" "alice sshd: live since "
	equal 3 "$(grep -c 'alice sshd: live since ' <<<"$output")"
}

@test "check: the end of a session with a lifetime is told to its user, and to nobody whom he became" {
	stop_sessd
	start_sessd 'policy "long" { lifetime = 10h }'
	run -0 ssh_as alice -- 'sessctl check'
	contains "$output" ", ends "
	run -0 ssh_as alice -- "su bob -c 'sessctl check' <<<'$PASSWORD'"
	contains "$output" "alice sshd: live since "
	run ! grep ', ends ' <<<"$output"
}

@test "check: what outlived its login" {
	alice_runs one 'setsid nohup sh -c "/sessd/hold two; sessctl check; echo \"status \$?\"; sessctl check -q; echo \"quiet \$?\"; echo done" \
		>/tmp/left 2>&1 </dev/null & /sessd/hold one'
	release one
	finish one
	ends_by_logout "$sid"
	release two
	wait_until 'grep -q ^done "$HOST_FS/tmp/left"'
	run -0 cat "$HOST_FS/tmp/left"
	contains "$output" 'sessctl: the session of this process has ended, or sessd never had it'
	contains "$output" 'status 5'
	contains "$output" 'quiet 5'
	equal 5 "${#lines[@]}"
}

@test "check: who never was in a session, and who has no audit session" {
	run -5 on_host sessctl check --quiet
	equal "" "$output"
	on_host bash -c 'echo 4294967295 >/proc/self/loginuid; [ "$(cat /proc/self/sessionid)" = 4294967295 ]' 2>/dev/null ||
		skip "the kernel lets nobody out of an audit session"
	run -5 on_host bash -c 'echo 4294967295 >/proc/self/loginuid; sessctl check'
	equal 'sessctl: this process has no audit session, by which its session would be known' "$output"
}

@test "check: cron jobs are in a session of their own" {
	echo 'session required pam_exec.so type=open_session stdout /usr/bin/sessctl check' >>"$HOST_FS/etc/pam.d/cron"
	run -0 on_host pamtester cron alice acct_mgmt open_session close_session
	contains "$output" 'alice cron: live since '
}

@test "check: no daemon, also quietly" {
	stop_sessd
	run -3 on_host sessctl check --quiet
	contains "$output" 'sessctl: '
}
