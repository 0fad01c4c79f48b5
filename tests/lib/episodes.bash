# Episodes of faults in a fleet, and the history of what its clients saw; to be loaded after fleet. The members of the
# store have a network each (and so can be cut off from each other), and users: its tokens run out after a second. The
# clocks of the hosts are an hour apart.
#
#	episodes_start		three hosts, three members, all anew
#	episodes_stop
#	episode N		one: draws its fault by SEED and N; its history is in `history`
#
# In an episode, racers log in and out on all hosts (bob and carol, under a cap of two; erin, who will be locked), and
# some stay: alice, whom nobody orders to end; dave, whose sessions are revoked while the fault lasts; erin again. What was
# seen and done is judged by episode_model.

EPISODE_USERS="bob:2102:2201 carol:2103:2201"
EPISODE_FAULTS="none leader_killed member_killed member_paused member_cut answers_lost answers_lost_of_one agent_killed
	agent_paused host_cut sessd_killed sessd_restarted rights_changed agent_stopped host_gone quorum_lost"

episodes_start()
{
	local i
	fleet_start 3 || return 1
	in_store ip address flush dev br0
	in_store ip address add 10.77.0.254/16 dev br0
	for i in 1 2 3; do member_network "$i" || return 1; done
	for i in 1 2 3; do on "web$i" shift_clock $(((i - 2) * 3600)); done
}

# Drops the network of a member when the last who is in it has gone.
episodes_stop()
{
	local i
	for i in 1 2 3; do in_store ip netns del "m$i"; done
	fleet_stop
}

member_network() # INDEX
{
	in_store ip netns add "m$1" && in_store ip link add "m$1" type veth peer name eth0 netns "m$1" &&
		in_store ip link set "m$1" master br0 up && in_store ip -n "m$1" link set lo up &&
		in_store ip -n "m$1" address add "10.77.0.$1/16" dev eth0 && in_store ip -n "m$1" link set eth0 up
}

member_up() # INDEX [ARGUMENT…]
{
	on store start_daemon "etcd$1" nsenter --net="/run/netns/m$1" etcd --name "e$1" --data-dir "/var/lib/etcd$1" \
		--logger zap --log-level error --listen-client-urls "$(store_url "$1")" \
		--advertise-client-urls "$(store_url "$1")" --listen-peer-urls "http://10.77.0.$1:2380" \
		--initial-advertise-peer-urls "http://10.77.0.$1:2380" --initial-cluster "$STORE_CLUSTER" \
		--initial-cluster-state new --auth-token-ttl 1
}

# For all that the host starts from now on.
shift_clock() # SECONDS
{
	install -m 0644 $HOST_TOP/build/plain/tests/lib/clockshift.so "$HOST_FS/sessd/clockshift.so"
	install -m 0755 $HOST_TOP/build/plain/tests/lib/wirepeer "$HOST_FS/sessd/wirepeer"
	perl -e 'print pack("q<q<", $ARGV[0] * 1e9, 0)' -- "$1" >"$HOST_FS/run/clockshift"
	echo /sessd/clockshift.so >"$HOST_FS/etc/ld.so.preload"
}

secure_store()
{
	store user add root:secret && store user grant-role root root && store role add fleet &&
		store role grant-permission --prefix fleet readwrite /sessd/v1/ && store user add fleet:password &&
		store user grant-role fleet fleet && store auth enable
}

episode_config() # UNREACHABLE
{
	printf '%s\n' "fleet_unreachable = $1" \
		'policy "contractors" { groups = {"contractors"} max_sessions = 2 scope = fleet }'
}

episode_member() # NAME
{
	start_sshd && start_sessd "$(episode_config deny)" || return 1
	fleet_conf "$1" 'insecure = true' 'user = fleet' 'password_file = /etc/sessd/password'
	(umask 027 && echo password >"$HOST_FS/etc/sessd/password")
	on_host chgrp sessd-fleet /etc/sessd/password
	start_agent
}

episodes_up()
{
	local i
	store_up 3 && secure_store >/dev/null || return 1
	store_options=(--user root:secret)
	for i in 1 2 3; do on "web$i" episode_member "web$i" || return 1; done
	each_host wait_until fleet_joined
}

# --- What is drawn, and told ---

draw() # BELOW: into `drawn`
{
	drawn=$((RANDOM % $1))
}

draw_host()
{
	draw 3
	drawn_host=web$((drawn + 1))
}

# The clock that all hosts share, ns, in steps of 10 ms.
now()
{
	local up
	read -r up _ </proc/uptime
	echo "${up/./}0000000"
}

tell_history()
{
	printf '%s\n' "$*" >>"$history"
}

# An order, and what came of it: `act BEFORE AFTER HOST WHAT USER STATUS PENDING,…`
act() # HOST WHAT USER ARGUMENT…
{
	local before status=0 out pending
	before=$(now)
	out=$(on "$1" on_host timeout 30 sessctl "${@:4}" 2>&1) || status=$?
	pending=$(sed -n 's/^\(web[0-9]\): PENDING.*/\1/p' <<<"$out" | paste -sd ,)
	tell_history act "$before" "$(($(now) + 10000000))" "$1" "$2" "$3" "$status" "${pending:--}"
}

# --- Faults: begin, and are over when the function is ---

# So long a fault lasts: it is no wait for anything.
lasting() # SECONDS
{
	read -r -t "$1" <> <(:) || :
}

fault_none()
{
	lasting 1
}

fault_leader_killed()
{
	killed_member "$(store_leader)"
}

fault_member_killed()
{
	draw 3
	killed_member $((drawn + 1))
}

killed_member() # INDEX
{
	on store daemon_signal "etcd$1" KILL
	on store wait_until "! daemon_runs etcd$1"
	lasting 1.5
	member_up "$1"
}

# Half of the time it is the leader.
fault_member_paused()
{
	local i
	draw 6
	i=$((drawn < 3 ? drawn + 1 : $(store_leader)))
	on store daemon_signal "etcd$i" STOP
	lasting 2
	on store daemon_signal "etcd$i" CONT
}

fault_member_cut()
{
	local i
	draw 6
	i=$((drawn < 3 ? drawn + 1 : $(store_leader)))
	in_store ip link set "m$i" down
	lasting 2
	in_store ip link set "m$i" up
}

# What a member is asked comes in and is carried out; no answer of it leaves its network.
lose_answers() # add|del INDEX…
{
	local i how=$1
	for i in "${@:2}"; do in_store ip -n "m$i" rule "$how" pref 10 ipproto tcp sport 2379 blackhole; done
}

fault_answers_lost()
{
	lose_answers add 1 2 3
	lasting 1.2
	lose_answers del 1 2 3
}

fault_answers_lost_of_one()
{
	local i
	draw 3
	i=$((drawn + 1))
	lose_answers add "$i"
	lasting 2
	lose_answers del "$i"
}

# The next one has a lease of its own. Where a busy machine has it begin so late that the old one may have ended, that is
# what happened: nobody was there to log it.
fault_agent_killed()
{
	local before
	before=$(now)
	on "$drawn_host" daemon_signal sessd-fleet KILL
	on "$drawn_host" wait_until '! daemon_runs sessd-fleet'
	on "$drawn_host" start_agent
	on "$drawn_host" wait_until fleet_joined
	[ $(($(now) - before)) -lt 2000000000 ] || tell_history lease "$drawn_host" 1
}

fault_agent_paused()
{
	on "$drawn_host" daemon_signal sessd-fleet STOP
	lasting 1.5
	on "$drawn_host" daemon_signal sessd-fleet CONT
}

fault_host_cut()
{
	cut_off "$drawn_host"
	lasting 1.5
	reconnect "$drawn_host"
}

fault_sessd_killed()
{
	on "$drawn_host" stop_sessd KILL
	on "$drawn_host" start_sessd
}

fault_sessd_restarted()
{
	on "$drawn_host" stop_sessd TERM
	on "$drawn_host" start_sessd
}

fault_rights_changed()
{
	store role add "other$1" >/dev/null
	lasting 1
}

# Longer than the lease.
lease_ends()
{
	wait_until "[ -z \"\$(store_keys alive/$drawn_host)\" ]"
	# orders are for a host that is not there, and others may take the places
	orders_begin "$1"
	lasting 2
}

fault_agent_stopped()
{
	on "$drawn_host" daemon_signal sessd-fleet STOP
	lease_ends "$1"
	on "$drawn_host" daemon_signal sessd-fleet CONT
}

fault_host_gone()
{
	cut_off "$drawn_host"
	lease_ends "$1"
	reconnect "$drawn_host"
}

fault_quorum_lost()
{
	local i
	draw 3
	for i in 1 2 3; do [ $i = $((drawn + 1)) ] || on store daemon_signal "etcd$i" KILL; done
	each_host wait_until '! fleet_joined'
	orders_begin "$1"
	lasting 1
	for i in 1 2 3; do [ $i = $((drawn + 1)) ] || member_up $i; done
}

outlasts_lease() # FAULT
{
	case $1 in agent_stopped | host_gone | quorum_lost) ;; *) return 1 ;; esac
}

# --- An episode ---

# While the file is there.
compact_often() # FILE
{
	local revision
	while [ -e "$1" ]; do
		revision=$(store get /sessd -w json 2>/dev/null | jq .header.revision) || :
		[ -z "$revision" ] || store compaction "$revision" >/dev/null 2>&1 || :
		lasting 0.1
	done
}

visitors_come() # NUMBER
{
	: >"$HOST_FS/var/log/racers.log"
	: >"$HOST_FS/var/log/stayers.log"
	# shellcheck disable=SC2086
	start_daemon racers /sessd/wirepeer visits /run/sessd $((SEED * 1000 + $1)) 4 800 $EPISODE_USERS erin:2106
	start_daemon stayers /sessd/wirepeer visits /run/sessd 1 3 0 alice:2101 dave:2105 erin:2106
	wait_until '[ "$(grep -c "^open .*granted" "$HOST_FS/var/log/stayers.log")" = 3 ]'
}

visitors_go() # NAME
{
	local who
	for who in racers stayers; do daemon_signal $who TERM; done
	for who in racers stayers; do
		wait_until "! daemon_runs $who" || return 1
		[ "$(tail -n 1 "$HOST_FS/var/log/$who.log")" = over ] || return 1
		sed "s/^/$1 /; /over/d" "$HOST_FS/var/log/$who.log" >>"$history"
	done
}

# Beside the fault. Each by another host.
give_orders() # NUMBER
{
	local from
	from=$(($1 + SEED))
	act "web$((from % 3 + 1))" revoke dave revoke --fleet --user dave
	act "web$(((from + 1) % 3 + 1))" lock erin lock --fleet user erin
	act "web$(((from + 2) % 3 + 1))" revoke bob revoke --fleet --user bob
}

orders_begin() # NUMBER
{
	background "orders$1" give_orders "$1"
}

# Answered orders are carried out, at the latest now: also those for a host that was away. Others may be.
orders_are_done()
{
	local what user status
	while read -r _ _ _ _ what user status _; do
		[[ $status = [015] ]] || continue
		case $what in
		revoke) [ $user = bob ] || each_host wait_until "grep -q \" $user died\" \"\$HOST_FS/var/log/stayers.log\"" || return 1 ;;
		lock) each_host wait_until "on_host sessctl locks --json | grep -q '\"$user\"'" || return 1 ;;
		esac
	done < <(grep '^act' "$history")
	wait_until '[ -z "$(store_keys revoke/)" ]'
}

# Whatever became of the lock. It may be that none was set.
unlock_all()
{
	local i
	act web1 unlock erin unlock --fleet user erin
	for i in 1 2 3; do
		on "web$i" wait_until '! on_host sessctl locks --json | grep -q "\"erin\""' && continue
		return 1
	done
}

listed_sids()
{
	on_host sessctl list --fleet --json | jq -r '"\(.host) \(.sid)"' | sort
}

# Every host says the same of the fleet as the hosts of themselves: nothing is forgotten, and nobody is counted who is gone.
hosts_agree()
{
	local i all
	all=$(for i in 1 2 3; do on "web$i" sessions | jq -r "\"web$i \(.sid)\""; done | sort)
	for i in 1 2 3; do [ "$all" = "$(on "web$i" listed_sids)" ] || return 1; done
}

set_unreachable() # deny|local
{
	[ "$1" != "${unreachable:-deny}" ] || return 0
	each_host sessd_config "$(episode_config "$1")"
	each_host daemon_signal sessd HUP
	each_host wait_until "on_host sessctl audit export | grep '\"config_loaded\"' | wc -l | grep -qx $((++reloads))"
	unreachable=$1
}

# How often a host's lease has ended: others could take its places then, whatever the fault was meant to be.
tell_leases()
{
	local i n
	for i in 1 2 3; do
		n=$(on "web$i" grep_agent 'the lease is over')
		tell_history lease "web$i" $((n - ${leases[i]:-0}))
		leases[i]=$n
	done
}
leases=()

grep_agent() # TEXT
{
	grep -c "$1" "$HOST_FS/var/log/sessd-fleet.log" || :
}

# The events of the ledger since the last time, as the host's.
take_ledgers()
{
	local i
	for i in 1 2 3; do
		on "web$i" ledger | tail -n "+$((${taken[i]:-0} + 1))" >"$history.web$i"
		taken[i]=$((${taken[i]:-0} + $(wc -l <"$history.web$i")))
	done
}
taken=()

episode() # NUMBER
{
	local faults=($EPISODE_FAULTS) fault mode=deny i
	RANDOM=$((SEED * 1000 + $1))
	fault=${EPISODE_FAULT:-${faults[(SEED + $1 * 7) % ${#faults[@]}]}}
	draw_host
	draw 2
	! outlasts_lease "$fault" || [ "$drawn" = 0 ] || mode=local
	draw 2
	history=$EPISODES_DIR/$SEED-$1
	printf 'episode %s %s %s %s compacting=%s\n' "$1" "$fault" "$drawn_host" "$mode" "$drawn" | tee "$history"
	set_unreachable $mode || return 1
	[ "$drawn" = 0 ] || { touch "$history.compacts"; background compacts compact_often "$history.compacts"; }
	for i in 1 2 3; do on "web$i" visitors_come "$1$i" || return 1; done
	outlasts_lease "$fault" || orders_begin "$1"
	tell_history fault "$(now)"
	"fault_$fault" "$1" || return 1
	tell_history healed "$(now)"
	finish "orders$1" || return 1
	each_host wait_until fleet_joined && orders_are_done && unlock_all || return 1
	for i in 1 2 3; do on "web$i" visitors_go "web$i" || return 1; done
	rm -f "$history.compacts"
	wait_until hosts_agree && wait_until '[ -z "$(store_keys session/)" ]' || return 1
	tell_leases
	take_ledgers
	python3 tests/lib/episode_model.py "$history"
}
