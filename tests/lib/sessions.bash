# What the tests of logins ask about sessions; to be loaded after helpers.

# one_session 'jq condition': there is one such live session, now or in a moment; its record is then in `record`.
one_session()
{
	wait_until "[ \"\$(sessions_count '$1')\" = 1 ]" || { sessions; return 1; }
	record=$(sessions | jq -c "select($1)")
}

# on_terminal NAME USER [SSH OPTION…] [-- COMMAND]: a login on a terminal that runs the command and stays; its record is
# then in `record`, its sid in `sid`, its terminal in `tty`.
on_terminal()
{
	local name=$1 user=$2 command=: before
	before=$(sessions_where true | jq -Rs .)
	[ "${*: -2:1}" != -- ] || { command=${*: -1}; set -- "${@:1:$#-2}"; }
	background "$name" ssh_as "${@:2}" -tt -- "$command
tty; /sessd/hold $name"
	held "$name"
	one_session ".user == \"$user\" and (.sid | inside($before) | not)"
	sid=$(of_record sid)
	tty=$(terminal_of "$name")
}

terminal_of() # NAME
{
	output_of "$1" | tr -d '\r' | grep -x '/dev/pts/[0-9]*' | tail -n 1
}

# A login on a terminal where these keys are typed (keys.exp) to a command that says `held`.
typing_as() # USER KEYS EVERY COMMAND
{
	on_host expect -f /sessd/source/tests/lib/keys.exp "$2" "$3" ssh "${ssh_options[@]}" -i "/root/keys/$1" -tt \
		"$1@127.0.0.1" "$4"
}

# Members of `record`, `-` where it lacks one.
of_record() # MEMBER…
{
	local member
	for member; do
		jq -r ".$member // \"-\"" <<<"$record"
	done | paste -sd ' '
}

# The events of a session, as `session_opened session_ended(logout)`; but for what its user was told, and what he left,
# which is seen a moment later.
story_of() # SID
{
	ledger | jq -r "select(.sid == \"$1\" and .event != \"notice_given\" and .event != \"leftovers_kept\") | .event + if .reason then \"(\(.reason))\" else \"\" end" | paste -sd ' '
}

# The session ends now or in a moment: it is in no list any more, and its story is this.
ends_so() # SID STORY
{
	wait_until "[ -z \"\$(sessions_where '.sid == \"$1\"')\" ]" || { sessions; return 1; }
	wait_until "[ \"\$(story_of '$1')\" = '$2' ]" || equal "$2" "$(story_of "$1")"
}

ends_by_logout() # SID
{
	ends_so "$1" 'session_opened session_ended(logout)'
}

# Refusals on the ledger, as `USER REASON COUNT/LIMIT POLICY` lines.
refusals()
{
	ledger | jq -r 'select(.event == "session_refused") | "\(.user) \(.reason) \(.count)/\(.limit) \(.policy)"'
}

# A stack of the given lines, as the only one of SERVICE.
stack() # SERVICE LINE…
{
	printf '%s\n' "${@:2}" >"$HOST_FS/etc/pam.d/$1"
}

# Every stack without that module.
# shellcheck disable=SC2016
without_module() # MODULE
{
	on_host bash -c 'sed -i "/$1/d" /etc/pam.d/*' bash "$1"
}

# How many processes of an audit session live, by the kernel's own word. Who has died and was not collected does not.
processes() # AUDIT_SESSION
{
	local file stat n=0
	for file in $(grep -lx "$1" "$HOST_FS"/proc/[0-9]*/sessionid 2>/dev/null); do
		{ read -r stat <"${file%sessionid}stat"; } 2>/dev/null || continue
		case ${stat##*) } in [ZX]*) ;; *) n=$((n + 1)) ;; esac
	done
	echo "$n"
}

processes_of_user() # USER
{
	on_host ps -o stat= -u "$1" | grep -vc '^Z'
}

# begin NAME USER [SSH OPTION…] -- COMMAND: a login that does this and stays; its record is then in `record`, its sid
# and audit session in `sid` and `asid`.
begin()
{
	local name=$1 user=$2 command=${*: -1} before
	before=$(sessions_where true | jq -Rs .)
	set -- "${@:2:$#-2}"
	background "$name" ssh_as "$@" "$command
echo held; exec sleep 1000"
	held "$name"
	one_session ".user == \"$user\" and (.sid | inside($before) | not)"
	sid=$(of_record sid)
	asid=$(of_record audit_session)
}

# Has sessd started anew where it sees no cgroups of its own (umount), or cannot make one (remount -o ro,bind).
without_cgroup() # HOW…
{
	stop_sessd
	# shellcheck disable=SC2016
	start_daemon sessd unshare --mount bash -c '"$@" /sys/fs/cgroup && exec /usr/sbin/sessd' bash "$@"
	wait_until 'on_host sessctl status >/dev/null 2>&1 || ! daemon_runs sessd'
	daemon_runs sessd
}

# Mounts a file system whose server takes a request and never answers it: who asks waits, and cannot be killed.
# Skips where there is no FUSE.
start_hung_filesystem()
{
	on_host bash -c '[ -e /dev/fuse ] || mknod /dev/fuse c 10 229; exec 3<>/dev/fuse' || skip "no FUSE here"
	cat >"$HOST_FS/root/hang" <<-'TEXT'
	set -e
	cd /tmp
	mkdir -p /mnt/hung
	exec 3<>/dev/fuse
	mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0,allow_other hung /mnt/hung
	# FUSE_INIT; the answer has its unique number, and speaks version 7.12.
	dd bs=131072 count=1 <&3 >init.request 2>/dev/null
	printf '\50\0\0\0\0\0\0\0' >init.answer
	dd bs=1 skip=8 count=8 <init.request >>init.answer 2>/dev/null
	printf '\7\0\0\0\14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\20\0\0' >>init.answer
	dd bs=4096 <init.answer >&3 2>/dev/null
	dd bs=131072 count=1 <&3 >request 2>/dev/null
	echo asked
	exec sleep infinity
	TEXT
	start_daemon hang bash /root/hang
	wait_until '[ -s "$HOST_FS/tmp/init.answer" ] || ! daemon_runs hang'
	daemon_runs hang || skip "no FUSE here: $(cat "$HOST_FS/var/log/hang.log")"
}
