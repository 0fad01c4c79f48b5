"""What must hold of an episode of faults in a fleet: `episode_model.py HISTORY`, see episodes.bash.

Prints one line of figures, or what is wrong; the status is 0 or 1. HISTORY has what clients saw and did, with times of one
clock (ns): a session was certainly there from the return of its open to the call that ended it. HISTORY.HOST are the
lines of that host's ledger. Whatever is not certain is judged in favour of the fleet.
"""
import json
import sys
from collections import Counter

CAP = 2
CAPPED = ("bob", "carol")
HOSTS = ("web1", "web2", "web3")
# Of an order: what came of it is told, host by host.
ANSWERED = ("0", "1", "5")


class Visit:
    def __init__(self, host, before, after, sid, user, answer):
        self.host, self.before, self.after = host, before, after
        self.sid, self.user, self.answer = sid, user, answer
        self.end = None  # the line that says how it ended


class Act:
    def __init__(self, before, after, host, what, user, status, pending):
        self.before, self.after, self.host, self.what, self.user = int(before), int(after), host, what, user
        self.answered = status in ANSWERED
        self.pending = pending.split(",")


def read(path):
    head, visits, acts, leases = None, {}, [], 0
    for line in open(path):
        words = line.split()
        if words[0] == "episode":
            head = words
        elif words[0] == "act":
            acts.append(Act(*words[1:8]))
        elif words[0] == "lease":
            leases += int(words[2])
        elif words[0] in HOSTS:
            host, what, before, after, sid, user = words[:6]
            if what == "open":
                visits[sid] = Visit(host, int(before), int(after), sid, user, " ".join(words[6:]))
            else:
                visits[sid].end = (what, int(before), int(after), words[6])
    return head, visits, acts, leases


def orders(acts, user):
    return [a for a in acts if a.user == user and a.what in ("revoke", "lock")]


def certain_end(v, acts):
    """Until then the session was there for certain."""
    what, before, after, answer = v.end
    if what != "gone" and answer != "gone":
        return before
    # somebody ended it: the first who may have begun to
    began = [max(v.after, a.before) for a in orders(acts, v.user)
             if a.before < after and (a.after > v.after or not a.answered or v.host in a.pending)]
    return min(began + [before]) if what != "gone" else min(began, default=after)


def most_at_once(visits, acts):
    """Of sessions that were certainly there together."""
    steps = []
    for v in visits:
        if v.answer == "granted":
            end = certain_end(v, acts)
            if end > v.after:
                steps += [(v.after, 1), (end, -1)]
    most = n = 0
    for _, step in sorted(steps):
        n += step
        most = max(most, n)
    return most


def check_caps(visits, acts, strict, wrong):
    most = 0
    for user in CAPPED:
        own = [v for v in visits.values() if v.user == user]
        n = most_at_once(own, acts)
        most = max(most, n)
        bound = CAP if strict else CAP * len(HOSTS)
        if n > bound:
            wrong.append("%s had %d sessions at a time; %d may be" % (user, n, bound))
        for host in HOSTS:
            n = most_at_once([v for v in own if v.host == host], acts)
            if n > CAP:
                wrong.append("%s had %d sessions at a time on %s alone" % (user, n, host))
    return most


def check_orders(visits, acts, wrong):
    unlocked = min([a.before for a in acts if a.what == "unlock"], default=0)
    for a in acts:
        if a.what == "unlock" or not a.answered:
            continue
        for v in visits.values():
            if v.user != a.user or v.answer != "granted":
                continue
            where = "%s of %s on %s" % (v.sid, v.user, v.host)
            if v.after < a.before:
                lives_on = v.end[0] != "gone" and v.end[3] not in ("gone", "killed")
                if v.host not in a.pending and v.end[1] > a.after and lives_on:
                    wrong.append("%s lived after the %s that was answered" % (where, a.what))
                if lives_on and v.user == "dave":
                    wrong.append("%s: the %s was lost" % (where, a.what))
            if a.what == "lock" and a.after < v.before < unlocked and v.host not in a.pending:
                wrong.append("%s was let in although locked" % where)


def check_ends(visits, acts, wrong):
    for v in visits.values():
        if v.answer != "granted":
            continue
        if v.end is None:
            wrong.append("%s has no end" % v.sid)
            continue
        died = v.end[0] == "gone" or v.end[3] == "gone"
        if died and not any(a.before < v.end[2] for a in orders(acts, v.user)):
            wrong.append("%s of %s on %s was ended by nobody's order" % (v.sid, v.user, v.host))


def check_ledgers(path, visits, acts, wrong):
    """Each session is opened and ended once, and for a reason that somebody gave."""
    begun = Counter()
    for host in HOSTS:
        opened, ended = Counter(), Counter()
        for line in open(path + "." + host):
            e = json.loads(line)
            if e["event"] in ("session_opened", "session_adopted"):
                opened[e["sid"]] += 1
            elif e["event"] == "session_ended":
                ended[e["sid"]] += 1
                check_reason(e, visits.get(e["sid"]), host, acts, wrong)
        for sid in opened | ended:
            if opened[sid] != 1 or ended[sid] != 1:
                wrong.append("%s: %s opened %d and ended %d times" % (host, sid, opened[sid], ended[sid]))
        for v in visits.values():
            if v.host == host and v.answer == "granted" and not opened[v.sid]:
                wrong.append("%s: %s was granted and is not in the ledger" % (host, v.sid))
        begun.update(opened)
    return sum(begun.values())


def check_reason(e, v, host, acts, wrong):
    reason, what = e["reason"], {"revoked": "revoke", "locked": "lock"}.get(e["reason"])
    ours = v is None or v.answer != "granted" or v.end is None or v.end[0] in ("left", "close")
    if what is not None:
        good = any(a.what == what and a.user == e["user"] for a in acts)
    elif reason == "leader_gone":
        good = ours or orders(acts, e["user"])
    else:
        good = reason == "logout" and ours
    if not good:
        wrong.append("%s: %s of %s ended as %s, which nobody asked for" % (host, e["sid"], e["user"], reason))


def main(path):
    head, visits, acts, leases = read(path)
    strict = leases == 0 and head[4] == "deny"
    wrong = []
    check_ends(visits, acts, wrong)
    if not wrong:
        most = check_caps(visits, acts, strict, wrong)
        check_orders(visits, acts, wrong)
        n = check_ledgers(path, visits, acts, wrong)
    answers = Counter(v.answer for v in visits.values())
    if not answers["granted"] or not answers["refused cap"]:
        wrong.append("nothing was granted, or nothing refused: %s" % dict(answers))
    if wrong:
        print("\n".join(wrong))
        return 1
    print("  %s: %d sessions, %d at a time, %d refused by the cap, %d unavailable; %d orders, %d pending" % (
        "strict" if strict else "degraded", n, most, answers["refused cap"], answers["refused unavailable"],
        sum(a.answered for a in acts), sum(a.pending != ["-"] for a in acts)))
    return 0


sys.exit(main(sys.argv[1]))
