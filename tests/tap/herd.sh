#!/bin/bash
# A small herd of agents against a real etcd: all join, who logs in is answered, a lock reaches all, and nothing is left in
# the store when all have gone. And where the store does all that it was asked so late that nobody hears of it, each host
# has one lease in the end.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh

[ "$(id -u)" = 0 ] || { echo "1..0 # skip needs root"; exit 0; }
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

run_herd() # VARIABLE=VALUE…
{
	env HERD_HOSTS=50 HERD_LOGINS=200 HERD_USERS=150 HERD_CAP=4 HERD_MS=2000 HERD_REST=2000 HERD_LEASE=5 HERD_MEMBERS=1 "$@" \
		tests/herd/run herd >"$out" 2>&1 || { cat "$out"; return 1; }
}

has() # REGEX…
{
	local line
	for line; do grep -Eq "$line" "$out" || { echo "no line like: $line"; cat "$out"; return 1; }; done
}

# Of one user's ten logins at a moment as many are let in as the cap has places; how many he has already, chance says.
cap_holds()
{
	local granted
	granted=$(sed -n '/^one user/,/^all leave/ s/.*login granted: \([0-9]*\),.*/\1/p' "$out")
	[ "${granted:-0}" -le 4 ] && grep -A 3 '^one user' "$out" | grep -q 'login refused: '
}

answered()
{
	[ "$(sed -n '/^200 logins/,/^rest/ s/.*login [a-z]*: \([0-9]*\),.*/\1/p' "$out" | awk '{ n += $1 } END { print n + 0 }')" = 200 ]
}

result 'a herd joins, logs in, is locked and leaves' "$(run_herd)"
result 'all of it has joined' "$(has '^  join ?: 50,')"
result 'every login was answered' "$(answered || cat "$out")"
result 'the cap holds while ten come at once' "$(cap_holds || cat "$out")"
result 'a lock and its end reach all' "$(has '^  lock ?: 50,' '^and lifted: ')"
# A request is given up after 3 s; the leases last long enough for those that nobody keeps alive to be counted.
result 'a herd joins a store that did not run' "$(run_herd HERD_STALL=4 HERD_LEASE=30 HERD_LOGINS=1 HERD_REST=0)"
result 'each host has one lease' "$(has '^  join ?: 50,' '^  the store: 50 leases')"
plan
