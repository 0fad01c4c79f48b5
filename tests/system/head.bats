#!/usr/bin/env bats
# The heads of ledgers, which the store and other hosts keep: a ledger that was cut off, rolled back or replaced is seen.
load ../lib/helpers
load ../lib/sessions
load ../lib/fleet

setup_file() { fleet_start 2; }
teardown_file() { fleet_stop; }
teardown() { fleet_reset; }

# A member of the value that the store has as the head of that host.
stored() # HOST [MEMBER]
{
	store get --print-value-only "/sessd/v1/head/$1" | jq -r ".${2:-checkpoint} // \"\""
}

seal()
{
	on_host sessctl audit checkpoint
}

# A checkpoint of all that the host's ledger has, when the store and the other host have it.
kept() # HOST: $head
{
	head=$(on "$1" seal)
	wait_until "[ \"\$(stored $1)\" = $head ]"
	on web2 wait_until "grep -q '^$head ' \"\$HOST_FS\"/var/lib/sessd-fleet/ledgers/$1.heads"
}

verify() # HOST STATUS ARGUMENT…
{
	run "-$2" on "$1" on_host sessctl audit verify "${@:3}"
}

# What the host's ledger says of broken ones: `SEQ:HASH TEXT`.
broken()
{
	events_where '.event == "head_broken"' | jq -r '"\(.last):\(.hash) \(.text)"'
}

says_broken() # HOST LINE
{
	on "$1" wait_until "broken | grep -qF '$2'"
}

export_to_web2() # FILE: web1's ledger
{
	on web1 ledger >"$BATS_TEST_TMPDIR/lines"
	on web2 on_host tee "$1" <"$BATS_TEST_TMPDIR/lines" >/dev/null
}

put_aside() # NAME: stops sessd, whose ledger is as it is
{
	stop_sessd
	on_host cp -a /var/lib/sessd "/root/$1"
}

put_back() # NAME: of sessd, which is stopped; it goes on with that one
{
	on_host rm -rf /var/lib/sessd
	on_host cp -a "/root/$1" /var/lib/sessd
	start_sessd
}

# An event, whatever it is.
event()
{
	on_host sessctl lock user mallory && on_host sessctl unlock user mallory
}

stop_agent()
{
	daemon_signal sessd-fleet KILL
	wait_until '! daemon_runs sessd-fleet'
}

@test "the store has the head of each ledger, and a verification asks for it" {
	local head first
	store_up 1
	members_up ''
	on web2 seal
	wait_until '[ -n "$(stored web2)" ]'
	kept web1
	first=$head
	equal "$head" "$(on web1 on_host sessctl status --fleet --json | jq -sr '.[0].checkpoint')"
	verify web1 0 --anchor fleet
	contains "$output" "anchored at event ${head%%:*}; tail of"
	on web1 event
	kept web1
	[ "$head" != "$first" ]
	export_to_web2 /root/web1
	verify web2 0 --anchor fleet:web1 /root/web1
	contains "$output" "anchored at event ${head%%:*} and at "
	# Of this host's own ledger they are not the heads.
	verify web2 1 --anchor fleet:web1
	on web2 on_host bash -c "head -n $((${head%%:*} - 1)) /root/web1 >/root/cut"
	verify web2 1 --anchor fleet:web1 /root/cut
	contains "$output" "the ledger ends before the event that the anchor tells of"
	equal "" "$(on web1 broken)$(on web2 broken)"

	verify web1 3 --anchor fleet:web9
	contains "$output" "has a checkpoint of that host's ledger"
	verify web1 2 --anchor fleet:
	run -4 on web1 on_host runuser -u bob -- sessctl audit verify --anchor fleet
	on store daemon_signal etcd1 STOP
	verify web1 3 --anchor fleet
	on store daemon_signal etcd1 CONT
}

@test "a ledger that is rolled back is told of, there and elsewhere, until it is put right" {
	local head true_head
	store_up 1
	members_up ''
	kept web1
	on web1 put_aside old
	on web1 start_sessd
	on web1 event
	kept web1
	on web1 put_aside new
	on web1 put_back old
	wait_until '[ -n "$(stored web1 broken)" ]'
	true_head=$(stored web1)
	says_broken web1 "$true_head web1: its last checkpoint is "
	says_broken web2 "$true_head web1: it says itself that its last checkpoint is "
	equal "$true_head" "$(stored web1)"
	verify web1 1 --anchor fleet
	run -0 on web1 on_host sessctl status --fleet
	contains "$output" "TROUBLE: the ledger lacks the event that the fleet keeps of it: $true_head"
	contains "$(on web1 host_logs)" "the ledger of web1 lacks its event ${true_head%%:*}"
	# It is told once, also by an agent that was started anew.
	on web2 stop_agent
	store put /sessd/v1/head/web9 "{\"checkpoint\":\"$true_head\"}"
	on web2 start_agent
	on web2 wait_until 'grep -q . "$HOST_FS/var/lib/sessd-fleet/ledgers/web9.heads"'
	equal 1 "$(on web2 broken | wc -l)"
	# The true one comes back.
	on web1 stop_sessd
	on web1 put_back new
	wait_until '[ -z "$(stored web1 broken)" ]'
	verify web1 0 --anchor fleet
}

@test "an administrator takes the new ledger for good" {
	local head
	store_up 1
	members_up ''
	on web1 event
	kept web1
	on web1 stop_sessd
	on web1 on_host rm -rf /var/lib/sessd
	on web1 start_sessd
	on web1 seal
	says_broken web1 "$head web1: its last checkpoint is "
	on web1 stop_agent
	store del /sessd/v1/head/web1
	on web2 wait_until 'grep -q "head of the ledger of web1 was removed" "$HOST_FS/var/log/sessd-fleet.log"'
	on web2 on_host rm /var/lib/sessd-fleet/ledgers/web1.heads
	on web1 start_agent
	on web1 wait_until fleet_joined
	kept web1
	verify web1 0 --anchor fleet
	export_to_web2 /root/web1
	verify web2 0 --anchor fleet:web1 /root/web1
}

@test "a rolled-back ledger that has grown past where it was is seen by who remembers" {
	local head
	store_up 1
	members_up ''
	kept web1
	on web1 put_aside old
	on web1 start_sessd
	kept web1
	# Whoever has web1 has its access to the store as well.
	on web1 stop_agent
	on web1 stop_sessd
	on web1 put_back old
	until [ "$(on web1 seal | cut -d: -f1)" -gt "$((${head%%:*} + 5))" ]; do on web1 event; done
	store put /sessd/v1/head/web1 "{\"checkpoint\":\"$(on web1 seal)\"}"
	on web1 start_agent
	on web1 wait_until fleet_joined
	kept web1
	equal "" "$(on web1 broken)$(on web2 broken)"
	verify web1 0 --anchor fleet
	export_to_web2 /root/web1
	verify web2 1 --anchor fleet:web1 /root/web1
	contains "$output" "the event is not the one that the anchor tells of"
}

@test "a head that goes back is told of, and what is none is passed over" {
	local a b
	a=9:$(printf '%064d' 9) b=10:$(printf '%064d' 10)
	store_up 1
	members_up ''
	store put /sessd/v1/head/web7 "{\"checkpoint\":\"$b\"}"
	store put /sessd/v1/head/web7 "{\"checkpoint\":\"$a\"}"
	says_broken web2 "$b web7: the head that it gives the fleet is now $a"
	# The same place, and another event there.
	store put /sessd/v1/head/web7 "{\"checkpoint\":\"${a%9}8\"}"
	says_broken web1 "$a web7: the head that it gives the fleet is now ${a%9}8"
	equal 2 "$(on web1 broken | wc -l)"
	# A store that was restored has an older one for a while, and what comes next says more.
	store put /sessd/v1/head/web5 "{\"checkpoint\":\"$a\"}"
	store put /sessd/v1/head/web5 "{\"checkpoint\":\"$b\"}"
	store put /sessd/v1/head/web5 "{\"checkpoint\":\"$a\"}"
	on web1 wait_until 'grep -q "head of the ledger of web5 in the store was seen before" "$HOST_FS/var/log/sessd-fleet.log"'
	store put /sessd/v1/head/web5 "{\"checkpoint\":\"${b%10}11\"}"
	says_broken web1 "$b web5: the head that it gives the fleet is now ${b%10}11"
	equal 3 "$(on web1 broken | wc -l)"
	store put /sessd/v1/head/web8 '{"checkpoint":9}'
	store put /sessd/v1/head/web8 'garbage'
	store put /sessd/v1/head/.. "{\"checkpoint\":\"$a\"}"
	store put /sessd/v1/head/%2E%2E%2Froot "{\"checkpoint\":\"$a\"}"
	store put "/sessd/v1/head/$(printf '%0300d' 1)" "{\"checkpoint\":\"$a\"}"
	store put /sessd/v1/head/web6 "{\"checkpoint\":\"$a\"}"
	on web2 wait_until 'grep -q "^$a " "$HOST_FS/var/lib/sessd-fleet/ledgers/web6.heads"'
	# What is no name of a file is not one here either; web1 may have a checkpoint of its own by now.
	equal "..%2Froot.heads ...heads web5.heads web6.heads web7.heads" "$(on web2 on_host ls -A /var/lib/sessd-fleet/ledgers |
		grep -v '^web1' | LC_ALL=C sort | paste -sd ' ')"
	# Its own is not believed either, where it is none.
	store put /sessd/v1/head/web1 'garbage'
	on web1 stop_agent
	on web1 start_agent
	on web1 wait_until fleet_joined
	kept web1
}

@test "a store that was begun anew has the heads again" {
	local head
	store_up 1
	members_up ''
	kept web1
	on store daemon_signal etcd1 KILL
	on store wait_until '! daemon_runs etcd1'
	in_store bash -c 'rm -rf /var/lib/etcd*'
	member_up 1
	wait_until "[ \"\$(stored web1)\" = $head ]" 60
	on web2 wait_until fleet_joined
	equal "" "$(on web1 broken)$(on web2 broken)"
}

@test "a host watches over those that it is told to" {
	local head
	store_up 1
	each_host start_sshd
	each_host start_sessd ''
	on web1 fleet_conf web1 'insecure = true' 'witness = {}'
	on web2 fleet_conf web2 'insecure = true' 'witness = {"web1", "web5"}'
	each_host start_agent
	each_host wait_until fleet_joined
	store put /sessd/v1/head/web4 "{\"checkpoint\":\"9:$(printf '%064d' 9)\"}"
	store put /sessd/v1/head/web5 "{\"checkpoint\":\"9:$(printf '%064d' 9)\"}"
	kept web1
	on web2 wait_until '[ -s "$HOST_FS/var/lib/sessd-fleet/ledgers/web5.heads" ]'
	equal "web1.heads web5.heads" "$(on web2 on_host ls -A /var/lib/sessd-fleet/ledgers | paste -sd ' ')"
	equal "" "$(on web1 on_host ls -A /var/lib/sessd-fleet/ledgers)"
}
