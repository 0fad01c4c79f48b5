# For TAP programs that attack the daemon over its sockets, below PAM. To be sourced first; the program then runs as
# process 1 of a pid, mount and cgroup namespace of its own (so that whatever it starts ends with it), and all its files
# are in a tmpfs on /mnt that nobody else sees.
#
#	$run			the runtime directory of the daemon ($state, $conf: the others)
#	daemon_up [ARG...]	starts it and returns when it says READY=1; ENV=value words may stand in front
#	daemon_down		SIGTERM, and it must end with status 0
#	daemon_kill		SIGKILL
#	daemon_ended		waits for its end: $ended is `exit N` or `signal N`
#	tell COMMAND		a command to the crowd of leaders (wirepeer_crowd.c): $said is its answer
#	ctl [-u UID] ARG...	sessctl, as that user
#	check NAME COMMAND...	one TAP result: ok where COMMAND succeeds; `note` is printed where it fails
#	finish			prints the plan, and ends

set -u
DAEMON_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$(cd "$DAEMON_TOP" && realpath -m "${BUILD:-build/plain}")

# --- Outside: the namespaces ---

# The cgroup must be empty before it can go, and is: with process 1 all the others have died.
daemon_cgroup_remove()
{
	local tries=0
	until find "$1" -depth -type d -exec rmdir {} + 2>/dev/null; do
		[ $((tries += 1)) -lt 500 ] || { echo "# $1 cannot be removed"; return 1; }
		read -rt 0.01 <> <(:) || :
	done
}

# In a mount namespace with the cgroup2 hierarchy on /mnt: a cgroup, and everything in it.
daemon_private()
{
	local cgroup=/mnt/sessd-tap-$$ status=0
	mkdir "$cgroup" || return 1
	trap : INT TERM
	(
		trap - INT TERM
		echo "$BASHPID" >"$cgroup/cgroup.procs" || exit 1
		# shellcheck disable=SC2016
		SESSD_TAP_INSIDE=1 exec unshare --pid --fork --kill-child --cgroup --mount --propagation private bash -c '
			mount -t proc proc /proc && mount -t tmpfs -o mode=0755 tmpfs /mnt && mkdir /mnt/cgroup &&
				mount -t cgroup2 cgroup2 /mnt/cgroup && exec bash "$@"' bash "$@"
	) &
	wait $! || status=$?
	echo 1 >"$cgroup/cgroup.kill"
	daemon_cgroup_remove "$cgroup" || status=1
	return $status
}

case ${SESSD_TAP_INSIDE:-}:$(id -u) in
:0)
	for tool in tests/lib/wirepeer tests/lib/init sessd/sessd sessctl/sessctl; do
		[ -x "$BUILD/$tool" ] || { echo "Bail out! $BUILD/$tool is missing: make all test-tools"; exit 1; }
	done
	# shellcheck disable=SC2016
	exec env BUILD="$BUILD" "$BUILD/tests/lib/init" cgroup2 /mnt bash -c 'source "$0"' \
		"$DAEMON_TOP/tests/lib/daemon.bash" "$(realpath "$0")" "$@"
	;;
:*) echo "1..0 # skip needs root"; exit 0 ;;
esac
