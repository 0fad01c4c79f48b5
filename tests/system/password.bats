#!/usr/bin/env bats
# A change of password ends the user's other sessions, where it succeeded and was asked for.
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

NEW='battery staple 1'

# In a shell: `change OLD NEW NEW` types these to passwd(1).
# shellcheck disable=SC2016
typed='change() { printf "%s\n" "$@" | passwd 2>&1; echo "status $?"; }; '

# The user's sessions are these, now or in a moment.
left_are() # USER SID…
{
	local wanted
	wanted=$(printf '%s\n' "${@:2}" | sort)
	wait_until "[ \"\$(sessions_where '.user == \"$1\"' | sort)\" = '$wanted' ]" || { sessions; return 1; }
}

# What is recorded of the changes, as `USER COUNT by WHOM FROM` lines.
recorded()
{
	ledger | jq -r 'select(.event == "password_changed") | "\(.user) \(.count // 0) by \(.by) \(.by_sid // "-")" +
		if .text then ": \(.text)" else "" end'
}

@test "passwd ends the other sessions, and leaves the one it is run in" {
	local others
	begin one alice -- :
	others=$sid
	begin two alice -tt -- :
	others+=" $sid"
	begin bob bob -- :
	run -0 ssh_as alice -- "$typed change '$PASSWORD' '$NEW' '$NEW'; sessctl check -q && echo live; echo \$SESSD_SID"
	contains "$output" 'sessd: 2 other sessions of alice were ended'
	contains "$output" 'status 0'
	contains "$output" live
	equal "alice 2 by alice ${lines[-1]}" "$(recorded)"
	for sid in $others; do
		ends_so "$sid" 'session_opened session_ending(password_changed) session_ended(password_changed)'
	done
	finish_badly one
	finish_badly two
	left_are bob "$(sessions_where '.user == "bob"')"
	equal 1 "$(sessions_count '.user == "bob"')"
	# Nobody is told that none of his sessions was ended.
	run -0 ssh_as alice -- "$typed change '$NEW' '$PASSWORD' '$PASSWORD'"
	contains "$output" 'status 0'
	run ! grep sessd: <<<"$output"
}

@test "within su and sudo, the login that it was run in stays, with what is in it" {
	local own
	begin one bob -- :
	begin two alice -- :
	run -0 ssh_as alice -- "echo 'bob:$NEW' | sudo -n chpasswd 2>&1; echo \"status \$?\"; sessctl check -q && echo live"
	contains "$output" 'status 0'
	contains "$output" live
	left_are bob
	left_are alice "$sid"
	# He becomes alice, within bob's session, and changes her password there: that is where it was changed from.
	own=$(SSH_PASSWORD=$NEW ssh_password bob -- "echo \$SESSD_SID; su alice -c '$typed change \"$PASSWORD\" \"$NEW\" \"$NEW\"; sessctl check -q && echo live' <<<'$PASSWORD'")
	contains "$own" 'status 0'
	contains "$own" live
	left_are alice
	equal "alice 1 by bob $(head -n 1 <<<"$own")" "$(recorded | tail -n 1)"
}

@test "root changes it: all the user's sessions end" {
	begin one alice -- :
	begin two alice -- :
	run -0 on_host bash -c "printf '%s\n' '$NEW' '$NEW' | passwd alice"
	contains "$output" 'sessd: 2 other sessions of alice were ended'
	left_are alice
	begin three alice -- :
	run -0 on_host chpasswd <<<"alice:$PASSWORD"
	left_are alice
	# From another session, which stays.
	begin one bob -- "printf '%s\n' '$PASSWORD' '$NEW' '$NEW' | sudo -S -p '' passwd alice >/dev/null 2>&1"
	begin two alice -- :
	begin three bob -- "printf '%s\n' '$PASSWORD' '$PASSWORD' '$PASSWORD' | sudo -S -p '' passwd alice >/dev/null 2>&1"
	left_are alice
	equal 2 "$(sessions_count '.user == "bob" and .class == "login"')"
	equal "alice 2 by root -
alice 1 by root -
alice 0 by bob
alice 1 by bob" "$(recorded | sed -E 's/ [0-9a-f]{32}$//')"
}

@test "what the user is elsewhere, and what outlived his logins, ends; cron jobs do not" {
	local login
	begin one bob -- "exec 2>/dev/null; su alice -c '/sessd/hold elsewhere' <<<'$PASSWORD' & "
	login=$sid
	one_session '.class == "elevation"'
	background two ssh_as alice -- 'setsid nohup sleep 1000 >/tmp/left 2>&1 </dev/null & /sessd/hold two'
	held two
	release two
	finish two
	run -0 on_host pgrep -u alice -f 'sleep 1000'
	run -0 on_host chpasswd <<<"alice:$NEW"
	wait_until '! on_host pgrep -u alice'
	equal "$login" "$(sessions_where true)"
	equal '"password_changed"' "$(events_where '.event == "leftovers_ended"' reason)"
	equal '"password_changed"' "$(events_where '.event == "session_ended" and .class == "elevation"' reason)"
}

@test "in a shell that outlived its login: that shell stays" {
	# shellcheck disable=SC2016
	background one ssh_as alice -- "setsid nohup bash -c '/sessd/hold two; printf \"%s\n\" \"$PASSWORD\" \"$NEW\" \"$NEW\" | passwd
		echo \"status \$?\"; /sessd/hold three; echo still here' >/tmp/left 2>&1 </dev/null & /sessd/hold one"
	held one
	release one
	finish one
	begin other alice -- :
	release two
	wait_until 'grep -q ^status "$HOST_FS/tmp/left"'
	contains "$(cat "$HOST_FS/tmp/left")" 'status 0'
	left_are alice
	# It was looked for what outlived its login; this is not what was found.
	finish_badly other
	release three
	wait_until 'grep -q "^still here" "$HOST_FS/tmp/left"'
	equal "" "$(events_where '.event == "leftovers_ended"')"
}

@test "where it is not asked for, nothing ends" {
	pam_arguments timeout=5s
	begin one alice -- :
	run -0 on_host chpasswd <<<"alice:$NEW"
	run -0 ssh_as alice -- "$typed change '$NEW' '$PASSWORD' '$PASSWORD'"
	contains "$output" 'status 0'
	left_are alice "$sid"
	equal "" "$(recorded)"
}

# --- A change that fails ends nothing ---

sess='password optional pam_sess.so revoke_others timeout=5s'

# It fails before the second pass (a wrong password), and in it (new ones that differ); then it succeeds.
fails_and_succeeds() # COUNT
{
	local before
	begin one alice -- :
	before=$(on_host getent shadow alice)
	run -0 ssh_as alice -- "$typed change wrong '$NEW' '$NEW'; change '$PASSWORD' '$NEW' 'another 1 yet'"
	equal 0 "$(grep -c 'status 0' <<<"$output")"
	equal "$before" "$(on_host getent shadow alice)"
	left_are alice "$sid"
	equal "" "$(recorded)"
	run -0 ssh_as alice -- "$typed change '$PASSWORD' '$NEW' '$NEW'"
	contains "$output" 'status 0'
	equal "$1" "$(recorded | cut -d ' ' -f 1-2)"
}

@test "required" {
	stack passwd 'password required pam_unix.so sha512' "$sess"
	fails_and_succeeds 'alice 1'
}

@test "requisite" {
	stack passwd 'password requisite pam_unix.so sha512' "$sess"
	fails_and_succeeds 'alice 1'
}

@test "[success=1 default=ignore], with pam_deny" {
	stack passwd 'password [success=1 default=ignore] pam_unix.so sha512' 'password requisite pam_deny.so' \
		'password required pam_permit.so' "$sess"
	fails_and_succeeds 'alice 1'
}

@test "sufficient: behind it, the module is not asked" {
	stack passwd 'password sufficient pam_unix.so sha512' 'password required pam_deny.so' "$sess"
	fails_and_succeeds ''
	left_are alice "$sid"
}

@test "where it stands first, nothing has happened yet" {
	stack passwd "$sess" 'password required pam_unix.so sha512'
	fails_and_succeeds ''
}

@test "a change that a later line calls a failure has been made all the same" {
	stack passwd 'password required pam_unix.so sha512' 'password required pam_exec.so quiet /bin/false' "$sess"
	begin one alice -- :
	run -0 ssh_as alice -- "$typed change '$PASSWORD' '$NEW' '$NEW'"
	run ! grep 'status 0' <<<"$output"
	left_are alice
	SSH_PASSWORD=$NEW ssh_password alice -- true
}

@test "who has no password in shadow(5)" {
	stack passwd 'password required pam_permit.so' "$sess"
	begin one alice -- :
	sed -i /^alice:/d "$HOST_FS/etc/shadow"
	run -0 on_host pamtester passwd alice chauthtok
	left_are alice "$sid"
	contains "$(cat "$HOST_FS/var/log/syslog")" 'revoke_others: alice has no password in shadow(5) that could be seen to change'
}

# --- A password that has run out ---

@test "sshd has it changed before the session, with keyboard-interactive" {
	begin one alice -- :
	run -0 on_host chage -d 0 alice
	background two on_host expect -c "set timeout 30
		spawn ssh ${ssh_options[*]} -o PubkeyAuthentication=no -o PreferredAuthentications=keyboard-interactive alice@127.0.0.1 /sessd/hold two
		expect assword: { send \"$PASSWORD\r\" }
		expect urrent { send \"$PASSWORD\r\" }
		expect {New password:} { send \"$NEW\r\" }
		expect Retype { send \"$NEW\r\" }
		expect held
		expect eof"
	held two
	ends_so "$sid" 'session_opened session_ending(password_changed) session_ended(password_changed)'
	equal 1 "$(sessions_count '.user == "alice"')"
	release two
	finish two
	equal "alice 1 by root -" "$(recorded)"
}

@test "sshd runs passwd in the session of who came with a key" {
	begin one alice -- :
	run -0 on_host chage -d 0 alice
	run on_host expect -c "set timeout 30
		spawn ssh ${ssh_options[*]} -i /root/keys/alice -tt alice@127.0.0.1
		expect urrent { send \"$PASSWORD\r\" }
		expect {New password:} { send \"$NEW\r\" }
		expect Retype { send \"$NEW\r\" }
		expect eof"
	contains "$output" 'sessd: 1 other session of alice was ended'
	ends_so "$sid" 'session_opened session_ending(password_changed) session_ended(password_changed)'
	equal "alice 1 by alice" "$(recorded | sed -E 's/ [0-9a-f]{32}$//')"
}

# --- When sessd is away ---

later='sessd: the other sessions of alice end as soon as sessd answers again'

# alice has a session `one`, and is in another one (its sid is in `own`), where she changes her password when she is told to.
# It says `changed` then.
is_about_to_change()
{
	begin one alice -- :
	begin own alice -- "(/sessd/hold own; $typed change '$PASSWORD' '$NEW' '$NEW'; echo changed) &"
	own=$sid
}

changes()
{
	release own
	wait_until 'output_of own | grep -q ^changed'
	contains "$(output_of own)" 'status 0'
}

@test "sessd is away: the order waits for it" {
	is_about_to_change
	stop_sessd
	changes
	contains "$(output_of own)" "$later"
	equal 1 "$(find "$HOST_FS/run/sessd/pending" -type f | wc -l)"
	start_sessd
	left_are alice "$own"
	equal "alice 1 by alice $own: while sessd was not available" "$(recorded)"
	wait_until '[ -z "$(find "$HOST_FS/run/sessd/pending" -type f)" ]'
	# It is not carried out again.
	begin two alice -- :
	stop_sessd
	start_sessd
	left_are alice "$own" "$sid"
}

@test "sessd is away: a login from then, before and after the change" {
	local before after
	is_about_to_change
	stop_sessd
	background two ssh_as alice -- 'echo "sid $SESSD_SID"; /sessd/hold two'
	held two
	before=$(output_of two | sed -n 's/^sid //p')
	changes
	background three ssh_as alice -- 'echo "sid $SESSD_SID"; /sessd/hold three'
	held three
	after=$(output_of three | sed -n 's/^sid //p')
	start_sessd
	left_are alice "$own" "$after"
	ends_so "$before" 'session_adopted session_ending(password_changed) session_ended(password_changed)'
}

@test "sessd hangs: the change is made within the module's time" {
	sed -i 's/revoke_others timeout=5s/revoke_others timeout=300ms/' "$HOST_FS"/etc/pam.d/*
	is_about_to_change
	daemon_signal sessd STOP
	changes
	contains "$(output_of own)" "$later"
	daemon_signal sessd CONT
	left_are alice "$own"
}

@test "the order cannot be kept: the user is told so, and the change is made" {
	is_about_to_change
	stop_sessd
	rm -rf "$HOST_FS/run/sessd"
	: >"$HOST_FS/run/sessd"
	changes
	contains "$(output_of own)" 'sessd: the other sessions of alice were not ended'
	contains "$(cat "$HOST_FS/var/log/syslog")" 'the order cannot be kept in /run/sessd/pending'
	rm "$HOST_FS/run/sessd"
}

@test "a file of the spool that is no sound order is set aside" {
	begin one alice -- :
	# An order of a user who cannot be, and one cut off.
	on_host python3 -c 'import struct
def field(tag, value):
    return struct.pack(">HH", tag, len(value)) + value
order = struct.pack(">BBHI", 1, 40, 0, 0) + field(1, b"alice") + field(2, struct.pack(">Q", 0xffffffff))
for name, text in (("a" * 32, order), ("b" * 32, order[:-3])):
    path = "/run/sessd/pending/"
    open(path + ".new", "wb").write(text)
    import os
    os.rename(path + ".new", path + name)'
	wait_until '[ "$(find "$HOST_FS/run/sessd/pending" -name "bad.*" | wc -l)" = 2 ]'
	left_are alice "$sid"
	equal "" "$(recorded)"
}
