#!/bin/bash
# sessd kills itself, with SIGKILL, at each point of sessd/fault.h; after the restart nothing that was acknowledged is
# lost, no cap is exceeded, and nobody is listed who is not there.
# FAULT_ROUNDS (1): in round N it dies at the Nth passage of the point.
. "$(dirname "$(realpath "$0")")/../lib/daemon.bash"

# From the header, so that no new point is forgotten.
points=$(grep -oP '^\tP\(\K[a-z_]+' sessd/fault.h)
rounds=${FAULT_ROUNDS:-1}
faulty=$BUILD-faults
case ${BUILD##*/} in
*address*) san=address,undefined ;;
*thread*) san=thread ;;
*) san= ;;
esac

build()
{
	why=$(flock "$BUILD/sessd" make -s FAULTS=1 SAN="$san" B="$faulty" "$faulty/sessd/sessd" 2>&1) &&
		cp "$faulty/sessd/sessd" "$bin/sessd-faults"
}

# --- What must hold ---

# In the list, whatever its phase.
has()
{
	[[ $'\n'$listed$'\n' == *$'\n'"$1"$'\n'* ]]
}

# At once after the restart: everyone who was granted and lives is there.
none_is_lost()
{
	local sid
	listed=$(listed)
	for sid in $(living); do
		[[ " $spooled " == *" $sid "* ]] || has "$sid" || { why="lost: $sid; listed: $listed"; return 1; }
	done
}

# What was acknowledged as over is over.
none_returns()
{
	local sid
	for sid in $over; do
		! has "$sid" || { why="back from the dead: $sid"; return 1; }
	done
}

# Within 5 s: the list is of those who live, and no end is left half done.
settled()
{
	[ -z "$(listed ending)" ] && agrees
}

# Of those that count.
within_the_cap()
{
	why=$(ctl list --json | grep -F '"class":"login"')
	[ -z "$why" ] || [ "$(wc -l <<<"$why")" -le "$cap" ]
}

invariants()
{
	none_is_lost && none_returns && soon settled && within_the_cap && exits 0 ctl audit verify &&
		soon is '' ls "$run/pending"
}

# --- One step after the other, and the restart where it dies ---

reached='' over='' spooled='' cap=''

restart()
{
	daemon_end || return 1
	[ "$ended" = 'signal 9' ] || { why="it ended with $ended"; return 1; }
	reached=1
	daemon_up && invariants && sealed_by_one_key
}

# It has died, or has nothing left to write.
quiet()
{
	tell ping
	[ "$said" = down ] || [ "${said##* }" = 0 ]
}

# step COMMAND...: then it lives, or is started again and all is well
step()
{
	"$@" || { why="$*: $why"; return 1; }
	soon quiet || { why="$*: it does not come to rest: $said"; return 1; }
	[ "$said" != down ] || restart || { why="$*: $why"; return 1; }
}

opens()
{
	tell open "$1" spool=1 "${@:2}"
	case $said in
	granted\ * | refused\ *) ;;
	spooled\ *) spooled+=" ${said##* }" ;;
	*) return 1 ;;
	esac
}

closes()
{
	tell close "$1"
	case $said in
	done\ * | gone*) over+=" ${said##* }" ;;
	down\ *) ;;
	*) return 1 ;;
	esac
}

revokes()
{
	local sid status=0
	tell again "$1"
	sid=$(cut -d ' ' -f 3 <<<"$said")
	why=$(ctl revoke "$sid" 2>&1) || status=$?
	case $status in
	0)
		over+=" $sid"
		tell_is gone await "$1"
		;;
	3) ;;
	5) [[ " $over " == *" $sid "* ]] ;;
	*) return 1 ;;
	esac
}

renews()
{
	tell renew "$1"
	case $said in
	granted\ * | down\ *) ;;
	*) return 1 ;;
	esac
}

# Of the session's tokens the one in the key is in force, and the one before is not. Root is let through with either,
# and the ledger says so of the latter.
one_token()
{
	local lacked
	lacked=$(ctl audit export | grep -c '"event":"proof_lacking"')
	tell_is granted prove "$1" || return 1
	why="the token in the key is not in force"
	[ "$(ctl audit export | grep -c '"event":"proof_lacking"')" = "$lacked" ] || return 1
	tell replay "$1"
	[[ $said != none\ * ]] || return 0
	replayed=1
	why="the token before is in force: $said"
	[ "$(ctl audit export | grep -c '"event":"proof_lacking"')" = $((lacked + 1)) ]
}

seals()
{
	local status=0
	why=$(ctl audit checkpoint 2>&1) || status=$?
	[ "$status" = 0 ] || [ "$status" = 3 ]
}

# The first public key, which is what an auditor keeps.
first_key()
{
	key=$(ctl audit export | sed -n '/"event":"seal_started"/{s/.*"next_key":"\([0-9a-f]*\)".*/\1/p;q}')
	[ ${#key} = 64 ]
}

# What was sealed verifies with the first key, and no other one had to begin.
sealed_by_one_key()
{
	[ "$(ctl audit export | grep -c '"event":"seal_started"')" = 1 ] && first_key || { why='not one key'; return 1; }
	seals && exits 0 ctl audit verify --key "$key" || { why="the seal: $why"; return 1; }
}

# Unless it dies while that is being looked at.
holds()
{
	invariants && return
	local what=$why
	tell ping
	why=$what
	[ "$said" = down ]
}

# It writes a last event when it stops.
dies_in_the_end()
{
	restart && daemon_down
}

policy()
{
	cap=$1
	daemon_new "policy \"cap\" { max_sessions = $1" "at_limit = $2 }"
}

# The daemon with the fault: it may die before it is ready, or not.
starts_with_fault()
{
	daemon_up SESSD_FAULT="$fault" || [ -n "$ended" ]
}

# --- What happens to it ---

scenario_seal()
{
	policy 2 deny
	step starts_with_fault && step opens a && step seals && step opens b && step seals && step closes b && step seals
}

scenario_life()
{
	policy 2 deny
	step starts_with_fault && step opens a && step opens b && step opens c && step closes b && step opens d &&
		step revokes a && step opens e service=cron && step opens f
}

scenario_evict()
{
	policy 2 evict_oldest
	step starts_with_fault && step opens a && step opens b && step opens c && step opens d && step opens e
}

# A password is typed to sudo, three times.
scenario_renew()
{
	replayed=
	policy 2 deny
	step starts_with_fault && step opens a audit=1 key=1 && one_token a && step renews a && one_token a &&
		step renews a && one_token a && step renews a && one_token a && [ -n "$replayed" ] &&
		step closes a
}

# A leader died while it was down; another lives.
scenario_recover()
{
	policy 3 deny
	sessd=$bin/sessd daemon_up && step opens a && step opens b && daemon_kill && tell kill b && step starts_with_fault &&
		step holds && step opens c && step opens d
}

# While it was down: one came, one came and went, one came who is too many.
scenario_spool()
{
	policy 2 deny
	sessd=$bin/sessd daemon_up && step opens a && daemon_kill && opens b && opens c && closes c && opens d &&
		step starts_with_fault && step holds && step opens e
}

# What sessd of an older version has left behind: see "The database's rows" in PROTOCOL.md.
to_older_schema() # SCHEMA
{
	sqlite3 "$state/ledger.db" 'DROP INDEX session_login; DROP INDEX event_refused;
		ALTER TABLE session DROP COLUMN login; ALTER TABLE event DROP COLUMN refused;' || return 1
	[ "$1" = 2 ] || sqlite3 "$state/ledger.db" 'DROP TABLE lock' || return 1
	sqlite3 "$state/ledger.db" "UPDATE meta SET value = $1 WHERE key = 'schema'"
}

schema_is()
{
	[ "$(sqlite3 "$state/ledger.db" "SELECT value FROM meta WHERE key = 'schema'")" = "$1" ]
}

# It dies in the midst of bringing the ledger forward, and finds it as it was. What lives goes on.
scenario_upgrade()
{
	policy 2 deny
	sessd=$bin/sessd daemon_up && step opens a && step opens b && step seals && daemon_down && to_older_schema 1 &&
		starts_with_fault && daemon_end && schema_is 1 && step holds && step closes b && step opens c && step opens d &&
		daemon_down && schema_is 3 && daemon_up
}

# What leads past the point. One that is new here is looked for everywhere.
scenarios_of()
{
	case $1 in
	open_* | close_* | refuse_* | revoke_*) echo life ;;
	ending_* | ended_*) echo life evict ;;
	commit_*) echo life recover spool ;;
	upgrade_*) echo upgrade ;;
	recovery_*) echo recover spool ;;
	spool_*) echo spool ;;
	seal_*) echo seal ;;
	rotate_* | reauth_*) echo renew ;;
	*) echo life evict recover spool ;;
	esac
}

# Each start commits an event of its own before the login that matters.
first_passage()
{
	case $1:$2 in
	commit_*:life) echo 2 ;;
	*) echo 1 ;;
	esac
}

survives()
{
	local point=$1 round scenario ever=
	for ((round = 0; round < rounds; round++)); do
		for scenario in $(scenarios_of "$point"); do
			fault=$point:$(($(first_passage "$point" "$scenario") + round))
			reached='' over='' spooled=''
			"scenario_$scenario" || { why="$fault in $scenario: $why"; return 1; }
			daemon_down || dies_in_the_end || { why="$fault in $scenario: $why"; return 1; }
			ever+=$reached
		done
		why='the point was never reached'
		[ -n "$ever" ] || return 1
	done
}

check 'the daemon with its faults is built' build || finish
sessd=$bin/sessd-faults
check 'there are points' [ "$(wc -l <<<"$points")" -ge 20 ]
for point in $points; do
	check "$point" survives "$point"
done
finish
