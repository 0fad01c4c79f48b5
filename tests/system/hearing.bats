#!/usr/bin/env bats
# sessctl reauth: the user of a session proves himself again by PAM, in a program that does nothing else.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup()
{
	install -m 0644 "$BATS_TEST_DIRNAME/../../etc/pam.d.examples/sessd-reauth" "$HOST_FS/etc/pam.d/"
	on_host cp -a /etc/shadow /sessd/shadow
	start_sessd
	start_reauth
	start_sshd
}
teardown()
{
	rm -f "$HOST_FS/etc/ld.so.preload"
	on_host cp -a /sessd/shadow /etc/shadow
	host_reset
}

# The lines that stand above those of the sample.
also_asks() # LINE…
{
	printf '%s\n' "$@" | cat - "$HOST_FS/etc/pam.d/sessd-reauth" >"$BATS_TEST_TMPDIR/stack"
	cp "$BATS_TEST_TMPDIR/stack" "$HOST_FS/etc/pam.d/sessd-reauth"
}
otp='auth requisite /sessd/build/tests/lib/pam_otp.so'

# answering USER [PATTERN ANSWER]… -- COMMAND: a login on a terminal that runs the command, where this is typed.
answering()
{
	local user=$1 command=${*: -1}
	shift
	on_host expect -f /sessd/source/tests/lib/answer.exp "${@:1:$#-1}" ssh "${ssh_options[@]}" -i "/root/keys/$user" \
		-tt "$user@127.0.0.1" "$command"
}

# The key with the token, among those that the background has listed.
token_key() # BACKGROUND
{
	local key
	for key in $(output_of "$1" | grep -E '^[0-9 ]+$'); do
		case $(on_host keyctl rdescribe "$key") in *';sessd:token') echo "$key" ;; esac
	done
}

by_password="sessctl reauth --quiet --stdin <<<'$PASSWORD'"

proved() # USER…
{
	equal "$*" "$(events_where '.event == "reauthenticated"' | jq -r .user | paste -sd ' ')"
}

# The processes that hold a conversation: those that are not the one that listens.
hearings()
{
	on_host pgrep -f '^sessd-reauth --runtime-dir' || true
}

# Whatever a conversation had is gone.
all_is_over()
{
	wait_until '[ -z "$(hearings)" ]'
}

# Of the ledger: who did not prove himself, and why.
not_proved()
{
	events_where '.event == "reauth_refused"' | jq -r '"\(.user) \(.reason): \(.text)"'
}

@test "the right password proves it, and the ledger says so" {
	run -0 answering alice 'Password: ' "$PASSWORD" -- 'sessctl reauth'
	contains "$output" 'authenticated again'
	[[ $output != *"$PASSWORD"* ]]
	equal 1 "$(events_where '.event == "reauthenticated"' | wc -l)"
	equal alice "$(events_where '.event == "reauthenticated"' user | tr -d '"')"
	equal "" "$(not_proved)"
	all_is_over
	# Nothing of it anywhere.
	run ! on_host grep -r "$PASSWORD" /var/log /run
}

@test "a wrong one does not: three tries, each recorded" {
	run -1 answering bob 'Password: ' wrong 'Password: ' worse 'Password: ' worst -- 'sessctl reauth'
	contains "$output" 'Sorry, try again.'
	contains "$output" 'sessctl: Authentication failure'
	equal "$(printf 'bob reauth: Authentication failure\n%.0s' 1 2 3)" "$(not_proved)"
	equal "" "$(events_where '.event == "reauthenticated"')"
	all_is_over
}

@test "the second try may be the right one" {
	run -0 answering bob 'Password: ' wrong 'Password: ' "$PASSWORD" -- 'sessctl reauth -q'
	equal "bob reauth: Authentication failure" "$(not_proved)"
	equal 1 "$(events_where '.event == "reauthenticated"' | wc -l)"
}

@test "too many tries: refused for a minute, recorded once, and others are not hindered" {
	local wrong='printf "wrong\n%.0s" 1 2 3 | sessctl reauth --stdin'
	run -1 ssh_as alice -- "$wrong"
	contains "$output" 'sessctl: Authentication failure'
	run -1 ssh_as alice -- "$wrong"
	contains "$output" 'too many tries; wait a minute'
	run -1 ssh_as alice -- "sessctl reauth --stdin <<<'$PASSWORD'"
	equal 1 "$(not_proved | grep -c 'too many tries')"
	run -0 ssh_as bob -- "sessctl reauth --stdin <<<'$PASSWORD'"
}

# --- What it is good for ---

@test "a sudo that is refused for its age works after it, and the token is another one" {
	local key before
	case ${BUILD:-} in *address* | *thread*) skip "what moves the clock does not go with a sanitizer" ;; esac
	stop_sessd
	install -m 0644 "$HOST_TOP/build/plain/tests/lib/clockshift.so" "$HOST_FS/sessd/clockshift.so"
	asleep 0
	echo /sessd/clockshift.so >"$HOST_FS/etc/ld.so.preload"
	start_sessd 'policy "all" { reauth = 15m }'
	# The line is in the stack of sessd-reauth, too, and asks nothing of it there.
	pam_arguments timeout=5s reauth=10m
	background one ssh_as alice -- "keyctl rlist @s; /sessd/hold one; sudo -n true; echo stale \$?
		$by_password; echo reauth \$?; sudo -n true; echo fresh \$?"
	held one
	key=$(token_key one)
	[ -n "$key" ]
	before=$(on_host keyctl pipe "$key" | sha256sum)
	asleep 20
	release one
	finish one
	equal "stale 1 reauth 0 fresh 0" "$(output_of one | grep -E '^(stale|reauth|fresh) ' | paste -sd ' ')"
	proved alice
	equal "alice reauth" "$(events_where '.event == "session_refused"' | jq -r '"\(.user) \(.reason)"')"
	[ "$before" != "$(on_host keyctl pipe "$key" 2>/dev/null | sha256sum)" ]
}

asleep() # MINUTES
{
	perl -e 'print pack("q<q<", $ARGV[0] * 60e9, $ARGV[0] * 60e9)' -- "$1" 1<>"$HOST_FS/run/clockshift"
}

@test "the token is replaced at once, and the one before is worth nothing" {
	local key before
	background one ssh_as alice -- "keyctl rlist @s; /sessd/hold one; $by_password; echo; /sessd/hold two"
	held one
	key=$(token_key one)
	[ -n "$key" ]
	before=$(on_host keyctl pipe "$key" | sha256sum)
	release one
	held one 2
	[ "$before" != "$(on_host keyctl pipe "$key" | sha256sum)" ]
	proved alice
	release two
	finish one
}

# --- Conversations ---

@test "two questions, and what a module says, in several lines" {
	also_asks "$otp code=123456 say=Touch_it|now"
	run -0 answering alice 'Touch_it\r\nnow\r\n.*One-time code: ' 123456 'Password: ' "$PASSWORD" -- 'sessctl reauth'
	# What is no secret is shown while it is typed.
	contains "$output" 'One-time code: 123456'
	proved alice
	run -1 ssh_as bob -- "printf '%s\n' 000000 '$PASSWORD' 999999 | sessctl reauth -S"
	proved alice
}

@test "what cannot be shown is escaped" {
	also_asks "$otp say=$(printf 'a\033[2Jb')"
	run -0 ssh_as alice -- "$by_password"
	contains "$output" 'a\x1b[2Jb'
}

@test "a module that asks for what is no text, or puts another user in his place" {
	also_asks "$otp binary"
	run -3 ssh_as alice -- "$by_password"
	contains "$output" 'a PAM module asks for something that is no text'
	install -m 0644 "$BATS_TEST_DIRNAME/../../etc/pam.d.examples/sessd-reauth" "$HOST_FS/etc/pam.d/"
	also_asks "$otp user=bob"
	run -1 ssh_as alice -- "$by_password"
	proved
}

@test "an answer that is longer than PAM takes" {
	run -1 ssh_as alice -- 'head -c 512 /dev/zero | tr "\0" a | sessctl reauth -S'
	contains "$output" 'an answer may have 511 bytes'
	run -1 ssh_as alice -- 'head -c 511 /dev/zero | tr "\0" a | sessctl reauth -S'
	contains "$output" 'Sorry, try again.'
}

@test "a client that is killed while it is asked leaves nothing, and is recorded" {
	run ! answering alice 'Password: ' '!pkill -9 -x sessctl' -- 'sessctl reauth; exit 1'
	all_is_over
	wait_until '[ "$(not_proved)" = "alice reauth: he went away while he was asked" ]'
	proved
}

@test "a session that is revoked while it is asked" {
	run ! answering alice 'Password: ' '!sessctl revoke --user alice' -- 'sessctl reauth'
	all_is_over
	proved
}

@test "an interrupt leaves the terminal as it was" {
	# shellcheck disable=SC2016
	run -0 answering alice 'Password: ' ^C -- 'trap : INT; sessctl reauth; echo "status $?"; stty -a'
	contains "$output" 'status 130'
	contains "$output" 'isig icanon iexten echo echoe'
	all_is_over
}

@test "a stop leaves it so, too, and it goes on afterwards" {
	# shellcheck disable=SC2016
	run -0 answering alice 'Password: ' ^Z 'Password: ' "$PASSWORD" -- \
		'set -m; sessctl reauth; echo "status $?"; stty -a; fg; echo "then $?"'
	contains "$output" 'status 148'
	contains "$output" 'isig icanon iexten echo echoe'
	contains "$output" 'then 0'
	proved alice
}

# --- Who may ---

@test "no session, and somebody else's" {
	run -5 on_host setpriv --reuid alice --regid alice --clear-groups sessctl reauth -S
	run -4 ssh_as alice -- "su bob -c \"$by_password\" <<<'$PASSWORD'"
	contains "$output" "this session is alice's"
	run -4 ssh_as alice -- "sudo -n bash -c \"$by_password\""
	proved
	# Root for himself.
	on_host sh -c 'install -d -m 0700 /root/.ssh && cp /root/keys/alice.pub /root/.ssh/authorized_keys'
	on_host usermod -p "$(on_host getent shadow alice | cut -d : -f 2)" root
	run -0 on_host ssh "${ssh_options[@]}" -i /root/keys/alice root@127.0.0.1 "$by_password"
	proved root
}

@test "an account that has expired, and a password that has" {
	background one ssh_as bob -- "/sessd/hold one; $by_password; echo \$?; /sessd/hold two; $by_password; echo \$?"
	held one
	on_host chage -E 0 bob
	release one
	held one 2
	contains "$(output_of one)" 'Your account has expired'
	on_host chage -E -1 -d 0 bob
	release two
	finish one
	contains "$(output_of one)" 'the password has expired: change it with passwd(1) first'
	proved
}

@test "who has no password proves nothing by an empty one" {
	stack sessd-reauth 'auth required pam_unix.so nullok' 'account required pam_unix.so'
	on_host usermod -p '' carol
	run -1 ssh_as carol -- 'printf "\n\n\n" | sessctl reauth -S'
	proved
}

@test "failures are counted by pam_faillock" {
	stack sessd-reauth 'auth required pam_faillock.so preauth deny=2' 'auth [success=1 default=ignore] pam_unix.so nodelay' \
		'auth [default=die] pam_faillock.so authfail deny=2' 'auth required pam_permit.so' 'account required pam_faillock.so' \
		'account required pam_unix.so'
	run -1 ssh_as bob -- "printf '%s\n' wrong worse '$PASSWORD' | sessctl reauth -S"
	proved
	# The third was the right one, and came too late.
	equal 3 "$(not_proved | wc -l)"
	equal 2 "$(on_host faillock --user bob | grep -c 'SVC *sessd-reauth')"
	on_host faillock --user bob --reset
	run -0 ssh_as bob -- "$by_password"
}

@test "without a file of its own the service is other's" {
	rm "$HOST_FS/etc/pam.d/sessd-reauth"
	run -1 ssh_as alice -- "$by_password"
	proved
}

# --- When something is missing ---

@test "sessd-reauth or sessd away" {
	stop_sessd
	run -3 ssh_as alice -- "$by_password"
	contains "$output" 'sessd is not running'
	daemon_signal sessd-reauth TERM
	wait_until '! daemon_runs sessd-reauth'
	start_sessd
	run -3 ssh_as alice -- "$by_password"
	contains "$output" 'sessd-reauth is not reachable (systemctl enable --now sessd-reauth.socket)'
}

@test "doctor misses the socket where reauth= wants it" {
	rm "$HOST_FS/run/sessd/reauth.sock"
	equal "" "$(on_host sessctl doctor --json | jq -r .id)"
	on_host sed -i '/^account.*pam_sess/s/$/ reauth=5m/' /etc/pam.d/sudo
	equal reauth-socket "$(on_host sessctl doctor --json | jq -r .id)"
	rm "$HOST_FS/etc/pam.d/sessd-reauth"
	equal reauth-service "$(on_host sessctl doctor --json | jq -r .id)"
}

@test "a socket that a service manager hands over" {
	[ -x "$HOST_FS/usr/bin/systemd-socket-activate" ] || skip "systemd-socket-activate is not installed"
	daemon_signal sessd-reauth TERM
	wait_until '! daemon_runs sessd-reauth'
	rm "$HOST_FS/run/sessd/reauth.sock"
	start_daemon sessd-reauth systemd-socket-activate --seqpacket -l /run/sessd/reauth.sock \
		/usr/libexec/sessd-reauth --listen
	wait_until '[ -S "$HOST_FS/run/sessd/reauth.sock" ]'
	chmod 0666 "$HOST_FS/run/sessd/reauth.sock"
	# Not before it listens; and a first packet may not name its sender, as this manager has no PassCredentials=.
	wait_until 'ssh_as alice -- "$by_password"'
	equal /usr/libexec/sessd-reauth "$(on_host readlink "/proc/$(daemon_pid sessd-reauth)/exe")"
	proved alice
}

@test "no terminal to ask on" {
	run -2 ssh_as alice -- 'sessctl reauth'
	contains "$output" 'there is no terminal to ask on'
	all_is_over
}

# --- Floods, and what is left ---

# As mallory, as many connections as there may be, again and again, which say nothing; until /tmp/hold/flood.
flood()
{
	on_host setpriv --reuid mallory --regid mallory --clear-groups perl -MSocket -e '
		my (@all, $said);
		until (-e "/tmp/hold/flood") {
			socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0) or die;
			push @all, $s if connect($s, sockaddr_un("/run/sessd/reauth.sock"));
			shift @all if @all > 200;
			$| = 1; print "held\n" if @all == 200 && !$said++;
		}'
}

@test "of ten connections of one user four are heard, and six are told so" {
	run -0 on_host setpriv --reuid mallory --regid mallory --clear-groups perl -MSocket -e '
		for (1 .. 10) {
			socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0) or die;
			connect($s, sockaddr_un("/run/sessd/reauth.sock")) or die;
			push @all, $s;
		}
		for my $s (@all) {
			recv($s, my $said, 4096, 0);
			print $said =~ /(you are asked already, 4 times at once|no time is left)/ ? "$1\n" : "silence\n";
		}'
	equal 6 "$(grep -c 'you are asked already' <<<"$output")"
	equal 4 "$(grep -c 'no time is left' <<<"$output")"
	all_is_over
}

@test "a user who connects without end does not keep others from being heard" {
	background one flood
	held one
	run -0 ssh_as bob -- "$by_password"
	release flood
	finish one
	all_is_over
	proved bob
}

@test "a conversation has no descriptors, no environment and no core of anybody's" {
	background one answering alice 'Password: ' '!sh -c "echo held >/tmp/asked; /sessd/hold one"' '' "$PASSWORD" -- 'sessctl reauth'
	wait_until '[ -e "$HOST_FS/tmp/asked" ]'
	local pid
	pid=$(hearings)
	on_host ls -l "/proc/$pid/fd"
	# null, null, the log; the connection, the log's socket, the pidfd.
	[ "$(on_host ls "/proc/$pid/fd" | wc -l)" -le 7 ]
	equal "" "$(on_host ls -l "/proc/$pid/fd" | grep -vE 'total|/dev/null|socket:|pidfd|sessd-reauth.log')"
	equal "" "$(on_host cat "/proc/$pid/environ" | tr '\0' '\n')"
	equal 'Max core file size 0 0' "$(on_host cat "/proc/$pid/limits" | grep core | awk '{ print $1, $2, $3, $4, $5, $6 }')"
	release one
	finish one
}
