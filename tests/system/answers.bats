#!/usr/bin/env bats
# What etcd answers comes late, byte by byte, cut off, without end, twice, or in the wrong order (tests/lib/gateway.py): the
# agent stays up, and to sessd the fleet is at most out of reach.
load ../lib/helpers
load ../lib/sessions
load ../lib/fleet

setup_file() { fleet_start 2; }
teardown_file() { fleet_stop; }
setup()
{
	store_up 1
	answers plain
	on store start_daemon gateway python3 /sessd/source/tests/lib/gateway.py 10.77.0.2:2379 10.77.0.1:2379 /run/gateway.mode
	on web1 member_begin web1 's/10\.77\.0\.1/10.77.0.2/'
	on web2 member_begin web2 ''
	each_host wait_until fleet_joined
	agent=$(on web1 daemon_pid sessd-fleet) sessd=$(on web1 daemon_pid sessd)
}
teardown() { fleet_reset; }

# From now on, for web1.
answers() # MODE [SECONDS]
{
	in_store bash -c 'echo "$*" >/run/gateway.new && mv /run/gateway.new /run/gateway.mode' bash "$@"
}

member_begin() # NAME SED-SCRIPT
{
	start_sshd && start_sessd 'fleet_unreachable = deny
policy "contractors" { groups = {"contractors"} max_sessions = 2 scope = fleet }' || return 1
	fleet_conf "$1" 'insecure = true'
	sed -i "$2" "$HOST_FS/etc/sessd/fleet.conf"
	start_agent
}

# Whatever came of it, it is one of these.
decided() # USER
{
	run on web1 ssh_as "$1" -- true
	[ "$status" = 0 ] || [[ $output == *"sessions on all hosts"* ]] ||
		contains "$output" "your sessions on other hosts cannot be counted now"
}

# Those who have been there before are there, and what sessd recorded of them is that they came.
nothing_happened() # BACKGROUND…
{
	local name
	for name; do background_runs "$name"; done
	on web1 daemon_runs sessd-fleet
	on web1 daemon_runs sessd
	equal "$agent $sessd" "$(on web1 daemon_pid sessd-fleet) $(on web1 daemon_pid sessd)"
	equal "" "$(on web1 events_where '.event == "session_ending" or .event == "order_refused" or .event == "lock_set"')"
	! grep -i 'protocol\|malformed\|not valid\|assert\|Sanitizer' "$HOST_FS/var/log/sessd.log"
}

# As if nothing had been.
all_is_well() # BACKGROUND: of bob, on web1
{
	answers plain
	on web1 wait_until fleet_joined
	on web1 wait_until 'ssh_as carol -- true'
	wait_until '[ "$(store_keys session/ | wc -l)" = 1 ]'
	nothing_happened "$1"
	run -0 on web2 on_host sessctl revoke --fleet --user bob
	contains "$output" "web1: "
	finish_badly "$1"
}

@test "answers that come too late for a login" {
	stays web1 one bob
	answers late 0.5
	run ! on web1 ssh_as carol -- touch /tmp/ran
	contains "$output" "your sessions on other hosts cannot be counted now"
	on web1 ssh_as alice -- true
	# Not too late for all else.
	on web1 fleet_joined
	nothing_happened one
	all_is_well one
}

@test "answers that come too late for the lease" {
	stays web1 one bob
	answers late 3
	on web1 wait_until '! fleet_joined'
	run ! on web1 ssh_as carol -- true
	contains "$output" "your sessions on other hosts cannot be counted now"
	on web1 ssh_as alice -- true
	# To etcd the host is alive; nobody is told that what it was ordered is done.
	run -1 on web2 on_host sessctl revoke --fleet --user carol
	contains "$output" "web1: PENDING"
	nothing_happened one
	all_is_well one
}

@test "answers that come byte by byte" {
	stays web1 one bob
	answers bytes 0.03
	on web1 wait_until '! fleet_joined'
	run ! on web1 ssh_as carol -- true
	contains "$output" "your sessions on other hosts cannot be counted now"
	on web1 ssh_as alice -- true
	nothing_happened one
	all_is_well one
}

# The most memory that the agent has had, MiB.
agent_memory()
{
	awk '/^VmHWM/ { print int($2 / 1024) }' "$HOST_FS/proc/$agent/status"
}

# And what a stream says meanwhile is no better.
broken_answers() # HOW…
{
	stays web1 one bob
	answers "$@"
	on web1 wait_until '! fleet_joined'
	run ! on web1 ssh_as carol -- true
	contains "$output" "your sessions on other hosts cannot be counted now"
	on web1 ssh_as alice -- true
	store put /sessd/v1/revoke/web1/x y
	store del /sessd/v1/revoke/web1/x
	nothing_happened one
	all_is_well one
}

@test "answers that are cut off" {
	broken_answers cut
}

@test "answers without end" {
	broken_answers huge 100
	# It has not read them to the end: 8 MiB are enough.
	[ "$(on web1 agent_memory)" -lt 90 ] || equal "less than 90 MiB" "$(on web1 agent_memory) MiB"
}

@test "answers that are somebody else's" {
	local i
	stays web1 one bob
	answers swapped 0.1
	for i in 1 2 3 4 5 6; do
		on web1 background "carol$i" ssh_as carol -- true
		on web1 background "mallory$i" ssh_as mallory -- true
		decided bob
		decided carol
	done
	# Another agent begins in the midst of it.
	on web1 daemon_signal sessd-fleet TERM
	on web1 wait_until '! daemon_runs sessd-fleet'
	on web1 start_agent
	agent=$(on web1 daemon_pid sessd-fleet)
	for i in 1 2 3 4 5 6; do
		decided bob
		decided carol
	done
	nothing_happened one
	all_is_well one
}

@test "events that come twice, and the last first" {
	local i
	stays web1 one bob
	answers again 0.5
	stays web1 two alice
	run -0 on web2 on_host sessctl revoke --fleet --user alice
	finish_badly two
	# The one that is told twice is carried out once, and nobody is accused of the second.
	stays web1 three alice
	run -0 on web2 on_host sessctl lock --fleet user alice
	finish_badly three
	run -0 on web2 on_host sessctl unlock --fleet user alice
	on web1 wait_until 'ssh_as alice -- true'
	answers reversed 0.3
	for i in 1 2 3; do
		on web2 background "lock$i" on_host sessctl lock --fleet user alice
		on web2 background "unlock$i" on_host sessctl unlock --fleet user alice
		decided carol
	done
	for i in 1 2 3; do finish "lock$i" || :; finish "unlock$i" || :; done
	equal "" "$(on web1 events_where '.event == "order_refused" and (.text | startswith("order"))')"
	background_runs one
	on web1 daemon_runs sessd-fleet
	answers plain
	run on web2 on_host sessctl unlock --fleet user alice
	on web1 wait_until 'ssh_as alice -- true'
	run -0 on web2 on_host sessctl revoke --fleet --user bob
	finish_badly one
}
