#!/usr/bin/env bats
# Which limits a login is under, as sessd tells who asks; and a lifetime that an administrator moves.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup() { start_sshd; }
teardown() { host_reset; }

two='policy "all" { max_sessions = 10 lifetime = 12h max_lifetime = 2d }
	policy "contractors" { groups = {"contractors"} services = {"sshd"} from = {"10.0.0.0/8"}
		max_sessions = 2 at_limit = evict_oldest lifetime = 8h max_lifetime = 1d }
	policy "breakglass" { groups = {"sessd-breakglass"} exempt = true }'

# A login by ssh that stays; its record is then in `record`, its sid in `sid`.
stays() # BACKGROUND USER
{
	background "$1" ssh_as "$2" -- "/sessd/hold $1"
	held "$1"
	one_session ".user == \"$2\""
	sid=$(of_record sid)
}

lines()
{
	printf '%s\n' "$@"
}

# --- explain ---

@test "explain says each limit, and the policy that sets it" {
	start_sessd "$two"
	run -0 on_host sessctl policy explain bob --from 10.1.2.3
	equal "$(lines 'class: login' \
		'lifetime: 8h (policy "contractors")' \
		'max_lifetime: 1d (policy "contractors")' \
		'max_sessions: 10, of which 0 are there, then deny (policy "all")' \
		'max_sessions: 2, of which 0 are there, then evict_oldest (policy "contractors")' \
		'policy "breakglass" does not apply: group')" "$output"
	# What a login counts for is counted: this one comes from elsewhere.
	stays one bob
	run -0 on_host sessctl policy explain bob --from 10.1.2.3
	contains "$output" 'max_sessions: 10, of which 1 are there'
	contains "$output" 'max_sessions: 2, of which 0 are there'
}

@test "explain says what keeps a policy from applying" {
	start_sessd "$two"
	run -0 on_host sessctl policy explain bob --from 192.0.2.1
	contains "$output" 'policy "contractors" does not apply: source'
	contains "$output" 'lifetime: 12h (policy "all")'
	run -0 on_host sessctl policy explain bob
	contains "$output" 'policy "contractors" does not apply: source'
	# A name could be anywhere.
	run -0 on_host sessctl policy explain bob --from gate.example
	contains "$output" 'lifetime: 8h (policy "contractors")'
	run -0 on_host sessctl policy explain bob --from 10.1.2.3 --service login
	contains "$output" 'policy "contractors" does not apply: service'
	run -0 on_host sessctl policy explain alice --service login
	contains "$output" 'policy "contractors" does not apply: group, service, source'
	run -0 on_host sessctl policy explain alice --service sudo
	[[ $output == 'class: elevation '* && $output != *lifetime:* && $output != *max_sessions* ]]
	run -0 on_host sessctl policy explain erin --from 10.1.2.3
	contains "$output" 'exempt: from every limit (policy "breakglass")'
	[[ $output != *lifetime:* && $output != *max_sessions* ]]
}

@test "explain in JSON" {
	start_sessd "$two"
	run -0 on_host sessctl policy explain bob --from 10.1.2.3 --json
	equal "$(lines '{"what":"class","class":"login"}' \
		'{"what":"lifetime","policy":"contractors","time":28800.000000}' \
		'{"what":"max_lifetime","policy":"contractors","time":86400.000000}' \
		'{"what":"max_sessions","policy":"all","max":10,"at_limit":"deny"}' \
		'{"what":"max_sessions","policy":"contractors","max":2,"at_limit":"evict_oldest"}' \
		'{"what":"no_match","policy":"breakglass","why":"group"}')" "$output"
}

@test "explain and the login agree" {
	start_sessd 'policy "contractors" { groups = {"contractors"} max_sessions = 1 lifetime = 1h }'
	stays one bob
	equal contractors "$(of_record policy)"
	run -0 on_host sessctl policy explain bob --from 127.0.0.1 --json
	equal '["contractors",1,1,"deny"]' \
		"$(jq -c 'select(.what == "max_sessions") | [.policy, .max, .count, .at_limit]' <<<"$output")"
	equal contractors "$(jq -r 'select(.what == "lifetime") | .policy' <<<"$output")"
	run ! ssh_as bob -- true
	contains "$output" '1 of 1 sessions (policy "contractors")'
}

@test "a plain user may ask about himself alone" {
	start_sessd "$two"
	run -0 ssh_as bob -- sessctl policy explain bob --from 10.1.2.3
	contains "$output" 'lifetime: 8h (policy "contractors")'
	run -4 ssh_as bob -- sessctl policy explain alice
	contains "$output" 'alice: not permitted'
	run -2 on_host sessctl policy explain nobody-of-that-name
	contains "$output" 'nobody-of-that-name: no such user'
	# Nothing of it is an event.
	equal "" "$(events_where '.user == "alice"')"
}

# --- extend ---

# The wall clock has passed that time (RFC 3339).
is_past() # TIME
{
	[[ $(date -u +%Y-%m-%dT%H:%M:%S.%6NZ) > $1 ]]
}

# It lives on behind its old end, and is ended at the new one.
outlives() # SID OLD NEW
{
	wait_until "is_past '$2'"
	equal active "$(sessions | jq -r "select(.sid == \"$1\") | .phase")"
	ends_so "$1" "session_opened session_extended session_ending(lifetime) session_ended(lifetime)"
	[[ $(events_where ".sid == \"$1\" and .event == \"session_ending\"" time | tr -d '"') > $3 ]]
}

@test "a session that is extended outlives its lifetime, and is ended at the new time" {
	local old new
	start_sessd 'policy "short" { lifetime = 6s max_lifetime = 16s }'
	stays one bob
	old=$(of_record expires_at)
	run -0 on_host sessctl extend "${sid:0:8}" 8s --reason 'backup still runs'
	contains "$output" "${sid:0:8} bob sshd: ends "
	one_session true
	new=$(of_record expires_at)
	equal '["root","backup still runs","'"$old"'","'"$new"'","short"]' \
		"$(events_where '.event == "session_extended"' | jq -c '[.by, .text, .old_expires_at, .expires_at, .policy]')"
	outlives "$sid" "$old" "$new"
	finish_badly one
}

@test "what was extended stays so when sessd is killed" {
	local old new
	start_sessd 'policy "short" { lifetime = 6s }'
	stays one bob
	old=$(of_record expires_at)
	run -0 on_host sessctl extend "$sid" 12s --json
	stop_sessd KILL
	new=$(jq -r .expires_at <<<"$output")
	equal "$old" "$(jq -r .old_expires_at <<<"$output")"
	[[ $new > $old ]]
	start_sessd
	one_session true
	equal "$new" "$(of_record expires_at)"
	outlives "$sid" "$old" "$new"
	finish_badly one
}

@test "an extension that must not be is refused, and changes nothing" {
	local before
	start_sessd 'policy "short" { users = {"bob"} lifetime = 1h max_lifetime = 2h } policy "all" { lifetime = 3h }'
	stays one bob
	before=$record
	run -1 on_host sessctl extend "$sid" 61m
	contains "$output" 'policy "short" allows a session to last 2h at most: it can be extended by 1h'
	run -5 on_host sessctl extend 00000000 1m
	run -2 on_host sessctl extend "$sid" 0
	run -2 on_host sessctl extend "$sid" soon
	run -4 ssh_as bob -- sessctl extend "$sid" 1m
	one_session ".sid == \"$sid\""
	equal "$before" "$record"
	equal "" "$(events_where '.event == "session_extended"')"
	# As far as it goes, and no further.
	run -0 on_host sessctl extend "$sid" 1h
	run -1 on_host sessctl extend "$sid" 1ms
	# Where no policy says how far, any is allowed.
	stays two carol
	run -0 on_host sessctl extend "$sid" 100d
}

@test "a session without a lifetime is not extended" {
	start_sessd 'policy "all" { max_sessions = 9 max_lifetime = 1h }'
	stays one bob
	run -1 on_host sessctl extend "$sid" 1m
	contains "$output" 'the session has no lifetime'
}
