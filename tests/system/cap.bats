#!/usr/bin/env bats
# Caps on real logins: who is counted, who is refused and told why, who has to go, and that nothing is left of a login
# that was refused.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup() { start_sshd; }
teardown() { host_reset; }

contractors='policy "contractors" { groups = {"contractors"} max_sessions = 2 }'

# A login by ssh that stays.
stays() # BACKGROUND USER [ssh options…]
{
	background "$1" ssh_as "${@:2}" -- "/sessd/hold $1"
	held "$1"
}

# Without the account line a refusal comes in open_session, which sshd overrules.
only_session()
{
	on_host sed -i '/^account.*pam_sess/d' /etc/pam.d/sshd
}

# sshd's processes, but for the one that listens: a connection has two.
connections()
{
	on_host pgrep -x sshd | grep -cvx "$(cat "$HOST_FS/run/sshd.pid")"
}

# The sessions by their background's names, by the commands that run in them. (A hold that forks is there twice.)
who_stays()
{
	on_host pgrep -ax hold | awk '{ print $NF }' | sort -u | paste -sd ' '
}

refused_2_of_2='sessd: you already have 2 of 2 sessions (policy "contractors"): sshd from 127.0.0.1 since '

# --- deny ---

@test "the third login is refused, and told why" {
	local method
	start_sessd "$contractors"
	stays one bob
	stays two bob
	for method in as password kbdint; do
		run ! "ssh_$method" bob -- touch /tmp/ran
		[[ $output =~ "$refused_2_of_2"[0-9]+:[0-9]+", sshd from 127.0.0.1 since "[0-9]+:[0-9]+ ]] || equal "$refused_2_of_2" "$output"
	done
	[ ! -e "$HOST_FS/tmp/ran" ]
	equal "$(printf 'bob cap 2/2 contractors\n%.0s' 1 2 3)" "$(refusals)"
	equal 2 "$(sessions_count)"
	# It is bob's cap alone.
	stays three carol
	stays four alice
	# And a logout makes room.
	release one
	finish one
	wait_until '[ "$(sessions_count ".user == \"bob\"")" = 1 ]'
	stays five bob
}

@test "on the console the screen says why" {
	start_sessd "$contractors"
	stays one bob
	background two login_as bob 'echo; /sessd/hold two'
	held two
	run -1 login_as bob 'touch /tmp/ran'
	[[ $output =~ 'sessd: you already have 2 of 2 sessions (policy "contractors"): sshd from 127.0.0.1 since '[0-9:]+', login since ' ]] ||
		equal "a refusal" "$output"
	[ ! -e "$HOST_FS/tmp/ran" ]
	equal "bob cap 2/2 contractors" "$(refusals)"
}

@test "nothing runs in a session that was refused" {
	start_sessd "$contractors"
	only_session
	stays one bob
	stays two bob
	run ! ssh_as bob -- touch /tmp/ran
	run ! ssh_as bob -tt -- touch /tmp/ran
	run ! sftp_as bob <<<'mkdir ran'
	[ ! -e "$HOST_FS/tmp/ran" ] && [ ! -e "$HOST_FS/home/bob/ran" ]
	equal 3 "$(refusals | wc -l)"
	wait_until '[ "$(connections)" = 4 ]'
	equal "one two" "$(who_stays)"
}

@test "a refused ssh -N leaves no connection" {
	start_sessd "$contractors"
	only_session
	stays one bob
	stays two bob
	background three ssh_as bob -N -L 127.0.0.1:4000:127.0.0.1:22
	run ! finish three
	equal "bob cap 2/2 contractors" "$(refusals)"
	wait_until '[ "$(connections)" = 4 ]'
	equal "one two" "$(who_stays)"
	equal 2 "$(sessions_count)"
}

@test "a login that is refused on the console ends" {
	start_sessd "$contractors"
	only_session
	stays one bob
	stays two bob
	run ! login_as bob 'touch /tmp/ran'
	[ ! -e "$HOST_FS/tmp/ran" ]
	equal "" "$(on_host pgrep -x login)"
}

# --- evict ---

@test "evict_oldest ends the oldest one, each time" {
	start_sessd 'policy "contractors" { groups = {"contractors"} max_sessions = 2 at_limit = evict_oldest }'
	local sid
	stays one bob
	one_session true
	sid=$(of_record sid)
	stays two bob
	stays three bob
	run ! finish one
	equal "three two" "$(who_stays)"
	ends_so "$sid" 'session_opened session_ending(evicted) session_ended(evicted)'
	equal '"contractors"' "$(events_where ".sid == \"$sid\" and .event == \"session_ended\"" policy)"
	stays four bob
	run ! finish two
	equal "four three" "$(who_stays)"
	equal 2 "$(sessions_count)"
	wait_until '[ "$(connections)" = 4 ]'
	equal "" "$(refusals)"
}

@test "evict_oldest takes a whole session, with what hides in it" {
	start_sessd 'policy "contractors" { groups = {"contractors"} max_sessions = 1 at_limit = evict_oldest }'
	background one ssh_as bob -- 'setsid nohup /sessd/hold hidden >/dev/null 2>&1 & /sessd/hold one'
	held one
	wait_until '[ "$(who_stays)" = "hidden one" ]'
	stays two bob
	# It is not let in before the other is gone.
	equal two "$(who_stays)"
}

@test "evict_idlest ends the one where nobody typed" {
	start_sessd 'policy "contractors" { groups = {"contractors"} max_sessions = 3 at_limit = evict_idlest }'
	local name
	for name in one two three; do
		background "$name" ssh_as bob -tt -- "tty >/tmp/$name.tty; /sessd/hold $name"
		held "$name"
	done
	typed() { on_host touch -a -d "+$2 hours" "$(cat "$HOST_FS/tmp/$1.tty")"; }
	typed one 3
	typed two 1
	typed three 2
	background four ssh_as bob -tt -- "tty >/tmp/four.tty; /sessd/hold four"
	held four
	run ! finish two
	equal "four one three" "$(who_stays)"
	# One without a terminal counts from its beginning.
	typed four 4
	stays five bob
	run ! finish three
	equal "five four one" "$(who_stays)"
	stays six bob
	run ! finish five
	equal "four one six" "$(who_stays)"
	equal 3 "$(events_where '.event == "session_ended" and .reason == "evicted"' | wc -l)"
}

# --- Who is counted ---

@test "the exempt are never capped, and the ledger says so" {
	start_sessd 'policy "all" { max_sessions = 1 }
		policy "breakglass" { groups = {"sessd-breakglass"} exempt = true }'
	local name
	stays other alice
	for name in one two three; do
		stays "$name" erin
	done
	equal 3 "$(sessions_count '.user == "erin"')"
	equal 3 "$(events_where '.event == "session_opened" and .user == "erin" and .policy == "breakglass"' | wc -l)"
	equal "" "$(events_where '.event == "session_opened" and .user == "alice"' 'policy // ""' | tr -d '"')"
	run ! ssh_as alice -- true
}

@test "of several policies the strictest counts" {
	start_sessd "$contractors"'
		policy "all" { max_sessions = 3 }
		policy "carol" { users = {"carol"} max_sessions = 1 at_limit = evict_oldest }'
	local name
	for name in one two; do stays "$name" bob; done
	run ! ssh_as bob -- true
	contains "$output" '2 of 2 sessions (policy "contractors")'
	for name in three four five; do stays "$name" alice; done
	run ! ssh_as alice -- true
	contains "$output" '3 of 3 sessions (policy "all")'
	stays six carol
	stays seven carol
	run ! finish six
	equal "five four one seven three two" "$(who_stays)"
}

@test "a policy for a service counts that service alone" {
	start_sessd 'policy "ssh" { services = {"sshd"} max_sessions = 1 }'
	background one login_as bob 'echo; /sessd/hold one'
	held one
	stays two bob
	run ! ssh_as bob -- true
	contains "$output" 'sessd: you already have 1 of 1 sessions (policy "ssh"): sshd from 127.0.0.1 since'
	[[ $output != *login* ]]
	background three login_as bob 'echo; /sessd/hold three'
	held three
	equal 3 "$(sessions_count)"
}

@test "a policy for a source counts logins from there alone" {
	start_sessd 'policy "near" { from = {"127.0.0.0/8"} max_sessions = 1 }
		policy "far" { from = {"10.0.0.0/8", "2001:db8::/32"} max_sessions = 1 }'
	stays one bob -o HostName=::1
	stays two bob -o HostName=::1
	stays three bob
	run ! ssh_as bob -- true
	contains "$output" 'you already have 1 of 1 sessions (policy "near"): sshd from 127.0.0.1 since'
	[[ $output != *::1* ]]
	background four login_as bob 'echo; /sessd/hold four'
	held four
	equal "bob cap 1/1 near" "$(refusals)"
}

@test "sessions are counted for each user alone" {
	start_sessd 'policy "all" { max_sessions = 1 }'
	local user
	for user in alice bob carol mallory; do
		stays "$user" "$user"
	done
	equal 4 "$(sessions_count)"
	for user in alice mallory; do
		run ! ssh_as "$user" -- true
	done
}

# --- Changes ---

# Another configuration is in force when the ledger has it.
reconfigure() # CONFIG EVENT
{
	local before
	before=$(events_where ".event == \"$2\"" | wc -l)
	sessd_config "$1"
	daemon_signal sessd HUP
	wait_until "[ \"\$(events_where '.event == \"$2\"' | wc -l)\" -gt $before ]"
}

@test "SIGHUP: a changed cap holds for the next login" {
	start_sessd 'policy "all" { max_sessions = 1 }'
	stays one bob
	run ! ssh_as bob -- true
	reconfigure 'policy "more" { max_sessions = 2 }' config_loaded
	stays two bob
	run ! ssh_as bob -- true
	contains "$output" '2 of 2 sessions (policy "more")'
	# Fewer: those who are there may stay.
	reconfigure 'policy "fewer" { max_sessions = 1 }' config_loaded
	run ! ssh_as bob -- true
	contains "$output" '2 of 1 sessions (policy "fewer")'
	equal "one two" "$(who_stays)"
	# A mistake changes nothing.
	reconfigure 'policy "wrong" { max_sessions = many }' config_rejected
	run ! ssh_as bob -- true
	contains "$output" 'policy "fewer"'
	reconfigure 'policy "none" { lifetime = 1h }' config_loaded
	stays three bob
}

# --- At the same time ---

eight_at_once()
{
	local i names=(a b c d e f g h)
	for i in "${names[@]}"; do
		background "$i" ssh_as bob -- "/sessd/hold $i"
	done
	ended()
	{
		local n=0
		for i in "${names[@]}"; do background_runs "$i" || n=$((n + 1)); done
		echo "$n"
	}
	wait_until '[ "$(ended)" = 6 ] && [ "$(cat "$BATS_TEST_TMPDIR"/?.out | grep -c ^held)" = 2 ]' 20
	equal 2 "$(sessions_count '.phase == "active"')"
	equal 2 "$(who_stays | wc -w)"
	equal 2 "$(events_where '.event == "session_opened"' | wc -l)"
	equal "$(for i in 1 2 3 4 5 6; do echo bob cap 2/2 contractors; done)" "$(refusals)"
	wait_until '[ "$(connections)" = 4 ]'
}

@test "of eight logins at once two are let in" {
	start_sessd "$contractors"
	eight_at_once
}

@test "of eight logins at once two are let in, also where open_session alone judges" {
	start_sessd "$contractors"
	only_session
	eight_at_once
}
