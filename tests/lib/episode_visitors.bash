# Who comes and goes in an episode, for episodes.bash, which loads this; each from the host that HOST means.
#
# Racers log in and out on all hosts (bob and carol, under a cap of two, which refuses or evicts; erin, who will be locked),
# and some stay: alice, whom nobody orders to end; dave, whose sessions are revoked while the fault lasts; erin again; and
# frank, who comes twice on each host, so that some are too many, and never leaves.

EPISODE_USERS="bob:2102:2201 carol:2103:2201"

visitors_come() # NUMBER
{
	local who
	for who in racers stayers franks; do : >"$HOST_FS/var/log/$who.log"; done
	# shellcheck disable=SC2086
	start_daemon racers /sessd/wirepeer visits /run/sessd $((SEED * 1000 + $1)) 4 800 $EPISODE_USERS erin:2106
	start_daemon stayers /sessd/wirepeer visits /run/sessd 1 3 0 alice:2101 dave:2105 erin:2106
	wait_until '[ "$(grep -c "^open .*granted" "$HOST_FS/var/log/stayers.log")" = 3 ]'
}

franks_come()
{
	start_daemon franks /sessd/wirepeer visits /run/sessd 1 2 0 frank:2107:2201
	franks_on+=" ${HOST#"$FLEET-"}"
}

franks_come_elsewhere()
{
	local i
	for i in 1 2 3; do [[ $franks_on == *web$i* ]] || on "web$i" franks_come; done
}

franks_are_answered()
{
	local name
	for name in $franks_on; do
		on "$name" wait_until '[ "$(grep -c "^open " "$HOST_FS/var/log/franks.log")" = 2 ]' || return 1
	done
}

# Where the cap is exceeded it is reported; where it evicts, it is not exceeded for long. Whether it is so says the model.
overshoot_is_over()
{
	wait_until '! franks_exceed || franks_are_reported' || :
	[ "$at_limit" = deny ] || wait_until '! franks_exceed' || :
}

franks_exceed()
{
	[ "$(each_host sessions_where '.user == "frank"' | wc -l)" -gt 2 ]
}

# By the logs: the ledgers are read once, at the end.
franks_are_reported()
{
	[ "$(frank_reports)" -gt "$reports" ]
}

frank_reports()
{
	each_host sessd_said '>frank has [0-9]* sessions in the fleet' | awk '{ n += $1 } END { print n }'
}

sessd_said() # TEXT
{
	grep -c "$1" "$HOST_FS/var/log/sessd.log" || :
}

visitors_go() # NAME
{
	local who
	for who in racers stayers franks; do daemon_signal $who TERM; done
	for who in racers stayers franks; do
		wait_until "! daemon_runs $who" || return 1
		[ "$(tail -n 1 "$HOST_FS/var/log/$who.log")" = over ] || return 1
		sed "s/^/$1 /; /over/d" "$HOST_FS/var/log/$who.log" >>"$history"
	done
}
