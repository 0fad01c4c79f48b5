#!/usr/bin/env bats
# What `sessctl evidence` and `sessctl report` show of real logins, and of how the daemon is configured.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup() { start_sshd; }
teardown() { host_reset; }

# evidence STATUS CONTROL [ARG…]: its JSON is then in `evidence`
evidence()
{
	run "-$1" on_host sessctl evidence --json "${@:2}"
	evidence=$output
}

# of FILTER: what jq finds in it
of()
{
	jq -r "$1" <<<"$evidence"
}

fact() # NAME
{
	of ".facts[] | select(.fact == \"$1\") | .count"
}

@test "a cap that is configured and refuses supports AC-10, until somebody is exempt" {
	start_sessd 'policy "few" { max_sessions = 1 }
		policy "free" { users = {"carol"} exempt = true }'
	background one ssh_as alice -- '/sessd/hold one'
	held one
	evidence 1 AC-10
	equal "no data" "$(of .verdict)"
	run ! ssh_as alice -- true
	evidence 0 AC-10
	equal supported "$(of .verdict)"
	equal '1 1' "$(of '"\(.most) \(.left)"')"
	equal '["max_sessions",1,"few",1,"alice"]' \
		"$(of '.limits[] | select(.limit == "max_sessions") | [.limit, .value, .policy, .accounts, .account] | tojson')"
	[ "$(fact cap_refused)" -ge 1 ]
	equal 1 "$(of '.facts[] | select(.fact == "cap_refused") | .worst_event.limit')"
	equal true "$(of .ledger.intact)"
	ssh_as carol -- true
	evidence 1 RHEL-09-412040
	equal 'AC-10 exceptions 1' "$(of .control) $(of .verdict) $(fact exempt_logins)"
	equal carol "$(of '.facts[] | select(.fact == "exempt_logins") | .events[].user')"
	equal '["few",false,1] ["free",true,1]' "$(of '.limits | map(select(.limit == "max_sessions") |
		[.policy, .exempt // false, .accounts]) | sort | map(tojson) | join(" ")')"
}

@test "a lock supports AC-2(13) with the time until the last process was gone" {
	local took
	start_sessd
	background one ssh_as bob -- '/sessd/hold one'
	held one
	on_host sessctl lock user bob >/dev/null
	run ! ssh_as bob -- true
	evidence 0 AC-2.13
	equal "1 1" "$(fact locks_set) $(fact locked_ends)"
	[ "$(fact locked_refused)" -ge 1 ]
	took=$(events_where '.event == "session_ended"' elapsed)
	equal "$took" "$(of '.facts[] | select(.fact == "locked_ends") | .worst_event.elapsed')"
	# what is expected of it is what the ledger had then
	evidence 1 AC-2.13 --until -1h
	equal "no data" "$(of .verdict)"
}

@test "an idle time beyond what PCI DSS wants is an exception" {
	start_sessd 'policy "all" { idle = 30m }'
	ssh_as alice -- true
	evidence 1 'PCI DSS 8.2.8'
	equal 'exceptions true 1800' "$(of .verdict) $(of '.limits[] | "\(.weak) \(.value)"')"
	evidence 1 'AC-2(5)'
	equal 'no data' "$(of .verdict)"
	stop_sessd
	start_sessd 'policy "all" { idle = 15m }'
	evidence 1 8.2.8
	equal 'no data false 900' "$(of .verdict) $(of '.limits[] | "\(.weak) \(.value)"')"
	run -1 on_host sessctl evidence 8.2.8
	contains "$output" 'idle 15m (policy "all"): 1 account, alice'
}

@test "who is no administrator is given no evidence, as his own events are none" {
	start_sessd 'admin_group = "sudo"'
	ssh_as alice -- true
	ssh_as bob -- true
	run -4 on_host runuser -u bob -- sessctl evidence AC-9
	contains "$output" "this is for administrators"
	run -4 on_host runuser -u bob -- sessctl report
	contains "$output" "this is for administrators"
	on_host usermod -a -G sudo bob
	run -0 on_host runuser -u bob -- sessctl evidence AC-9
	contains "$output" "2  logins at which the user was told"
}

@test "an export says the same on another machine, but for what is configured" {
	start_sessd 'policy "all" { lifetime = 8h }'
	ssh_as alice -- true
	wait_until '[ "$(sessions_count)" = 0 ]'
	on_host sessctl audit export -o /root/exported
	evidence 0 AC-9
	equal "true null" "$(of '"\(.limits_known) \(.limits[0])"')"
	"$BUILD/sessctl/sessctl" evidence --json AC-9 "$HOST_FS/root/exported" >"$BATS_TEST_TMPDIR/there"
	equal "$(of '.facts | tojson')" "$(jq -c .facts "$BATS_TEST_TMPDIR/there")"
	equal false "$(jq .limits_known "$BATS_TEST_TMPDIR/there")"
	run -1 "$BUILD/sessctl/sessctl" evidence AC-12 "$HOST_FS/root/exported"
	contains "$output" "configured: not known: a file says nothing"
}

@test "a report of the host is written whole, for root's eyes" {
	start_sessd 'policy "all" { max_sessions = 3 }'
	ssh_as alice -- "echo '$PASSWORD' | sudo -S true" || true
	on_host sessctl lock user '<b>mallory</b>' --reason '</td><script>' >/dev/null || true
	run -0 on_host sessctl report -o /root/report.html
	equal "600" "$(stat -c %a "$HOST_FS/root/report.html")"
	contains "$(cat "$HOST_FS/root/report.html")" "Sessions of $(on_host hostname)"
	on_host sessctl audit checkpoint >/dev/null
	run -0 on_host sessctl report
	contains "$output" "The chain and its seal verify."
	contains "$output" "</html>"
}
