# A fleet of private hosts for the system tests: hosts web1, web2 … with real sshd, sessd and sessd-fleet, and a host
# `store` with etcd, joined by a bridge there. To be loaded after helpers and sessions.
#
#	fleet_start N		brings up N hosts and the store, from setup_file
#	fleet_stop		from teardown_file
#	store_up M		etcd with M members, all anew
#	fleet_keys [RIGHTS…]	keys of all hosts, and fleet.keys on all: the first with the first rights, and so on (as store_up does)
#	members_up TEXT [LINE…]	sshd, sessd with this configuration, and the agent (with these lines in its own), on all hosts;
#				waits until all have joined
#	fleet_reset		from teardown: hosts without sessions, daemons and changed files
#	on NAME FUNCTION…	with that host as the one that HOST means
#	cut_off NAME, reconnect NAME	its cable
#	clock_off HOURS		on a host: its wall clock is wrong by so much, for all that is started there from now on
#	asleep MINUTES		on a host whose clock is: as after a suspend of so many minutes
#	clock_right		on a host: for all that is started there from now on
#	stays HOST NAME USER	a login that stays, until `release NAME`

FLEET_LEASE=${FLEET_LEASE:-5s}

fleet_start()
{
	local i
	export FLEET=fleet-$$ FLEET_SIZE=$1
	host_up "$FLEET-store" "$$" 3>&- || return 1
	host_use "$FLEET-store"
	in_store ip link add br0 type bridge
	in_store ip address add 10.77.0.1/16 dev br0
	for i in 2 3; do in_store ip address add "10.77.0.$i/16" dev br0; done
	in_store ip link set br0 up
	for ((i = 1; i <= FLEET_SIZE; i++)); do
		host_up "$FLEET-web$i" "$$" 3>&- || return 1
		# The agent's user is the installation's; here there is none.
		on "web$i" on_host bash -c 'echo "sessd-fleet:x:990:990::/nonexistent:/usr/sbin/nologin" >>/etc/passwd
			echo "sessd-fleet:x:990:" >>/etc/group'
		in_store_net ip link add "v$i" type veth peer name eth0 netns "$(host_pid "$FLEET-web$i")"
		in_store ip link set "v$i" master br0 up
		on "web$i" on_host ip address add "10.77.1.$i/16" dev eth0
		on "web$i" on_host ip link set eth0 up
	done
	host_use "$FLEET-web1"
}

# With the machine's own pids.
in_store_net()
{
	nsenter -t "$(host_pid "$FLEET-store")" -n "$@" 3>&-
}

in_store()
{
	host_exec "$FLEET-store" "$@" 3>&-
}

fleet_stop()
{
	local i status=0
	for ((i = 1; i <= FLEET_SIZE; i++)); do host_down "$FLEET-web$i" || status=1; done
	host_down "$FLEET-store" || status=1
	return $status
}

# Runs in this shell, so that what it starts is the test's.
on() # NAME FUNCTION…
{
	local name=$1 before=$HOST status=0
	shift
	host_use "$FLEET-$name"
	"$@" || status=$?
	host_use "$before"
	return $status
}

each_host()
{
	local i
	for ((i = 1; i <= FLEET_SIZE; i++)); do on "web$i" "$@" || return 1; done
}

# --- The store ---

store_url()
{
	echo "${FLEET_SCHEME:-http}://10.77.0.$1:2379"
}

member_up() # INDEX [ARGUMENT…]
{
	on store start_daemon "etcd$1" etcd --name "e$1" --data-dir "/var/lib/etcd$1" --logger zap --log-level error \
		--listen-client-urls "$(store_url "$1")" --advertise-client-urls "$(store_url "$1")" \
		--listen-peer-urls "http://10.77.0.$1:2380" --initial-advertise-peer-urls "http://10.77.0.$1:2380" \
		--initial-cluster "$STORE_CLUSTER" --initial-cluster-state new "${@:2}"
}

store_up() # MEMBERS [ARGUMENT…]
{
	local i
	export STORE_SIZE=$1 STORE_CLUSTER=
	for ((i = 1; i <= STORE_SIZE; i++)); do STORE_CLUSTER+=${STORE_CLUSTER:+,}e$i=http://10.77.0.$i:2380; done
	for ((i = 1; i <= STORE_SIZE; i++)); do member_up "$i" "${@:2}"; done
	wait_until 'store endpoint health >/dev/null 2>&1'
	fleet_keys
}

store_endpoints()
{
	local i
	for ((i = 1; i <= STORE_SIZE; i++)); do store_url "$i"; done | paste -sd ,
}

store() # ETCDCTL-ARGUMENT…
{
	in_store env ETCDCTL_API=3 etcdctl --endpoints "$(store_endpoints)" "${store_options[@]}" "$@"
}
store_options=()

# The keys of a kind, one a line.
store_keys() # PREFIX
{
	store get --prefix --keys-only "/sessd/v1/$1" | grep .
}

# Index of the member that leads.
store_leader()
{
	store endpoint status -w json |
		jq -r '.[] | select(.Status.leader == .Status.header.member_id) | .Endpoint' | sed 's/.*10\.77\.0\.\([0-9]\).*/\1/'
}

cut_off() # NAME
{
	in_store ip link set "v${1#web}" down
}

reconnect()
{
	in_store ip link set "v${1#web}" up
}

# --- The members ---

fleet_rights=evict,revoke,lock

fleet_key() # RIGHTS
{
	on_host mkdir -p /etc/sessd
	on_host rm -f /etc/sessd/fleet.key
	on_host sessd-fleet --make-key /etc/sessd/fleet.key | sed "s/.* may=evict /${HOST#"$FLEET-"} may=$1 /"
}

fleet_keys() # [RIGHTS…]
{
	local i rights keys=
	for ((i = 1; i <= FLEET_SIZE; i++)); do
		rights=${!i:-$fleet_rights}
		keys+=$(on "web$i" fleet_key "$rights")$'\n'
	done
	each_host put_keys "$keys"
}

put_keys() # TEXT
{
	printf '%s' "$1" >"$HOST_FS/etc/sessd/fleet.keys"
}

fleet_conf() # NAME [LINE…]
{
	local urls
	urls=$(store_endpoints | sed 's/,/", "/g')
	mkdir -p "$HOST_FS/etc/sessd"
	printf '%s\n' "endpoints = {\"$urls\"}" "host = $1" "lease = $FLEET_LEASE" "${@:2}" >"$HOST_FS/etc/sessd/fleet.conf"
}

start_agent()
{
	start_daemon sessd-fleet /usr/sbin/sessd-fleet --user sessd-fleet --debug
}

fleet_joined()
{
	on_host sessctl status --fleet --json 2>/dev/null | jq -se 'any(.joined == true)' >/dev/null
}

member_start() # NAME CONFIG [LINE…]
{
	start_sshd && start_sessd "$2" && fleet_conf "$1" 'insecure = true' "${@:3}" && start_agent
}

members_up() # CONFIG [LINE…]
{
	local i
	for ((i = 1; i <= FLEET_SIZE; i++)); do on "web$i" member_start "web$i" "$@" || return 1; done
	each_host wait_until fleet_joined
}

# --- What happens on them ---

clock_off() # HOURS
{
	install -m 0644 "$HOST_TOP/build/plain/tests/lib/clockshift.so" "$HOST_FS/sessd/clockshift.so"
	set_clocks "$1" 0
	echo /sessd/clockshift.so >"$HOST_FS/etc/ld.so.preload"
}

asleep() # MINUTES
{
	set_clocks 0 "$1"
}

# In place: who runs there has the file in memory (see clockshift.c).
set_clocks() # HOURS MINUTES-ASLEEP
{
	perl -e '($hours, $minutes) = @ARGV; $asleep = $minutes * 60e9; print pack("q<q<", $hours * 3600e9 + $asleep, $asleep)' \
		-- "$1" "$2" 1<>"$HOST_FS/run/clockshift"
}

clock_right()
{
	rm -f "$HOST_FS/etc/ld.so.preload"
}

stays() # HOST BACKGROUND USER
{
	on "$1" background "$2" ssh_as "$3" -- "/sessd/hold $2"
	held "$2"
}

# What it would show of a test that failed has been shown. Not for all to see: by this the runner knows it, too.
quiet_reset()
{
	local BATS_TEST_COMPLETED=1
	host_reset
}

fleet_reset()
{
	local i
	if [ -z "${BATS_TEST_COMPLETED:-}" ]; then
		for ((i = 1; i <= FLEET_SIZE; i++)); do
			echo "--- web$i"
			tail -n 15 /proc/"$(host_pid "$FLEET-web$i")"/root/var/log/{sessd,sessd-fleet}.log
		done
	fi
	# All of them before one is waited for: a login that is in the background may be any host's.
	for ((i = 1; i <= FLEET_SIZE; i++)); do on "web$i" on_host bash -c 'kill -9 -1' 2>/dev/null || true; done
	for ((i = 1; i <= FLEET_SIZE; i++)); do
		in_store ip link set "v$i" up
		on "web$i" quiet_reset
		on "web$i" on_host rm -rf /run/sessd-fleet /var/lib/sessd-fleet
	done
	on store quiet_reset
	in_store bash -c 'rm -rf /var/lib/etcd*'
}
