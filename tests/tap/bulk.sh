#!/bin/bash
# A ledger of many events (MANY, 40,000 unless told otherwise): it is exported, verified and reported from the daemon, its
# database and a file in bounded memory on both sides, and a mirror catches up with all of it.
. "$(dirname "$(realpath "$0")")/../lib/daemon.bash"

MANY=${MANY:-40000}
SESSCTL_KIB=65536 SESSD_KIB=16384
[ "$(basename "$BUILD")" = plain ] || SESSCTL_KIB=2000000 SESSD_KIB=2000000

if ! python3 -c 'import resource' 2>/dev/null; then
	check 'python3 is there to measure memory (skipped)' true
	finish
fi
cp "$BUILD/tests/lib/grow" "$bin/" || exit 1
cat >/mnt/measure.py <<'END'
import resource, subprocess, sys, time
began = time.monotonic()
status = subprocess.run(sys.argv[2:], stdout=open("/mnt/out", "wb")).returncode
took = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as out:
    print(status, used.ru_maxrss, "%.2f" % took, "%.2f" % (used.ru_utime + used.ru_stime), file=out)
END

# within NAME ARG...: sessctl succeeds within its memory; its rate is told
within()
{
	local name=$1 status kib took cpu
	shift
	python3 /mnt/measure.py /mnt/measured "$bin/sessctl" --runtime-dir "$run" "$@"
	read -r status kib took cpu </mnt/measured
	echo "# $name: $kib KiB, $took s ($cpu s of the processor), $(awk -v n="$events" -v s="$took" \
		'BEGIN { printf "%.0f", n / (s > 0.01 ? s : 0.01) }') events/s"
	why="status $status, $kib KiB; $(head -c 300 /mnt/out)"
	[ "$status" = 0 ] && [ "$kib" -gt 1000 ] && [ "$kib" -le "$SESSCTL_KIB" ]
}

peak_of_sessd()
{
	awk '$1 == "VmHWM:" { print $2 }' "/proc/$daemon/status"
}

sessd_within() # KIB BEFORE
{
	local now
	now=$(peak_of_sessd)
	why="$2 KiB before, $now KiB now"
	echo "# sessd: $((now - $2)) KiB more"
	[ $((now - $2)) -le "$1" ]
}

daemon_new 'mirror = "/mnt/mirror"'
mkdir -m 0700 "$state"
check "a ledger of $MANY events is made" exits 0 "$bin/grow" "$state" "$MANY"
check 'the daemon starts on it' daemon_up
events=$(ctl status --json | jq .ledger_seq)
check 'it has them' [ "$events" -gt "$MANY" ]
mirror_is_whole()
{
	why=$(ctl status --json)
	[ "$(jq .mirror_seq <<<"$why")" = "$events" ]
}
patiently()
{
	local end=$((${EPOCHREALTIME/./} + 120000000))
	until "$@"; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.05
	done
}
check 'the mirror catches up with all of it' patiently mirror_is_whole
before=$(peak_of_sessd)
check 'exported through the daemon' within 'export' audit export -o /mnt/exported
# but for what the readings themselves have added
check 'the mirror is the same' cmp -n "$(stat -c %s /mnt/exported)" /mnt/exported /mnt/mirror
check 'verified through the daemon' within 'verify' audit verify
check 'in another format' within 'export as csv' audit export --format csv -o /mnt/exported.csv
rm -f /mnt/exported.csv
check 'reported through the daemon' within 'report' report -o /mnt/report.html
check 'for little memory of the daemon' sessd_within "$SESSD_KIB" "$before"
check 'the file is verified' within 'verify of the file' audit verify /mnt/exported
check 'one of another user' within 'export of one user' audit export --user user7 /mnt/exported
check 'the daemon is killed' daemon_kill
check 'its database is verified' within 'verify of the database' audit verify "$state/ledger.db"
check 'and exported' within 'export of the database' audit export -o /mnt/again "$state/ledger.db"
check 'with the same bytes' cmp -n "$(stat -c %s /mnt/exported)" /mnt/exported /mnt/again
finish
