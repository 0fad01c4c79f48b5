#!/usr/bin/env bats
# sessd may die, hang, be away or find its disk full: who is logged in stays so, who logs in does, and when it is back
# it knows all of it.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup() { start_sshd; }
teardown()
{
	local status=0
	host_reset || status=1
	! mountpoint -q "$HOST_FS$small_disk" || on_host umount "$small_disk"
	return "$status"
}

uncapped='policy "all" { max_sessions = 50 }'

# begin NAME USER: a login that says by which sid it knows itself, and goes on until `release NAME`; its record is then
# in `record`, its sid in `sid`.
begin()
{
	begin_unseen "$1" "$2"
	one_session ".sid == \"$sid\" and .phase == \"active\""
}

# The same while sessd is away.
begin_unseen()
{
	# shellcheck disable=SC2016
	background "$1" ssh_as "$2" -- "echo \$SESSD_SID; /sessd/hold $1"
	held "$1"
	sid=$(output_of "$1" | grep '^[0-9a-f]\{32\}$')
}

pending()
{
	find "$HOST_FS/run/sessd/pending" -type f | wc -l
}

all_pending_taken()
{
	wait_until '[ "$(pending)" = 0 ]'
}

# The session works, and ends with a logout.
logs_out() # NAME SID STORY
{
	release "$1"
	run -0 finish "$1"
	ends_so "$2" "$3"
}

@test "killed with -9 and started again: the same session, which can be revoked" {
	local before
	start_sessd "$uncapped"
	begin one alice
	before=$record
	on_host setsid -f expect -f /sessd/source/tests/lib/login.exp "$PASSWORD" bob cat >/dev/null
	one_session '.service == "login" and .phase == "active"'
	stop_sessd KILL
	run -3 on_host sessctl list
	start_sessd
	one_session ".sid == \"$sid\""
	equal "$before" "$record"
	equal 2 "$(sessions_count '.phase == "active"')"
	run -0 on_host sessctl revoke --user bob
	run -0 on_host sessctl revoke "$sid"
	finish_badly one
	ends_so "$sid" 'session_opened session_ending(revoked) session_ended(revoked)'
	run ! on_host pgrep -u alice,bob
	run -0 on_host sessctl audit verify
}

@test "stopped by SIGTERM and started again: nobody is harmed" {
	local pids
	start_sessd "$uncapped"
	begin one alice
	pids=$(on_host pgrep -u alice -x hold)
	stop_sessd TERM
	background_runs one
	start_sessd
	one_session ".sid == \"$sid\" and .phase == \"active\""
	equal "$pids" "$(on_host pgrep -u alice -x hold)"
	equal 1 "$(events_where '.event == "daemon_stopped"' | wc -l)"
	logs_out one "$sid" 'session_opened session_ended(logout)'
}

@test "killed before it could obey: who asked is told, and the session is as it was" {
	start_sessd "$uncapped"
	begin one alice
	daemon_signal sessd STOP
	background revoke on_host sessctl revoke "$sid"
	wait_until 'on_host pgrep -x sessctl >/dev/null'
	daemon_signal sessd KILL
	run -3 finish revoke
	wait_until '! daemon_runs sessd'
	start_sessd
	one_session ".sid == \"$sid\" and .phase == \"active\""
	logs_out one "$sid" 'session_opened session_ended(logout)'
}

@test "a logout while sessd is down is known afterwards as one" {
	start_sessd "$uncapped"
	begin one alice
	stop_sessd KILL
	release one
	run -0 finish one
	wait_until '[ "$(pending)" = 1 ]'
	start_sessd
	ends_by_logout "$sid"
	all_pending_taken
	equal 0 "$(sessions_count true)"
	# It ended when it did, not when sessd heard of it.
	equal true "$(on_host sessctl list --all --json | jq -s --arg sid "$sid" --arg start \
		"$(events_where '.event == "daemon_started"' time | tail -n 1 | tr -d '"')" \
		'map(select(.sid == $sid))[0].ended_at < $start')"
}

@test "a leader that died while sessd was down: all of his session is ended" {
	start_sessd "$uncapped"
	begin one alice
	stop_sessd KILL
	on_host kill -9 "$(of_record leader_pid)"
	on_host pgrep -u alice -x hold
	start_sessd
	ends_so "$sid" 'session_opened session_ending(leader_gone) session_ended(leader_gone)'
	run ! on_host pgrep -u alice
	finish_badly one
}

@test "a login while sessd is down is adopted, counts and can be ended" {
	sessd_config 'policy "one" { max_sessions = 1 }'
	begin_unseen one alice
	equal 1 "$(pending)"
	equal 600 "$(stat -c %a "$HOST_FS/run/sessd/pending/$sid")"
	start_sessd
	one_session '.phase == "active"'
	equal "$sid true alice sshd login 127.0.0.1" "$(of_record sid adopted user service class rhost)"
	all_pending_taken
	run ! ssh_as alice -- true
	contains "$output" 'you already have 1 of 1 sessions (policy "one")'
	run -0 on_host sessctl revoke "$sid"
	finish_badly one
	ends_so "$sid" 'session_adopted session_ending(revoked) session_ended(revoked)'
	run ! on_host pgrep -u alice
}

@test "logins while sessd was down come under the caps: those over them are ended" {
	local first name ended=0 late=()
	start_sessd 'policy "two" { max_sessions = 2 }'
	begin one alice
	first=$sid
	stop_sessd KILL
	for name in two three four; do
		begin_unseen "$name" alice
		late+=("$sid")
	done
	start_sessd
	all_pending_taken
	wait_until '[ "$(sessions_count true)" = 2 ]'
	equal 1 "$(sessions_count ".sid == \"$first\" and .phase == \"active\"")"
	equal 1 "$(sessions_count '.adopted and .phase == "active"')"
	for sid in "${late[@]}"; do
		case $(story_of "$sid") in
		session_adopted) ;;
		session_adopted*' session_ending(cap) session_ended(cap)') ended=$((ended + 1)) ;;
		*) equal 'a story' "$(story_of "$sid")" ;;
		esac
	done
	equal 2 "$ended"
	equal 2 "$(on_host pgrep -c -u alice -x hold)"
	background_runs one
}

@test "a login and logout while sessd is down are both in the ledger" {
	sessd_config "$uncapped"
	begin_unseen one alice
	release one
	run -0 finish one
	start_sessd
	all_pending_taken
	ends_so "$sid" 'session_adopted session_ended(logout)'
	equal 0 "$(sessions_count true)"
}

@test "with unavailable=deny a login is refused while sessd is down, but for break-glass" {
	pam_arguments unavailable=deny
	run ! ssh_as alice -- echo in
	contains "$output" 'sessd: the session service is not available'
	run ! grep -qx in <<<"$output"
	LOGIN_PASSWORD=$PASSWORD run -1 login_as bob 'echo in'
	contains "$output" 'sessd: the session service is not available'
	begin_unseen one erin
	grep -q '^<8[0-9]>.*session of erin .* goes on without sessd (break-glass)' "$HOST_FS/var/log/syslog"
	start_sessd "$uncapped"
	one_session '.user == "erin" and .adopted'
	equal "$sid" "$(of_record sid)"
	equal in "$(ssh_as alice -- echo in)"
	logs_out one "$sid" 'session_adopted session_ended(logout)'
}

@test "a daemon that hangs: logins go on, and are known once when it goes on" {
	start_sessd "$uncapped"
	pam_arguments timeout=1s
	daemon_signal sessd STOP
	begin_unseen one alice
	equal out "$(ssh_as bob -- echo out)"
	run -0 login_as carol 'echo I am $(id -un)'
	contains "$output" 'I am carol'
	daemon_signal sessd CONT
	one_session '.phase == "active"'
	equal "$sid alice" "$(of_record sid user)"
	all_pending_taken
	# However often it heard of them, by its socket and by the spool: one beginning, one end.
	for user in bob carol; do
		wait_until "[ \"\$(events_where '.user == \"$user\" and .reason == \"logout\"' | wc -l)\" = 1 ]"
		equal 1 "$(events_where ".user == \"$user\" and (.event | test(\"opened|adopted\"))" | wc -l)"
	done
	equal 1 "$(events_where '.user == "alice"' | wc -l)"
	release one
	run -0 finish one
	wait_until '[ "$(sessions_count true)" = 0 ]'
	equal 2 "$(events_where '.user == "alice"' | wc -l)"
}

@test "after a reboot, the sessions from before have ended with it" {
	start_sessd "$uncapped"
	begin one alice
	stop_sessd KILL
	on_host sh -c 'echo 01234567-89ab-cdef-0123-456789abcdef >/root/boot_id &&
		mount --bind /root/boot_id /proc/sys/kernel/random/boot_id'
	start_sessd
	ends_so "$sid" 'session_opened session_ended(reboot)'
	equal 0 "$(sessions_count true)"
	# What has the numbers of its processes now is somebody else's.
	background_runs one
	equal 01234567-89ab-cdef-0123-456789abcdef "$(on_host sessctl status --json | jq -r .boot_id)"
}

@test "the ledger's lines verify, and one changed byte is found" {
	local size at byte
	start_sessd "$uncapped"
	ssh_as alice -- true
	stop_sessd KILL
	start_sessd
	ssh_as bob -- true
	wait_until '[ "$(events_where ".event == \"session_ended\"" | wc -l)" = 2 ]'
	on_host sessctl audit export -o /root/ledger
	# the second one has the record of the first as well
	cmp <(on_host sessctl audit export | head -n "$(wc -l <"$HOST_FS/root/ledger")") "$HOST_FS/root/ledger"
	run -0 on_host sessctl audit verify /root/ledger
	contains "$output" "$(wc -l <"$HOST_FS/root/ledger") events, chain intact"
	run -0 on_host sessctl audit verify
	contains "$output" ' events, chain intact'
	# Every hundredth byte or so, but in the last line, which no hash covers.
	size=$(head -n -1 "$HOST_FS/root/ledger" | wc -c)
	for ((at = 7; at < size; at += 131)); do
		cp "$HOST_FS/root/ledger" "$HOST_FS/root/flipped"
		byte=$(od -An -tu1 -j "$at" -N 1 "$HOST_FS/root/ledger")
		# shellcheck disable=SC2059
		printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$HOST_FS/root/flipped" bs=1 seek="$at" conv=notrunc status=none
		run -1 on_host sessctl audit verify /root/flipped
		contains "$output" 'event '
	done
	sed 3d "$HOST_FS/root/ledger" >"$HOST_FS/root/cut"
	run -1 on_host sessctl audit verify /root/cut
	sed '3{h;d};4G' "$HOST_FS/root/ledger" >"$HOST_FS/root/swapped"
	run -1 on_host sessctl audit verify /root/swapped
}

# sessd with its state on a file system of its own, which is then filled to the last byte.
start_on_small_disk()
{
	on_host mkdir -p "$small_disk"
	on_host mount -t tmpfs -o mode=0700,size=2m disk "$small_disk"
	start_sessd "$uncapped" --state-dir "$small_disk"
}
small_disk=/mnt/disk

fill_disk()
{
	run ! on_host dd if=/dev/zero of="$small_disk/filler" bs=4096
	contains "$output" 'No space left'
	# What was allocated already takes some events.
	wait_until 'ssh_as carol -- true && [ "$(metric ledger_failing)" = 1 ]'
}

free_disk()
{
	on_host rm "$small_disk/filler"
	wait_until '[ "$(metric ledger_failing)" = 0 ] && [ "$(metric ledger_queued)" = 0 ]'
}

metric() # NAME
{
	on_host sessctl metrics | sed -n "s/^sessd_$1 //p"
}

@test "the disk is full: logins go on, it is told, and nothing is lost" {
	start_on_small_disk
	begin one alice
	fill_disk
	equal in "$(ssh_as bob -- echo in)"
	begin two bob
	run -0 on_host sessctl status
	contains "$output" 'TROUBLE:'
	[ -n "$(on_host sessctl status --json | jq -r .ledger_error)" ]
	[ "$(metric ledger_errors_total)" -ge 1 ]
	[ "$(metric ledger_queued)" -ge 1 ]
	run -0 on_host sessctl revoke "$(sessions_where '.user == "alice"')"
	finish_badly one
	free_disk
	run ! grep TROUBLE <<<"$(on_host sessctl status)"
	run -0 on_host sessctl audit verify
	equal 0 "$(metric ledger_lost_total)"
	equal 2 "$(events_where '.user == "bob" and .event == "session_opened"' | wc -l)"
	equal 1 "$(events_where '.user == "bob" and .reason == "logout"' | wc -l)"
	equal 1 "$(events_where '.user == "alice" and .event == "session_ended" and .reason == "revoked"' | wc -l)"
	stop_sessd KILL
	start_sessd '' --state-dir "$small_disk"
	one_session '.user == "bob" and .phase == "active"'
	logs_out two "$sid" 'session_opened session_ended(logout)'
}

@test "the disk is full, and the ledger required: logins are refused, sessions stay" {
	start_on_small_disk
	begin one alice
	fill_disk
	sessd_config "ledger_required = true
$uncapped"
	daemon_signal sessd HUP
	wait_until 'grep -q "read again" "$HOST_FS/var/log/sessd.log"'
	run ! ssh_as bob -- echo in
	run ! grep -qx in <<<"$output"
	background_runs one
	equal 1 "$(sessions_count true)"
	wait_until '! on_host pgrep -u bob'
	free_disk
	equal in "$(ssh_as bob -- echo in)"
	equal 'bob unavailable null/null null' "$(refusals)"
	logs_out one "$sid" 'session_opened session_ended(logout)'
}
