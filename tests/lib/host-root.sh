#!/bin/bash
# Builds a private host's root and goes there. Runs as process 1 of new namespaces (see init.c, host.sh);
# its environment is HOST_NAME, HOST_DIR (the host's own folder on the machine), HOST_TOP (the source), HOST_BUILD,
# HOST_INIT (the program), HOST_KEYS, HOST_STAGE (what is installed, or empty) and HOST_ROOT (overlay, links or auto).
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 022
exec >&2

mnt=$HOST_DIR/mnt
root=$mnt/root

mkdir -p "$mnt"
mount -t tmpfs -o mode=755 sessd-host "$mnt"
mkdir "$mnt/upper" "$mnt/work" "$root"

bind_readonly()
{
	mkdir -p "$2"
	mount --bind "$1" "$2"
	mount -o remount,bind,ro "$2"
}

# The machine's root, with all changes in memory.
root_overlay()
{
	mount -t overlay -o "lowerdir=/,upperdir=$mnt/upper,workdir=$mnt/work" sessd-host "$root" 2>"$mnt/why" &&
		# An overlay whose lower layer cannot do it mounts read-only.
		touch "$root/etc/.sessd-host" 2>>"$mnt/why" && rm "$root/etc/.sessd-host"
}

# Where / cannot be a lower layer (overlays upon overlays): a root in memory with a copy of /etc, the big folders
# bound read-only, and those into which a build is installed as folders of links to the machine's files.
root_links()
{
	local d
	# Nothing of these is needed in a test, and /usr is read-only here.
	without=(-not -path '*/share/*' -not -path '*/systemd/*')
	umount "$root" 2>/dev/null || true
	mount -t tmpfs -o mode=755 sessd-host "$root"
	mkdir -p "$root/var/log" "$root/var/tmp" "$root/var/spool" "$root/var/mail"
	ln -s /run "$root/var/run"
	ln -s /run/lock "$root/var/lock"
	bind_readonly / "$root/sessd/machine"
	cp -a /etc "$root/etc"
	for d in /bin /sbin /lib /lib32 /lib64 /libx32; do
		if [ -L "$d" ]; then cp -a "$d" "$root$d"; elif [ -d "$d" ]; then bind_readonly "$d" "$root$d"; fi
	done
	bind_readonly /usr "$root/usr"
	[ ! -d /var/lib ] || root_links_to /var/lib
	for d in /usr/bin /usr/sbin /usr/lib/*-linux-gnu*/security; do
		root_links_to "$d"
	done
}

root_links_to()
{
	mkdir -p "$root$1" 2>/dev/null || true
	mount -t tmpfs -o mode=755 sessd-host "$root$1"
	find "$1" -mindepth 1 -maxdepth 1 -printf "/sessd/machine$1/%f\\0" | xargs -0 -r ln -s -t "$root$1"
}

without=()
case $HOST_ROOT in
overlay) root_overlay || { cat "$mnt/why"; exit 1; } ;;
links) root_links ;;
*) root_overlay || root_links ;;
esac

# A /usr that is a file system of its own is not in the overlay's lower layer.
if mountpoint -q /usr && [ ! -e "$root/usr/bin" ]; then bind_readonly /usr "$root/usr"; fi

cd "$root"
mkdir -p proc sys dev run tmp home root sessd/shared
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid,nodev sessd-host run
mount -t tmpfs -o mode=1777,nosuid,nodev sessd-host tmp
mount -t tmpfs -o mode=755 sessd-host home
mount -t tmpfs -o mode=700 sessd-host root

mount -t tmpfs -o mode=755,nosuid sessd-host dev
for d in null zero full random urandom tty; do
	: >"dev/$d"
	mount --bind "/dev/$d" "dev/$d"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,gid=5,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev sessd-host dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr

bind_readonly "$HOST_TOP" sessd/source
bind_readonly "$HOST_KEYS" sessd/keys
[ ! -d "$HOST_BUILD" ] || bind_readonly "$HOST_BUILD" sessd/build
[ -z "$HOST_STAGE" ] || bind_readonly "$HOST_STAGE" sessd/stage
mount --bind "$HOST_DIR/shared" sessd/shared
cp "$HOST_INIT" sessd/init

# Go there before anything is written: from here on no path, and no absolute link in one, leads to the machine.
hostname "$HOST_NAME"
mkdir -p .machine
pivot_root . .machine
cd /
umount -l /.machine
rmdir /.machine
lib=/sessd/source/tests/lib

# Its own users, PAM stacks, sshd and sudo.
mkdir -p /run/sshd /run/lock /etc/ssh /etc/default /var/log /root/keys
: >/run/utmp
for f in wtmp btmp lastlog; do
	: >"/var/log/$f"
done
rm -rf /etc/pam.d /etc/ssh/* /etc/sudoers* /etc/security/limits.d /etc/sessd /etc/nologin
rm -f /etc/environment /etc/default/locale /etc/resolv.conf /etc/hostname /etc/hosts /etc/nsswitch.conf
touch /etc/environment /etc/default/locale /etc/resolv.conf
echo "$HOST_NAME" >/etc/hostname
printf '127.0.0.1 localhost %s\n::1 localhost\n' "$HOST_NAME" >/etc/hosts
printf '%s: files\n' passwd group shadow hosts >/etc/nsswitch.conf
for f in passwd shadow group; do
	cat "$lib/etc/$f" "/etc/$f" >"/etc/$f.new" # the first line of a name wins
	mv "/etc/$f.new" "/etc/$f"
done
chmod 0640 /etc/shadow
cp -r "$lib/pam.d" /etc/pam.d
# The stacks of the examples, as an administrator would copy them; those that they include are our own. The one change:
# the module waits longer, for the daemon of a machine that is loaded with tests.
cp /sessd/source/etc/pam.d.examples/* /etc/pam.d/
sed -i 's/pam_sess\.so/& timeout=5s/' /etc/pam.d/*
rm -rf /etc/motd /etc/motd.d /etc/update-motd.d
cp "$lib/etc/sshd_config" /etc/ssh/sshd_config
install -m 0440 "$lib/etc/sudoers" /etc/sudoers
install -m 0600 /sessd/keys/host /etc/ssh/host_key
install -m 0600 /sessd/keys/* /root/keys/
printf '127.0.0.1,::1,localhost %s\n' "$(cat /sessd/keys/host.pub)" >/root/known_hosts
while IFS=: read -r user _ uid gid _; do
	install -d -m 0700 -o "$uid" -g "$gid" "/home/$user" "/home/$user/.ssh"
	install -m 0600 -o "$uid" -g "$gid" "/sessd/keys/$user.pub" "/home/$user/.ssh/authorized_keys"
done <"$lib/etc/passwd"

install -m 0755 "$lib/hold" /sessd/hold
install -d -m 0777 /tmp/hold

if [ -n "$HOST_STAGE" ]; then
	# File by file: tar(1) would change the modes of folders that are there, and those of `links` are read-only.
	(cd /sessd/stage && find . -type f "${without[@]}" -exec cp --parents --remove-destination {} / \;)
else
	sed -i '/pam_sess/d' /etc/pam.d/*
fi
# For host-reset.sh.
mkdir -p /sessd/kept
for f in pam.d sessd shadow; do
	[ ! -e "/etc/$f" ] || cp -a "/etc/$f" /sessd/kept/
done

exec /sessd/init reap /var/log/syslog
