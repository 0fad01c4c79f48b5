#!/bin/bash
# Builds the root of a machine and boots it; runs in a mount namespace of its own. Its environment is HOST_NAME, HOST_DIR
# (the machine's own folder), HOST_TOP (the source), HOST_KEYS, MACHINE_TREE and MACHINE_DEBS. See machine.sh.
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 022

mnt=$HOST_DIR/mnt
root=$mnt/root
lib=$HOST_TOP/tests/lib

mkdir -p "$mnt"
mount -t tmpfs -o mode=755 sessd-host "$mnt"
mkdir "$mnt/upper" "$mnt/work" "$root"
mount -t overlay -o "lowerdir=$MACHINE_TREE,upperdir=$mnt/upper,workdir=$mnt/work" sessd-host "$root"
# What nspawn notes there is not for this machine.
mount -t tmpfs -o mode=755 sessd-host /run

# Nothing is followed that leads out of the tree: all that is written to is a file or a folder of Debian's own.
echo "$HOST_NAME" >"$root/etc/hostname"
printf '127.0.0.1 localhost %s\n::1 localhost\n' "$HOST_NAME" >"$root/etc/hosts"
for f in passwd shadow group; do
	# without our groups, which the package makes
	cat "$lib/etc/$f" "$root/etc/$f" | awk -F : '!/^sessd-/ && !seen[$1]++' >"$mnt/$f"
	cat "$mnt/$f" >"$root/etc/$f"
done
install -m 0440 "$lib/etc/sudoers" "$root/etc/sudoers.d/tests"
install -m 0600 "$HOST_KEYS/host" "$root/etc/ssh/ssh_host_ed25519_key"
mkdir -p "$root/root/keys"
install -m 0600 "$HOST_KEYS"/* "$root/root/keys/"
printf '127.0.0.1,::1,localhost %s\n' "$(cat "$HOST_KEYS/host.pub")" >"$root/root/known_hosts"
while IFS=: read -r user _ uid gid _; do
	install -d -m 0700 -o "$uid" -g "$gid" "$root/home/$user" "$root/home/$user/.ssh"
	install -m 0600 -o "$uid" -g "$gid" "$HOST_KEYS/$user.pub" "$root/home/$user/.ssh/authorized_keys"
done <"$lib/etc/passwd"
mkdir -p "$root/sessd/source" "$root/sessd/debs" "$root/sessd/shared"
install -m 0755 "$lib/hold" "$root/sessd/hold"

export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
cgroup=/sys/fs/cgroup/sessd-host-$HOST_NAME/machine
mkdir "$cgroup"

boot()
{
	(
		echo "$BASHPID" >"$cgroup/cgroup.procs"
		# nspawn's own filter refuses every keyctl(2) and mlock(2), as no machine does.
		exec systemd-nspawn --quiet --keep-unit --register=no --private-network \
			--system-call-filter='@keyring @memlock' --link-journal=no --resolv-conf=off --timezone=off \
			--console=read-only --machine="$HOST_NAME" --bind-ro="$HOST_TOP:/sessd/source" \
			--bind-ro="$MACHINE_DEBS:/sessd/debs" --bind="$HOST_DIR/shared:/sessd/shared" \
			--directory="$root" --boot
	)
}

# 133 is how nspawn says that it shall be started again.
status=133
while [ $status = 133 ]; do
	status=0
	boot || status=$?
done
exit $status
