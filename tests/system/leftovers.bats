#!/usr/bin/env bats
# What outlives its session: it is found by who logged in to start it, ended with the user's sessions and by locks, and
# at a logout recorded or ended, as the policy says. Nobody else's processes are touched, nor what no login started.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup()
{
	PATIENCE=30
	start_sessd 'policy "all" { max_sessions = 50 }'
	start_sshd
}
teardown() { host_reset; }

# leave USER COMMAND: a login that does this and logs out.
leave()
{
	run -0 ssh_as "$1" -- "$2"
	wait_until "[ \"\$(sessions_count '.user == \"$1\" and .class == \"login\"')\" = 0 ]"
}

# Each kind of process that stays behind.
leave_jobs() # USER
{
	leave "$1" 'tmux -S /tmp/tmux-$USER new -d "sleep 1001"
		nohup sleep 1002 >/dev/null 2>&1 &
		setsid sleep 1003 >/dev/null 2>&1 &
		(setsid bash -c "(sleep 1004 &)" >/dev/null 2>&1 &)'
	equal 4 "$(jobs_of "$1")"
}

sleepers() # REGULAR EXPRESSION
{
	on_host pgrep -cfx "$1" || true
}

# Of those who stay, how many there are.
jobs_of() # USER
{
	on_host pgrep -cfx -u "$1" 'sleep 100[1-4]' || true
}

# One who became root, logged out, and whose root's process stays.
leave_root() # USER
{
	leave "$1" 'sudo -b -n sleep 1005 >/dev/null 2>&1'
	equal 1 "$(on_host pgrep -cu root -fx "sleep 1005")"
}

# The name of what was ended, of each ending of leftovers on the ledger: `USER SERVICE REASON`.
ended()
{
	ledger | jq -r 'select(.event == "leftovers_ended") | "\(.user // .uid) \(.service) \(.reason)"' | sort
}

@test "revoke --user takes tmux, nohup, setsid and double-forked jobs, and says so" {
	leave_jobs bob
	leave_jobs carol
	run -0 on_host sessctl revoke --user bob --reason 'he has left'
	contains "$output" 'bob: left over ('
	[[ $output =~ :\ ended,\ [0-9]+\ process(es)?\ gone\ in ]] || equal 'how many' "$output"
	equal 4 "$(jobs_of carol)"
	equal 0 "$(on_host pgrep -cu bob)"
	equal '["bob",2102,"revoked","root","he has left",true,true]' \
		"$(events_where '.event == "leftovers_ended"' |
			jq -c '[.user, .uid, .reason, .by, .text, .signalled > 0, .audit_session > 0]' | sort -u)"
	run -5 on_host sessctl revoke --user bob
	contains "$output" 'nor anything left over'
}

@test "a detached tmux is named, and JSON has it" {
	leave bob 'tmux -S /tmp/tmux-bob new -d "sleep 1001"'
	run -0 on_host sessctl revoke --json --user bob
	equal '["bob","tmux: server","revoked",false,true,true,true]' \
		"$(jq -c '[.user, .service, .reason, has("sid"), .audit_session > 0, .signalled >= 2, .elapsed > 0]' <<<"$output")"
}

@test "with his sessions, a user's own order, and not another's" {
	leave_jobs bob
	background one ssh_as bob -- /sessd/hold one
	held one
	run -4 ssh_as carol -- sessctl revoke --user bob
	equal 4 "$(jobs_of bob)"
	background two ssh_as bob -- 'sessctl revoke --user bob; echo not reached'
	finish_badly two
	finish_badly one
	wait_until '[ "$(on_host pgrep -cu bob)" = 0 ]'
	run ! grep 'not reached' "$BATS_TEST_TMPDIR/two.out"
}

@test "root's shell that sudo left behind is taken" {
	leave_root alice
	run -0 on_host sessctl revoke --user alice
	equal 0 "$(sleepers 'sleep 1005')"
	equal 'alice sudo revoked' "$(ended)"
}

@test "spared: what no login started, and who logs in meanwhile" {
	start_daemon service setpriv --reuid alice --regid alice --clear-groups sleep 1006
	wait_until '[ "$(sleepers "sleep 1006")" = 1 ]'
	leave_root alice
	# the order waits for a moment, because only root's processes are left; logins come in it
	background order on_host sessctl revoke --user alice
	for n in 1 2 3 4; do
		background "new$n" ssh_as alice -- /sessd/hold new
	done
	run -0 finish order
	for n in 1 2 3 4; do
		held "new$n"
	done
	equal 0 "$(sleepers 'sleep 1005')"
	equal 1 "$(sleepers 'sleep 1006')"
	equal 4 "$(sessions_count '.user == "alice" and .phase == "active"')"
}

# A job of the user's that real cron runs; it and its processes live on.
start_cron() # USER
{
	echo "@reboot $1 sleep 1007" >"$HOST_FS/etc/cron.d/job"
	on_host rm -f /run/crond.reboot /run/crond.pid
	start_daemon cron cron -f
	wait_until "[ \"\$(sleepers 'sleep 1007')\" = 1 ]"
}

@test "a cron job that is tracked is spared without --cron, and by its sid it ends" {
	start_cron bob
	one_session '.class == "background"'
	run -5 on_host sessctl revoke --user bob
	leave bob 'setsid sleep 1003 >/dev/null 2>&1 &'
	run -0 on_host sessctl revoke --user bob
	equal '0 1' "$(sleepers 'sleep 1003') $(sleepers 'sleep 1007')"
	run -0 on_host sessctl revoke "$(of_record sid)"
	equal 0 "$(sleepers 'sleep 1007')"
	daemon_runs cron
}

@test "--cron takes a cron job" {
	start_cron bob
	run -0 on_host sessctl revoke --user bob --cron
	equal 0 "$(sleepers 'sleep 1007')"
	daemon_runs cron
}

@test "the same where cron's sessions are not tracked" {
	on_host sed -i '/pam_sess/d' /etc/pam.d/cron
	start_cron bob
	equal 0 "$(sessions_count true)"
	run -5 on_host sessctl revoke --user bob
	equal 1 "$(sleepers 'sleep 1007')"
	run -0 on_host sessctl revoke --user bob --cron
	contains "$output" 'bob: left over (cron): ended'
	equal 0 "$(sleepers 'sleep 1007')"
	daemon_runs cron
}

@test "a lock of a user takes what he left, cron jobs too" {
	leave_jobs bob
	leave_jobs carol
	start_cron bob
	run -0 on_host sessctl lock user bob
	contains "$output" 'bob: left over ('
	equal 0 "$(on_host pgrep -cu bob)"
	equal 4 "$(jobs_of carol)"
	equal locked "$(events_where '.event == "leftovers_ended"' reason | tr -d '"' | sort -u)"
	daemon_runs cron
}

@test "a lock of a group takes what its members left" {
	leave_jobs bob
	leave_jobs mallory
	run -0 on_host sessctl lock group contractors
	equal 0 "$(on_host pgrep -cu bob)"
	equal 4 "$(jobs_of mallory)"
}

@test "a lock spares what is left of break-glass logins and of root's, unless it says otherwise" {
	leave_jobs erin
	run -0 on_host sessctl lock user erin
	equal 4 "$(jobs_of erin)"
	run -0 on_host sessctl lock user erin --even-breakglass
	equal 0 "$(on_host pgrep -cu erin)"
}

@test "a lock that was set while sessd was away ends what is left when it is back" {
	leave_jobs bob
	stop_sessd KILL
	on_host sessctl lock user bob
	equal 4 "$(jobs_of bob)"
	start_sessd
	wait_until '[ "$(on_host pgrep -cu bob)" = 0 ]'
}

kept()
{
	events_where '.event == "leftovers_kept"' | jq -r '"\(.user) \(.survivors) \(.survivor_list)"'
}

@test "a logout that leaves something is recorded, one that does not is not" {
	leave bob :
	leave carol 'setsid sleep 1003 >/dev/null 2>&1 & setsid sleep 1003 >/dev/null 2>&1 &'
	wait_until '[ -n "$(kept)" ]'
	[[ $(kept) =~ ^carol\ 2\ [0-9]+\ sleep\ S,\ [0-9]+\ sleep\ S$ ]] || equal "carol's two" "$(kept)"
	equal 2 "$(sleepers 'sleep 1003')"
	equal "$(events_where '.event == "session_opened" and .user == "carol"' sid)" \
		"$(events_where '.event == "leftovers_kept"' sid)"
}

@test "leftovers = kill ends it; and not that of another login, or of whom the policy does not mean" {
	sessd_config 'policy "all" { max_sessions = 50 }
		policy "tidy" { users = {"bob"} leftovers = kill }'
	daemon_signal sessd HUP
	wait_until '[ -n "$(events_where ".event == \"config_loaded\"")" ]'
	contains "$(on_host sessctl policy explain bob)" 'leftovers: kill (policy "tidy")'
	background other ssh_as bob -- 'setsid sleep 1008 >/dev/null 2>&1 & /sessd/hold other'
	held other
	leave_jobs carol
	run -0 ssh_as bob -- 'setsid sleep 1003 >/dev/null 2>&1 & tmux -S /tmp/tmux-bob new -d "sleep 1001"; echo done'
	wait_until '[ -n "$(ended)" ]'
	equal 'bob sshd logout' "$(ended)"
	equal '["tidy",true,true]' "$(events_where '.event == "leftovers_ended"' | jq -c '[.policy, .signalled >= 3, has("sid")]')"
	equal 4 "$(jobs_of carol)"
	equal 1 "$(sleepers 'sleep 1008')"
	background_runs other
	wait_until '[[ "$(kept)" = carol* ]]'
}

@test "the same where there is no audit session" {
	sessd_config 'policy "tidy" { leftovers = kill }'
	daemon_signal sessd HUP
	wait_until '[ -n "$(events_where ".event == \"config_loaded\"")" ]'
	without_module pam_loginuid
	leave bob 'setsid sleep 1003 >/dev/null 2>&1 &'
	wait_until '[ "$(sleepers "sleep 1003")" = 0 ]'
	wait_until '[ "$(ended)" = "bob sshd logout" ]'
	wait_until '[ -z "$(ls -d "$HOST_FS"/sys/fs/cgroup/sessd/*/ 2>/dev/null)" ]'
}

@test "revoke --all ends everybody but who asks, and what their logins left" {
	leave_jobs carol
	background one ssh_as bob -- /sessd/hold one
	background two ssh_as carol -- /sessd/hold two
	leave_jobs mallory
	start_cron bob
	held one
	held two
	run -4 ssh_as carol -- sessctl revoke --all
	background three ssh_as dave -- 'sessctl revoke --all; echo status $?; /sessd/hold three'
	held three
	contains "$(output_of three)" 'status 0'
	contains "$(output_of three)" 'dave sshd is yours and goes on'
	equal 2 "$(output_of three | grep -c 'sshd: ended')"
	contains "$(output_of three)" 'carol: left over'
	finish_badly one
	finish_badly two
	equal 0 "$(on_host pgrep -cu carol)"
	equal 4 "$(jobs_of mallory)" # who had no session
	equal 'dave cron' "$(sessions | jq -r 'if .class == "background" then .service else .user end' | sort -r | paste -sd ' ')"
	run -0 on_host sessctl revoke --all --cron
	equal 0 "$(sessions_count true)"
	run -0 on_host sessctl revoke --all
	run -2 on_host sessctl revoke --all --user bob
	run -2 on_host sessctl revoke --cron 1234
}
