#!/bin/bash
# The model that judges the episodes of faults finds what it is there to find: small histories that are well, and the same
# with one thing wrong.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# Here a history has all in one file, and its times in ms. `HOST: AT EVENT SID USER [REASON [BY]]` is of a host's ledger.

# Strict, and the cap refuses: bob has his two places; dave is ended from elsewhere, on one host later; erin is locked;
# alice stays.
strict()
{
	cat <<-END
		episode 1 none web2 deny deny compacting=0
		act 200 300 web3 revoke dave 0 web2
		act 310 400 web1 lock erin 0 -
		act 900 910 web1 unlock erin 0 -
		lease web1 0 0
		web1 open 10 20 a1 alice granted
		web1: 15 opened a1 alice
		web1 close 950 951 a1 alice done
		web1: 950 ended a1 alice logout
		web1 open 10 20 d1 dave granted
		web1: 16 opened d1 dave
		web1 gone 10 250 d1 dave died
		web1: 249 ended d1 dave revoked
		web2 open 10 20 d2 dave granted
		web2: 15 opened d2 dave
		web2 gone 10 800 d2 dave died
		web2: 799 ended d2 dave revoked
		web1 open 10 20 e1 erin granted
		web1: 17 opened e1 erin
		web1 gone 10 350 e1 erin died
		web1: 349 ended e1 erin locked
		web1 open 10 20 b1 bob granted
		web1: 18 opened b1 bob
		web1 close 500 510 b1 bob done
		web1: 505 ended b1 bob logout
		web2 open 30 40 b2 bob granted
		web2: 35 opened b2 bob
		web2 left 600 601 b2 bob killed
		web2: 602 ended b2 bob leader_gone
		web3 open 50 60 b3 bob refused cap
		web3 open 520 530 b4 bob granted
		web3: 525 opened b4 bob
		web3 close 940 941 b4 bob done
		web3: 941 ended b4 bob logout
	END
}

# web2 was cut off, and frank's two places there were taken elsewhere. All four stay, and that is reported.
cut_off()
{
	cat <<-END
		episode 1 host_gone web2 deny deny compacting=0
		lease web2 1 0
		web2 open 10 20 f1 frank granted
		web2: 15 opened f1 frank
		web2 close 910 920 f1 frank done
		web2: 915 ended f1 frank logout
		web2 open 10 21 f2 frank granted
		web2: 16 opened f2 frank
		web2 close 910 920 f2 frank done
		web2: 916 ended f2 frank logout
		web3 open 200 210 f3 frank granted
		web3: 205 opened f3 frank
		web3 close 910 920 f3 frank done
		web3: 915 ended f3 frank logout
		web3 open 200 211 f4 frank granted
		web3: 206 opened f4 frank
		web3 close 910 920 f4 frank done
		web3: 916 ended f4 frank logout
		web1 open 210 220 f5 frank refused cap
		key 1 put frank f1
		key 2 put frank f2
		key 3 del frank f1
		key 3 del frank f2
		key 4 put frank f3
		key 5 put frank f4
		key 6 put frank f1
		key 6 put frank f2
		web2: 380 overshoot frank 4
	END
}

# The same, and the cap evicts: when all is known again, the two oldest go.
cut_off_evicting()
{
	cut_off | sed '1s/deny deny/deny evict_oldest/; s/^web2 close 910 920 \(.*\) done/web2 gone 10 430 \1 died/
		s/^web2: 91. ended \(.*\) logout/web2: 410 ending \1 evicted web2\nweb2: 420 ended \1 evicted web2/'
	echo order 7 web2 f1 web2
	echo order 8 web2 f2 web2
}

# The cap evicts: the third session of frank takes the place of his first.
evicting()
{
	cat <<-END
		episode 1 none web2 deny evict_oldest compacting=0
		order 7 web1 f1 web3
		web1 open 10 20 f1 frank granted
		web1: 15 opened f1 frank
		web1 gone 10 260 f1 frank died
		web1: 220 ending f1 frank evicted web3
		web1: 230 ended f1 frank evicted web3
		web2 open 30 40 f2 frank granted
		web2: 35 opened f2 frank
		web2 close 910 920 f2 frank done
		web2: 915 ended f2 frank logout
		web3 open 200 250 f3 frank granted
		web3: 240 opened f3 frank
		web3 close 910 920 f3 frank done
		web3: 915 ended f3 frank logout
	END
}

# What the model reads: ns; ledgers of their own, as sessd writes them, of hosts whose clocks are an hour apart.
write_history()
{
	rm -f "$dir"/h*
	: | tee "$dir/h.web1" "$dir/h.web2" >"$dir/h.web3"
	perl -MPOSIX=strftime -ne '
		BEGIN {
			$dir = shift;
			%ahead = map { ("web$_" => 1700000000000 + ($_ - 2) * 3600000) } 1 .. 3;
			open $out, ">", "$dir/h";
			print $out "clock $_ $ahead{$_}000000\n" for sort keys %ahead;
			print $out "fault 100000000\nhealed 300000000\nreturned 400000000\ngo 900000000\n";
		}
		if (/^(web.): (\d+) (\w+) (\w+) (\w+) ?(\w*) ?(\w*)/) {
			my $ms = $2 + $ahead{$1};
			my $time = strftime("%FT%T", gmtime $ms / 1000) . sprintf(".%03d000Z", $ms % 1000);
			open $ledger, ">>", "$dir/h.$1";
			if ($3 eq "overshoot") {
				print $ledger qq({"time":"$time","event":"fleet_overshoot","user":"$4","policy":"contractors","limit":2,"count":$5}\n);
			} elsif ($3 eq "refused") {
				print $ledger qq({"time":"$time","event":"order_refused","by":"$4","text":"order $5"}\n);
			} else {
				print $ledger qq({"time":"$time","event":"session_$3","sid":"$4","user":"$5"), $6 && qq(,"reason":"$6"),
					$7 && qq(,"by":"$7"), "}\n";
			}
			close $ledger;
		} else {
			s/^(act|web. \w+) (\d+) (\d+)/$1 ${2}000000 ${3}000000/;
			print $out $_;
		}' "$dir"
}

judge()
{
	python3 tests/lib/episode_model.py "$dir/h"
}

# is_well HISTORY [SED-SCRIPT]
is_well()
{
	local said
	"$1" | sed "${2:-}" | write_history
	said=$(judge) || echo "$said"
}

# finds WORDS HISTORY SED-SCRIPT: with that change it says so.
finds()
{
	local said
	"$2" >"$dir/before"
	sed "$3" "$dir/before" >"$dir/after"
	! cmp -s "$dir/before" "$dir/after" || { echo "$3 changes nothing"; return; }
	write_history <"$dir/after"
	if said=$(judge); then
		echo "nothing was found: $said"
	else
		grep -q "$1" <<<"$said" || echo "not $1 was found, but: $said"
	fi
}

result 'a history that is well' "$(is_well strict)"
result 'three at a time, as clients saw' "$(finds 'bob had 3 sessions at a time, by the clients' strict 's/close 500 510 b1/close 560 570 b1/')"
result 'three at a time, as the ledgers say' "$(finds 'bob had 3 sessions at a time, by the ledgers' strict 's/505 ended b1/526 ended b1/')"
result 'an order that was lost' "$(finds 'd2 of dave on web2: the revoke was lost' strict 's/gone 10 800 d2 dave died/close 950 951 d2 dave done/')"
result 'a session that outlived what was said of it' "$(finds 'd1 of dave on web1 lived after' strict 's/gone 10 250 d1 dave died/close 950 951 d1 dave done/')"
result 'an end that nobody ordered' "$(finds 'a1 of alice on web1 was ended by nobody' strict 's/close 950 951 a1 alice done/gone 10 700 a1 alice died/')"
result 'one who was let in although locked' "$(finds 'e9 of erin on web3 was let in' strict '$a web3 open 500 510 e9 erin granted\nweb3: 505 opened e9 erin\nweb3 close 520 530 e9 erin done\nweb3: 525 ended e9 erin logout')"
result 'a reason that nobody gave' "$(finds 'ended as idle' strict 's/ended a1 alice logout/ended a1 alice idle/')"
result 'a revocation that nobody ordered' "$(finds 'ended as revoked' strict 's/ended b1 bob logout/ended b1 bob revoked/')"
result 'a session that the ledger does not end' "$(finds 'ended 0 times' strict '/ended b4/d')"
result 'one that it does not know' "$(finds 'is not in the ledger' strict '/: .* b2 /d')"
result 'an episode in which nothing was refused' "$(finds 'nothing refused' strict '/refused cap/d')"
result 'an order that was refused' "$(finds 'an order was refused: web1' strict '$a web1: 300 refused web3 7')"
result 'an overshoot that none can have been' "$(finds 'although no host was cut off' strict '$a web1: 300 overshoot bob 3')"

result 'four at a time where a host was cut off, and reported' "$(is_well cut_off)"
result 'but not five' "$(finds 'frank had 5 sessions at a time, by the clients; 4 may be' cut_off 's/f5 frank refused cap/f5 frank granted\nweb1: 215 opened f5 frank\nweb1 close 910 920 f5 frank done\nweb1: 915 ended f5 frank logout/')"
result 'nor three on the host that was' "$(finds 'frank had 3 sessions at a time, by the ledgers, on web2 alone' cut_off 's/^web3\(.*f4\)/web2\1/')"
result 'nor three on those that were not' "$(finds 'frank had 3 sessions at a time, by the clients, on web1 and web3 alone' cut_off 's/^web2\(.*f2\)/web1\1/')"
result 'nor four where none was' "$(finds 'frank had 4 sessions at a time, by the ledgers; 2 may be' cut_off '/^lease/d')"
result 'an overshoot that nobody reports' "$(finds 'frank had 4 sessions when the fleet was back, and none of it was reported' cut_off '/overshoot/d')"
result 'one that is told too small' "$(finds 'had 4 sessions when the fleet was back, and 3 was reported' cut_off 's/overshoot frank 4/overshoot frank 3/')"
result 'or too large' "$(finds 'reports 5 of frank, of whom the store had 4' cut_off 's/overshoot frank 4/overshoot frank 5/')"
result 'or whom the store never had together' "$(finds 'reports 4 of frank, of whom the store had 3' cut_off '/^key 6 put frank f2/d')"
result 'somebody else is reported' "$(finds 'none of it was reported' cut_off 's/overshoot frank 4/overshoot bob 4/')"
result 'an overshoot that is over needs no report' "$(is_well cut_off '1s/host_gone/quorum_lost/; /overshoot/d; s/910 920 \(f[12]\)/290 299 \1/; s/91. ended \(f[12]\)/295 ended \1/')"
result 'one who is let in when all are registered' "$(finds 'f6 of frank on web1 was let in as number 4' cut_off '/ f2 /d; s/frank 4/frank 3/; $a web1 open 450 460 f6 frank granted\nweb1: 455 opened f6 frank\nweb1 close 910 920 f6 frank done\nweb1: 915 ended f6 frank logout')"
result 'an episode in which nothing was exceeded' "$(finds 'there is nothing to see' cut_off '/ f[34] /d; /overshoot/d')"
result 'a host that decided alone, twice' "$(is_well cut_off '1s/deny deny/local deny/; s/^lease web2 1 0/alone web2 2 0/')"
result 'which it must not, where it is to refuse' "$(finds 'had 4 sessions at a time' cut_off 's/^lease web2 1 0/alone web2 2 0/')"
result 'those beyond the cap go when all is known' "$(is_well cut_off_evicting)"
result 'and that is reported, too' "$(finds 'had 4 sessions when the fleet was back, and none of it' cut_off_evicting '/overshoot/d')"

result 'a session that makes place' "$(is_well evicting)"
result 'one whose sessd was killed before it could write that' "$(is_well evicting '/ending f1/d; s/ended f1 frank evicted web3/ended f1 frank leader_gone/')"
result 'which nobody believes without an order' "$(finds 'f1 of frank on web1 was ended by nobody' evicting '/^order/d; /ending f1/d; s/ended f1 frank evicted web3/ended f1 frank leader_gone/')"
result 'a newcomer who is let in before' "$(finds 'frank had 3 sessions at a time, by the ledgers' evicting 's/230 ended f1/245 ended f1/')"
result 'an end for which the store had no order' "$(finds 'evicted for web3, of which the store had no order' evicting '/^order/d')"
result 'an order of another host' "$(finds 'evicted for web3, of which the store had no order' evicting 's/^order 7 web1 f1 web3/order 7 web1 f1 web2/')"
result 'an order for somebody who never came' "$(finds 'evicted for web1, where nobody came' evicting 's/order 7 web1 f1 web3/order 7 web1 f1 web1/; s/evicted web3/evicted web1/; s/^web1 open 10 20/web1 open 221 222/; s/15 opened f1/15 opened f1/')"
result 'two who make place for one' "$(finds 'of 3 sessions of frank, 0 refused, 1 were left' evicting 's/^web2 close 910 920 f2 frank done/web2 gone 30 240 f2 frank died\norder 8 web2 f2 web3/; s/915 ended f2 frank logout/225 ending f2 frank evicted web3\nweb2: 226 ended f2 frank evicted web3/')"
result 'an order to make place that was lost' "$(finds 'f2 of frank on web2: the order to make place was lost' evicting '$a order 8 web2 f2 web3')"
result 'one that was withdrawn' "$(is_well evicting '$a order 8 web2 f2 web3\nweb3 open 300 310 f4 frank refused cap')"
result 'a host that makes place for nobody' "$(finds 'f1 of frank made place for nobody' evicting 's/evicted web3/evicted/')"
result 'an eviction where the cap refuses' "$(finds 'the cap does not evict' evicting '1s/evict_oldest/deny/; $a web3 open 300 310 f4 frank refused cap')"
result 'one that was ended by no order at all' "$(finds 'f2 of frank on web2 was ended by nobody' evicting 's/^web2 close 910 920 f2 frank done/web2 gone 30 240 f2 frank died/; s/915 ended f2 frank logout/226 ended f2 frank leader_gone/')"
plan
