# A machine with Debian's systemd, logind, sshd and getty, and the packages installed or to be. To be sourced behind
# host.sh, whose functions work on it as well: it is a private host in which systemd is process 1.
#
#	machine_lacks		why none can be had here: prints nothing where one can
#	machine_debs		the folder with this run's packages, built on the first call
#	machine_up NAME [OWNER]	boots one, in about 2 s; no package of ours is installed yet
#
# The tree that all boot from is built once (half a minute, with a network) and kept in build/machine; what changes in
# a machine is in memory, and gone with it.

MACHINE_BUILD=$HOST_TOP/build/machine
MACHINE_PACKAGES=systemd,systemd-sysv,libpam-systemd,dbus,dbus-user-session,openssh-server,openssh-client,sshpass,sudo,cron
MACHINE_PACKAGES+=,keyutils,procps,iproute2,expect,jq,pamtester,logrotate,tmux
# What our packages depend on.
MACHINE_PACKAGES+=,libconfuse2,libsodium23,libsqlite3-0,libjansson4,libkeyutils1,libqrencode4,libcurl4

machine_tree()
{
	local version
	version=$(sha256sum <<<"$MACHINE_PACKAGES")
	echo "$MACHINE_BUILD/tree-${version:0:8}"
}

machine_build_tree() # LOG
{
	local tree
	tree=$(machine_tree)
	[ ! -d "$tree" ] || return 0
	rm -rf "$MACHINE_BUILD"/tree-*
	nice mmdebstrap --mode=root --variant=apt --include="$MACHINE_PACKAGES" --aptopt='Acquire::Retries "1"' \
		--customize-hook='rm -f "$1"/etc/ssh/ssh_host_*; : >"$1"/etc/machine-id' bookworm "$tree.new" >"$1" 2>&1 &&
		mv "$tree.new" "$tree"
}

machine_lacks()
{
	local program log=$MACHINE_BUILD/log
	[ "$(id -u)" = 0 ] || { echo 'needs root'; return; }
	for program in mmdebstrap systemd-nspawn dpkg-buildpackage dh; do
		command -v "$program" >/dev/null || { echo "$program is not installed"; return; }
	done
	mkdir -p "$MACHINE_BUILD"
	(
		flock 9
		machine_build_tree "$log" || echo "no Debian tree could be built: $(grep '^E:' "$log" | head -n 1)"
	) 9>"$MACHINE_BUILD/lock"
}

machine_debs()
{
	local run=${SESSD_RUN:-$MACHINE_BUILD}
	(
		flock 9
		[ -n "${SESSD_RUN:-}" ] && [ -e "$run/debs" ] || nice "$HOST_TOP/debian/build" "$run/debs" >&2
	) 9>"$run/debs.lock" && echo "$run/debs"
}

# Process 1 of a machine, as seen from here: the one in its cgroup that is 1 in its own eyes.
machine_process()
{
	local pid
	while read -r pid; do
		# NSpid: one number for each namespace of pids, the innermost last
		if grep -qs $'^NSpid:\t[0-9\t]*\t1$' "/proc/$pid/status"; then
			echo "$pid"
			return
		fi
	done < <(find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null)
	return 1
}

# Prints the pid of its process 1 when it has booted.
machine_boot()
{
	local cgroup=$1 name=$2 run=$3 tries=0 pid
	(
		echo "$BASHPID" >"$cgroup/cgroup.procs" &&
			exec env -i HOST_NAME="$name" HOST_DIR="$HOSTS/$name" HOST_TOP="$HOST_TOP" HOST_KEYS="$run/keys" \
				MACHINE_TREE="$(machine_tree)" MACHINE_DEBS="$run/debs" \
				"$HOST_INIT" cgroup2 /sys/fs/cgroup /bin/bash "$HOST_TOP/tests/lib/machine-root.sh" \
				</dev/null >"$HOSTS/$name/console" 2>&1 &
	)
	until pid=$(machine_process "$cgroup") && machine_is_up "$name" "$pid"; do
		if [ $((tries += 1)) -ge 600 ]; then
			host_say "$name does not boot"
			tail -n 20 "$HOSTS/$name/console" >&2
			return 1
		fi
		sleep 0.1
	done
	echo "$pid"
}

# Its file system is there before systemd is; a cgroup for those who come from outside, beside those of systemd.
machine_is_up()
{
	echo "$2" >"$HOSTS/$1/pid"
	mkdir -p "/proc/$2/root/sys/fs/cgroup/outside" 2>/dev/null || return 1
	case $(host_exec "$1" systemctl is-system-running 2>/dev/null) in running | degraded) ;; *) return 1 ;; esac
}

machine_up()
{
	local name=$1 owner=${2:-} dir=$HOSTS/$1 run pid
	[ ! -e "$dir" ] || { host_say "$name is there already"; return 1; }
	host_build_init || return 1
	mkdir -p "$HOSTS" && mkdir "$dir" "$dir/shared" || return 1
	run=${SESSD_RUN:-$MACHINE_BUILD}
	[ -z "${SESSD_RUN:-}" ] || echo "$name" >>"$run/hosts" # for its check of what is left
	[ -z "$owner" ] || host_process "$owner" >"$dir/owner"
	echo outside >"$dir/cgroup"
	if machine_debs >/dev/null && HOST_PLAIN=1 host_shared_files "$run" &&
		pid=$(host_with_cgroup machine_boot "$name" "$run"); then
		echo "$pid" >"$dir/pid"
		return 0
	fi
	host_say "$name did not come up"
	host_down "$name"
	return 1
}
