#!/usr/bin/env bats
# The steps of README.md, "On a real machine", followed to the letter: each block of commands is run as it stands there,
# and each text for sessd.conf is added to it. One test is one step, and the next begins where it ended.
load ../lib/helpers
load ../lib/sessions
load ../lib/machine

setup_file()
{
	machine_start
	# where `make deb` has put the packages, and how root logs in as others
	on_host bash -c 'mkdir -p /root/source/build /root/.ssh && ln -s /sessd/debs /root/source/build/deb
		printf "%s\n" "Host localhost" "IdentityFile /root/keys/%r" "UserKnownHostsFile /root/known_hosts" >/root/.ssh/config'
}
teardown_file() { machine_stop; }
setup() { cp "$HOST_FS/etc/pam.d/common-session" "$BATS_TEST_TMPDIR/before"; }
teardown()
{
	if [ -z "${BATS_TEST_COMPLETED:-}" ]; then on_host journalctl --no-pager -n 40; fi
	[ ${#background_pids[@]} = 0 ] || {
		on_host bash -c 'touch /tmp/hold/all; pkill -x sleep'
		wait "${background_pids[@]}" 2>/dev/null || true
	}
}

# follow HEADING: what stands in README.md between this heading or step and the next.
follow()
{
	local blocks=$BATS_TEST_TMPDIR/blocks n=0 file
	mkdir "$blocks"
	awk -v from="$1" -v to="$blocks" '
		/^(\*\*[0-9]\.|###? )/ { here = index($0, from) == 1 }
		/^```/ && here { open = !open; if (open) file = sprintf("%s/%02d.%s", to, ++n, $0 == "```sh" ? "sh" : "conf"); next }
		open { print >file }' "$HOST_TOP/README.md"
	for file in "$blocks"/*; do
		[ -e "$file" ] || { echo "README.md has no commands under $1"; return 1; }
		case $file in
		*.conf) cat "$file" >>"$HOST_FS/etc/sessd/sessd.conf" ;;
		*.sh)
			on_host bash -e -x -c "cd /root/source; $(<"$file")"
			n=$((n + 1))
			;;
		esac
	done
	[ "$n" -gt 0 ]
}

# What the ledger has of a stack that was tried with sessd and without.
tried='"session_adopted" "session_ended" "session_ended" "session_opened"'

stacks_are_debians()
{
	[ "$(grep -l pam_sess "$HOST_FS"/etc/pam.d/* | wc -l)" = 0 ]
}

@test "1. Install" {
	background before ssh_as bob -- 'echo held; exec sleep 1000'
	held before
	machine_stacks >"$HOSTS/$HOST/shared/stacks"
	follow '**1. '
	stacks_are_debians
	ssh_as bob -- true
	background_runs before
	equal 0 "$(sessions_count)"
}

@test "2. A way in that nothing closes" {
	follow '**2. ' >"$BATS_TEST_TMPDIR/said"
	grep 'policy "breakglass"' "$BATS_TEST_TMPDIR/said" || grep -i exempt "$BATS_TEST_TMPDIR/said"
	contains "$(on_host id -nG dave)" sessd-breakglass
	ssh_as dave -- sessctl list
}

@test "3. One user first" {
	follow '**3. ' >"$BATS_TEST_TMPDIR/said"
	grep trial "$BATS_TEST_TMPDIR/said"
	[ ! -e "$HOST_FS/etc/pam.d/sessd-try" ]
	stacks_are_debians
	# once while sessd was there, and once while it was not
	wait_until '[ "$(events_where ".service == \"sessd-try\"" event | sort | paste -sd " ")" = '"'$tried'"' ]'
	equal 0 "$(sessions_count)"
	# what can go wrong
	cp "$HOST_FS/etc/sessd/sessd.conf" "$BATS_TEST_TMPDIR/good"
	echo 'policy "oops" {' >>"$HOST_FS/etc/sessd/sessd.conf"
	run ! on_host systemctl reload sessd
	run -0 on_host systemctl status --no-pager sessd
	contains "$output" sessd.conf:
	contains "$(on_host sessctl policy explain alice)" trial
	cat "$BATS_TEST_TMPDIR/good" >"$HOST_FS/etc/sessd/sessd.conf"
	on_host systemctl reload sessd
}

@test "4. Switch it on" {
	follow '**4. ' >"$BATS_TEST_TMPDIR/said"
	grep '0 errors, 0 warnings' "$BATS_TEST_TMPDIR/said"
	begin one alice -- :
	begin two alice -- :
	run ! ssh_as alice -- 'echo I am in'
	[[ $output != *'I am in'* ]]
	# nobody else is limited
	background b1 ssh_as bob -- 'echo held; exec sleep 1000' && held b1
	background b2 ssh_as bob -- 'echo held; exec sleep 1000' && held b2
	ssh_as bob -- true
	ssh_as dave -- sessctl revoke "$sid"
	finish_badly two
	ssh_as alice -- sudo -n true
	# what can go wrong: taken back, and on again
	on_host pam-auth-update --disable sess
	equal "$(cat "$HOSTS/$HOST/shared/stacks")" "$(machine_stacks)"
	on_host pam-auth-update --enable sess
}

@test "5. Widen it" {
	follow '**5. ' >"$BATS_TEST_TMPDIR/said"
	grep trial "$BATS_TEST_TMPDIR/said"
	begin one bob -- :
	begin two bob -- :
	run ! ssh_as bob -- 'echo I am in'
	[[ $output != *'I am in'* ]]
	# the way in that nothing closes
	background d1 ssh_as dave -- 'echo held; exec sleep 1000' && held d1
	background d2 ssh_as dave -- 'echo held; exec sleep 1000' && held d2
	ssh_as dave -- true
	on_host systemctl stop sessd-pam.socket sessd-ctl.socket sessd.service
	on_host sed -i 's/pam_sess\.so/& unavailable=deny/' /etc/pam.d/common-account /etc/pam.d/common-session
	run ! ssh_as bob -- true
	ssh_as dave -- true
	on_host sed -i 's/ unavailable=deny//' /etc/pam.d/common-account /etc/pam.d/common-session
	on_host systemctl start sessd-pam.socket sessd-ctl.socket sessd.service
}

@test "The way back" {
	background one ssh_as carol -- 'echo held; exec sleep 1000'
	held one
	follow '### The way back'
	stacks_are_debians
	equal "$(cat "$HOSTS/$HOST/shared/stacks")" "$(machine_stacks)"
	background_runs one
	ssh_as bob -- true
	[ -e "$HOST_FS/etc/sessd/sessd.conf" ] && [ -e "$HOST_FS/var/lib/sessd/ledger.db" ]
}
