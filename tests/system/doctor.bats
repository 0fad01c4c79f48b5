#!/usr/bin/env bats
# sessctl doctor on a machine that runs: quiet where all is well, and what it warns of does happen.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup() { start_sshd; }
teardown() { host_reset; }

healthy='0 errors, 0 warnings'

# The ids that doctor finds, in order.
found() # [ARGUMENT…]
{
	on_host sessctl doctor --json "$@" | jq -r .id
}

@test "quiet on a machine where all is well, for root and for a user" {
	start_sessd
	run -0 on_host sessctl doctor
	equal "$healthy" "$output"
	run -0 ssh_as alice -- sessctl doctor
	equal "$healthy" "$output"
	# With a login, too: it has an audit session.
	background one ssh_as alice -- '/sessd/hold one'
	held one
	equal "" "$(found)"
	run -0 on_host sessctl doctor --root /
	equal "$healthy" "$output"
}

@test "a daemon that is away, and one with a broken configuration" {
	run -1 on_host sessctl doctor
	contains "$output" 'sessd: error: sessd cannot be asked: /run/sessd/ctl.sock: sessd is not running'
	contains "$output" '[daemon]'
	equal '1 error, 0 warnings' "${lines[-1]}"
	start_sessd 'policy "default" { lifetime = 1h }'
	sessd_config 'policy "default" { lifetime = soon }'
	daemon_signal sessd HUP
	wait_until '[ "$(found)" = daemon-config ]'
	# Of a tree the daemon is not asked.
	equal "" "$(found --root /)"
	stop_sessd
	equal "" "$(found --root /)"
}

@test "an account line that is passed by: doctor says so, and sshd shows it" {
	start_sessd 'policy "default" { max_sessions = 1 at_limit = deny }'
	background one ssh_as alice -- '/sessd/hold one'
	held one
	run ! ssh_as alice -- true
	contains "$output" 'you already have'
	on_host sed -i '1i account sufficient pam_localuser.so' /etc/pam.d/common-account
	equal account-bypass "$(found)"
	run -1 on_host sessctl doctor sshd
	contains "$output" '/etc/pam.d/common-account:1: error:'
	# The account phase lets him pass, which pamtester runs alone.
	run -0 on_host pamtester sshd alice acct_mgmt
	on_host sed -i 1d /etc/pam.d/common-account
	run ! on_host pamtester sshd alice acct_mgmt
	equal "" "$(found)"
}

@test "a session line that refuses nobody" {
	start_sessd 'policy "default" { max_sessions = 1 at_limit = deny }'
	background one ssh_as alice -- '/sessd/hold one'
	held one
	on_host sed -i 's/^session.*pam_sess/session optional pam_sess/' /etc/pam.d/sshd
	equal refusal-ignored "$(found)"
	# sudo would go on with that answer.
	on_host sed -i 's/^session.*pam_sess/session required pam_sess/' /etc/pam.d/sshd
	equal "" "$(found)"
}

@test "a login without an audit session" {
	start_sessd
	on_host sed -i /pam_loginuid/d /etc/pam.d/sshd
	equal loginuid-missing "$(found)"
	background one ssh_as alice -- '/sessd/hold one'
	held one
	if [ "$(sessions | jq .audit_session)" = null ]; then
		equal 'loginuid-missing audit-unset' "$(found | xargs)"
	else
		skip "the tests themselves run in an audit session, which the login then has"
	fi
}

@test "a machine without /proc" {
	start_sessd
	equal 'audit cgroup' "$(on_host unshare -m sh -c 'mount -t tmpfs none /proc; sessctl doctor --json' | jq -r .id | xargs)"
}

@test "UsePAM is what sshd -T says it is" {
	local text
	start_sessd
	on_host mkdir -p /etc/ssh/sshd_config.d
	for text in 'UsePAM yes' 'usepam no' 'UsePAM=no' 'UsePAM "no"' 'UsePAM = yes' '#UsePAM no' '' \
		'Include /etc/ssh/sshd_config.d/*.conf' 'Include sshd_config.d/a.conf' 'Include nosuch*'; do
		printf 'UsePAM no\n' >"$HOST_FS/etc/ssh/sshd_config.d/a.conf"
		printf 'UsePAM yes\n' >"$HOST_FS/etc/ssh/sshd_config.d/b.conf"
		printf '%s\nHostKey /etc/ssh/host_key\nUsePAM yes\n' "$text" >"$HOST_FS/etc/ssh/sshd_config"
		case $(on_host sshd -T | sed -n 's/^usepam //p') in
		yes) equal "" "$(found)" ;;
		no) equal usepam "$(found)" ;;
		*) false ;;
		esac || { echo "with: $text"; return 1; }
	done
	printf 'HostKey /etc/ssh/host_key\n' >"$HOST_FS/etc/ssh/sshd_config"
	equal no "$(on_host sshd -T | sed -n 's/^usepam //p')"
	equal usepam "$(found)"
}
