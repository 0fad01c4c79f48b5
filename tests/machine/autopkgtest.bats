#!/usr/bin/env bats
# debian/tests, as autopkgtest(1) runs it.
load ../lib/helpers
load ../lib/sessions
load ../lib/machine

setup_file() { machine_start; machine_install; }
teardown_file() { machine_stop; }
teardown() { machine_reset; }

@test "each test of debian/tests passes, and leaves the stacks as they were" {
	local before name names
	before=$(machine_stacks)
	names=$(sed -n 's/^Tests: //p' "$HOST_TOP/debian/tests/control" | tr , ' ')
	[ -n "$names" ]
	for name in $names; do
		on_host mkdir -p "/tmp/autopkgtest/$name"
		run on_host env AUTOPKGTEST_TMP="/tmp/autopkgtest/$name" "/sessd/source/debian/tests/$name"
		echo "$output"
		[ "$status" = 0 ]
		contains "$output" 'all is well'
	done
	equal "$before" "$(machine_stacks)"
}

@test "they fail where something is wrong" {
	# then nobody is refused
	on_host bash -c 'rm /lib/*/security/pam_sess.so'
	on_host mkdir -p /tmp/autopkgtest/again
	run ! on_host env AUTOPKGTEST_TMP=/tmp/autopkgtest/again /sessd/source/debian/tests/installed
	[[ $output != *'all is well'* ]]
}
