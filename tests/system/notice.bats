#!/usr/bin/env bats
# What a user is told at his login: who sees it, that it is true, and that the ledger has it as it was shown.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup() { start_sshd; }
teardown() { host_reset; }

limits='policy "all" { max_sessions = 10 lifetime = 8h }'

# A login shell that ends at once. sshd gives it a terminal where -tt is asked.
shell_of() # USER [ssh options…]
{
	ssh_as "$@" <<<exit
}

# The lines of ours in `output`, without the carriage returns of a terminal.
told()
{
	tr -d '\r' <<<"$output" | grep -E '^(Previous login|Refused attempts|Your other sessions|This session)' || true
}

# What the ledger says that was told, as lines: of the user's last login.
told_by_ledger() # USER
{
	events_where ".event == \"notice_given\" and .user == \"$1\"" text | tail -n 1 | jq -r 'split("; ")[]'
}

# The time of the user's last session_opened, as the host's local clock shows it.
opened() # USER
{
	date -d "$(events_where ".event == \"session_opened\" and .user == \"$1\"" time | tail -n 1 | jq -r .)" \
		'+%Y-%m-%d %H:%M:%S %Z'
}

time='[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC'

@test "a first login, and the one after it" {
	local first
	start_sessd "$limits"
	run -0 shell_of alice -tt
	equal "$(told)" "$(told_by_ledger alice)"
	[[ $(told) =~ ^'Previous login: none, this is the first one on record
Refused attempts so far: 0
Your other sessions on this host: none
This session ends at '$time', after 8h (policy "all")'$ ]]
	first=$(opened alice)

	run -0 shell_of alice -tt
	equal "$(told)" "$(told_by_ledger alice)"
	contains "$(told)" "Previous login: $first, sshd from 127.0.0.1"
	contains "$(told)" 'Refused attempts since then: 0'
	# The end is that of the record.
	contains "$(told)" "This session ends at $(date -d "$(ledger | jq -r \
		'select(.event == "session_opened") | .expires_at' | tail -n 1)" '+%Y-%m-%d %H:%M:%S %Z'), after 8h"
	# Another's logins are not hers.
	run -0 shell_of dave -tt
	contains "$(told)" 'Previous login: none'
}

@test "every way to log in, and whatever ended before" {
	start_sessd "$limits"
	run -0 login_as alice true
	contains "$(told)" 'Previous login: none'
	run -0 ssh_password alice -tt <<<exit
	[[ $(told) =~ 'Previous login: '$time', login on /dev/pts/'[0-9]+ ]]
	stop_sessd KILL
	start_sessd
	run -0 ssh_kbdint alice -tt <<<exit
	contains "$(told)" 'sshd from 127.0.0.1'
	# A sudo in between is no login.
	run -0 shell_of alice -tt -o HostName=::1
	ssh_as alice -o HostName=::1 -- sudo -n true
	run -0 login_as alice true
	contains "$(told)" 'sshd from ::1'
	equal "$(told)" "$(told_by_ledger alice)"
}

@test "refused attempts since the previous login" {
	start_sessd 'policy "all" { max_sessions = 1 }'
	background one ssh_as alice -- /sessd/hold one
	held one
	run ! shell_of alice -tt
	run ! shell_of alice -tt
	on_host sessctl lock source 127.0.0.1
	run ! shell_of alice -o HostName=127.0.0.1
	on_host sessctl unlock source 127.0.0.1
	run ! finish one
	run -0 shell_of alice -tt -o HostName=::1
	contains "$(told)" 'Refused attempts since then: 3'
	run -0 shell_of alice -tt
	contains "$(told)" 'Refused attempts since then: 0'
	contains "$(told)" 'This session has no end of its own'
}

@test "what account and session both refuse is one attempt" {
	start_sessd 'policy "all" { max_sessions = 1 }'
	on_host sed -i 's/^account.*required.*pam_sess/account optional pam_sess/' /etc/pam.d/sshd
	background one ssh_as alice -- /sessd/hold one
	held one
	run ! shell_of alice -tt
	equal 2 "$(events_where '.event == "session_refused"' | wc -l)"
	release one
	finish one
	run -0 shell_of alice -tt
	contains "$(told)" 'Refused attempts since then: 1'
}

@test "the other sessions" {
	start_sessd "$limits"
	background one ssh_as alice -- /sessd/hold one
	background two login_as alice 'echo; /sessd/hold two'
	background other ssh_as bob -- /sessd/hold other
	held one
	held two
	held other
	run -0 shell_of alice -tt
	[[ $(told) =~ 'Your other sessions on this host: 2 ('.*'sshd from 127.0.0.1 since '[0-9:]{5} ]]
	[[ $(told) =~ 'login on /dev/pts/'[0-9]+' since '[0-9:]{5} ]]
	release two
	finish two
	run -0 shell_of alice -tt
	[[ $(told) =~ 'Your other sessions on this host: 1 (sshd from 127.0.0.1 since '[0-9:]{5}')' ]]
}

@test "the policy that sets no end" {
	start_sessd "$limits
		policy \"glass\" { groups = {\"sessd-breakglass\"} exempt = true }"
	run -0 shell_of erin -tt
	contains "$(told)" 'This session has no end of its own (policy "glass" exempts it)'
}

# --- Who is told ---

@test "sshd shows it to a shell, and to no command or subsystem" {
	start_sessd "$limits"
	# Also without a terminal: on the shell's standard output.
	run --separate-stderr -0 shell_of alice
	contains "$(told)" 'Previous login: '
	run -0 ssh_as alice -- true
	equal '' "$(told)"
	run -0 ssh_as alice -tt -- true
	equal '' "$(told)"
	run -0 sftp_as alice <<<pwd
	equal '' "$(told)"
	# It cannot be known then, so the ledger has it for these, too.
	equal 4 "$(events_where '.event == "notice_given"' | wc -l)"
}

@test "a .hushlogin" {
	start_sessd "$limits"
	on_host setpriv --reuid alice touch /home/alice/.hushlogin
	run -0 shell_of alice -tt
	equal '' "$(told)"
	run -0 login_as alice true
	rm "$HOST_FS/home/alice/.hushlogin"
	equal '' "$(told)"
	# login(1) says that it will be silent, sshd does not.
	equal 1 "$(events_where '.event == "notice_given"' | wc -l)"
}

@test "quiet" {
	start_sessd "$limits"
	pam_arguments quiet
	run -0 shell_of alice -tt
	equal '' "$(told)"
	run -0 login_as alice true
	equal '' "$(told)"
	equal '' "$(events_where '.event == "notice_given"')"
	# They are logins all the same.
	pam_arguments
	run -0 shell_of alice -tt
	[[ $(told) =~ 'Previous login: '$time', login on ' ]]
}

@test "neither sudo, nor su, nor a job" {
	start_sessd "$limits"
	run -0 ssh_as alice -tt -- 'sudo -n true; sudo -n su - bob -c true'
	run -0 on_host su bob -c true
	equal '' "$(told)"
	stack jobs 'account required pam_permit.so' 'session required pam_sess.so'
	run -0 on_host pamtester -I tty=cron jobs alice open_session close_session
	run -0 on_host pamtester jobs alice open_session close_session
	equal '' "$(told)"
	equal sshd "$(events_where '.event == "notice_given"' service | jq -r . | sort -u)"
}

@test "nothing while sessd is away" {
	start_sessd "$limits"
	stop_sessd
	run -0 shell_of alice -tt
	equal '' "$(told)"
	# What was spooled is the previous login.
	start_sessd
	wait_until '[ -n "$(events_where ".event == \"session_ended\"")" ]'
	run -0 shell_of alice -tt
	[[ $(told) =~ 'Previous login: '$time', sshd from 127.0.0.1' ]]
	equal 1 "$(events_where '.event == "notice_given"' | wc -l)"
}

@test "what others chose cannot look like a line, nor move the terminal" {
	start_sessd "$limits"
	stack remote 'account required pam_permit.so' 'session required pam_sess.so'
	on_host pamtester -I tty=/dev/tty1 -I rhost="$(printf 'a; This session is fine\r\n\033[2J')" remote alice \
		open_session close_session
	run -0 shell_of alice -tt
	contains "$(told)" ', remote from a\x3b This session is fine\x0d\x0a\x1b[2J'
	equal 4 "$(told | wc -l)"
	equal "$(told)" "$(told_by_ledger alice)"
}
