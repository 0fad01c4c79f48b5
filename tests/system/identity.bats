#!/usr/bin/env bats
# By what a process proves which session it is in: the kernel's word, and the token in its session keyring.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup()
{
	start_sessd
	start_sshd
}
teardown() { host_reset; }

# A login that runs this; its session is in `sid`.
alice_runs() # BACKGROUND COMMAND
{
	local before
	before=$(sessions_where true | jq -Rs .)
	background "$1" ssh_as alice -- "$2"
	held "$1"
	one_session "(.sid | inside($before) | not) and .class == \"login\""
	sid=$(of_record sid)
}

# --- sessctl check ---

@test "check: a live session" {
	run -0 ssh_as alice -- 'echo $SESSD_SID; sessctl check && sessctl check --quiet'
	contains "$output" "${lines[0]:0:8} alice sshd: live since "
	equal 2 "${#lines[@]}"
	run -0 ssh_as alice -- 'setsid sh -c "sessctl check -q"'
}

@test "check: within su and sudo, of the login above" {
	run -0 ssh_as alice -- "sudo -n sessctl check; su - bob -c 'sessctl check' <<<'$PASSWORD'; sudo -n keyctl session - sessctl check"
	contains "$output" "alice sshd: live since "
	equal 3 "$(grep -c 'alice sshd: live since ' <<<"$output")"
}

@test "check: the end of a session with a lifetime is told to its user, and to nobody whom he became" {
	stop_sessd
	start_sessd 'policy "long" { lifetime = 10h }'
	run -0 ssh_as alice -- 'sessctl check'
	contains "$output" ", ends "
	run -0 ssh_as alice -- "su bob -c 'sessctl check' <<<'$PASSWORD'"
	contains "$output" "alice sshd: live since "
	run ! grep ', ends ' <<<"$output"
}

@test "check: what outlived its login" {
	alice_runs one 'setsid nohup sh -c "/sessd/hold two; sessctl check; echo \"status \$?\"; sessctl check -q; echo \"quiet \$?\"; echo done" \
		>/tmp/left 2>&1 </dev/null & /sessd/hold one'
	release one
	finish one
	ends_by_logout "$sid"
	release two
	wait_until 'grep -q ^done "$HOST_FS/tmp/left"'
	run -0 cat "$HOST_FS/tmp/left"
	contains "$output" 'sessctl: the session of this process has ended, or sessd never had it'
	contains "$output" 'status 5'
	contains "$output" 'quiet 5'
	equal 5 "${#lines[@]}"
}

@test "check: who never was in a session, and who has no audit session" {
	run -5 on_host sessctl check --quiet
	equal "" "$output"
	on_host bash -c 'echo 4294967295 >/proc/self/loginuid; [ "$(cat /proc/self/sessionid)" = 4294967295 ]' 2>/dev/null ||
		skip "the kernel lets nobody out of an audit session"
	run -5 on_host bash -c 'echo 4294967295 >/proc/self/loginuid; sessctl check'
	equal 'sessctl: this process has no audit session, by which its session would be known' "$output"
}

@test "check: cron jobs are in a session of their own" {
	echo 'session required pam_exec.so type=open_session stdout /usr/bin/sessctl check' >>"$HOST_FS/etc/pam.d/cron"
	run -0 on_host pamtester cron alice acct_mgmt open_session close_session
	contains "$output" 'alice cron: live since '
}

@test "check: no daemon, also quietly" {
	stop_sessd
	run -3 on_host sessctl check --quiet
	contains "$output" 'sessctl: '
}

# --- su and sudo, in everyday life ---

# What was let through without proof, as `USER SERVICE PARENT OTHER: TEXT` lines.
lacking()
{
	ledger | jq -r 'select(.event == "proof_lacking") | "\(.user) \(.service) \(.parent // "-") \(.other_sid // "-"): \(.text)"'
}

# What was refused for want of proof, in the same form.
mismatches()
{
	ledger | jq -r 'select(.event == "session_refused" and .reason == "token_mismatch") |
		"\(.user) \(.service) \(.parent // "-") \(.other_sid // "-"): \(.text)"'
}

# The ledger is complete: what was asked last is in it.
sid_of_last_login()
{
	events_where '.event == "session_opened" and .class == "login"' sid | tail -n 1 | tr -d '"'
}

# A shell's words that empty its session keyring, of the token and of what pam_keyinit has put there.
# shellcheck disable=SC2016
unlink='for key in $(keyctl rlist @s); do keyctl unlink $key @s; done'
no_token='its caller has no token of his login'
no_session='its caller is in no live session'

@test "everyday: with the token of one's login nothing is recorded" {
	run -0 ssh_as alice -- "sudo -n true && sudo -n su bob -c 'sudo -n -l >/dev/null; true' && su bob -c true <<<'$PASSWORD'"
	run -0 login_as alice 'sudo -n true; echo "status $?"'
	contains "$output" "status 0"
	equal "" "$(lacking)$(mismatches)"
}

@test "everyday: after su -, and in a new session keyring, sudo goes on and is recorded" {
	run -0 ssh_as alice -- "su - alice -c 'sudo -n true' <<<'$PASSWORD'"
	equal "alice sudo $(sid_of_last_login) -: $no_token" "$(lacking)"
	run -0 ssh_as alice -- "keyctl session - sudo -n true"
	equal "alice sudo $(sid_of_last_login) -: $no_token" "$(lacking | tail -n 1)"
	equal "" "$(mismatches)"
}

@test "everyday: who has unlinked his token may still become root" {
	run -0 ssh_as alice -- "$unlink && sudo -n true"
	equal "alice sudo $(sid_of_last_login) -: $no_token" "$(lacking)"
}

@test "everyday: sudo in a tmux that outlived its login" {
	alice_runs one 'tmux -L old new-session -d "/sessd/hold tmux; sudo -n id -u >/tmp/tmux.out 2>&1; tmux -L old wait-for -S asked; cat" &&
		/sessd/hold one'
	release one
	finish one
	ends_by_logout "$sid"
	background two ssh_as alice -tt -- 'TERM=vt100 tmux -L old attach'
	wait_until '[ "$(sessions_count ".class == \"login\"")" = 1 ]'
	release tmux
	run -0 ssh_as alice -- 'tmux -L old wait-for asked; tmux -L old kill-server'
	finish two || true
	equal 0 "$(cat "$HOST_FS/tmp/tmux.out")"
	equal "alice sudo - -: $no_session" "$(lacking)"
}

# A job of cron that runs sudo; pam_exec stands for crond's child.
cron_runs() # COMMAND
{
	printf '#!/bin/sh\nexec setpriv --reuid alice --regid alice --init-groups %s\n' "$1" >"$HOST_FS/tmp/job"
	chmod 0755 "$HOST_FS/tmp/job"
	echo 'session required pam_exec.so type=open_session stdout /tmp/job' >>"$HOST_FS/etc/pam.d/cron"
}

@test "everyday: sudo in a cron job, also of a crond that was started in somebody's login" {
	cron_runs 'sudo -n true'
	run -0 on_host pamtester cron alice acct_mgmt open_session close_session
	run -0 ssh_as alice -- 'sudo -n pamtester cron alice acct_mgmt open_session close_session'
	equal '"alice" "alice"' "$(events_where '.service == "cron" and .event == "session_opened"' user | paste -sd ' ')"
	equal "" "$(mismatches)$(lacking)"
}

@test "everyday: a service that nobody logged in to start" {
	on_host bash -c 'echo 4294967295 >/proc/self/loginuid; [ "$(cat /proc/self/sessionid)" = 4294967295 ]' 2>/dev/null ||
		skip "the kernel lets nobody out of an audit session"
	run -0 on_host bash -c 'echo 4294967295 >/proc/self/loginuid
		keyctl session - setpriv --reuid alice --regid alice --init-groups sudo -n true'
	equal "alice sudo - -: $no_session" "$(lacking)"
	run -0 on_host setpriv --reuid alice --regid alice --init-groups keyctl session - sudo -n true
	equal "alice sudo - -: $no_session" "$(lacking | tail -n 1)"
	equal "" "$(mismatches)"
}

# --- Attacks ---

# sudo gives its user no line of the account phase to read; su does.

forged='this shell has a forged token; log in again'
another='this shell has the token of another login; log in again'

plant='head -c 32 /dev/urandom | keyctl padd user sessd:token'

@test "forged: a key that was there before the token is displaced by it" {
	printf '#!/bin/sh\nhead -c 32 /dev/urandom | setpriv --reuid alice --regid alice --clear-groups keyctl padd user sessd:token @s\n' \
		>"$HOST_FS/tmp/plant"
	chmod 0755 "$HOST_FS/tmp/plant"
	sed -i '/^session.*pam_sess/i session required pam_exec.so type=open_session log=/tmp/planted /tmp/plant' "$HOST_FS/etc/pam.d/sshd"
	run -0 ssh_as alice -- 'sudo -n true || exit; for key in $(keyctl rlist @s); do keyctl read $key; done; true'
	contains "$output" 'ermission denied'
	[ -s "$HOST_FS/tmp/planted" ]
	equal "" "$(mismatches)$(lacking)"
}

@test "forged: the token cannot be overwritten, and what replaces it is refused" {
	run ! ssh_as alice -- "$plant @s"
	run ! ssh_as alice -- "$unlink; $plant @s; sudo -n touch /tmp/forged"
	contains "$output" "PAM account management error"
	equal "alice sudo $(sid_of_last_login) -: $forged" "$(mismatches)"
	run ! ssh_as bob -- "$unlink; $plant @s; su alice -c 'touch /tmp/forged' <<<'$PASSWORD'"
	contains "$output" "sessd: $forged"
	equal "alice su $(sid_of_last_login) -: $forged" "$(mismatches | tail -n 1)"
	[ ! -e "$HOST_FS/tmp/forged" ]
	equal "" "$(lacking)"
}

@test "forged: in a keyring within, or in that of the user, it is not looked at" {
	run -0 ssh_as alice -- "ring=\$(keyctl newring sub @s); $plant \$ring; $plant @u; keyctl link @u @s; sudo -n true"
	equal "" "$(mismatches)$(lacking)"
	# Nor does it stand for one that is missing.
	run -0 ssh_as alice -- "$unlink; ring=\$(keyctl newring sub @s); $plant \$ring; keyctl link @u @s
		sudo -n true; keyctl clear @u"
	equal "alice sudo $(sid_of_last_login) -: $no_token" "$(lacking)"
	equal "" "$(mismatches)"
}

@test "joined: the keyring of another login, of the same user and of another" {
	local first
	alice_runs one 'keyctl setperm @s 0x3f3f3f3f && /sessd/hold one'
	first=$sid
	run ! ssh_as alice -- 'keyctl session _ses sudo -n touch /tmp/joined'
	contains "$output" "PAM account management error"
	equal "alice sudo $(sid_of_last_login) $first: $another" "$(mismatches)"
	run ! ssh_as bob -- "keyctl session _ses su carol -c 'touch /tmp/joined' <<<'$PASSWORD'"
	contains "$output" "sessd: $another"
	equal "carol su $(sid_of_last_login) $first: $another" "$(mismatches | tail -n 1)"
	[ ! -e "$HOST_FS/tmp/joined" ]
	equal "" "$(lacking)"
	# The one who shared it keeps what is his.
	release one
	finish one
}

@test "shared: a keyring of another login that is linked into one's own is not looked at" {
	local ring
	# shellcheck disable=SC2016
	alice_runs one 'keyctl setperm @s 0x3f3f0000 && echo "ring $(keyctl show @s | awk "NR == 2 { print \$1 }")"; /sessd/hold one'
	ring=$(output_of one | awk '/^ring/ { print $2 }')
	run -0 ssh_as alice -- "keyctl link $ring @s && sudo -n true"
	equal "" "$(mismatches)$(lacking)"
	run -0 ssh_as alice -- "$unlink; keyctl link $ring @s && sudo -n true"
	equal "alice sudo $(sid_of_last_login) -: $no_token" "$(lacking)"
	release one
	finish one
}

@test "joined: the keyring of a login that is over shows nothing, or is revoked" {
	alice_runs one 'keyctl setperm @s 0x3f3f0000; setsid keyctl session _ses /sessd/hold two >/dev/null 2>&1 & /sessd/hold one'
	release one
	finish one
	ends_by_logout "$sid"
	run ssh_as alice -- 'keyctl session _ses sudo -n true'
	equal "" "$(mismatches)"
	release two
}

# As root in a session: prints its token's key.
# shellcheck disable=SC2016
root_finds='for key in $(keyctl rlist @s); do keyctl rdescribe $key | grep -q ";sessd:token$" && echo $key; done'

@test "copied: a genuine token, replayed from another session, by root or by a user, and after its session" {
	local first second
	echo "$root_finds" >"$HOST_FS/tmp/find"
	# Once, somebody was root in the first session.
	alice_runs one "/sessd/hold copy; sudo -n sh -c 'keyctl pipe \$(sh /tmp/find) >/tmp/copy; chmod 644 /tmp/copy'; /sessd/hold one; /sessd/hold end"
	first=$sid
	release copy
	held one 2
	equal 32 "$(stat -c %s "$HOST_FS/tmp/copy")"
	# The user has his copy: a key of his own is none of root's.
	run ! ssh_as alice -- "$unlink; keyctl padd user sessd:token @s </tmp/copy; sudo -n touch /tmp/replayed"
	equal "alice sudo $(sid_of_last_login) -: $forged" "$(mismatches)"
	# Root's hand puts it into the token of another login.
	run ! ssh_as alice -- "sudo -n sh -c 'keyctl pupdate \$(sh /tmp/find) </tmp/copy'; sudo -n touch /tmp/replayed"
	contains "$(mismatches | tail -n 1)" "alice sudo $(sid_of_last_login) $first: "
	run ! ssh_as bob -- "sudo -S -p '' sh -c 'keyctl pupdate \$(sh /tmp/find) </tmp/copy' <<<'$PASSWORD'; sudo -k -S -p '' touch /tmp/replayed <<<'$PASSWORD'"
	contains "$(mismatches | tail -n 1)" "bob sudo $(sid_of_last_login) $first: "
	[ ! -e "$HOST_FS/tmp/replayed" ]
	release one
	release end
	finish one
	ends_by_logout "$first"
	# It is nobody's now.
	run -0 ssh_as alice -- "sudo -n sh -c 'keyctl pupdate \$(sh /tmp/find) </tmp/copy'; sudo -n true"
	second=$(sid_of_last_login)
	equal "alice sudo $second -: $no_token" "$(lacking)"
}

# A session's connection, on which this process says hello. The rest is said by who gets it.
# shellcheck disable=SC2016
connection='import os, socket, struct, sys
def message(kind, version, serial, fields=b""):
    return struct.pack(">BBHI", version, kind, 0, serial) + fields
def field(tag, value):
    return struct.pack(">HH", tag, len(value)) + value
def said(connection):
    answer = connection.recv(32768)
    return {64: "welcome", 68: "error %d" % struct.unpack(">Q", answer[12:20]), 69: "session"}[answer[1]] if answer else "closed"
HELLO = message(1, 0, 1, field(1, struct.pack(">Q", 1)) + field(2, struct.pack(">Q", 1)) + field(3, b"test"))
CHECK = message(22, 1, 2)
def connect():
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect("/run/sessd/ctl.sock")
    connection.send(HELLO)
    print(said(connection), flush=True)
    return connection
'

@test "a descriptor of another session speaks for nobody" {
	# One session listens, takes what the other one passes on, and asks on it; its own is answered.
	printf '%s' "$connection" 'door = socket.socket(socket.AF_UNIX)
door.bind("/tmp/door")
os.chmod("/tmp/door", 0o666)
door.listen()
print("held", flush=True)
_, (passed, *_), _, _ = socket.recv_fds(door.accept()[0], 1, 1)
passed = socket.socket(fileno=passed)
passed.send(CHECK)
print("on the other one:", said(passed), said(passed))
own = connect()
own.send(CHECK)
print("on its own:", said(own))
' >"$HOST_FS/tmp/taker"
	printf '%s' "$connection" 'own = connect()
door = socket.socket(socket.AF_UNIX)
door.connect("/tmp/door")
socket.send_fds(door, [b"x"], [own.fileno()])
sys.stdin.read()
' >"$HOST_FS/tmp/giver"
	background one ssh_as bob -- 'python3 /tmp/taker'
	held one
	run -0 ssh_as alice -- 'python3 /tmp/giver </dev/null && echo given'
	contains "$output" given
	finish one
	contains "$(output_of one)" 'on the other one: error 4 closed'
	contains "$(output_of one)" 'on its own: session'
	contains "$(cat "$HOST_FS/var/log/sessd.log")" 'another process speaks on its connection'
}

@test "a connection whose maker has exited speaks for nobody" {
	printf '%s' "$connection" 'own = connect()
own.send(CHECK)
print(said(own), flush=True)
parent = os.getpid()
if os.fork():
    os._exit(0)
while os.getppid() == parent:
    pass
own.send(CHECK)
print("then", said(own))
' >"$HOST_FS/tmp/exits"
	run -0 ssh_as alice -- 'python3 /tmp/exits | cat'
	contains "$output" 'session'
	contains "$output" 'then error 4'
}

# --- Where proof is required ---

# sessd anew, with these settings.
strict() # SETTINGS
{
	stop_sessd
	start_sessd "$1"
}

@test "token = required: no token, no sudo" {
	strict 'token = required'
	run -0 ssh_as alice -- 'sudo -n true'
	run ! ssh_as bob -- "keyctl session - su carol -c true <<<'$PASSWORD'"
	contains "$output" 'sessd: this shell has no token of its login; log in again'
	equal "carol su $(sid_of_last_login) -: this shell has no token of its login; log in again" "$(mismatches)"
	# What has no token of its own lacks none.
	cron_runs 'sudo -n true'
	run -0 on_host pamtester cron alice acct_mgmt open_session close_session
	equal "" "$(lacking)"
}

@test "orphans = deny: what outlived its login stays what it is" {
	local words='this shell outlived the login that it belongs to; authenticate again'
	strict 'orphans = deny'
	run -0 ssh_as alice -- 'keyctl session - sudo -n true'
	background one ssh_as bob -- "setsid nohup sh -c '/sessd/hold two; echo \"$PASSWORD\" | su carol -c true; echo status \$?' >/tmp/left 2>&1 </dev/null &
		/sessd/hold one"
	held one
	one_session '.user == "bob"'
	sid=$(of_record sid)
	release one
	finish one
	ends_by_logout "$sid"
	release two
	wait_until 'grep -q ^status "$HOST_FS/tmp/left"'
	contains "$(cat "$HOST_FS/tmp/left")" "sessd: $words"
	run ! grep -x 'status 0' "$HOST_FS/tmp/left"
	equal "carol su - -: $words" "$(mismatches)"
}

@test "strictness spares who is exempt, breaks glass or is root already" {
	local i
	strict 'token = required
		orphans = deny
		policy "chosen" { users = {"alice"} exempt = true }'
	echo 'erin ALL=(ALL:ALL) NOPASSWD: ALL' >>"$HOST_FS/etc/sudoers"
	for i in alice erin; do
		run -0 ssh_as "$i" -- "keyctl session - sudo -n true; $unlink; $plant @s; sudo -n true"
	done
	run -0 on_host su bob -c true
	equal "alice sudo: $no_token
alice sudo: its caller has a forged token, and is spared
erin sudo: $no_token
erin sudo: its caller has a forged token, and is spared
bob su: $no_session" "$(lacking | sed -E 's/ [0-9a-f-]+ -:/:/')"
	equal "" "$(mismatches)"
	# Who is exempt stays so when he becomes another one who is not.
	run -0 ssh_as alice -- "keyctl session - su bob -c true <<<'$PASSWORD'"
	run ! ssh_as bob -- "keyctl session - su carol -c true <<<'$PASSWORD'"
	equal 1 "$(mismatches | wc -l)"
}
