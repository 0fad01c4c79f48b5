#!/usr/bin/env bats
# Logins of every kind, on a machine with systemd, logind, sshd, getty, sudo and cron, with the packages installed and
# the profile switched on.
load ../lib/helpers
load ../lib/sessions
load ../lib/machine

setup_file() { machine_start; machine_install; machine_enable; }
teardown_file() { machine_stop; }
setup() { configured 'policy "all" { max_sessions = 2 lifetime = 1h }'; }
teardown() { machine_reset; }

# Its own scope, and not the slice of its user.
scope_of() # AUDIT_SESSION
{
	# shellcheck disable=SC2016
	on_host bash -c 'cat /proc/[0-9]*/cgroup 2>/dev/null | grep -x "0::/user.slice/.*/session-$1.scope" | sort -u' bash "$1"
}

@test "ssh by key and by password: sessctl and loginctl agree, and the scope ends with the lifetime" {
	local ends
	begin one alice -- :
	background two ssh_password bob -- 'echo held; exec sleep 1000'
	held two
	wait_until '[ "$(sessions_count)" = 2 ]'
	they_agree
	equal 2 "$(logind_sessions | wc -l)"
	contains "$(scope_of "$asid")" "session-$asid.scope"
	ends=$(unit RuntimeMaxUSec "session-$asid.scope")
	[[ $ends =~ ^1h\ 1min ]] || equal '1h 1min' "$ends"
}

@test "what is refused leaves no session of logind behind" {
	begin one alice -- :
	begin two alice -- :
	run ! ssh_as alice -- 'echo I am in'
	contains "$output" 'sessd: '
	[[ $output != *'I am in'* ]]
	# refused by the session phase alone, as where two come at the same time
	on_host sed -i '/pam_sess/d' /etc/pam.d/common-account
	run ! ssh_as alice -- 'echo I am in'
	on_host env DEBIAN_FRONTEND=noninteractive pam-auth-update --package --force
	[[ $output != *'I am in'* ]]
	they_agree
	equal 2 "$(logind_sessions | wc -l)"
	equal 2 "$(grep -c pam_sess "$HOST_FS/etc/pam.d/common-account" "$HOST_FS/etc/pam.d/common-session" | grep -c ':1$')"
}

@test "revoke ends the session's own scope, and no other of its user's" {
	local first
	begin one alice -- 'setsid sleep 1000 & (setsid -f sleep 1000)'
	first=$asid
	begin two alice -- :
	run -0 on_host sessctl revoke "$(sessions_where ".audit_session == $first")"
	equal 0 "$(processes "$first")"
	equal '' "$(scope_of "$first")"
	finish_badly one
	background_runs two
	[ "$(processes "$asid")" -gt 0 ]
	they_agree
	equal 1 "$(logind_sessions | wc -l)"
}

@test "at the console, through getty" {
	background console on_host expect -f /sessd/source/tests/machine/getty.exp carol "$PASSWORD" \
		'echo held; exec sleep 1000'
	one_session '.user == "carol" and .service == "login" and .class == "login"'
	they_agree
	contains "$(scope_of "$(of_record audit_session)")" session-
	wait_until "output_of console | grep -q 'This session ends at'"
	run -0 on_host sessctl revoke "$(of_record sid)"
	wait_until '[ -z "$(logind_sessions)" ]'
	wait_until '! background_runs console'
}

@test "sudo, sudo -i, su and su - are elevations of the session that they are made in" {
	begin one alice -- 'sudo -n /sessd/hold a & sudo -n -i /sessd/hold b & sudo -n su -c "/sessd/hold c" & sudo -n su - -c "/sessd/hold d" &'
	wait_until '[ "$(sessions_count ".class == \"elevation\"")" = 6 ]'
	equal 'su su-l sudo sudo-i' "$(sessions | jq -r 'select(.class == "elevation") | .service' | sort -u | paste -sd ' ')"
	equal 0 "$(sessions_count ".class == \"elevation\" and .parent == null")"
	equal 1 "$(logind_sessions | wc -l)"
	run -0 on_host sessctl revoke "$sid"
	equal 0 "$(sessions_count)"
	equal 0 "$(processes "$asid")"
}

@test "cron's jobs are recorded, and never capped" {
	configured 'policy "all" { max_sessions = 1 }'
	begin one bob -- :
	echo '@reboot bob exec /sessd/hold job' >"$HOST_FS/etc/cron.d/sessd-test"
	# cron tells a boot by this file
	on_host rm -f /run/crond.reboot
	on_host systemctl restart cron
	one_session '.class == "background" and .service == "cron"'
	rm "$HOST_FS/etc/cron.d/sessd-test"
	equal bob "$(sessions | jq -r 'select(.service == "cron") | .user' | sort -u)"
	equal 1 "$(sessions_count '.class == "login"')"
	touch "$HOST_FS/tmp/hold/job"
	wait_until '[ "$(sessions_count ".service == \"cron\"")" = 0 ]'
}

@test "systemd-run --user is nobody's session: revoking one leaves it, all of the user's end with it" {
	begin one bob -- 'systemd-run --user --unit=mine sleep 1000'
	wait_until '[ "$(on_host pgrep -u bob -x -c sleep)" = 2 ]' # it, and that of the login
	equal 1 "$(sessions_count)"
	equal 0 "$(sessions_count '.service == "systemd-user"')"
	run -0 on_host sessctl revoke --user bob
	wait_until '[ "$(sessions_count)" = 0 ] && [ -z "$(logind_sessions)" ]'
	wait_until '! on_host pgrep -u bob -x sleep'
}

@test "a tmux server that outlives its login is in the same scope, and a lock ends it" {
	begin one carol -- 'tmux new-session -d "sleep 1000"'
	on_host kill -HUP "$(of_record leader_pid)"
	ends_by_logout "$sid"
	finish_badly one
	[ "$(processes "$asid")" -gt 0 ]
	run -0 on_host sessctl lock user carol
	wait_until '[ "$(processes '"$asid"')" = 0 ]'
	run ! ssh_as carol -- true
	on_host sessctl unlock user carol
	ssh_as carol -- true
}

@test "sessctl doctor finds nothing to complain of" {
	run -0 on_host sessctl doctor
	contains "$output" '0 errors, 0 warnings'
}

@test "after a reboot no session from before is there, and its ledger says so" {
	local boot crashed
	# A container's boot id is a mount over the kernel's own, which this setting covers up with the kernel's again.
	mkdir -p "$HOST_FS/etc/systemd/system/sessd.service.d"
	printf '[Service]\nProtectKernelTunables=no\n' >"$HOST_FS/etc/systemd/system/sessd.service.d/test.conf"
	on_host systemctl daemon-reload
	on_host systemctl restart sessd
	begin one alice -- :
	crashed=$sid boot=$(on_host cat /proc/sys/kernel/random/boot_id)
	machine_reboot -ff
	finish_badly one
	[ "$boot" != "$(on_host cat /proc/sys/kernel/random/boot_id)" ]
	equal active "$(unit ActiveState)"
	ends_so "$crashed" 'session_opened session_ended(reboot)'
	begin two alice -- :
	they_agree
	# sessd stops before systemd ends the sessions
	machine_reboot
	finish_badly two
	equal 0 "$(sessions_count)"
	equal 'session_opened session_ended(reboot)' "$(story_of "$sid")"
	run -0 on_host sessctl audit export -o /root/ledger.jsonl
	run -0 on_host sessctl audit verify /root/ledger.jsonl
}
