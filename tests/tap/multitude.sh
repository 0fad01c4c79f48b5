#!/bin/bash
# Thousands of sessions are revoked with one order, and are gone when it is answered; a login goes through meanwhile.
# MULTITUDE (5000)
. "$(dirname "$(realpath "$0")")/../lib/daemon.bash"

size=${MULTITUDE:-5000}
module=$(realpath "$BUILD")/pam_module/pam_sess.so
case $BUILD in *address* | *thread*) module=$PWD/build/plain/pam_module/pam_sess.so ;; esac
throng=$PWD/build/plain/tests/lib/throng

if [ "$(ulimit -Hn)" -lt $((size + 1000)) ]; then
	echo "1..0 # skip $size sessions need more descriptors than the limit, $(ulimit -Hn)"
	exit 0
fi

# Logins through the true module, behind those that give them an audit session and a keyring.
stack()
{
	mkdir -p /mnt/pam
	cat >/mnt/pam/sshd <<-TEXT
		session required pam_loginuid.so
		session optional pam_keyinit.so force revoke
		session required $module dir=$run timeout=10s
	TEXT
}

ask()
{
	echo "$*" >&"$orders"
	read -rt 300 said <&"$answers"
	why="$* was answered: $said"
}

ask_is()
{
	local wanted=$1
	shift
	ask "$@"
	[ "$said" = "$wanted" ]
}

# The crowd's own sessions, and the daemon's word.
live()
{
	why="listed: $(listed | wc -l)"
	[ "$(listed | wc -l)" = "$1" ]
}

# The numbers, in the ledger, of the first and the last event of the kind.
number_of()
{
	ctl audit export | grep -F "\"event\":\"$1\"" | grep -oP '^{"seq":\K[0-9]+' | sed -n '1p;$p' | paste -sd ' '
}

revoke_all()
{
	ctl revoke --all >/mnt/outcomes 2>&1
	echo "status $?" >>/mnt/outcomes
}

# The login is one of many things that the daemon has to do just then. It is of a user whose other sessions end, and is no
# leftover of theirs.
revoked_beside_a_login()
{
	local order
	revoke_all &
	order=$!
	soon grep -q '>ending session' "$log"
	ask open 1 daemon
	[ "$said" = 1 ] || { why="the login was not let in: $said"; return 1; }
	wait "$order"
	why=$(tail -n 3 /mnt/outcomes)
	[ "$(tail -n 1 /mnt/outcomes)" = 'status 0' ]
}

each_is_told()
{
	why=$(grep -v 'ended, 1 process gone in' /mnt/outcomes | head -n 3)
	[ "$(grep -c 'ended, 1 process gone in' /mnt/outcomes)" = "$size" ]
}

# Its session was opened after the first of the others was being ended, and before the last of them was gone.
login_was_meanwhile()
{
	local first last opened
	read -r first _ < <(number_of session_ending)
	read -r _ last < <(number_of session_ended)
	read -r _ opened < <(number_of session_opened)
	why="the first one is being ended at $first, the login is let in at $opened, the last one has ended at $last"
	[ "$first" -lt "$opened" ] && [ "$opened" -lt "$last" ]
}

daemon_new
stack
mkfifo /mnt/orders /mnt/answers
"$throng" /mnt/pam </mnt/orders >/mnt/answers &
exec {orders}>/mnt/orders {answers}</mnt/answers
check 'the daemon starts' daemon_up
check "$((size / 2)) of one user log in" ask_is "$((size / 2))" open "$((size / 2))" daemon
check 'and as many of another' ask_is "$((size - size / 2))" open "$((size - size / 2))" nobody
check 'as many are listed' live "$size"
check 'all are revoked, and a login is let in meanwhile' revoked_beside_a_login
check 'what became of each is told' each_is_told
check 'nobody lives but who came meanwhile' ask_is 1 alive
check 'nor is anybody else listed' live 1
check 'the login did not wait for the revocation' login_was_meanwhile
check 'the chain is intact' exits 0 ctl audit verify
check 'the daemon stops' daemon_down
finish
