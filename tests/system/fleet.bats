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

# The wall clock of that host is so many hours off, for all that is started there from now on.
clock_off() # HOURS
{
	install -m 0644 "$HOST_TOP/build/plain/tests/lib/clockshift.so" "$HOST_FS/sessd/clockshift.so"
	perl -e 'print pack("q<q<", $ARGV[0] * 3600e9, 0)' -- "$1" >"$HOST_FS/run/clockshift"
	echo /sessd/clockshift.so >"$HOST_FS/etc/ld.so.preload"
}

clock_right()
{
	rm -f "$HOST_FS/etc/ld.so.preload"
}

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

# An authority, and certificates of the store's members and of the hosts, in the folders that each sees.
make_certificates()
{
	local dir=$BATS_TEST_TMPDIR/tls name
	mkdir "$dir"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /O=fleet -keyout "$dir/ca.key" \
		-out "$dir/ca.pem" 2>/dev/null
	# The members' ones name no user (CN): etcd's gateway would be taken for it.
	for name in store host; do
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/O=$name" -keyout "$dir/$name.key" \
			-out "$dir/$name.csr" 2>/dev/null
		openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 2 \
			-extfile <(echo 'subjectAltName=IP:10.77.0.1,IP:10.77.0.2,IP:10.77.0.3') -out "$dir/$name.pem" 2>/dev/null
	done
	for name in "$FLEET-store" "$FLEET-web1" "$FLEET-web2"; do
		host_use "$name"
		on_host mkdir -p /etc/tls
		cp "$dir"/{ca.pem,store.pem,store.key,host.pem,host.key} "$HOST_FS/etc/tls/"
		on_host chmod 0644 /etc/tls/host.key
	done
}

# An agent that is shown who it is with a certificate, and logs in with a password.
secure_member() # NAME PASSWORD
{
	start_sshd && start_sessd "$two" || return 1
	fleet_conf "$1" 'ca = /etc/tls/ca.pem' 'cert = /etc/tls/host.pem' 'key = /etc/tls/host.key' \
		'user = fleet' 'password_file = /etc/sessd/password'
	(umask 027 && echo "$2" >"$HOST_FS/etc/sessd/password")
	on_host chgrp sessd-fleet /etc/sessd/password
	start_agent
}

@test "with certificates, users and roles: tokens are renewed, and strangers stay out" {
	export FLEET_SCHEME=https
	store_options=(--cacert /etc/tls/ca.pem --cert /etc/tls/host.pem --key /etc/tls/host.key)
	make_certificates
	store_up 1 --cert-file /etc/tls/store.pem --key-file /etc/tls/store.key --client-cert-auth \
		--trusted-ca-file /etc/tls/ca.pem --auth-token-ttl 2
	store user add root:secret && store user grant-role root root
	store role add fleet && store role grant-permission --prefix fleet readwrite /sessd/v1/
	store user add fleet:password && store user grant-role fleet fleet
	store auth enable
	store_options+=(--user root:secret)
	on web1 secure_member web1 password
	on web1 wait_until fleet_joined
	on web2 secure_member web2 wrong
	on web2 wait_until 'grep -q "authentication failed" "$HOST_FS/var/log/sessd-fleet.log"'
	run ! on web2 fleet_joined
	stays web1 one bob
	wait_until '[ "$(store_keys session/bob/ | wc -l)" = 1 ]'
	# Its tokens are void, and so are those of the store before.
	on store daemon_signal etcd1 KILL
	on store wait_until '! daemon_runs etcd1'
	member_up 1 --cert-file /etc/tls/store.pem --key-file /etc/tls/store.key --client-cert-auth \
		--trusted-ca-file /etc/tls/ca.pem --auth-token-ttl 2
	wait_until 'store endpoint health >/dev/null 2>&1'
	on web1 wait_until fleet_joined
	stays web1 two bob
	wait_until '[ "$(store_keys session/bob/ | wc -l)" = 2 ]'
	store role add other
	run ! on web1 ssh_as bob -- true
	run -0 on web1 on_host sessctl lock --fleet user bob
	finish_badly one
	# Another authority than the one that is believed.
	host_use "$FLEET-web1"
	daemon_signal sessd-fleet KILL
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /O=other -keyout /dev/null \
		-out "$HOST_FS/etc/tls/ca.pem" 2>/dev/null
	: >"$HOST_FS/var/log/sessd-fleet.log"
	on web1 start_agent
	on web1 wait_until 'on_host sessctl status --fleet 2>&1 | grep -qi "certificate"'
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
