# What fails in an episode, for episodes.bash, which loads this: `fault_NAME NUMBER` begins it, and it is over when the
# function is. `drawn_host` is whom it may befall.

EPISODE_FAULTS="none leader_killed member_killed member_paused member_cut answers_lost answers_lost_of_one agent_killed
	agent_paused host_cut sessd_killed sessd_restarted rights_changed agent_stopped host_gone quorum_lost"

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
	[ $(($(now) - before)) -lt 2000000000 ] || tell_history lease "$drawn_host" 1 0
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

# Those that outlast the lease: orders are for a host that is not there, others may take its places, and those who are
# there decide alone or not at all. From `healed` on it is put right.
while_it_lasts()
{
	orders_begin "$1"
	franks_come_elsewhere && franks_are_answered || return 1
	lasting 1
	tell_history healed "$(now)"
}

lease_ends()
{
	wait_until "[ -z \"\$(store_keys alive/$drawn_host)\" ]" && while_it_lasts "$1"
}

fault_agent_stopped()
{
	on "$drawn_host" daemon_signal sessd-fleet STOP
	lease_ends "$1" || return 1
	on "$drawn_host" daemon_signal sessd-fleet CONT
}

fault_host_gone()
{
	cut_off "$drawn_host"
	lease_ends "$1" || return 1
	reconnect "$drawn_host"
}

fault_quorum_lost()
{
	local i
	draw 3
	for i in 1 2 3; do [ $i = $((drawn + 1)) ] || on store daemon_signal "etcd$i" KILL; done
	each_host wait_until '! fleet_joined' && while_it_lasts "$1" || return 1
	for i in 1 2 3; do [ $i = $((drawn + 1)) ] || member_up $i; done
}

outlasts_lease() # FAULT
{
	case $1 in agent_stopped | host_gone | quorum_lost) ;; *) return 1 ;; esac
}
