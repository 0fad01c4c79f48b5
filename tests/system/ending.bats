#!/usr/bin/env bats
# A session that is ended is gone with every process of it, whatever they did to get away, and nobody else is harmed.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup()
{
	start_sessd 'policy "all" { max_sessions = 50 }'
	start_sshd
}
teardown()
{
	host_reset
	on_host umount -l /mnt/hung 2>/dev/null || true
}

# Children that a hangup, or the death of their parent, does not reach.
# shellcheck disable=SC2016
runaways='nohup sleep 1000 >/dev/null 2>&1 &
setsid sleep 1000 >/dev/null 2>&1 &
(setsid bash -c "trap \"\" HUP INT TERM; sleep 1000 & wait" >/dev/null 2>&1 &)
setsid bash -c "(sleep 1000 &)" >/dev/null 2>&1'

all_run_away() # USER
{
	wait_until "[ \"\$(on_host pgrep -c -u $1 -x sleep)\" = 5 ]"
}

@test "revoke takes setsid, nohup and double-forked children, and says how many" {
	local n
	begin one bob -tt -- "$runaways"
	all_run_away bob
	n=$(processes "$asid")
	equal 8 "$n" # sshd's two, what it runs, four that ran away, and the shell of one of these
	run -0 on_host sessctl revoke "${sid:0:8}" --reason 'he has left'
	[[ $output =~ ^${sid:0:8}\ bob\ sshd:\ ended,\ $n\ processes\ gone\ in\ [0-9] ]] || equal "$n processes" "$output"
	equal 0 "$(processes "$asid")"
	equal 0 "$(processes_of_user bob)"
	finish_badly one
	ends_so "$sid" 'session_opened session_ending(revoked) session_ended(revoked)'
	equal "[\"root\",\"he has left\",$n]" "$(events_where '.event == "session_ended"' | jq -c '[.by, .text, .signalled]')"
}

@test "revoke in JSON" {
	local n
	begin one bob -- "$runaways"
	all_run_away bob
	n=$(processes "$asid")
	run -0 on_host sessctl revoke --json "$sid"
	equal "[\"$sid\",\"bob\",\"sshd\",\"revoked\",$n,true,null]" \
		"$(jq -c '[.sid, .user, .service, .reason, .signalled, .elapsed > 0, .survivors]' <<<"$output")"
	equal 0 "$(processes "$asid")"
}

@test "revoke of what is not there, not any more, or another's" {
	begin one bob -- :
	run -5 on_host sessctl revoke 00000000
	run -5 on_host sessctl revoke --user carol
	run -4 ssh_as carol -- sessctl revoke "$sid"
	run -4 ssh_as carol -- sessctl revoke --user bob
	equal active "$(sessions | jq -r "select(.sid == \"$sid\") | .phase")"
	background_runs one
	run -0 on_host sessctl revoke "$sid"
	run -5 on_host sessctl revoke "$sid"
	run -5 on_host sessctl revoke --user bob
}

@test "revoke of several sessions, and of a user's" {
	local first second
	begin one bob -- :
	first=$sid
	begin two bob -- :
	second=$sid
	begin three carol -- :
	run -5 on_host sessctl revoke "$first" 00000000 "$second"
	equal 2 "$(grep -c 'ended, .* gone' <<<"$output")"
	equal "$sid" "$(sessions_where true)"
	begin one bob -- :
	begin two bob -- :
	run -0 on_host sessctl revoke --user bob
	equal 2 "$(grep -c 'ended, .* gone' <<<"$output")"
	equal 0 "$(processes_of_user bob)"
	equal carol "$(sessions | jq -r .user)"
	background_runs three
}

@test "a process that cannot be killed is named, and ended when it can be" {
	start_hung_filesystem
	begin one bob -- 'stat /mnt/hung >/dev/null 2>&1 &'
	wait_until 'grep -q asked "$HOST_FS/var/log/hang.log"'
	run -1 on_host sessctl revoke "$sid"
	[[ $output =~ not\ ended:\ 1\ of\ [0-9]+\ processes\ still\ there:\ [0-9]+\ stat\ D ]] || equal "a survivor" "$output"
	equal ending "$(sessions | jq -r .phase)"
	run -1 on_host sessctl revoke --json "$sid"
	contains "$(jq -r '.survivor_list' <<<"$output")" ' stat D'
	equal 1 "$(on_host sessctl metrics | sed -n 's/^sessd_survivors_total //p')"
	daemon_signal hang KILL
	ends_so "$sid" \
		'session_opened session_ending(revoked) session_survived(revoked) session_ended(revoked)'
	equal 0 "$(processes "$asid")"
}

@test "a fork bomb leaves nothing" {
	local n
	begin one bob -- 'ulimit -u 200
	bomb() { (bomb) & (setsid bash -c "trap \"\" TERM HUP; exec sleep 1000" &) & bomb & sleep 1000; }
	bomb >/dev/null 2>&1 &'
	wait_until '[ "$(processes "$asid")" -ge 150 ]'
	run -0 on_host sessctl revoke --json "$sid"
	n=$(jq .signalled <<<"$output")
	[ "$n" -ge 150 ]
	equal 0 "$(processes "$asid")"
	equal 0 "$(processes_of_user bob)"
	finish_badly one
}

@test "a fork bomb leaves nothing where there is no cgroup" {
	without_cgroup umount
	begin one bob -- 'ulimit -u 100
	bomb() { (bomb) & (setsid bash -c "trap \"\" TERM HUP; exec sleep 1000" &) & bomb & sleep 1000; }
	bomb >/dev/null 2>&1 &'
	wait_until '[ "$(processes "$asid")" -ge 70 ]'
	run -0 on_host sessctl revoke "$sid"
	equal 0 "$(processes "$asid")"
	equal 0 "$(processes_of_user bob)"
}

@test "sshd's monitor killed: noticed, and everything of the session is cleaned up" {
	begin one bob -tt -- "$runaways"
	all_run_away bob
	on_host kill -9 "$(of_record leader_pid)"
	ends_so "$sid" 'session_opened session_ending(leader_gone) session_ended(leader_gone)'
	equal 0 "$(processes "$asid")"
	finish_badly one
}

@test "the same where there is no cgroup" {
	without_cgroup umount
	begin one bob -tt -- "$runaways"
	all_run_away bob
	on_host kill -9 "$(of_record leader_pid)"
	ends_so "$sid" 'session_opened session_ending(leader_gone) session_ended(leader_gone)'
	equal 0 "$(processes "$asid")"
}

# The seconds between two times of the event, in thousandths.
milliseconds='def ms: capture("^(?<s>[^.]*)(?<f>\\.[0-9]+)Z$") | ((.s + "Z" | fromdate) + ("0" + .f | tonumber)) * 1000'

@test "a session ends when its lifetime does, and not before" {
	sessd_config 'policy "all" { max_sessions = 50 }
		policy "short" { users = {"mallory"} lifetime = 2s }'
	daemon_signal sessd HUP
	wait_until '[ -n "$(events_where ".event == \"config_loaded\"")" ]'
	begin other bob -- :
	begin one mallory -tt -- "$runaways"
	equal 2000 "$(jq "$milliseconds; (.expires_at | ms) - (.opened_at | ms) | round" <<<"$record")"
	ends_so "$sid" 'session_opened session_ending(lifetime) session_ended(lifetime)'
	equal 0 "$(processes "$asid")"
	equal '["short","short","short"]' "$(ledger | jq -sc "map(select(.sid == \"$sid\" and .event != \"notice_given\") | .policy)")"
	# Records have another clock than deadlines: a little slack for one that is being slewed.
	equal true "$(events_where ".event == \"session_ending\" and .sid == \"$sid\"" |
		jq "$milliseconds; (.time | ms) > (.expires_at | ms) - 50")"
	finish_badly one
	equal bob "$(sessions | jq -r .user)"
	background_runs other
}

@test "a user ends his own sessions: another one, and the one that he is in" {
	local first
	begin one bob -- :
	first=$sid
	background two ssh_as bob -- "sessctl list --json | jq -r .sid; sessctl revoke $first; echo status \$?; \
		echo held; exec sleep 1000"
	held two
	contains "$(output_of two)" 'gone in'
	contains "$(output_of two)" 'status 0'
	one_session '.user == "bob"'
	equal 2 "$(output_of two | grep -c '^[0-9a-f]\{32\}$')"
	equal "[\"bob\",\"$(of_record sid)\"]" \
		"$(events_where ".event == \"session_ending\" and .sid == \"$first\"" | jq -c '[.by, .by_sid]')"
	background three ssh_as bob -- 'setsid sleep 1000 >/dev/null 2>&1 & sessctl revoke $SESSD_SID; echo not reached'
	finish_badly three
	run ! grep 'not reached' "$BATS_TEST_TMPDIR/three.out"
	wait_until '[ "$(sessions_count true)" = 1 ]'
	equal 'bob' "$(events_where '.event == "session_ended"' by | tail -n 1 | tr -d '"')"
	equal 0 "$(processes "$(events_where '.event == "session_ended"' audit_session | tail -n 1)")"
	background_runs two
}

@test "a logout keeps a nohup job, which does not count" {
	local first
	sessd_config 'policy "one" { max_sessions = 1 }'
	daemon_signal sessd HUP
	wait_until '[ -n "$(events_where ".event == \"config_loaded\"")" ]'
	background one ssh_as bob -tt -- 'nohup sleep 1000 >/dev/null 2>&1 & echo $$; /sessd/hold one'
	held one
	one_session '.user == "bob"'
	asid=$(of_record audit_session)
	release one
	run -0 finish one
	first=$(of_record sid)
	ends_by_logout "$first"
	equal sleep "$(on_host ps -o comm= -u bob)"
	equal 1 "$(processes "$asid")"
	begin two bob -- :
	equal 1 "$(sessions_count true)"
	run -5 on_host sessctl revoke "$first"
	run -0 on_host sessctl revoke "$sid"
	equal sleep "$(on_host ps -o comm= -u bob)"
}

# Two sessions of one user with children that ran away: one is revoked, the other lives on whole.
revoke_one_of_two()
{
	local second
	begin one bob -tt -- "$runaways"
	second=$sid
	begin two bob -- 'setsid sleep 2222 >/dev/null 2>&1 & nohup sleep 2222 >/dev/null 2>&1 &'
	wait_until '[ "$(on_host pgrep -c -f "^sleep 2222")" = 2 ] && [ "$(on_host pgrep -c -u bob -f "^sleep 1000")" = 6 ]'
	run -0 on_host sessctl revoke "$second"
	finish_badly one
	equal 2 "$(on_host pgrep -c -f '^sleep 2222')"
	equal 1 "$(on_host pgrep -c -u bob -f '^sleep 1000')" # what the other one waits with
	equal "$sid" "$(sessions_where true)"
	background_runs two
	equal yes "$(ssh_as bob -- echo yes)"
	ends_so "$second" 'session_opened session_ending(revoked) session_ended(revoked)'
}

@test "by cgroup and audit session: the user's other session is not touched" {
	revoke_one_of_two
	[ -d "$HOST_FS/sys/fs/cgroup/sessd/$sid" ]
	[ "$asid" != - ]
}

@test "by the audit session alone, where no cgroup is to be seen" {
	without_cgroup umount
	equal false "$(on_host sessctl status --json | jq 'has("cgroup")')"
	revoke_one_of_two
	[ ! -e "$HOST_FS/sys/fs/cgroup/sessd" ]
}

@test "by the audit session alone, where cgroups cannot be made" {
	without_cgroup mount -o remount,ro,bind
	revoke_one_of_two
	[ ! -e "$HOST_FS/sys/fs/cgroup/sessd" ]
}

@test "by the cgroup alone, where no audit session is begun" {
	without_module pam_loginuid
	revoke_one_of_two
	equal - "$asid"
	[ -d "$HOST_FS/sys/fs/cgroup/sessd/$sid" ]
}

@test "with neither, the leader and those that descend from him are ended" {
	local first
	without_module pam_loginuid
	without_cgroup umount
	begin one bob -tt -- 'sleep 3333 & nohup sleep 3333 >/dev/null 2>&1 &'
	first=$sid
	begin two bob -- 'setsid sleep 2222 >/dev/null 2>&1 &'
	run -0 on_host sessctl revoke "$first"
	finish_badly one
	run -1 on_host pgrep -f '^sleep 3333'
	run -0 on_host pgrep -f '^sleep 2222'
	equal "$sid" "$(sessions_where true)"
	background_runs two
}
