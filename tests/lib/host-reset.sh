#!/bin/bash
# Run in a private host after a test, when nothing else runs there: puts its files back as they were when it came up.
set -eu
! mountpoint -q /proc/sys/kernel/random/boot_id || umount /proc/sys/kernel/random/boot_id
find /sys/fs/cgroup -mindepth 1 -depth -type d -exec rmdir {} +
rm -rf /run/sessd /run/*.pid /var/lib/sessd /etc/sessd /etc/pam.d /etc/nologin /tmp/* /tmp/.[!.]*
find /var/log -mindepth 1 -maxdepth 1 -name '*log' ! -name syslog -delete
: >/var/log/syslog # process 1 has it open
cp -a /sessd/kept/. /etc/
install -d -m 0777 /tmp/hold
