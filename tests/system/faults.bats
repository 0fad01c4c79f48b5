#!/usr/bin/env bats
# The ledger when things fail, when it grows old, and when it is read: what real logins, an administrator and an auditor
# see of it. A full disk is in daemon.bats.
load ../lib/helpers
load ../lib/sessions

PATIENCE=30

setup_file() { host_start; }
teardown_file() { host_stop; }
setup() { start_sshd; }

teardown()
{
	rm -f "$HOST_FS/etc/ld.so.preload"
	host_reset
}

uncapped='policy "all" { max_sessions = 50 }'
state=/var/lib/sessd

metric() # NAME
{
	on_host sessctl metrics | sed -n "s/^sessd_$1 //p"
}

status() # MEMBER
{
	on_host sessctl status --json | jq -r ".$1 // \"-\""
}

logged_in_and_out() # USER
{
	local before
	before=$(events_where '.event == "session_ended"' | wc -l)
	ssh_as "$1" -- true
	wait_until "[ \"\$(events_where '.event == \"session_ended\"' | wc -l)\" -gt $before ]"
}

# --- What fails ---

# An ext4 in a file, which goes when its last mount does.
mount_ext4() # MOUNT OPTION
{
	local n
	on_host sh -c '[ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237'
	for n in 0 1 2 3 4 5 6 7; do
		on_host sh -c "[ -e /dev/loop$n ] || mknod /dev/loop$n b 7 $n"
	done
	on_host mkdir -p /mnt/disk
	on_host mount -o "loop,$1" /mnt/ext4 /mnt/disk
}

@test "a disk that turns read-only: logins go on or are refused, the alarm rises, and what was granted is there" {
	on_host dd if=/dev/zero of=/mnt/ext4 bs=1M count=16 status=none
	on_host mkfs.ext4 -q /mnt/ext4
	mount_ext4 errors=remount-ro || skip "no loop device"
	on_host chmod 0700 /mnt/disk
	start_sessd "$uncapped" --state-dir /mnt/disk
	begin one alice -- :
	logged_in_and_out bob
	equal 0 "$(metric ledger_failing)"
	# as the kernel does when it finds an error in the file system
	on_host mount -o remount,abort /mnt/disk
	wait_until 'ssh_as bob -- true && [ "$(metric ledger_failing)" = 1 ]'
	contains "$(on_host sessctl status)" 'TROUBLE: the ledger cannot be written'
	[ "$(status ledger_error)" != - ]
	equal in "$(ssh_as carol -- echo in)"
	[ "$(metric ledger_queued)" -ge 1 ]
	sessd_config "ledger_required = true
$uncapped"
	daemon_signal sessd HUP
	wait_until 'grep -q "read again" "$HOST_FS/var/log/sessd.log"'
	run ! ssh_as carol -- echo in
	run ! grep -qx in <<<"$output"
	background_runs one
	stop_sessd
	on_host umount /mnt/disk
	on_host sh -c 'e2fsck -fy /mnt/ext4 >/dev/null; [ $? -le 1 ]'
	mount_ext4 errors=remount-ro
	start_sessd "$uncapped" --state-dir /mnt/disk
	equal "$sid" "$(sessions_where '.user == "alice" and .phase == "active"')"
	[ "$(events_where '.user == "bob" and .event == "session_ended"' | wc -l)" -ge 1 ]
	run -0 on_host sessctl audit verify
	equal 0 "$(metric ledger_failing)"
	equal in "$(ssh_as carol -- echo in)"
	# the mount goes with what uses it
	run -0 on_host sessctl revoke "$sid"
	finish_badly one
	stop_sessd
	on_host umount /mnt/disk
}

# The index by which a start finds what lives, as a torn write leaves it.
tear_index()
{
	on_host python3 - "$state/ledger.db" session_live <<'END'
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
page, = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (sys.argv[2],)).fetchone()
db.close()
with open(sys.argv[1], "r+b") as f:
    f.seek((page - 1) * 4096)
    f.write(os.urandom(4096))
END
}

@test "a damaged ledger: sessions and locks are taken over, and its last checkpoint is cited" {
	local anchor old
	python3 -c 'import sqlite3' 2>/dev/null || skip "python3 is not installed"
	start_sessd "$uncapped"
	begin one alice -- :
	on_host sessctl lock user mallory >/dev/null
	stop_sessd
	anchor=$(host_logs | sed -n 's/.*ledger: checkpoint //p' | tail -n 1)
	[[ $anchor =~ ^[0-9]+:[0-9a-f]{64}$ ]]
	tear_index
	start_sessd
	equal "$sid" "$(sessions_where '.user == "alice" and .phase == "active"')"
	run ! ssh_as mallory -- true
	old=$(events_where '.event == "ledger_started"' text)
	contains "$old" "set aside as ledger.db.corrupt-1"
	contains "$old" "its last checkpoint is $anchor"
	contains "$old" "taken over: 1 live sessions, 1 locks"
	equal "$anchor" "$(events_where '.event == "ledger_started"' | jq -r '"\(.last):\(.hash)"')"
	run -0 on_host sessctl audit verify
	contains "$output" "THIS LEDGER REPLACES ANOTHER ONE"
	contains "$output" "$anchor"
	[ -e "$HOST_FS$state/ledger.db.corrupt-1" ]
	run -0 on_host sessctl revoke "$sid"
	finish_badly one
}

@test "keys: one of a wrong size keeps sessd out and logins in; one that is gone is made anew" {
	start_sessd "$uncapped"
	begin one alice -- :
	stop_sessd
	on_host sh -c "head -c 31 $state/token.key >$state/cut && mv $state/cut $state/token.key"
	run ! start_sessd
	contains "$output" "not a key of 32 bytes"
	equal in "$(ssh_as bob -- echo in)"
	on_host rm "$state/token.key"
	start_sessd
	one_session '.user == "alice" and .phase == "active"'
	equal in "$(ssh_as bob -- echo in)"
	wait_until '[ "$(events_where ".user == \"bob\" and .event == \"session_opened\"" | wc -l)" = 1 ]'
	logged_in_and_out carol
}

@test "a seal that cannot go on is told of, and mended" {
	start_sessd "$uncapped"
	equal - "$(status seal_error)"
	on_host mkdir "$state/seal.key.new"
	logged_in_and_out alice
	# its secret cannot be replaced by the next one, without which there is no other checkpoint
	on_host sessctl audit checkpoint >/dev/null
	logged_in_and_out alice
	run ! on_host sessctl audit checkpoint
	contains "$(status seal_error)" "the secret of its seal cannot be replaced"
	contains "$(on_host sessctl status)" "TROUBLE: the ledger is not sealed"
	equal 1 "$(metric ledger_seal_failing)"
	[ "$(metric ledger_unsealed)" -ge 1 ]
	equal in "$(ssh_as bob -- echo in)"
	on_host rmdir "$state/seal.key.new"
	wait_until 'on_host sessctl audit checkpoint >/dev/null'
	wait_until '[ "$(metric ledger_seal_failing)" = 0 ]'
	equal - "$(status seal_error)"
	run -0 on_host sessctl audit verify
}

# --- What is old ---

@test "what is older than retain goes, the rest is verified, and an older anchor says why it does not fit" {
	local key anchor first
	install -m 0644 "$HOST_TOP/build/plain/tests/lib/clockshift.so" "$HOST_FS/sessd/clockshift.so"
	perl -e 'print pack("q<q<", -2 * 365 * 86400e9, 0)' >"$HOST_FS/run/clockshift"
	echo /sessd/clockshift.so >"$HOST_FS/etc/ld.so.preload"
	start_sessd "$uncapped"
	key=$(on_host sessctl audit key)
	logged_in_and_out alice
	on_host sessctl audit checkpoint >/dev/null
	logged_in_and_out bob
	anchor=$(on_host sessctl audit checkpoint)
	logged_in_and_out bob
	stop_sessd
	# and now it is two years later, which is not believed at once
	rm "$HOST_FS/etc/ld.so.preload"
	start_sessd "retain = 400d
$uncapped"
	wait_until 'grep -q "the clock is far ahead of the last events" "$HOST_FS/var/log/sessd.log"'
	logged_in_and_out carol
	equal 1 "$(events_where '.user == "alice" and .event == "session_opened"' | wc -l)"
	stop_sessd
	start_sessd
	wait_until '[ "$(events_where ".event == \"ledger_pruned\"" | wc -l)" = 1 ]'
	logged_in_and_out carol
	equal "" "$(events_where '.user == "alice"')"
	first=$(ledger | head -n 1 | jq .seq)
	equal "checkpoint" "$(ledger | head -n 1 | jq -r .event)"
	equal "$((first - 1))" "$(events_where '.event == "ledger_pruned"' last)"
	on_host sessctl audit checkpoint >/dev/null
	run -0 on_host sessctl audit verify
	contains "$output" "events before $first were pruned on"
	run -0 on_host sessctl audit verify --key "$(on_host sessctl audit key)"
	run -0 on_host sessctl audit verify --key "$key" --anchor "$(on_host sessctl audit checkpoint)"
	run -1 on_host sessctl audit verify --key "$key"
	run -1 on_host sessctl audit verify --anchor "$anchor"
	contains "$output" "the anchor is older than what is left of this ledger"
	[ "$(metric ledger_size_bytes)" -gt 0 ]
	# the oldest one is of two years ago no more than its checkpoint is
	[ "$(status ledger_bytes)" -gt 0 ]
	equal "" "$(sessions --all | jq -r 'select(.user == "alice") | .sid')"
}

# --- Who reads ---

@test "who reads the ledger is in it: once for each reading, and no more for who sees that" {
	local before
	start_sessd "$uncapped"
	logged_in_and_out alice
	# what is recorded of the readings so far is on disk
	on_host sessctl audit checkpoint >/dev/null
	on_host sessctl audit export >"$BATS_TEST_TMPDIR/one"
	on_host sessctl audit verify >/dev/null
	ssh_as alice -- sessctl audit export >"$BATS_TEST_TMPDIR/hers"
	on_host sessctl audit export >"$BATS_TEST_TMPDIR/two"
	before=$(wc -l <"$BATS_TEST_TMPDIR/one")
	tail -n "+$((before + 1))" "$BATS_TEST_TMPDIR/two" | jq -r 'select(.event == "ledger_read") | "\(.by) \(.first) \(.last) \(.count)"' \
		>"$BATS_TEST_TMPDIR/readings"
	equal "root 1 $before $before" "$(head -n 1 "$BATS_TEST_TMPDIR/readings")"
	[[ $(sed -n 2p "$BATS_TEST_TMPDIR/readings") =~ ^root\ 1\ ([0-9]+)\ ([0-9]+)$ ]]
	equal "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
	# hers are her own, and make no record
	[ -s "$BATS_TEST_TMPDIR/hers" ]
	equal 2 "$(wc -l <"$BATS_TEST_TMPDIR/readings")"

	# a follower is recorded at once, sees it, and what he sees makes no other one
	background follower on_host sessctl watch --json
	wait_until 'output_of follower | grep -q ledger_read'
	logged_in_and_out bob
	wait_until 'output_of follower | grep -q "\"user\":\"bob\",.*\"reason\":\"logout\""'
	equal 1 "$(output_of follower | jq -c 'select(.event == "ledger_read" and .last == null)' | wc -l)"
	on_host pkill -x sessctl || true
	finish_badly follower || true
}
