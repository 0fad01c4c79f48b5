#!/bin/bash
# tests/bench/run with tiny counts: that each row is measured, or says why not, and that nothing stays behind.
set -u
cd "$(dirname "$0")/../.." || exit 1

if [ "$(id -u)" != 0 ] || ! unshare --mount --pid --fork true 2>/dev/null; then
	echo "1..0 # skip needs root and namespaces"
	exit 0
fi
make -s SAN= FAULTS= all build/plain/tests/bench/load build/plain/tests/lib/throng build/plain/tests/lib/grow \
	build/plain/tests/lib/stack >&2 || exit 1
export TMPDIR
TMPDIR=$(mktemp -d)
trap 'rm -rf "$TMPDIR"' EXIT
mapfile -t names < <(sed -n 's/^\([a-z][a-z_0-9]*\) *|.*/\1/p' tests/bench/measures)
n=0

# report WORDS: by the status of the command before
report()
{
	local status=$?
	n=$((n + 1))
	if [ "$status" = 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/# /' "$TMPDIR/out" "$TMPDIR/errors"
	fi
}

echo "1..$((${#names[@]} + 6))"
tests/bench/run --quick --json >"$TMPDIR/out" 2>"$TMPDIR/errors"
report "it runs"
[ "$(wc -l <"$TMPDIR/out")" = $((${#names[@]} + 1)) ] && jq -es 'all(type == "object")' "$TMPDIR/out" >/dev/null
report "a line for the machine, and one for each measure"
for name in "${names[@]}"; do
	jq -es --arg name "$name" 'map(select(.measure == $name)) | length == 1 and
		(.[0] | (.skipped | type == "string" and test("installed|descriptors|audit session|systemd")) or (.sessd.median > 0 and
			(.peer == null or .ratio.min > 0 and .ratio.min <= .ratio.median and .ratio.median <= .ratio.max)))' \
		"$TMPDIR/out" >/dev/null
	report "$name"
done
[ -z "$(find "$TMPDIR" -mindepth 1 -name 'sessd-bench.*')" ]
report "its folder is gone"

# What report does with figures, without any machine.
cat >"$TMPDIR/measures" <<'TEXT'
fast | something | 1/s | a | b | ratio >= 2
slow | another | us | a | b | ratio <= 1.5
bare | a third | B | a | - | value <= 10
none | a fourth | B | a | b | -
many | a fifth | B | a | - | value <= 10 at 1000
TEXT
printf '%s\n' 'fast sessd 30' 'fast peer 10' 'fast sessd 10' 'fast peer 10' 'fast sessd 50' 'fast peer 20' \
	'slow sessd 20' 'slow peer 10' 'bare sessd 10' 'none skip there is none' 'many sessd 5' >"$TMPDIR/results"
tests/bench/report -v json=1 -v sessions=999 "$TMPDIR/measures" "$TMPDIR/results" >"$TMPDIR/out" 2>"$TMPDIR/errors"
jq -es '.[0].ratio == {median: 2.5, min: 1, max: 3} and .[0].sessd.median == 30 and .[0].met == true and
	.[1].met == false and .[2].met == true and .[2].ratio == null and .[3].skipped == "there is none" and
	.[4].met == null' "$TMPDIR/out" >/dev/null
report "medians, ratios of neighbours, goals"
tests/bench/report "$TMPDIR/measures" "$TMPDIR/results" >"$TMPDIR/out" 2>"$TMPDIR/errors"
[ "$(grep -cE '^(something|another|a third|a fourth|a fifth) ' "$TMPDIR/out")" = 5 ] && grep -q '^another .* not met$' "$TMPDIR/out"
report "the same as a table"
tests/bench/run --nonsense >"$TMPDIR/out" 2>"$TMPDIR/errors"
[ $? = 2 ]
report "a wrong argument is refused"
