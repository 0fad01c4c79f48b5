#!/bin/bash
# Where the ledger's lines go besides: the live mirror through crashes, rotations and full disks, journald's socket, and
# the kernel's audit log.
. "$(dirname "$(realpath "$0")")/../lib/daemon.bash"



# True as soon as it is, within 30 s: who failed is tried again after a second.
soon()
{
	local end=$((${EPOCHREALTIME/./} + 30000000))
	until "$@"; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# Logins that are over: two events each, and more.
some_events() # HOW MANY
{
	local i
	for ((i = 0; i < $1; i++)); do
		tell_is granted open "x$((names += 1))" && tell_is done close "x$names" || return 1
	done
}
names=0

# What the files hold in their order is what an export gives, byte for byte; and then that it was read.
mirrored() # FILE...
{
	ctl audit export >/mnt/export || return 1
	cat "$@" 2>/dev/null | head -c "$(stat -c %s /mnt/export)" | cmp -s - /mnt/export
}

is_mirror() # FILE...
{
	why="$(cat "$@" 2>/dev/null | wc -lc) in $*, $(ctl audit export | wc -lc) in the ledger"
	soon mirrored "$@"
}

# --- The mirror ---

daemon_new
conf_with()
{
	printf '%s\n' "$@" >"$conf"
}
mirror=/mnt/log-dir/events.jsonl
mkdir /mnt/log-dir
conf_with "mirror = \"$mirror\""
check 'the daemon starts with a mirror' daemon_up
check 'events come' some_events 20
check 'the mirror has the very bytes of the ledger' is_mirror "$mirror"
check 'who reads logs may read it, and nobody else' is "640 root $(getent group adm >/dev/null && echo adm || echo root)" \
	stat -c '%a %U %G' "$mirror"
check 'it can be verified as an export can' exits 0 ctl audit verify "$mirror"
says_how_far()
{
	why="$(tail -n 1 "$mirror" | jq .seq) $(ctl status --json | jq .mirror_seq)"
	[ "${why% *}" = "${why#* }" ]
}
check 'status says how far it is' soon says_how_far

torn_is_mended() # STOP BYTES
{
	"$1" && truncate -s "-$2" "$mirror" && daemon_up && some_events 3 && is_mirror "$mirror"
}
check 'after SIGKILL and the loss of its end it goes on without gap or repetition' torn_is_mended daemon_kill 700
check 'also where just the newline is missing' torn_is_mended daemon_kill 1
check 'and where nothing is' torn_is_mended daemon_kill 0
check 'a stop leaves what comes last to the next start' torn_is_mended daemon_down 0
check 'when nothing but part of its first line is left, it is made anew' torn_is_mended daemon_kill \
	"$(($(stat -c %s "$mirror") - 30))"

rotated()
{
	mv "$mirror" "$mirror.1" && some_events 3 && is_mirror "$mirror.1" "$mirror"
}
check 'renamed while it is written, it goes on in a new file' rotated
check 'which may be read by the same' is 640 stat -c %a "$mirror"
rotated_while_down()
{
	daemon_kill && mv "$mirror.1" "$mirror.2" && mv "$mirror" "$mirror.1" && daemon_up && some_events 3 &&
		is_mirror "$mirror.2" "$mirror.1" "$mirror"
}
check 'renamed while the daemon is away, likewise' rotated_while_down
created()
{
	mv "$mirror.1" "$mirror.3" && mv "$mirror" "$mirror.1" && install -m 0640 /dev/null "$mirror" && kill -HUP "$daemon" &&
		some_events 3 && is_mirror "$mirror.2" "$mirror.3" "$mirror.1" "$mirror"
}
check 'with an empty file in its place and SIGHUP, likewise' created
parts=("$mirror.2" "$mirror.3" "$mirror.1" "$mirror")
check 'the parts are one ledger' exits 0 ctl audit verify "${parts[@]}"

# has_error MEMBER WORDS
has_error()
{
	why=$(ctl status --json)
	jq -r ".$1 // empty" <<<"$why" | grep -qF -- "$2"
}
is_well()
{
	why=$(ctl status --json)
	[ "$(jq -r '.mirror_error // empty' <<<"$why")" = '' ]
}
refused()
{
	local words=$1
	kill -HUP "$daemon" && soon has_error mirror_error "$words" && some_events 2
}
chmod 0666 "$mirror"
check 'a file that others may write is refused, and logins go on' refused 'nobody else may write'
chmod 0640 "$mirror"
check 'in order again, it catches up' is_mirror "${parts[@]}"
check 'and the trouble is over' soon is_well
mv "$mirror" "$mirror.4" && ln -s /mnt/log-dir/elsewhere "$mirror"
check 'a symbolic link is refused' refused 'symbolic link'
check 'and nothing is written where it leads' [ ! -e /mnt/log-dir/elsewhere ]
rm "$mirror" && cp /etc/hostname "$mirror" && cp /etc/hostname /mnt/strange
check 'a file of something else is refused' refused 'something else in it'
check 'and left as it is' cmp "$mirror" /mnt/strange
printf 'no newline' >"$mirror"
check 'also one without a line' refused 'something else in it'
check 'which is left as it is' is 'no newline' cat "$mirror"
rm "$mirror" && mkfifo "$mirror"
check 'a pipe is refused' refused 'regular file'
rm "$mirror"
parts=("$mirror.2" "$mirror.3" "$mirror.1" "$mirror.4" "$mirror")
check 'nothing of all that is missing or there twice' is_mirror "${parts[@]}"
check 'the log has said each trouble once' is 1 eval 'grep -c "mirror: .*symbolic link" "$log"'

conf_with '# nothing'
off()
{
	local before
	before=$(cat "${parts[@]}" | wc -c)
	kill -HUP "$daemon" && some_events 3 && is "$before" eval 'cat "${parts[@]}" | wc -c'
}
check 'taken out of the configuration, it is not written' off
conf_with "mirror = \"$mirror\""
kill -HUP "$daemon"
check 'put back, it catches up' is_mirror "${parts[@]}"

mkdir /mnt/small && mount -t tmpfs -o size=64k tmpfs /mnt/small
conf_with 'mirror = "/mnt/small/events.jsonl"'
# Where it may write is settled when it starts.
elsewhere()
{
	kill -HUP "$daemon" && soon has_error mirror_error 'restart sessd' && some_events 1 && [ ! -e /mnt/small/events.jsonl ]
}
if grep -q 'no Landlock' "$log"; then
	check 'elsewhere it may not write # SKIP this kernel has no Landlock' true
else
	check 'elsewhere it may not write, and says what to do' elsewhere
fi
full()
{
	daemon_down && daemon_up && some_events 60 && soon has_error mirror_error 'No space left'
}
check 'a full disk delays no login' full
mount -o remount,size=16m /mnt/small
check 'with room again, it has everything' is_mirror /mnt/small/events.jsonl

conf_with "mirror = \"$mirror\""
another()
{
	daemon_down && mv "$state" "$state.old" && rm -f "${parts[@]:0:4}" && daemon_up && some_events 2 || return 1
	soon grep -q 'mirror: .* has events of another ledger' "$log" || return 1
	ctl audit export >/mnt/export
	soon eval 'tac "$mirror" | sed "/^{\"seq\":1,/q" | tac | head -c "$(stat -c %s /mnt/export)" | cmp -s - /mnt/export'
}
check 'of another ledger, it has all from its beginning' another
check 'the daemon stops' daemon_down

# --- journald ---

# Reads a datagram socket into a file, one entry a line, its fields separated by tabs.
listener()
{
	python3 - "$@" <<'END' &
import os, socket, sys
path, out = sys.argv[1:3]
os.makedirs(os.path.dirname(path), exist_ok=True)
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(path)
with open(out, "wb", buffering=0) as f:
    while True:
        f.write(s.recv(1 << 20).rstrip(b"\n").replace(b"\n", b"\t") + b"\n")
END
}

if python3 -c 'import socket' 2>/dev/null; then
	mount -t tmpfs -o mode=0755 tmpfs /run
	daemon_new 'journal = yes'
	check 'the daemon starts where no journald listens' daemon_up
	check 'which status says' soon has_error journal_error 'journald does not listen'
	check 'logins go on' some_events 2
	listener /run/systemd/journal/socket /mnt/entries
	complete()
	{
		why=$(cut -c 1-300 /mnt/entries | tail -n 2)
		local seqs last
		last=$(ctl audit export | tail -n 1 | jq .seq)
		mapfile -t seqs < <(grep -o 'SESSD_SEQ=[0-9]*' /mnt/entries | cut -d = -f 2)
		[ ${#seqs[@]} -gt 0 ] && [ "${seqs[-1]}" -ge "$last" ] &&
			[ "${seqs[*]}" = "$(seq -s ' ' "${seqs[0]}" "${seqs[-1]}")" ]
	}
	check 'when one does, it is given all that came since the start' soon complete
	tell open 'hostile' 'user=a"b\c'
	check 'and what comes then' some_events 2
	check 'in order, each once' soon complete
	field_of()
	{
		grep SESSD_EVENT=session_ended /mnt/entries | tail -n 1 | tr '\t' '\n' | sed -n "s/^$1=//p"
	}
	check 'with fields' is 'session_ended sshd 10 sessd' \
		eval 'echo "$(field_of SESSD_EVENT) $(field_of SESSD_SERVICE) $(field_of SYSLOG_FACILITY) $(field_of SYSLOG_IDENTIFIER)"'
	check 'and a line for people' eval '[[ "$(field_of MESSAGE)" == "session_ended "*" by sshd"* ]]'
	check 'that hold what the ledger does' is "$(ctl audit export --event session_ended | tail -n 1 | jq -r '"\(.seq) \(.prev) \(.sid) \(.time)"')" \
		eval 'echo "$(field_of SESSD_SEQ) $(field_of SESSD_PREV) $(field_of SESSD_SID) $(field_of SESSD_TIME)"'
	check 'it was said once that nobody listened' is 1 eval 'grep -c "journal: .*does not listen" "$log"'
	check 'the daemon stops' daemon_down
fi

# --- The kernel's audit log ---

# Where it is on, who reads it for himself is given what the kernel has taken; else a library that writes a file stands in
# for libaudit.
cat >/mnt/audit.py <<'END'
import socket, struct, sys
log = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
if sys.argv[1] == "enabled":
    log.settimeout(5)
    log.send(struct.pack("=IHHII", 16, 1000, 1, 1, 0))
    answer = log.recv(9000)
    sys.exit(struct.unpack("=H", answer[4:6])[0] != 1000 or struct.unpack("=I", answer[20:24])[0] == 0)
log.bind((0, 1))
with open(sys.argv[1], "wb", buffering=0) as out:
    while True:
        data = log.recv(1 << 16)
        out.write(b"%d %s\n" % (struct.unpack("=H", data[4:6])[0], data[16:].rstrip(b"\0\n")))
END
audit=()
if python3 /mnt/audit.py enabled 2>/dev/null && ldconfig -p | grep -q 'libaudit\.so\.1'; then
	echo '# the true audit log'
	python3 /mnt/audit.py /mnt/audit/log &
elif mkdir /mnt/lib && "${CC:-cc}" -shared -fPIC -o /mnt/lib/libaudit.so.1 tests/lib/fakeaudit.c; then
	echo '# a file in place of the audit log, which is off here'
	mkdir /mnt/audit
	audit=(LD_LIBRARY_PATH=/mnt/lib LOGS_DIRECTORY=/mnt/audit FAKE_AUDIT=/mnt/audit/log)
fi
# has_record WORDS...: a record with all of them
has_record()
{
	local word
	why=$(cat /mnt/audit/log)
	cp /mnt/audit/log /mnt/audit.found
	for word; do
		grep -F -- "$word" /mnt/audit.found >/mnt/audit.left
		mv /mnt/audit.left /mnt/audit.found
	done
	[ -s /mnt/audit.found ]
}
daemon_new 'auditd = yes' 'policy "cap" { users = {"one"} max_sessions = 1 }'
check 'the daemon starts with audit records' daemon_up "${audit[@]}"
touch /mnt/audit/log
tell open first user=one audit=1 rhost=192.0.2.7
ses=$(ctl list --json | jq .audit_session)
check 'a login over the cap' tell_is refused open second user=one rhost=192.0.2.7
check 'is 2102 ANOM_LOGIN_SESSIONS' soon has_record '2102 ' 'op=sessd-login acct="one" ses=' 'addr=192.0.2.7' 'res=failed' \
	'reason="cap"' 'limit="1"'
check 'a session is revoked' exits 0 ctl revoke --user one
check 'which is 2203 RESP_TERM_ACCESS, with its audit session' soon has_record '2203 ' "op=sessd-revoke acct=\"one\" ses=$ses " \
	'by="root"' 'res=success'
check 'a user is locked' exits 0 ctl lock user 'strange "name"'
check 'which is 1135 ACCT_LOCK' soon has_record '1135 ' "acct=$(printf 'strange "name"' | od -An -tx1 | tr -d ' \n' | tr a-f A-F)" \
	'ses=4294967295'
check 'and unlocked' exits 0 ctl unlock user 'strange "name"'
check 'which is 1136 ACCT_UNLOCK' soon has_record '1136 '
check 'another is locked for a moment' exits 0 ctl lock user other --for 100ms
check 'which is 2205 RESP_ACCT_LOCK_TIMED' soon has_record '2205 ' 'acct="other"'
check 'and 2206 RESP_ACCT_UNLOCK_TIMED at its end' soon has_record '2206 ' 'acct="other"'
check 'a source is locked' exits 0 ctl lock source 203.0.113.0/24
check 'and a login from it' tell_is refused open third rhost=203.0.113.9
check 'is 2104 ANOM_LOGIN_LOCATION' soon has_record '2104 ' 'addr=203.0.113.9' 'res=failed'
check 'nothing else is a record' is '' eval "grep -vE '^(1135|1136|2102|2104|2203|2205|2206|2207) ' /mnt/audit/log | grep -a sessd"
check 'each event is one' is 1 eval 'grep -c "^2203 " /mnt/audit/log'
check 'the daemon stops' daemon_down
# PrivateUsers or a bounding set take the capability away; here it is dropped by setpriv.
wrapper=(setpriv --bounding-set -audit_write --inh-caps -audit_write)
check 'without CAP_AUDIT_WRITE it starts' daemon_up "${audit[@]}"
check 'and says once what is missing' soon has_error auditd_error 'CAP_AUDIT_WRITE is missing'
check 'in the log, too' is 1 eval 'grep -c "auditd: .*CAP_AUDIT_WRITE is missing" "$log"'
check 'logins go on' some_events 2
wrapper=()
check 'the daemon stops' daemon_down

finish
