#!/bin/bash
# Enemies on both sockets: malformed packets, packets out of order, floods, peers that do not listen. They are refused
# and charged, a login beside them goes through within the module's deadline, and nothing of them stays.
# HOSTILE_CONNECTIONS (10000)
. "$(dirname "$(realpath "$0")")/../lib/daemon.bash"

many=${HOSTILE_CONNECTIONS:-10000}
uid=2001 ctl_sock='' pam_sock=''

raw()
{
	"$bin/wirepeer" raw "$@" | sed 's/ $//'
}

descriptors()
{
	ls "/proc/$daemon/fd" | wc -l
}

memory()
{
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$daemon/status"
}

descriptors_are()
{
	why="$(descriptors) descriptors, and there were $1: $(readlink "/proc/$daemon/fd/"* | sed 's/:.*//' | sort | uniq -c | tr '\n' ' ')"
	[ "$(descriptors)" -le "$1" ]
}

# A login and a logout, as the module makes them. Its deadline is that of a machine which is as busy as
# this one may be.
login_goes_through()
{
	tell open "$1" timeout=5s && [[ $said == granted* ]] && tell close "$1" && [[ $said == done* ]] && tell kill "$1"
}

daemon_new 'policy "ten" { max_sessions = 10 }'
check 'the daemon starts' daemon_up
ctl_sock=$run/ctl.sock pam_sock=$run/pam.sock
check 'a login goes through' login_goes_through first
# The least of some looks: the connection of the last question may not be closed yet.
before=$(for _ in 1 2 3 4 5 6 7 8 9 10; do descriptors; done | sort -n | head -n 1) rss=$(memory)

# --- Who may knock ---

check 'pam.sock is closed to users' is forbidden raw -u $uid "$pam_sock" hello
check 'ctl.sock is open to users' is 'welcome state' raw -u $uid "$ctl_sock" hello status

# --- Malformed ---

for sock in "$pam_sock" "$ctl_sock"; do
	name=${sock##*/}
	check "$name: nothing but zeros" is 'error:PROTOCOL#0 closed' raw "$sock" zeros=64 end
	check "$name: one byte" is 'error:PROTOCOL#0 closed' raw "$sock" hex=00 end
	check "$name: giant" is 'error:PROTOCOL#0 closed' raw "$sock" zeros=40000 end
	check "$name: giant after hello" is 'welcome error:PROTOCOL#0 closed' raw "$sock" hello zeros=65000 end
	check "$name: the largest that there is" is 'error:PROTOCOL#0 closed' raw "$sock" zeros=32768 end
	check "$name: a byte too many" is 'error:PROTOCOL closed' raw "$sock" tail:hello end
	check "$name: a byte too few" is 'error:PROTOCOL closed' raw "$sock" cut:hello end
	check "$name: empty hello" is 'error:PROTOCOL closed' raw "$sock" hello, end
	check "$name: a field twice" is 'error:PROTOCOL closed' \
		raw "$sock" hello,1=0000000000000001,1=0000000000000001,2=0000000000000001,3=78 end
	check "$name: fields in the wrong order" is 'error:PROTOCOL closed' \
		raw "$sock" hello,2=0000000000000001,1=0000000000000001,3=78 end
	check "$name: an unknown field is passed over" is welcome \
		raw "$sock" hello,1=0000000000000001,2=0000000000000001,3=78,999=00
	check "$name: a name with a newline" is 'error:PROTOCOL closed' \
		raw "$sock" hello,1=0000000000000001,2=0000000000000001,3=780a79 end
	check "$name: no such message" is 'error:PROTOCOL#1001 closed' raw "$sock" hex=00c8000000001001 end
	check "$name: hello in the version of the others" is 'error:PROTOCOL closed' raw "$sock" version=1:hello end
	check "$name: a version that nobody speaks" is 'error:VERSION closed' raw "$sock" version=9:hello end
	check "$name: and after hello" is 'welcome error:VERSION closed' raw "$sock" hello version=9:status end
	check "$name: hello twice" is 'welcome error:PROTOCOL closed' raw "$sock" hello hello end
	for answer in welcome granted refused done error session outcome state page spooled stored; do
		# With no field, and thus malformed where it needs one: it is refused in any case.
		check "$name: $answer is no request" is 'welcome error:PROTOCOL closed' raw "$sock" hello "$answer" end
	done
	check "$name: a whole answer is no request" is 'welcome error:PROTOCOL closed' raw "$sock" hello done,2=0000000000000001 end
done
check 'ctl.sock: a request before hello' is 'error:PROTOCOL closed' raw "$ctl_sock" status end
check 'pam.sock: a request of ctl.sock' is 'welcome error:PROTOCOL closed' raw "$pam_sock" hello status end

sid=00112233445566778899aabbccddeeff token=$sid$sid
# open_of USER SERVICE RHOST, in hex
open_of()
{
	printf 'open,1=%s,2=00000000000007d1,4=%s,6=%s,16=%s,17=%s' "$1" "$2" "$3" "$sid" "$token"
}
alice=616c696365 sshd=73736864 host=77656231
check 'pam.sock: an open by hand is granted' is 'welcome granted' raw "$pam_sock" hello "$(open_of $alice $sshd $host)"
check 'ctl.sock: an open' is 'welcome error:PROTOCOL closed' raw "$ctl_sock" hello "$(open_of $alice $sshd $host)" end
check 'ctl.sock: a user’s open' is 'welcome error:PROTOCOL closed' \
	raw -u $uid "$ctl_sock" hello "$(open_of $alice $sshd $host)" end
refused='welcome error:PROTOCOL closed'
check 'a user name with a newline' is "$refused" raw "$pam_sock" hello "$(open_of 616c0a65 $sshd $host)" end
check 'a user name with an escape sequence' is "$refused" raw "$pam_sock" hello "$(open_of 1b5b33316d $sshd $host)" end
check 'a user name with a NUL' is "$refused" raw "$pam_sock" hello "$(open_of 616c00 $sshd $host)" end
check 'a user name that is no UTF-8' is "$refused" raw "$pam_sock" hello "$(open_of fffe $sshd $host)" end
check 'a host with DEL' is "$refused" raw "$pam_sock" hello "$(open_of $alice $sshd 777f)" end
check 'a host with C1' is "$refused" raw "$pam_sock" hello "$(open_of $alice $sshd c29b)" end
check 'a host with a bidirectional override' is "$refused" raw "$pam_sock" hello "$(open_of $alice $sshd e280ae)" end
x255=$(printf '78%.0s' {1..255})
sid=10112233445566778899aabbccddeeff
check 'a host of 255 bytes' is 'welcome granted' raw "$pam_sock" hello "$(open_of $alice $sshd "$x255")"
check 'a host of 256 bytes' is "$refused" raw "$pam_sock" hello "$(open_of $alice $sshd "78$x255")" end
check 'a host of 4,096 bytes' is "$refused" raw "$pam_sock" hello "$(open_of $alice $sshd "$(printf '78%.0s' {1..4096})")" end
for number in 00000000ffffffff 0000000100000000 8000000000000000; do
	check "user number $number" is 'welcome error:INVALID' \
		raw "$pam_sock" hello "open,1=$alice,2=$number,4=$sshd,16=$sid,17=$token"
	check "and in acct" is 'welcome error:INVALID' raw "$pam_sock" hello "acct,1=$alice,2=$number,4=$sshd"
done
check 'none of them is a session' soon is '' listed

# --- Requests that make no sense ---

check 'show: no prefix' is 'welcome error:INVALID' raw "$ctl_sock" hello show,1=
check 'show: too short a prefix' is 'welcome error:INVALID' raw "$ctl_sock" hello show,1=616263
check 'show: not hex' is 'welcome error:INVALID' raw "$ctl_sock" hello show,1=7a7a7a7a
check 'show: nobody has it' is 'welcome error:NO_SESSION' raw "$ctl_sock" hello show,1=61626364
check 'revoke: neither session nor user' is 'welcome error:INVALID' raw "$ctl_sock" hello revoke
check 'revoke: both' is 'welcome error:INVALID' raw "$ctl_sock" hello revoke,1=61626364,2=$alice
check 'list: an absurd cursor' is 'welcome done' raw -u 2009 "$ctl_sock" hello list,1=ffffffffffffffff
check 'list: and another' is 'welcome done' raw -u 2009 "$ctl_sock" hello list,1=7fffffffffffffff
check 'read: from the end of time' is 'welcome page' raw "$ctl_sock" hello read,1=ffffffffffffffff
check 'metrics: from the end of time' is 'welcome error:INVALID' raw "$ctl_sock" hello metrics,1=ffffffffffffffff
check 'close: nobody has it' is 'welcome error:NO_SESSION' raw "$pam_sock" hello close,1=$sid

# --- Descriptors ---

attached()
{
	local i
	for i in {1..20}; do
		[ "$(raw "$ctl_sock" fds:hello fds:status fds:status)" = 'welcome state state' ] || return 1
		[ "$(raw "$pam_sock" fds:hello fds:deaf:zeros=40000 end)" = 'welcome error:PROTOCOL#0 closed' ] || return 1
	done
}
check 'attached descriptors are dropped' attached
check 'and do not stay' soon descriptors_are "$before"

# --- Who leaves in the middle of everything ---

leavers()
{
	local request
	for request in hello status list list,3=0000000000000001 read read,2=0000000000000001 metrics show,1=61626364 \
		revoke,2=$alice zeros=9; do
		raw "$ctl_sock" hello "deaf:$request" >/dev/null
		raw -u $uid "$ctl_sock" deaf:hello "deaf:$request" "deaf:$request" "deaf:$request" >/dev/null
		raw "$pam_sock" deaf:hello "deaf:$request" >/dev/null
	done
	raw "$pam_sock" deaf:hello "deaf:$(open_of $alice $sshd $host)" >/dev/null
	raw "$pam_sock" deaf:hello deaf:close,1=$sid >/dev/null
}
check 'clients that leave without an answer' leavers
check 'are forgotten' soon descriptors_are "$before"
check 'a leader that disconnects without waiting' tell_is hangup open h1 hangup=1
check 'has his session all the same' soon agrees
check 'which he may ask for again' tell_is hangup again h1
check 'and its end' tell_is gone kill h1
check 'is seen' soon is '' listed

# --- Too much ---

check 'a user has no more than his share of requests' \
	eval '[[ $($bin/wirepeer requests -u $uid "$ctl_sock" status 4000) =~ limited\ [1-9][0-9]*\ errors\ 0 ]]'
check 'root has all that he wants' is 'answered 4000 limited 0 errors 0' "$bin/wirepeer" requests "$ctl_sock" status 4000
not_for_ever()
{
	why=$("$bin/wirepeer" requests "$@" deaf)
	[ "$why" = closed ] || [ "$why" = stuck ]
}
check 'who does not read is not served for ever' not_for_ever "$ctl_sock" metrics 20000
check 'nor is a user' not_for_ever -u $uid "$ctl_sock" metrics 20000
check 'nothing of them stays' soon descriptors_are "$before"

# Logins one after the other while a flood comes in, and while its connections are held: until `hold` is closed.
beside_flood()
{
	local line n=0
	read -r -u "$made" line
	while ! read -rt 0 -u "$made"; do
		login_goes_through "f$((n += 1))" || return 1
		tell forget
	done
	read -r -u "$made" line
	why="the flood: $line"
	[[ $line == "made "*" failed 0" ]] && login_goes_through held && exits 0 ctl list
}

with_flood()
{
	local status=0 made hold
	mkfifo "$run/hold"
	exec {made}< <(exec "$bin/wirepeer" flood "$@" "$many" <"$run/hold")
	exec {hold}>"$run/hold"
	rm "$run/hold"
	beside_flood || status=1
	exec {hold}>&- {made}<&-
	return "$status"
}

check "$many connections of one user, and logins beside them" with_flood -u $uid "$ctl_sock"
check 'all of them are gone' soon descriptors_are "$before"
check "$many connections of root to ctl.sock, and logins beside them" with_flood "$ctl_sock"
check 'all of them are gone, too' soon descriptors_are "$before"
check "$many connections of root to pam.sock, and logins beside them" with_flood "$pam_sock"
check 'and these' soon descriptors_are "$before"

# --- Afterwards ---

memory_is_small()
{
	why="resident: $(memory) KiB, and it was $rss"
	# Sanitizers keep what was freed.
	[[ $BUILD == *address* || $BUILD == *thread* ]] || [ "$(memory)" -lt $((rss + 16384)) ]
}
check 'the daemon has not grown' memory_is_small
check 'a login goes through as before' login_goes_through last
check 'sessctl works as before' exits 0 ctl status
check 'the chain is intact' exits 0 ctl audit verify
one_line_each()
{
	why=$(ctl audit export | grep -vaP '^\{"seq":\d+,"prev":"[0-9a-f]{64}",[ -~]*\}$')
	[ -z "$why" ]
}
check 'each event is one line of plain text' one_line_each
log_has_no_control_characters()
{
	why=$(grep -aP '[\x00-\x08\x0b-\x1f\x7f]' "$log" | head -n 3 | cat -v)
	[ -z "$why" ]
}
check 'the log has no control characters' log_has_no_control_characters
check 'the daemon stops' daemon_down
finish
