#!/usr/bin/env bats
# How long ago the user of a session proved who he is: what counts for it, what is refused for want of it, and the token
# that is replaced with it. The host's clocks are moved by hand (see tests/lib/clockshift.c).
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup()
{
	install -m 0644 "$HOST_TOP/build/plain/tests/lib/clockshift.so" "$HOST_FS/sessd/clockshift.so"
	install -m 0644 /dev/null "$HOST_FS/run/clockshift"
	later 0
	echo /sessd/clockshift.so >"$HOST_FS/etc/ld.so.preload"
	# bob types his password, but for one command; and sudo remembers him for longer than sessd does.
	printf '%s\n' 'Defaults timestamp_timeout=600' 'bob ALL=(ALL:ALL) NOPASSWD: /usr/bin/id' >>"$HOST_FS/etc/sudoers"
	start_sessd 'policy "all" { reauth = 15m }'
	start_sshd
}
teardown()
{
	rm -f "$HOST_FS/etc/ld.so.preload"
	host_reset
}

# The host was asleep for so many minutes, and its wall clock set so many years off.
later() # MINUTES [YEARS]
{
	perl -e '($minutes, $years) = @ARGV; print pack("q<q<", $minutes * 60e9 + $years * 365 * 86400e9, $minutes * 60e9)' -- \
		"$1" "${2:-0}" 1<>"$HOST_FS/run/clockshift"
}

# A login whose commands come one at a time, each as the test wants it: `says NAME COMMAND` runs one in it.
shell() # NAME USER
{
	local before
	before=$(sessions_where true | jq -Rs .)
	mkfifo "$BATS_TEST_TMPDIR/$1.in"
	{ ssh_as "$2" -- bash 3>&- <"$BATS_TEST_TMPDIR/$1.in" >"$BATS_TEST_TMPDIR/$1.out" 2>&1; } &
	background_pids+=($!)
	exec {shell_fd}>"$BATS_TEST_TMPDIR/$1.in"
	declare -g "fd_$1=$shell_fd" "said_$1=0"
	one_session ".user == \"$2\" and .class == \"login\" and (.sid | inside($before) | not)"
	sid=$(of_record sid)
}

# Runs a command in the login, and waits for it; like `run` of bats it leaves `status` and `output`.
says() # NAME COMMAND
{
	local fd=fd_$1 n=said_$1 out=$BATS_TEST_TMPDIR/$1.out
	declare -g "$n=$((${!n} + 1))"
	printf '{ %s\n} 2>&1; status=$?; echo; echo "end %s $status"\n' "$2" "${!n}" >&"${!fd}"
	wait_until "grep -q '^end ${!n} ' '$out'" || { cat "$out"; return 1; }
	status=$(sed -n "s/^end ${!n} //p" "$out")
	output=$(sed -n "/^end ${!n} /q; p" "$out" | awk -v after="^end $((${!n} - 1)) " '$0 ~ after { text = ""; next } { text = text $0 "\n" } END { printf "%s", text }')
}

allowed() # NAME COMMAND
{
	says "$@" && [ "$status" = 0 ] || { echo "exit $status: $output"; return 1; }
}

denied() # NAME COMMAND
{
	says "$@" && [ "$status" != 0 ] || { echo "went on: $output"; return 1; }
}

# Of the ledger: how those sessions were re-authenticated, and whom want of it refused.
renewals()
{
	ledger | jq -c 'select(.event == "reauthenticated") | [.user, .auth, .by]' | paste -sd ' '
}

stale()
{
	ledger | jq -r 'select(.event == "session_refused" and .reason == "reauth") | "\(.user) \(.service) \(.parent // "-")"'
}

mismatches()
{
	events_where '.reason == "token_mismatch" or .event == "proof_lacking"'
}

my_password="sudo -S -p '' true <<<'$PASSWORD'"

# --- What is refused ---

@test "NOPASSWD: goes on after the login, and is refused when that is long ago" {
	shell one alice
	allowed one 'sudo -n true'
	later 14
	allowed one 'sudo -n true'
	later 16
	denied one 'sudo -n true'
	contains "$output" 'sessd: the last authentication in this session was 16m'
	contains "$output" 'one within 15m is needed: run `sessctl reauth` first, or `sudo -k` if sudo asks you for a password'
	equal "alice sudo $sid" "$(stale)"
	equal "" "$(renewals)$(mismatches)"
}

@test "a password refreshes, for what asks none" {
	shell one bob
	later 16
	denied one 'sudo -n id'
	allowed one "$my_password"
	equal '["bob","sudo","bob"]' "$(renewals)"
	allowed one 'sudo -n id'
	later 30
	allowed one 'sudo -n id'
	later 32
	denied one 'sudo -n id'
	equal "" "$(mismatches)"
}

@test "what sudo remembers is refused when it is too old, and sudo -k helps" {
	shell one bob
	allowed one "$my_password"
	allowed one 'sudo -n true'
	later 16
	denied one 'sudo -n true'
	contains "$output" 'sudo -k'
	allowed one "sudo -k; $my_password"
	allowed one 'sudo -n true'
}

@test "sudo -n in a script: an exit status, and words on standard error and in the log" {
	shell one alice
	later 16
	says one 'out=$(sudo -n true 2>/tmp/words); echo "status $? out [$out]"; cat /tmp/words'
	contains "$output" 'status 1 out []'
	contains "$output" 'sessd: the last authentication in this session was 16m'
	contains "$(cat "$HOST_FS/var/log/syslog")" 'pam_sess(sudo:account): account check of alice (uid 2101) refused: the last authentication'
}

@test "su asks for a password, and so goes on; whom it makes of one is nobody's proof of himself" {
	shell one alice
	later 16
	allowed one "su bob -c true <<<'$PASSWORD'"
	equal "" "$(stale)$(renewals)"
	denied one 'sudo -n true'
	denied one "su bob -c 'sudo -n id' <<<'$PASSWORD'"
	contains "$output" 'run `sessctl reauth` as alice first'
	# His own password, though, is one.
	allowed one "su alice -c true <<<'$PASSWORD'"
	equal '["alice","su","alice"]' "$(renewals)"
	allowed one 'sudo -n true'
	equal "" "$(mismatches)"
}

@test "su that asks for none is refused" {
	sed -i '1i auth sufficient pam_succeed_if.so quiet ruser = alice' "$HOST_FS/etc/pam.d/su"
	shell one alice
	allowed one 'su bob -c true'
	later 16
	denied one 'su bob -c true'
	contains "$output" 'is needed: run `sessctl reauth` first'
	equal "bob su $sid" "$(stale)"
	equal "" "$(renewals)"
}

# --- Wrong passwords ---

# wrong_in LINE…: the auth lines of sudo; a wrong password refreshes nothing, the right one does.
wrong_in()
{
	{ printf 'auth %s\n' "$@"; sed '/common-auth/d' "$HOST_FS/etc/pam.d/sudo"; } >"$HOST_FS/tmp/sudo"
	cp "$HOST_FS/tmp/sudo" "$HOST_FS/etc/pam.d/sudo"
	shell one bob
	later 16
	denied one "sudo -S -p '' true <<<wrong"
	denied one 'sudo -n id'
	equal "bob sudo $sid" "$(stale)"
	equal "" "$(renewals)"
	allowed one "$my_password"
	equal '["bob","sudo","bob"]' "$(renewals)"
	allowed one 'sudo -n id'
}

@test "a wrong password: required" {
	wrong_in 'required pam_unix.so nodelay' 'optional pam_sess.so timeout=5s'
}

@test "a wrong password: requisite" {
	wrong_in 'requisite pam_unix.so nodelay' 'optional pam_sess.so timeout=5s'
}

@test "a wrong password: sufficient" {
	wrong_in 'optional pam_sess.so timeout=5s' 'sufficient pam_unix.so nodelay' 'required pam_deny.so'
}

@test "a wrong password: a jump over pam_deny" {
	wrong_in '[success=1 default=ignore] pam_unix.so nodelay' 'requisite pam_deny.so' 'required pam_permit.so' \
		'optional pam_sess.so timeout=5s'
}

@test "a wrong password, then the right one in the same sudo" {
	sed -i 's/passwd_tries=1/passwd_tries=3/' "$HOST_FS/etc/sudoers"
	shell one bob
	later 16
	allowed one "printf '%s\n' wrong wrong '$PASSWORD' | sudo -S -p '' true"
	equal '["bob","sudo","bob"]' "$(renewals)"
}

@test "the note of an authentication counts once" {
	stack locker 'auth required pam_permit.so' 'auth optional pam_sess.so timeout=5s' \
		'account required pam_sess.so timeout=5s' 'account required pam_permit.so'
	shell one bob
	later 16
	# Another one's authentication is none of this session's; sudo's own password is one, too.
	allowed one "sudo -S -p '' pamtester locker bob acct_mgmt authenticate acct_mgmt acct_mgmt <<<'$PASSWORD'"
	allowed one "sudo -n pamtester locker carol authenticate acct_mgmt"
	equal '["bob","sudo","bob"] ["bob","locker","bob"]' "$(renewals)"
}

@test "sudo -v refreshes without running anything" {
	shell one bob
	later 16
	allowed one "sudo -S -p '' -v <<<'$PASSWORD'"
	equal '["bob","sudo","bob"]' "$(renewals)"
	allowed one 'sudo -n id'
}

# --- Who has no session ---

@test "a shell that outlived its login: only who authenticates now" {
	shell one bob
	allowed one 'tmux -S /tmp/tmux new -d -x 200 -y 50 "exec bash"'
	echo exit >&"$fd_one"
	wait_until '[ -z "$(sessions)" ]'
	shell two bob
	in_tmux 'sudo -n id'
	contains "$words" 'exit 1'
	# On a terminal sudo speaks to that.
	says two 'tmux -S /tmp/tmux capture-pane -p -J'
	contains "$output" "sessd: this shell outlived the login that it belongs to, and here one within 15m is needed: run \`sudo -k\`"
	in_tmux "$my_password"
	contains "$words" 'exit 0'
	equal "bob sudo -" "$(stale)"
	equal "" "$(renewals)"
	# Where nothing asks for it, it just works.
	stop_sessd
	start_sessd 'policy "others" { users = {"carol"} reauth = 1m }'
	in_tmux 'sudo -n id'
	contains "$words" 'exit 0'
}

# A command in the tmux of before, from the second login; its words are in `words`.
in_tmux() # COMMAND
{
	printf '%s\n' "$1" >"$HOST_FS/tmp/command"
	rm -f "$HOST_FS/tmp/words"
	says two 'tmux -S /tmp/tmux send-keys "bash /tmp/command >/tmp/out 2>&1; echo exit \$? >>/tmp/out; mv /tmp/out /tmp/words" Enter'
	wait_until '[ -e "$HOST_FS/tmp/words" ]'
	words=$(cat "$HOST_FS/tmp/words")
}

@test "a cron job never authenticated" {
	printf '#!/bin/sh\nexec setpriv --reuid alice --regid alice --init-groups sudo -n true >/tmp/words 2>&1\n' >"$HOST_FS/tmp/job"
	chmod 0755 "$HOST_FS/tmp/job"
	echo 'session optional pam_exec.so type=open_session stdout /tmp/job' >>"$HOST_FS/etc/pam.d/cron"
	run on_host pamtester cron alice acct_mgmt open_session close_session
	contains "$(cat "$HOST_FS/tmp/words")" 'sessd: nobody has authenticated in this session'
}

@test "spared: who breaks glass, who is exempt, who is root" {
	echo 'erin ALL=(ALL:ALL) NOPASSWD: ALL' >>"$HOST_FS/etc/sudoers"
	stop_sessd
	start_sessd 'policy "all" { reauth = 15m } policy "free" { users = {"alice"} exempt = true }'
	shell one erin
	shell two alice
	later 16
	allowed one 'sudo -n true'
	allowed two 'sudo -n true'
	run -0 on_host su bob -c true
	equal "" "$(stale)"
}

# --- Whose limit it is ---

@test "the shortest of the module's and the policies' holds" {
	sed -i 's/^account.*pam_sess.so.*/& reauth=5m/' "$HOST_FS/etc/pam.d/common-account"
	shell one alice
	later 4
	allowed one 'sudo -n true'
	later 6
	denied one 'sudo -n true'
	contains "$output" 'one within 5m is needed'
	stop_sessd
	start_sessd 'policy "all" { reauth = 15m }
		policy "sudo" { services = {"sudo"} reauth = 1m }'
	later 4
	denied one 'sudo -n true'
	contains "$output" 'one within 1m is needed'
	run -0 on_host sessctl policy explain alice
	contains "$output" 'reauth: 15m (policy "all")'
	run -0 on_host sessctl policy explain alice --service sudo
	contains "$output" 'reauth: 1m (policy "sudo")'
}

# --- What nobody can move ---

@test "a restart of sessd and a clock that is set change nothing" {
	shell one bob
	allowed one "$my_password"
	stop_sessd KILL
	start_sessd
	allowed one 'sudo -n id'
	later 14 10
	allowed one 'sudo -n id'
	later 14 -10
	allowed one 'sudo -n id'
	stop_sessd KILL
	start_sessd
	allowed one 'sudo -n id'
	later 16 -10
	denied one 'sudo -n id'
	stop_sessd KILL
	start_sessd
	denied one 'sudo -n id'
	equal "" "$(mismatches)"
}

@test "check --max-age, and what is shown" {
	shell one bob
	allowed one 'sessctl check --max-age 1m; sessctl check --max-age 1m --json'
	contains "$output" ', authenticated '
	contains "$output" '"authenticated_by":"publickey SHA256:'
	contains "$output" '"authenticated_age":'
	later 16
	denied one 'sessctl check --max-age 15m'
	equal 1 "$status"
	contains "$output" 'sessctl: the user of this session authenticated 16m'
	contains "$output" 'not within 15m: run `sessctl reauth`'
	denied one 'sessctl check -q --max-age 15m'
	equal "1:" "$status:$output"
	allowed one 'sessctl check'
	allowed one "$my_password"
	allowed one 'sessctl check -q --max-age 15m'
	equal "" "$output"
	run -0 on_host sessctl show "$sid"
	contains "$output" 'authenticated_by: sudo'
	# A system service has no session at all.
	run -5 on_host sessctl check --max-age 15m
	run -2 on_host sessctl check --max-age soon
	# Who became somebody else may ask, too.
	allowed one 'sudo -n -u carol sessctl check --max-age 15m'
}

@test "sessd is away: reauth= of the module refuses who does not authenticate now" {
	echo 'erin ALL=(ALL:ALL) NOPASSWD: ALL' >>"$HOST_FS/etc/sudoers"
	sed -i 's/^account.*pam_sess.so.*/& reauth=15m/' "$HOST_FS/etc/pam.d/common-account"
	shell one alice
	shell two bob
	shell three erin
	stop_sessd
	denied one 'sudo -n true'
	contains "$output" 'sessd: the session service is not available, so it is not known when you last authenticated: do it now (sudo -k makes sudo ask)'
	allowed two "$my_password"
	denied two 'sudo -n true'
	allowed three 'sudo -n true'
	run -0 on_host su bob -c true
	# Without it, a login and a sudo go on as before.
	sed -i 's/ reauth=15m//' "$HOST_FS/etc/pam.d/common-account"
	allowed one 'sudo -n true'
}

# --- The token ---

# As root, in the session: what its token is goes to a file, or comes from it.
copy='key=$(keyctl rlist @s | tr " " "\n" | while read k; do keyctl rdescribe $k | grep -q ";sessd:token$" && echo $k; done)'

@test "the token is another one after each elevation and authentication, and the old one is refused" {
	printf '%s\nkeyctl pipe $key >/tmp/$1\n' "$copy" >"$HOST_FS/tmp/save"
	printf '%s\nkeyctl pupdate $key </tmp/$1\n' "$copy" >"$HOST_FS/tmp/restore"
	stop_sessd
	start_sessd 'policy "all" { }'
	shell one alice
	allowed one 'sudo -n bash /tmp/save first'
	allowed one 'sudo -n bash /tmp/save second'
	[ "$(stat -c %s "$HOST_FS/tmp/first")" = 32 ]
	run ! cmp "$HOST_FS/tmp/first" "$HOST_FS/tmp/second"
	# A restart finds the one that is in force.
	stop_sessd KILL
	start_sessd
	allowed one 'sudo -n bash /tmp/save third'
	run ! cmp "$HOST_FS/tmp/second" "$HOST_FS/tmp/third"
	equal "" "$(mismatches)"
	# By now the session has a fourth one.
	allowed one 'sudo -n bash /tmp/restore third'
	denied one 'sudo -n true'
	contains "$output" 'sessd: this shell has an outdated token; log in again'
	equal "[\"session_refused\",\"token_mismatch\",\"$sid\",\"$sid\"]" "$(events_where '.reason == "token_mismatch"' | jq -c '[.event, .reason, .parent, .other_sid]')"
}

@test "sudo beside sudo: none is taken for an old one" {
	stop_sessd
	start_sessd 'token = required'
	shell one alice
	allowed one 'for i in $(seq 1 40); do sudo -n true & pids="$pids $!"; done; for i in $pids; do wait $i || exit; done'
	equal 40 "$(events_where '.event == "session_opened" and .class == "elevation"' | wc -l)"
	equal "" "$(mismatches)"
}

@test "nobody has a key: everything goes on" {
	shell one bob
	allowed one 'keyctl clear @s; keyctl new_session >/dev/null; sudo -n id'
	allowed one "$my_password"
	equal '["bob","sudo","bob"]' "$(renewals)"
}
