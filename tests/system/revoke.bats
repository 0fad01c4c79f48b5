#!/usr/bin/env bats
# `sessctl revoke` on what is large, what keeps forking and what became root: it returns when nothing of the session is
# left, and says how much that was; by the cgroup, and on a host where none can be had.
load ../lib/helpers
load ../lib/sessions

PATIENCE=30

setup_file() { host_start; }
teardown_file() { host_stop; }
setup()
{
	start_sessd 'policy "all" { max_sessions = 50 }'
	start_sshd
}
teardown() { host_reset; }

# On a host of its own: the test, whose sessions then have no cgroup but that of the whole host.
on_a_host_without_cgroups() # TEST…
{
	local first=$HOST
	host_start bare
	start_sessd 'policy "all" { max_sessions = 50 }'
	start_sshd
	without_cgroup umount
	equal false "$(on_host sessctl status --json | jq 'has("cgroup")')"
	"$@"
	[ ! -e "$HOST_FS/sys/fs/cgroup/sessd" ]
	BATS_TEST_COMPLETED=1 host_reset
	host_stop
	host_use "$first"
}

in_a_cgroup() # TEST…
{
	"$@"
	equal true "$(on_host sessctl status --json | jq 'has("cgroup")')"
}

# Revokes it. There were that many processes or more, and of those that are known by pid none is left, nor any other of
# the audit session or the user.
revoke_all_of() # USER AT-LEAST PID…
{
	run -0 on_host sessctl revoke --json "$sid"
	equal "[\"$sid\",\"$1\",\"revoked\",true,null,null]" \
		"$(jq -c "[.sid, .user, .reason, .signalled >= $2, .survivors, .survivor_list]" <<<"$output")"
	equal 0 "$(processes "$asid")"
	equal 0 "$(processes_of_user "$1")"
	[ $# = 2 ] || equal 0 "$(on_host ps -o stat= -p "$(IFS=, && echo "${*:3}")" | grep -vc '^Z')"
	ends_so "$sid" 'session_opened session_ending(revoked) session_ended(revoked)'
	equal true "$(events_where ".event == \"session_ended\" and .sid == \"$sid\"" | jq ".signalled >= $2")"
}

# A third of them each: jobs, jobs that a hangup does not reach, and jobs of a process session of their own.
thousand_processes()
{
	local pids
	begin one bob -- 'for ((i = 0; i < 332; i++)); do
		sleep 1000 &
		nohup sleep 1000 &
		setsid sleep 1000 &
	done >/dev/null 2>&1'
	# With sshd's two, and the shell that became `sleep`.
	wait_until '[ "$(processes "$asid")" -ge 999 ]'
	mapfile -t pids < <(on_host pgrep -u bob)
	[ ${#pids[@]} -ge 998 ]
	revoke_all_of bob 999 "${pids[@]}"
	finish_badly one
}

# The limit holds it at 500, and it never rests: who has forked goes away, half of the time, and leaves his place to the
# next, so that no two looks see the same processes.
restless_bomb()
{
	begin one mallory -- 'ulimit -u 500
	setsid perl -e "\$SIG{HUP} = \$SIG{TERM} = q(IGNORE);
		while (1) { my \$p = fork; exit if \$p && rand() < .5 }" >/dev/null 2>&1 &'
	# The limit counts zombies too.
	wait_until '[ "$(processes "$asid")" -ge 300 ]'
	revoke_all_of mallory 200
	finish_badly one
}

@test "a thousand processes are gone, by the cgroup" { in_a_cgroup thousand_processes; }
@test "a thousand processes are gone, by the sweep" { on_a_host_without_cgroups thousand_processes; }
@test "a bomb that keeps forking is gone, by the cgroup" { in_a_cgroup restless_bomb; }
@test "a bomb that keeps forking is gone, by the sweep" { on_a_host_without_cgroups restless_bomb; }

# What stands for a service manager, of which there is none here: it was started from outside every session, and starts
# what it is told to as a child of its own.
start_launcher()
{
	on_host mkfifo -m 0600 /run/launcher
	# shellcheck disable=SC2016
	start_daemon launcher bash -c 'while read -r command <>/run/launcher; do setsid $command & done'
}

root_shell()
{
	local shell
	start_launcher
	# What it reads is typed to the root shell of `sudo -s`.
	begin one alice -tt -- 'sudo -n -s <<-"TEXT" &
		id -u >/tmp/who
		echo sleep 7777 >/run/launcher
		sleep 5555 &
		nohup setsid sleep 5555 >/dev/null 2>&1 &
		(setsid bash -c "trap : HUP TERM; sleep 5555; :" &)
		echo $$ >/tmp/shell
		while :; do sleep 5555; done
	TEXT'
	wait_until '[ -s "$HOST_FS/tmp/shell" ] && [ "$(on_host pgrep -cfx "sleep 5555")" = 4 ] &&
		[ "$(on_host pgrep -cfx "sleep 7777")" = 1 ]'
	equal 0 "$(cat "$HOST_FS/tmp/who")"
	shell=$(cat "$HOST_FS/tmp/shell")
	equal "$asid" "$(cat "$HOST_FS/proc/$shell/sessionid")"
	equal root "$(on_host ps -o user= "$shell")"
	one_session ".class == \"elevation\" and .parent == \"$sid\""
	# sshd's two, the login's shell, sudo's, root's with its four and the shell that holds one of these
	revoke_all_of alice 10 "$shell"
	equal 0 "$(on_host pgrep -cfx 'sleep 5555')"
	equal '' "$(sessions_where true)"
	finish_badly one
	equal 1 "$(on_host pgrep -cfx 'sleep 7777')"
	[ "$(cat "$HOST_FS/proc/$(on_host pgrep -fx 'sleep 7777')/sessionid")" != "$asid" ]
	daemon_runs launcher
}

@test "a root shell of sudo -s dies with the session, a daemon that it had started does not; by the cgroup" {
	in_a_cgroup root_shell
}

@test "a root shell of sudo -s dies with the session, a daemon that it had started does not; by the sweep" {
	on_a_host_without_cgroups root_shell
}
