#!/usr/bin/env bash
# The formats of `sessctl audit export`, over lines with every kind of event, every member and hostile text: others read
# them back (Python's csv, the grammars of CEF and RFC 5424, a copy of what OCSF requires) and find all that was in the
# ledger, and nothing that was not.
set -u
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
. tests/lib/tap.sh

# read_back FORMAT FILE: what is wrong with it
read_back()
{
	python3 tests/lib/formats.py "$1" "$tmp/lines" "$2" tests/lib/ocsf-1.6.0.json 2>&1
}

if ! python3 -c 'import csv, json, hashlib, ipaddress' 2>/dev/null; then
	echo "1..0 # skip python3 is not installed"
	exit 0
fi
if ! "${CC:-cc}" -std=c11 -D_GNU_SOURCE -I. -Wall -Wextra -o "$tmp/formats" tests/lib/formats.c sessctl/format*.c sessctl/kind.c \
	sessctl/line.c sessctl/moment.c sessctl/ocsf_class.c sessctl/source.c sessctl/mapping.c sessd/entry.c common/*.c -ljansson \
	-lsodium -lkeyutils >"$tmp/why" 2>&1; then
	echo "1..1"
	echo "not ok 1 - tests/lib/formats.c builds"
	sed 's/^/# /' "$tmp/why"
	exit 1
fi

result "every kind of event has a row in sessctl/kind.h" "$("$tmp/formats" missing)"
"$tmp/formats" lines >"$tmp/lines"
result "there are lines of all of them" "$([ "$(wc -l <"$tmp/lines")" -gt 300 ] || echo "only $(wc -l <"$tmp/lines")")"
for format in jsonl csv ocsf ecs cef syslog; do
	"$tmp/formats" "$format" <"$tmp/lines" >"$tmp/$format" || result "$format is written" "status $?"
done
result "jsonl are the ledger's own bytes" "$(cmp "$tmp/lines" "$tmp/jsonl" 2>&1)"
result "csv is read back by Python's csv, and is no formula" "$(read_back csv "$tmp/csv")"
result "ocsf has what 1.6.0 requires, and nothing else" "$(read_back ocsf "$tmp/ocsf")"
result "ecs has what 8.11.0 wants" "$(read_back ecs "$tmp/ecs")"
result "cef is read back by its grammar" "$(read_back cef "$tmp/cef")"
result "syslog is read back by the grammar of RFC 5424" "$(read_back syslog "$tmp/syslog")"
result "no format has a byte that acts on a terminal" \
	"$(for format in csv ocsf ecs cef syslog; do
		tr -d '\r' <"$tmp/$format" | LC_ALL=C.UTF-8 grep -naP '[\x00-\x09\x0b-\x1f\x7f\x{80}-\x{9f}\x{2028}-\x{202e}\x{2066}-\x{2069}]' |
			head -n 2
	done)"

# The readers themselves: each change is found.
missed=""
try()
{
	sed "$2" "$tmp/$1" >"$tmp/changed"
	cmp -s "$tmp/$1" "$tmp/changed" && missed+="$1: $2 changes nothing"$'\n'
	[ -n "$(read_back "$1" "$tmp/changed")" ] || missed+="$1: not found: $2"$'\n'
}
try csv "s/\"'=HYPERLINK/\"=HYPERLINK/"
try csv 's/""/"/'
try csv '3d'
try ocsf 's/"is_remote":true/"is_remote":1/'
try ocsf 's/"severity_id":1,/"severity_id":9,/'
try ocsf 's/"user":{"name":"alice","uid":"1000"},//'
try ocsf 's/"version":"1.6.0"/"version":"1.7.0"/'
try ocsf 's/"type_uid":300201/"type_uid":300202/'
try ocsf 's/"session":{/"sessions":{/'
try ocsf 's/"disposition_id":24/"disposition_id":25/'
try ocsf 's/"unmapped":{"prev":"0/"unmapped":{"prev":"1/'
try ecs 's/"hash":"./"hash":"x/'
try ecs 's/"start"\]/"begin"]/'
try ecs 's/"survivor_list":"survivor_list"/"survivor_list":""/'
try cef 's/|Login refused|5|/|Login|refused|5|/'
try cef 's/\\=/=/'
try cef 's/duser=alice/duser=mallory/'
try syslog 's/\\]/]/'
try syslog 's/user="alice"/user="mallory"/'
try syslog 's/^<86>1/<86>/'
result "each change is found" "$missed"
plan
