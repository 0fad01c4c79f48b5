#!/usr/bin/env bats
# Several hosts: real sshd and logins on each, sessd and sessd-fleet on each, and etcd.
load ../lib/helpers
load ../lib/sessions
load ../lib/fleet

setup_file() { fleet_start 3; }
teardown_file() { fleet_stop; }
teardown()
{
	each_host clock_right
	fleet_reset
}

two='policy "contractors" { groups = {"contractors"} max_sessions = 2 scope = fleet }'

idlest='policy "contractors" { groups = {"contractors"} max_sessions = 2 scope = fleet at_limit = evict_idlest }'

# Somebody has just typed there, by the clock of that host.
types() # TERMINAL
{
	# shellcheck disable=SC2016
	on_host bash -c 'touch -a -d "@$(date +%s.%N)" "$1"' bash "$1"
}

# How often that host has found the cap exceeded, as `COUNT/LIMIT POLICY TEXT` lines.
overshoots()
{
	ledger | jq -r 'select(.event == "fleet_overshoot") | "\(.user) \(.count)/\(.limit) \(.policy) \(.text)"'
}

@test "a cap counts over all hosts" {
	store_up 1
	members_up "$two"
	stays web1 one bob
	stays web2 two bob
	run ! on web3 ssh_as bob -- touch /tmp/ran
	equal "bob cap 2/2 contractors" "$(on web3 refusals)"
	equal 2 "$(store_keys session/bob/ | wc -l)"
	# It is bob's cap alone.
	stays web3 other carol
	# A logout on one host makes room on another.
	on web1 release one
	finish one
	wait_until '[ "$(store_keys session/bob/ | wc -l)" = 1 ]'
	stays web3 three bob
}

@test "evict_oldest ends the oldest session wherever it is" {
	store_up 1
	members_up 'policy "contractors" { groups = {"contractors"} max_sessions = 2 scope = fleet at_limit = evict_oldest }'
	stays web1 one bob
	stays web2 two bob
	local sid
	sid=$(on web1 sessions_where '.user == "bob"')
	stays web3 three bob
	run ! finish one
	on web1 ends_so "$sid" 'session_opened session_ending(evicted) session_ended(evicted)'
	equal '"contractors"' "$(on web1 events_where ".sid == \"$sid\" and .event == \"session_ending\"" policy)"
	background_runs two
	equal "2" "$(store_keys session/bob/ | wc -l)"
}

@test "evict_idlest ends the session that has been idle the longest, wherever it is" {
	local one_tty one_sid two_sid
	store_up 1
	members_up "$idlest"
	on web1 on_terminal one bob
	one_tty=$tty one_sid=$sid
	on web2 on_terminal two bob
	two_sid=$sid
	on web1 types "$one_tty"
	# The older one lives, because somebody types there.
	on web3 on_terminal three bob
	on web2 ends_so "$two_sid" 'session_opened session_ending(evicted) session_ended(evicted)'
	background_runs one
	# Neither questions nor orders are left.
	wait_until '[ -z "$(store_keys ask/)$(store_keys done/)$(store_keys revoke/)" ]'
	# A host that does not answer has the least idle ones.
	on web1 daemon_signal sessd-fleet STOP
	on web2 on_terminal four bob
	finish_badly three
	background_runs one
	on web1 daemon_signal sessd-fleet CONT
	on web1 wait_until fleet_joined
}

@test "who is to make place and does not in time keeps it" {
	store_up 1
	members_up 'policy "contractors" { groups = {"contractors"} max_sessions = 1 scope = fleet at_limit = evict_oldest }'
	stays web1 one bob
	on web1 daemon_signal sessd-fleet STOP
	run ! on web2 ssh_as bob -- true
	contains "$output" "a session elsewhere had to end first, and has not in time"
	# The order is withdrawn: nobody comes in for it.
	wait_until '[ -z "$(store_keys revoke/)" ]'
	on web1 daemon_signal sessd-fleet CONT
	on web1 wait_until fleet_joined
	run -0 on web1 on_host sessctl list --fleet --user bob
	background_runs one
	# The next one finds it gone in time.
	on web2 wait_until 'ssh_as bob -- true'
	finish_badly one
}

@test "a lock ends the sessions on all hosts, and holds on all" {
	local name
	store_up 1
	members_up ''
	stays web1 one bob
	stays web2 two bob
	run -0 on web3 on_host sessctl lock --fleet --reason 'left the firm' user bob
	contains "$output" "web1: "
	[[ $output != *PENDING* ]]
	contains "$output" "web2: "
	contains "$output" "user bob is locked on all hosts of the fleet"
	finish_badly one
	finish_badly two
	for name in web1 web2 web3; do
		run ! on "$name" ssh_as bob -- true
		equal '"root on web3"' "$(on "$name" events_where '.event == "lock_set"' by)"
	done
	# It is the fleet's: no host lifts it alone.
	run ! on web1 on_host sessctl unlock user bob
	contains "$output" "it is a lock of the fleet"
	run -0 on web1 on_host sessctl unlock --fleet user bob
	for name in web1 web2 web3; do on "$name" wait_until 'ssh_as bob -- true'; done
	run -5 on web1 on_host sessctl unlock --fleet user bob
}

@test "a lock runs out by itself" {
	store_up 1
	members_up ''
	run -0 on web1 on_host sessctl lock --fleet --for 2s user bob
	run ! on web2 ssh_as bob -- true
	on web2 wait_until 'ssh_as bob -- true'
}

@test "sessions of other hosts are listed and ended" {
	store_up 1
	members_up ''
	stays web1 one bob
	stays web2 two bob
	stays web2 three carol
	run -0 on web3 on_host sessctl list --fleet --json
	equal "web1 bob,web2 bob,web2 carol" "$(jq -r '"\(.host) \(.user)"' <<<"$output" | sort | paste -sd ,)"
	run -0 on web3 on_host sessctl list --fleet --user bob
	equal 3 "${#lines[@]}"
	# One, by its id.
	run -0 on web3 on_host sessctl revoke --fleet "$(on web2 sessions_where '.user == "carol"')"
	contains "$output" "web2: "
	finish_badly three
	# A user's, on all hosts.
	run -0 on web3 on_host sessctl revoke --fleet --user bob --reason moved
	equal 2 "$(grep -c ' bob sshd: ended' <<<"$output")"
	finish_badly one
	finish_badly two
	equal '"root on web3"' "$(on web1 events_where '.event == "session_ending"' by)"
	equal '"moved"' "$(on web1 events_where '.event == "session_ending"' text)"
	run -5 on web3 on_host sessctl revoke --fleet 00000000000000000000000000000000
	# Nobody but an administrator asks the fleet.
	run -4 on web3 on_host setpriv --reuid 2102 --regid 2102 --clear-groups sessctl list --fleet
	# Nothing is left in the store but the hosts.
	wait_until '[ -z "$(store_keys session/)$(store_keys revoke/)$(store_keys done/)" ]'
}

@test "a host that is cut off keeps its sessions, decides alone, and registers them again" {
	store_up 1
	members_up "$two"
	stays web1 one bob
	stays web2 two bob
	cut_off web1
	# Its lease ends, and with it its places; its session does not.
	wait_until '[ "$(store_keys session/bob/ | wc -l)" = 1 ]'
	run -1 on web2 on_host sessctl status --fleet
	contains "$output" "host web1: UNREACHABLE"
	background_runs one
	# Elsewhere its place is free; there, the local count decides.
	stays web3 three bob
	stays web1 four bob
	# An order for it is pending, and carried out when it is back.
	run -1 on web2 on_host sessctl revoke --fleet --user carol
	contains "$output" "web1: PENDING"
	reconnect web1
	wait_until '[ "$(store_keys session/bob/ | wc -l)" = 4 ]' 60
	equal "one four two three" "$(for b in one four two three; do ! background_runs $b || echo $b; done | paste -sd ' ')"
	wait_until '[ -z "$(store_keys revoke/)" ]'
	# That is reported once, by the host that has come back, and nobody is ended for it.
	on web1 wait_until '[ -n "$(overshoots)" ]'
	equal "bob 4/2 contractors none is ended for it; sshd from 127.0.0.1 on web1, sshd from 127.0.0.1 on web1, sshd from 127.0.0.1 on web2, and more" \
		"$(each_host overshoots)"
	equal 1 "$(on web1 on_host sessctl status --fleet --json | jq -s '.[0].overshoots')"
	on web1 on_host sessctl metrics | grep -qx 'sessd_fleet_overshoots_total 1'
	# Over its cap now: nobody more comes in.
	run ! on web1 ssh_as bob -- true
	run ! on web2 ssh_as bob -- true
	equal "bob cap 4/2 contractors" "$(on web2 refusals | tail -n 1)"
}

@test "where a return exceeds a cap that evicts, the oldest of all is ended" {
	local sid
	store_up 1
	members_up 'policy "contractors" { groups = {"contractors"} max_sessions = 2 scope = fleet at_limit = evict_oldest }'
	on web1 begin one bob -- :
	stays web2 two bob
	cut_off web1
	wait_until '[ "$(store_keys session/bob/ | wc -l)" = 1 ]'
	stays web3 three bob
	reconnect web1
	# To the store it is the youngest of the three; its host knows better.
	on web1 ends_so "$sid" 'session_opened session_ending(evicted) session_ended(evicted)'
	contains "$(on web1 overshoots)" "bob 3/2 contractors those beyond the cap are ended; "
	equal 1 "$(each_host overshoots | grep -c " 3/2 ")"
	background_runs two
	background_runs three
	equal 2 "$(store_keys session/bob/ | wc -l)"
}

@test "hosts whose clocks are an hour apart" {
	local one_tty two_sid
	on web1 clock_off 1
	on web3 clock_off -1
	store_up 1
	members_up "$idlest"
	on web1 on_terminal one bob
	one_tty=$tty
	on web2 on_terminal two bob
	two_sid=$sid
	[ "$(on web1 on_host date +%s)" -ge "$(($(on web3 on_host date +%s) + 7000))" ]
	on web1 types "$one_tty"
	on web3 on_terminal three bob
	on web2 ends_so "$two_sid" 'session_opened session_ending(evicted) session_ended(evicted)'
	background_runs one
	equal 2 "$(store_keys session/bob/ | wc -l)"
	# A lock lasts as long as it was said to, and ends who is there.
	run -0 on web3 on_host sessctl lock --fleet --for 3s user bob
	finish_badly one
	finish_badly three
	run ! on web1 ssh_as bob -- true
	on web1 wait_until 'ssh_as bob -- true'
	on web2 wait_until 'ssh_as bob -- true'
	stays web1 four carol
	run -0 on web3 on_host sessctl revoke --fleet --user carol
	contains "$output" "web1: "
	[[ $output != *PENDING* ]]
	finish_badly four
}

@test "a cap that refuses counts right where clocks are an hour apart, and who has gone makes room" {
	local i
	on web1 clock_off 1
	on web3 clock_off -1
	store_up 1
	members_up "fleet_unreachable = deny
$two"
	stays web1 one bob
	stays web2 two bob
	run ! on web3 ssh_as bob -- touch /tmp/ran
	run ! on web1 ssh_as bob -- touch /tmp/ran
	equal "bob cap 2/2 contractors" "$(on web3 refusals)"
	equal "bob cap 2/2 contractors" "$(on web1 refusals)"
	on web1 release one
	finish one
	wait_until '[ "$(store_keys session/bob/ | wc -l)" = 1 ]'
	stays web3 three bob
	run ! on web2 ssh_as bob -- true
	equal "bob cap 2/2 contractors" "$(on web2 refusals)"
	# A host that was cut off registers what it has, whenever that was by its clock.
	cut_off web3
	wait_until '[ "$(store_keys session/bob/ | wc -l)" = 1 ]'
	reconnect web3
	wait_until '[ "$(store_keys session/bob/ | wc -l)" = 2 ]' 60
	run ! on web1 ssh_as bob -- true
	background_runs two
	background_runs three
	# And a race: each is in, or refused; two are in.
	on web2 release two
	on web3 release three
	wait_until '[ -z "$(store_keys session/)" ]'
	for i in 1 2 3; do
		on "web$i" background "racer$i-1" ssh_as bob -- /sessd/hold race
		on "web$i" background "racer$i-2" ssh_as bob -- /sessd/hold race
	done
	wait_until '[ "$(cat "$BATS_TEST_TMPDIR"/racer*.out | grep -c "^held\|^sessd:")" -ge 6 ]' 60
	i=$(cat "$BATS_TEST_TMPDIR"/racer*.out | grep -c '^held')
	[ "$i" -ge 1 ] && [ "$i" -le 2 ] || equal "1 or 2" "$i"
	equal "$i" "$(store_keys session/bob/ | wc -l)"
}

@test "while the fleet cannot be asked, fleet_unreachable decides" {
	store_up 1
	members_up "fleet_unreachable = deny
$two"
	stays web1 one bob
	on store daemon_signal etcd1 KILL
	run ! on web1 ssh_as bob -- touch /tmp/ran
	equal "unavailable" "$(on web1 events_where '.event == "session_refused"' reason | jq -r .)"
	# Who is under no cap over the fleet is let in, and who was is not ended.
	stays web1 other alice
	on web1 wait_until '! fleet_joined'
	run ! on web1 ssh_as bob -- touch /tmp/ran
	background_runs one
	member_up 1
	on web1 wait_until 'ssh_as bob -- true' 60
}

@test "the leader of the store is killed, and logins are still decided" {
	store_up 3
	members_up "$two"
	stays web1 one bob
	on store daemon_signal "etcd$(store_leader)" KILL
	stays web2 two bob
	wait_until '[ "$(store_keys session/bob/ | wc -l)" = 2 ]'
	run ! on web3 ssh_as bob -- true
	equal "bob cap 2/2 contractors" "$(on web3 refusals)"
	run -0 on web3 on_host sessctl lock --fleet user bob
	finish_badly one
	finish_badly two
}

@test "a host's name belongs to one host" {
	store_up 1
	members_up "$two"
	on web2 daemon_signal sessd-fleet KILL
	on web2 wait_until '! daemon_runs sessd-fleet'
	on web2 fleet_conf web1 'insecure = true'
	on web2 start_agent
	on web2 wait_until 'grep -q "host web1 has not joined the fleet: another host has this name" "$HOST_FS/var/log/sessd-fleet.log"'
	on web1 fleet_joined
	# The agent of the first is started again: it is the same host.
	on web1 daemon_signal sessd-fleet KILL
	on web1 wait_until '! daemon_runs sessd-fleet'
	on web1 start_agent
	on web1 wait_until fleet_joined
}

@test "agent and daemon come and go, and the count stays right" {
	store_up 1
	members_up "$two"
	stays web1 one bob
	stays web2 two bob
	on web1 daemon_signal sessd-fleet KILL
	on web1 wait_until '! daemon_runs sessd-fleet'
	on web1 on_host sessctl list >/dev/null
	run -3 on web1 on_host sessctl list --fleet
	contains "$output" "sessd-fleet is not running"
	on web1 start_agent
	on web1 wait_until fleet_joined
	run ! on web1 ssh_as bob -- true
	on web2 stop_sessd KILL
	on web2 start_sessd
	on web2 wait_until fleet_joined
	run ! on web2 ssh_as bob -- true
	equal "bob cap 2/2 contractors" "$(on web2 refusals | tail -n 1)"
	# One that ended while its agent was away.
	on web1 daemon_signal sessd-fleet KILL
	on web1 wait_until '! daemon_runs sessd-fleet'
	on web1 release one
	finish one
	on web1 start_agent
	wait_until '[ "$(store_keys session/bob/ | wc -l)" = 1 ]'
	on web3 wait_until fleet_joined
	stays web3 three bob
}

@test "logins race on three hosts, and the cap holds" {
	local round i n
	store_up 3
	# Strict: who cannot be counted in time is refused.
	members_up "fleet_unreachable = deny
$two"
	for round in 1 2 3 4; do
		for i in 1 2 3; do
			for n in 1 2 3; do
				on "web$i" background "r$round-$i-$n" ssh_as bob -- "/sessd/hold r$round"
			done
		done
		# Each is in, or refused.
		wait_until '[ "$(cat "$BATS_TEST_TMPDIR"/r'$round'-*.out | grep -c "^held\|^sessd:")" -ge 9 ]' 60
		n=$(cat "$BATS_TEST_TMPDIR/r$round"-*.out | grep -c '^held')
		[ "$n" -ge 1 ] && [ "$n" -le 2 ] || equal "1 or 2" "$n"
		for i in 1 2 3; do on "web$i" release "r$round"; done
		wait_until '[ -z "$(store_keys session/)" ]' 60
	done
}

@test "an agent that hangs holds no login up for long" {
	store_up 1
	members_up "$two"
	stays web1 one bob
	on web1 daemon_signal sessd-fleet STOP
	on web1 ssh_as bob -- true
	# sessd decides alone then, and waits for nobody.
	stays web1 two bob
	run ! on web1 ssh_as bob -- true
	equal "bob cap 2/2 contractors" "$(on web1 refusals)"
	on web1 daemon_signal sessd-fleet CONT
	wait_until '[ "$(store_keys session/bob/ | wc -l)" = 2 ]'
	run ! on web2 ssh_as bob -- true
	# And the fleet is asked again: of two sessions one is elsewhere.
	on web1 release one
	finish one
	wait_until '[ "$(store_keys session/bob/ | wc -l)" = 1 ]'
	stays web2 three bob
	on web1 wait_until 'ssh_as bob -- true 2>&1 | grep -q "2 of 2 sessions on all hosts"'
}

@test "no order is lost to a compaction" {
	store_up 1
	members_up ''
	stays web2 one bob
	# Its stream breaks while it cannot notice, and what it would go on from is forgotten.
	on web2 daemon_signal sessd-fleet STOP
	on store daemon_signal etcd1 KILL
	on store wait_until '! daemon_runs etcd1'
	member_up 1
	wait_until 'store endpoint health >/dev/null 2>&1'
	on web1 wait_until fleet_joined
	wait_until '[ -z "$(store_keys alive/web2)" ]'
	run -1 on web1 on_host sessctl revoke --fleet --user bob
	contains "$output" "web2: PENDING"
	background_runs one
	for n in 1 2 3; do store put /sessd/v1/noise "$n"; done
	store compaction "$(store get x -w json | jq .header.revision)"
	on web2 daemon_signal sessd-fleet CONT
	finish_badly one
	wait_until '[ -z "$(store_keys revoke/)" ]'
}

@test "a lock said anew holds as it is said last" {
	local name
	store_up 1
	members_up ''
	run -0 on web1 on_host sessctl lock --fleet --for 3s user bob
	run -0 on web1 on_host sessctl lock --fleet user bob
	[[ $output != *PENDING* ]]
	for name in web1 web2 web3; do
		equal "[null]" "$(on "$name" on_host sessctl locks --json | jq -sc 'map(.expires_at)')"
	done
}

@test "a host's own lock and the fleet's stand beside each other" {
	store_up 1
	members_up ''
	run -0 on web1 on_host sessctl lock --fleet user bob
	# One that runs out does not take the fleet's with it.
	run -0 on web2 on_host sessctl lock --for 1s user bob
	equal 2 "$(on web2 on_host sessctl locks --json | wc -l)"
	on web2 wait_until '[ "$(on_host sessctl locks --json | wc -l)" = 1 ]'
	run ! on web2 ssh_as bob -- true
	# Nor does the fleet's that is lifted take the host's.
	run -0 on web3 on_host sessctl lock user carol
	run -0 on web1 on_host sessctl lock --fleet user carol
	equal "fleet host" "$(on web3 on_host sessctl locks | awk '$2 == "carol" { print $3 }' | sort | paste -sd ' ')"
	run -0 on web3 on_host sessctl unlock --fleet user carol
	contains "$output" "user carol is not locked by the fleet any more, but yet by this host alone: sessctl unlock user carol"
	on web3 wait_until '[ "$(on_host sessctl locks --json | jq -r "select(.name == \"carol\") | .name")" = carol ]'
	on web1 wait_until 'ssh_as carol -- true'
	run ! on web3 ssh_as carol -- true
	# Without the daemon the module reads both.
	run -0 on web2 on_host sessctl lock user bob
	run -0 on web2 on_host sessctl unlock user bob
	contains "$output" "user bob is not locked by this host alone any more, but yet by the fleet: sessctl unlock --fleet user bob"
	on web2 stop_sessd KILL
	run ! on web2 ssh_as bob -- true
	run -0 on web2 ssh_as carol -- true
}

@test "a cap that is read later counts those who are there already" {
	local name
	store_up 1
	members_up ''
	stays web1 one bob
	stays web1 two bob
	for name in web1 web2 web3; do
		on "$name" eval 'printf "%s\n" "$two" >>"$HOST_FS/etc/sessd/sessd.conf"'
		on "$name" daemon_signal sessd HUP
	done
	wait_until '[ "$(store get --prefix --print-value-only /sessd/v1/session/bob/ | grep -c contractors)" = 2 ]'
	on web2 wait_until '! ssh_as bob -- true'
	equal "bob cap 2/2 contractors" "$(on web2 refusals)"
	# And where it is taken away, nobody counts.
	for name in web1 web2 web3; do
		on "$name" eval 'sed -i "/contractors/d" "$HOST_FS/etc/sessd/sessd.conf"'
		on "$name" daemon_signal sessd HUP
	done
	wait_until '! store get --prefix --print-value-only /sessd/v1/session/bob/ | grep contractors'
	on web2 wait_until 'ssh_as bob -- true'
}
