#!/usr/bin/env bats
# The module in real stacks, driven by pamtester: what each entry point answers, what the user reads, and what happens
# while the daemon is away, hangs, or is somebody else.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
teardown() { host_reset; }

all='policy "all" { max_sessions = 50 }'

# Service `sshd` with the module alone in each facility.
module_alone() # ARGUMENT…
{
	stack sshd "auth required pam_sess.so $*" "account required pam_sess.so $*" "session required pam_sess.so $*" \
		"password required pam_sess.so $*"
}

# The same, with a module that permits, as real stacks have.
module_among_others() # ARGUMENT…
{
	module_alone "$@"
	printf '%s required pam_permit.so\n' auth account session password >>"$HOST_FS/etc/pam.d/sshd"
}

pamtester()
{
	on_host pamtester "$@"
}

# In a stack that lets pass who gets that code from the module, and nobody else: so the test passes if it is that.
answers() # CODE FACILITY ARGUMENTS [OPTION…] USER OPERATION…
{
	local code=$1 facility=$2 arguments=$3 f options=()
	shift 3
	stack sshd
	for f in auth account session password; do
		# Other facilities answer as they would otherwise.
		[ "$f" = "$facility" ] || printf '%s required pam_sess.so %s\n%s required pam_permit.so\n' "$f" "$arguments" "$f"
	done >>"$HOST_FS/etc/pam.d/sshd"
	printf "$facility %s\n" "[$code=1 default=bad] pam_sess.so $arguments" 'requisite pam_deny.so' 'required pam_permit.so' \
		>>"$HOST_FS/etc/pam.d/sshd"
	while [ "${1#-}" != "$1" ]; do
		options+=("$1" "$2")
		shift 2
	done
	run pamtester "${options[@]}" sshd "$@"
	[ "$status" = 0 ] || { echo "$facility did not answer $code to $*: $output"; return 1; }
}

pending()
{
	ls -A "$HOST_FS/run/sessd/pending" 2>/dev/null || true
}

syslog()
{
	cat "$HOST_FS/var/log/syslog"
}

# --- Return codes ---

@test "return codes with a daemon" {
	start_sessd 'policy "bob" { users = {"bob"} max_sessions = 1 }
		service "quiet" { class = ignored }'
	start_sshd
	answers ignore auth '' alice authenticate
	answers ignore auth '' alice setcred
	answers ignore password '' alice chauthtok
	answers success account '' alice acct_mgmt
	answers success session '' alice open_session
	answers ignore session '' alice close_session
	answers success session '' alice open_session close_session
	answers user_unknown account '' nobody-here acct_mgmt
	answers user_unknown session '' nobody-here open_session
	# The stack with another code in its place refuses.
	run ! answers perm_denied account '' alice acct_mgmt

	background one ssh_as bob -- '/sessd/hold one'
	module_among_others
	wait_until '[ "$(sessions_count ".user == \"bob\"")" = 1 ]'
	answers perm_denied account '' bob acct_mgmt
	answers perm_denied session '' bob open_session
	# For a service that is not tracked.
	stack quiet "account [ignore=1 default=bad] pam_sess.so" "account requisite pam_deny.so" "account required pam_permit.so" \
		"session [ignore=1 default=bad] pam_sess.so" "session requisite pam_deny.so" "session required pam_permit.so"
	run -0 pamtester quiet bob acct_mgmt open_session close_session
}

@test "return codes without a daemon" {
	answers ignore account '' alice acct_mgmt
	answers success session '' alice open_session
	answers success session '' alice open_session close_session
	answers ignore session '' alice close_session
	answers perm_denied account unavailable=deny alice acct_mgmt
	answers perm_denied session unavailable=deny alice open_session
	answers ignore session unavailable=deny alice close_session
	answers user_unknown account '' nobody-here acct_mgmt
	answers ignore auth unavailable=deny alice authenticate
	answers ignore password unavailable=deny alice chauthtok
}

@test "by the module alone nobody gets in" {
	start_sessd "$all"
	module_alone
	for operation in authenticate setcred chauthtok close_session; do
		run -1 pamtester sshd alice "$operation"
		contains "$output" "Permission denied"
	done
	module_among_others
	run -0 pamtester sshd alice authenticate setcred acct_mgmt open_session close_session chauthtok
}

# --- Refusals ---

@test "a refusal is one line to the user and one in the log" {
	start_sessd 'policy "one" { max_sessions = 1 }'
	start_sshd
	background one ssh_as bob -- '/sessd/hold one'
	held one
	module_alone
	local phase line='sessd: you already have 1 of 1 sessions (policy "one"): sshd from 127.0.0.1 since '
	for phase in acct_mgmt open_session; do
		run -1 pamtester sshd bob "$phase"
		equal 1 "$(grep -c 'sessd: ' <<<"$output")"
		contains "$output" "$line"
		# Silence is kept where it is asked for, but for pamtester's own word.
		run -1 pamtester sshd bob "$phase(PAM_SILENT)"
		[[ $output != *sessd* ]]
	done
	equal 2 "$(syslog | grep -c 'pam_sess(sshd:account): account check of bob (uid 2102) refused: you already have 1 of 1')"
	equal 2 "$(syslog | grep -c 'pam_sess(sshd:session): session of bob (uid 2102) refused: you already have 1 of 1')"
	equal 4 "$(refusals | wc -l)"
}

@test "where a refused login came from is recorded" {
	start_sessd 'policy "one" { max_sessions = 1 }'
	start_sshd
	background one ssh_as bob -- '/sessd/hold one'
	held one
	module_alone
	run -1 pamtester -I rhost=192.0.2.7 -I tty=/dev/pts/9 -I ruser=alice sshd bob open_session
	record=$(events_where '.event == "session_refused"')
	equal "192.0.2.7 /dev/pts/9 alice cap" "$(of_record rhost tty ruser reason)"
}

@test "names with control characters come out escaped, and break no line" {
	start_sessd "$all"
	module_alone
	run -0 pamtester -I rhost=$'evil\e[31m\nhost' sshd alice open_session close_session
	equal 1 "$(events_where '.event == "session_opened"' | wc -l)"
	[[ $(events_where '.event == "session_opened"' rhost) != *$'\e'* ]]
	contains "$(events_where '.event == "session_opened"' rhost)" '[31m'
}

# --- Arguments ---

@test "arguments that are wrong are logged, and the default holds" {
	start_sessd "$all"
	module_alone timeout=soon unavailable=perhaps dir=run/sessd reauth=often quietly timeout= timeout=0 timeout=61s
	run -0 pamtester sshd alice acct_mgmt open_session close_session
	[[ $output != *sessd:* ]]
	local argument
	for argument in timeout=soon unavailable=perhaps dir=run/sessd reauth=often quietly timeout= timeout=0 timeout=61s; do
		syslog | grep -qF "argument \"$argument\" is unknown or malformed; the default holds" || equal "$argument" "$(syslog)"
	done
	stop_sessd
	# unavailable=allow
	run -0 pamtester sshd alice open_session
}

@test "arguments that have no effect yet are no mistake" {
	start_sessd "$all"
	module_alone timeout=1500ms unavailable=deny dir=/run/sessd reauth=15m revoke_others quiet debug
	run -0 pamtester sshd alice acct_mgmt open_session close_session
	[[ $(syslog) != *malformed* ]]
	[[ $(syslog) == *"session "*" of alice (uid 2101) opened"* ]]
}

@test "dir= names another daemon" {
	start_sessd "$all"
	module_alone dir=/tmp/other unavailable=deny
	run -1 pamtester sshd alice acct_mgmt
	on_host mkdir /tmp/other
	start_daemon other /usr/sbin/sessd --runtime-dir /tmp/other --state-dir /tmp/other/state
	wait_until 'on_host sessctl --runtime-dir /tmp/other status >/dev/null 2>&1'
	run -0 pamtester sshd alice acct_mgmt open_session close_session
	equal 1 "$(on_host sessctl --runtime-dir /tmp/other audit export | jq -r 'select(.event == "session_opened") | .user' | wc -l)"
	equal "" "$(events_where '.event == "session_opened"')"
}

# --- No daemon ---

@test "unavailable=allow: the login is written down and adopted" {
	module_among_others
	run -0 pamtester -I rhost=192.0.2.7 sshd alice acct_mgmt open_session
	[[ $output != *sessd:* ]]
	local sid
	sid=$(pending)
	[[ $sid =~ ^[0-9a-f]{32}$ ]]
	equal "600 root root" "$(on_host stat -c '%a %U %G' "/run/sessd/pending/$sid")"
	equal "700 root root" "$(on_host stat -c '%a %U %G' /run/sessd/pending)"
	equal "755 root root" "$(on_host stat -c '%a %U %G' /run/sessd)"
	contains "$(syslog)" 'session of alice (uid 2101) goes on without sessd (unavailable=allow): '
	# pamtester is gone, and so is the session.
	start_sessd "$all"
	ends_so "$sid" 'session_adopted session_ended(leader_gone)'
	record=$(events_where '.event == "session_adopted"')
	equal "alice sshd 192.0.2.7" "$(of_record user service rhost)"
	equal "" "$(pending)"
}

@test "the umask of the program does not matter to what is written down" {
	module_alone
	for mask in 0000 0777; do
		on_host bash -c "umask $mask; exec pamtester sshd alice open_session"
		equal "700 600" "$(on_host stat -c %a /run/sessd/pending "/run/sessd/pending/$(pending)" | paste -sd ' ')"
		on_host rm -r /run/sessd
	done
}

@test "nothing is written into a folder that is not root's" {
	module_alone
	on_host install -d -o mallory -m 0777 /run/sessd
	run -0 pamtester sshd alice open_session
	equal "" "$(on_host find /run/sessd -mindepth 1)"
	contains "$(syslog)" 'cannot be kept in /run/sessd/pending'
	on_host rm -r /run/sessd
	on_host install -d -m 0755 /run/sessd /tmp/trap
	on_host ln -s /tmp/trap /run/sessd/pending
	run -0 pamtester sshd alice open_session
	equal "" "$(on_host find /tmp/trap -mindepth 1)"
}

@test "unavailable=deny: the login is refused, with one line, and that is written down" {
	module_among_others unavailable=deny
	local phase
	for phase in acct_mgmt open_session; do
		run -1 pamtester sshd alice "$phase"
		equal "sessd: the session service is not available" "${lines[0]}"
		equal "pamtester: Permission denied" "${lines[1]}"
	done
	equal 1 "$(pending | wc -l)"
	start_sessd "$all"
	ends_so "$(events_where '.event == "session_refused"' sid | tr -d '"')" 'session_refused(unavailable)'
	equal "" "$(pending)"
}

@test "a login while the daemon is away lives on, and is adopted with its caps" {
	start_sshd
	background one ssh_as alice -- 'echo "sid $SESSD_SID"; /sessd/hold one'
	held one
	background two ssh_as bob -- '/sessd/hold two'
	held two
	background three ssh_as bob -- '/sessd/hold three'
	held three
	equal 3 "$(pending | wc -l)"
	start_sessd 'policy "bob" { users = {"bob"} max_sessions = 1 }'
	one_session '.user == "alice"'
	equal "login sshd 127.0.0.1 active true" "$(of_record class service rhost phase adopted)"
	contains "$(output_of one)" "sid $(of_record sid)"
	# He who logged in first stays.
	run ! finish three
	background_runs two
	wait_until '[ "$(sessions_count ".user == \"bob\"")" = 1 ]'
	wait_until '[ -z "$(pending)" ]'
	equal '"cap"' "$(events_where '.event == "session_ended"' reason)"
	release one
	finish one
	ends_so "$(of_record sid)" 'session_adopted session_ended(logout)'
}

@test "of logins while the daemon was away the oldest is evicted" {
	local name
	start_sshd
	for name in one two three; do
		background "$name" ssh_as bob -- "/sessd/hold $name"
		held "$name"
	done
	start_sessd 'policy "bob" { users = {"bob"} max_sessions = 1 at_limit = evict_oldest }'
	run ! finish one
	run ! finish two
	background_runs three
	wait_until '[ "$(sessions_count)" = 1 ]'
}

@test "a logout while the daemon is away is a logout, at its time" {
	local sid before after
	start_sessd "$all"
	start_sshd
	background one ssh_as alice -- '/sessd/hold one'
	held one
	one_session true
	sid=$(of_record sid)
	stop_sessd
	before=$(date -u +%FT%T.%6NZ)
	release one
	finish one
	wait_until '[ -n "$(pending)" ]'
	after=$(date -u +%FT%T.%6NZ)
	equal "$sid" "$(pending)"
	equal "600 root" "$(on_host stat -c '%a %U' "/run/sessd/pending/$sid")"
	start_sessd
	ends_so "$sid" 'session_opened session_ended(logout)'
	[[ $(ended_at "$sid") > $before && $(ended_at "$sid") < $after ]] || equal "$before to $after" "$(ended_at "$sid")"
	equal "" "$(pending)"
}

ended_at() # SID
{
	sessions --all | jq -r "select(.sid == \"$1\") | .ended_at"
}

@test "login and logout while the daemon is away" {
	local sid before after
	module_alone
	before=$(date -u +%FT%T.%6NZ)
	run -0 pamtester sshd alice open_session close_session
	after=$(date -u +%FT%T.%6NZ)
	sid=$(pending)
	start_sessd "$all"
	ends_so "$sid" 'session_adopted session_ended(logout)'
	[[ $(ended_at "$sid") > $before && $(ended_at "$sid") < $after ]] || equal "$before to $after" "$(ended_at "$sid")"
}

@test "break-glass: the console's root and the group get in, and the log is loud" {
	module_among_others unavailable=deny
	on_host cp /etc/pam.d/sshd /etc/pam.d/login
	run -0 pamtester sshd erin acct_mgmt open_session
	run -0 pamtester login root acct_mgmt open_session
	run -0 pamtester login erin acct_mgmt open_session close_session
	# 81: facility authpriv, level alert.
	equal 6 "$(syslog | grep -c '^<81>.* goes on without sessd (break-glass): ')"
	# Not root from elsewhere, nor others at the console.
	run -1 pamtester sshd root acct_mgmt
	run -1 pamtester -I rhost=192.0.2.7 login root acct_mgmt
	run -1 pamtester login alice acct_mgmt
	run -1 pamtester login dave open_session
	# What they did is in the ledger afterwards.
	start_sessd "$all"
	wait_until '[ -z "$(pending)" ]'
	equal "erin erin root" "$(events_where '.event == "session_adopted"' user | tr -d '"' | sort | paste -sd ' ')"
}

@test "break-glass does not overrule the daemon" {
	start_sessd 'policy "all" { max_sessions = 1 }'
	start_sshd
	background one ssh_as erin -- '/sessd/hold one'
	held one
	module_alone unavailable=deny
	run -1 pamtester sshd erin open_session
	contains "$output" 'sessd: you already have 1 of 1 sessions'
}

@test "a program that is not root's finds the daemon away" {
	start_sessd "$all"
	module_among_others
	run -0 on_host setpriv --reuid alice --regid alice --clear-groups pamtester sshd alice acct_mgmt open_session
	equal "" "$(events_where '.sid')"
	equal "" "$(pending)"
	module_among_others unavailable=deny
	run -1 on_host setpriv --reuid alice --regid alice --clear-groups pamtester sshd alice acct_mgmt
}

# --- A daemon that hangs ---

# Milliseconds that the operations took, the least of three: what the machine adds is not the module's.
least_time() # OPERATION…
{
	on_host bash -c 'for i in 1 2 3; do
			begin=${EPOCHREALTIME/./}
			pamtester sshd alice "$@" >/dev/null 2>&1
			echo $(((${EPOCHREALTIME/./} - begin) / 1000))
		done | sort -n | head -n 1' bash "$@"
}

between() # LEAST MOST ACTUAL
{
	[ "$3" -ge "$1" ] && [ "$3" -lt "$2" ] || equal "$1 to $2 ms" "$3"
}

@test "a stopped daemon costs a call its deadline, and no more" {
	start_sessd "$all"
	daemon_signal sessd STOP
	module_among_others
	between 1000 1500 "$(least_time acct_mgmt)"
	between 1000 1500 "$(least_time open_session)"
	between 2000 3000 "$(least_time open_session close_session)"
	module_among_others timeout=200ms
	between 200 700 "$(least_time acct_mgmt)"
	module_among_others timeout=200ms unavailable=deny
	between 200 700 "$(least_time acct_mgmt)"
	run -1 pamtester sshd alice acct_mgmt
	contains "$output" "sessd: the session service is not available"
	daemon_signal sessd CONT
	# What was asked while it stood still leaves nobody in the list, and each session is told once.
	wait_until '[ -z "$(pending)" ]'
	wait_until '[ -z "$(sessions)" ]'
	equal 1 "$(events_where '.event == "session_opened" or .event == "session_adopted"' sid | sort | uniq -c | awk '{ print $1 }' | sort -u)"
	equal 6 "$(events_where '.event == "session_ended"' sid | sort -u | wc -l)"
	module_among_others
	run -0 pamtester sshd alice acct_mgmt open_session close_session
}

@test "a listener that never answers is a daemon that hangs" {
	on_host install -d -m 0755 /run/sessd
	start_daemon mute socat UNIX-LISTEN:/run/sessd/pam.sock,type=5,fork SYSTEM:'sleep infinity'
	wait_until '[ -S "$HOST_FS/run/sessd/pam.sock" ]'
	module_among_others timeout=300ms
	between 300 600 "$(least_time acct_mgmt)"
	run -0 pamtester sshd alice acct_mgmt open_session
	equal 1 "$(pending | wc -l)"
}

# --- Somebody else in the daemon's place ---

# fake_daemon USER PROGRAM: a listener of his in root's folder; the program, socat's, speaks for it.
fake_daemon()
{
	on_host install -d -o "$1" /run/fake
	on_host install -d -m 0755 /run/sessd
	start_daemon fake setpriv --reuid "$1" --regid "$1" --clear-groups socat "UNIX-LISTEN:/run/fake/pam.sock,type=5,fork,mode=0666" "$2"
	wait_until '[ -S "$HOST_FS/run/fake/pam.sock" ]'
	on_host mv /run/fake/pam.sock /run/sessd/pam.sock
}

@test "a daemon of another user is an attack: refused, though unavailable=allow" {
	fake_daemon mallory PIPE
	module_among_others unavailable=allow
	local phase
	for phase in acct_mgmt open_session; do
		run -1 pamtester sshd alice "$phase"
		equal 1 "$(grep -c '^sessd: ' <<<"$output")"
	done
	# Nothing is owed to whoever sits there.
	equal "" "$(pending)"
	[[ $(syslog) == *"account check of alice (uid 2101) refused: "* ]]
	# A session that is open already can be left.
	on_host rm /run/sessd/pam.sock
	start_sessd "$all"
	run -0 pamtester sshd alice acct_mgmt open_session close_session
}

@test "a daemon that talks rubbish is an attack" {
	fake_daemon root PIPE # the module's own words
	module_among_others
	run -1 pamtester sshd alice acct_mgmt
	contains "$output" "sessd: "
	run -1 pamtester sshd alice open_session
	equal "" "$(pending)"
	daemon_signal fake KILL
	on_host rm -r /run/fake
	fake_daemon root SYSTEM:'printf rubbish; sleep infinity'
	run -1 pamtester sshd alice acct_mgmt
	run -1 pamtester sshd alice open_session
	equal "" "$(pending)"
}

@test "break-glass gets past it, and says so" {
	fake_daemon mallory PIPE
	module_among_others unavailable=deny
	on_host cp /etc/pam.d/sshd /etc/pam.d/login
	run -0 pamtester sshd erin acct_mgmt open_session
	run -0 pamtester login root acct_mgmt open_session
	run -1 pamtester login alice acct_mgmt
	equal 4 "$(syslog | grep -c '^<81>.* goes on without sessd (break-glass): ')"
	equal 2 "$(pending | wc -l)"
}
