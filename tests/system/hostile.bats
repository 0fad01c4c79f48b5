#!/usr/bin/env bats
# What others choose, names, hosts and terminals, is shown escaped wherever it is shown: no control character reaches
# a terminal or a log, and none breaks a line. And `sessctl watch`, where all of it passes by.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup() { start_sessd 'policy "all" { max_sessions = 50 }'; }
teardown()
{
	host_reset
	on_host sed -i '/:hostile:/d' /etc/passwd
}

# Clears the screen, sets the title, rings, returns to the line's begin, starts lines of its own, colours by a C1
# control, turns the text round, and is no UTF-8.
evil=$'e\e[2J\e]0;title\a\r\n{"seq":1}\nroot \t\x7f\xc2\x9b31m\xe2\x80\xae\xff"\\end'
evil_shown='e\x1b[2J\x1b]0;title\x07\x0d\x0a{"seq":1}\x0aroot \x09\x7f\xc2\x9b31m\xe2\x80\xae\xff"\end'

# open NAME USER [-I ITEM=VALUE…]: a session that stays open, opened by pamtester through sshd's stack.
open()
{
	local name=$1 user=$2
	shift 2
	# shellcheck disable=SC2016
	background "$name" on_host bash -c 'exec pamtester "$@" open_session authenticate < <(sleep 1000)' bash \
		"$@" sshd "$user"
	one_session ".phase == \"active\" and .service == \"sshd\" and ([.sid] | inside($(known)) | not)"
	sid=$(of_record sid)
	sids+=("$sid")
}
sids=()

known()
{
	printf '%s\n' "${sids[@]}" | jq -Rnc '[inputs]'
}

# Nothing in it acts on a terminal, and all of it is UTF-8.
harmless() # TEXT
{
	if LC_ALL=C grep -naP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]' <<<"$1" ||
		! iconv -f UTF-8 -t UTF-8 <<<"$1" >/dev/null; then
		echo 'not harmless:'
		cat -v <<<"$1"
		return 1
	fi
}

# Each line is of that form, and there are so many (where it matters).
lines() # EXTENDED REGULAR EXPRESSION, TEXT [COUNT]
{
	if grep -vE "$1" <<<"$2"; then
		echo "is no line of the form $1"
		return 1
	fi
	[ -z "${3:-}" ] || equal "$3" "$(wc -l <<<"$2")"
}

# Starts `sessctl watch` in the background, and returns when it does watch.
watch() # NAME [OPTION…]
{
	background "$1" on_host sessctl watch "${@:2}"
	wait_until "[ -s '$BATS_TEST_TMPDIR/$1.out' ] || { daemon_signal sessd HUP; false; }"
}

watched() # NAME WORDS: they have passed by, in a line
{
	wait_until "output_of $1 | grep -qF -e '$2'" || { output_of "$1"; return 1; }
}

text_line='^[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [a-z_]+ [^ ]+ ([0-9a-f]{8}|-)( |$)'
json_line='^\{.*\}$'
ledger_line='^\{"seq":[0-9]+,"prev":"[0-9a-f]{64}","time":"[^"]*","event":"[a-z_]+".*\}$'

# All that shows a session shows this one harmlessly, and the text where it belongs.
all_show() # TEXT AS SHOWN, CUT OR NOT
{
	local output events
	output=$(on_host sessctl show "$sid")
	harmless "$output"
	lines '^[a-z_]+: ' "$output"
	contains "$output" "$1"
	output=$(on_host sessctl list)
	harmless "$output"
	lines '^(SID|[0-9a-f]{8}) +[^ ]+ +[^ ]+ ' "$output" $((1 + ${#sids[@]}))
	output=$(sessions)
	harmless "$output"
	lines "$json_line" "$output" ${#sids[@]}
	contains "$(jq -r '.rhost, .ruser, .tty, .user' <<<"$output")" "$1"
	# of the time before it is read, which is an event as well
	events=$(on_host sessctl status --json | jq .ledger_seq)
	output=$(ledger)
	harmless "$output"
	lines "$ledger_line" "$output" "$events"
	contains "$(jq -r '.rhost, .ruser, .tty, .user' <<<"$output")" "$1"
	run -0 on_host sessctl audit verify
}

logs_are_harmless()
{
	harmless "$(cat "$HOST_FS/var/log/sessd.log")"
	lines '^<[0-7]>' "$(cat "$HOST_FS/var/log/sessd.log")"
	harmless "$(grep -a pam_sess "$HOST_FS/var/log/syslog")"
	lines '^<[0-9]+>' "$(cat "$HOST_FS/var/log/syslog")"
}

@test "a remote host with control characters" {
	watch text
	watch json --json
	open one alice -I "rhost=$evil"
	all_show "$evil_shown"
	watched text "${sid:0:8}"
	watched json "$sid"
	for output in "$(output_of text)" "$(output_of json)"; do
		harmless "$output"
	done
	lines "$text_line" "$(output_of text)"
	lines "$ledger_line" "$(output_of json)"
	equal "$evil_shown" "$(output_of json | jq -r 'select(.event == "session_opened").rhost')"
	run -0 on_host sessctl revoke "$sid"
	finish_badly one
	logs_are_harmless
}

@test "a remote user and a terminal with control characters" {
	open one alice -I "ruser=$evil" -I "tty=/dev/$evil"
	all_show "/dev/$evil_shown"
	equal "$evil_shown" "$(of_record ruser)"
	logs_are_harmless
}

@test "long ones are kept up to 255 bytes and cut behind that" {
	local long=x
	while [ ${#long} -lt 4096 ]; do
		long+=$long
	done
	open one alice -I "rhost=${long:0:255}" -I "ruser=${long:0:256}" -I "tty=$long"
	equal "${long:0:255}" "$(of_record rhost)"
	equal "${long:0:252}..." "$(of_record ruser)"
	equal "${long:0:252}..." "$(of_record tty)"
	all_show "${long:0:252}..."
	# A character, or an escape, is not cut in the middle.
	open two alice -I "rhost=${long:0:251}"$'\xc3\xa9\xc3\xa9\xc3\xa9' -I "ruser=${long:0:250}"$'\e\e\e'
	equal "${long:0:251}..." "$(of_record rhost)"
	equal "${long:0:250}..." "$(of_record ruser)"
	all_show "${long:0:250}..."
	logs_are_harmless
}

@test "the refusal names sessions from hostile hosts in one harmless line" {
	local line
	sessd_config 'policy "one" { max_sessions = 1 }'
	daemon_signal sessd HUP
	wait_until '[ -n "$(events_where ".event == \"config_loaded\"")" ]'
	start_sshd
	watch text
	open one alice -I "rhost=$evil"
	run ! on_host pamtester sshd alice acct_mgmt
	line=$(grep -a sessd: <<<"$output")
	harmless "$output"
	[[ $line == 'sessd: you already have 1 of 1 sessions (policy "one"): sshd from '"$evil_shown"' since '??:?? ]] ||
		equal "the line" "$line"
	run ! on_host pamtester -I "rhost=$evil" sshd alice open_session
	harmless "$output"
	contains "$output" "$evil_shown"
	run ! ssh_as alice -- true
	harmless "$(tr -d '\r' <<<"$output")"
	# sshd escapes it once more.
	contains "$output" 'sessd: you already have 1 of 1 sessions'
	wait_until '[ "$(refusals | wc -l)" = 3 ]'
	watched text 'session_refused'
	lines "$text_line" "$(output_of text)"
	harmless "$(output_of text)"
	harmless "$(ledger)"
	lines "$ledger_line" "$(ledger)"
	logs_are_harmless
}

@test "a user with an odd name" {
	local name=$'od\e[7md %s$(id) "x"\xc2\x9bé' shown='od\x1b[7md %s$(id) "x"\xc2\x9bé'
	printf '%s:*:2150:2101::hostile:/bin/bash\n' "$name" >>"$HOST_FS/etc/passwd"
	watch text
	open one "$name"
	equal "$shown 2150" "$(of_record user uid)"
	all_show "$shown"
	watched text "${sid:0:8}"
	harmless "$(output_of text)"
	run -0 on_host sessctl list --user "$shown"
	contains "$output" "${sid:0:8}"
	run -0 on_host sessctl revoke "$sid"
	harmless "$output"
	lines "^${sid:0:8} .* sshd: ended, " "$output" 1
	logs_are_harmless
}

@test "what an administrator gives as his reason must be a line of text" {
	open one alice
	run -2 on_host sessctl revoke --reason "$evil" "$sid"
	run -2 on_host sessctl revoke --reason "$(printf %300s)" "$sid"
	run -2 on_host sessctl list --user "$evil"
	harmless "$output"
	run -0 on_host sessctl show "$sid"
	run -0 on_host sessctl revoke --reason 'é "quoted" \ and 100%' "$sid"
	equal 'é "quoted" \ and 100%' "$(events_where '.event == "session_ended"' text | jq -r .)"
}

@test "watch sees beginnings, refusals and ends as they happen" {
	local first seen
	sessd_config 'policy "one" { users = {"bob"} max_sessions = 1 }'
	daemon_signal sessd HUP
	start_sshd
	watch text
	watch json --json
	background one ssh_as bob -- /sessd/hold one
	held one
	one_session '.user == "bob"'
	sid=$(of_record sid)
	watched text "session_opened bob ${sid:0:8} class=login service=sshd"
	watched json "\"event\":\"session_opened\",\"sid\":\"$sid\""
	run ! ssh_as bob -- true
	watched text 'session_refused bob - '
	watched text 'reason=cap'
	watched json '"reason":"cap"'
	release one
	run -0 finish one
	watched text "session_ended bob ${sid:0:8} "
	watched text reason=logout
	watched json '"reason":"logout"'
	background two ssh_as alice -- /sessd/hold two
	held two
	one_session '.user == "alice"'
	first=$(of_record sid)
	run -0 on_host sessctl revoke --reason 'for the test' "$first"
	watched text "session_ending alice ${first:0:8} "
	watched text 'by=root text="for the test"'
	watched text 'signalled='
	watched json '"reason":"revoked","by":"root","text":"for the test"'
	# Nothing is missing, nothing is told twice, and the lines are the ledger's.
	seen=$(output_of json)
	equal "$(ledger | tail -n "+$(head -n 1 <<<"$seen" | jq .seq)" | head -n "$(wc -l <<<"$seen")")" "$seen"
	lines "$text_line" "$(output_of text)"
	background_runs text
	background_runs json
}

@test "who is no administrator watches his own sessions only" {
	start_sshd
	background watch ssh_as bob -- 'echo held; sessctl watch --json'
	held watch
	one_session '.user == "bob"'
	wait_until 'on_host pgrep -u bob -x sessctl >/dev/null'
	# It is seen to watch by an event of bob's own.
	wait_until '[ "$(output_of watch | wc -l)" -gt 1 ] || { ssh_as alice -- true && ssh_as bob -- true; false; }'
	ssh_as alice -- true
	ssh_as bob -- true
	wait_until '[ "$(events_where ".user == \"bob\" and .reason == \"logout\"" | wc -l)" -ge 2 ]'
	equal '"bob"' "$(output_of watch | grep -v '^held' | jq -c .user | sort -u)"
	background admin ssh_as dave -- 'echo held; sessctl watch --json'
	held admin
	wait_until 'output_of admin | grep -q "\"user\":\"alice\"" || { ssh_as alice -- true; false; }'
}
