#!/usr/bin/env bats
# sessd under its units: shut in as far as its job allows, and the job is done under exactly these settings.
load ../lib/helpers
load ../lib/sessions
load ../lib/machine

setup_file() { machine_start; machine_install; machine_enable; }
teardown_file() { machine_stop; }
setup() { configured 'policy "all" { max_sessions = 50 }'; }
teardown()
{
	rm -rf "$HOST_FS/run/systemd/system/sessd.service.d"
	on_host systemctl daemon-reload
	machine_reset
}

status_of() # MEMBER
{
	sed -n "s/^$1:[[:space:]]*//p" "$HOST_FS/proc/$(unit MainPID)/status"
}

# drop_in LINE…: in [Service], from the next start on.
drop_in()
{
	mkdir -p "$HOST_FS/run/systemd/system/sessd.service.d"
	printf '%s\n' '[Service]' "$@" >"$HOST_FS/run/systemd/system/sessd.service.d/test.conf"
	on_host systemctl daemon-reload
	on_host systemctl restart sessd.service
}

# The processes of which it holds a pidfd, in its own numbers.
watched()
{
	cat "$HOST_FS/proc/$(unit MainPID)"/fdinfo/* 2>/dev/null | awk '$1 == "NSpid:" { print $NF }' | sort -u
}

@test "systemd-analyze calls its exposure 1.5 or less" {
	run -0 awk '{ exit !($1 > 0 && $1 <= 1.5) }' <<<"$(exposure sessd.service)"
	# what says so is no empty promise
	run ! on_host systemd-analyze security --no-pager --offline=true --threshold=5 /lib/systemd/system/sessd.service
	run -0 on_host systemd-analyze verify --man=no /lib/systemd/system/sessd.service
	equal '' "$output"
}

@test "it runs with one capability, a filter for system calls, and memory that is not swapped" {
	equal 2 "$(status_of Seccomp)"
	equal 1 "$(status_of NoNewPrivs)"
	equal 0000000000000020 "$(status_of CapBnd)" # CAP_KILL is 5
	equal 0000000000000020 "$(status_of CapEff)"
	equal '4 5' "$(status_of Groups | sed 's/ *$//')" # adm, tty
	# the secret of the seal
	[ "$(status_of VmLck | tr -dc 0-9)" -gt 0 ]
	! on_host journalctl -u sessd --no-pager | grep -i 'not permitted\|denied'
}

@test "it writes on a user's terminal before it ends his session" {
	on_terminal one alice
	run -0 on_host sessctl revoke --message 'come back tomorrow' "$sid"
	finish_badly one
	wait_until "output_of one | grep -q 'come back tomorrow'"
}

@test "it kills by the session's cgroup: what took another audit session goes with it" {
	local pid
	# shellcheck disable=SC2016
	begin one alice -- 'sudo -n sh -c "echo 2101 >/proc/self/loginuid && exec setsid sleep 2000" >/dev/null 2>&1 &'
	wait_until 'on_host pgrep -f "^sleep 2000"'
	pid=$(on_host pgrep -f '^sleep 2000')
	[ "$(cat "$HOST_FS/proc/$pid/sessionid")" != "$asid" ]
	contains "$(on_host cat "/proc/$pid/cgroup")" "session-$asid.scope"
	run -0 on_host sessctl revoke "$sid"
	run ! on_host pgrep -f '^sleep 2000'
	finish_badly one
}

@test "it sees how long nobody has typed" {
	configured 'policy "all" { idle = 2s }'
	on_terminal one alice
	ends_so "$sid" 'session_opened session_ending(idle) session_ended(idle)'
	finish_badly one
}

@test "it comes back when it is killed, and its sessions are as they were" {
	local pid
	begin one alice -- :
	pid=$(unit MainPID)
	on_host kill -9 "$pid"
	wait_until '[ "$(unit MainPID)" != '"$pid"' ] && on_host sessctl status >/dev/null 2>&1'
	equal 1 "$(sessions_count '.phase == "active"')"
	background_runs one
}

@test "when its loop stands still it is killed and started anew; while the loop turns it is not" {
	local pid n
	drop_in WatchdogSec=1s
	begin one alice -- :
	pid=$(unit MainPID) n=$(unit WatchdogTimestampMonotonic)
	# more than three times as long as it may be silent
	wait_until '[ "$(unit WatchdogTimestampMonotonic)" -gt '$((n + 3000000))' ]'
	equal "$pid" "$(unit MainPID)"
	on_host kill -STOP "$pid"
	wait_until '[ "$(unit MainPID)" != '"$pid"' ] && on_host sessctl status >/dev/null 2>&1'
	wait_until "on_host journalctl -u sessd --no-pager | grep -q 'Watchdog timeout'"
	equal 1 "$(sessions_count '.phase == "active"')"
	background_runs one
}

@test "systemd keeps the pidfds of the leaders while it is restarted" {
	local leader kept sid_one
	begin one alice -- :
	sid_one=$sid
	begin two bob -- :
	leader=$(of_record leader_pid)
	wait_until '[ "$(unit NFileDescriptorStore)" = 2 ]'
	kept=$(watched)
	contains "$kept" "$leader"
	# a program in its place says what it was handed over
	drop_in 'ExecStartPre=/bin/sh -c "echo $LISTEN_FDNAMES >/run/sessd/handed-over"' 'ReadWritePaths=/run/sessd'
	equal "$kept" "$(watched)"
	equal 2 "$(unit NFileDescriptorStore)"
	run -0 on_host sessctl revoke "$sid_one"
	wait_until '[ "$(unit NFileDescriptorStore)" = 1 ]'
	on_host pkill -u bob -x sleep
	wait_until '[ "$(unit NFileDescriptorStore)" = 0 ]'
	finish two || true
	ends_by_logout "$sid"
}

@test "a new configuration that is wrong is told to who reloads, and the old one holds" {
	echo 'policy "all" { max_sessions = many }' >"$HOST_FS/etc/sessd/sessd.conf"
	run ! on_host systemctl reload sessd
	contains "$(on_host journalctl -u sessd --no-pager -n 20)" 'sessd.conf:1'
	ssh_as alice -- true
}

@test "authenticated again: the helper is off until it is asked for, and sessd gives the session a new token" {
	local unfiltered
	run ! on_host systemctl is-enabled sessd-reauth.socket
	[ ! -e "$HOST_FS/run/sessd/reauth.sock" ]
	on_host systemctl enable --now sessd-reauth.socket
	background one ssh_as bob -- "sessctl reauth --stdin <<<'$PASSWORD' && echo proved
		echo '$PASSWORD' | sudo -S true && echo elevated; sessctl check; echo held; exec sleep 1000"
	held one
	contains "$(output_of one)" proved
	contains "$(output_of one)" elevated
	equal 2 "$(events_where '.event == "reauthenticated" and .user == "bob"' | wc -l)"
	# a token that could not be written into its key would be told there
	unfiltered=$(on_host journalctl -u sessd --no-pager | grep -ci 'key\b.*\(denied\|not permitted\)' || true)
	equal 0 "$unfiltered"
}
