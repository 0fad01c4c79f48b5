#!/usr/bin/env bats
# The service managers that systemd runs for users, where no systemd is: what sessd and sessd-stopper do about them, with
# what stands for systemd; and whom the PAM service systemd-user turns away.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
teardown()
{
	! on_host mountpoint -q /bin/systemctl || on_host umount /bin/systemctl
	on_host rm -rf /run/systemd/system /var/lib/systemd/linger
	host_reset
}

sessctl()
{
	on_host sessctl "$@"
}

uid_of() # USER
{
	on_host id -u "$1"
}

# As systemd starts it: no login before it, an audit session of its own, and its own cgroup.
start_manager() # USER
{
	# shellcheck disable=SC2016
	on_host setsid bash -c 'cgroup=/sys/fs/cgroup/user.slice/user-$1.slice/user@$1.service
		mkdir -p "$cgroup" && echo $BASHPID >"$cgroup/cgroup.procs" && echo "$1" >/proc/self/loginuid &&
		exec setpriv --reuid "$1" --regid "$1" --init-groups sleep 1000 </dev/null >/dev/null 2>&1 &' bash "$(uid_of "$1")"
	wait_until "on_host pgrep -u $1 -x sleep"
}

orders()
{
	ls "$HOST_FS/run/sessd/stop" 2>/dev/null | paste -sd ' '
}

# Passes where the account, and the session too, is let in.
manager_of() # USER
{
	on_host pamtester systemd-user "$1" acct_mgmt open_session close_session
}

@test "an order is left for the manager of a locked user, and for no other" {
	on_host mkdir -p /run/systemd/system
	start_sessd
	start_manager alice
	start_manager bob
	start_manager erin
	run -0 sessctl revoke --user alice
	contains "$output" "user@$(uid_of alice).service"
	equal '' "$(orders)"
	sessctl lock user carol # who has none
	sessctl lock user erin  # who breaks glass
	sessctl lock source 127.0.0.1
	equal '' "$(orders)"
	run -0 sessctl lock group contractors
	contains "$output" "user@$(uid_of bob).service): ended"
	equal "$(uid_of bob)" "$(orders)"
	equal 1 "$(on_host pgrep -c -u erin -x sleep)"
}

@test "without systemd there is no order, and nothing is said of it" {
	start_sessd
	start_manager alice
	run -0 sessctl lock user alice
	contains "$output" "user@$(uid_of alice).service): ended"
	[ ! -e "$HOST_FS/run/sessd/stop" ]
	! grep -i 'systemd\|stop/' "$HOST_FS/var/log/sessd.log"
	on_host mkdir -p /var/lib/systemd/linger && touch "$HOST_FS/var/lib/systemd/linger/alice"
	run -0 sessctl list
	[[ $output != *Lingering* ]]
}

@test "a lock that is found at a start leaves its order" {
	on_host mkdir -p /run/systemd/system
	start_manager alice
	sessctl lock user alice
	start_sessd
	wait_until '[ "$(orders)" = "$(uid_of alice)" ]'
	wait_until '! on_host pgrep -u alice -x sleep'
}

@test "sessd-stopper asks for each unit once, and passes over what it should" {
	local dir=$HOST_FS/run/sessd/stop
	printf '#!/bin/sh\necho "$@" >>/tmp/asked; ls /run/sessd/stop >>/tmp/there; exit "$(cat /tmp/status)"\n' >"$HOST_FS/tmp/systemctl"
	on_host chmod 755 /tmp/systemctl
	on_host mount --bind /tmp/systemctl /bin/systemctl
	echo 0 >"$HOST_FS/tmp/status"
	run -0 on_host /usr/libexec/sessd-stopper # there is not even a folder
	on_host install -d -m 0755 /run/sessd
	on_host install -d -m 0700 /run/sessd/stop
	run -0 on_host /usr/libexec/sessd-stopper
	[ ! -e "$HOST_FS/tmp/asked" ]
	touch "$dir/2101" "$dir/0" "$dir/bob" "$dir/02102" "$dir/.hidden"
	touch -d '2 minutes ago' "$dir/2103"
	on_host ln -s /etc/passwd /run/sessd/stop/link
	on_host mkdir /run/sessd/stop/2104
	run -0 on_host /usr/libexec/sessd-stopper
	contains "$output" 'held what is no order'
	contains "$output" 'the order to stop user@2103.service is too old'
	equal 'stop user@2101.service|reset-failed user@2101.service' "$(paste -sd '|' "$HOST_FS/tmp/asked")"
	# taken away before it was asked for
	equal '' "$(cat "$HOST_FS/tmp/there")"
	equal '' "$(ls -A "$dir")"
	on_host test -e /etc/passwd

	rm "$HOST_FS/tmp/asked"
	on_host bash -c 'touch /run/sessd/stop/{3001..3100}'
	echo 1 >"$HOST_FS/tmp/status"
	run -1 on_host /usr/libexec/sessd-stopper
	contains "$output" 'not all of'
	equal "$(seq -f 'user@%g.service' 3001 3100)" "$(grep ^stop "$HOST_FS/tmp/asked" | tr ' ' '\n' | grep user@ | sort)"
	equal '' "$(ls -A "$dir")"

	on_host chmod 0777 /run/sessd/stop
	touch "$dir/2101"
	run -1 on_host /usr/libexec/sessd-stopper
	on_host umount /bin/systemctl
}

@test "systemd-user: a locked user is turned away by it, nobody else by anything, whatever becomes of sessd" {
	local how
	stack systemd-user 'account required pam_sess.so unavailable=deny' 'account required pam_permit.so' \
		'session required pam_sess.so unavailable=deny' 'session required pam_permit.so'
	start_sessd 'policy "all" { max_sessions = 1 }'
	sessctl lock user bob --message 'call 4711'
	sessctl lock group contractors
	sessctl lock user erin
	sessctl lock user root
	sessctl lock source 127.0.0.1
	run ! manager_of bob
	contains "$output" 'sessd: call 4711'
	equal 'bob systemd-user locked user bob' "$(ledger | jq -r 'select(.event == "session_refused") | "\(.user) \(.service) \(.reason) \(.lock)"')"
	for how in runs stopped gone; do
		case $how in
		stopped) daemon_signal sessd STOP ;;
		gone) daemon_signal sessd CONT && stop_sessd KILL ;;
		esac
		run ! manager_of bob
		run ! manager_of carol
		run -0 manager_of alice
		run -0 manager_of erin
		run -0 manager_of root
	done
	start_sessd
	equal 0 "$(sessions_count)"
	sessctl unlock group contractors
	run -0 manager_of carol
	# another service that is not tracked is nobody's business
	stack quiet 'account required pam_sess.so' 'account required pam_permit.so'
	stop_sessd
	start_sessd 'service "quiet" { class = ignored }'
	run -0 on_host pamtester quiet bob acct_mgmt
}

@test "what sessctl says of those who linger" {
	on_host mkdir -p /run/systemd/system /var/lib/systemd/linger
	start_sessd
	equal 'null' "$(sessctl status --json | jq -c .lingering)"
	on_host touch /var/lib/systemd/linger/{carol,alice}
	# systemd's own are there where it runs, and make no session's cgroup here
	equal '["alice","carol"]' "$(sessctl status --json | jq -c .lingering)"
	equal 'Lingering: alice, carol' "$(sessctl status | tail -n 1)"
	equal 'Lingering: alice, carol' "$(sessctl list | tail -n 1)"
	[[ $(sessctl list --user alice) != *Lingering* ]]
	equal '' "$(sessctl list --json)"
	contains "$(sessctl lock user alice)" 'alice lingers: '
	[[ $(sessctl lock user bob) != *lingers* ]]
	contains "$(sessctl unlock user alice)" "systemctl start user@$(uid_of alice).service"
	[[ $(sessctl unlock user bob) != *lingers* ]]
	touch "$HOST_FS/var/lib/systemd/linger/"$'x\e[31m'
	[[ $(sessctl list) != *$'\e'* ]]
}
