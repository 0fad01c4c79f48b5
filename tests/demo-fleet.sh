#!/usr/bin/env bash
# `make demo-fleet`: three hosts with real sshd, and etcd with three members, in namespaces of their own. What is shown
# as `$ …` is what runs there, and each line marked `ok` is a claim that was checked; the first that is not true ends
# the demo with status 1. Nothing of this machine changes.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/lib/host.sh
# Of the tests' helpers those that start the daemons, without the test runner that they are made for.
bats_require_minimum_version() { :; }
. tests/lib/helpers.bash
. tests/lib/fleet.bash
. tests/lib/demo.bash

HOST= n_logins=0

# go NAME: what follows runs on that host.
go()
{
	host_use "$FLEET-$1"
	files=$HOST_FS
	show_place "$1"
}

show_place()
{
	printf '  %son %s:%s\n' "$bold" "$1" "$plain"
}

# log_in NAME USER: a login on that host that stays; its pid is then in `login`.
log_in()
{
	local before
	go "$1"
	before=$(fleet_sessions "$2")
	begin "login$((n_logins += 1))" "ssh $2@localhost sleep 1000"
	login=$!
	until_true "$2 is in, and the fleet knows it" more_sessions "$2" "$before"
}

# How many sessions of the user the store has.
fleet_sessions()
{
	store_keys "session/$1/" | wc -l
}

more_sessions()
{
	[ "$(fleet_sessions "$1")" -gt "$2" ]
}

has_in_fleet()
{
	[ "$(fleet_sessions "$1")" = "$2" ]
}

set_up()
{
	cat <<-'TEXT'
	Three hosts, web1 to web3, each with its own address, sshd, sessd and
	sessd-fleet, and a cluster of three etcd members. Bob is a contractor, and
	contractors may have two sessions over all hosts together. The hosts are made
	of namespaces of this machine, which is not changed. A line with $ is a command
	that runs on the host that is named before it; one with "ok" was checked.
	TEXT
	fleet_start 3 || exit 1
	store_up 3 || exit 1
	local i
	for i in 1 2 3; do
		on "web$i" on_host bash -c 'hostname "$1"; install -d -m 0700 /root/.ssh; cat >/root/.ssh/config' bash "web$i" <<-'TEXT'
		Host localhost
			HostName 127.0.0.1
			HostKeyAlias 127.0.0.1
			UserKnownHostsFile /root/known_hosts
			IdentityFile /root/keys/%r
			PreferredAuthentications publickey
			RequestTTY no
		TEXT
	done
	members_up 'fleet_unreachable = deny
policy "contractors" {
    groups       = {"contractors"}
    max_sessions = 2
    scope        = fleet
}' >/dev/null || fail 'all hosts have joined the fleet'
	go web1
	run 'cat /etc/sessd/sessd.conf'
	run 'cat /etc/sessd/fleet.conf'
	run 'cat /etc/sessd/fleet.keys      # whose orders count, on all hosts'
	run 'sessctl status --fleet'
	claim 'all three hosts are heard of' [ "$(grep -c 'host web[123]: reachable' <<<"$out")" = 3 ]
}

act_cap()
{
	title '1. Bob logs in on web1 and on web2. On web3 there is no place for him.'
	log_in web1 bob
	by_web1=$login
	log_in web2 bob
	by_web2=$login
	go web3
	run 'sessctl list --fleet'
	run 'ssh bob@localhost'
	claim 'he was refused, and told why' contains "$out" 'you already have 2 of 2 sessions on all hosts'
	claim 'two sessions of his are there' has_in_fleet bob 2
}

act_lock()
{
	title '2. Bob is locked, on web3. His sessions end where they are.'
	begun=${EPOCHREALTIME/./}
	run 'sessctl lock --fleet user bob'
	until_true 'the session on web1 ended' has_ended "$by_web1"
	until_true 'the session on web2 ended' has_ended "$by_web2"
	took=$(((${EPOCHREALTIME/./} - begun) / 1000))
	claim 'it says that all is done' [ "$status" = 0 ]
	claim "both ssh came back within a second: $took ms after the command was given" [ "$took" -lt 1000 ]
	claim 'neither session is there any more' has_in_fleet bob 0
	go web1
	run 'ssh bob@localhost'
	claim 'he comes in nowhere' [ "$status" != 0 ]
	run 'sessctl unlock --fleet user bob'
}

# The members that are left have agreed on another.
has_leader()
{
	store --command-timeout=1s get / >/dev/null 2>&1
}

fleet_decides()
{
	in_host 'ssh bob@localhost true' </dev/null 2>&1 | grep -q 'you already have 2 of 2 sessions on all hosts'
}

who_decided()
{
	if contains "$out" 'cannot be counted now'; then
		echo 'by fleet_unreachable = deny, as there is no leader yet'
	else
		echo 'by the fleet, which has another leader already'
	fi
}

act_leader()
{
	title '3. The leader of the store is killed with -9 while bob has two sessions.'
	log_in web1 bob
	by_web1=$login
	log_in web2 bob
	by_web2=$login
	leader=$(store_leader)
	show_place 'the store'
	show_command "kill -9 \$(cat /run/etcd$leader.pid)"
	on store daemon_signal "etcd$leader" KILL
	go web3
	run 'ssh bob@localhost'
	claim "a third login is decided all the same, after $ms ms: no" [ "$status" != 0 ]
	show_ok "$(who_decided)"
	until_true 'the members have another leader' has_leader
	until_true 'the fleet can be asked again' fleet_decides
	run 'ssh bob@localhost'
	claim 'now it is the fleet that says so' contains "$out" 'you already have 2 of 2 sessions on all hosts'
	claim 'both sessions go on' kill -0 "$by_web1" "$by_web2"
	go web1
	run 'pkill -u bob -x sleep'
	until_true 'the session on web1 ended' has_ended "$by_web1"
	until_true 'its place is free' has_in_fleet bob 1
	log_in web3 bob
	by_web3=$login
	claim 'the place that he left on web1 is given to him on web3' has_in_fleet bob 2
}

act_cut_off()
{
	title '4. web2 is cut off from the network, and bob is to go meanwhile.'
	cut_off web2
	until_true 'its lease is over' has_in_fleet bob 1
	run 'sessctl status --fleet'
	claim 'the others say so' contains "$out" 'host web2: UNREACHABLE'
	claim 'the session there goes on' kill -0 "$by_web2"
	run 'sessctl revoke --fleet --user bob'
	claim 'what cannot be done yet is not called done' contains "$out" 'web2: PENDING'
	until_true 'the session on web3 ended' has_ended "$by_web3"
	claim 'his session on web2 goes on for now' kill -0 "$by_web2"
	title '5. The cable is put back.'
	reconnect web2
	until_true 'the order is carried out' has_ended "$by_web2"
	show_ok 'the order has reached web2, and the session there is over'
	until_true 'web2 is back in the fleet' on web2 fleet_joined
	run 'sessctl status --fleet'
	claim 'all three hosts are heard of' [ "$(grep -c 'host web[123]: reachable' <<<"$out")" = 3 ]
}

was_refused()
{
	grep -qF "order $1: it is not signed" "$files/var/log/sessd-fleet.log"
}

act_forged()
{
	local id=0123456789abcdef0123456789abcdef
	title '6. Somebody writes an order for web1 into the store, which none of the keys has signed.'
	log_in web1 bob
	by_web1=$login
	show_place 'the store'
	show_command "etcdctl put /sessd/v1/revoke/web1/$id \\"$'\n'"'{\"user\":\"bob\"}'"
	store put "/sessd/v1/revoke/web1/$id" '{"user":"bob"}' | show_output
	until_true 'web1 has read it' was_refused "$id"
	go web1
	run "grep $id /var/log/sessd-fleet.log"
	claim 'web1 refuses it, and says why' contains "$out" 'it is not signed'
	claim 'the session goes on' kill -0 "$by_web1"
}

tear_down()
{
	trap - EXIT INT TERM
	[ -z "${FLEET:-}" ] || fleet_stop 2>/dev/null
	wait
	rm -rf "$work"
}

nothing_is_left()
{
	local name
	for name in store web1 web2 web3; do [ -z "$(host_leftovers "$FLEET-$name")" ] || return 1; done
}

[ "$(id -u)" = 0 ] || { echo 'The demo makes namespaces, which needs root: sudo make demo-fleet' >&2; exit 1; }
files=/nonexistent out=
work=$(mktemp -d /tmp/sessd-demo.XXXXXX) || exit 1
trap 'exit 130' INT
trap 'exit 143' TERM
trap tear_down EXIT
started=${EPOCHREALTIME/./}
hosts_sweep
set_up
act_cap
act_lock
act_leader
act_cut_off
act_forged
title 'The end: the hosts are taken down.'
tear_down 2>/dev/null
claim 'nothing is left of them: no process, no mount, no file' nothing_is_left
took=$(((${EPOCHREALTIME/./} - started) / 100000))
title "All of it came true, in $((took / 10)).$((took % 10)) s."
