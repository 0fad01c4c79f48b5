#!/usr/bin/env bats
# Locks on real logins: who is locked out is told so and his sessions end; a lock outlives the daemon that was told of it,
# and holds while there is none.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup() { start_sshd; }
teardown() { host_reset; }

# A login by ssh that stays.
stays() # BACKGROUND USER [ssh options…]
{
	background "$1" ssh_as "${@:2}" -- "/sessd/hold $1"
	held "$1"
}

sessctl()
{
	on_host sessctl "$@"
}

lets_in() # USER
{
	equal hello "$(ssh_as "$1" -- echo hello)"
}

# The login is refused with that line.
refuses() # USER TEXT
{
	run ! ssh_as "$1" -- touch /tmp/ran
	contains "$output" "sessd: $2"
	[ ! -e "$HOST_FS/tmp/ran" ]
}

# Refusals on the ledger, as `USER REASON LOCK` lines.
locked_out()
{
	ledger | jq -r 'select(.event == "session_refused") | "\(.user) \(.reason) \(.lock)"'
}

fingerprint() # USER
{
	on_host ssh-keygen -lf "/root/keys/$1.pub" | cut -d ' ' -f 2
}

@test "a locked user is thrown out, refused with the message, and let in again when it is lifted" {
	local sid
	start_sessd
	stays one bob
	stays two carol
	one_session '.user == "bob"'
	sid=$(of_record sid)
	run -0 sessctl lock user bob --message "call 4711" --reason "left the company"
	contains "$output" "${sid:0:8} bob sshd: ended, "
	contains "$output" "user bob is locked"
	finish_badly one
	ends_so "$sid" 'session_opened session_ending(locked) session_ended(locked)'
	equal '"user bob: left the company"' "$(events_where '.event == "session_ending"' text)"
	refuses bob "call 4711"
	run ! ssh_password bob -- true
	contains "$output" "sessd: call 4711"
	equal "$(printf 'bob locked user bob\n%.0s' 1 2)" "$(locked_out)"
	equal '"left the company; message: call 4711"' "$(events_where '.event == "lock_set"' text)"
	equal '"root"' "$(events_where '.event == "lock_set"' by)"
	# It is bob's lock alone.
	background_runs two
	lets_in alice
	contains "$(sessctl metrics)" 'sessd_sessions_refused_total{reason="locked"} 2'
	run -0 sessctl unlock user bob
	lets_in bob
	equal '"user bob"' "$(events_where '.event == "lock_lifted"' lock)"
	equal "" "$(sessctl locks --json)"
	run -5 sessctl unlock user bob
}

@test "nothing runs in a locked user's session where the account line is missing" {
	on_host sed -i '/^account.*pam_sess/d' /etc/pam.d/sshd
	start_sessd
	sessctl lock user bob
	run ! ssh_as bob -- touch /tmp/ran
	run ! ssh_as bob -tt -- touch /tmp/ran
	[ ! -e "$HOST_FS/tmp/ran" ]
	wait_until '[ "$(on_host pgrep -xc sshd)" = 1 ]'
}

@test "a locked group, and a locked source" {
	start_sessd
	stays one bob
	stays two alice
	sessctl lock group contractors
	finish_badly one
	refuses bob "this account is locked"
	background_runs two
	sessctl unlock group contractors
	lets_in bob
	sessctl lock source 127.0.0.0/8
	finish_badly two
	refuses alice "logins from this address are locked"
	run -2 sessctl lock source 127.0.0.1/8
	run -2 sessctl lock source localhost
	run -2 sessctl lock group nosuchgroup
	# Lifted however it is written.
	sessctl lock source ::ffff:127.0.0.1
	equal 2 "$(sessctl locks --json | wc -l)"
	sessctl unlock source 127.0.0.1/32
	sessctl unlock source 127.0.0.0/8
	lets_in alice
}

@test "a locked key" {
	local key
	start_sessd
	key=$(fingerprint alice)
	stays one alice
	one_session '.user == "alice"'
	equal "publickey $key" "$(of_record auth)"
	sessctl lock key "$key"
	finish_badly one
	refuses alice "this key is locked"
	# It is the key that is locked, not she.
	SSH_PASSWORD=$PASSWORD ssh_password alice -- true
	lets_in bob
	stop_sessd KILL
	refuses alice "this key is locked"
	lets_in bob
}

@test "a lock survives kill -9 straight after the answer, holds without the daemon, and after the restart" {
	start_sessd
	stays one carol
	sessctl lock user bob --message "locked for good"
	stop_sessd KILL
	refuses bob "locked for good"
	run ! ssh_password bob -- true
	lets_in alice
	# What is in the runtime directory does not survive a reboot: the ledger has it.
	on_host rm -r /run/sessd/locks
	lets_in bob
	start_sessd
	[ "$(on_host ls /run/sessd/locks | wc -l)" = 1 ]
	refuses bob "locked for good"
	stop_sessd
	refuses bob "locked for good"
	start_sessd
	equal '"bob"' "$(sessctl locks --json | jq .name)"
	sessctl unlock user bob
	stop_sessd KILL
	lets_in bob
	start_sessd
	lets_in bob
}

@test "what was refused without the daemon is told to it later" {
	start_sessd
	sessctl lock user bob
	on_host sed -i '/^account.*pam_sess/d' /etc/pam.d/sshd
	stop_sessd KILL
	run ! ssh_as bob -tt -- touch /tmp/ran
	start_sessd
	wait_until '[ -n "$(locked_out)" ]'
	contains "$(locked_out)" "bob locked"
}

@test "--for runs out by itself, also while there is no daemon" {
	start_sessd
	sessctl lock user bob --for 1500ms
	sessctl lock user carol --for 1h
	refuses bob "this account is locked"
	wait_until 'ssh_as bob -- true 2>/dev/null'
	equal '"user bob"' "$(events_where '.event == "lock_expired"' lock)"
	equal carol "$(sessctl locks --json | jq -r .name)"
	sessctl lock user bob --for 1500ms
	stop_sessd KILL
	refuses bob "this account is locked"
	wait_until 'ssh_as bob -- true 2>/dev/null'
	refuses carol "this account is locked"
	start_sessd
	equal carol "$(sessctl locks --json | jq -r .name)"
	equal 2 "$(events_where '.event == "lock_expired"' lock | wc -l)"
}

@test "set while sessd is down it works at the next login, and is taken over" {
	local sid
	start_sessd
	stays one bob
	one_session true
	sid=$(of_record sid)
	stop_sessd
	run -0 sessctl lock user bob --message "not today" --reason "by hand"
	contains "$output" "sessd is not running"
	refuses bob "not today"
	background_runs one
	run -3 on_host setpriv --reuid 1001 --clear-groups sessctl lock user alice
	start_sessd
	finish_badly one
	ends_so "$sid" 'session_opened session_ending(locked) session_ended(locked)'
	equal '"by hand; message: not today"' "$(events_where '.event == "lock_set"' text)"
	refuses bob "not today"
	stop_sessd KILL
	on_host rm -r /run/sessd/locks
	start_sessd
	refuses bob "not today"
}

@test "root at the console and the break-glass group are spared, unless the lock says otherwise" {
	on_host bash -c 'usermod -p "$(sed -n "s/^alice:\([^:]*\):.*/\1/p" /etc/shadow)" root'
	start_sessd
	stays one erin
	sessctl lock source 127.0.0.1
	sessctl lock user erin
	sessctl lock user root
	equal "spared spared spared" "$(sessctl locks | awk 'NR > 1 { for (i = 1; i <= NF; i++) if ($i == "spared") print $i }' | paste -sd ' ')"
	background_runs one
	lets_in erin
	refuses alice "logins from this address are locked"
	run -0 login_as root 'echo in-as-$USER'
	contains "$output" "in-as-root"
	stop_sessd KILL
	lets_in erin
	run -0 login_as root 'echo in-as-$USER'
	start_sessd
	sessctl lock user erin --even-breakglass
	finish_badly one
	sessctl unlock source 127.0.0.1
	refuses erin "this account is locked"
	stop_sessd KILL
	refuses erin "this account is locked"
}

@test "nobody becomes a locked user, and a locked user becomes nobody" {
	start_sessd
	sessctl lock user bob
	run ! on_host su bob -c true
	contains "$output" "sessd: this account is locked"
	sessctl lock user root
	on_host su root -c true
}

@test "only administrators lock, unlock and list" {
	local as="setpriv --reuid 1001 --regid 1001 --clear-groups"
	start_sessd
	sessctl lock user bob
	run -4 on_host $as sessctl lock user carol
	run -4 on_host $as sessctl unlock user bob
	run -4 on_host $as sessctl locks
	lets_in carol
	refuses bob "this account is locked"
}

@test "a lock's file is root's; what a user could write is passed over" {
	start_sessd
	sessctl lock user bob
	stop_sessd KILL
	equal "root 755" "$(on_host stat -c '%U %a' /run/sessd/locks)"
	refuses bob "this account is locked"
	on_host chmod 777 /run/sessd/locks
	lets_in bob
	contains "$(on_host grep -a locks /var/log/syslog)" "it is not root's alone"
}
