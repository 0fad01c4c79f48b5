#!/bin/bash
# Many logins at the same moment, and the cap holds: exactly so many are let in, round after round.
# STORM_ROUNDS (20), STORM_SIZE (500)
. "$(dirname "$(realpath "$0")")/../lib/daemon.bash"

rounds=${STORM_ROUNDS:-20}
size=${STORM_SIZE:-500}

policy()
{
	printf 'policy "three" { max_sessions = 3\n at_limit = %s }\n' "$1"
}

# The crowd's N sessions that live: $said is `N SID…`.
live()
{
	tell living
	why="living: $said"
	[ "${said%% *}" = "$1" ]
}

# No session is left, and no leader that was let in.
all_gone()
{
	tell forget
	soon is '' listed
}

deny_rounds()
{
	local i
	for ((i = 0; i < rounds; i++)); do
		tell storm a "$size"
		[ "$said" = "granted 3 refused $((size - 3)) killed 0 failed 0" ] || { why="round $i: $said"; return 1; }
		agrees || { why="round $i: $why"; return 1; }
		all_gone || { why="round $i: $why"; return 1; }
	done
}

# In the ledger's order, too, there are never more than three of alice's logins at once.
never_four()
{
	why=$(ctl audit export | jq -r 'select(.class == "login" and .uid == 2001) | "\(.event) \(.sid)"' | awk '
		/^session_opened / { open[$2]; if (++n > 3) { print "four are open at event " NR ": " $2; exit } }
		/^session_ended / && $2 in open { n-- }
		END { if (NR < 10) print "no events" }')
	[ -z "$why" ]
}

daemon_new "$(policy deny)"
check 'the daemon starts' daemon_up
check "deny: of $size at the same moment exactly 3 are let in, $rounds times" deny_rounds

# Who was refused does not go by himself here, as with `ssh -N`.
stubborn_are_ended()
{
	tell storm b 100 stay=1
	[ "$said" = 'granted 3 refused 97 killed 0 failed 0' ] || { why=$said; return 1; }
	soon only_admitted_live
}

only_admitted_live()
{
	tell living all
	why="living: $said"
	[ "${said%% *}" = 3 ] && agrees
}

check 'deny: leaders of refused logins that stay are ended, the others not' stubborn_are_ended
check 'deny: the places are free again' all_gone

# One by one: who closes makes room for one, and for one only.
check 'deny: first of four' tell_is granted open c1
check 'deny: second of four' tell_is granted open c2
check 'deny: third of four' tell_is granted open c3
check 'deny: the fourth is refused' tell_is refused open c4
check 'deny: the refusal says by which policy, and what there is' \
	eval '[[ $said == *"cap you already have 3 of 3 sessions (policy \"three\"): sshd since "* ]]'
check 'deny: another user has places of his own' tell_is granted open d1 user=bob uid=2002
check 'deny: a session of another class needs none' tell_is granted open c5 service=cron
check 'deny: one closes' tell_is done close c2
check 'deny: and there is one place' tell_is granted open c6
check 'deny: only one' tell_is refused open c7
check 'all of them go' all_gone
check 'deny: the ledger tells the same' never_four
check 'the daemon stops' daemon_down

# --- evict_oldest ---

daemon_new "$(policy evict_oldest)"
check 'evict_oldest: the daemon starts' daemon_up

# Those who are left are the newest three.
newest_stay()
{
	local i sids=() last
	for ((i = 0; i < 12; i++)); do
		tell open "e$i"
		[[ $said == granted* ]] || { why="login $i: $said"; return 1; }
		sids+=("${said##* }")
	done
	last=$(printf '%s\n' "${sids[@]: -3}" | sort)
	soon is "$last" listed && is "$last" living
}

# After the last answer a victim may be on its way out; a place is never taken twice.
crowd_leaves_three()
{
	tell storm f 100
	[[ $said == *' failed 0' ]] || { why=$said; return 1; }
	soon three_agree
}

three_agree()
{
	agrees && live 3
}

check 'evict_oldest: one after the other, the newest three are left' newest_stay
check 'evict_oldest: all of them go' all_gone
check 'evict_oldest: 100 at the same moment leave three' crowd_leaves_three
check 'evict_oldest: and once more, with three there' crowd_leaves_three
check 'evict_oldest: the ledger tells the same' never_four
check 'evict_oldest: the daemon stops' daemon_down

# --- evict_idlest ---

daemon_new "$(policy evict_idlest)"
check 'evict_idlest: the daemon starts' daemon_up

# The access time of a leader's terminal is when he last typed.
types_at()
{
	local tty
	tty=$(readlink "/proc/$1/fd/$(cd "/proc/$1/fd" && find . -lname '/dev/pts/[0-9]*' -printf '%f\n' | head -n 1)")
	touch -a -d "$2" "$tty"
}

idlest_goes()
{
	local i pids=() sids=()
	for i in 0 1 2; do
		tell open "g$i" tty=1 audit=1
		[[ $said == granted* ]] || { why=$said; return 1; }
		read -r _ pid sid <<<"$said"
		pids+=("$pid") sids+=("$sid")
	done
	types_at "${pids[0]}" 'now + 2 minutes' && types_at "${pids[1]}" 'now + 1 minute' &&
		types_at "${pids[2]}" 'now + 3 minutes' || { why='no terminal'; return 1; }
	tell open g3
	[[ $said == granted* ]] || { why=$said; return 1; }
	soon is "$(printf '%s\n' "${sids[0]}" "${sids[2]}" "${said##* }" | sort)" listed
}

check 'evict_idlest: who has typed the longest ago goes, not the oldest' idlest_goes
check 'evict_idlest: 100 at the same moment leave three' crowd_leaves_three
check 'evict_idlest: the ledger tells the same' never_four
check 'evict_idlest: the daemon stops' daemon_down
finish
