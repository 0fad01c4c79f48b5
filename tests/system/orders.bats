#!/usr/bin/env bats
# Orders and locks of the fleet are signed: what is forged, put again, or given without the right to, does nothing, and
# is told of.
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

evicting='policy "contractors" { groups = {"contractors"} max_sessions = 2 scope = fleet at_limit = evict_oldest }'

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

@test "an order that takes the key of one that is over is carried out" {
	local key order
	store_up 1
	members_up ''
	stays web1 one bob
	on web1 daemon_signal sessd-fleet STOP
	background order on web2 on_host sessctl revoke --fleet --user bob
	wait_until 'store_keys revoke/web1/ | grep -q .'
	key=$(store_keys revoke/web1/)
	order=$(stored "${key#/sessd/v1/}")
	# Of all that the agent hears at once.
	store del "$key"
	store put "$key" nonsense
	store put "$key" "$order"
	on web1 daemon_signal sessd-fleet CONT
	finish_badly one
	agent_says web1 "it is not signed"
	wait_until '[ -z "$(store_keys revoke/)" ]'
	finish order || :
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

too_old='it is too old, or from before this host was booted'

@test "an order for a host that is away for longer than order_lifetime is not carried out" {
	local order
	store_up 1
	on web1 clock_off 0
	members_up '' 'order_lifetime = 1m'
	stays web1 one bob
	cut_off web1
	wait_until '[ -z "$(store_keys alive/web1)" ]'
	run -1 on web3 on_host sessctl revoke --fleet --user bob --reason moved
	contains "$output" "web1: PENDING"
	[[ $output != *REFUSED* ]]
	order=$(store_keys revoke/web1/)
	# It lives by the clock that a suspend does not stop.
	on web1 asleep 2
	reconnect web1
	agent_says web1 "order ${order##*/}: $too_old"
	wait_until '[ -z "$(store_keys revoke/)" ]'
	equal "web3: order ${order##*/}: $too_old" "$(on web1 refused_orders)"
	background_runs one
	equal "" "$(on web1 events_where '.event == "session_ending"')"
	# One that is given now is.
	on web1 wait_until fleet_joined
	run -0 on web3 on_host sessctl revoke --fleet --user bob
	finish_badly one
	equal 1 "$(on web1 refused_orders | wc -l)"
}

@test "who still waits for an order that has become too old is told that it is refused" {
	store_up 1
	on web1 clock_off 0
	members_up '' 'order_lifetime = 1m'
	stays web1 one bob
	on web1 daemon_signal sessd-fleet STOP
	on web3 background ask on_host sessctl revoke --fleet --user bob
	wait_until '[ -n "$(store_keys revoke/web1/)" ]'
	on web1 asleep 2
	on web1 daemon_signal sessd-fleet CONT
	finish_badly ask
	contains "$(output_of ask)" "web1: REFUSED: $too_old"
	background_runs one
}

@test "another host's word is not enough to evict: the session must count under a policy that evicts, here" {
	local sid
	store_up 1
	members_up "$evicting"
	# On web1 the policy of that name refuses.
	on web1 sessd_config "${evicting/evict_oldest/deny}"
	on web1 daemon_signal sessd HUP
	on web1 wait_until '[ "$(events_where ".event == \"config_loaded\"" | wc -l)" = 1 ]'
	stays web1 one bob
	sid=$(on web1 sessions_where '.user == "bob"')
	stays web2 two bob
	run ! on web3 ssh_as bob -- touch /tmp/ran
	contains "$output" "a session elsewhere had to end first, and has not in time"
	on web1 wait_until '[ -n "$(refused_orders)" ]'
	equal "web3: eviction of $sid of bob under policy \"contractors\": here it counts under no such policy that evicts over the fleet" \
		"$(on web1 refused_orders)"
	wait_until '[ -z "$(store_keys revoke/)" ]'
	background_runs one
	background_runs two
	equal "" "$(on web1 events_where '.event == "session_ending"')"
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

@test "a host that does not know whose lock it is says so to who asked, and not to a crowd" {
	local i
	store_up 1
	members_up ''
	on web1 on_host sed -i '/^web3 /d' /etc/sessd/fleet.keys
	on web2 on_host bash -c 'other=$(sed -n "s/^web1 .* //p" /etc/sessd/fleet.keys)
		sed -i "s|^\(web3 .* \)[^ ]*\$|\1$other|" /etc/sessd/fleet.keys'
	for i in 1 2; do on "web$i" reload_agent; done
	agent_says web1 'fleet.keys: 2 keys'
	agent_says web2 'fleet.keys: 3 keys'
	run -1 on web3 on_host sessctl lock --fleet user bob
	contains "$output" "web1: REFUSED: its fleet.keys does not have the key web3"
	contains "$output" "web2: REFUSED: its signature is not that of the key that it names"
	[[ $output != *PENDING* ]]
	run ! on web3 ssh_as bob -- true
	on web1 ssh_as bob -- true
	equal "" "$(on web1 refused_orders)"
	# Who can write locks makes each host answer a few of them, and no more.
	for i in 1 2 3 4 5 6 7 8; do
		store put "/sessd/v1/lock/user/none$i" "{\"key\":\"nobody\",\"signature\":\"$(printf %0128d 0)\",
			\"signed\":\"{\\\"at\\\":\\\"/sessd/v1/lock/user/none$i\\\",\\\"order\\\":\\\"$i${id:1}\\\"}\"}"
	done
	agent_says web3 'lock of user none8: its fleet.keys does not have the key nobody'
	run -0 on web3 on_host sessctl unlock --fleet user bob
	wait_until '[ "$(store_keys done/ | grep -c web3)" = 4 ]'
	run -1 on web3 on_host sessctl lock --fleet user carol
	equal 4 "$(store_keys done/ | grep -c web3)"
}

@test "an agent's memory, in which its key is, is not for other processes of its user" {
	local user='setpriv --reuid sessd-fleet --regid sessd-fleet --clear-groups'
	store_up 1
	members_up ''
	# Begun by root it has changed its user, and was one that nobody can look into by that alone.
	on web1 daemon_signal sessd-fleet KILL
	on web1 wait_until '! daemon_runs sessd-fleet'
	on web1 start_daemon sessd-fleet $user /usr/sbin/sessd-fleet
	on web1 wait_until fleet_joined
	equal "sessd-fleet root" "$(on web1 on_host bash -c 'ps -o user= -p "$1"; stat -c %U "/proc/$1/mem"' bash \
		"$(on web1 daemon_pid sessd-fleet)" | tr -s ' \n' ' ' | sed 's/ $//')"
	run ! on web1 on_host $user cat "/proc/$(on web1 daemon_pid sessd-fleet)/environ"
	contains "$output" "Permission denied"
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
