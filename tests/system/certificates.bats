#!/usr/bin/env bats
# TLS between the agents and etcd: who is not who he must be is left alone, in both directions, and it is said why.
load ../lib/helpers
load ../lib/sessions
load ../lib/fleet

setup_file() { fleet_start 2; }
teardown_file() { fleet_stop; }
setup()
{
	export FLEET_SCHEME=https
	store_options=(--cacert /etc/tls/ca.pem --cert /etc/tls/host.pem --key /etc/tls/host.key)
	tls=$BATS_TEST_TMPDIR/tls
	mkdir "$tls"
	new_authority ca
	# The members' ones name no user (CN): etcd's gateway would be taken for it.
	certificate store
	certificate host
	each_host hand_out
	on store hand_out
}
teardown()
{
	fleet_reset
	each_host on_host rm -rf /etc/tls
	on store on_host rm -rf /etc/tls
}

new_authority() # NAME
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/O=$1" -keyout "$tls/$1.key" \
		-out "$tls/$1.pem" 2>/dev/null
}

# certificate NAME [DAYS [ADDRESSES [AUTHORITY]]]: into NAME.pem, with its key in NAME.key.
certificate()
{
	local address=${3:-IP:10.77.0.1} authority=$tls/${4:-ca}
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/O=$1" -keyout "$tls/$1.key" \
		-out "$tls/$1.csr" 2>/dev/null
	openssl x509 -req -in "$tls/$1.csr" -CA "$authority.pem" -CAkey "$authority.key" -CAcreateserial -days "${2:-2}" \
		-extfile <(echo "subjectAltName=$address") -out "$tls/$1.pem" 2>/dev/null
}

hand_out()
{
	on_host mkdir -p /etc/tls
	cp "$tls"/{ca.pem,store.pem,store.key,host.pem,host.key} "$HOST_FS/etc/tls/"
	on_host chmod 0644 /etc/tls/host.key
}

believe() # AUTHORITY
{
	cp "$tls/$1.pem" "$HOST_FS/etc/tls/ca.pem"
}

secure_store() # [ARGUMENT…]
{
	store_up 1 --cert-file /etc/tls/store.pem --key-file /etc/tls/store.key --client-cert-auth \
		--trusted-ca-file /etc/tls/ca.pem "$@"
}

shown=('cert = /etc/tls/host.pem' 'key = /etc/tls/host.key')

# An agent that is shown who it is with a certificate, and logs in with a password.
member_with_password() # NAME PASSWORD
{
	start_sshd && start_sessd "$two" || return 1
	fleet_conf "$1" 'ca = /etc/tls/ca.pem' "${shown[@]}" 'user = fleet' 'password_file = /etc/sessd/password'
	(umask 027 && echo "$2" >"$HOST_FS/etc/sessd/password")
	on_host chgrp sessd-fleet /etc/sessd/password
	start_agent
}

two='policy "contractors" { groups = {"contractors"} max_sessions = 2 scope = fleet }'

@test "with certificates, users and roles: tokens are renewed, and strangers stay out" {
	secure_store --auth-token-ttl 2
	store user add root:secret && store user grant-role root root
	store role add fleet && store role grant-permission --prefix fleet readwrite /sessd/v1/
	store user add fleet:password && store user grant-role fleet fleet
	store auth enable
	store_options+=(--user root:secret)
	on web1 member_with_password web1 password
	on web1 wait_until fleet_joined
	on web2 member_with_password web2 wrong
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
}

# web1 refuses who cannot be counted, web2 counts alone.
members_begin()
{
	on web1 start_sshd
	on web2 start_sshd
	on web1 start_sessd "fleet_unreachable = deny
$two"
	on web2 start_sessd "fleet_unreachable = local
$two"
}

agents_begin() # [LINE…] of fleet.conf
{
	local i
	for i in 1 2; do
		on "web$i" fleet_conf "web$i" 'ca = /etc/tls/ca.pem' "$@"
		on "web$i" start_agent
	done
}

# The agents are outside, say why where they are asked and in the log, and logins go as if there were no fleet.
stay_out() # WORDS
{
	local before words=$1
	each_host wait_until has_trouble
	each_host grep_log "has not joined the fleet: .*$1"
	each_host wait_until '! fleet_joined'
	before=$(on web1 refusals | wc -l)
	run ! on web1 ssh_as bob -- touch /tmp/ran
	contains "$output" "your sessions on other hosts cannot be counted now"
	equal "bob unavailable" "$(on web1 refusals | tail -n "+$((before + 1))" | cut -d ' ' -f 1-2)"
	on web1 ssh_as alice -- true
	on web2 ssh_as bob -- true
	each_host daemon_runs sessd-fleet
	# Nor are they heard of any more from before.
	wait_until '[ -z "$(store_keys alive/)" ]'
}

has_trouble()
{
	on_host sessctl status --fleet 2>&1 | grep -q "TROUBLE.*$words"
}

grep_log() # WORDS
{
	grep -q "$1" "$HOST_FS/var/log/sessd-fleet.log"
}

# Certificates are read at each connection: nobody has to be started again.
come_in()
{
	each_host wait_until fleet_joined
	on web1 ssh_as bob -- true
	each_host daemon_signal sessd-fleet TERM
	each_host wait_until '! daemon_runs sessd-fleet'
}

@test "a store whose authority is not the one that is believed is told nothing" {
	secure_store
	members_begin
	new_authority other
	each_host believe other
	agents_begin "${shown[@]}"
	stay_out "unable to get local issuer certificate"
	each_host believe ca
	come_in
}

@test "nor one whose certificate has expired, until it has a new one" {
	secure_store
	members_begin
	certificate store -1
	on store hand_out
	agents_begin "${shown[@]}"
	stay_out "certificate has expired"
	certificate store
	on store hand_out
	come_in
}

@test "nor one that shows somebody else's" {
	secure_store
	members_begin
	certificate store 2 DNS:other.example,IP:10.77.0.99
	on store hand_out
	agents_begin "${shown[@]}"
	stay_out "no alternative certificate subject name matches target host name .10.77.0.1."
	certificate store
	on store hand_out
	come_in
}

@test "an agent that shows the store no certificate stays out" {
	secure_store
	members_begin
	agents_begin
	stay_out "the server asks for a certificate of this host, and none is named (cert, key): "
}

not_taken="the server does not take this host's certificate (cert, key): "

@test "so does one with a certificate of another authority, until it has the right one" {
	secure_store
	members_begin
	new_authority other
	certificate host 2 IP:10.77.1.1 other
	each_host hand_out
	agents_begin "${shown[@]}"
	stay_out "$not_taken"
	certificate host
	each_host hand_out
	come_in
}

@test "and one whose certificate has expired" {
	secure_store
	members_begin
	agents_begin "${shown[@]}"
	come_in
	certificate host -1
	each_host hand_out
	agents_begin "${shown[@]}"
	stay_out "$not_taken"
	certificate host
	each_host hand_out
	come_in
}
