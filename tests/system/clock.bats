#!/usr/bin/env bats
# Deadlines run on a clock that nobody can set and that a suspend does not stop. The host's clocks are moved by hand, by
# years and by hours (see tests/lib/clockshift.c): all its programs see that, sshd and the module too.
load ../lib/helpers
load ../lib/sessions

PATIENCE=30

setup_file() { host_start; }
teardown_file() { host_stop; }

policy='policy "all" { max_sessions = 50 lifetime = 1h max_lifetime = 4h }
	policy "quiet" { users = {"mallory"} idle = 30m }'

setup()
{
	install -m 0644 "$HOST_TOP/build/plain/tests/lib/clockshift.so" "$HOST_FS/sessd/clockshift.so"
	install -m 0644 /dev/null "$HOST_FS/run/clockshift"
	years=0 minutes=0
	set_clocks
	echo /sessd/clockshift.so >"$HOST_FS/etc/ld.so.preload"
	start_sessd "$policy"
	start_sshd
}

teardown()
{
	rm -f "$HOST_FS/etc/ld.so.preload"
	host_reset
}

# The wall clock was set so many years off the machine's, and the host was asleep for so many minutes.
set_clocks()
{
	perl -e '($years, $minutes) = @ARGV; $asleep = $minutes * 60e9;
		print pack("q<q<", $years * 365 * 86400e9 + $asleep, $asleep)' -- "$years" "$minutes" \
		1<>"$HOST_FS/run/clockshift"
}

clock_is_set() # YEARS
{
	years=$1
	set_clocks
}

# As after a suspend of so many minutes more.
asleep() # MINUTES
{
	minutes=$((minutes + $1))
	set_clocks
}

restart()
{
	stop_sessd KILL
	start_sessd
}

# The whole way of a login, so that sessd has looked at its clock since; and whoever lives still does.
nothing_ends() # SID…
{
	equal hello "$(ssh_as dave -- echo hello)"
	equal "$(printf '%s\n' "$@" | sort)" "$(sessions_where '.user != "dave" and .phase == "active"' | sort)"
}

year_of_the_host()
{
	on_host date +%Y
}

@test "the clocks of the host are moved, not those of the machine" {
	local now
	now=$(date +%Y)
	equal "$now" "$(year_of_the_host)"
	clock_is_set 10
	[ "$(year_of_the_host)" -ge $((now + 9)) ]
	equal "$now" "$(date +%Y)"
	clock_is_set -10
	[ "$(year_of_the_host)" -le $((now - 9)) ]
	begin one bob -- :
	contains "$(of_record opened_at)" "$(year_of_the_host)-"
}

# lives_an_hour [BETWEEN…]: a session of one hour is over after one hour, wherever the clock stands; BETWEEN is done
# each time that it was set.
lives_an_hour()
{
	begin one bob -- :
	for years in 10 -10 0 -20 30; do
		clock_is_set "$years"
		"${@:-:}"
		nothing_ends "$sid"
	done
	asleep 59
	"${@:-:}"
	nothing_ends "$sid"
	clock_is_set -10
	nothing_ends "$sid"
	asleep 1
	ends_so "$sid" 'session_opened session_ending(lifetime) session_ended(lifetime)'
	equal 0 "$(processes "$asid")"
	finish_badly one
}

@test "a lifetime is not shortened or lengthened by setting the clock" {
	lives_an_hour
}

@test "nor where sessd is killed and started each time" {
	lives_an_hour restart
}

@test "a suspend counts: the session is over when the machine wakes up" {
	begin one bob -- :
	begin two carol -- :
	asleep 61
	# Nobody speaks to sessd: it wakes up by its timer alone.
	finish_badly one
	finish_badly two
	wait_until '[ "$(sessions_count true)" = 0 ]'
	equal '"lifetime" "lifetime"' "$(events_where '.event == "session_ended"' reason | paste -sd ' ')"
}

@test "so does one while sessd is away" {
	begin one bob -- :
	stop_sessd KILL
	asleep 61
	clock_is_set -10
	background_runs one
	start_sessd
	ends_so "$sid" 'session_opened session_ending(lifetime) session_ended(lifetime)'
}

@test "a session that is opened while the clock is wrong lasts as long" {
	clock_is_set -10
	begin one bob -- :
	clock_is_set 0
	restart
	asleep 59
	nothing_ends "$sid"
	asleep 1
	ends_so "$sid" 'session_opened session_ending(lifetime) session_ended(lifetime)'
}

@test "an extension adds what was asked for, up to what is allowed, wherever the clock stands" {
	begin one bob -- :
	clock_is_set 10
	run -0 on_host sessctl extend "$sid" 1h
	restart
	clock_is_set -10
	run -0 on_host sessctl extend "$sid" 1h
	# Three hours now, of four.
	run -1 on_host sessctl extend "$sid" 61m
	contains "$output" 'it can be extended by 1h'
	asleep 179
	nothing_ends "$sid"
	restart
	nothing_ends "$sid"
	asleep 1
	ends_so "$sid" \
		'session_opened session_extended session_extended session_ending(lifetime) session_ended(lifetime)'
}

# A session on a terminal that nobody types in from now on; the terminal is in `terminal`.
begin_quietly()
{
	begin quiet mallory -tt -- tty
	terminal=$(output_of quiet | tr -d '\r' | grep -x '/dev/pts/[0-9]*')
}

@test "idle time is not shortened or lengthened by setting the clock" {
	begin_quietly
	for years in 10 -10 0 -20 30; do
		clock_is_set "$years"
		nothing_ends "$sid"
	done
	asleep 29
	nothing_ends "$sid"
	clock_is_set -10
	nothing_ends "$sid"
	asleep 1
	ends_so "$sid" 'session_opened session_ending(idle) session_ended(idle)'
}

# What was typed before the clock was set counts as typed at the start, for nobody knows better then.
@test "idle time is not shortened where sessd is killed and started each time" {
	begin_quietly
	for years in 10 -10 0 -20 30; do
		clock_is_set "$years"
		restart
		nothing_ends "$sid"
	done
	asleep 30
	ends_so "$sid" 'session_opened session_ending(idle) session_ended(idle)'
}

@test "what is typed after the clock was set counts from then" {
	begin_quietly
	for years in 10 -10; do
		clock_is_set "$years"
		asleep 10
		# The kernel's own times are those of the machine.
		on_host touch -a -d "@$(on_host date +%s)" "$terminal"
		nothing_ends "$sid"
	done
	asleep 29
	nothing_ends "$sid"
	asleep 1
	ends_so "$sid" 'session_opened session_ending(idle) session_ended(idle)'
}

locked_out() # USER
{
	run ! ssh_as "$1" -- true
	contains "$output" "sessd: this account is locked"
}

let_in() # USER
{
	equal hello "$(ssh_as "$1" -- echo hello)"
}

@test "a lock stands as long as it was set for: with sessd, and without it" {
	on_host sessctl lock user bob --for 1h
	for years in 10 -10; do
		clock_is_set "$years"
		locked_out bob
		restart
		locked_out bob
		stop_sessd KILL
		locked_out bob
		start_sessd
	done
	asleep 59
	locked_out bob
	on_host sessctl lock user carol --for 1h
	clock_is_set 0
	asleep 1
	wait_until '[ -n "$(events_where ".event == \"lock_expired\"")" ]'
	let_in bob
	locked_out carol
	stop_sessd KILL
	asleep 58
	clock_is_set -10
	locked_out carol
	asleep 1
	let_in carol
}

@test "a lock that is set while sessd is away counts, however the clock was set since" {
	clock_is_set 10
	stop_sessd
	on_host sessctl lock user bob --for 1h
	clock_is_set -10
	start_sessd
	locked_out bob
	asleep 59
	locked_out bob
	asleep 1
	wait_until '[ -n "$(events_where ".event == \"lock_expired\"")" ]'
	let_in bob
}

@test "of two locks the later one counts, though the clock was set back between them" {
	on_host sessctl lock user bob --for 1h
	stop_sessd
	clock_is_set -10
	on_host sessctl lock user bob --for 3h
	start_sessd
	asleep 61
	locked_out bob
	asleep 120
	wait_until '[ -n "$(events_where ".event == \"lock_expired\"")" ]'
	let_in bob
}
