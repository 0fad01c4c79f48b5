"""Reads the formats of `sessctl audit export` back, and compares them with the ledger's own lines.

formats.py FORMAT LINES EXPORTED SCHEMA: prints what is wrong; nothing where all is well. What stands here about a format
is written from its own specification and shares nothing with the program.
"""
import csv
import hashlib
import ipaddress
import json
import re
import sys
from datetime import datetime, timezone


def escaped(text):
    """How text is made harmless: what is a control character or moves the line, byte for byte as \\xNN."""
    out = ""
    for c in text:
        n = ord(c)
        bad = n < 0x20 or 0x7F <= n < 0xA0 or 0x2028 <= n <= 0x202E or 0x2066 <= n <= 0x2069
        out += "".join("\\x%02x" % b for b in c.encode()) if bad else c
    return out


def plain(value):
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, float):
        return "%.6f" % value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    return escaped(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def milliseconds(text):
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def equal(wrong, where, expected, found):
    if expected != found:
        wrong.append("%s: expected %r, found %r" % (where, expected, found))


def check_csv(lines, data, schema):
    wrong = []
    text = data.decode()
    equal(wrong, "line ends", len(lines) + 1, text.count("\r\n"))
    equal(wrong, "bare line ends", text.count("\r\n"), text.count("\n"))
    rows = list(csv.reader(text.splitlines(keepends=True), strict=True))
    head = rows[0]
    for n, (line, row) in enumerate(zip(lines, rows[1:]), 1):
        equal(wrong, "columns of row %d" % n, len(head), len(row))
        for cell in row:
            if cell[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20"):
                wrong.append("row %d: a formula: %r" % (n, cell))
        cells = {name: cell[1:] if cell[:1] == "'" else cell for name, cell in zip(head, row) if cell != ""}
        others = json.loads(cells.pop("other", "{}"))
        expected = {name: plain(value) for name, value in line.items()}
        found = {**cells, **{name: plain(value) for name, value in others.items()}}
        equal(wrong, "row %d" % n, expected, found)
        if line["event"] != "later_kind" and others:
            wrong.append("row %d: without a column: %s" % (n, list(others)))
    return wrong


def unescape(text, special):
    return re.sub(r"\\(.)", lambda m: m.group(1) if m.group(1) in special else m.group(0), text)


CEF_LABELS = {"sid": "cs1", "policy": "cs2", "class": "cs3", "by_sid": "cs4", "lock": "cs5", "prev": "cs6", "limit": "cn1",
    "count": "cn2", "survivors": "cn3"}
CEF_KEYS = {"seq": "externalId", "user": "duser", "uid": "duid", "service": "destinationServiceName", "leader_pid": "dpid",
    "reason": "reason", "text": "msg", **CEF_LABELS}
CEF_TIMES = {"time": "rt", "opened_at": "start", "expires_at": "deviceCustomDate1", "old_expires_at": "deviceCustomDate2"}


def cef_key(line, member):
    if member in CEF_KEYS:
        return CEF_KEYS[member]
    if member == "by" or (member == "ruser" and "by" not in line):
        return "suser"
    if member == "rhost":
        try:
            return "src" if ipaddress.ip_address(line["rhost"]).version == 4 else "c6a2"
        except ValueError:
            return "shost"
    return "sessd" + "".join(part.capitalize() for part in member.split("_"))


def check_cef(lines, data, schema):
    wrong = []
    rows = data.decode().split("\n")
    equal(wrong, "rows", len(lines) + 1, len(rows))
    for n, (line, row) in enumerate(zip(lines, rows), 1):
        header = re.match(r"CEF:0((?:\|(?:[^|\\]|\\[|\\])*){6})\|(.*)$", row, re.S)
        if not header:
            wrong.append("row %d is no CEF: %r" % (n, row))
            continue
        parts = [unescape(p, "|\\") for p in re.findall(r"\|((?:[^|\\]|\\[|\\])*)", header.group(1))]
        equal(wrong, "row %d: event" % n, escaped(line["event"]), parts[3])
        if parts[:2] != ["sessd", "sessd"] or not parts[4] or not 0 <= int(parts[5]) <= 10:
            wrong.append("row %d: header %s" % (n, parts))
        extension = re.findall(r"(?:^| )([A-Za-z0-9]+)=((?:[^=\\]|\\[=\\nr])*?)(?= [A-Za-z0-9]+=|$)", header.group(2))
        found = dict(extension)
        equal(wrong, "row %d: keys that are there once" % n, len(extension), len(found))
        equal(wrong, "row %d: all of it read" % n, header.group(2), " ".join("%s=%s" % pair for pair in extension))
        for member, value in line.items():
            if member == "event":
                continue
            if member in CEF_TIMES:
                equal(wrong, "row %d: %s" % (n, member), str(milliseconds(value)), found.get(CEF_TIMES[member]))
                continue
            key = cef_key(line, member)
            equal(wrong, "row %d: %s" % (n, member), plain(value), unescape(found.get(key, "is missing"), "=\\"))
            if member in CEF_LABELS:
                equal(wrong, "row %d: label of %s" % (n, member), member, found.get(key + "Label"))
    return wrong


SD_NAME = r'[!#-<>-\\^-~]{1,32}'
SYSLOG = re.compile(r'<(\d+)>1 (\S{1,32}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) '
    r'((?:\[' + SD_NAME + r'(?: ' + SD_NAME + r'="(?:[^"\\\]]|\\["\\\]])*")*\])+) \ufeff(.*)')


def check_syslog(lines, data, schema):
    wrong = []
    rows = data.decode().split("\n")
    equal(wrong, "rows", len(lines) + 1, len(rows))
    for n, (line, row) in enumerate(zip(lines, rows), 1):
        m = SYSLOG.fullmatch(row)
        if not m:
            wrong.append("row %d is no syslog message: %r" % (n, row))
            continue
        equal(wrong, "row %d: facility" % n, 10, int(m.group(1)) // 8)
        equal(wrong, "row %d: time" % n, line["time"], m.group(2))
        equal(wrong, "row %d: MSGID" % n, line["event"][:32], m.group(6))
        element = re.search(r'\[sessd@32473((?: ' + SD_NAME + r'="(?:[^"\\\]]|\\["\\\]])*")*)\]', m.group(7))
        found = {k: unescape(v, '"\\]') for k, v in re.findall(r' (' + SD_NAME + r')="((?:[^"\\\]]|\\["\\\]])*)"', element.group(1))}
        equal(wrong, "row %d" % n, {k: plain(v) for k, v in line.items()}, found)
    return wrong


def leaves(value):
    """Each scalar in a tree, so that it can be asked whether something got lost."""
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in leaves(v)]
    if isinstance(value, list):
        return [leaf for v in value for leaf in leaves(v)]
    return [value]


def check_nothing_lost(wrong, n, line, tree, kept):
    found = [str(leaf) for leaf in leaves(tree)]
    for member, value in line.items():
        if member in kept:
            equal(wrong, "row %d: %s" % (n, member), value, kept[member])
        elif str(value) in found:
            continue
        elif isinstance(value, str) and re.match(r"\d{4}-.*Z$", value) and str(milliseconds(value)) in found:
            continue
        elif isinstance(value, float) and str(round(value * 1e9)) in found:
            continue
        else:
            wrong.append("row %d: %s is lost: %r" % (n, member, value))


def check_rows(lines, data, rest, check):
    wrong = []
    if any(b > 0x7E or (b < 0x20 and b != 0x0A) for b in data):
        wrong.append("there is something besides printable ASCII")
    rows = data.decode().splitlines()
    equal(wrong, "rows", len(lines), len(rows))
    for n, (line, row) in enumerate(zip(lines, rows), 1):
        tree = json.loads(row)
        check_nothing_lost(wrong, n, line, tree, tree.get(rest, {}))
        check(wrong, n, line, tree)
    return wrong


def check_ecs(lines, data, schema):
    raw = open(sys.argv[2], "rb").read().splitlines()
    # https://www.elastic.co/guide/en/ecs/8.11/ecs-allowed-values-event-category.html
    types = {"authentication": {"start", "end", "info"}, "configuration": {"access", "change", "creation", "deletion", "info"},
        "host": {"access", "change", "end", "info", "start"},
        "iam": {"admin", "change", "creation", "deletion", "group", "info", "user"},
        "process": {"access", "change", "end", "info", "start"}, "session": {"start", "end", "info"}}

    def check(wrong, n, line, tree):
        event = tree["event"]
        equal(wrong, "row %d: @timestamp" % n, line["time"], tree["@timestamp"])
        equal(wrong, "row %d: ecs.version" % n, "8.11.0", tree["ecs"]["version"])
        equal(wrong, "row %d: hash" % n, hashlib.blake2b(raw[n - 1], digest_size=32).hexdigest(), event["hash"])
        for category in event.get("category", []):
            if not set(event["type"]) <= types[category]:
                wrong.append("row %d: %s does not go with %s" % (n, event["type"], category))
        if event["kind"] != "event" or event["outcome"] not in ("success", "failure", "unknown"):
            wrong.append("row %d: %s" % (n, event))
        if line["event"] == "session_refused":
            equal(wrong, "row %d: refusal" % n, (["authentication"], ["start"], "failure"),
                (event["category"], event["type"], event["outcome"]))
        if line["event"] == "session_opened":
            equal(wrong, "row %d: login" % n, ["authentication", "session"], event["category"])
        if "ip" in tree.get("source", {}):
            ipaddress.ip_address(tree["source"]["ip"])

    return check_rows(lines, data, "sessd", check)


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_address(value):
    try:
        ipaddress.ip_address(value)
        return True
    except ValueError:
        return False


SCALARS = {
    "string_t": lambda v: isinstance(v, str),
    "hostname_t": lambda v: isinstance(v, str),
    "boolean_t": lambda v: isinstance(v, bool),
    "integer_t": lambda v: is_integer(v) and -2**31 <= v < 2**31,
    "long_t": is_integer,
    "timestamp_t": lambda v: is_integer(v) and v > 0,
    "ip_t": is_address,
    "object": lambda v: isinstance(v, dict),
}


class Ocsf:
    def __init__(self, schema, wrong, where):
        self.schema, self.wrong, self.where = schema, wrong, where

    def says(self, path, what):
        self.wrong.append("%s: %s: %s" % (self.where, path, what))

    def value(self, path, kind, value, beside):
        if kind.endswith("[]"):
            for i, one in enumerate(value):
                self.value("%s[%d]" % (path, i), kind[:-2], one, beside)
        elif kind.startswith("enum:"):
            captions = self.schema["enums"][kind[5:]]
            if not is_integer(value) or str(value) not in captions:
                self.says(path, "%r is no such number" % (value,))
            else:
                caption = beside.get(re.sub("_id$", "", path.split(".")[-1]))
                if caption is None or captions[str(value)] not in (None, caption):
                    self.says(path, "%r is called %r" % (value, caption))
        elif kind in self.schema["objects"]:
            self.object(path, self.schema["objects"][kind], value)
        elif not SCALARS[kind](value):
            self.says(path, "%r is no %s" % (value, kind))

    def object(self, path, shape, value):
        if not isinstance(value, dict):
            self.says(path, "is no object")
            return
        for name, kind in shape["attributes"].items():
            if kind.endswith("!") and name not in value:
                self.says(path, "%s is missing" % name)
        for name, one in value.items():
            if name not in shape["attributes"]:
                self.says(path, "there is no attribute %s" % name)
            else:
                self.value(path + "." + name, shape["attributes"][name].rstrip("!"), one, value)
        if "at_least_one" in shape and not set(shape["at_least_one"]) & set(value):
            self.says(path, "has none of %s" % shape["at_least_one"])


def check_ocsf(lines, data, schema):
    def check(wrong, n, line, tree):
        ocsf = Ocsf(schema, wrong, "row %d (%s)" % (n, line["event"]))
        of = schema["classes"].get(str(tree["class_uid"]))
        if of is None:
            ocsf.says("class_uid", "%r is no class" % tree["class_uid"])
            return
        ocsf.object("event", {**of, "attributes": {**schema["base"], **of["attributes"]}}, tree)
        equal(wrong, ocsf.where + ": category", of["category"], [tree["category_uid"], tree["category_name"]])
        equal(wrong, ocsf.where + ": class", of["name"], tree["class_name"])
        equal(wrong, ocsf.where + ": type_uid", tree["class_uid"] * 100 + tree["activity_id"], tree["type_uid"])
        equal(wrong, ocsf.where + ": time", milliseconds(line["time"]), tree["time"])
        equal(wrong, ocsf.where + ": version", schema["version"], tree["metadata"]["version"])
        caption = of["activities"].get(str(tree["activity_id"]), "no such activity")
        if caption is not None:
            equal(wrong, ocsf.where + ": activity", caption, tree["activity_name"])
        check_ocsf_meaning(wrong, ocsf.where, line, tree)

    return check_rows(lines, data, "unmapped", check)


def check_ocsf_meaning(wrong, where, line, tree):
    """What a reader of it would look for."""
    got = (tree["class_uid"], tree["activity_id"], tree["status_id"], tree.get("disposition_id"))
    switch = line.get("class") == "elevation"
    revoked = line.get("reason") not in (None, "logout", "leader_gone", "reboot")
    if line["event"] in ("session_opened", "session_adopted") and "user" in line:
        equal(wrong, where, (3002, 7 if switch else 1, 1, 1), got)
    if line["event"] == "session_refused" and "user" in line:
        equal(wrong, where, (3002, 7 if switch else 1, 2, 2), got)
    if line["event"] == "session_ended" and "user" in line:
        equal(wrong, where, (3002, 2, 1, 24 if revoked else None), got)
        equal(wrong, where, line.get("reason"), tree["session"].get("expiration_reason"))
    if line["event"] in ("lock_set", "lock_lifted") and line.get("lock", "").startswith("user "):
        equal(wrong, where, (3001, 9 if line["event"] == "lock_set" else 12, 1, None), got)
        equal(wrong, where, line["lock"][5:], tree["user"]["name"])
    if line["event"] == "later_kind":
        equal(wrong, where, (0, 99, 1, None), got)
    if line["event"] != "later_kind" and tree["class_uid"] == 0 and ("user" in line or "lock" in line):
        wrong.append(where + ": has no class")


def main():
    name, lines, exported, schema = sys.argv[1:]
    with open(lines, encoding="utf-8") as f:
        lines = [json.loads(line) for line in f.read().split("\n")[:-1]]
    with open(exported, "rb") as f:
        data = f.read()
    with open(schema, encoding="utf-8") as f:
        schema = json.load(f)
    wrong = globals()["check_" + name](lines, data, schema)
    print("\n".join(wrong[:20]), end="\n" if wrong else "")
    return 1 if wrong else 0


sys.exit(main())
