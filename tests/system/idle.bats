#!/usr/bin/env bats
# Sessions that nobody types in, on real terminals: which are ended, which are not, and what their users read before.
# When somebody last typed is the access time of a terminal, which the tests set.
load ../lib/helpers
load ../lib/sessions

# The kernel notes input once in eight seconds, so that an end may come so much later.
PATIENCE=30

setup_file() { host_start; }
teardown_file() { host_stop; }
setup() { start_sshd; }
teardown() { host_reset; }

quiet='policy "quiet" { idle = 2s }'

# Nobody has typed there for an hour.
left_alone() # TERMINAL
{
	on_host touch -a -d '1 hour ago' "$1"
}

# Somebody does, from now on, until stops_typing.
types() # TERMINAL
{
	# shellcheck disable=SC2016
	start_daemon "typing-${1##*/}" bash -c 'while touch -c -a "$1"; do sleep 0.2; done' bash "$1"
}

stops_typing() # TERMINAL
{
	daemon_signal "typing-${1##*/}" KILL
}

# Of the same policy, left alone from its beginning, and ended for that: so those before it could have been.
witness_ends()
{
	on_terminal witness dave
	left_alone "$tty"
	ends_idle "$sid"
}

ends_idle() # SID
{
	ends_so "$1" 'session_opened session_ending(idle) session_ended(idle)'
}

lives() # SID
{
	equal active "$(sessions | jq -r "select(.sid == \"$1\") | .phase")"
}

@test "a session that nobody types in ends, with all that runs there" {
	start_sessd "$quiet policy \"longer\" { idle = 1h }"
	on_terminal one bob -- 'while echo busy; do sleep 0.1; done & setsid sleep 1000 >/dev/null 2>&1 &'
	left_alone "$tty"
	ends_idle "$sid"
	finish_badly one
	equal 0 "$(on_host pgrep -c -u bob)"
	equal '["quiet"]' "$(ledger | jq -sc "map(select(.sid == \"$sid\" and .reason == \"idle\") | .policy) | unique")"
	# Nobody was warned, though all are told at the end.
	run ! grep 'this session ends in' "$BATS_TEST_TMPDIR/one.out"
	contains "$(output_of one)" 'sessd: this session ends now: the session was idle for too long (policy "quiet")'
}

@test "one on which somebody types does not" {
	local first second
	start_sessd "$quiet"
	# Keys that a program reads.
	background one typing_as bob 'x\r' 200 'tty; echo held; exec cat'
	held one
	one_session '.user == "bob"'
	first=$(of_record sid)
	tty=$(terminal_of one)
	left_alone "$tty"
	on_terminal two carol
	second=$sid
	types "$tty"
	witness_ends
	lives "$first"
	lives "$second"
	stops_typing "$(terminal_of two)"
	ends_idle "$second"
	lives "$first"
}

@test "several terminals of a session count together" {
	local first one two
	start_sessd "$quiet"
	on_terminal one bob -M -S /tmp/master
	first=$sid one=$tty
	background two ssh_as bob -S /tmp/master -tt -- 'tty; /sessd/hold two'
	held two
	two=$(terminal_of two)
	[ "$one" != "$two" ]
	equal 1 "$(sessions_count true)"
	left_alone "$one"
	types "$two"
	witness_ends
	lives "$first"
	# The other way round.
	types "$one"
	stops_typing "$two"
	left_alone "$two"
	witness_ends
	lives "$first"
	stops_typing "$one"
	ends_idle "$first"
	finish_badly two
}

@test "a terminal within the terminal counts" {
	local first
	start_sessd "$quiet"
	background one ssh_as bob -tt -- 'tty; script -q -c "tty; /sessd/hold one" /dev/null'
	held one
	one_session '.user == "bob"'
	first=$(of_record sid)
	equal 2 "$(output_of one | grep -c '^/dev/pts/')"
	left_alone "$(output_of one | tr -d '\r' | grep -m 1 '^/dev/pts/')"
	types "$(terminal_of one)"
	witness_ends
	lives "$first"
	stops_typing "$(terminal_of one)"
	ends_idle "$first"
}

@test "a session without a terminal is not idle" {
	start_sessd "$quiet"
	background one ssh_as bob -N
	one_session '.user == "bob"'
	background two ssh_as carol -- '/sessd/hold two'
	held two
	witness_ends
	equal 'bob carol' "$(sessions | jq -r .user | sort | paste -sd ' ')"
	background_runs one
	background_runs two
	equal 0 "$(events_where '.event == "session_warned"' | wc -l)"
}

@test "on a console too" {
	start_sessd "$quiet"
	background one login_as bob 'echo; /sessd/hold one'
	held one
	one_session '.user == "bob" and .service == "login"'
	left_alone "$(of_record tty)"
	ends_idle "$(of_record sid)"
}

@test "sudo counts with the session that it is in, and ends with it" {
	local first elevation
	start_sessd "$quiet"
	on_terminal one alice -- 'sudo -n sleep 1000 &'
	first=$sid
	one_session '.class == "elevation"'
	elevation=$(of_record sid)
	types "$(terminal_of one)"
	witness_ends
	lives "$first"
	lives "$elevation"
	stops_typing "$(terminal_of one)"
	ends_idle "$first"
	ends_idle "$elevation"
}

@test "a terminal's number that another session has now" {
	local first one two
	start_sessd "$quiet"
	on_terminal one bob -M -S /tmp/master
	first=$sid one=$tty
	background two ssh_as bob -S /tmp/master -tt -- 'tty; /sessd/hold two'
	held two
	two=$(terminal_of two)
	release two
	finish two
	wait_until "[ ! -e '$HOST_FS$two' ]"
	on_terminal three carol
	equal "$two" "$tty"
	types "$tty"
	left_alone "$one"
	ends_idle "$first"
	lives "$sid"
}

@test "what the configuration says after a reload holds for those who are there" {
	start_sessd 'policy "all" { idle = 1h }'
	on_terminal one bob
	left_alone "$tty"
	sessd_config "$quiet"
	daemon_signal sessd HUP
	ends_idle "$sid"
}

@test "after a restart the terminals tell the same" {
	local first
	start_sessd 'policy "all" { idle = 1h }'
	on_terminal one bob
	first=$sid
	left_alone "$tty"
	on_terminal two carol
	types "$tty"
	stop_sessd KILL
	start_sessd "$quiet"
	ends_idle "$first"
	witness_ends
	lives "$(sessions_where '.user == "carol"')"
}

@test "the user is told before" {
	start_sessd 'policy "quiet" { idle = 4s warn = 3s }'
	on_terminal one bob
	left_alone "$tty"
	wait_until '[ -n "$(events_where ".event == \"session_warned\"")" ]'
	contains "$(output_of one)" 'sessd: this session ends in 3s: idle for '
	contains "$(output_of one)" '(policy "quiet"). Press a key to stay.'
	equal '["idle","quiet"]' "$(events_where '.event == "session_warned"' | jq -c '[.reason, .policy]')"
	contains "$(output_of one)" "$(events_where '.event == "session_warned"' text | jq -r .)"
	ends_so "$sid" 'session_opened session_warned(idle) session_ending(idle) session_ended(idle)'
}

@test "who then types stays" {
	start_sessd 'policy "quiet" { idle = 10s warn = 8s }'
	on_terminal one bob
	left_alone "$tty"
	wait_until '[ -n "$(events_where ".event == \"session_warned\"")" ]'
	types "$tty"
	# Its end would be before this one's, which has the same time and began later.
	witness_is_warned
	ends_so "$witness" 'session_opened session_warned(idle) session_ending(idle) session_ended(idle)'
	lives "$(sessions_where '.user == "bob"')"
}

witness_is_warned()
{
	on_terminal witness dave
	witness=$sid
	left_alone "$tty"
}

@test "the end of the lifetime is announced on each terminal" {
	start_sessd 'policy "day" { lifetime = 12h warn = 43198s }'
	on_terminal one bob -M -S /tmp/master
	background two ssh_as bob -S /tmp/master -tt -- 'tty; /sessd/hold two'
	held two
	wait_until '[ -n "$(events_where ".event == \"session_warned\"")" ]'
	equal '["lifetime","day"]' "$(events_where '.event == "session_warned"' | jq -c '[.reason, .policy]')"
	wait_until "output_of two | grep -q 'its lifetime is over (policy \"day\"). Save your work.'"
	wait_until "output_of one | grep -q 'its lifetime is over (policy \"day\"). Save your work.'"
	lives "$sid"
	# An extension moves the warning too.
	run -0 on_host sessctl extend "$sid" 1s
	wait_until '[ "$(events_where ".event == \"session_warned\"" | wc -l)" = 2 ]'
}

@test "a terminal that is stopped holds nobody up" {
	start_sessd 'policy "quiet" { idle = 4s warn = 3s }'
	background one typing_as bob '\x13' 0 'tty; echo held; while :; do echo line; sleep 0.01; done'
	held one
	one_session '.user == "bob"'
	left_alone "$(terminal_of one)"
	wait_until 'grep -q "no warning on one of its terminals: Resource temporarily unavailable" \
		"$HOST_FS/var/log/sessd.log"'
	equal yes "$(ssh_as carol -- echo yes)"
	equal '' "$(events_where '.event == "session_warned"')"
	ends_idle "$(of_record sid)"
}

@test "who wants no messages is not told, and not recorded as told" {
	start_sessd 'policy "quiet" { idle = 4s warn = 3s }'
	# As root that has no more than its unit gives it: the group tty, and no right to pass over modes.
	stop_sessd
	start_daemon sessd setpriv --groups tty --bounding-set -all,+kill /usr/sbin/sessd
	wait_until 'on_host sessctl status >/dev/null 2>&1'
	on_terminal one bob -- 'mesg n'
	left_alone "$tty"
	on_terminal two carol
	left_alone "$tty"
	ends_so "$sid" 'session_opened session_warned(idle) session_ending(idle) session_ended(idle)'
	ends_idle "$(ledger | jq -r 'select(.event == "session_opened" and .user == "bob") | .sid')"
	contains "$(output_of two)" 'sessd: this session ends in 3s'
	run ! grep 'sessd: this' "$BATS_TEST_TMPDIR/one.out"
}
