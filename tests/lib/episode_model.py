"""What must hold of an episode of faults in a fleet: `episode_model.py HISTORY`; episode_history.py says what that has.

Prints one line of figures, or what is wrong; the status is 0 or 1. Whatever is not certain is judged in favour of the
fleet.

A cap is *strict* where no host was cut off: then no two clocks of the ledgers show more than it allows at a time. A host
that is cut off, because its lease ended or because it decided by its own count, may have as many as the cap allows by
itself; so with N such hosts a user may have (1 + N) times the cap, and the other hosts together have no more than the cap.
Once all is registered again, nobody is let in beyond the cap; what is still beyond it then is reported.
"""
import sys

sys.dont_write_bytecode = True

from collections import Counter  # noqa: E402

from episode_history import HOSTS, History  # noqa: E402

CAP = 2
# bob and carol come and go; frank only comes, and stays until he is ended.
CAPPED = ("bob", "carol", "frank")
STAYS = "frank"


def at_once(spans):
    """The most of these spans (begin, end) at a time. One that ends makes place for one that begins."""
    steps = [(begin, 1) for begin, end in spans if end > begin] + [(end, -1) for begin, end in spans if end > begin]
    most = n = 0
    for _, step in sorted(steps):
        n += step
        most = max(most, n)
    return most


# --- The caps ---

def certain_end(h, v):
    """Until then the session was there for certain, as its client knows."""
    what, before, after, answer = v.end
    if what != "gone" and answer != "gone":
        return before
    if was_evicted(h, v):
        return v.after
    # somebody ended it: the first who may have begun to
    began = [max(v.after, a.before) for a in h.orders_about(v.user)
             if a.before < after and (a.after > v.after or not a.answered or v.host in a.pending)]
    return min(began + [before]) if what != "gone" else min(began, default=after)


def was_evicted(h, v):
    r = h.records.get((v.host, v.sid))
    return r is not None and (r.reason == "evicted" or is_ordered(h, r))


def is_ordered(h, r):
    """What sessd did for an order, and was killed before it was written down, it finds as a leader that has gone."""
    return r.reason == "leader_gone" and r.sid in h.orders and h.orders[r.sid].host == r.host


def seen(h, user, hosts):
    return at_once([(v.after, certain_end(h, v)) for v in h.visits.values()
                    if v.user == user and v.host in hosts and v.granted()])


def recorded(h, user, hosts):
    return at_once([(r.opened[0], r.ended[0]) for r in h.records.values() if r.user == user and r.host in hosts])


def check_caps(h, wrong):
    cut = h.cut_off()
    most = 0
    for user in CAPPED:
        for count, who in ((seen, "clients"), (recorded, "ledgers")):
            n = count(h, user, HOSTS)
            most = max(most, n)
            bound = CAP * min(1 + len(cut), len(HOSTS))
            if n > bound:
                wrong.append("%s had %d sessions at a time, by the %s; %d may be" % (user, n, who, bound))
            for hosts in [(host,) for host in HOSTS] + [tuple(host for host in HOSTS if host not in cut)]:
                n = count(h, user, hosts)
                if n > CAP:
                    wrong.append("%s had %d sessions at a time, by the %s, on %s alone" % (
                        user, n, who, " and ".join(hosts)))
    return most


def check_return(h, wrong):
    """Nobody is let in beyond the cap any more."""
    if h.cut_off_after():
        return
    for v in h.visits.values():
        if v.user not in CAPPED or not v.granted() or v.before < h.times["returned"]:
            continue
        begin = h.records[v.host, v.sid].opened[0]
        n = sum(r.opened[0] <= begin < r.ended[0] for r in h.records.values() if r.user == v.user)
        if n > CAP:
            wrong.append("%s was let in as number %d, although all were registered" % (v, n))


def excess(h, user):
    """Those that were there when the fault was over, and for as long as nobody was told to make place."""
    n = 0
    for v in h.visits.values():
        if v.user != user or not v.granted() or v.after >= h.times["healed"]:
            continue
        r = h.records[v.host, v.sid]
        n += v.stayed_until(h.times["go"]) or r.reason == "evicted" and r.ending > h.times["returned"]
    return n


def check_reports(h, wrong):
    """An overshoot is reported if it stands when the fleet is back, and only then."""
    if h.reports and not h.cut_off():
        wrong.append("an overshoot is reported although no host was cut off: %s" % h.reports)
    for e in h.reports:
        had = h.most_keys.get(e["user"], 0)
        if not e["limit"] == CAP < e["count"] or e["policy"] != "contractors" or e["count"] > had and not h.unseen:
            wrong.append("%s reports %d of %s, of whom the store had %d" % (e["host"], e["count"], e["user"], had))
    for user in CAPPED:
        n = excess(h, user)
        told = [e["count"] for e in h.reports if e["user"] == user]
        if n > CAP and max(told, default=0) < n:
            wrong.append("%s had %d sessions when the fleet was back, and %s was reported" % (
                user, n, "none of it" if not told else "%d" % max(told)))
    if h.fault in ("agent_stopped", "host_gone") and excess(h, STAYS) <= CAP and h.at_limit == "deny":
        wrong.append("no cap was exceeded, and there is nothing to see")


# --- Those who make place ---

def check_evictions(h, wrong):
    for r in h.records.values():
        order = h.orders.get(r.sid)
        if r.reason != "evicted":
            continue
        if h.at_limit == "deny":
            wrong.append("%s: %s of %s was evicted, and the cap does not evict" % (r.host, r.sid, r.user))
        elif not r.by:
            check_local(h, r, wrong)
        elif order is None and h.unseen:
            # the members were away, and what they had meanwhile was compacted
            continue
        elif order is None or order.host != r.host or r.by not in order.by:
            wrong.append("%s: %s of %s was evicted for %s, of which the store had no order" % (
                r.host, r.sid, r.user, r.by))
        elif not h.cut_off() and not any(
                v.user == r.user and v.host == r.by and v.before < r.ending for v in h.visits.values()):
            wrong.append("%s: %s of %s was evicted for %s, where nobody came" % (r.host, r.sid, r.user, r.by))
    for sid, order in h.orders.items():
        check_order(h, h.visits.get(sid), order, wrong)
    for text in h.refusals:
        wrong.append("an order was refused: %s" % text)


def check_local(h, r, wrong):
    """Without the fleet, a host ends one of its own for one that it lets in."""
    if not any(v.user == r.user and v.host == r.host and v.granted() and v.before < r.ending < v.after
               for v in h.visits.values()):
        wrong.append("%s: %s of %s made place for nobody" % (r.host, r.sid, r.user))


def check_order(h, v, order, wrong):
    """It is carried out; or withdrawn, where the one who wanted the place is refused."""
    if v is None or v.user != STAYS or not v.stayed_until(h.times["go"]):
        return
    if not any(w.user == v.user and w.host in order.by and not w.granted() for w in h.visits.values()):
        wrong.append("%s: the order to make place was lost" % v)


def check_victims(h, wrong):
    """As many make place as others come, where nobody leaves by himself and nobody is refused."""
    if h.at_limit == "deny" or h.cut_off():
        return
    came = [v for v in h.visits.values() if v.user == STAYS]
    refused = sum(not v.granted() for v in came)
    left = sum(v.granted() and v.stayed_until(h.times["go"]) for v in came)
    if left > CAP or left + refused < CAP:
        wrong.append("of %d sessions of %s, %d refused, %d were left" % (len(came), STAYS, refused, left))


# --- Orders of an administrator ---

def check_orders(h, wrong):
    unlocked = min([a.before for a in h.acts if a.what == "unlock"], default=0)
    for a in h.acts:
        if a.what == "unlock" or not a.answered:
            continue
        for v in h.visits.values():
            if v.user != a.user or not v.granted():
                continue
            if v.after < a.before:
                lives_on = v.end[0] != "gone" and v.end[3] not in ("gone", "killed")
                if v.host not in a.pending and v.end[1] > a.after and lives_on:
                    wrong.append("%s lived after the %s that was answered" % (v, a.what))
                if lives_on and v.user == "dave":
                    wrong.append("%s: the %s was lost" % (v, a.what))
            if a.what == "lock" and a.after < v.before < unlocked and v.host not in a.pending:
                wrong.append("%s was let in although locked" % v)


# --- Ends ---

def check_ends(h, wrong):
    for v in h.visits.values():
        if not v.granted():
            continue
        if v.end is None:
            wrong.append("%s has no end" % v.sid)
        elif v.died() and not was_evicted(h, v) and not any(
                a.before < v.end[2] for a in h.orders_about(v.user)):
            wrong.append("%s was ended by nobody's order" % v)


def check_ledgers(h, wrong):
    """Each session is opened and ended once, and for a reason that somebody gave."""
    for r in h.records.values():
        if len(r.opened) != 1 or len(r.ended) != 1:
            wrong.append("%s: %s opened %d and ended %d times" % (r.host, r.sid, len(r.opened), len(r.ended)))
        else:
            check_reason(h, r, wrong)
    for v in h.visits.values():
        if v.granted() and (v.host, v.sid) not in h.records:
            wrong.append("%s: %s was granted and is not in the ledger" % (v.host, v.sid))


def check_reason(h, r, wrong):
    v, reason = h.visits.get(r.sid), r.reason
    what = {"revoked": "revoke", "locked": "lock"}.get(reason)
    ours = v is None or not v.granted() or v.end is None or v.end[0] in ("left", "close")
    if what is not None:
        good = any(a.what == what and a.user == r.user for a in h.acts)
    elif reason == "leader_gone":
        good = ours or h.orders_about(r.user) or is_ordered(h, r)
    else:
        # of those who were evicted, see check_evictions
        good = reason == "evicted" or reason == "logout" and ours
    if not good:
        wrong.append("%s: %s of %s ended as %s, which nobody asked for" % (r.host, r.sid, r.user, reason))


# --- All of it ---

def figures(h, most, answers):
    cut = len(h.cut_off())
    evicted = sum(r.reason == "evicted" for r in h.records.values())
    return "  %s, at_limit = %s: %d sessions, %d at a time of %d that may be, %d refused by the cap, %d unavailable; " \
        "%d made place; %d overshoots reported; %d orders, %d pending; %d writes unseen" % (
            "%d cut off" % cut if cut else "strict", h.at_limit, len(h.records), most,
            CAP * min(1 + cut, len(HOSTS)), answers["refused cap"], answers["refused unavailable"], evicted,
            len(h.reports), sum(a.answered for a in h.acts), sum(a.pending != ["-"] for a in h.acts), h.unseen)


def main(path):
    h, wrong, most = History(path), [], 0
    check_ends(h, wrong)
    check_ledgers(h, wrong)
    if not wrong:
        most = check_caps(h, wrong)
        for check in (check_return, check_reports, check_evictions, check_victims, check_orders):
            check(h, wrong)
    answers = Counter(v.answer for v in h.visits.values())
    if not answers["granted"] or h.at_limit == "deny" and not answers["refused cap"]:
        wrong.append("nothing was granted, or nothing refused: %s" % dict(answers))
    if wrong:
        print("\n".join(wrong))
        return 1
    print(figures(h, most, answers))
    return 0


sys.exit(main(sys.argv[1]))
