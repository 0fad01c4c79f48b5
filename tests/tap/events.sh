#!/usr/bin/env bash
# sessd-events(7) is what the rows in the code say: each kind of event, and the members that it may have.
set -u
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
. tests/lib/tap.sh

if ! "${CC:-cc}" -std=c11 -D_GNU_SOURCE -I. -Wall -Wextra -o "$tmp/tables" tests/lib/tables.c sessd/store.c \
	sessd/store_open.c sessd/entry.c common/*.c -lsqlite3 -lsodium -lkeyutils >"$tmp/why" 2>&1; then
	echo "1..1"
	echo "not ok 1 - tests/lib/tables.c builds"
	sed 's/^/# /' "$tmp/why"
	exit 1
fi
"$tmp/tables" has >"$tmp/has"
"$tmp/tables" | sed -n 's/^event //p' | sort >"$tmp/kinds"
"$tmp/tables" | sed -n 's/^member \([^ ]*\).*/\1/p' | sort >"$tmp/members"

result "every kind has one row of members in sessd/entry_members.h" \
	"$(cut -d ' ' -f 1 "$tmp/has" | sort | diff - "$tmp/kinds")"
result "each row has members, and each once" \
	"$(awk '{ if (NF < 2) print $1 " has none"; for (i = 2; i <= NF; i++) if ($i == $1 || seen[NR, $i]++) print $1 " has " $i " twice" }' \
		"$tmp/has")"
result "what a row names is a member" \
	"$(cut -d ' ' -f 2- "$tmp/has" | tr ' ' '\n' | sed '/^$/d' | sort -u | comm -23 - "$tmp/members")"
result "each member belongs to some kind" \
	"$(cut -d ' ' -f 2- "$tmp/has" | tr ' ' '\n' | sort -u | comm -13 - "$tmp/members" | grep -vx -e time -e event)"
tests/lib/events page >"$tmp/page"
result "sessd-events(7) is made of them (else: make docs)" "$(diff sessd/sessd-events.7 "$tmp/page")"

# The check of lines itself.
if command -v jq >/dev/null; then
	line='{"seq":1,"prev":"0","time":"t","event":"checkpoint","key":"k","next_key":"n","signature":"s"}'
	result "a line as it should be passes" "$(tests/lib/events check <<<"$line")"
	result "a member that is not declared is found" \
		"$([ "$(tests/lib/events check <<<"${line/\"key\"/\"policy\"}")" = 'checkpoint has policy' ] || echo "it is not")"
	result "so is a kind" "$([ -n "$(tests/lib/events check <<<"${line/checkpoint/check}")" ] || echo "it is not")"
fi
plan
