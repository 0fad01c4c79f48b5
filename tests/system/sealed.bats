#!/usr/bin/env bats
# keyring=sealed: the session keyring is root's, and the user can give nothing of it away.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup()
{
	start_sessd
	start_sshd
	pam_arguments timeout=5s keyring=sealed
}
teardown() { host_reset; }

# What su and sudo were let through without, or were refused for.
shown()
{
	ledger | jq -r 'select(.event == "proof_lacking" or .reason == "token_mismatch") | "\(.event) \(.user) \(.text)"'
}

@test "su and sudo find the token; a login ends as ever" {
	local sid
	run -0 ssh_as alice -- "sudo -n sudo -n true && su bob -c true <<<'$PASSWORD' && sudo -n -i true; sessctl check -q && echo live; echo \$SESSD_SID"
	contains "$output" live
	sid=${lines[-1]}
	ends_by_logout "$sid"
	run -0 login_as alice 'sudo -n true; echo "status $?"'
	contains "$output" 'status 0'
	equal "" "$(shown)"
	run -0 ssh_as alice -- 'keyctl describe @s'
	contains "$output" '--s-rvalswrv------------     0     0 keyring: _ses'
}

@test "unlinked, cleared, revoked, shared, joined: nothing of it is allowed" {
	# shellcheck disable=SC2016
	run -0 ssh_as alice -- 'tried() { "$@" >/dev/null 2>&1 && echo "allowed: $*"; }
		tokens=$(keyctl rlist @s)
		ring=$(keyctl id @s)
		for key in $tokens; do
			tried keyctl unlink $key @s
			tried keyctl link $ring $key
		done
		tried keyctl clear @s
		tried keyctl revoke @s
		tried keyctl timeout @s 1
		tried keyctl chgrp @s 2101
		for mask in 0x3f3f0000 0x3f3f3f3f 0x3f000000; do tried keyctl setperm @s $mask; done
		tried keyctl link @s @u
		tried keyctl link $ring @u
		tried keyctl padd user sessd:token @s </dev/urandom
		tried keyctl newring mine @s
		tried keyctl add user mine x @s
		sudo -n true && echo done'
	equal done "$output"
	equal "" "$(shown)"
}

@test "another login cannot join it, be it his own" {
	local ring user
	background one ssh_as alice -- 'echo "ring $(keyctl id @s)"; /sessd/hold one'
	held one
	ring=$(output_of one | sed -n 's/^ring //p')
	for user in alice bob; do
		run -0 ssh_as "$user" -- "keyctl session _ses keyctl id @s; keyctl link $ring @u; keyctl rlist $ring; echo done"
		equal 2 "$(grep -c 'ermission denied' <<<"$output")"
		equal "" "$(grep -x "$ring" <<<"$output")"
	done
	release one
	finish one
}

@test "he may go without it, and that is recorded as ever" {
	# shellcheck disable=SC2016
	run -0 ssh_as alice -- 'keyctl session - sudo -n true'
	run -0 ssh_as alice -- "su - alice -c 'sudo -n true' <<<'$PASSWORD'"
	equal 2 "$(shown | grep -c 'proof_lacking alice its caller has no token of his login')"
	stop_sessd
	start_sessd 'token = required'
	run ! ssh_as alice -- 'keyctl session - sudo -n true'
	run -0 ssh_as alice -- 'sudo -n true'
}

@test "it may be invalidated: then there is no token" {
	# shellcheck disable=SC2016
	run -0 ssh_as alice -- 'keyctl invalidate $(keyctl id @s) && sudo -n true'
	equal 'proof_lacking alice its caller has no token of his login' "$(shown)"
}

@test "what it costs: keys go into the user's keyring, not into the session's" {
	# shellcheck disable=SC2016
	run -0 ssh_as alice -- 'keyctl add user mine secret @s || echo refused
		key=$(keyctl add user mine secret @u) && keyctl print $(keyctl search @s user mine) && keyctl unlink $key @u'
	contains "$output" refused
	contains "$output" secret
	# The keyring that outlives his logins is reached through the process's.
	run -0 ssh_as alice -- 'keyctl get_persistent @p'
	run ! ssh_as alice -- 'keyctl get_persistent @s'
}
