#!/usr/bin/env bats
# sessctl reauth: the user of a session proves himself again by PAM, in a program that does nothing else.
load ../lib/helpers
load ../lib/sessions

setup_file() { host_start; }
teardown_file() { host_stop; }
setup()
{
	install -m 0644 "$BATS_TEST_DIRNAME/../../etc/pam.d.examples/sessd-reauth" "$HOST_FS/etc/pam.d/"
	start_sessd
	start_reauth
	start_sshd
}
teardown() { host_reset; }

start_reauth()
{
	start_daemon sessd-reauth /usr/libexec/sessd-reauth --listen
	wait_until '[ -S "$HOST_FS/run/sessd/reauth.sock" ]'
}

# answering USER [PATTERN ANSWER]… -- COMMAND: a login on a terminal that runs the command, where this is typed.
answering()
{
	local user=$1 command=${*: -1}
	shift
	on_host expect -f /sessd/source/tests/lib/answer.exp "${@:1:$#-1}" ssh "${ssh_options[@]}" -i "/root/keys/$user" \
		-tt "$user@127.0.0.1" "$command"
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
