#!/usr/bin/env bats
# Installing, switching on and off, upgrading, breaking off, and purging the packages: nobody is locked out by any of it,
# no session is lost, and nothing stays.
load ../lib/helpers
load ../lib/sessions
load ../lib/machine

setup_file() { machine_start; }
teardown_file() { machine_stop; }
teardown()
{
	on_host rm -f /usr/sbin/policy-rc.d
	machine_reset
	machine_purge
}

machine_purge()
{
	dpkg_on_host --purge sessd-fleet sessd libpam-sess >/dev/null 2>&1
}

# All of /etc, and whatever else is called as ours.
traces()
{
	# passwd(5) keeps a copy of what was before.
	on_host bash -c 'find /etc -xdev -type f ! -name "*-" ! -name ".pwd.lock" ! -name machine-id -exec sha256sum {} + | sort -k 2
		find /etc -type l -printf "%p %l\n" | sort
		find / -xdev \( -path /proc -o -path /sys -o -path /sessd \) -prune -o \( -name "*sessd*" -o -name "*pam_sess*" -o \
			-name "*sessctl*" -o -name "libpam-sess*" \) -print
		ls /run/sessd; find /run/systemd -name "*sessd*"' 2>/dev/null | grep -v "/$HOST\b"
}

# What a login service is, that nobody has restarted.
login_services()
{
	local service
	for service in ssh cron systemd-logind dbus; do
		echo "$service $(unit MainPID $service.service) $(unit ExecMainStartTimestampMonotonic $service.service)"
	done
}

# The lines of the module in a stack, and those of the modules around it.
around() # STACK
{
	grep -v '^#' "$HOST_FS/etc/pam.d/$1" | grep -o 'pam_[a-z]*\.so' | paste -sd ' '
}

# The same packages as an older version, whose module is another file.
older_debs()
{
	local to=$HOSTS/$HOST/shared/old deb dir
	[ ! -d "$to" ] || return 0
	mkdir -p "$to"
	for deb in "$(machine_debs)"/{libpam-sess,sessd}_*.deb; do
		dir=$BATS_TEST_TMPDIR/deb
		rm -rf "$dir"
		dpkg-deb -R "$deb" "$dir"
		sed -i 's/^Version: .*/&~1/; s/(= \([^)]*\))/(= \1~1)/' "$dir/DEBIAN/control"
		! [ -d "$dir"/lib/*/security ] || printf '\n' >>"$(echo "$dir"/lib/*/security/pam_sess.so)"
		dpkg-deb --root-owner-group -b "$dir" "$to/${deb##*/}" >/dev/null
	done
}

install_older()
{
	older_debs
	dpkg_on_host -i $(cd "$HOSTS/$HOST/shared/old" && printf '/sessd/shared/old/%s ' *.deb) >&2
}

# dpkg WHAT… until it comes to start services, where it is killed with all that it has begun.
break_off() # dpkg ARGUMENT…
{
	on_host bash -c 'printf "#!/bin/sh\ntouch /run/broken-off\nexec sleep 1000\n" >/usr/sbin/policy-rc.d
		chmod 755 /usr/sbin/policy-rc.d; rm -f /run/broken-off'
	background dpkg on_host env DEBIAN_FRONTEND=noninteractive setsid dpkg --force-unsafe-io "$@"
	wait_until '[ -e "$HOST_FS/run/broken-off" ]'
	on_host bash -c 'kill -9 -- -$(pgrep -o -x dpkg)'
	finish_badly dpkg
	on_host rm /usr/sbin/policy-rc.d
}

# The sockets, and since when systemd has them.
sockets()
{
	stat -c '%n %i' "$HOST_FS/run/sessd/pam.sock" "$HOST_FS/run/sessd/ctl.sock"
	unit ActiveEnterTimestampMonotonic sessd-pam.socket
	unit ActiveEnterTimestampMonotonic sessd-ctl.socket
}

new_debs()
{
	cd "$(machine_debs)" && printf '/sessd/debs/%s ' libpam-sess_*.deb sessd_*.deb
}

@test "installing changes no stack, restarts no login service and keeps nobody out" {
	local stacks_before services
	stacks_before=$(machine_stacks) services=$(login_services)
	background before ssh_as alice -- 'echo held; exec sleep 1000'
	held before
	machine_install
	equal "$stacks_before" "$(machine_stacks)"
	equal "$services" "$(login_services)"
	background_runs before
	ssh_as alice -- true
	equal active "$(unit ActiveState)"
	equal 0 "$(sessions_count)"
	run -0 on_host systemctl is-enabled sessd.service sessd-pam.socket sessd-ctl.socket
	run -0 on_host sessd --check
}

@test "the profile goes to its places, and comes out of them byte for byte" {
	local before
	before=$(machine_stacks)
	machine_install
	machine_enable
	equal 'pam_unix.so pam_deny.so pam_permit.so pam_sess.so' "$(around common-account)"
	equal 'pam_permit.so pam_deny.so pam_permit.so pam_unix.so pam_sess.so pam_systemd.so' "$(around common-session)"
	equal 'pam_permit.so pam_deny.so pam_permit.so pam_unix.so pam_sess.so' "$(around common-session-noninteractive)"
	equal 'pam_unix.so pam_deny.so pam_permit.so pam_sess.so' "$(around common-password)"
	equal 'pam_unix.so pam_deny.so pam_permit.so pam_sess.so' "$(around common-auth)"
	run -0 on_host sessctl doctor
	machine_disable
	equal "$before" "$(machine_stacks)"
	# and so does whoever removes the package while it is on
	machine_enable
	dpkg_on_host --remove libpam-sess
	equal "$before" "$(machine_stacks)"
	ssh_as alice -- true
}

@test "purging leaves nothing" {
	local before groups
	before=$(traces) groups=$(cat "$HOST_FS/etc/group" "$HOST_FS/etc/gshadow")
	machine_install
	machine_enable
	begin one alice -- :
	on_host sessctl lock user bob
	on_host systemctl stop sessd-pam.socket sessd-ctl.socket sessd.service
	ssh_as carol -- true # spooled
	on_host systemctl start sessd-pam.socket sessd-ctl.socket sessd.service
	dpkg_on_host --purge sessd libpam-sess
	run ! on_host pgrep -x sessd
	background_runs one # without sessd, and yet there
	ssh_as alice -- true
	equal "$before" "$(traces)"
	equal "$groups" "$(cat "$HOST_FS/etc/group" "$HOST_FS/etc/gshadow")"
}

@test "the agent of a fleet waits for its configuration, runs shut in, and goes without a trace" {
	local before
	machine_install
	before=$(traces)
	dpkg_on_host -i "$(cd "$(machine_debs)" && printf /sessd/debs/%s sessd-fleet_*.deb)" >&2
	run -0 on_host systemctl is-enabled sessd-fleet.service
	equal inactive "$(unit ActiveState sessd-fleet.service)"
	run -0 awk '{ exit !($1 > 0 && $1 <= 1.0) }' <<<"$(exposure sessd-fleet.service)"
	on_host bash -c 'echo "endpoints = {\"http://127.0.0.1:1\"}" >/etc/sessd/fleet.conf
		chown root:sessd-fleet /etc/sessd/fleet.conf; chmod 0640 /etc/sessd/fleet.conf
		sessd-fleet --make-key /etc/sessd/fleet.key >/etc/sessd/fleet.keys'
	on_host systemctl start sessd-fleet.service
	# sessd was told who it is, and has let it in: what is lacking is etcd
	wait_until 'on_host sessctl status --fleet | grep -q 127.0.0.1:1' || on_host journalctl -u sessd-fleet -u sessd --no-pager
	run -3 on_host sessctl status --fleet
	equal sessd-fleet "$(on_host ps -o user= -p "$(unit MainPID sessd-fleet.service)")"
	dpkg_on_host --purge sessd-fleet
	equal "$before" "$(traces)"
}

@test "an upgrade loses no session and ends none, and the module that sshd holds can close its own" {
	local before pid
	install_older
	machine_enable
	before=$(on_host dpkg-query -W -f '${Version}' sessd)
	begin one alice -- ':' && local first=$sid first_leader
	first_leader=$(of_record leader_pid)
	begin two bob -- :
	pid=$(unit MainPID)
	dpkg_on_host -i $(new_debs) >&2
	[ "$before" != "$(on_host dpkg-query -W -f '${Version}' sessd)" ]
	[ "$pid" != "$(unit MainPID)" ]
	background_runs one && background_runs two
	equal 2 "$(sessions_count '.phase == "active"')"
	grep -q 'pam_sess.so (deleted)' "$HOST_FS/proc/$first_leader/maps"
	on_host pkill -u alice -x sleep
	finish one || true
	ends_by_logout "$first"
	ssh_as alice -- true
	run -0 on_host sessctl revoke "$sid"
	they_agree
}

@test "while the service restarts its sockets stay: no login misses it" {
	local before
	install_older
	machine_enable
	before=$(sockets)
	# one login after the other while dpkg is at work
	# shellcheck disable=SC2016
	background logins on_host bash -c 'until [ -e /run/enough ]; do "$@" true || exit 1; echo in; done' bash \
		ssh "${ssh_options[@]}" -o BatchMode=yes -i /root/keys/alice alice@127.0.0.1
	wait_until 'output_of logins | grep -q in'
	dpkg_on_host -i $(new_debs) >&2
	ssh_as bob -- true
	touch "$HOST_FS/run/enough"
	finish logins
	rm "$HOST_FS/run/enough"
	equal "$before" "$(sockets)"
}

@test "dpkg is killed in the middle of an upgrade: everybody gets in, and it can be finished" {
	install_older
	machine_enable
	begin one alice -- :
	break_off -i $(new_debs)
	contains "$(on_host dpkg-query -W -f '${Status}' sessd)" half-configured
	ssh_as bob -- true
	ssh_as alice -- sudo -n true
	background_runs one
	dpkg_on_host --configure -a
	ssh_as bob -- true
	equal 1 "$(sessions_count)"
	run -0 on_host sessctl doctor
}

@test "dpkg is killed in the middle of a removal: everybody gets in" {
	machine_install
	machine_enable
	begin one alice -- :
	break_off --remove sessd
	ssh_as bob -- true
	background_runs one
	dpkg_on_host --remove sessd
	ssh_as bob -- true
	background_runs one
}

@test "the module's file is gone while the profile is on: everybody gets in" {
	machine_install
	machine_enable
	on_host bash -c 'rm /lib/*/security/pam_sess.so'
	ssh_as bob -- true
	ssh_as alice -- sudo -n true
}
