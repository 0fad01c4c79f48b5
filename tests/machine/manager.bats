#!/usr/bin/env bats
# The service managers that systemd runs for users, under locks; and a machine that goes down in good order.
load ../lib/helpers
load ../lib/sessions
load ../lib/machine

setup_file()
{
	machine_start
	machine_install
	machine_enable
	# A container's boot id is a mount over the kernel's own, which this setting covers up with the kernel's again.
	mkdir -p "$HOST_FS/etc/systemd/system/sessd.service.d"
	printf '[Service]\nProtectKernelTunables=no\n' >"$HOST_FS/etc/systemd/system/sessd.service.d/test.conf"
	on_host systemctl daemon-reload
	on_host systemctl restart sessd
}
teardown_file() { machine_stop; }
setup() { configured 'policy "all" { max_sessions = 5 }'; }
teardown()
{
	local user
	for user in $(ls "$HOST_FS/var/lib/systemd/linger"); do on_host loginctl disable-linger "$user"; done
	machine_reset
	on_host systemctl reset-failed
}

manager() # USER
{
	unit ActiveState "user@$(on_host id -u "$1").service"
}

lingers() # USER…
{
	local user
	for user; do
		on_host loginctl enable-linger "$user"
		wait_until "[ \$(manager $user) = active ]"
	done
}

nothing_runs_of() # USER
{
	wait_until "! on_host pgrep -u $1"
}

# A service of his manager, which outlives the login that has made it.
has_a_service() # USER
{
	ssh_as "$1" -- systemd-run --quiet --user --unit=mine sleep 1000
	wait_until "on_host pgrep -u $1 -x sleep"
	wait_until '[ "$(sessions_count)" = 0 ]'
}

@test "a lock stops the manager of a user who lingers, and nothing starts it again" {
	local uid ended
	lingers carol
	uid=$(on_host id -u carol)
	has_a_service carol
	equal 'Lingering: carol' "$(on_host sessctl list | tail -n 1)"
	equal '["carol"]' "$(on_host sessctl status --json | jq -c .lingering)"
	run -0 on_host sessctl lock user carol
	contains "$output" "carol: left over (user@$uid.service): ended"
	contains "$output" 'carol lingers: '
	nothing_runs_of carol
	wait_until '[ "$(manager carol)" = inactive ]'
	wait_until '[ -z "$(on_host systemctl list-units --failed --plain --no-legend)" ]'
	[ ! -e "$HOST_FS/run/user/$uid" ]
	ended=$(events_where ".event == \"leftovers_ended\" and .service == \"user@$uid.service\"")
	equal 'carol locked null' "$(jq -r '"\(.user) \(.reason) \(.survivors)"' <<<"$ended")"
	run -0 jq -e '.elapsed > 0 and .signalled >= 2 and .by == "root"' <<<"$ended"
	they_agree

	on_host loginctl enable-linger carol
	run ! on_host systemctl start "user@$uid.service"
	run ! on_host pgrep -u carol
	equal 'systemd-user locked' "$(events_where '.event == "session_refused"' | jq -r '"\(.service) \(.reason)"' | sort -u)"
	# the same where nobody answers
	on_host systemctl stop sessd-pam.socket sessd-ctl.socket sessd.service
	run ! on_host systemctl start "user@$uid.service"
	lingers bob
	on_host systemctl start sessd-pam.socket sessd-ctl.socket sessd.service
	[ -e "$HOST_FS/var/lib/systemd/linger/carol" ]

	run -0 on_host sessctl unlock user carol
	contains "$output" "systemctl start user@$uid.service"
	on_host systemctl start "user@$uid.service"
	equal active "$(manager carol)"
	# nobody had tried to log in
	on_terminal one carol
	[[ $(output_of one) != *'Refused attempts'* ]]
	release one
	finish one
}

@test "root and those who break glass keep theirs, and others of a locked group do not" {
	on_host usermod -aG sessd-breakglass erin
	on_host groupadd -f crew
	on_host usermod -aG crew erin
	on_host usermod -aG crew bob
	lingers erin root bob alice
	on_host sessctl lock user root
	on_host sessctl lock user erin
	on_host sessctl lock group crew
	nothing_runs_of bob
	wait_until '[ "$(manager bob)" = inactive ]'
	equal 'active active active' "$(manager erin) $(manager root) $(manager alice)"
	on_host systemctl restart "user@$(on_host id -u erin).service" user@0.service
	equal 'active active' "$(manager erin) $(manager root)"
}

@test "its helper is shut in, takes away what is no order, and obeys none that is old" {
	local dir=$HOST_FS/run/sessd/stop
	run -0 awk '{ exit !($1 > 0 && $1 <= 1.0) }' <<<"$(exposure sessd-stopper.service)"
	run -0 on_host systemd-analyze verify --man=no /lib/systemd/system/sessd-stopper.{path,service}
	equal '' "$output"
	equal 'active drwx------ root' "$(unit ActiveState sessd-stopper.path) $(stat -c '%A %U' "$dir")"
	lingers bob
	on_host systemctl stop sessd-stopper.path
	touch "$dir/0" "$dir/-1" "$dir/02102" "$dir/4294967295" "$dir/bob"
	touch -d '2 minutes ago' "$dir/$(on_host id -u bob)"
	on_host systemctl start sessd-stopper.path
	wait_until '[ -z "$(ls "$HOST_FS/run/sessd/stop")" ]'
	wait_until '[ "$(unit ActiveState sessd-stopper.service)" = inactive ]'
	equal 'active success' "$(manager bob) $(unit Result sessd-stopper.service)"
	# no order is too many for it
	on_host bash -c 'touch /run/sessd/stop/{2102,30000..30200}'
	wait_until '[ "$(manager bob)" = inactive ]'
	wait_until '[ -z "$(ls "$HOST_FS/run/sessd/stop")" ]'
}

@test "a session that is slow to stop holds up no restart of sessd" {
	local scope
	begin one alice -- '(trap "" TERM HUP; while :; do sleep 1000; done) >/dev/null 2>&1 &'
	scope=session-$asid.scope
	on_host systemctl stop --no-block "$scope"
	finish_badly one
	equal deactivating "$(unit ActiveState "$scope")"
	on_host timeout 30 systemctl restart sessd
	equal 'deactivating active' "$(unit ActiveState "$scope") $(unit ActiveState)"
	on_host systemctl kill -s KILL "$scope"
	wait_until '[ "$(unit ActiveState "'"$scope"'")" = inactive ]'
}

@test "sessctl reauth in a real session: a wrong password proves nothing, the right one does" {
	on_host systemctl enable --now sessd-reauth.socket
	background one ssh_as bob -- "sessctl reauth --stdin <<<'no such word' || echo not proved
		sessctl check --json; sessctl reauth --stdin <<<'$PASSWORD' && echo proved; sessctl check --json; echo held; exec sleep 1000"
	held one
	contains "$(output_of one)" 'not proved'
	equal 1 "$(output_of one | grep -cx proved)"
	equal 1 "$(events_where '.event == "reauthenticated" and .user == "bob"' | wc -l)"
	one_session '.user == "bob"'
	contains "$(on_host journalctl -t sessd-reauth --no-pager)" 'authentication failure'
}

@test "a reboot in good order ends the sessions with that reason, and starts no manager of a locked user" {
	local before after
	lingers carol bob
	on_host sessctl lock user carol
	begin one alice -- :
	before=$sid
	on_host pkill -u alice -x sleep
	finish one || true
	begin two alice -- 'sudo -n /sessd/hold a &'
	after=$sid
	one_session '.service == "sudo"'
	machine_reboot
	finish_badly two
	wait_until '[ "$(manager bob)" = active ]'
	run ! on_host pgrep -u carol
	[ "$(manager carol)" != active ]
	run ! on_host systemctl start "user@$(on_host id -u carol).service"
	equal 0 "$(sessions_count)"
	equal 'session_opened session_ended(logout)' "$(story_of "$before")"
	equal 'session_opened session_ended(reboot)' "$(story_of "$after")"
	equal 'session_opened session_ended(reboot)' "$(story_of "$(of_record sid)")"
	run ! on_host journalctl -b -1 --no-pager -g 'ordering cycle'
	they_agree
	on_host sessctl unlock user carol
	on_host systemctl start "user@$(on_host id -u carol).service"
	equal active "$(manager carol)"
}
