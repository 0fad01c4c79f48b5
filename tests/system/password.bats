#!/usr/bin/env bats
# A change of password ends the user's other sessions, where it succeeded and was asked for.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup()
{
	start_sessd
	start_sshd
}
teardown() { host_reset; }

NEW='battery staple 1'

# The passwords are typed; what is printed is the status.
# shellcheck disable=SC2016
changes='change() { printf "%s\n" "$@" | passwd 2>&1; echo "status $?"; }; '

@test "passwd ends the other sessions, and leaves the one it was run in" {
	local own
	begin one alice -- :
	begin two alice -tt -- :
	begin bob bob -- :
	run -0 ssh_as alice -- "$changes change '$PASSWORD' '$NEW' '$NEW'; sessctl check -q && echo live; echo \$SESSD_SID"
	echo "$output"
	own=${lines[-1]}
	contains "$output" 'sessd: 2 other sessions of alice were ended'
	contains "$output" 'status 0'
	ledger | tail -n 20
	false
}
