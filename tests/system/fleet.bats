#!/usr/bin/env bats
# Several hosts: real sshd and logins on each, sessd and sessd-fleet on each, and etcd.
load ../lib/helpers
load ../lib/sessions
load ../lib/fleet

setup_file() { fleet_start 3; }
teardown_file() { fleet_stop; }
teardown() { fleet_reset; }

two='policy "contractors" { groups = {"contractors"} max_sessions = 2 scope = fleet }'

# A login that stays, on that host.
stays() # HOST BACKGROUND USER
{
	on "$1" background "$2" ssh_as "$3" -- "/sessd/hold $2"
	held "$2"
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
