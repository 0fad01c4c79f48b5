#!/usr/bin/env bats
# Episodes of faults while logins, orders and locks race on three hosts: what clients saw agrees with the model.
# EPISODES (4), SEED: how many, and which. What is found wrong is kept in build/episodes. REVOKES (5): how many sessions are
# ended from another host, to see how long that takes.
load ../lib/helpers
load ../lib/sessions
load ../lib/fleet
load ../lib/episodes

setup_file() { episodes_start; }
teardown_file() { episodes_stop; }
teardown() { fleet_reset; }

@test "the cap holds, no order is lost and no session ends by itself, whatever fails" {
	local n first=${EPISODE_FIRST:-1} count=${EPISODES:-4}
	[ "$count" -gt 0 ] || skip "EPISODES=0"
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

# Of N times in ns, one a line.
distribution() # WHAT
{
	sort -n | awk -v what="$1" '{ t[NR] = $1 / 1e6 }
		END {
			printf "%s: %d, p50 %.0f ms, p90 %.0f ms, p99 %.0f ms, longest %.0f ms\n", what, NR, t[int((NR + 1) / 2)],
				t[int((NR * 9 + 9) / 10)], t[int((NR * 99 + 99) / 100)], t[NR]
		}'
}

# What etcdctl writes and etcdctl hears elsewhere; from the start of the one to the line of the other.
watched() # N
{
	local heard=$BATS_TEST_TMPDIR/watcher.out i before
	background watcher store watch /sessd/v1/noise
	wait_until 'store put /sessd/v1/noise begins >/dev/null; grep -q begins "$heard"'
	for ((i = 1; i <= $1; i++)); do
		before=${EPOCHREALTIME/./}
		store put /sessd/v1/noise "number$i." >/dev/null
		until grep -q "number$i\." "$heard"; do :; done
		echo $(((${EPOCHREALTIME/./} - before) * 1000))
	done
	in_store pkill -x etcdctl
}

@test "a session on another host is ended from here" {
	local n=${REVOKES:-5} round before sid log times=$BATS_TEST_TMPDIR/times
	[ "$n" -gt 0 ] || skip "REVOKES=0"
	episodes_up
	: >"$times"
	log=/proc/$(host_pid "$FLEET-web2")/root/var/log/stayers.log
	for ((round = 1; round <= n; round++)); do
		on web2 start_daemon stayers /sessd/wirepeer visits /run/sessd 1 1 0 alice:2101
		wait_until 'grep -q "^open .*granted" "$log"'
		read -r _ _ _ sid _ <"$log"
		wait_until 'store_keys session/alice/ | grep -q "$sid"'
		before=$(now)
		run -0 on web1 on_host sessctl revoke --fleet "$sid"
		contains "$output" "web2: "
		wait_until 'grep -q "^gone " "$log"'
		awk -v before="$before" '/^gone/ { printf "%d\n", $3 - before }' "$log" >>"$times"
		on web2 daemon_signal stayers TERM
		on web2 wait_until '! daemon_runs stayers'
		rm "$log"
	done
	equal "$n" "$(wc -l <"$times")"
	distribution "sessctl revoke --fleet, to the last exit on the other host" <"$times" >&3
	watched "$n" | distribution "etcdctl put, to the line of etcdctl watch" >&3
}

keep_history() # NUMBER
{
	local i kept=build/episodes/$SEED-$1
	mkdir -p "$kept"
	rm -f "$EPISODES_DIR/$SEED-$1".{compacts,watched}
	in_store pkill -x etcdctl || :
	cp "$EPISODES_DIR/$SEED-$1"* "$kept/"
	for i in 1 2 3; do
		cp "/proc/$(host_pid "$FLEET-web$i")/root/var/log/sessd-fleet.log" "$kept/agent$i.log"
		cp "/proc/$(host_pid "$FLEET-web$i")/root/var/log/sessd.log" "$kept/sessd$i.log"
		cp "/proc/$(host_pid "$FLEET-web$i")/root/var/log/stayers.log" "$kept/stayers$i.log"
		cp "/proc/$(host_pid "$FLEET-web$i")/root/var/log/racers.log" "$kept/racers$i.log"
		cp "/proc/$(host_pid "$FLEET-web$i")/root/var/log/franks.log" "$kept/franks$i.log"
		on "web$i" ledger >"$kept/ledger$i" || :
	done
	echo "seed $SEED, episode $1: kept in $kept; once more with SEED=$SEED EPISODE_FIRST=$1 EPISODES=1"
}
