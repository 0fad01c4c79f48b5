#!/usr/bin/env bats
# Episodes of faults while logins, orders and locks race on three hosts: what clients saw agrees with the model.
# EPISODES, SEED: how many, and which. What is found wrong is kept in build/episodes.
load ../lib/helpers
load ../lib/sessions
load ../lib/fleet
load ../lib/episodes

setup_file() { episodes_start; }
teardown_file() { episodes_stop; }
teardown() { fleet_reset; }

@test "the cap holds, no order is lost and no session ends by itself, whatever fails" {
	local n first=${EPISODE_FIRST:-1} count=${EPISODES:-6}
	SEED=${SEED:-$((EPOCHSECONDS % 100000))}
	EPISODES_DIR=$BATS_TEST_TMPDIR/episodes reloads=0
	mkdir "$EPISODES_DIR"
	echo "seed $SEED"
	episodes_up
	for ((n = first; n < first + count; n++)); do
		if episode "$n" >"$EPISODES_DIR/said" 2>&1; then
			cat "$EPISODES_DIR/said" >&3
			continue
		fi
		cat "$EPISODES_DIR/said"
		keep_history "$n"
		return 1
	done
}

keep_history() # NUMBER
{
	local i kept=build/episodes/$SEED-$1
	mkdir -p "$kept"
	rm -f "$EPISODES_DIR/$SEED-$1.compacts"
	cp "$EPISODES_DIR/$SEED-$1"* "$kept/"
	for i in 1 2 3; do
		cp "/proc/$(host_pid "$FLEET-web$i")/root/var/log/sessd-fleet.log" "$kept/agent$i.log"
		cp "/proc/$(host_pid "$FLEET-web$i")/root/var/log/sessd.log" "$kept/sessd$i.log"
		cp "/proc/$(host_pid "$FLEET-web$i")/root/var/log/stayers.log" "$kept/stayers$i.log"
		cp "/proc/$(host_pid "$FLEET-web$i")/root/var/log/racers.log" "$kept/racers$i.log"
		on "web$i" ledger >"$kept/ledger$i" || :
	done
	echo "seed $SEED, episode $1: kept in $kept; once more with SEED=$SEED EPISODE_FIRST=$1 EPISODES=1"
}
