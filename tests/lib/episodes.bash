# Episodes of faults (episode_faults) in a fleet, and the history of what its clients (episode_visitors) saw; to be loaded
# after fleet. The members of the store have a network each (and so can be cut off from each other), and users: its tokens
# run out after a second. The clocks of the hosts are an hour apart.
#
#	episodes_start		three hosts, three members, all anew
#	episodes_stop
#	episode N		one: draws its fault by SEED and N; its history is in `history`
#
# What was seen and done is judged by episode_model.
#
# AGENT=address-undefined or thread: sessd-fleet is of that build.

# shellcheck source=tests/lib/episode_faults.bash
. "$(dirname "${BASH_SOURCE[0]}")/episode_faults.bash"
# shellcheck source=tests/lib/episode_visitors.bash
. "$(dirname "${BASH_SOURCE[0]}")/episode_visitors.bash"

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

episode_config() # UNREACHABLE AT_LIMIT
{
	printf '%s\n' "fleet_unreachable = $1" \
		"policy \"contractors\" { groups = {\"contractors\"} max_sessions = 2 scope = fleet at_limit = $2 }"
}

# One with a sanitizer must find that one's library in front of the clock's.
start_agent()
{
	local agent=(/usr/sbin/sessd-fleet) runtime
	if [ -n "${AGENT:-}" ]; then
		runtime=$(ldd "build/$AGENT/fleet/sessd-fleet" | sed -n 's/.*=> \(.*lib[at]san[^ ]*\) .*/\1/p')
		agent=(setarch -R env LD_PRELOAD="$runtime" "/sessd/source/build/$AGENT/fleet/sessd-fleet")
	fi
	start_daemon sessd-fleet "${agent[@]}" --user sessd-fleet --debug
}

# What a sanitizer has to say, it says last.
agent_is_sane()
{
	! grep -aE -A 30 'Sanitizer|runtime error' "$HOST_FS/var/log/sessd-fleet.log"
}

episode_member() # NAME
{
	start_sshd && start_sessd "$(episode_config deny deny)" || return 1
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
}

# Of those that make place as well, when nobody comes any more.
no_order_stands()
{
	wait_until '[ -z "$(store_keys revoke/)" ]' || { store get --prefix /sessd/v1/revoke/; return 1; }
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

set_policy() # UNREACHABLE AT_LIMIT
{
	[ "$*" != "${policy:-deny deny}" ] || return 0
	each_host sessd_config "$(episode_config "$@")"
	each_host daemon_signal sessd HUP
	reloads=$((reloads + 1))
	each_host wait_until '[ "$(sessd_said "read again")" = $reloads ]'
	policy=$*
}

# All that live have their keys again. Those who came or went meanwhile do not count.
all_registered()
{
	local before keys after
	before=$(live_sids)
	keys=$(store_keys session/ | sed 's|.*/||' | sort)
	after=$(live_sids)
	[ -z "$(comm -12 <(echo "$before") <(echo "$after") | comm -23 - <(echo "$keys"))" ]
}

live_sids()
{
	each_host sessions_where '.phase == "active" and .class == "login"' | sort
}

# How often a host's lease has ended: others could take its places then, whatever the fault was meant to be. And how many
# logins it decided about alone.
count_alone()
{
	local i
	for i in 1 2 3; do
		lost[i]=$(on "web$i" grep_agent 'the lease is over')
		alone[i]=$(on "web$i" on_host sessctl metrics | sed -n 's/^sessd_fleet_alone_total //p')
	done
}

tell_alone() # BEFORE|AFTER
{
	local i n=("${lost[@]}") m=("${alone[@]}") zeros
	[ "$1" = BEFORE ] && zeros='%s 0' || zeros='0 %s'
	count_alone
	for i in 1 2 3; do
		# shellcheck disable=SC2059
		tell_history "lease web$i $(printf "$zeros" $((lost[i] - n[i - 1])))"
		# one that was started anew counts from 0
		# shellcheck disable=SC2059
		tell_history "alone web$i $(printf "$zeros" $((alone[i] >= m[i - 1] ? alone[i] - m[i - 1] : alone[i])))"
	done
}
lost=() alone=()

grep_agent() # TEXT
{
	grep -c "$1" "$HOST_FS/var/log/sessd-fleet.log" || :
}

# The clocks of the hosts by the one that all share.
tell_clocks()
{
	local i ahead
	ahead=$(python3 -c 'import time; print(time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME))')
	for i in 1 2 3; do tell_history clock "web$i" $((ahead + (i - 2) * 3600000000000)); done
}

# --- What the store had ---

# All that is written there, as each of its members tells: first what it has, then from the next revision on, and again
# where that breaks off, since all of them may be away and what they missed compacted. Each tells in a file of its own,
# until the file `.watched` is gone.
watch_begins()
{
	local i
	touch "$history.watched"
	for i in 1 2 3; do background "watch$i" watch_member $i; done
	wait_until 'store put /sessd/v1/noise begins >/dev/null; [ -s "$history.store1" -a -s "$history.store2" -a -s "$history.store3" ]'
}

member() # INDEX ETCDCTL-ARGUMENT…
{
	in_store env ETCDCTL_API=3 etcdctl --endpoints "$(store_url "$1")" "${store_options[@]}" "${@:2}" 2>/dev/null
}

watch_member() # INDEX
{
	local all
	while [ -e "$history.watched" ]; do
		if all=$(member "$1" get --prefix /sessd/v1/ -w json); then
			echo "$all" >>"$history.store$1"
			member "$1" watch --prefix --rev $(($(jq .header.revision <<<"$all") + 1)) /sessd/v1/ -w json \
				>>"$history.store$1" || :
		fi
		lasting 0.1
	done
}

watch_ends()
{
	wait_until 'store put /sessd/v1/noise over >/dev/null; all_heard over' || return 1
	rm "$history.watched"
	wait_until 'in_store pkill -x etcdctl; ! background_runs watch1 && ! background_runs watch2 && ! background_runs watch3'
	{ store_history; store_gaps; } | sort -u | sort -s -n -k 2 >>"$history"
}

all_heard() # WORD
{
	local i
	for i in 1 2 3; do grep -q "\"$(base64 <<<"$1" | cut -c 1-5)" "$history.store$i" || return 1; done
}

# `order REVISION HOST SID BY`: to make place; `key REVISION put|del USER SID`: of a session.
store_history()
{
	cat "$history".store[123] | jq -rR 'fromjson? | .Events[]?, ({kv: .kvs[]?}) | (.type == null) as $put | .kv | .mod_revision as $at |
		(.key | @base64d | split("/")[3:]) as $key |
		if $key[0] == "session" then
			"key \($at) \(if $put then "put" else "del" end) \($key[1]) \($key[3])"
		elif $key[0] == "revoke" and $put then
			(.value | @base64d | fromjson) | select(.signed | fromjson | .evicts) |
			"order \($at) \($key[1]) \($key[2]) \(.key)"
		else empty end'
}

# `gap FROM TO`: revisions that no member has told of, from the first on that one has. Each write makes one.
store_gaps()
{
	cat "$history".store[123] | jq -rR 'fromjson? | (.Events[]? | "event \(.kv.mod_revision)"), (.kvs[]? | "key \(.mod_revision)")' |
		sort -u -n -k 2 | awk '$1 == "event" && !p { p = $2 } p && $2 > p + 1 { print "gap", p + 1, $2 - 1 } p && $2 > p { p = $2 }'
}

# --- All of it ---

# The host's ledger since the last time.
new_events()
{
	local i=${HOST#"$FLEET-web"}
	ledger | tail -n "+$((${taken[i]:-0} + 1))"
}

take_ledgers()
{
	local i
	for i in 1 2 3; do
		on "web$i" new_events >"$history.web$i"
		taken[i]=$((${taken[i]:-0} + $(wc -l <"$history.web$i")))
	done
}
taken=()

# What is of no chance any more: where, under which policy.
draw_episode() # NUMBER
{
	local faults=($EPISODE_FAULTS) limits=(deny deny evict_oldest evict_idlest)
	RANDOM=$((SEED * 1000 + $1))
	fault=${EPISODE_FAULT:-${faults[(SEED + $1 * 7) % ${#faults[@]}]}}
	draw_host
	draw 2
	unreachable=deny
	! outlasts_lease "$fault" || [ "$drawn" = 0 ] || unreachable=local
	draw 4
	at_limit=${EPISODE_AT_LIMIT:-${limits[drawn]}}
	draw 2
}

episode_begins() # NUMBER
{
	local i
	draw_episode "$1"
	history=$EPISODES_DIR/$SEED-$1 franks_on=
	printf 'episode %s %s %s %s %s compacting=%s\n' "$1" "$fault" "$drawn_host" "$unreachable" "$at_limit" "$drawn" |
		tee "$history"
	set_policy $unreachable $at_limit && watch_begins || return 1
	[ "$drawn" = 0 ] || { touch "$history.compacts"; background compacts compact_often "$history.compacts"; }
	count_alone
	reports=$(frank_reports)
	tell_clocks
	for i in 1 2 3; do on "web$i" visitors_come "$1$i" || return 1; done
	# Where the host decides alone, they come then.
	[ $unreachable = local ] || { on "$drawn_host" franks_come && franks_are_answered; }
}

episode_ends() # NUMBER
{
	local i
	finish "orders$1" && each_host wait_until fleet_joined && orders_are_done || return 1
	tell_alone BEFORE
	wait_until all_registered || return 1
	tell_history returned "$(now)"
	franks_are_answered && overshoot_is_over && unlock_all || return 1
	tell_history go "$(now)"
	for i in 1 2 3; do on "web$i" visitors_go "web$i" || return 1; done
	rm -f "$history.compacts"
	wait_until hosts_agree && wait_until '[ -z "$(store_keys session/)" ]' && no_order_stands || return 1
	tell_alone AFTER
	watch_ends && take_ledgers && each_host agent_is_sane
}

episode() # NUMBER
{
	local fault unreachable at_limit
	episode_begins "$1" || return 1
	outlasts_lease "$fault" || { orders_begin "$1"; franks_come_elsewhere; }
	tell_history fault "$(now)"
	"fault_$fault" "$1" || return 1
	outlasts_lease "$fault" || tell_history healed "$(now)"
	episode_ends "$1" && python3 tests/lib/episode_model.py "$history"
}
