#!/usr/bin/env bash
# `make demo`: the main job shown in a private host, with real ssh, sshd and login(1). What is shown as `$ …` is what
# runs there, and each line marked `ok` is a claim that was checked; the first that is not true ends the demo with
# status 1. Nothing of this machine changes: see lib/host.sh.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/lib/host.sh
. tests/lib/demo.bash

HOST=demo-$$

# --- What is asked of sessd ---

start_sessd()
{
	show_command 'sessd &'
	in_host 'setsid sessd </dev/null >>/var/log/sessd.log 2>&1 &'
	until_true 'sessd answers' in_host 'sessctl status >/dev/null 2>&1'
}

# sessions 'jq condition': the sids of those that are active.
sessions()
{
	in_host 'sessctl list --json' | jq -r "select(.phase == \"active\") | select($1) | .sid"
}

has_sessions()
{
	[ "$(sessions "$2" | wc -l)" = "$1" ]
}

# member SID NAME: of its record.
member()
{
	in_host "sessctl list --json --all" | jq -r --arg sid "$1" "select(.sid == \$sid) | .$2"
}

# The processes of an audit session, as the kernel counts them, in or out of sight.
processes_of()
{
	in_host "grep -lx $1 /proc/[0-9]*/sessionid 2>/dev/null" | wc -l
}

has_processes()
{
	[ "$(processes_of "$2")" = "$1" ]
}

# --- The acts ---

set_up()
{
	cat <<-'TEXT'
	sessd turns logins into sessions as web applications have them: listed, capped,
	timed, ended at once, and recorded. You will see that with the stock sshd and
	login, in a private host: a machine within this one, made of namespaces, with
	files, users and processes of its own. Nothing of this machine itself is
	changed. A line with $ is a command that runs there; one with "ok" was checked.
	TEXT
	host_up "$HOST" $$ || exit 1
	files=/proc/$(host_pid "$HOST")/root
	in_host 'hostname server; mkdir -p /etc/sessd; install -d -m 0700 /root/.ssh; cat >/root/.ssh/config' <<-'TEXT'
	Host server
		HostName 127.0.0.1
		HostKeyAlias 127.0.0.1
		UserKnownHostsFile /root/known_hosts
		IdentityFile /root/keys/%r
		PreferredAuthentications publickey
		RequestTTY force
	TEXT
	title 'The host has this configuration:'
	in_host 'cat >/etc/sessd/sessd.conf' <<-'TEXT'
	policy "contractors" {          # bob is one
	    groups       = {"contractors"}
	    max_sessions = 2
	    lifetime     = 8h
	}
	policy "visitors" {             # as short as a demo
	    users    = {"mallory"}
	    lifetime = 3s
	}
	TEXT
	run 'cat /etc/sessd/sessd.conf'
	run 'grep ^[a-z].*pam_sess.so /etc/pam.d/sshd'
	start_sessd
	in_host '/usr/sbin/sshd'
	until_true 'sshd runs' [ -s "$files/run/sshd.pid" ]
}

act_list()
{
	title '1. Bob logs in twice: by ssh, and on the console. Both are listed.'
	begin ssh 'ssh bob@server'
	ssh_pid=$!
	until_true 'the ssh login became a session' has_sessions 1 '.service == "sshd"'
	begin console "expect -f /sessd/source/tests/lib/login.exp 'correct horse' bob cat" \
		'login      # "bob" and his password are typed'
	until_true 'the console login became a session' has_sessions 1 '.service == "login"'
	run 'sessctl list'
	claim 'two sessions of bob, one through sshd and one through login' has_sessions 2 \
		'.user == "bob" and .class == "login"'
	by_ssh=$(sessions '.service == "sshd"')
	on_console=$(sessions '.service == "login"')
}

act_cap()
{
	title '2. His third login is refused: contractors may have two. This is what he sees:'
	run 'ssh bob@server'
	claim 'he was refused, and told why' contains "$out" 'you already have 2 of 2 sessions (policy "contractors")'
	claim 'ssh ended with an error' [ "$status" != 0 ]
	claim 'no third session is there' has_sessions 2 true
}

act_revoke()
{
	local asid
	title '3. His ssh session is revoked while jobs run in it that would survive a logout.'
	press ssh 'nohup sleep 1000 >/dev/null 2>&1 &'
	press ssh '(setsid sleep 2000 >/dev/null 2>&1 &)'
	until_true 'both jobs run' in_host 'pgrep -f "sleep 1000" && pgrep -f "sleep 2000"' >/dev/null
	asid=$(member "$by_ssh" audit_session)
	run 'ps -o pid,ppid,sid,tty,args -u bob'
	run "sessctl revoke ${by_ssh:0:8} --reason 'contract ended'"
	claim "sessctl came back after $ms ms, its own start included, and says that all are gone" \
		contains "$out" 'gone in'
	echo '  … and on his screen:'
	until_true 'his ssh has come back' has_ended "$ssh_pid"
	clean <"$work/ssh.screen" | tail -n 3 | show_output
	run 'ps -o pid,ppid,sid,tty,args -u bob'
	claim 'the kernel has no process of that session any more, not even a detached one' has_processes 0 "$asid"
	claim "bob's other session was not touched" has_sessions 1 ".sid == \"$on_console\""
}

act_expire()
{
	local sid asid late
	title '4. Mallory may stay for three seconds.'
	begin mallory 'ssh mallory@server'
	until_true 'she is in' has_sessions 1 '.user == "mallory"'
	sid=$(sessions '.user == "mallory"')
	asid=$(member "$sid" audit_session)
	run 'sessctl list --user mallory'
	echo '  … the demo waits …'
	until_true 'her session ended' has_sessions 0 '.user == "mallory"'
	run "sessctl show ${sid:0:8} |
grep -E '^(user|policy|opened|expires|ended|reason)'"
	claim 'it ended by its lifetime, under the policy "visitors"' \
		[ "$(member "$sid" 'reason + " " + (.policy // "")')" = 'lifetime visitors' ]
	late=$(in_host 'sessctl audit export' | lateness "$sid")
	# Lifetimes run on another clock than records, which somebody may be setting just now.
	claim "it was not ended early: the order came $late ms after the appointed time" [ "$late" -ge -100 ]
	claim 'no process of it is left' has_processes 0 "$asid"
}

# Milliseconds from the session's end as it was promised to its end as it was ordered.
lateness()
{
	jq -r --arg sid "$1" '
		def seconds: capture("^(?<s>[^.]*)(?<f>\\.[0-9]+)Z$") | (.s + "Z" | fromdate) + ("0" + .f | tonumber);
		select(.event == "session_ending" and .sid == $sid)
			| ((.time | seconds) - (.expires_at | seconds)) * 1000 | floor'
}

act_crash()
{
	title '5. sessd is killed the hard way. Who is logged in stays logged in, and sessd knows him again.'
	run 'pkill -9 -x sessd'
	run 'sessctl list'
	claim 'sessd is down, and sessctl says so (status 3)' [ "$status" = 3 ]
	start_sessd
	run 'sessctl list'
	claim "bob's session is there again, the same one, with the same id" has_sessions 1 \
		".sid == \"$on_console\""
	claim 'its processes never noticed' in_host 'pgrep -u bob -x cat >/dev/null'
	run "sessctl revoke ${on_console:0:8}"
	claim 'and it can be ended as before' [ "$status" = 0 ]
}

checker()
{
	cat <<-'TEXT'
	import hashlib, sys
	prev, n = "0" * 64, 0
	for line in open(sys.argv[1], "rb"):
	    line, n = line.rstrip(b"\n"), n + 1
	    if not line.startswith(b'{"seq":%d,"prev":"%s",' % (n, prev.encode())):
	        sys.exit("event %d does not follow the one before" % n)
	    prev = hashlib.blake2b(line, digest_size=32).hexdigest()
	print(n, "events, head", prev)
	TEXT
}

act_ledger()
{
	local head
	title '6. All of it stands in the ledger, each event chained to the one before by a hash, and sealed.'
	run 'sessctl audit checkpoint | tee anchor'
	claim 'a signature covers all that has happened' grep -Eqx '[0-9]+:[0-9a-f]{64}' <<<"$out"
	run 'sessctl audit export -o ledger.jsonl'
	run "jq -r '[.seq, .event, .user, .service, .reason, .by] | @tsv' \\
ledger.jsonl | expand -t 4,21,30,38,48"
	claim 'the refusal, the revocation and the expiry are in it' contains_all "$out" cap revoked lifetime
	run 'sessctl audit verify --anchor "$(cat anchor)" ledger.jsonl'
	claim 'the chain is intact, and sealed up to the end' [ "$status" = 0 ]
	head=$(sed -n 's/.*head \([0-9a-f]*\).*/\1/p' <<<"$out")
	if in_host 'python3 -c "import hashlib; hashlib.blake2b"' 2>/dev/null; then
		echo 'The same without any of our code:'
		checker | in_host 'cat >check.py'
		run 'cat check.py'
		run 'python3 check.py ledger.jsonl'
		claim 'these few lines of Python come to the same head' contains "$out" "head $head"
	fi
	echo 'Now somebody puts another name in the place of who revoked:'
	run "sed 's/\"by\":\"root\"/\"by\":\"eve\"/' ledger.jsonl >forged.jsonl"
	run 'sessctl audit verify forged.jsonl'
	claim 'it is found' [ "$status" = 1 ]
}

# --- Beginning and end ---

tear_down()
{
	trap - EXIT INT TERM
	[ ! -d "$HOSTS/$HOST" ] || host_down "$HOST"
	wait
	rm -rf "$work"
}

[ "$(id -u)" = 0 ] || { echo 'The demo makes namespaces, which needs root: sudo make demo' >&2; exit 1; }
files=/nonexistent out=
work=$(mktemp -d /tmp/sessd-demo.XXXXXX) || exit 1
trap 'exit 130' INT
trap 'exit 143' TERM
trap tear_down EXIT
begun=${EPOCHREALTIME/./}
hosts_sweep
set_up
act_list
act_cap
act_revoke
act_expire
act_crash
act_ledger
title 'The end: the host is taken down.'
tear_down 2>/dev/null
claim 'nothing is left of it: no process, no mount, no file' [ -z "$(host_leftovers "$HOST")" ]
took=$(((${EPOCHREALTIME/./} - begun) / 100000))
title "All of it came true, in $((took / 10)).$((took % 10)) s."
cat <<-'TEXT'
What you can do next:
  make test       every test, on the same kind of private host
  README.md       what sessd is for, and how to put it on a real machine safely
  tests/host up try && tests/host enter try
                  look around in such a host yourself
TEXT
