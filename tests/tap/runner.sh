#!/bin/bash
# tests/run itself: whatever is wrong with a test shows in its counts, its last line and its status.
set -u
# A tree in which there is nothing but the runner and the programs below.
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/tests/unit" "$tree/build/plain/tests/unit"
cp -r tests/run tests/lib "$tree/tests/"
n=0

# program NAME: its text on standard input
program()
{
	: >"$tree/tests/unit/test_$1.c"
	cat >"$tree/build/plain/tests/unit/test_$1"
	chmod +x "$tree/build/plain/tests/unit/test_$1"
}

# expect NAME LAST-LINE STATUS [TEXT]: what tests/run says of it
expect()
{
	local out status=0
	out=$(BUILD='' "$tree/tests/run" "unit/test_$1" 2>&1) || status=$?
	n=$((n + 1))
	if [ "${out##*$'\n'}" = "$2" ] && [ "$status" = "$3" ] && [[ $out == *"${4:-}"* ]]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1: wanted '$2', status $3, '${4:-}'"
		printf '# status %s\n' "$status"
		sed 's/^/# /' <<<"$out"
	fi
}

program good <<'TEXT'
#!/bin/sh
printf '1..2\nok 1 - a\nok 2 - b\n'
TEXT
program skip <<'TEXT'
#!/bin/sh
printf '1..3\nok 1 - a\nok 2 - b # skip why\nnot ok 3 # SKIP as cmocka says it\n'
TEXT
program fail <<'TEXT'
#!/bin/sh
printf '1..2\nok 1 - a\nnot ok 2 - b\n# because of this\n'
exit 1
TEXT
program crash <<'TEXT'
#!/bin/sh
printf '1..3\nok 1 - a\n'
kill -SEGV $$
TEXT
program silent <<'TEXT'
#!/bin/sh
exit 0
TEXT
program status <<'TEXT'
#!/bin/sh
printf '1..1\nok 1 - a\n'
exit 3
TEXT
program file <<'TEXT'
#!/bin/sh
touch "$TMPDIR/left-behind"
printf '1..1\nok 1 - a\n'
TEXT
program process <<'TEXT'
#!/bin/sh
setsid sleep 1000 >/dev/null 2>&1 &
printf '1..1\nok 1 - a\n'
TEXT
touch "$tree/tests/unit/test_unbuilt.c"

echo 1..10
expect good '3 passed, 0 failed, 0 skipped' 0
expect skip '2 passed, 0 failed, 2 skipped' 0
expect fail '2 passed, 1 failed, 0 skipped' 1 'because of this'
expect crash '2 passed, 1 failed, 0 skipped' 1 '2 of 3 tests did not run'
expect silent '1 passed, 1 failed, 0 skipped' 1 'printed no plan'
expect status '2 passed, 1 failed, 0 skipped' 1 'status 3 although no test failed'
expect file '1 passed, 1 failed, 0 skipped' 1 'left-behind'
expect process '1 passed, 1 failed, 0 skipped' 1 'sleep 1000'
expect unbuilt '1 passed, 1 failed, 0 skipped' 1 'printed no plan (status 127)'
expect nothing-of-that-name 'tests/run: no test is called so: unit/test_nothing-of-that-name' 2
