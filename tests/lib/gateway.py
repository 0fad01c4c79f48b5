#!/usr/bin/env python3
"""Stands between an agent and etcd, and hands on what etcd answers late or in the wrong order.

usage: gateway.py ADDRESS:PORT UPSTREAM-ADDRESS:PORT MODE-FILE

The file says how, and is read for each answer:

    plain         as it comes
    late S        S seconds later
    bytes S       a byte every S seconds
    swapped S     two requests that are under way get each other's answers; one that finds no other within S gets its own
    again S       each line of a stream once more, S seconds later
    reversed S    what comes in a stream within S seconds, the last first
    cut           the half of it, and then the connection is closed
    huge N        with N MiB of spaces before it
"""
import http.client
import http.server
import queue
import sys
import threading
import time

MODE = ""
UPSTREAM = ""
STREAM = "/v3/watch"
SPACES = b" " * (1 << 20)


def mode():
    with open(MODE, encoding="ascii") as f:
        words = f.read().split()
    return words[0] if words else "plain", float(words[1]) if len(words) > 1 else 0.0


class Exchange:
    """Where answers change owners."""

    def __init__(self):
        self.lock = threading.Lock()
        self.waiting = None

    def swap(self, answer, patience):
        with self.lock:
            other, self.waiting = self.waiting, None
            if other is None:
                own = self.waiting = (answer, queue.Queue())
        if other is not None:
            other[1].put(answer)
            return other[0]
        try:
            return own[1].get(timeout=patience)
        except queue.Empty:
            pass
        with self.lock:
            if self.waiting is own:
                self.waiting = None
                return answer
        return own[1].get()


exchange = Exchange()


def lines_of(response):
    """What a stream says, by a thread of its own, so that others can wait with a bound; None is the end."""
    lines = queue.Queue()

    def read():
        try:
            for line in iter(response.readline, b""):
                lines.put(line)
        except (OSError, http.client.HTTPException):
            pass
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "expect")}
        upstream = http.client.HTTPConnection(UPSTREAM)
        try:
            upstream.request("POST", self.path, body, headers)
            response = upstream.getresponse()
            if self.path == STREAM and response.status == 200:
                self.hand_on_stream(response)
            else:
                self.hand_on((response.status, response.read()))
        except (OSError, http.client.HTTPException):
            self.close_connection = True
        finally:
            upstream.close()

    def hand_on(self, answer):
        how, seconds = mode()
        if how == "late":
            time.sleep(seconds)
        if how == "swapped":
            answer = exchange.swap(answer, seconds)
        status, body = answer
        if how == "huge":
            body = SPACES * int(seconds) + body
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if how == "cut":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        else:
            self.write(body, seconds if how == "bytes" else 0)

    def write(self, data, pause):
        if not pause:
            self.wfile.write(data)
        for byte in data if pause else b"":
            self.wfile.write(bytes([byte]))
            time.sleep(pause)

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def hand_on_stream(self, response):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        lines, due = lines_of(response), []
        while True:
            try:
                line = lines.get(timeout=max(0.0, due[0][0] - time.monotonic()) if due else None)
            except queue.Empty:
                self.chunk(due.pop(0)[1])
                continue
            if line is None:
                return
            self.hand_on_line(line, lines, due)

    def hand_on_line(self, line, lines, due):
        how, seconds = mode()
        if how == "late":
            time.sleep(seconds)
        if how == "again":
            due.append((time.monotonic() + seconds, line))
        if how == "reversed":
            self.reverse(line, lines, time.monotonic() + seconds)
        elif how == "bytes":
            for byte in line:
                self.chunk(bytes([byte]))
                time.sleep(seconds)
        elif how == "cut":
            self.chunk(line[: len(line) // 2])
            raise ConnectionAbortedError
        elif how == "huge":
            for _ in range(int(seconds)):
                self.chunk(SPACES)
            self.chunk(line)
        else:
            self.chunk(line)

    def reverse(self, line, lines, end):
        held = [line]
        while True:
            try:
                line = lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                break
            if line is None:
                lines.put(None)
                break
            held.append(line)
        for line in reversed(held):
            self.chunk(line)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Agents hang up when they like."""


def main():
    global MODE, UPSTREAM
    address, UPSTREAM, MODE = sys.argv[1:]
    host, port = address.rsplit(":", 1)
    Server((host, int(port)), Handler).serve_forever()


main()
