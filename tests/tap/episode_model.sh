#!/bin/bash
# The model that judges the episodes of faults finds what it is there to find: a small history that is well, and the same
# with one thing wrong.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# bob has his two places; dave is ended from elsewhere, on one host later; erin is locked; alice stays.
write_history()
{
	cat >"$dir/h" <<-END
		episode 1 none web2 deny compacting=0
		act 200 300 web3 revoke dave 0 web2
		act 310 400 web1 lock erin 0 -
		act 900 910 web1 unlock erin 0 -
		lease web1 0
		web1 open 10 20 a1 alice granted
		web1 close 950 951 a1 alice done
		web1 open 10 20 d1 dave granted
		web1 gone 10 250 d1 dave died
		web2 open 10 20 d2 dave granted
		web2 gone 10 800 d2 dave died
		web1 open 10 20 e1 erin granted
		web1 gone 10 350 e1 erin died
		web1 open 10 20 b1 bob granted
		web1 close 500 510 b1 bob done
		web2 open 30 40 b2 bob granted
		web2 left 600 601 b2 bob killed
		web3 open 50 60 b3 bob refused cap
		web3 open 520 530 b4 bob granted
		web3 close 940 941 b4 bob done
	END
	printf '%s\n' '{"event":"session_opened","sid":"'{a1,d1,e1,b1}'"}' >"$dir/h.web1"
	ended web1 a1 alice logout d1 dave revoked e1 erin locked b1 bob logout
	printf '%s\n' '{"event":"session_opened","sid":"'{d2,b2}'"}' >"$dir/h.web2"
	ended web2 d2 dave revoked b2 bob leader_gone
	echo '{"event":"session_opened","sid":"b4"}' >"$dir/h.web3"
	ended web3 b4 bob logout
}

ended() # HOST [SID USER REASON]…
{
	local host=$1
	shift
	while [ $# -gt 0 ]; do
		echo "{\"event\":\"session_ended\",\"sid\":\"$1\",\"user\":\"$2\",\"reason\":\"$3\"}" >>"$dir/h.$host"
		shift 3
	done
}

# finds WORDS FILE SED-SCRIPT: with that change it says so.
finds()
{
	local said
	write_history
	cp "$dir/$2" "$dir/before"
	sed -i "$3" "$dir/$2"
	! cmp -s "$dir/$2" "$dir/before" || { echo "$3 changes nothing"; return; }
	if said=$(python3 tests/lib/episode_model.py "$dir/h"); then
		echo "nothing was found: $said"
	else
		grep -q "$1" <<<"$said" || echo "not $1 was found, but: $said"
	fi
}

write_history
result 'a history that is well' "$(python3 tests/lib/episode_model.py "$dir/h" >"$dir/said" || cat "$dir/said")"
result 'three at a time' "$(finds 'bob had 3 sessions at a time' h 's/close 500 510 b1/close 560 570 b1/')"
write_history
sed -i 's/lease web1 0/lease web1 1/; s/close 500 510 b1/close 560 570 b1/' "$dir/h"
result 'which may be where a lease has ended' "$(python3 tests/lib/episode_model.py "$dir/h" >"$dir/said" || cat "$dir/said")"
result 'but not on one host' "$(finds 'on web1 alone' h 's/lease web1 0/lease web1 1/; s/^web2 \(.* b2 \)/web1 \1/; s/^web3 \(.* b4 \)/web1 \1/; s/close 500 510 b1/close 560 570 b1/')"
result 'an order that was lost' "$(finds 'd2 of dave on web2: the revoke was lost' h 's/gone 10 800 d2 dave died/close 950 951 d2 dave done/')"
result 'a session that outlived what was said of it' "$(finds 'd1 of dave on web1 lived after' h 's/gone 10 250 d1 dave died/close 950 951 d1 dave done/')"
result 'an end that nobody ordered' "$(finds 'a1 of alice on web1 was ended by nobody' h 's/close 950 951 a1 alice done/gone 10 700 a1 alice died/')"
result 'one who was let in although locked' "$(finds 'e9 of erin on web3 was let in' h '$a web3 open 500 510 e9 erin granted\nweb3 close 520 530 e9 erin done')"
result 'a reason that nobody gave' "$(finds 'ended as idle' h.web1 's/"a1","user":"alice","reason":"logout"/"a1","user":"alice","reason":"idle"/')"
result 'a revocation that nobody ordered' "$(finds 'ended as revoked' h.web1 's/"b1","user":"bob","reason":"logout"/"b1","user":"bob","reason":"revoked"/')"
result 'a session that the ledger does not end' "$(finds 'ended 0 times' h.web3 /session_ended/d)"
result 'one that it does not know' "$(finds 'is not in the ledger' h.web2 /b2/d)"
result 'an episode in which nothing was refused' "$(finds 'nothing refused' h '/refused cap/d')"
plan
