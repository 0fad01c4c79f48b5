#!/usr/bin/env bats
# The ledger where there is no sessd to ask: its database while it is stopped, a copy of it, an export.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup()
{
	start_sessd 'policy "all" { max_sessions = 50 }'
	start_sshd
}
teardown() { host_reset; }

as_alice()
{
	on_host setpriv --reuid=alice --regid=alice --clear-groups "$@"
}

@test "while sessd is stopped, root reads its database, and the next start finds nothing changed" {
	local key anchor before
	ssh_as alice -- true
	key=$(on_host sessctl audit key)
	anchor=$(on_host sessctl audit checkpoint)
	on_host sessctl audit export -o /root/before
	stop_sessd
	before=$(on_host bash -c 'cd /var/lib/sessd && stat -c "%n %s %y %z" * && sha256sum *')
	run -0 --separate-stderr on_host sessctl audit verify --key "$key" --anchor "$anchor"
	contains "$stderr" "sessd is not running: reading /var/lib/sessd/ledger.db"
	contains "$output" "chain intact"
	contains "$output" "anchored at event ${anchor%%:*}"
	on_host sessctl audit export -o /root/after 2>/dev/null
	# what was there, and the words of its end
	head -n "$(wc -l <"$HOST_FS/root/before")" "$HOST_FS/root/after" | cmp - "$HOST_FS/root/before"
	equal "daemon_stopped checkpoint" "$(tail -n 2 "$HOST_FS/root/after" | jq -r .event | paste -sd ' ')"
	equal alice "$(on_host sessctl audit export --format csv --event session_opened 2>/dev/null | tail -n 1 | cut -d , -f 8)"
	equal "$before" "$(on_host bash -c 'cd /var/lib/sessd && stat -c "%n %s %y %z" * && sha256sum *')"
	# nobody else may, and there is nothing to follow
	run -3 as_alice sessctl audit verify
	run -3 on_host sessctl audit export --follow
	run -3 on_host sessctl --runtime-dir /run/elsewhere audit verify
	start_sessd
	run -0 on_host sessctl audit verify --key "$key" --anchor "$anchor"
}

@test "killed with -9, its log is read with the database" {
	ssh_as alice -- true
	wait_until '[ "$(events_where ".event == \"session_ended\"" | wc -l)" = 1 ]'
	on_host sessctl audit export -o /root/before
	stop_sessd KILL
	[ -s "$HOST_FS/var/lib/sessd/ledger.db-wal" ]
	on_host sessctl audit export -o /root/after 2>/dev/null
	head -n "$(wc -l <"$HOST_FS/root/before")" "$HOST_FS/root/after" | cmp - "$HOST_FS/root/before"
}

@test "a copy, an export and both in parts; what is open is not read" {
	local n
	ssh_as alice -- true
	on_host sessctl audit checkpoint >/dev/null
	run -1 on_host sessctl audit verify /var/lib/sessd/ledger.db
	contains "$output" "/var/lib/sessd/ledger.db: a program has it open"
	stop_sessd
	on_host sessctl audit export -o /root/export 2>/dev/null
	n=$(wc -l <"$HOST_FS/root/export")
	on_host cp /var/lib/sessd/ledger.db /root/copy.db
	run -0 on_host sessctl audit verify /root/copy.db
	contains "$output" "$n events, chain intact"
	on_host sessctl audit export -o /root/again /root/copy.db
	cmp "$HOST_FS/root/export" "$HOST_FS/root/again"
	# what somebody else may read, he may verify
	on_host bash -c 'mkdir -m 0555 /tmp/copy && cp /root/copy.db /tmp/copy/ledger.db && chmod 0444 /tmp/copy/ledger.db'
	run -0 as_alice sessctl audit verify /tmp/copy/ledger.db
	equal "copy.db export" "$(on_host bash -c 'head -n 3 /root/export >/root/one; tail -n +4 /root/export >/root/two
		sessctl audit verify /root/one /root/two >/dev/null && sessctl audit export /root/one /root/two | cmp - /root/export &&
		echo copy.db export')"
	# the sums of the two agree in every format
	equal "$(on_host sessctl audit export --format ocsf /root/export)" "$(on_host sessctl audit export --format ocsf /root/copy.db)"
	# a line is changed
	on_host sqlite3 /root/copy.db "UPDATE event SET line = replace(line, 'alice', 'mallory') WHERE seq = 5"
	run -1 on_host sessctl audit verify /root/copy.db
	contains "$output" "event 6 (line 6): the hash of the line before does not agree"
}
