# A private host: a machine within the machine, made of namespaces, for real sshd, login, su and sudo with the
# installed build. To be sourced (bash). Needs root, and nothing of the machine's own is changed.
#
#	host_up NAME [OWNER]	brings it up, in about 0.2 s; it ends when the process OWNER does
#	host_exec NAME CMD…	runs CMD as root there
#	host_down NAME		ends it, and everything in it
#	host_leftovers [NAME]	what is left of hosts that were taken down: should print nothing
#	hosts_sweep		takes down the hosts whose owners have died
#
# Environment: BUILD (build/plain), HOST_PLAIN=1 (a host without sessd), HOST_ROOT (overlay, links or auto),
# SESSD_RUN (a folder for what the hosts of one test run share: keys and the installed tree).

HOST_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
HOSTS=${SESSD_HOSTS:-/tmp/sessd-hosts}
HOST_BUILD=$(cd "$HOST_TOP" && realpath -m "${BUILD:-build/plain}")
HOST_ROOT=${HOST_ROOT:-auto}
HOST_INIT=$HOST_TOP/build/plain/tests/lib/init

host_say()
{
	printf 'host: %s\n' "$*" >&2
}

# The arguments with which make builds in that folder.
host_make_arguments()
{
	local flavour=${HOST_BUILD##*/}
	if [ "$HOST_BUILD" != "$HOST_TOP/build/$flavour" ]; then
		printf 'B=%s\n' "$HOST_BUILD"
		return
	fi
	case $flavour in *-faults) echo FAULTS=1 ;; *) echo FAULTS= ;; esac
	flavour=${flavour%-faults}
	[ "$flavour" != plain ] || flavour=
	echo "SAN=${flavour//-/,}"
}

host_build_init()
{
	! [ "$HOST_INIT" -nt "$HOST_TOP/tests/lib/init.c" ] || return 0
	make -s -C "$HOST_TOP" SAN= FAULTS= "${HOST_INIT#"$HOST_TOP/"}" >&2
}

# The build as `make install` leaves it, in $1. A module with a sanitizer cannot be loaded into programs without one:
# there the plain build's is taken.
host_stage()
{
	local stage=$1 dir arguments plain=build/plain/pam_module/pam_sess.so
	mapfile -t arguments < <(host_make_arguments)
	rm -rf "$stage.new"
	mkdir -p "$stage.new"
	make -s -C "$HOST_TOP" "${arguments[@]}" DESTDIR="$stage.new" install >&2 || return 1
	for dir in "$stage.new"/lib/*/security; do
		nm -D "$dir/pam_sess.so" 2>/dev/null | grep -q '__[at]san_init' || continue
		make -s -C "$HOST_TOP" SAN= FAULTS= "$plain" >&2 &&
			install -m 0644 "$HOST_TOP/$plain" "$dir/pam_sess.so" || return 1
	done
	mv "$stage.new" "$stage"
}

host_stage_of()
{
	echo "$1/stage-${HOST_BUILD##*/}"
}

# Keys and installed tree of this run, made once.
host_shared_files()
{
	local run=$1 stage user
	stage=$(host_stage_of "$run")
	(
		flock 9
		if [ ! -e "$run/keys" ]; then
			rm -rf "$run/keys.new"
			mkdir "$run/keys.new"
			while IFS=: read -r user _; do
				ssh-keygen -q -t ed25519 -N '' -C "$user" -f "$run/keys.new/$user" </dev/null || exit 1
			done < <(echo host && cat "$HOST_TOP/tests/lib/etc/passwd")
			mv "$run/keys.new" "$run/keys"
		fi
		[ -n "${HOST_PLAIN:-}" ] || [ -e "$stage" ] || host_stage "$stage"
	) 9>"$run/lock"
}

# The cgroup2 hierarchy, where one is mounted in which a cgroup of ours can be made.
host_cgroup2()
{
	local dir
	for dir in /sys/fs/cgroup /sys/fs/cgroup/unified; do
		[ "$(stat -f -c %T "$dir" 2>/dev/null)" = cgroup2fs ] || continue
		[ -d "$dir/sessd-host-$1" ] || mkdir "$dir/sessd-host-$1" 2>/dev/null || continue
		echo "$dir"
		return
	done
	return 1
}

# Runs `FUNCTION CGROUP …`; where no cgroup2 is mounted, in a mount namespace that has one.
host_with_cgroup()
{
	local function=$1 name=$2 mnt
	shift 2
	if mnt=$(host_cgroup2 "$name"); then
		"$function" "$mnt/sessd-host-$name" "$name" "$@"
		return
	fi
	mnt=$HOSTS/$name/cgroup2
	mkdir -p "$mnt"
	# shellcheck disable=SC2016
	"$HOST_INIT" cgroup2 "$mnt" bash -c '. "$0"; . "${0%/*}/machine.sh"; mkdir -p "$2"; "$@"' \
		"${BASH_SOURCE[0]}" "$function" "$mnt/sessd-host-$name" "$name" "$@"
}

host_boot()
{
	local cgroup=$1 name=$2 run=$3 owner=${4:-} stage=
	[ -n "${HOST_PLAIN:-}" ] || stage=$(host_stage_of "$run")
	(
		echo "$BASHPID" >"$cgroup/cgroup.procs" &&
			exec env -i HOST_NAME="$name" HOST_DIR="$HOSTS/$name" HOST_TOP="$HOST_TOP" HOST_BUILD="$HOST_BUILD" \
				HOST_INIT="$HOST_INIT" HOST_STAGE="$stage" HOST_KEYS="$run/keys" HOST_ROOT="$HOST_ROOT" \
				"$HOST_INIT" start ${owner:+-o "$owner"} /bin/bash "$HOST_TOP/tests/lib/host-root.sh"
	)
}

host_up()
{
	local name=$1 owner=${2:-} dir=$HOSTS/$1 run pid
	case $name in
	'' | -* | *[!a-zA-Z0-9-]*) host_say "a host's name is of letters, digits and -"; return 2 ;;
	esac
	[ ! -e "$dir" ] || { host_say "$name is there already"; return 1; }
	host_build_init || return 1
	mkdir -p "$HOSTS" && mkdir "$dir" "$dir/shared" || return 1
	run=${SESSD_RUN:-$dir/run}
	mkdir -p "$run" || return 1
	[ -z "${SESSD_RUN:-}" ] || echo "$name" >>"$run/hosts" # for its check of what is left
	[ -z "$owner" ] || host_process "$owner" >"$dir/owner"
	if host_shared_files "$run" && pid=$(host_with_cgroup host_boot "$name" "$run" "$owner"); then
		echo "$pid" >"$dir/pid"
		return 0
	fi
	host_say "$name did not come up"
	host_down "$name"
	return 1
}

# `PID START` of a process that lives: the number alone may be another's by now.
host_process()
{
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	# Field 22; what follows the name begins with field 3.
	# shellcheck disable=SC2086
	set -- "$1" ${stat##*) }
	echo "$1 ${21}"
}

# The pid of the host's process 1, as seen from here.
host_pid()
{
	cat "$HOSTS/$1/pid" 2>/dev/null
}

host_exec()
{
	local name=$1 pid cgroup
	shift
	pid=$(host_pid "$name") && [ -d "/proc/$pid" ] || { host_say "$name is not up"; return 125; }
	(
		# A machine's own process 1 has the cgroup at the top for itself.
		cgroup=$(cat "$HOSTS/$name/cgroup" 2>/dev/null || true)
		echo "$BASHPID" >"/proc/$pid/root/sys/fs/cgroup/$cgroup/cgroup.procs" &&
			exec nsenter -t "$pid" -m -u -i -n -p -C -r -w env -i HOME=/root USER=root LOGNAME=root SHELL=/bin/bash \
				LANG=C.UTF-8 TERM="${TERM:-dumb}" PATH=/usr/sbin:/usr/bin:/sbin:/bin:/sessd "$@"
	)
}

# The process is there and is more than a zombie (which a machine without a true process 1 never collects).
host_lives()
{
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	case ${stat##*) } in [ZX]*) return 1 ;; esac
}

# All dead, and process 1, which takes the namespaces with it, through its exit.
host_is_dead()
{
	local cgroup=$1 name=$2 pid
	grep -q '^populated 0' "$cgroup/cgroup.events" || return 1
	! pid=$(host_pid "$name") || ! host_lives "$pid"
}

host_kill()
{
	local cgroup=$1 name=$2 tries=0
	echo 1 >"$cgroup/cgroup.kill" || return 1
	until host_is_dead "$cgroup" "$name"; do
		if [ $((tries += 1)) -ge 1000 ]; then
			host_say "$name: processes do not die: $(tr '\n' ' ' <"$cgroup/cgroup.procs")"
			return 1
		fi
		sleep 0.01
	done
	find "$cgroup" -depth -type d -exec rmdir {} +
}

host_down()
{
	local name=$1 dir=$HOSTS/$1
	[ -d "$dir" ] || { host_say "there is no $name"; return 1; }
	host_with_cgroup host_kill "$name" || return 1
	rm -rf "$dir"
	rmdir "$HOSTS" 2>/dev/null || true
}

hosts_sweep()
{
	local dir pid start
	for dir in "$HOSTS"/*; do
		[ -e "$dir/owner" ] || continue
		read -r pid start <"$dir/owner" || continue
		[ "$(host_process "$pid")" = "$pid $start" ] || host_down "${dir##*/}"
	done
}

# Mounts of hosts, in namespaces that somebody still lives in. (In a host that a host holds, the root itself is one.)
host_mounts_left()
{
	local file pid own
	own=$(readlink /proc/self/ns/mnt)
	awk -v under="$1" 'index($5, under) == 1 { print "mount " $5 }' /proc/self/mountinfo
	for file in $(grep -lF "$1" /proc/[0-9]*/mountinfo 2>/dev/null); do
		pid=${file#/proc/} pid=${pid%/mountinfo}
		[ "$(readlink "/proc/$pid/ns/mnt")" = "$own" ] || ! host_lives "$pid" || echo "mount of process $pid"
	done
}

host_leftovers()
{
	local name=${1:-} file pid
	for file in "$HOSTS"/${name:-*}; do
		[ ! -e "$file" ] || echo "file $file"
	done
	# A process that was ever in a host is in its cgroup, whatever else it did.
	for file in $(grep -l "/sessd-host-${name:-[^/]*}\($\|[/ ]\)" /proc/[0-9]*/cgroup 2>/dev/null); do
		pid=${file#/proc/} pid=${pid%/cgroup}
		! host_lives "$pid" || echo "process $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")"
	done
	host_mounts_left "$HOSTS/${name:+$name/}"
	find /sys/fs/cgroup -type d -name "sessd-host-${name:-*}" -printf 'cgroup %p\n' 2>/dev/null || true
}
