#!/usr/bin/env bats
# Orders and locks of the fleet are signed: what is forged, put again, or given without the right to, does nothing, and
# is told of.
load ../lib/helpers
load ../lib/sessions
load ../lib/fleet

setup_file() { fleet_start 3; }
teardown_file() { fleet_stop; }
teardown() { fleet_reset; }

evicting='policy "contractors" { groups = {"contractors"} max_sessions = 2 scope = fleet at_limit = evict_oldest }'

stays() # HOST BACKGROUND USER
{
	on "$1" background "$2" ssh_as "$3" -- "/sessd/hold $2"
	held "$2"
}

# The value of a key, as it is.
stored() # KEY
{
	store get --print-value-only "/sessd/v1/$1"
}

# What the host's ledger says of refused orders: `by: text`.
refused_orders()
{
	ledger | jq -r 'select(.event == "order_refused") | "\(.by): \(.text)"'
}

agent_says() # HOST TEXT
{
	on "$1" wait_until "grep -qF '$2' \"\$HOST_FS/var/log/sessd-fleet.log\""
}

reload_agent()
{
	daemon_signal sessd-fleet HUP
}

id=0123456789abcdef0123456789abcdef

@test "an order that is not signed, or by a key that nobody knows, is refused" {
	local order
	store_up 1
	members_up ''
	stays web1 one bob
	store put "/sessd/v1/revoke/web1/$id" '{"user":"bob","by":"root on web3"}'
	agent_says web1 "order $id: it is not signed"
	wait_until '[ -z "$(store_keys revoke/)" ]'
	# The host's key is another one than the others know.
	on web3 on_host rm /etc/sessd/fleet.key
	on web3 on_host bash -c 'sed -i /web3/d /etc/sessd/fleet.keys
		sessd-fleet --make-key /etc/sessd/fleet.key | sed "s/.* may=evict /web3 may=revoke,lock /" >>/etc/sessd/fleet.keys'
	on web3 daemon_signal sessd-fleet KILL
	on web3 wait_until '! daemon_runs sessd-fleet'
	on web3 start_agent
	on web3 wait_until fleet_joined
	run -1 on web3 on_host sessctl revoke --fleet --user bob
	contains "$output" "web1: REFUSED: its signature is not that of the key that it names"
	background_runs one
}

@test "a key without the right ends and locks nothing" {
	store_up 1
	fleet_keys evict,revoke,lock evict evict,revoke,lock
	members_up ''
	stays web1 one bob
	run -4 on web2 on_host sessctl revoke --fleet --user bob
	contains "$output" "the key web2 of this host may not revoke"
	run -4 on web2 on_host sessctl lock --fleet user bob
	contains "$output" "the key web2 of this host may not lock"
	equal "" "$(store_keys revoke/)$(store_keys lock/)"
	# It says of itself that it may; the others do not.
	on web2 on_host sed -i '/^web2/s/may=evict/may=evict,revoke,lock/' /etc/sessd/fleet.keys
	on web2 reload_agent
	on web2 wait_until 'on_host sessctl revoke --fleet --user carol | grep -q REFUSED'
	run -1 on web2 on_host sessctl revoke --fleet --user bob
	contains "$output" "web1: REFUSED: its key may not revoke"
	contains "$output" "web3: REFUSED: its key may not revoke"
	run -1 on web2 on_host sessctl lock --fleet user bob
	contains "$output" "web1: REFUSED: its key may not lock"
	on web1 ssh_as bob -- true
	background_runs one
	contains "$(on web1 refused_orders)" "its key may not revoke"
	contains "$(on web1 refused_orders)" "web2: lock of user bob: its key may not lock"
	# It is given the right, and nobody is started again.
	on web1 on_host sed -i '/^web2/s/may=evict/may=evict,revoke,lock/' /etc/sessd/fleet.keys
	on web1 reload_agent
	finish_badly one
}

@test "an order that is put again does nothing, here or elsewhere" {
	local order key
	store_up 1
	members_up ''
	stays web1 one bob
	on web1 daemon_signal sessd-fleet STOP
	on web3 background ask on_host sessctl revoke --fleet --user bob
	wait_until '[ -n "$(store_keys revoke/web1/)" ]'
	key=$(store_keys revoke/web1/)
	order=$(stored "${key#/sessd/v1/}")
	on web1 daemon_signal sessd-fleet CONT
	finish_badly one
	wait_until '[ -z "$(store_keys revoke/)" ]'
	stays web1 two bob
	store put "$key" "$order"
	agent_says web1 "order ${key##*/}: it has been carried out before"
	# Nor when the agent is started again.
	on web1 daemon_signal sessd-fleet KILL
	on web1 wait_until '! daemon_runs sessd-fleet'
	store put "$key" "$order"
	on web1 start_agent
	wait_until '[ -z "$(store_keys revoke/)" ]'
	# Under another name it is for nobody.
	store put "/sessd/v1/revoke/web1/$id" "$order"
	store put "/sessd/v1/revoke/web2/${key##*/}" "$order"
	agent_says web1 "order $id: it was signed for another host or lock"
	agent_says web2 "order ${key##*/}: it was signed for another host or lock"
	wait_until '[ -z "$(store_keys revoke/)" ]'
	equal 2 "$(on web1 refused_orders | grep -c 'web3: .*carried out before')"
	background_runs two
	# From before the boot: what it had to answer is not known any more.
	on web1 daemon_signal sessd-fleet KILL
	on web1 wait_until '! daemon_runs sessd-fleet'
	on web1 on_host rm /run/sessd-fleet/challenges
	store put "$key" "$order"
	on web1 start_agent
	agent_says web1 "order ${key##*/}: it is too old, or from before this host was booted"
	background_runs two
}

@test "a lock holds until a newer word lifts it" {
	local lock lifted name
	store_up 1
	members_up ''
	run -0 on web3 on_host sessctl lock --fleet user bob
	lock=$(stored lock/user/bob)
	run -0 on web3 on_host sessctl unlock --fleet user bob
	for name in web1 web2 web3; do on "$name" wait_until 'ssh_as bob -- true'; done
	lifted=$(stored lock/user/bob)
	# The old lock is put again, and taken out.
	store put /sessd/v1/lock/user/bob "$lock"
	agent_says web1 "lock of user bob: it is older than what was seen of it last"
	on web1 ssh_as bob -- true
	contains "$(on web1 refused_orders)" "web3: lock of user bob: it is older"
	run -5 on web1 on_host sessctl unlock --fleet user bob
	# Locked anew, it is not lifted by the old word, nor by none at all.
	run -0 on web2 on_host sessctl lock --fleet user bob
	run ! on web1 ssh_as bob -- true
	store put /sessd/v1/lock/user/bob "$lifted"
	wait_until '[ "$(on web1 refused_orders | wc -l)" = 2 ]'
	run ! on web1 ssh_as bob -- true
	store del /sessd/v1/lock/user/bob
	agent_says web1 "the store has nothing of the fleet"
	on web1 daemon_signal sessd-fleet KILL
	on web1 wait_until '! daemon_runs sessd-fleet'
	on web1 start_agent
	on web1 wait_until fleet_joined
	run ! on web1 ssh_as bob -- true
	# Nor by what nobody signed.
	store put /sessd/v1/lock/user/bob '{"lifted":true,"version":9000000000000000000}'
	agent_says web1 "lock of user bob: it is not signed"
	run ! on web1 ssh_as bob -- true
	run -0 on web1 on_host sessctl unlock --fleet user bob
	for name in web1 web2 web3; do on "$name" wait_until 'ssh_as bob -- true'; done
}

@test "without keys the agent does not start, and says how to make them" {
	store_up 1
	on web1 fleet_conf web1 'insecure = true'
	on web1 on_host rm /etc/sessd/fleet.key
	run -1 on web1 on_host sessd-fleet --check
	contains "$output" "/etc/sessd/fleet.key: No such file or directory; make one: sessd-fleet --make-key /etc/sessd/fleet.key"
	run -2 on web1 on_host sessd-fleet --user sessd-fleet
	run -0 on web1 on_host sessd-fleet --make-key /etc/sessd/fleet.key
	equal "sessd-fleet 600" "$(on web1 on_host stat -c '%U %a' /etc/sessd/fleet.key)"
	run -1 on web1 on_host sessd-fleet --make-key /etc/sessd/fleet.key
	contains "$output" "File exists"
	run -1 on web1 on_host sessd-fleet --check
	contains "$output" "/etc/sessd/fleet.keys: it lacks this host's own key; add, on all hosts: web1 may=evict ed25519 "
	on web1 on_host bash -c "echo '${output##*hosts: }' >>/etc/sessd/fleet.keys; sed -i '/web1 may=evict,/d' /etc/sessd/fleet.keys"
	run -0 on web1 on_host sessd-fleet --check
}

# etcd as that host: what its own credentials may do.
store_as() # HOST ETCDCTL-ARGUMENT…
{
	local -a store_options=(--user "sessd-$1:$(in_store cat "/root/$1.password")")
	store "${@:2}"
}

role_of() # HOST [OPTION…]
{
	in_store /sessd/source/fleet/etcd-roles host "$1" "${@:2}" --password-file "/root/$1.password" -- --endpoints "$(store_endpoints)"
}

member_with_role() # HOST
{
	start_sshd && start_sessd "$evicting" || return 1
	fleet_conf "$1" 'insecure = true' "user = sessd-$1" 'password_file = /etc/sessd/password'
	(umask 027 && in_store cat "/root/$1.password" >"$HOST_FS/etc/sessd/password")
	on_host chgrp sessd-fleet /etc/sessd/password
	start_agent
}

@test "each host has its own role, and no host writes what is another's" {
	local i key order
	store_up 1
	fleet_keys evict evict evict,revoke,lock
	role_of web1
	role_of web2
	role_of web3 --lock
	in_store /sessd/source/fleet/etcd-roles administrator ada --password-file /root/ada -- --endpoints "$(store_endpoints)"
	in_store /sessd/source/fleet/etcd-roles enable --password-file /root/root.password -- --endpoints "$(store_endpoints)"
	store_options=(--user "root:$(in_store cat /root/root.password)")
	for i in 1 2 3; do on "web$i" member_with_role "web$i"; done
	each_host wait_until fleet_joined
	# Logins are counted and evicted, while etcd's roles change and every token is void each time.
	stays web1 one bob
	for i in 1 2 3 4 5; do store role add "other$i"; done
	stays web2 two bob
	for i in 1 2 3 4 5; do store role delete "other$i"; done
	stays web2 three bob
	run ! finish one
	store role add other
	run -0 on web3 on_host sessctl lock --fleet user bob
	finish_badly two
	finish_badly three
	store role delete other
	run -0 on web3 on_host sessctl unlock --fleet user bob
	each_host wait_until 'ssh_as bob -- true'
	# What a host whose credentials are stolen may write.
	for key in host/web1 alive/web1 head/web1 lock/user/bob; do
		run ! store_as web2 put "/sessd/v1/$key" x
		contains "$output" "permission denied"
	done
	for key in revoke/web1/ user/; do
		run ! store_as web2 get --prefix "/sessd/v1/$key"
		contains "$output" "permission denied"
	done
	store_as web2 put /sessd/v1/head/web2 x
	store_as web2 get /sessd/v1/head/web1
	stays web1 four carol
	store_as web2 put "/sessd/v1/revoke/web1/$id" '{"user":"carol"}'
	agent_says web1 "order $id: it is not signed"
	background_runs four
}

@test "whose session is to make place is not believed of the store" {
	local sid key
	store_up 1
	members_up "$evicting"
	stays web1 one carol
	sid=$(on web1 sessions_where '.user == "carol"')
	wait_until '[ -n "$(store_keys session/carol/)" ]'
	# Somebody with the credentials of a host says that it is bob's, and that he has another one.
	store put "/sessd/v1/session/bob/web1/$sid" '{"uid":1,"caps":["contractors"]}'
	store put "/sessd/v1/session/bob/web9/$id" '{"uid":1,"caps":["contractors"]}'
	run ! on web3 ssh_as bob -- true
	contains "$output" "a session elsewhere had to end first, and has not in time"
	background_runs one
	contains "$(on web1 refused_orders)" "web3: eviction of $sid of bob under policy \"contractors\": it is not that user's"
}

@test "a revoke says of each host whether all is gone, what is left, or that it has not answered" {
	local sid
	store_up 1
	members_up ''
	on web1 start_hung_filesystem
	on web1 background one ssh_as bob -- 'stat /mnt/hung >/dev/null 2>&1 & exec /sessd/hold one'
	held one
	sid=$(on web1 sessions_where '.user == "bob"')
	on web1 wait_until 'grep -q asked "$HOST_FS/var/log/hang.log"'
	stays web2 two bob
	stays web3 three bob
	on web3 daemon_signal sessd-fleet STOP
	run -1 on web2 on_host sessctl revoke --fleet --user bob
	[[ $output =~ web1:\ ${sid:0:8}\ bob\ sshd:\ not\ ended:\ 1\ of\ [0-9]+\ processes\ still\ there:\ [0-9]+\ stat\ D ]] ||
		equal "a survivor" "$output"
	[[ $output =~ web2:\ [0-9a-f]+\ bob\ sshd:\ ended, ]] || equal "an end" "$output"
	contains "$output" "web3: PENDING"
	finish_badly two
	background_runs three
	on web3 daemon_signal sessd-fleet CONT
	finish_badly three
	on web1 daemon_signal hang KILL
	on web1 ends_so "$sid" \
		'session_opened session_ending(revoked) session_survived(revoked) session_ended(revoked)'
	finish_badly one
	# Nothing is left of it: neither orders nor what came of them, but where nobody waited for that.
	wait_until '[ -z "$(store_keys revoke/)" ]'
}
