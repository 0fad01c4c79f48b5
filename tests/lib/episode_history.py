"""What was seen of an episode of faults in a fleet, and by whom. All times are ns of the one clock that counts from the
machine's boot; what a ledger says is brought to it by what its host's wall clock is ahead.

HISTORY, written by episodes.bash, has a line each:

	episode NUMBER FAULT HOST UNREACHABLE AT_LIMIT …
	clock HOST AHEAD                        of that host's wall clock
	fault T, healed T, returned T, go T     it begins; is over; all is registered again; the clients are told to leave
	lease HOST BEFORE AFTER                 how many of its leases ended, before and after all was registered again
	alone HOST BEFORE AFTER                 so many logins it decided about without the fleet
	act BEFORE AFTER HOST WHAT USER STATUS PENDING
	order REVISION HOST SID BY              that the store had: to make place, signed by that host
	key REVISION put|del USER SID           of a session, in the store
	gap FROM TO                             revisions of the store of which nothing is known
	HOST WHAT BEFORE AFTER SID USER ANSWER  a client there: see wirepeer_visits.c

HISTORY.HOST has the lines of that host's ledger.
"""
import json
from datetime import datetime

HOSTS = ("web1", "web2", "web3")
# Of a command: what came of it is told, host by host.
ANSWERED = ("0", "1", "5")


class Visit:
    """A session, or an attempt to have one, as its client saw it: it was certainly there from `after` to `end`."""

    def __init__(self, host, before, after, sid, user, answer):
        self.host, self.before, self.after = host, before, after
        self.sid, self.user, self.answer = sid, user, answer
        self.end = None  # (what, before, after, answer)

    def granted(self):
        return self.answer == "granted"

    def died(self):
        return self.end[0] == "gone" or self.end[3] == "gone"

    def stayed_until(self, when):
        """It was its client who ended it, and not before."""
        return not self.died() and self.end[1] >= when

    def __str__(self):
        return "%s of %s on %s" % (self.sid, self.user, self.host)


class Act:
    """What an administrator asked of the fleet."""

    def __init__(self, before, after, host, what, user, status, pending):
        self.before, self.after, self.host, self.what, self.user = int(before), int(after), host, what, user
        self.answered = status in ANSWERED
        self.pending = pending.split(",")


class Order:
    """To end a session so that another has its place. Several may want the same one's."""

    def __init__(self, host, sid):
        self.host, self.sid, self.by = host, sid, set()


class Record:
    """A session in a ledger."""

    def __init__(self, host, sid, user):
        self.host, self.sid, self.user = host, sid, user
        self.opened, self.ended, self.ending = [], [], None
        self.reason, self.by = None, ""


class Counts:
    """Of a host, before and after all was registered again."""

    def __init__(self):
        self.lost, self.lost_after, self.alone, self.alone_after = 0, 0, 0, 0


class History:
    def __init__(self, path):
        self.visits, self.acts, self.orders = {}, [], {}
        self.times, self.ahead = {}, {}
        self.keys, self.most_keys, self.unseen = {}, {}, 0
        self.counts = {host: Counts() for host in HOSTS}
        with open(path) as lines:
            for line in lines:
                self.take(line.split())
        self.records, self.reports, self.refusals = {}, [], []
        for host in HOSTS:
            with open(path + "." + host) as lines:
                for line in lines:
                    self.take_event(host, json.loads(line))

    def take(self, words):
        what = words[0]
        if what == "episode":
            self.fault, self.host, self.unreachable, self.at_limit = words[2:6]
        elif what == "clock":
            self.ahead[words[1]] = int(words[2])
        elif what in ("fault", "healed", "returned", "go"):
            self.times[what] = int(words[1])
        elif what == "lease":
            self.counts[words[1]].lost += int(words[2])
            self.counts[words[1]].lost_after += int(words[3])
        elif what == "alone":
            self.counts[words[1]].alone += int(words[2])
            self.counts[words[1]].alone_after += int(words[3])
        elif what == "act":
            self.acts.append(Act(*words[1:8]))
        elif what == "order":
            host, sid, by = words[2:5]
            self.orders.setdefault(sid, Order(host, sid)).by.add(by)
        elif what == "key":
            self.take_key(*words[2:5])
        elif what == "gap":
            self.unseen += int(words[2]) - int(words[1]) + 1
        elif what in HOSTS:
            self.take_visit(what, words[1], words[2:])

    def take_key(self, what, user, sid):
        there = self.keys.setdefault(user, set())
        (there.add if what == "put" else there.discard)(sid)
        self.most_keys[user] = max(self.most_keys.get(user, 0), len(there))

    def take_visit(self, host, what, words):
        before, after, sid, user, answer = int(words[0]), int(words[1]), words[2], words[3], " ".join(words[4:])
        if what == "open":
            self.visits[sid] = Visit(host, before, after, sid, user, answer)
        else:
            self.visits[sid].end = (what, before, after, answer)

    def take_event(self, host, e):
        event = e["event"]
        if event == "fleet_overshoot":
            self.reports.append(dict(e, host=host, at=self.time_of(host, e)))
        elif event == "order_refused":
            self.refusals.append("%s: %s" % (host, e["text"]))
        if event not in ("session_opened", "session_adopted", "session_ending", "session_ended"):
            return
        # One sid on two hosts would be two sessions.
        r = self.records.setdefault((host, e["sid"]), Record(host, e["sid"], e["user"]))
        at = self.time_of(host, e)
        if event == "session_ending":
            r.ending = r.ending or at
        elif event == "session_ended":
            r.ended.append(at)
            r.reason, r.by = e["reason"], e.get("by", "")
        else:
            r.opened.append(at)

    def time_of(self, host, e):
        # Microseconds, kept whole.
        wall = datetime.fromisoformat(e["time"].replace("Z", "+00:00"))
        seconds = int(wall.replace(microsecond=0).timestamp())
        return seconds * 10**9 + wall.microsecond * 1000 - self.ahead[host]

    def cut_off(self):
        """The hosts that had let others have their places, or decided by their own count."""
        return {host for host, n in self.counts.items()
                if n.lost + n.lost_after or self.unreachable == "local" and n.alone + n.alone_after}

    def cut_off_after(self):
        """… although all was registered again."""
        return {host for host, n in self.counts.items()
                if n.lost_after or self.unreachable == "local" and n.alone_after}

    def orders_about(self, user):
        return [a for a in self.acts if a.user == user and a.what in ("revoke", "lock")]
