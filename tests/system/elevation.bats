#!/usr/bin/env bats
# su and sudo are sessions within the one that they were started in: they have a parent, take no place under a cap, and
# end with it. Background services have no parent and no place either.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup()
{
	start_sessd 'policy "all" { max_sessions = 1 }'
	start_sshd
}
teardown() { host_reset; }

# alice by ssh, who runs the command; her session is in `parent`.
alice_runs() # BACKGROUND COMMAND
{
	background "$1" ssh_as alice -- "$2"
	held "$1"
	one_session '.user == "alice" and .class == "login"'
	parent=$(of_record sid)
}

# The elevation that the background made is what is expected, and its environment has its sid.
is_elevation() # BACKGROUND 'USER SERVICE RUSER'
{
	one_session ".parent == \"$parent\""
	equal "elevation active $2" "$(of_record class phase user service ruser)"
	contains "$(output_of "$1")" "sid $(of_record sid)"
	equal "$(jq .audit_session <<<"$record")" "$(sessions | jq "select(.sid == \"$parent\") | .audit_session")"
}

ends_normally() # BACKGROUND
{
	local sid
	sid=$(of_record sid)
	release "$1"
	finish "$1"
	ends_by_logout "$sid"
	ends_by_logout "$parent"
}

# shellcheck disable=SC2016
say_and_hold='echo; echo "sid $SESSD_SID"; /sessd/hold'

@test "su" {
	alice_runs one "su bob -c '$say_and_hold one' <<<'$PASSWORD'"
	is_elevation one 'bob su alice'
	ends_normally one
}

@test "su -, which has a keyring of its own" {
	alice_runs one "su - bob -c '$say_and_hold one' <<<'$PASSWORD'"
	is_elevation one 'bob su-l alice'
	# The stack of su-l includes that of su: still one session.
	equal 2 "$(sessions_count)"
	ends_normally one
}

@test "sudo" {
	alice_runs one "sudo -n sh -c '$say_and_hold one'"
	is_elevation one 'root sudo alice'
	ends_normally one
}

@test "sudo -u somebody" {
	alice_runs one "sudo -n -u carol sh -c '$say_and_hold one'"
	is_elevation one 'carol sudo alice'
	ends_normally one
}

@test "sudo -i" {
	alice_runs one "sudo -n -i sh -c '$say_and_hold one'"
	is_elevation one 'root sudo-i alice'
	ends_normally one
}

@test "runuser, of root in sudo" {
	alice_runs one "sudo -n runuser -u bob -- sh -c '$say_and_hold one'"
	equal 3 "$(sessions_count)"
	one_session '.service == "runuser"'
	equal "bob $parent" "$(of_record user parent)"
	contains "$(output_of one)" "sid $(of_record sid)"
	ends_normally one
}

@test "runuser -, of root in sudo" {
	alice_runs one "sudo -n runuser - bob -c '$say_and_hold one'"
	one_session '.service == "runuser-l"'
	equal "elevation bob $parent" "$(of_record class user parent)"
	ends_normally one
}

@test "doas" {
	echo 'permit nopass alice' >"$HOST_FS/etc/doas.conf"
	alice_runs one "doas -u carol sh -c '/sessd/hold one'"
	one_session ".parent == \"$parent\""
	equal "elevation active carol doas alice" "$(of_record class phase user service ruser)"
	ends_normally one
}

@test "doas ends with the login that is revoked" {
	echo 'permit nopass alice' >"$HOST_FS/etc/doas.conf"
	alice_runs one "doas sh -c '/sessd/hold one'"
	one_session '.service == "doas"'
	run -0 on_host sessctl revoke "$parent"
	equal "" "$(sessions)"
	ends_so "$(of_record sid)" 'session_opened session_ending(revoked) session_ended(revoked)'
	run ! finish one
}

# The tree without its varying columns, sorted: `USER CLASS SERVICE` behind the lines, which are the same for the last.
tree() # [ARGUMENT…]
{
	on_host "${as[@]}" sessctl list --tree "$@" |
		sed -E '1d; s/^`-|^└─|^├─/|-/; s/[0-9a-f]{8} +/ /; s/  +/ /g; s/ (elevation|login) ([a-z-]+) .*/ \1 \2/' | sort
}

@test "list --tree and the ledger say who became whom, from which login" {
	local as=(env LC_ALL=C) drawn=' alice login sshd
|- alice -> carol elevation su
|- alice -> dave elevation doas
|- alice -> root elevation sudo
|- root -> bob elevation runuser'
	echo 'permit nopass alice' >"$HOST_FS/etc/doas.conf"
	alice_runs one "exec 2>/dev/null; sudo -n runuser -u bob -- /sessd/hold one & su carol -c '/sessd/hold two' <<<'$PASSWORD' &
		doas -u dave /sessd/hold three"
	held one 3
	equal "$drawn" "$(tree)"
	equal "$drawn" "$(tree --user dave)"
	equal "" "$(tree --user erin)"
	equal "\"alice carol su $parent\"
\"alice dave doas $parent\"
\"alice root sudo $parent\"
\"root bob runuser $parent\"" "$(events_where '.event == "session_opened" and .class == "elevation"' \
		'ruser + " " + .user + " " + .service + " " + .parent' | sort)"
	# What one may not see is not drawn either.
	as=(env LC_ALL=C.UTF-8 setpriv --reuid carol --regid carol --clear-groups)
	equal " alice → carol elevation su" "$(tree)"
}

@test "sudo with a password" {
	background one ssh_as bob -- "sudo -S -p '' sh -c '$say_and_hold one' <<<'$PASSWORD'"
	held one
	one_session '.user == "bob"'
	parent=$(of_record sid)
	is_elevation one 'root sudo bob'
	release one
	finish one
	ends_by_logout "$(of_record sid)"
}

@test "sudo and su on a terminal" {
	background one login_as alice "su bob -c '$say_and_hold one' <<<'$PASSWORD'" "sudo -n -i sh -c '$say_and_hold two'"
	held one
	one_session '.user == "alice"'
	parent=$(of_record sid)
	is_elevation one 'bob su alice'
	release one
	held one 2
	is_elevation one 'root sudo-i alice'
	release two
	finish one
	ends_by_logout "$parent"
}

@test "an elevation within an elevation belongs to the login" {
	alice_runs one "sudo -n su bob -c '$say_and_hold one'"
	equal 3 "$(sessions_count)"
	equal 2 "$(sessions_count ".parent == \"$parent\" and .class == \"elevation\"")"
	one_session '.service == "su"'
	equal "bob $parent" "$(of_record user parent)"
	ends_normally one
}

@test "a password that is wrong opens no elevation" {
	run ! ssh_as alice -- "su bob -c id <<<wrong"
	run ! ssh_as carol -- sudo -n id
	equal "" "$(events_where '.class == "elevation"')"
}

@test "elevations take no place under a cap" {
	alice_runs one "exec 2>/dev/null; su bob -c '/sessd/hold one' <<<'$PASSWORD' & sudo -n -u bob /sessd/hold two &
		su bob -c '/sessd/hold three' <<<'$PASSWORD'"
	held one 3
	equal 3 "$(sessions_count '.user == "bob" and .class == "elevation"')"
	# All of bob's are elevations: he logs in, once.
	background four ssh_as bob -- '/sessd/hold four'
	held four
	run ! ssh_as bob -- true
	contains "$output" 'sessd: you already have 1 of 1 sessions (policy "all"): sshd from 127.0.0.1 since '
	# And he may become somebody else, and himself, there as often as he likes.
	background five on_host ssh "${ssh_options[@]}" -i /root/keys/alice alice@127.0.0.1 true
	run ! finish five
	contains "$(output_of five)" 'you already have 1 of 1 sessions'
	equal "bob cap 1/1 all" "$(refusals | head -n 1)"
}

@test "elevations end with the login that is revoked, for its reason" {
	local i elevations story='session_opened session_ending(revoked) session_ended(revoked)'
	alice_runs one "exec 2>/dev/null; su - bob -c '/sessd/hold one' <<<'$PASSWORD' & sudo -n /sessd/hold two &
		sudo -n -i su carol -c '/sessd/hold three'"
	held one 3
	elevations=$(sessions_where '.class == "elevation"')
	equal 4 "$(wc -l <<<"$elevations")"
	run -0 on_host sessctl revoke "$parent" --reason "time to go"
	equal "" "$(sessions)"
	equal "" "$(on_host pgrep -x hold)"
	run ! finish one
	ends_so "$parent" "$story"
	for i in $elevations; do
		ends_so "$i" "$story"
		equal '"time to go"' "$(events_where ".sid == \"$i\" and .event == \"session_ended\"" text)"
	done
}

@test "elevations end with the login whose lifetime is over" {
	stop_sessd
	start_sessd 'policy "short" { users = {"alice"} lifetime = 1s }'
	background one ssh_as alice -- "sudo -n sh -c '/sessd/hold one'"
	held one
	run ! finish one
	wait_until '[ -z "$(sessions)" ]'
	equal '"lifetime"' "$(events_where '.event == "session_ended"' reason | sort -u)"
	equal 2 "$(events_where '.event == "session_ended"' reason | wc -l)"
}

@test "one elevation is revoked, and the login lives on" {
	alice_runs one "sudo -n /sessd/hold one; echo; echo back; /sessd/hold two"
	one_session '.class == "elevation"'
	run -0 on_host sessctl revoke "$(of_record sid)"
	held one 2
	contains "$(output_of one)" back
	ends_so "$(of_record sid)" 'session_opened session_ending(revoked) session_ended(revoked)'
	equal "$parent" "$(sessions_where true)"
	release two
	finish one
	ends_by_logout "$parent"
}

@test "a killed su is noticed" {
	alice_runs one "su bob -c '/sessd/hold one' <<<'$PASSWORD' 2>/dev/null; echo back; /sessd/hold two"
	one_session '.service == "su"'
	on_host kill -KILL "$(of_record leader_pid)"
	ends_so "$(of_record sid)" 'session_opened session_ending(leader_gone) session_ended(leader_gone)'
	held one 2
	equal "$parent" "$(sessions_where true)"
	release two
	finish one
}

@test "an elevation that outlives its login goes on, and is recorded to its end" {
	local sid
	alice_runs one "setsid nohup sudo -n /sessd/hold one >/tmp/one.out 2>&1 </dev/null & /sessd/hold two"
	wait_until 'grep -q held "$HOST_FS/tmp/one.out"'
	one_session '.service == "sudo"'
	sid=$(of_record sid)
	release two
	finish one
	ends_by_logout "$parent"
	equal "$sid" "$(sessions_where true)"
	release one
	ends_by_logout "$sid"
}

# --- Where there is no login above ---

@test "su by root, who is in no session, has no parent" {
	background one on_host su bob -c "$say_and_hold one"
	held one
	one_session true
	equal "elevation bob su -" "$(of_record class user service parent)"
	release one
	finish one
	ends_by_logout "$(of_record sid)"
}

# A login without pam_loginuid, as in a container: only its token says whose it is. The command runs in its keyring.
without_audit() # COMMAND
{
	stack remote 'account required pam_permit.so' 'session required pam_sess.so' \
		'session required pam_exec.so type=open_session stdout /tmp/inside' 'session required pam_permit.so'
	printf '#!/bin/sh\n%s\n' "$1" >"$HOST_FS/tmp/inside"
	chmod 0755 "$HOST_FS/tmp/inside"
	on_host bash -c 'echo 4294967295 >/proc/self/loginuid; [ "$(cat /proc/self/sessionid)" = 4294967295 ]' 2>/dev/null ||
		skip "the kernel lets nobody out of an audit session"
	on_host bash -c 'echo 4294967295 >/proc/self/loginuid; pamtester remote alice open_session close_session'
}

parents_of_su()
{
	events_where '.event == "session_opened" and .service == "su"' 'parent // "none"' | paste -sd ' '
}

@test "where the kernel has no audit session the token names the parent, and a forged one nobody" {
	# The genuine one; a key of that name and content which is not root's; none; another keyring.
	# shellcheck disable=SC2016
	run -0 without_audit 'su bob -c true
		token=$(keyctl rlist @s)
		forged=$(keyctl pipe $token | keyctl padd user forged @s) || exit
		keyctl unlink $token @s
		su bob -c true
		keyctl session - sh -c "key=\$(head -c 32 /dev/urandom | keyctl padd user sessd:token @s); su bob -c true"
		key=$(keyctl pipe $forged | keyctl padd user sessd:token @s)
		su bob -c true
		keyctl chown $key 2102
		su bob -c true'
	one=$(events_where '.event == "session_opened" and .service == "remote"' sid)
	equal "$one \"none\" \"none\" $one \"none\"" "$(parents_of_su)"
}

@test "cron is a background session, and has no cap" {
	alice_runs one '/sessd/hold one'
	# pam_exec stands for the job: what is listed while it runs.
	echo 'session required pam_exec.so type=open_session stdout /usr/bin/sessctl list --json' >>"$HOST_FS/etc/pam.d/cron"
	run -0 on_host pamtester cron alice acct_mgmt open_session close_session
	record=$(grep '"service":"cron"' <<<"$output" | head -n 1)
	equal "background active alice - -" "$(of_record class phase user parent rhost)"
	ends_by_logout "$(of_record sid)"
	equal "$parent" "$(sessions_where true)"
}

@test "a service that nobody named is a background session" {
	stack new-service 'account required pam_sess.so' 'session required pam_sess.so'
	run -0 on_host pamtester new-service alice acct_mgmt open_session close_session
	equal '"background"' "$(events_where '.event == "session_opened" and .service == "new-service"' class)"
}
