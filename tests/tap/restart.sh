#!/bin/bash
# The daemon goes and comes: what it finds again, what it closes, what it is told by signals and by the service manager,
# and whom it believes.
. "$(dirname "$(realpath "$0")")/../lib/daemon.bash"

policy='policy "cap" { max_sessions = 3 }'

# The records of the events of a kind, as `jq` shows them.
events()
{
	ctl audit export | jq -c "select(.event == \"$1\") | $2"
}

sid_of()
{
	tell again "$1"
	cut -d ' ' -f 3 <<<"$said"
}

# --- Sessions outlive it ---

outlives()
{
	local stop=$1 before
	before=$(listed)
	"$stop" && daemon_up && is "$before" listed && agrees
}

daemon_new "$policy" 'admin_group = 2999'
check 'the daemon starts' daemon_up
check 'one logs in' tell_is granted open a
check 'another, with an audit session of his own' tell_is granted open b audit=1
check 'they are listed' agrees
check 'SIGTERM and a start harm nobody' outlives daemon_down
check 'nor do SIGKILL and a start' outlives daemon_kill
check 'the cap counts who was there before' tell_is granted open c
check 'as it should' tell_is refused open d

dead_are_found()
{
	local sid
	sid=$(sid_of b)
	daemon_down && tell kill b && daemon_up && soon agrees &&
		is "\"$sid\"" eval "events session_ended 'select(.reason == \"leader_gone\") | .sid' | tail -n 1"
}
check 'who died meanwhile is found' dead_are_found
check 'an end by the leader is taken after the restart' tell_is done close a
check 'the list is right' agrees

refused_are_told()
{
	tell open e
	tell open f
	tell open g stay=1
	[[ $said == refused* ]] && daemon_down && tell_is gone await g && daemon_up && agrees
}
check 'a refused login is not forgotten by a stop' refused_are_told

# Two daemons on one ledger would be one too many.
second_is_refused()
{
	exits 1 "$sessd" --runtime-dir "$run" --state-dir "$state" --config "$conf" && agrees
}
check 'a second daemon does not start' second_is_refused

# --- Another boot ---

reboots()
{
	local left
	left=$(listed | wc -l)
	[ "$left" -gt 0 ] && daemon_down || return 1
	echo 01234567-89ab-cdef-0123-456789abcdef >/mnt/boot_id
	# shellcheck disable=SC2016
	wrapper=(unshare --mount --propagation private sh -c
		'mount --bind /mnt/boot_id /proc/sys/kernel/random/boot_id && exec "$@"' sh)
	daemon_up || return 1
	wrapper=()
	is '' listed && is "$left" eval "events session_ended 'select(.reason == \"reboot\")' | wc -l"
}
check 'after a boot all are closed, with that reason' reboots
check 'a login there' tell_is granted open h
check 'the chain is intact' exits 0 ctl audit verify
tell forget
check 'the daemon stops' daemon_down

# --- Signals ---

daemon_new "$policy"
check 'another daemon starts' daemon_up
reloads()
{
	kill -HUP "$daemon"
	daemon_says && [[ $said == RELOADING=1* ]] && daemon_says && why="it said $said" && [ "$said" = READY=1 ]
}
status_has()
{
	ctl status --json | grep -q "$1"
}

printf 'policy "one" { max_sessions = 1 }\n' >"$conf"
check 'SIGHUP: a good file is read' reloads
check 'it holds' tell_is granted open i1
check 'as it says' tell_is refused open i2
printf 'policy "one" { max_sessions = many }\n' >"$conf"
check 'SIGHUP: a bad file is not' reloads
check 'status says why' status_has '"config_error":".*:1:31: '
check 'the one before holds' tell_is refused open i3
rm "$conf"
check 'SIGHUP: nor is one that is missing' reloads
check 'the one before holds still' tell_is refused open i4
printf 'policy "two" { max_sessions = 2 }\n' >"$conf"
check 'SIGHUP: a good one again' reloads
check 'status has no complaint' eval '! status_has config_error'
check 'it holds, too' tell_is granted open i5
check 'the ledger has each of them' is '"config_loaded"
"config_rejected"
"config_rejected"
"config_loaded"' eval "ctl audit export | jq -c 'select(.event | startswith(\"config_\")) | .event'"

# --- Whom it believes ---

sid=$(sid_of i1)
check 'a stranger cannot close' tell_is 'error NOT_PERMITTED' stranger "$sid"
check 'nor does he need to know: there is no such session' tell_is 'error NO_SESSION' stranger "${sid//?/0}"
check 'the session is still there' agrees
check 'who asks after the death of who connected is refused' tell_is error open x dead=1
stopped_daemon()
{
	kill -STOP "$daemon"
	tell_is closed open y dead=1 wake="$daemon"
}
check 'and before it was even accepted' stopped_daemon
check 'neither has a session' agrees

# --- Permissions ---

tell open p1 user=bob uid=2002
mine=$(sid_of i1) his=$(sid_of p1) other=$(sid_of i5)
check 'a user sees his own' is "$(printf '%s\n' "$mine" "$other" | sort)" \
	eval "ctl -u 2001 list --json | grep -oP '\"sid\":\"\K[^\"]*' | sort"
check 'a user may ask for his own' exits 0 ctl -u 2001 show "$mine"
check 'not for another’s' exits 4 ctl -u 2001 show "$his"
check 'a user cannot end another’s' exits 4 ctl -u 2001 revoke "$his"
check 'nor all of another’s' exits 4 ctl -u 2001 revoke --user bob
check 'nor one that there is not' exits 5 ctl -u 2001 revoke 0123456789
check 'the ledger tells him of himself alone' is '[2001]' \
	eval "ctl -u 2001 audit export | jq -s -c '[.[].uid] | unique'"
check 'he has his own ended' exits 0 ctl -u 2001 revoke "$mine"
check 'and it is gone' tell_is gone await i1
printf '%s\n' "$policy" 'admin_group = 2999' >"$conf"
check 'SIGHUP: administrators' reloads
check 'one of them sees all' is 2 eval 'ctl -u 2009 -g 2999 list --json | wc -l'
check 'somebody else sees none' is 0 eval 'ctl -u 2009 list --json | wc -l'
check 'one of them ends another’s' exits 0 ctl -u 2009 -g 2999 revoke "$his" --reason gone
check 'and it is gone, too' tell_is gone await p1
check 'the ledger says who and why' is '["uid 2009","gone"]' \
	eval "events session_ended 'select(.sid == \"$his\") | [.by, .text]'"
tell forget
check 'the daemon stops with that' daemon_down

# --- Sockets that are handed over ---

daemon_new "$policy"
mkdir "$run"
handover=$run
check 'LISTEN_FDS: the daemon starts' daemon_up
handover=
check 'pam.sock is that of the name' tell_is granted open j
check 'and ctl.sock' agrees
check 'the daemon stops without them' daemon_down
check 'and leaves pam.sock in its place' [ -S "$run/pam.sock" ]
check 'and ctl.sock' [ -S "$run/ctl.sock" ]
tell forget

# --- Versions ---

daemon_new "$policy"
check 'the daemon starts for versions' daemon_up
raw()
{
	"$bin/wirepeer" raw "$run/pam.sock" "$@" | sed 's/ $//'
}
hello_of()
{
	printf 'hello,1=%016x,2=%016x,3=7869' "$1" "$2"
}
check 'a client of versions 1 to 9 is welcome' is welcome raw "$(hello_of 1 9)"
check 'one of 2 to 9 is too new' is 'error:VERSION closed' raw "$(hello_of 2 9)" end
check 'and sessd says that it is too old' grep -q 'speaks protocol versions 2 to 9, .*: sessd is too old' "$log"
check 'one of 0 is too old' is 'error:VERSION closed' raw "$(hello_of 0 0)" end
check 'and is told so' grep -q 'speaks protocol versions 0 to 0, .*: the former is too old' "$log"
check 'versions the wrong way round' is 'error:VERSION closed' raw "$(hello_of 9 1)" end
check 'the daemon stops for another' daemon_down

# --- A ledger of another version ---

daemon_new "$policy" 'admin_group = 2999'
check 'a daemon with a ledger of its own' daemon_up
check 'one is in' tell_is granted open r
check 'a lock stands' exits 0 ctl lock user mallory
check 'it is stopped' daemon_down
sqlite3 "$state/ledger.db" "PRAGMA wal_checkpoint(TRUNCATE); UPDATE meta SET value = 99 WHERE key = 'schema'" >/dev/null
newer=$(sqlite3 "$state/ledger.db" .dump | cksum)
is_left_alone()
{
	why='it has started'
	! daemon_up || return 1
	why=$(tail -n 3 "$log")
	grep -q "ledger: $state/ledger.db was written by a newer sessd (its schema is 99, and this sessd knows none beyond 3): install" \
		"$log" && [ "$(sqlite3 "$state/ledger.db" .dump | cksum)" = "$newer" ]
}
check 'a ledger of a newer schema is refused, and left as it is' is_left_alone
# Logins meanwhile: as while sessd is away.
check 'a login is spooled' tell_is spooled open s spool=1
sqlite3 "$state/ledger.db" "UPDATE meta SET value = 3 WHERE key = 'schema'"
check 'the newer sessd would start' daemon_up
check 'and has who was in before, and who came meanwhile' agrees
lock_stands()
{
	why=$(ctl locks --json)
	grep -q mallory <<<"$why"
}
check 'and the lock' lock_stands
check 'it is stopped again' daemon_down
# What a sessd of schema 2 has left behind: see "The database's rows" in PROTOCOL.md.
sqlite3 "$state/ledger.db" "DROP INDEX session_login; DROP INDEX event_refused; ALTER TABLE session DROP COLUMN login;
	ALTER TABLE event DROP COLUMN refused; UPDATE meta SET value = 2 WHERE key = 'schema'"
check 'a ledger of an older schema is brought forward' daemon_up
check 'it says so' grep -q 'ledger: its schema was 2, and is 3 from now on' "$log"
check 'all are still in' agrees
check 'the lock still stands' lock_stands
check 'who was in closes' tell_is done close r
check 'the ledger is whole' exits 0 ctl audit verify
check 'it stops for the next' daemon_down

# --- As on Linux before 6.5 ---

daemon_new "$policy" 'admin_group = 2999'
check '--no-peerpidfd: the daemon starts' daemon_up --no-peerpidfd
check 'it says so' eval '! status_has peer_pidfd.*true'
check 'one logs in there' tell_is granted open l
check 'and another' tell_is granted open m audit=1
check 'they are in the list' agrees
check 'one closes' tell_is done close l
check 'the other is revoked' exits 0 ctl revoke --user alice
check 'and dead' tell_is gone await m
check 'nobody is listed' is '' listed
check 'a dead one asks in vain' tell_is error open n dead=1
check 'a dead leader is seen' eval 'tell open o && tell kill o && soon is "" listed'
check 'a stranger is refused' eval 'tell open q && tell_is "error NOT_PERMITTED" stranger "$(sid_of q)"'
check 'it stops' daemon_down
finish
