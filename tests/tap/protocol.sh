#!/usr/bin/env bash
# PROTOCOL.md and the headers say the same: every message, field, error, reason, word, event, member and limit; and the
# lines of Python in it verify a ledger, and find where one was changed.
set -u
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
. tests/lib/tap.sh

# The tables of a document on standard input, as tests/lib/tables.c prints those of the headers. A table is known by
# the first word of its head; a row `as in NAME` stands for the fields of that message, or of what several share.
document()
{
	awk -F ' *[|] *' '
		/^### / { message = substr($0, 5) }
		!/^\|/ { table = ""; next }
		table == "" { table = $2; next }
		$2 ~ /^-+$/ { next }
		table == "lowest" { print "versions", $2, $3 }
		table == "message" { sent[$2] = 1; print "message", $2, $3, $4 }
		table == "tag" && !rows[message]++ { messages[++n] = message }
		table == "tag" { row[message, rows[message]] = $3 ~ /^as in / ? $3 : $2 " " $3 " " $4 " " $5 }
		table == "error" { print "error", $2, $3, $4, $5 }
		table == "reason" { print "reason", $2, $3, $4, $5 }
		table == "class" || table == "phase" { print table, $2, $3 }
		table == "event" { print "event", $2 }
		table == "member" { print "member", $2, $3, $4 }
		table == "limit" { print "limit", $2, $3 }
		table == "value" { print "kind", $2 }
		function fields(name, of,    i)
		{
			for (i = 1; i <= rows[of]; i++)
				if (row[of, i] ~ /^as in /)
					fields(name, substr(row[of, i], 7))
				else
					print "field", name, row[of, i]
		}
		END {
			for (i = 1; i <= n; i++)
				if (messages[i] in sent)
					fields(messages[i], messages[i])
		}'
}

# differences KIND…: what is only in the document (<) and only in the headers (>), in order
differences()
{
	local words
	words=$(IFS='|'; echo "$*")
	diff <(grep -E "^($words) " "$tmp/document") <(grep -E "^($words) " "$tmp/headers") | grep '^[<>]'
}

if ! "${CC:-cc}" -std=c11 -D_GNU_SOURCE -I. -Wall -Wextra -o "$tmp/tables" tests/lib/tables.c sessd/store.c \
	sessd/store_open.c sessd/entry.c common/*.c -lsqlite3 -lsodium -lkeyutils >"$tmp/why" 2>&1; then
	echo "1..1"
	echo "not ok 1 - tests/lib/tables.c builds"
	sed 's/^/# /' "$tmp/why"
	exit 1
fi
"$tmp/tables" | sed 's/ REQUIRED$/ required/; s/ OPTIONAL$/ optional/' >"$tmp/headers"
document <PROTOCOL.md >"$tmp/document"

result "the versions" "$(differences versions)"
result "every message, its code and where it may come" "$(differences message)"
# Those of all messages, in the order of the messages in the document.
result "every field, its tag, kind and presence" "$(diff <(grep '^field ' "$tmp/document" | sort -s -k 2,2) \
	<(grep '^field ' "$tmp/headers" | sort -s -k 2,2) | grep '^[<>]')"
result "every error, its code, exit code and words" "$(differences error)"
result "every reason, its code, use and words" "$(differences reason)"
result "every class and phase" "$(differences class phase)"
result "every event of the ledger" "$(differences event)"
result "every member of an event, its kind and presence" "$(differences member)"
result "the limits" "$(differences limit)"
result "every kind of value is described, and no other" "$(diff <(sed -n 's/^kind //p' "$tmp/document" | sort) \
	<(awk '/^field/ { print $5 } /^member/ { print $3 }' "$tmp/headers" | sort -u) | grep '^[<>]')"

# The comparison itself: a document with one thing changed is found out.
changes=('s/^| 17 | new_token /| 18 | new_token /' 's/^| 2 | user | STR | optional/| 2 | user | STR | required/'
	's/^| evicted | 6 |/| evicted | 7 |/' 's/^| INVALID | 7 | 2 |/| INVALID | 7 | 1 |/' '/^| survivors | U64/d'
	's/^| page | 72 | answer/| page | 72 | ctl/')
missed=""
usual=$(differences field message error reason member)
for change in "${changes[@]}"; do
	sed "$change" PROTOCOL.md | document >"$tmp/document"
	[ "$(differences field message error reason member)" != "$usual" ] || missed+="not found: $change"$'\n'
done
result "a change of one row is found" "$missed"

if ! command -v python3 >/dev/null; then
	for name in "the lines of Python verify a ledger" "they find each line that was changed, taken out or moved"; do
		n=$((n + 1))
		echo "ok $n - $name # SKIP python3 is not installed"
	done
else
	awk '/^```python$/ { on = 1; next } /^```$/ { on = 0 } on' PROTOCOL.md >"$tmp/verify.py"
	"$tmp/tables" ledger "$tmp/ledger.db" >"$tmp/lines"
	wrong=""
	[ "$(wc -l <"$tmp/verify.py")" -gt 0 ] && [ "$(wc -l <"$tmp/verify.py")" -le 10 ] ||
		wrong="PROTOCOL.md has $(wc -l <"$tmp/verify.py") lines of Python"
	head=$(tail -n 1 "$tmp/lines" | tr -d '\n' | b2sum -l 256 | cut -d ' ' -f 1)
	[ "$(python3 "$tmp/verify.py" <"$tmp/lines" 2>&1)" = "head $head" ] || wrong+="$(cat "$tmp/lines")"
	result "the lines of Python verify a ledger" "$wrong"
	missed=""
	for change in '2s/user/uses/' '1d' '3d' '2{h;d};3{G}' '3p' '1s/"prev":"0/"prev":"1/' '5s/}$//'; do
		sed "$change" "$tmp/lines" | python3 "$tmp/verify.py" >/dev/null 2>&1 && missed+="not found: $change"$'\n'
	done
	result "they find each line that was changed, taken out or moved" "$missed"
fi
plan
