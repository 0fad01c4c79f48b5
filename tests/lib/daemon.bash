# For TAP programs that attack the daemon over its sockets, below PAM. To be sourced first (bash): the program then runs
# as process 1 of a pid, mount and cgroup namespace of its own, so that whatever it starts ends with it, and keeps its
# files in a tmpfs on /mnt that nobody else sees.
#
#	daemon_new [LINE...]	folders for a new daemon, and a configuration of these lines
#	daemon_up [ENV=VALUE...] [ARG...]
#				starts it and returns when it says READY=1; then $daemon is its pid
#	daemon_down		SIGTERM, and it must end well
#	daemon_kill		SIGKILL
#	daemon_end		waits for its end: $ended is `exit N` or `signal N`
#	tell COMMAND		a command to the crowd of leaders (wirepeer_crowd.c): $said is what it answers
#	ctl [-u UID] [-g GID] ARG...	sessctl, as that user with that group
#	check NAME COMMAND...	one TAP result: ok where COMMAND succeeds. What it leaves in $why is printed where it fails
#	soon COMMAND...		true as soon as COMMAND is, within 5 s
#	finish			the plan, and the exit
#
# Environment: BUILD (build/plain).

set -u
DAEMON_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export BUILD
BUILD=$(cd "$DAEMON_TOP" && realpath -m "${BUILD:-build/plain}")

# --- Outside: the namespaces ---

# The cgroup must be empty before it can go, and is in a moment: with process 1 all the others have died.
daemon_cgroup_remove()
{
	local tries=0
	until find "$1" -depth -type d -exec rmdir {} + 2>/dev/null; do
		[ $((tries += 1)) -lt 500 ] || { echo "# $1 cannot be removed"; return 1; }
		sleep 0.01
	done
}

# Called in a mount namespace that has the cgroup2 hierarchy on /mnt.
daemon_private()
{
	local cgroup=/mnt/sessd-tap-$$ status=0
	mkdir "$cgroup" || return 1
	trap : INT TERM
	# shellcheck disable=SC2016
	(
		trap - INT TERM
		echo "$BASHPID" >"$cgroup/cgroup.procs" || exit 1
		SESSD_TAP=inside exec unshare --pid --fork --kill-child --cgroup --mount --propagation private bash -c '
			mount -t proc proc /proc && mount -t tmpfs -o mode=0755 tmpfs /mnt && mkdir /mnt/cgroup &&
				mount -t cgroup2 cgroup2 /mnt/cgroup && exec bash "$@"' bash "$@"
	) &
	wait $! || status=$?
	echo 1 >"$cgroup/cgroup.kill"
	daemon_cgroup_remove "$cgroup" || status=1
	return "$status"
}

case ${SESSD_TAP:-}:$(id -u) in
:0)
	for tool in tests/lib/wirepeer tests/lib/init sessd/sessd sessctl/sessctl; do
		[ -x "$BUILD/$tool" ] || { echo "Bail out! $BUILD/$tool is missing: make all test-tools"; exit 1; }
	done
	# shellcheck disable=SC2016
	SESSD_TAP=between exec "$BUILD/tests/lib/init" cgroup2 /mnt bash -c '. "$0" && daemon_private "$@"' \
		"$(realpath "${BASH_SOURCE[0]}")" "$(realpath "$0")" "$@"
	;;
:*) echo "1..0 # skip needs root"; exit 0 ;;
between:*) return ;;
esac

# --- Inside ---

cd "$DAEMON_TOP" || exit 1
bin=/mnt/bin log=/mnt/log n_checks=0 n_daemons=0 why='' daemon='' ended='' said='' manager='' CROWD=()
# Where a plain user can execute them, wherever the build is.
mkdir "$bin"
cp "$BUILD/sessd/sessd" "$BUILD/sessctl/sessctl" "$BUILD/tests/lib/wirepeer" "$bin/" || exit 1
sessd=$bin/sessd
: >"$log"

daemon_new()
{
	local dir=/mnt/d$((n_daemons += 1))
	run=$dir/run state=$dir/state conf=$dir/conf
	mkdir "$dir" || exit 1
	printf '%s\n' "$@" >"$conf"
	[ -z "${CROWD_PID:-}" ] || crowd_end
	coproc CROWD { exec "$bin/wirepeer" crowd "$run"; } 2>&2
}

crowd_end()
{
	local pid=$CROWD_PID in=${CROWD[1]}
	tell forget
	exec {in}>&-
	wait "$pid"
}

daemon_up()
{
	local env=() line
	while [[ ${1:-} == [A-Z]*=* ]]; do
		env+=("$1")
		shift
	done
	[ -z "$manager" ] || exec {manager}<&-
	exec {manager}< <(exec env "${env[@]}" "$bin/wirepeer" manager ${handover:+-l "$handover"} "${wrapper[@]}" \
		"$sessd" --runtime-dir "$run" --state-dir "$state" --config "$conf" "$@" 2>>"$log")
	ended='' daemon=''
	while read -rt 60 -u "$manager" line; do
		case $line in
		pid\ *) daemon=${line#pid } ;;
		READY=1) return 0 ;;
		exit\ * | signal\ *) ended=$line; return 1 ;;
		esac
	done
	why='the daemon says nothing'
	return 1
}
wrapper=() handover=''

# The next notification of the daemon, into $said.
daemon_says()
{
	read -rt 60 -u "$manager" said
}

daemon_end()
{
	local line
	while [ -z "$ended" ] && read -rt 60 -u "$manager" line; do
		case $line in exit\ * | signal\ *) ended=$line ;; esac
	done
	[ -n "$ended" ] || why='the daemon does not end'
	[ -n "$ended" ]
}

daemon_down()
{
	kill -TERM "$daemon" 2>/dev/null
	daemon_end && why="it ended with $ended" && [ "$ended" = 'exit 0' ]
}

daemon_kill()
{
	kill -KILL "$daemon"
	daemon_end && why="it ended with $ended" && [ "$ended" = 'signal 9' ]
}

tell()
{
	said='no answer'
	echo "$*" >&"${CROWD[1]}"
	read -rt 120 said <&"${CROWD[0]}"
	why="$* was answered: $said"
}

# tell_is WORDS COMMAND: the answer begins with WORDS
tell_is()
{
	local words=$1
	shift
	tell "$@"
	[[ $said == "$words"* ]]
}

ctl()
{
	local as=()
	if [ "${1:-}" = -u ]; then
		as=(setpriv --reuid "$2" --regid "$2" --clear-groups)
		shift 2
	fi
	if [ "${1:-}" = -g ]; then
		as=("${as[@]:0:5}" --groups "$2")
		shift 2
	fi
	"${as[@]}" "$bin/sessctl" --runtime-dir "$run" "$@"
}

# The sids of `list --json`, of all phases or of one, sorted.
listed()
{
	ctl list --json | grep -F "\"phase\":\"${1:-}" | grep -oP '"sid":"\K[0-9a-f]{32}' | sort
}

# The sids of those who were let in and whose leaders live, sorted.
living()
{
	tell living
	printf '%s\n' "$said" | cut -d ' ' -f 2- -s | tr ' ' '\n' | sort
}

# The list is exactly of those who live.
agrees()
{
	local listed living
	listed=$(listed) living=$(living)
	why="listed: ${listed//$'\n'/ }; living: ${living//$'\n'/ }"
	[ "$listed" = "$living" ]
}

soon()
{
	local tries=0
	until "$@"; do
		[ $((tries += 1)) -lt 500 ] || return 1
		sleep 0.01
	done
}

# is WANTED COMMAND...: COMMAND prints that
is()
{
	local wanted=$1 got
	shift
	got=$("$@" 2>&1)
	why="wanted: $wanted; got: $got"
	[ "$got" = "$wanted" ]
}

# exits STATUS COMMAND...
exits()
{
	local wanted=$1 status=0 got
	shift
	got=$("$@" 2>&1) || status=$?
	why="wanted status $wanted, got $status: $got"
	[ "$status" = "$wanted" ]
}

check()
{
	local name=$1
	shift
	why=
	n_checks=$((n_checks + 1))
	if "$@"; then
		echo "ok $n_checks - $name"
		return 0
	fi
	echo "not ok $n_checks - $name"
	sed 's/^/# /' <<<"$why"
	tail -n 12 "$log" | cut -c 1-160 | sed 's/^/#	/'
	failures=$((failures + 1))
	return 1
}
failures=0

# What the sanitizers, asserts and libc print when something is wrong.
log_is_clean()
{
	why=$(grep -aE -A 40 'Sanitizer|runtime error|Assertion|\*\*\*|cannot be encoded' "$log" | head -n 120)
	[ -z "$why" ]
}

# No event has a member that sessd-events(7) does not say that it has.
members_are_declared()
{
	local db
	why=$(for db in /mnt/d*/state/ledger.db; do
		"$bin/sessctl" audit export "$db" 2>/dev/null | tests/lib/events check 2>/dev/null
	done | sort -u)
	[ -z "$why" ]
}

finish()
{
	[ -z "$daemon" ] || [ -n "$ended" ] || { kill -KILL "$daemon" 2>/dev/null; daemon_end; }
	check 'every event has the members of its kind, and no others' members_are_declared
	check 'neither sanitizer nor assertion has anything to say' log_is_clean
	echo "1..$n_checks"
	exit $((failures > 0))
}
