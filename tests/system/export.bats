#!/usr/bin/env bats
# The ledger of real logins in the formats of `sessctl audit export`: read back by others, cut by time, user and event,
# and followed while it grows.
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

# A login of USER that is over, also in the ledger.
logged_in_and_out() # USER HOW MANY BEFORE
{
	ssh_as "$1" -- true
	wait_until "[ \"\$(events_where '.event == \"session_ended\" and .user == \"$1\"' | wc -l)\" = $(($2 + 1)) ]"
}

users()
{
	on_host sessctl audit export "$@" | jq -r '.user // empty' | sort -u | paste -sd ' '
}

# The host's clock, between two events.
moment()
{
	on_host date -u +%FT%T.%NZ
}

@test "logins, refusals, elevations and locks in each format, read back" {
	local format until
	python3 -c 'import csv, json, hashlib, ipaddress' 2>/dev/null || skip "python3 is not installed"
	logged_in_and_out alice 0
	ssh_as dave -- "echo '$PASSWORD' | sudo -S true" || true
	on_host sessctl lock user bob --message 'a "b", c|d=e\f' >/dev/null
	run ! ssh_as bob -- true
	on_host sessctl lock source 203.0.113.0/24 >/dev/null
	on_host sessctl unlock user bob
	# nothing of these is on its way any more
	wait_until '[ "$(sessions_count)" = 0 ]'
	# but that the ledger is read
	until=$(moment)
	on_host sessctl audit export --until "$until" >"$BATS_TEST_TMPDIR/lines"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/lines")" -ge 7 ]
	for format in csv ocsf ecs cef syslog; do
		on_host sessctl audit export --until "$until" --format "$format" -o /root/exported
		run -0 python3 tests/lib/formats.py "$format" "$BATS_TEST_TMPDIR/lines" "$HOST_FS/root/exported" \
			tests/lib/ocsf-1.6.0.json
		equal "" "$output"
	done
	equal "$(on_host hostname)" "$(on_host sessctl audit export -f ecs | jq -r .host.name | sort -u)"
	equal "bob" "$(on_host sessctl audit export -f ocsf -e lock_set | jq -r '.user.name // empty')"
}

@test "cut by time, by user and by event" {
	local between
	logged_in_and_out alice 0
	between=$(moment)
	logged_in_and_out bob 0
	equal "alice bob" "$(users)"
	equal bob "$(users --since "$between")"
	equal alice "$(users --until "$between")"
	equal "alice bob" "$(users --since -1h --until now)"
	equal "" "$(users --since now)"
	equal alice "$(users --user alice)"
	equal "session_ended session_opened" \
		"$(on_host sessctl audit export -e session_opened,session_ended | jq -r .event | sort -u | paste -sd ' ')"
	# a piece cut by time is still a chain
	on_host sessctl audit export --since "$between" -o /root/piece
	run -0 on_host sessctl audit verify /root/piece
	contains "$output" "chain intact"
	# and others see what is theirs
	equal alice "$(ssh_as alice -- sessctl audit export --format csv | tail -n +2 | cut -d , -f 8 | sort -u)"
	run -0 ssh_as alice -- sessctl audit export --user bob
	equal "" "$output"
}

@test "followed while it grows" {
	logged_in_and_out alice 0
	background follow on_host sessctl audit export --follow --format csv --event session_opened
	wait_until 'output_of follow | grep -q ,alice,'
	ssh_as bob -- true
	wait_until 'output_of follow | grep -q ,bob,'
	background_runs follow
	equal 3 "$(output_of follow | wc -l)"
	stop_sessd
	run -3 finish follow
}
