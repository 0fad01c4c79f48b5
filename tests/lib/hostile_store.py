#!/usr/bin/env python3
"""A server in etcd's place that answers whatever does harm: hostile_store.py SEED ADDRESS PORT COUNT

It goes through all ways to answer in an order that SEED gives, again and again. How many requests it has answered
stands in the file COUNT. Nothing of it is signed, so nothing of it counts; some of it looks like etcd, so that it is
read further.
"""
import asyncio
import base64
import json
import random
import sys

SEED, ADDRESS, PORT, COUNT = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
MIB = 1 << 20
rng = random.Random(SEED)
answered = 0
TOP = "/sessd/v1/"
SID = "%032x"


def b64(text):
    data = text if isinstance(text, bytes) else text.encode()
    return base64.b64encode(data).decode()


def header():
    return {"cluster_id": str(rng.getrandbits(64)), "member_id": "1", "raft_term": str(rng.choice([0, 1, 2, 1 << 40])),
            "revision": str(rng.choice([1, 2, 1000, (1 << 63) - 1, rng.getrandbits(40)]))}


def junk(depth=0):
    """Any value of JSON."""
    kind = rng.randrange(12 if depth < 3 else 9)
    if kind < 9:
        return [None, True, False, -1, 1 << 63, 1e300, "", "\u0000\n%41../..", str(rng.getrandbits(66))][kind]
    if kind == 9:
        return [junk(depth + 1) for _ in range(rng.randrange(5))]
    names = ["header", "kvs", "key", "value", "result", "events", "responses", "succeeded", "ID", "TTL", "more"]
    return {rng.choice(names): junk(depth + 1) for _ in range(rng.randrange(6))}


def statement():
    text = json.dumps({"all": True, "version": 1 << 62, "at": junk(), "challenge": SID % rng.getrandbits(128),
                       "lasts": junk(), "by": "root"})
    return json.dumps({"signed": text, "key": "web1", "signature": "%0128x" % rng.getrandbits(512)})


def kv():
    key = rng.choice([
        TOP + "revoke/web1/" + SID % rng.getrandbits(128), TOP + "revoke/web1/" + "x" * 300,
        TOP + "lock/user/alice", TOP + "lock/user/bob", TOP + "lock//", TOP + "lock/user/%zz", TOP + "ask/web1/1",
        TOP + "session/bob/web9/" + SID % rng.getrandbits(128), TOP + "session/bob/web9/no", TOP + "host/web9",
        TOP + "alive/web9", TOP + "head/web2", TOP + "done/1/web9", "", "\u0000", "/", bytes(range(256))])
    value = rng.choice([statement(), json.dumps(junk()), "{", "x" * 20000, "", bytes(range(256)),
                        json.dumps({"uid": 2102, "service": "sshd", "caps": ["contractors"], "opened_at": 1})])
    return {"key": b64(key), "value": b64(value), "create_revision": str(rng.getrandbits(rng.choice([3, 62]))),
            "mod_revision": str(rng.getrandbits(rng.choice([3, 62]))), "lease": str(rng.getrandbits(62))}


def kvs(n=None):
    return [kv() for _ in range(rng.randrange(8) if n is None else n)]


def plausible(path, body):
    """What etcd might say, with contents that are not to be believed."""
    if path.endswith("/lease/grant"):
        return {"header": header(), "ID": body.get("ID", "77"), "TTL": rng.choice(["5", "0", "-1", "9" * 18])}
    if path.endswith("/lease/keepalive"):
        return {"result": {"header": header(), "ID": body.get("ID", "77"), "TTL": rng.choice(["5", "5", "0"])}}
    if path.endswith("/kv/range"):
        return {"header": header(), "kvs": kvs(), "count": "3", "more": rng.random() < 0.3}
    if path.endswith("/kv/txn"):
        ranges = [{"response_range": {"kvs": kvs(), "count": "1"}} if "request_range" in op else {"response_put": {}}
                  for op in body.get("success", [])]
        return {"header": header(), "succeeded": rng.random() < 0.7, "responses": ranges}
    return {"header": header()}


def event():
    return {"type": rng.choice(["PUT", "DELETE", "PUT", "BOTH"]), "kv": kv()}


def line():
    """Of a watch: in no order that makes sense."""
    return {"result": rng.choice([
        {"header": header(), "created": True},
        {"header": header(), "created": True, "canceled": True, "compact_revision": str(rng.getrandbits(63))},
        {"header": header(), "canceled": True},
        {"header": header(), "events": [event() for _ in range(rng.randrange(20))]},
        {"header": header(), "fragment": True, "events": [event()]},
        {"header": header(), "created": "yes", "events": {}},
        {"events": [junk()]}, junk()])}


def response(data, status=200, length=None):
    return (b"HTTP/1.1 %d Thus\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % (status, len(data) if length is None else length)) + data


def dumps(value):
    return json.dumps(value).encode()


# Each takes the path and the body of a request, and yields pieces of an answer; None is a pause. The connection is
# closed behind it.

def seems_good(path, body):
    if path.endswith("/watch"):
        yield b"HTTP/1.1 200 OK\r\n\r\n" + dumps({"result": {"header": header(), "created": True}}) + b"\n"
        for _ in range(20):
            yield None
            yield dumps(line()) + b"\n"
    else:
        yield response(dumps(plausible(path, body)))


def wrong_types(path, body):
    yield response(dumps({"header": junk(), "kvs": junk(), "responses": junk(), "ID": junk(), "TTL": junk(),
                          "result": junk(), "succeeded": junk(), "error": junk(), "more": junk(), "token": junk()}))


def wrong_order(path, body):
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    for _ in range(50):
        yield dumps(line()) + b"\n"


def another_question(path, body):
    other = rng.choice(["/lease/grant", "/lease/keepalive", "/kv/range", "/kv/txn", "/watch"])
    yield response(dumps(plausible(other, body)))


def truncated(path, body):
    data = response(dumps(plausible(path, body)))
    yield data[:rng.randrange(len(data))]


def shorter_than_it_says(path, body):
    yield response(dumps(plausible(path, body)), length=1 << 40)


def closed(path, body):
    return iter(())


def no_http(path, body):
    yield bytes(rng.getrandbits(8) for _ in range(2000))


def headers_without_end(path, body):
    yield b"HTTP/1.1 200 OK\r\n"
    for i in range(3000):
        yield b"X-%d: " % i + b"y" * 1000 + b"\r\n"


def huge(path, body):
    yield b"HTTP/1.1 200 OK\r\n\r\n" + b'{"header":{"revision":"1"},"kvs":["'
    for _ in range(12):
        yield b"A" * MIB


def many_objects(path, body):
    yield response(b'{"header":{"revision":"1"},"kvs":[' + b"{}," * (2 * MIB) + b"{}]}")


def many_numbers(path, body):
    yield response(b'{"header":{"revision":"1"},"kvs":[' + b"0," * (3 * MIB) + b"0]}")


def deep(path, body):
    yield response(b"[" * 100000 + b"]" * 100000)


def many_kvs(path, body):
    yield response(dumps({"header": header(), "kvs": kvs(3000), "more": True}))


def drip(path, body):
    for byte in response(dumps(plausible(path, body))):
        yield bytes([byte])
        yield None


def silent(path, body):
    for _ in range(100):
        yield None


def refused(path, body):
    words = rng.choice(["etcdserver: invalid auth token", "etcdserver: requested lease not found", "", "x" * 100000,
                        "etcdserver: lease already exists", "\u0000\u001b[2J"])
    yield response(dumps({"error": words, "code": junk(), "message": junk()}),
                   rng.choice([400, 401, 404, 429, 500, 503]))


def elsewhere(path, body):
    yield b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"


def informational(path, body):
    yield b"HTTP/1.1 100 Continue\r\n\r\n" * 500
    yield response(b"", 204)


WAYS = [seems_good, seems_good, seems_good, wrong_types, wrong_order, another_question, truncated,
        shorter_than_it_says, closed, no_http, headers_without_end, huge, many_objects, many_numbers, deep, many_kvs,
        drip, silent, refused, elsewhere, informational]
ways = []


def next_way():
    if not ways:
        ways.extend(WAYS)
        rng.shuffle(ways)
    return ways.pop()


async def read_request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    path = head.split(b" ", 2)[1].decode()
    length = 0
    for field in head.split(b"\r\n"):
        if field.lower().startswith(b"content-length:"):
            length = int(field.split(b":")[1])
    try:
        body = json.loads(await reader.readexactly(length))
    except ValueError:
        body = {}
    return path, body


async def serve(reader, writer):
    global answered
    try:
        path, body = await read_request(reader)
        way = next_way()
        print(path, way.__name__, flush=True)
        for piece in way(path, body):
            if piece is None:
                await asyncio.sleep(0.05)
            else:
                writer.write(piece)
                await writer.drain()
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    answered += 1
    with open(COUNT, "w", encoding="ascii") as f:
        print(answered, file=f)
    writer.close()


async def main():
    server = await asyncio.start_server(serve, ADDRESS, PORT, backlog=1000)
    async with server:
        await server.serve_forever()

asyncio.run(main())
