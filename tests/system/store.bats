#!/usr/bin/env bats
# What becomes of a fleet whose etcd is not what it was, or what it should be.
load ../lib/helpers
load ../lib/sessions
load ../lib/fleet

setup_file() { fleet_start 2; }
teardown_file() { fleet_stop; }
teardown() { fleet_reset; }

capped='policy "contractors" { groups = {"contractors"} max_sessions = 2 scope = fleet }'

store_fs()
{
	on store eval 'echo "$HOST_FS"'
}

# Of that host's agent, KiB.
memory_peak() # HOST
{
	on "$1" eval 'awk "/^VmHWM:/ { print \$2 }" "$HOST_FS/proc/$(daemon_pid sessd-fleet)/status"'
}

# A login that stays, on that host.
stays() # HOST BACKGROUND USER
{
	on "$1" background "$2" ssh_as "$3" -- "/sessd/hold $2"
	held "$2"
}

# The store as it is, so that it can be put back.
store_kill()
{
	on store daemon_signal etcd1 KILL
	on store wait_until '! daemon_runs etcd1'
}

store_again()
{
	member_up 1
	wait_until 'store endpoint health >/dev/null 2>&1'
}

@test "orders and locks reach all hosts of a store that was put back to what it was" {
	local n
	store_up 1
	members_up ''
	store_kill
	in_store cp -a /var/lib/etcd1 /var/lib/etcd-before
	store_again
	each_host wait_until fleet_joined
	stays web1 one bob
	for n in {1..20}; do store put "/noise/$n" x; done
	# What each host has seen is later than what is put back.
	run -0 on web1 on_host sessctl lock --fleet user carol
	run -0 on web1 on_host sessctl unlock --fleet user carol
	store_kill
	in_store bash -c 'rm -rf /var/lib/etcd1 && mv /var/lib/etcd-before /var/lib/etcd1'
	store_again
	# What was written since is written once more.
	wait_until '[ "$(store_keys session/bob/ | wc -l)" = 1 ]'
	each_host wait_until fleet_joined
	run -0 on web2 on_host sessctl lock --fleet user bob
	finish_badly one
	run ! on web1 ssh_as bob -- true
	stays web2 two alice
	run -0 on web1 on_host sessctl revoke --fleet --user alice
	finish_badly two
}

@test "a host whose claim somebody took out of the store is not passed over" {
	local way
	store_up 1
	members_up ''
	for way in at_once later; do
		stays web2 "$way" bob
		store del /sessd/v1/host/web2
		[ $way = at_once ] || wait_until '[ -n "$(store_keys host/web2)" ]'
		run on web1 on_host sessctl revoke --fleet --user bob
		# It was done, or he who asked was told that it was not.
		if [ "$status" = 0 ]; then
			finish_badly "$way"
		else
			[ $way = at_once ]
			contains "$output" "web2: "
			background_runs "$way"
			on web2 on_host sessctl revoke --user bob
			finish_badly "$way"
		fi
	done
	# The same of its sign of life: it is not taken for dead.
	store del /sessd/v1/alive/web2
	wait_until '[ -n "$(store_keys alive/web2)" ]'
}

# Of its answer to `status --fleet`.
state_of() # HOST FILTER
{
	on "$1" on_host sessctl status --fleet --json | jq -r "select(.endpoint != null) | $2"
}

lag() # HOST
{
	state_of "$1" '.lag // 0'
}

@test "status tells what a host has not been told of" {
	local member
	store_up 3
	members_up ''
	run -0 on web1 on_host sessctl lock --fleet user carol
	on web2 wait_until '[ "$(lag web2)" = 0 ]'
	# The member that tells web2 hangs, and closes nothing: web2 asks another one, and waits for the first to tell.
	member=$(state_of web2 .endpoint)
	member=${member#*10.77.0.}
	member=${member%:*}
	on store daemon_signal "etcd$member" STOP
	wait_until "store_options=(--command-timeout 20s); store put /sessd/v1/revoke/web2/$(printf %032d 1) x >/dev/null"
	on web2 wait_until '[ "$(lag web2)" = 1 ]'
	on store daemon_signal "etcd$member" CONT
	# It was no order, and is refused.
	on web2 wait_until '[ "$(lag web2)" = 0 ]'
}

# Whatever answers in etcd's place. SEED makes it the same again.
@test "an agent is hardened against what answers in etcd's place" {
	local seed=${SEED:-$RANDOM} agent asked=0
	echo "# seed $seed" >&3
	store_up 1
	members_up "$capped"
	stays web1 one bob
	agent=$(on web1 daemon_pid sessd-fleet)
	store_kill
	cp "$HOST_TOP/tests/lib/hostile_store.py" "$(store_fs)/var/tmp/"
	on store start_daemon hostile python3 /var/tmp/hostile_store.py "$seed" 10.77.0.1 2379 /var/tmp/answered
	# All its ways, several times; and somebody wants something meanwhile.
	until [ "$(cat "$(store_fs)/var/tmp/answered" 2>/dev/null || echo 0)" -ge 120 ]; do
		on web1 on_host timeout 20 sessctl status --fleet >/dev/null 2>&1 || true
		on web1 on_host timeout 20 sessctl list --fleet >/dev/null 2>&1 || true
		on web1 on_host timeout 20 sessctl lock --fleet user carol >/dev/null 2>&1 || true
		# Under such a cap his host decides alone, or he is told why not: nothing worse.
		on web1 ssh_as bob -- true || true
		((++asked < 60))
	done
	[ "$(on web1 daemon_pid sessd-fleet)" = "$agent" ]
	on web1 daemon_runs sessd-fleet
	on web1 daemon_runs sessd
	background_runs one
	# As a user who is under no cap of the fleet logs in, whatever etcd says.
	on web1 ssh_as alice -- true
	[ "$(memory_peak web1)" -lt $((384 * 1024)) ]
	on store daemon_signal hostile KILL
	on store wait_until '! daemon_runs hostile'
	store_again
	each_host wait_until fleet_joined
	wait_until '[ "$(store_keys session/bob/ | wc -l)" = 1 ]'
	stays web2 two bob
	run ! on web2 ssh_as bob -- true
	run -0 on web1 on_host sessctl lock --fleet user bob
	finish_badly one
	finish_badly two
}
