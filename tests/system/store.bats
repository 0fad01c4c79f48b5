#!/usr/bin/env bats
# What becomes of a fleet whose etcd is not what it was, or what it should be.
load ../lib/helpers
load ../lib/sessions
load ../lib/fleet

setup_file() { fleet_start 2; }
teardown_file() { fleet_stop; }
teardown() { fleet_reset; }

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
