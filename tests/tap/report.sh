#!/usr/bin/env bash
# `sessctl report` and `sessctl evidence`, of made-up ledgers: the page in a real browser, in which names and texts that
# an attacker chose stay text; what both count, beside a count of the same lines by jq; and how much memory they take.
set -u
cd "$(dirname "$0")/../.." || exit 1
sessctl=$PWD/${BUILD:-build/plain}/sessctl/sessctl
history=$PWD/${BUILD:-build/plain}/tests/lib/history
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
. tests/lib/tap.sh

skip()
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

"$history" 5000 1 >"$tmp/ledger" 2>"$tmp/key"
"$history" 4000 3 hostile >"$tmp/hostile" 2>/dev/null
key=$(cat "$tmp/key")

# --- Evidence ---

result "sessctl(8) has every control, and no other" "$(
	diff <("$sessctl" evidence --list | awk 'NR > 1 { print $1 }') \
		<(sed -n '/^\.Sh EVIDENCE/,/^\.Sh EXPORT/s/^\.It Cm //p' sessctl/sessctl.8))"

# evidence CONTROL [ARG...]: as JSON; its exit status in $status
evidence()
{
	status=0
	"$sessctl" evidence --json "$@" >"$tmp/evidence" 2>"$tmp/errors" || status=$?
}

# counted FACT LEDGER FILTER [SINCE UNTIL]: what is wrong where the count of the fact is not that of the lines that jq finds
counted()
{
	local found expected
	found=$(jq ".facts[] | select(.fact == \"$1\") | .count" "$tmp/evidence")
	expected=$(jq -c "select(.time >= \"${4:-0}\" and .time < \"${5:-9}\") | select($3)" "$2" | wc -l)
	[ "$found" = "$expected" ] && [ "$expected" -gt 0 ] || echo "$1: $found, but $expected lines"
}

evidence AC-12 --key "$key" "$tmp/ledger"
arrived='(.event == "session_opened" or .event == "session_adopted")'
result "AC-12 counts what jq counts" "$(
	counted idle_ends "$tmp/ledger" '.event == "session_ended" and .reason == "idle"'
	counted lifetime_ends "$tmp/ledger" '.event == "session_ended" and .reason == "lifetime"'
	counted revoked_ends "$tmp/ledger" '.event == "session_ended" and .reason == "revoked"'
	counted warnings "$tmp/ledger" '.event == "session_warned"'
	counted exempt_logins "$tmp/ledger" "$arrived and .class == \"login\" and .policy and (.expires_at | not)"
)"
longest=$(jq -s 'map(select(.event == "session_ended" and .reason == "idle") | .elapsed) | max' "$tmp/ledger")
result "and names the longest end" "$(jq -r --argjson longest "$longest" '.facts[] | select(.fact == "idle_ends") |
	if .worst == $longest and .worst_event.elapsed == $longest then empty else "\(.worst), not \($longest)" end' "$tmp/evidence")"
result "its exceptions are lines of the ledger, the last ones, and they make the verdict" "$(
	[ "$status" = 1 ] || echo "status $status"
	jq -c '.facts[] | select(.fact == "exempt_logins") | .events[]' "$tmp/evidence" >"$tmp/listed"
	[ "$(wc -l <"$tmp/listed")" -gt 1 ] || echo "none is listed"
	jq -c "select($arrived and .class == \"login\" and .policy and (.expires_at | not))" "$tmp/ledger" |
		tail -n 20 | jq -S -c . | diff - <(jq -S -c . "$tmp/listed") || echo "other ones are listed"
	[ "$(jq -r .verdict "$tmp/evidence")" = exceptions ] || jq -r .verdict "$tmp/evidence"
)"
evidence AC-12 --since 2026-08-10 --until 2026-08-20 "$tmp/ledger"
result "a period is cut at its ends" "$(counted idle_ends "$tmp/ledger" '.event == "session_ended" and .reason == "idle"' \
	"$(TZ=${TZ:-} date -u -d 2026-08-10 +%FT%TZ)" "$(date -u -d 2026-08-20 +%FT%TZ)")"
evidence 'NIST 800-53 ac-02 (13)' "$tmp/ledger"
result "AC-2(13) is supported, under another spelling" "$(
	counted locks_set "$tmp/ledger" '.event == "lock_set"'
	counted locked_ends "$tmp/ledger" '.event == "session_ended" and .reason == "locked"'
	counted locked_refused "$tmp/ledger" '.event == "session_refused" and .reason == "locked"'
	[ "$status:$(jq -r .control,.verdict "$tmp/evidence" | paste -sd :)" = "0:AC-2(13):supported" ] || cat "$tmp/evidence"
)"
evidence IA-11 "$tmp/ledger"
result "IA-11 knows re-authentications and what they were asked for" "$(
	counted reauthenticated "$tmp/ledger" '.event == "reauthenticated"'
	counted reauth_refused "$tmp/ledger" '.event == "session_refused" and .reason == "reauth"'
	counted proof_lacking "$tmp/ledger" '.event == "proof_lacking"'
)"
evidence AU-9 --key "$key" "$tmp/ledger"
result "AU-9 counts checkpoints, and has what verifies" "$(
	counted checkpoints "$tmp/ledger" '.event == "checkpoint"'
	[ "$status:$(jq -c '.ledger | [.intact, .sealed, .key]' "$tmp/evidence")" = "0:[true,true,\"$key\"]" ] || cat "$tmp/evidence"
)"
evidence all "$tmp/ledger"
result "all controls are one object each" "$(
	diff <("$sessctl" evidence --list | awk 'NR > 1 { print $1 }') <(jq -r .control "$tmp/evidence"))"
evidence AC-9 --since 2030-01-01 "$tmp/ledger"
result "where nothing happened there is no data" \
	"$([ "$status:$(jq -r .verdict "$tmp/evidence")" = "1:no data" ] || cat "$tmp/evidence")"
# a name in line 3000 is changed, and the chain breaks behind it
sed '3000s/"uid":1000/"uid":1001/;3000s/"uid":0/"uid":2/' "$tmp/ledger" >"$tmp/forged"
evidence AU-9 "$tmp/forged"
result "a ledger that does not verify supports nothing" "$(
	cmp -s "$tmp/ledger" "$tmp/forged" && echo "nothing was changed"
	[ "$status:$(jq -r '.verdict, .ledger.intact, .ledger.seq' "$tmp/evidence" | paste -sd :)" = "1:exceptions:false:3001" ] ||
		cat "$tmp/evidence"
)"
head -n 4990 "$tmp/ledger" >"$tmp/cut"
evidence AU-9 --anchor "$(tail -n 1 "$tmp/ledger" | tr -d '\n' |
	python3 -c 'import hashlib, sys; print("5002:" + hashlib.blake2b(sys.stdin.buffer.read(), digest_size=32).hexdigest())')" "$tmp/cut"
result "nor one that ends before an anchor" \
	"$([ "$status:$(jq -r '.verdict, .ledger.intact' "$tmp/evidence" | paste -sd :)" = "1:exceptions:false" ] || cat "$tmp/evidence")"
# a line that is well chained and says nothing, as the last
python3 - "$tmp/ledger" >"$tmp/strange" <<'PY'
import hashlib, sys
lines = open(sys.argv[1], "rb").read().split(b"\n")[:-1]
lines.append(b'{"seq":%d,"prev":"%s","event":7}' %
             (len(lines) + 1, hashlib.blake2b(lines[-1], digest_size=32).hexdigest().encode()))
sys.stdout.buffer.write(b"\n".join(lines) + b"\n")
PY
evidence AU-9 "$tmp/strange"
result "nor one with a line that is no event" \
	"$([ "$status:$(jq -r '.verdict, .damaged' "$tmp/evidence" | paste -sd :)" = "1:exceptions:1" ] || cat "$tmp/evidence")"
text=$("$sessctl" evidence AC-12 "$tmp/hostile")
result "as text it has nothing that acts on a terminal" "$(
	[ -n "$text" ] || echo "there is none"
	LC_ALL=C.UTF-8 grep -naP '[\x00-\x09\x0b-\x1f\x7f\x{80}-\x{9f}\x{2028}-\x{202e}\x{2066}-\x{2069}]' <<<"$text"
)"
result "and says that it is no judgement" "$(grep -q 'for people to judge' <<<"$text" || echo "it does not")"
for name in AC-3 '' 8.2 'AC-2(5)(1)' 'ISO AC-12'; do
	"$sessctl" evidence "$name" "$tmp/ledger" >"$tmp/evidence" 2>&1
	result "no control is called '$name'" "$([ $? = 2 ] && grep -q 'is no control' "$tmp/evidence" || cat "$tmp/evidence")"
done

# --- The report ---

for name in ledger hostile; do
	"$sessctl" report -o "$tmp/$name.html" "$tmp/$name" >"$tmp/errors" 2>&1
	result "the report of $name is written" "$([ $? = 0 ] && [ -s "$tmp/$name.html" ] || cat "$tmp/errors")"
done
"$sessctl" report -o "$tmp/forged.html" "$tmp/forged" >"$tmp/errors" 2>&1
result "that of a forged one, too, and says so" "$(
	[ $? = 1 ] && grep -q 'does not verify' "$tmp/errors" && grep -q 'It does not verify' "$tmp/forged.html" || cat "$tmp/errors")"
echo before >"$tmp/kept.html"
"$sessctl" report -o "$tmp/kept.html" "$tmp/missing" >"$tmp/errors" 2>&1
result "one that cannot be made leaves what was there" "$([ $? = 1 ] && [ "$(cat "$tmp/kept.html")" = before ] || cat "$tmp/errors")"
result "nothing is fetched from anywhere" "$(grep -noE '(src|href|action|url)[=(]["'\'']?(//|[a-z]+:)' "$tmp/ledger.html")"
result "a second one of the same ledger differs in the time alone" "$(
	"$sessctl" report -o "$tmp/again.html" "$tmp/ledger"
	diff <(sed 's/Made <time.*<\/time>//' "$tmp/ledger.html") <(sed 's/Made <time.*<\/time>//' "$tmp/again.html"))"

# --- In a browser ---

browser=$(command -v chromium || command -v chromium-browser || true)

# look PAGE: what is wrong with it, as tests/lib/report.html sees it; and what the browser complains of
look()
{
	local dom
	dom=$(timeout -k 5 120 "$browser" --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars \
		--user-data-dir="$tmp/profile" --allow-file-access-from-files --enable-logging=stderr --virtual-time-budget=20000 \
		--dump-dom "file://$tmp/report.html?$1" 2>"$tmp/browser" | sed -n '/<pre id="wrong">/,/<\/pre>/p' | sed 's/<[^>]*>//g')
	grep -q '^looked$' <<<"$dom" || echo "it was not looked at: $(tail -n 3 "$tmp/browser")"
	grep -v -e '^looked$' -e '^$' <<<"$dom"
	grep -o 'CONSOLE.*' "$tmp/browser"
}

# changed NAME SED: the page of the hostile ledger after a change is found to be wrong
changed()
{
	sed -E "$2" "$tmp/hostile.html" >"$tmp/changed.html"
	result "a page $1 is found" "$(
		cmp -s "$tmp/hostile.html" "$tmp/changed.html" && echo "nothing was changed"
		[ -n "$(look changed.html)" ] || echo "it is not")"
}

if [ -z "$browser" ]; then
	skip "the page in a browser" "chromium is not installed"
else
	cp tests/lib/report.html "$tmp/"
	result "the page is well made, filters its rows, and fits its window" "$(look ledger.html)"
	result "hostile names and texts stay text" "$(look hostile.html)"
	result "and they are in it" "$(
		for word in '&lt;img src=x onerror=&quot;' '&lt;/title&gt;' '&#39; onfocus' '\\x1b'; do
			grep -q -- "$word" "$tmp/hostile.html" || echo "$word is missing"
		done)"
	result "so does one that does not verify" "$(look forged.html | grep -v -e rows -e 'filter leaves')"
	changed "with an image in it" 's/&lt;img src=x onerror=&quot;/<img src=x onerror="/;T;s/&quot;&gt;/">/'
	changed "with a script in it" 's/&lt;script&gt;/<script>/;s/&lt;\/script&gt;/<\/script>/'
	changed "whose script does nothing" "s/hidden=!ok/hidden=false/"
	changed "whose policy forbids its own script" "s/script-src 'sha256-../script-src 'sha256-xx/"
	changed "with a chart without a table" 's/<(\/?)table/<\1div/g'
	"$browser" --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$tmp/profile" \
		--no-pdf-header-footer --print-to-pdf="$tmp/page.pdf" "file://$tmp/ledger.html" >/dev/null 2>&1
	result "it prints" "$([ "$(head -c 5 "$tmp/page.pdf")" = "%PDF-" ] || echo "it does not")"
fi

# --- Much ---

"$history" 60000 5 >"$tmp/much" 2>/dev/null
# a name of its own for each login: more than any table holds
python3 - "$tmp/much" "$tmp/names" <<'PY'
import hashlib, json, sys
prev, seq = "0" * 64, 0
with open(sys.argv[2], "wb") as out:
    for text in open(sys.argv[1], "rb"):
        event = json.loads(text)
        if event["event"] in ("seal_started", "checkpoint"):
            continue
        seq += 1
        event.update(seq=seq, prev=prev)
        if "user" in event:
            event["user"] = ("user%d " % seq) * 20
        if "rhost" in event:
            event["rhost"] = "2001:db8::%x" % seq
        line = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
        prev = hashlib.blake2b(line, digest_size=32).hexdigest()
        out.write(line + b"\n")
PY
# kilobytes FILE: of memory, at the most, that a report of it took
kilobytes()
{
	python3 - "$sessctl" "$tmp/much.html" "$1" <<'PY'
import resource, subprocess, sys
subprocess.run([sys.argv[1], "report", "-o", sys.argv[2], sys.argv[3]], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PY
}
case ${BUILD:-} in
*address* | *thread*) skip "memory is bounded" "the sanitizers have their own use of memory" ;;
*)
	few=$(kilobytes "$tmp/ledger")
	much=$(kilobytes "$tmp/much")
	names=$(kilobytes "$tmp/names")
	result "twelve times the events take no more memory" "$([ "$much" -le $((few + 4096)) ] || echo "$few KiB, then $much KiB")"
	result "nor do more names than there are rows for, beyond a bound" \
		"$([ "$names" -le 65536 ] || echo "$names KiB")"
	;;
esac
"$sessctl" report -o "$tmp/names.html" "$tmp/names"
result "what is not sealed is not said to be" "$(
	grep -q 'The chain is intact, and nothing of it is sealed' "$tmp/names.html" || echo "it is not told"
	grep -q 'The chain and its seal verify' "$tmp/ledger.html" || echo "nor what is sealed")"
result "what has no row is counted with the others" "$(grep -q 'all others' "$tmp/names.html" || echo "it is not")"
plan
