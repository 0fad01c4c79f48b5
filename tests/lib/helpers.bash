# What the system tests share. A file has
#
#	load ../lib/helpers
#	setup_file() { host_start; }
#	teardown_file() { host_stop; }
#	setup() { start_sessd "$config"; start_sshd; }
#	teardown() { host_reset; }
#
# so each test finds a host without sessions, daemons, ledger or changed files. On failure the host's logs are shown.

# shellcheck source=tests/lib/host.sh
. "$(dirname "${BASH_SOURCE[0]}")/host.sh"

bats_require_minimum_version 1.5.0

PASSWORD='correct horse'

# How long a condition may take to come true: long enough for a loaded machine, for nobody waits it out but a
# test that fails.
PATIENCE=30

ssh_options=(-F none -o UserKnownHostsFile=/root/known_hosts -o GlobalKnownHostsFile=/dev/null
	-o StrictHostKeyChecking=yes -o ConnectTimeout=10)

# --- The host ---

# One for the file (from setup_file), or one more for a test, which becomes the one that HOST means.
host_start() # [SUFFIX]
{
	local name=${BATS_TEST_FILENAME##*/}
	HOST="${name%.bats}-$$${1:+-$1}"
	host_up "$HOST" "$$" 3>&- || return 1
	host_use "$HOST"
}

# Directs the other functions to a host that is up.
host_use()
{
	export HOST=$1 HOST_FS
	HOST_FS=/proc/$(host_pid "$1")/root # its files, as seen from here
}

host_stop()
{
	host_down "$HOST"
}

on_host()
{
	host_exec "$HOST" "$@" 3>&-
}

# The pids in the host, by its own numbers, but for process 1.
host_pids()
{
	local d
	for d in "$HOST_FS"/proc/[2-9]* "$HOST_FS"/proc/1?*; do
		[ ! -d "$d" ] || echo "${d##*/}"
	done
}

# Kills all that runs in the host and puts its files back.
host_reset()
{
	[ -n "${BATS_TEST_COMPLETED:-}" ] || host_logs
	on_host bash -c 'kill -9 -1' 2>/dev/null || true # spares itself and process 1; there may be nobody else
	wait_until '[ -z "$(host_pids)" ]' || { host_ps; return 1; }
	[ ${#background_pids[@]} = 0 ] || wait "${background_pids[@]}" 2>/dev/null || true
	no_strange_members || return 1
	on_host bash /sessd/source/tests/lib/host-reset.sh
}

# No event of the ledger has a member that sessd-events(7) does not say that it has.
no_strange_members()
{
	local strange
	[ -s "$HOST_FS/var/lib/sessd/ledger.db" ] || return 0
	strange=$(on_host sessctl audit export /var/lib/sessd/ledger.db 2>/dev/null | tests/lib/events check 2>/dev/null) || true
	[ -z "$strange" ] || { echo "not in sessd/entry_members.h: $strange"; return 1; }
}

host_ps()
{
	on_host ps -eo pid,ppid,user,stat,tty,args
}

host_logs()
{
	local log
	for log in sessd.log sshd.log syslog; do
		[ -s "$HOST_FS/var/log/$log" ] || continue
		echo "--- the end of the host's $log"
		tail -n 30 "$HOST_FS/var/log/$log"
	done
	echo "--- the host's processes"
	host_ps
}

# --- Waiting ---

# wait_until CONDITION [SECONDS]: evaluates it until it is true; fails when it never is. First every 20 ms, then more
# seldom: what asks takes the processor from what is waited for.
wait_until()
{
	local end=$((${EPOCHREALTIME/./} + ${2:-$PATIENCE} * 1000000)) rest=20
	until eval "$1"; do
		if [ "${EPOCHREALTIME/./}" -gt "$end" ]; then
			echo "after ${2:-$PATIENCE} s still not true: $1"
			return 1
		fi
		sleep "0.$(printf %03d $rest)"
		rest=$((rest < 80 ? rest * 5 / 4 : 100))
	done
}

# background NAME CMD…: runs beside the test; ends when CMD does, at the latest with the test.
background()
{
	local name=$1 to=$BATS_TEST_TMPDIR/$1
	shift
	: >"$to.out"
	{ "$@" </dev/null >"$to.out" 2>&1 3>&- && echo 0 >"$to.status" || echo $? >"$to.status"; } &
	background_pids+=($!)
}
background_pids=()

# What it wrote so far (standard output and error).
output_of()
{
	cat "$BATS_TEST_TMPDIR/$1.out"
}

background_runs()
{
	[ ! -s "$BATS_TEST_TMPDIR/$1.status" ]
}

# Waits for it and returns its status.
finish()
{
	wait_until "! background_runs '$1'" && return "$(cat "$BATS_TEST_TMPDIR/$1.status")"
}

# Waits for it, and it must have failed, as a login does whose session was ended.
finish_badly()
{
	wait_until "! background_runs '$1'" && [ "$(cat "$BATS_TEST_TMPDIR/$1.status")" != 0 ]
}

# A command `hold NAME` in a session says `held`, and goes on after `release NAME`.
release()
{
	touch "$HOST_FS/tmp/hold/$1"
}

# held BACKGROUND [COUNT]: waits until the holds in there are reached.
held()
{
	wait_until "[ \"\$(grep -c '^held' '$BATS_TEST_TMPDIR/$1.out')\" -ge ${2:-1} ]"
}

# --- Daemons ---

start_sshd()
{
	on_host /usr/sbin/sshd -E /var/log/sshd.log "$@" && wait_until '[ -s "$HOST_FS/run/sshd.pid" ]'
}

# start_daemon NAME CMD…: in the host, in the background, logging to /var/log/NAME.log.
start_daemon()
{
	local name=$1
	shift
	# shellcheck disable=SC2016
	on_host setsid bash -c 'name=$1; shift; "$@" </dev/null >>"/var/log/$name.log" 2>&1 & echo $! >"/run/$name.pid"' \
		bash "$name" "$@"
}

daemon_pid()
{
	cat "$HOST_FS/run/$1.pid"
}

daemon_runs()
{
	[ -d "$HOST_FS/proc/$(daemon_pid "$1")" ]
}

# daemon_signal NAME SIGNAL
daemon_signal()
{
	on_host kill "-$2" "$(daemon_pid "$1")"
}

sessd_config()
{
	on_host mkdir -p /etc/sessd && printf '%s\n' "$1" >"$HOST_FS/etc/sessd/sessd.conf"
}

# start_sessd [CONFIG TEXT [ARGUMENT…]]: CONFIG empty or none: the file is left as it is.
start_sessd()
{
	[ -z "${1:-}" ] || sessd_config "$1"
	start_daemon sessd /usr/sbin/sessd "${@:2}"
	wait_until 'on_host sessctl status >/dev/null 2>&1 || ! daemon_runs sessd'
	daemon_runs sessd || { cat "$HOST_FS/var/log/sessd.log"; return 1; }
}

# stop_sessd [SIGNAL]
stop_sessd()
{
	daemon_signal sessd "${1:-TERM}" && wait_until '! daemon_runs sessd'
}

start_reauth()
{
	start_daemon sessd-reauth /usr/libexec/sessd-reauth --listen
	wait_until '[ -S "$HOST_FS/run/sessd/reauth.sock" ]'
}

# pam_arguments ARGUMENT…: of pam_sess.so, in all stacks.
pam_arguments()
{
	on_host bash -c 'sed -i "s|pam_sess\.so.*|pam_sess.so $*|" /etc/pam.d/*' bash "$@"
}

# --- Logins ---

# ssh_with OPTION… -- USER …: splits `USER [ssh options…] -- [command]`, in ssh_user, ssh_args.
ssh_split()
{
	ssh_user=$1 ssh_args=()
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		ssh_args+=("$1")
		shift
	done
	ssh_args+=("$ssh_user@127.0.0.1" "${@:2}")
}

# ssh_as USER [ssh options…] [-- COMMAND…]: by key.
ssh_as()
{
	local ssh_user ssh_args
	ssh_split "$@"
	on_host ssh "${ssh_options[@]}" -o BatchMode=yes -o PreferredAuthentications=publickey -i "/root/keys/$ssh_user" \
		"${ssh_args[@]}"
}

ssh_typing()
{
	local method=$1 ssh_user ssh_args
	shift
	ssh_split "$@"
	on_host sshpass -p "${SSH_PASSWORD:-$PASSWORD}" ssh "${ssh_options[@]}" -o PubkeyAuthentication=no \
		-o NumberOfPasswordPrompts=1 -o "PreferredAuthentications=$method" "${ssh_args[@]}"
}

# The same by password, typed to sshd's own prompt or to PAM's. SSH_PASSWORD= another than the right one.
ssh_password()
{
	ssh_typing password "$@"
}

ssh_kbdint()
{
	ssh_typing keyboard-interactive "$@"
}

# sftp_as USER [sftp options…]: its commands on standard input.
sftp_as()
{
	on_host sftp "${ssh_options[@]}" -b - -o PreferredAuthentications=publickey -i "/root/keys/$1" "${@:2}" "$1@127.0.0.1"
}

# login_as USER [COMMAND…]: login(1) on a terminal of the host; types the commands, then exit; prints what was on the
# screen. Returns 1 where no shell prompt came.
login_as()
{
	on_host expect -f /sessd/source/tests/lib/login.exp "${LOGIN_PASSWORD:-$PASSWORD}" "$@"
}

# --- What sessd says ---

sessions()
{
	on_host sessctl list --json "$@"
}

ledger()
{
	on_host sessctl audit export
}

# sessions_where 'jq condition': the sids of those live sessions.
sessions_where()
{
	sessions | jq -r "select($1) | .sid"
}

# sessions_count ['jq condition']
sessions_count()
{
	sessions_where "${1:-true}" | wc -l
}

# events_where 'jq condition' [member]: of the ledger, the members (default: whole lines).
events_where()
{
	ledger | jq -c "select($1)${2:+ | .$2}"
}

# equal EXPECTED ACTUAL
equal()
{
	[ "$1" = "$2" ] || { printf 'expected: %s\n but got: %s\n' "$1" "$2"; return 1; }
}

# contains TEXT PART
contains()
{
	case $1 in *"$2"*) ;; *) printf 'expected: …%s…\n but got: %s\n' "$2" "$1"; return 1 ;; esac
}
