# What the tests on a machine with systemd share; to be loaded after helpers and sessions, whose functions find the
# machine where they would find a private host. A file has
#
#	setup_file() { machine_start; machine_install; machine_enable; }
#	teardown_file() { machine_stop; }
#	teardown() { machine_reset; }

# shellcheck source=tests/lib/machine.sh
. "$(dirname "${BASH_SOURCE[0]}")/machine.sh"

stacks=(common-auth common-account common-session common-session-noninteractive common-password)

# A machine without our packages. Where there can be none, tests/run has skipped the file.
machine_start()
{
	local name=${BATS_TEST_FILENAME##*/}
	HOST="${name%.bats}-$$-machine"
	machine_up "$HOST" "$$" 3>&- || return 1
	host_use "$HOST"
	on_host install -d -m 0777 /tmp/hold
}

# Its disk is as it was, and all that ran there has ended: in good order, or as by a pulled plug with -ff.
machine_reboot() # [-ff]
{
	local before
	before=$(host_pid "$HOST")
	on_host systemctl reboot "$@" || true
	wait_until "machine_is_back $before" 120
	host_use "$HOST"
	on_host install -d -m 0777 /tmp/hold
}

machine_is_back() # PID
{
	local pid
	# shellcheck disable=SC2119
	pid=$(host_with_cgroup machine_process "$HOST") && [ "$pid" != "$1" ] && machine_is_up "$HOST" "$pid"
}

machine_stop()
{
	host_down "$HOST"
}

dpkg_on_host()
{
	on_host env DEBIAN_FRONTEND=noninteractive dpkg --force-unsafe-io "$@"
}

machine_install()
{
	# shellcheck disable=SC2016
	dpkg_on_host -i $(cd "$(machine_debs)" && printf '/sessd/debs/%s ' libpam-sess_*.deb sessd_*.deb) >&2
}

machine_enable()
{
	on_host env DEBIAN_FRONTEND=noninteractive pam-auth-update --enable sess
}

machine_disable()
{
	on_host env DEBIAN_FRONTEND=noninteractive pam-auth-update --disable sess
}

# The stacks that pam-auth-update writes, as one text.
machine_stacks()
{
	(cd "$HOST_FS/etc/pam.d" && tail -n +1 "${stacks[@]}")
}

# configured TEXT: this is the configuration from now on.
configured()
{
	sessd_config "$1" && on_host systemctl reload sessd && wait_until '! on_host sessctl status | grep -q config_error'
}

unit() # PROPERTY [UNIT]
{
	on_host systemctl show --value -p "$1" "${2:-sessd.service}"
}

# How much a unit leaves open to what runs in it, as systemd-analyze(1) counts it: from 0.0 to 10.0.
exposure() # UNIT, as its package installed it
{
	on_host systemd-analyze security --no-pager --offline=true --threshold=100 "/lib/systemd/system/$1" |
		sed -n "s/.*Overall exposure level for $1: \([0-9.]*\) .*/\1/p"
}

# The sessions that logind knows, as `USER ID`.
logind_sessions()
{
	on_host loginctl list-sessions --no-legend | awk '{ print $3, $1 }' | sort
}

# The logins that sessd knows, in the same way.
sessd_logins()
{
	sessions | jq -r 'select(.class == "login") | "\(.user) \(.audit_session)"' | sort
}

they_agree()
{
	wait_until '[ "$(logind_sessions)" = "$(sessd_logins)" ]' || equal "$(logind_sessions)" "$(sessd_logins)"
}

# Nobody is logged in, and no trace of a test is left in the configuration.
machine_reset()
{
	local f
	if [ -z "${BATS_TEST_COMPLETED:-}" ]; then
		on_host journalctl --no-pager -n 60
		on_host ps -eo pid,ppid,user,stat,tty,args
	fi
	# shellcheck disable=SC2016
	on_host bash -c 'sessctl locks --json | jq -r "\"\(.kind) \(.name)\"" | xargs -r -L 1 sessctl unlock
		sessctl revoke --all; loginctl terminate-user $(loginctl --no-legend list-users | awk "{print \$2}")
		pkill -9 -u "$(seq -s, 2101 2106)"; rm -f /tmp/hold/*' >/dev/null 2>&1 || true
	wait_until '[ -z "$(logind_sessions)" ]'
	[ ${#background_pids[@]} = 0 ] || wait "${background_pids[@]}" 2>/dev/null || true
}
