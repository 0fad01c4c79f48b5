#!/usr/bin/env bash
# A few seconds of each fuzz target, with the same inputs each time; `make fuzz` is the long run.
set -u
cd "$(dirname "$0")/../.." || exit 1
if ! command -v clang >/dev/null; then
	echo '1..0 # SKIP needs clang'
	exit 0
fi
out=$(make -s SAN= FAULTS= V= fuzz-smoke 2>&1)
status=$?
printf '%s\n' "$out" | awk '/^(not )?ok/ { n++; sub(/ok /, "ok " n " - ") } { print } END { print "1.." n }' |
	sed '/^\(not ok\|ok\|1\.\.\)/!s/^/# /'
exit $status
