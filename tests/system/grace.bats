#!/usr/bin/env bats
# Ends that are announced: what their users read last, and how long their processes may take.
load ../lib/helpers
load ../lib/sessions

PATIENCE=30

setup_file() { host_start; }
teardown_file() { host_stop; }
setup() { start_sshd; }
teardown() { host_reset; }

short='policy "short" { users = {"bob"} lifetime = 3s }'
reached='sessd: this session ends now: the session reached its maximum lifetime (policy "short")'

# What a session may run in the background. One saves its work when it is told to end, one does not care; each notes
# how often it was told.
# shellcheck disable=SC2016
saver='setsid bash -c "trap \"\" HUP; trap \"echo told >>/tmp/told-\$USER; echo saved >/tmp/saved-\$USER; exit\" TERM;
	touch /tmp/ready-\$USER; while :; do sleep 0.05; done" >/dev/null 2>&1 &'
# shellcheck disable=SC2016
stubborn='setsid bash -c "trap \"\" HUP; trap \"echo told >>/tmp/told-\$USER\" TERM;
	touch /tmp/ready-\$USER; while :; do sleep 0.05; done" >/dev/null 2>&1 &'

is_ready() # USER
{
	wait_until "[ -e '$HOST_FS/tmp/ready-$1' ]"
}

is_told() # USER
{
	wait_until "[ -s '$HOST_FS/tmp/told-$1' ]"
}

# How often, now that it is over.
equal_told() # NUMBER USER
{
	equal "$1" "$(wc -l <"$HOST_FS/tmp/told-$2")"
}

# A member of the session's event.
of_event() # EVENT MEMBER
{
	events_where ".event == \"$1\" and .sid == \"$sid\"" "$2"
}

nothing_runs_of() # USER
{
	equal 0 "$(on_host pgrep -c -u "$1")"
}

# A plain revocation in the background, with these options.
revokes() # NAME OPTION…
{
	background "$1" on_host sessctl revoke "$sid" "${@:2}"
}

@test "a lifetime with a grace: who saves his work may, and is not waited for any longer" {
	start_sessd "$short policy \"all\" { grace = 10m }"
	on_terminal one bob -- "$saver"
	is_ready bob
	ends_so "$sid" 'session_opened session_ending(lifetime) session_ended(lifetime)'
	equal saved "$(cat "$HOST_FS/tmp/saved-bob")"
	equal_told 1 bob
	nothing_runs_of bob
	finish_badly one
	contains "$(output_of one)" "$reached; what still runs in 10m is killed"
	equal 600 "$(of_event session_ending grace | jq floor)"
	equal true "$(of_event session_ended elapsed | jq '. < 600')"
	equal '"short"' "$(of_event session_ending policy)"
}

@test "a lifetime with a grace: who does not care is killed when it is over, and not before" {
	start_sessd "$short policy \"all\" { grace = 1500ms }"
	on_terminal one bob -- "$stubborn"
	is_ready bob
	is_told bob
	equal ending "$(sessions | jq -r .phase)"
	ends_so "$sid" 'session_opened session_ending(lifetime) session_ended(lifetime)'
	equal_told 1 bob
	nothing_runs_of bob
	equal true "$(of_event session_ended elapsed | jq '. >= 1.5')"
	equal '[null,null]' "$(events_where '.event == "session_ended"' | jq -c '[.grace, .survivors]')"
}

@test "a lifetime without a grace: the last line all the same" {
	start_sessd "$short"
	on_terminal one bob -- "$stubborn"
	is_ready bob
	ends_so "$sid" 'session_opened session_ending(lifetime) session_ended(lifetime)'
	finish_badly one
	contains "$(output_of one)" "$reached"
	[[ $(output_of one) != *'is killed'* ]]
	[ ! -e "$HOST_FS/tmp/told-bob" ]
	nothing_runs_of bob
	equal null "$(of_event session_ending grace)"
}

@test "a revocation with a message: on each of the session's terminals, and on no other" {
	start_sessd 'policy "all" { max_sessions = 50 }'
	on_terminal other bob
	on_terminal one carol -M -S /tmp/master -- "$stubborn"
	is_ready carol
	background two ssh_as carol -S /tmp/master -tt -- 'tty; /sessd/hold two'
	held two
	run -0 on_host sessctl revoke "$sid" --reason 'ticket 4711' --message 'go home, caf{e}'
	contains "$output" 'gone in'
	finish_badly one
	finish_badly two
	contains "$(output_of one)" 'sessd: this session ends now: the session was revoked, go home, caf{e}'
	contains "$(output_of two)" 'sessd: this session ends now: the session was revoked, go home, caf{e}'
	[[ $(output_of other) != *sessd:* && $(output_of one) != *4711* && $(output_of one) != *'is killed'* ]]
	background_runs other
	[ ! -e "$HOST_FS/tmp/told-carol" ]
	equal '["go home, caf{e}","ticket 4711","root",null]' \
		"$(events_where '.event == "session_ending"' | jq -c '[.message, .text, .by, .grace]')"
}

@test "a plain revocation says nothing and waits for nothing" {
	start_sessd 'policy "all" { grace = 10m }'
	on_terminal one bob -- "$stubborn"
	is_ready bob
	run -0 on_host sessctl revoke "$sid"
	finish_badly one
	[[ $(output_of one) != *sessd:* ]]
	[ ! -e "$HOST_FS/tmp/told-bob" ]
	nothing_runs_of bob
}

@test "a second revocation without a grace ends the first one's" {
	start_sessd 'policy "all" { max_sessions = 50 }'
	on_terminal one bob -- "$stubborn"
	is_ready bob
	revokes first --grace 10m --message 'save your work'
	is_told bob
	wait_until '[[ $(output_of one) == *"the session was revoked, save your work; what still runs in 10m is killed"* ]]'
	finish_badly one
	background_runs first
	run -0 on_host sessctl revoke "$sid"
	contains "$output" 'gone in'
	finish first
	contains "$(output_of first)" 'gone in'
	equal_told 1 bob
	nothing_runs_of bob
	ends_so "$sid" 'session_opened session_ending(revoked) session_ending(revoked) session_ended(revoked)'
	equal '600 0' "$(of_event session_ending grace | jq -s 'map(. // 0 | floor | tostring) | join(" ")' -r)"
}

@test "a lock ends it too" {
	start_sessd 'policy "all" { max_sessions = 50 }'
	on_terminal one bob -- "$stubborn"
	is_ready bob
	revokes first --grace 10m
	is_told bob
	run -0 on_host sessctl lock user bob
	contains "$output" 'gone in'
	finish first
	nothing_runs_of bob
	ends_so "$sid" 'session_opened session_ending(revoked) session_ending(locked) session_ended(revoked)'
}

@test "a login that may take its place takes it" {
	start_sessd 'policy "one" { max_sessions = 1 at_limit = evict_oldest }'
	on_terminal one bob -- "$stubborn"
	is_ready bob
	revokes first --grace 10m
	is_told bob
	equal yes "$(ssh_as bob -- echo yes)"
	finish first
	ends_so "$sid" 'session_opened session_ending(revoked) session_ending(evicted) session_ended(revoked)'
}

@test "sessd killed within the grace: the next start kills at once" {
	start_sessd 'policy "all" { max_sessions = 50 }'
	on_terminal one bob -- "$stubborn"
	is_ready bob
	revokes first --grace 10m
	is_told bob
	stop_sessd KILL
	finish_badly first
	[ "$(on_host pgrep -c -u bob)" -gt 0 ]
	start_sessd
	ends_so "$sid" 'session_opened session_ending(revoked) session_ended(revoked)'
	nothing_runs_of bob
	equal_told 1 bob
}

@test "sudo's processes are told with the session that they are in, once" {
	start_sessd 'policy "all" { max_sessions = 50 }'
	on_terminal one alice -- "sudo -n bash -c 'USER=root; $(sed 's/\\\$USER/root/g' <<<"$stubborn") sleep 1000' &"
	is_ready root
	one_session '.class == "login"'
	revokes first --grace 10m
	is_told root
	equal 'elevation login' "$(sessions | jq -r 'select(.phase == "ending") | .class' | sort | paste -sd ' ')"
	run -0 on_host sessctl revoke "$sid"
	finish first
	wait_until '[ "$(sessions_count true)" = 0 ]'
	equal_told 1 root
	equal 0 "$(on_host pgrep -c -x sleep)"
}

@test "a terminal that is stopped holds the end up no more than nobody" {
	start_sessd "$short policy \"all\" { grace = 10m }"
	background one typing_as bob '\x13' 0 'tty; echo held; while :; do echo line; sleep 0.01; done'
	held one
	one_session '.user == "bob"'
	ends_so "$(of_record sid)" 'session_opened session_ending(lifetime) session_ended(lifetime)'
	equal yes "$(ssh_as carol -- echo yes)"
	nothing_runs_of bob
}

@test "on a console" {
	start_sessd 'policy "all" { max_sessions = 50 }'
	background one login_as bob "${saver//$'\n'/ }" 'echo; /sessd/hold one'
	held one
	is_ready bob
	one_session '.user == "bob" and .service == "login"'
	sid=$(of_record sid)
	run -0 on_host sessctl revoke "$sid" --grace 10m --message 'good night'
	contains "$output" 'gone in'
	contains "$(output_of one)" 'the session was revoked, good night; what still runs in 10m is killed'
	equal saved "$(cat "$HOST_FS/tmp/saved-bob")"
	equal_told 1 bob
}

@test "what is no grace, and what no message" {
	local wrong
	start_sessd 'policy "all" { grace = 30s lifetime = 8h }'
	on_terminal one bob
	for wrong in 0 61m -1s soon ''; do
		run -2 on_host sessctl revoke "$sid" --grace "$wrong"
	done
	contains "$output" 'is no grace: give a time (say 30s, 2m) of at most 1h'
	run -2 on_host sessctl revoke "$sid" --message "$(printf 'x%.0s' {1..256})"
	run ! on_host sessctl revoke "$sid" --message $'a\e[2Jb'
	equal active "$(sessions | jq -r .phase)"
	run -0 on_host sessctl policy explain bob
	contains "$output" 'grace: 30s (policy "all")'
}
