#!/usr/bin/env bats
# Every way to log in is one session from its beginning to its end: listed, known to its user, and in the ledger. The
# token is in its keyring, out of its user's reach.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup()
{
	start_sessd 'policy "all" { max_sessions = 50 }'
	start_sshd
}
teardown() { host_reset; }

# What a login runs: it says by which id it knows itself, and stays until it is released.
# shellcheck disable=SC2016
say_and_hold='echo; echo "sid $SESSD_SID"; /sessd/hold'

# The one live session is what is expected; the environment of the login in the background has its sid.
is_listed() # BACKGROUND 'USER SERVICE CLASS RHOST PHASE'
{
	one_session true
	equal "$2" "$(of_record user service class rhost phase)"
	[ -z "${1:-}" ] || contains "$(output_of "$1")" "sid $(of_record sid)"
}

logs_out() # BACKGROUND
{
	release "$1"
	finish "$1"
	ends_by_logout "$(of_record sid)"
}

@test "the stacks are those of the examples, and doctor finds nothing in them" {
	local name names=
	for name in etc/pam.d.examples/*; do
		# What host-root.sh adds.
		diff <(sed 's/pam_sess\.so/& timeout=5s/' "$name") "$HOST_FS/etc/pam.d/${name##*/}"
		names+=" ${name##*/}"
	done
	equal " chpasswd login passwd sessd-reauth sshd su sudo sudo-i systemd-user" "$names"
	# No file that they include runs the module, which would hide where it stands.
	run ! grep pam_sess "$HOST_FS"/etc/pam.d/common-*
	run -0 on_host sessctl doctor
	equal '0 errors, 0 warnings' "$output"
}

@test "ssh without a terminal" {
	background one ssh_as alice -- "$say_and_hold one"
	held one
	is_listed one 'alice sshd login 127.0.0.1 active'
	equal "ssh 2101" "$(of_record tty uid)"
	logs_out one
}

@test "ssh with a terminal" {
	background one ssh_as alice -tt -- "tty; $say_and_hold one"
	held one
	contains "$(output_of one)" /dev/pts/
	is_listed one 'alice sshd login 127.0.0.1 active'
	logs_out one
}

@test "ssh from ::1" {
	background one ssh_as alice -o HostName=::1 -- "$say_and_hold one"
	held one
	is_listed one 'alice sshd login ::1 active'
	logs_out one
}

@test "ssh -N, which runs nothing" {
	background one ssh_as alice -N
	is_listed '' 'alice sshd login 127.0.0.1 active'
	on_host kill "$(on_host pgrep -x ssh)"
	ends_by_logout "$(of_record sid)"
}

@test "sftp" {
	sftp_held() { sftp_as alice <<<'!/sessd/hold one'; }
	background one sftp_held
	held one
	is_listed '' 'alice sshd login 127.0.0.1 active'
	logs_out one
}

@test "scp" {
	local scp=(scp "${ssh_options[@]}" -i /root/keys/alice)
	echo text >"$HOST_FS/tmp/file"
	on_host "${scp[@]}" /tmp/file alice@127.0.0.1:copy
	equal text "$(cat "$HOST_FS/home/alice/copy")"
	ends_by_logout "$(events_where '.event == "session_opened"' sid | tr -d '"')"

	# By the protocol of old, into a pipe: the copy goes on until somebody reads it.
	on_host setpriv --reuid alice mkfifo -m 0666 /home/alice/pipe
	background one on_host "${scp[@]}" -O /tmp/file alice@127.0.0.1:pipe
	is_listed '' 'alice sshd login 127.0.0.1 active'
	equal text "$(on_host cat /home/alice/pipe)"
	finish one
	ends_by_logout "$(of_record sid)"
}

@test "channels of one connection are one session" {
	local sid mux=(-S /tmp/mux)
	background master ssh_as alice "${mux[@]}" -M -N
	wait_until '[ -S "$HOST_FS/tmp/mux" ]'
	background one ssh_as alice "${mux[@]}" -- "$say_and_hold one"
	background two ssh_as alice "${mux[@]}" -tt -- "$say_and_hold two"
	held one
	held two
	run -0 sftp_as alice -o ControlPath=/tmp/mux <<<pwd
	contains "$output" /home/alice
	is_listed one 'alice sshd login 127.0.0.1 active'
	sid=$(of_record sid)
	contains "$(output_of two)" "sid $sid"
	release one
	finish one
	is_listed two 'alice sshd login 127.0.0.1 active'
	equal "$sid" "$(of_record sid)"
	release two
	finish two
	ssh_as alice "${mux[@]}" -O exit
	ends_by_logout "$sid"
	equal 1 "$(events_where '.event == "session_opened"' | wc -l)"
}

@test "by key, by password and by keyboard-interactive" {
	background key ssh_as alice -- "$say_and_hold key"
	background password ssh_password bob -- "$say_and_hold password"
	background typed ssh_kbdint carol -- "$say_and_hold typed"
	held key
	held password
	held typed
	one_session '.user == "alice"'
	[[ $(of_record auth) == "publickey SHA256:"* ]]
	one_session '.user == "bob"'
	contains "$(output_of password)" "sid $(of_record sid)"
	equal "bob sshd login 127.0.0.1 active password" "$(of_record user service class rhost phase auth)"
	one_session '.user == "carol"'
	contains "$(output_of typed)" "sid $(of_record sid)"
	equal "carol sshd login 127.0.0.1 active keyboard-interactive/pam" \
		"$(of_record user service class rhost phase auth)"
	release typed
	finish typed
	ends_by_logout "$(of_record sid)"
	equal 2 "$(sessions_count)"
}

@test "root by ssh, where sshd is one process" {
	install -D -m 0600 "$HOST_FS/home/alice/.ssh/authorized_keys" "$HOST_FS/root/.ssh/authorized_keys"
	background one ssh_as alice -l root -tt -- "$say_and_hold one"
	held one
	rm -r "$HOST_FS/root/.ssh"
	is_listed one 'root sshd login 127.0.0.1 active'
	logs_out one
}

@test "login on a console" {
	background one login_as alice "$say_and_hold one"
	held one
	is_listed one 'alice login login - active'
	[[ $(of_record tty) == /dev/pts/* ]]
	logs_out one
}

@test "a login that fails to authenticate is no session" {
	SSH_PASSWORD=wrong run ! ssh_password alice -- true
	LOGIN_PASSWORD=wrong run -1 login_as alice true
	equal "" "$(sessions)"
	equal "" "$(events_where '.sid')"
}

@test "systemd-user is not tracked" {
	stack systemd-user 'account required pam_sess.so' 'account required pam_permit.so' \
		'session required pam_sess.so' 'session required pam_exec.so type=open_session /usr/bin/env' \
		'session required pam_permit.so'
	background one ssh_as alice -- '/sessd/hold one'
	held one
	one_session true
	# pam_exec shows what is in the PAM environment.
	run -0 on_host pamtester systemd-user alice acct_mgmt open_session close_session
	contains "$output" "successfully opened a session"
	[[ $output != *SESSD_SID* ]]
	equal 1 "$(sessions_count)"
	equal "$(of_record sid)" "$(events_where '.sid' sid | tr -d '"' | sort -u)"
}

# --- The token ---

# As alice, in a session: prints the errors of everything that she may try on the key.
# shellcheck disable=SC2016
try_all='
	exec 2>&1
	for key in $(keyctl rlist @s); do keyctl rdescribe $key >/dev/null 2>&1 || token=$token$key; done
	echo "token $token"
	try() { echo "$1: $("${@:2}" 2>&1)"; }
	try view keyctl rdescribe $token
	try read keyctl print $token
	try search keyctl search @s user sessd:token
	try request keyctl request user sessd:token
	try link keyctl link $token @u
	try move keyctl move $token @s @u
	try setperm keyctl setperm $token 0x3f3f3f3f
	try chown keyctl chown $token 2101
	try chgrp keyctl chgrp $token 2101
	try timeout keyctl timeout $token 1
	try update keyctl update $token evil
	try add keyctl add user sessd:token evil @s
	try revoke keyctl revoke $token
	try invalidate keyctl invalidate $token
	if unshare -Ur true 2>/dev/null; then
		try namespace-read unshare -Ur keyctl print $token
		try namespace-setperm unshare -Ur keyctl setperm $token 0x3f3f3f3f
	fi
	grep sessd:token /proc/keys'

# The token of the session keyring that the command runs with, as root sees it: its description and its length.
# shellcheck disable=SC2016
show_token='for key in $(keyctl rlist @s); do
	case $(sudo -n keyctl rdescribe $key) in
	*sessd:token) echo "$key $(sudo -n keyctl rdescribe $key) $(sudo -n keyctl pipe $key | wc -c)" ;;
	esac
done'

@test "the token is root's alone, and its user can do nothing with it" {
	run -0 ssh_as alice -- "$show_token; ($try_all); $show_token"
	local key what
	key=$(awk '$1 == "token" { print $2 }' <<<"$output")
	equal "$key user;0;0;003f0000;sessd:token 32" "${lines[0]}"
	# It came through all of that.
	equal "${lines[0]}" "${lines[-1]}"
	for what in view read search request link move setperm chown chgrp timeout update add revoke invalidate; do
		[[ $output =~ (^|$'\n')$what:[^$'\n']*Permission\ denied ]] || equal "$what: Permission denied" "$output"
	done
	[[ ! $output =~ namespace-[a-z]*:\ (user|$) ]]
	# Neither she nor anybody saw it in /proc/keys.
	equal 2 "$(grep -c sessd:token <<<"$output")"
}

@test "each login has its own token" {
	local tokens='for key in $(keyctl rlist @s); do sudo -n keyctl rdescribe $key | grep -q sessd:token$ &&
		sudo -n keyctl pipe $key | sha256sum; done'
	local one two
	one=$(ssh_as alice -- "$tokens")
	two=$(ssh_as alice -- "$tokens")
	[ ${#one} -gt 64 ] && [ ${#two} -gt 64 ]
	[ "$one" != "$two" ]
}

@test "a session whose token its user threw away is still known" {
	# shellcheck disable=SC2016
	run -0 ssh_as alice -- 'for key in $(keyctl rlist @s); do
			keyctl rdescribe $key >/dev/null 2>&1 || keyctl unlink $key @s; done
		echo $SESSD_SID; sudo -n sh -c "echo \$SESSD_SID"; '"$show_token"
	equal 2 "${#lines[@]}" # and no token
	equal "\"${lines[0]}\"" "$(events_where ".event == \"session_opened\" and .sid == \"${lines[1]}\"" parent)"
}

# A keyring of her own, with a key of the token's name in it that she can read, in which a login is then made.
@test "a key of the token's name that the user planted is displaced, and never holds the secret" {
	stack remote 'account required pam_sess.so' 'session required pam_sess.so'
	# shellcheck disable=SC2016
	run -0 on_host setpriv --reuid alice --regid alice --clear-groups keyctl session - bash -c '
		planted=$(keyctl add user sessd:token planted @s)
		echo "keyring $(keyctl rdescribe @s)"
		sudo -n pamtester remote alice open_session
		echo "planted $(keyctl print $planted 2>&1)"
		'"$show_token"
	contains "$output" "keyring keyring;2101;2101"
	contains "$output" "successfully opened a session"
	# It is gone with the link to it, or it is what it was.
	[[ $output == *"planted planted"* || $output == *"planted keyctl_read_alloc: "* ]]
	[[ ${lines[-1]} == *" user;0;0;003f0000;sessd:token 32" ]]
}

@test "a key of the token's name in the user's keyring is not taken for it" {
	# shellcheck disable=SC2016
	run -0 ssh_as alice -- 'keyctl add user sessd:token planted @u'
	run -0 ssh_as alice -- "keyctl print %user:sessd:token; $show_token"
	on_host setpriv --reuid alice keyctl purge -s user sessd:token >/dev/null
	equal "32" "${lines[-1]##* }"
	equal 1 "$(grep -c ';sessd:token' <<<"$output")"
}

@test "without pam_keyinit each login gets a keyring of its own" {
	without_module pam_keyinit
	local say='keyctl rdescribe @s; keyctl rdescribe @s | cut -d\; -f1,2,3; keyctl show @s | sed -n 2p; /sessd/hold'
	# The keyring that sshd has, and would share.
	on_host sh -c 'kill $(cat /run/sshd.pid)'
	wait_until '[ ! -e "$HOST_FS/run/sshd.pid" ]'
	on_host keyctl session - bash -c 'keyctl show @s | sed -n 2p; /usr/sbin/sshd -E /var/log/sshd.log' >"$BATS_TEST_TMPDIR/sshd"
	wait_until '[ -s "$HOST_FS/run/sshd.pid" ]'
	background one ssh_as alice -- "$say one"
	background two ssh_as bob -- "$say two"
	background three ssh_as alice -- "$say three"
	held one
	held two
	held three
	contains "$(output_of one)" "keyring;2101;2101"
	contains "$(output_of two)" "keyring;2102;2102"
	local serials
	serials=$(cat "$BATS_TEST_TMPDIR"/{sshd,one.out,two.out,three.out} | awk '/ keyring: / { print $1 }')
	equal 4 "$(sort -u <<<"$serials" | grep -c .)"
	# And each holds one token, which its user cannot see.
	run -0 ssh_as alice -- "$show_token"
	equal 1 "${#lines[@]}"
}

# --- Who sees what ---

@test "a user sees and ends his own sessions, an administrator all" {
	background one ssh_as alice -- "$say_and_hold one"
	background two ssh_as bob -- "$say_and_hold two"
	held one
	held two
	one_session '.user == "bob"'
	local bob
	bob=$(of_record sid)
	equal alice "$(ssh_as alice -- sessctl list --json | jq -r .user | sort -u)"
	equal "alice bob dave" "$(ssh_as dave -- sessctl list --json | jq -r .user | sort -u | paste -sd ' ')"
	equal "alice bob" "$(on_host sessctl list --json | jq -r .user | sort | paste -sd ' ')"
	equal alice "$(ssh_as alice -- sessctl list --all --json | jq -r .user | sort -u)"
	equal alice "$(ssh_as alice -- sessctl audit export | jq -r .user | sort -u)"
	run -0 ssh_as alice -- sessctl list --user bob --json
	equal "" "$output"
	run -4 ssh_as alice -- sessctl show "$bob"
	run -4 ssh_as alice -- sessctl show "${bob:0:8}"
	run -4 ssh_as alice -- sessctl revoke "$bob"
	run -4 ssh_as alice -- sessctl revoke --user bob
	run -0 ssh_as bob -- sessctl show "${bob:0:8}"
	contains "$output" "$bob"
	background_runs two
	run -0 ssh_as dave -- sessctl revoke "$bob"
	run ! finish two
	ends_so "$bob" 'session_opened session_ending(revoked) session_ended(revoked)'
	equal dave "$(events_where ".sid == \"$bob\" and .event == \"session_ended\"" by | tr -d '"')"
	background_runs one
}

@test "a user ends one of his own sessions" {
	background one ssh_as alice -- "$say_and_hold one"
	held one
	one_session true
	run -0 ssh_as alice -- sessctl revoke "$(of_record sid)"
	run ! finish one
	ends_so "$(of_record sid)" 'session_opened session_ending(revoked) session_ended(revoked)'
	equal alice "$(events_where ".sid == \"$(of_record sid)\" and .event == \"session_ended\"" by | tr -d '"')"
}

@test "exit codes of sessctl" {
	run -0 on_host sessctl list
	run -5 on_host sessctl show 0123456789abcdef0123456789abcdef
	run -5 on_host sessctl show 0123
	run -5 on_host sessctl revoke --user alice
	run -2 on_host sessctl show 012
	run -2 on_host sessctl show
	run -2 on_host sessctl revoke
	run -2 on_host sessctl no-such-command
	run -0 on_host sessctl status --json
	stop_sessd
	run -3 on_host sessctl list
	run -3 on_host sessctl revoke --user alice
}
