"""A web server on this machine that speaks https and can fail in every way that servers fail.

Its certificate is made for each test run; tests trust it through REQUESTS_CA_BUNDLE.
"""

import contextlib
import re
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import trustme

TAG = '"one"'


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """Ignore errors of clients that close the connection: the tests do that on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        served = self.server.served
        name = self.path.lstrip("/")
        served.log.append((name, self.headers.get("Range", "")))
        ways = served.ways.get(name, [status(404)])
        way = ways.pop(0) if len(ways) > 1 else ways[0]
        self.close_connection = True
        with contextlib.suppress(OSError):
            way(self)

    def log_message(self, *_):
        pass

    def head(self, code, headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()


@dataclass
class Server:
    """The served files by name, and the requests so far: (name, range)."""

    http: _Quiet
    ways: dict = field(default_factory=dict)
    log: list = field(default_factory=list)

    def address(self, name):
        return f"https://localhost:{self.http.server_address[1]}/{name}"

    def serve(self, name, *ways):
        """Set the answers to consecutive requests; the last one is repeated."""
        self.ways[name] = list(ways)
        return self.address(name)

    def asked(self, name):
        """Return the ranges that were requested of a file."""
        return [given for asked, given in self.log if asked == name]


@contextlib.contextmanager
def running(authority, host="localhost"):
    """Run a server whose certificate for `host` is signed by an authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    http = _Quiet(("127.0.0.1", 0), _Handler)
    http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    http.served = Server(http)
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield http.served
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def trusted(authority, folder):
    """Write the authority's certificate to a file for REQUESTS_CA_BUNDLE, and return its path."""
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


authority = trustme.CA


# --- a proxy --------------------------------------------------------------------------------------


class _Tunnel(BaseHTTPRequestHandler):
    def do_CONNECT(self):
        self.server.asked.append(self.path)
        host, port = self.path.split(":")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port))) as there:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_carry, args=(there, self.connection), daemon=True)
            back.start()
            _carry(self.connection, there)
            back.join()

    def log_message(self, *_):
        pass


def _carry(source, target):
    with contextlib.suppress(OSError):
        while content := source.recv(1 << 16):
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def proxy():
    """Run a proxy; yield its address and the hosts that it was asked to connect to."""
    http = _Quiet(("127.0.0.1", 0), _Tunnel)
    http.asked = []
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}", http.asked
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


# --- ways to answer -------------------------------------------------------------------------------


def whole(content, tag=TAG, ranges=True, **headers):
    """Answer as servers should: with ranges, and only of the requested version."""

    def way(handler):
        start = _start(handler, tag) if ranges else 0
        if start >= len(content) > 0:
            handler.head(416, {"Content-Length": 0})
            return
        extent = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        length = {"Content-Length": len(content) - start, **({"ETag": tag} if tag else {})}
        handler.head(206 if start else 200, length | (extent if start else {}) | headers)
        handler.wfile.write(content[start:])

    return way


def _start(handler, tag):
    found = re.match(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    stale = handler.headers.get("If-Range", tag) != tag
    return int(found[1]) if found and not stale else 0


def cut(content, after, tag=TAG):
    """Close the connection after a number of bytes of the file."""

    def way(handler):
        start = _start(handler, tag)
        extent = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        length = {"Content-Length": len(content) - start, "ETag": tag}
        handler.head(206 if start else 200, length | (extent if start else {}))
        handler.wfile.write(content[start:after])

    return way


def status(code, body=b"", **headers):
    def way(handler):
        handler.head(code, {"Content-Length": len(body), **headers})
        handler.wfile.write(body)

    return way


def redirect(to):
    return status(302, Location=to)


def trickle(length=1_000_000, seconds=30.0, pause=0.02):
    """Send a byte from time to time, until the client closes the connection."""

    def way(handler):
        handler.head(200, {"Content-Length": length})
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(pause)

    return way


def slow_head(seconds=4.0):
    """Send headers byte by byte, so that the connection is never silent."""

    def way(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)

    return way


def cut_chunk(content):
    """Announce a chunk of the whole file, and close the connection within it."""

    def way(handler):
        handler.head(200, {"Transfer-Encoding": "chunked"})
        handler.wfile.write(b"%x\r\n" % len(content) + content[: len(content) // 2])

    return way


def many_headers(count=200):
    """Send more headers than a client reads."""
    return status(200, **{f"X-{number}": "" for number in range(count)})


def silent(seconds=5.0):
    """Send nothing."""

    def way(handler):
        time.sleep(seconds)

    return way


def slow(content, seconds, tag=TAG):
    """Send the whole file slowly, in pieces."""

    def way(handler):
        handler.head(200, {"Content-Length": len(content), "ETag": tag})
        size = max(1, len(content) // 20)
        for at in range(0, len(content), size):
            handler.wfile.write(content[at : at + size])
            handler.wfile.flush()
            time.sleep(seconds / 20)

    return way


def unsized(content):
    """Send the file without its length, as HTTP/1.0 allows."""

    def way(handler):
        handler.head(200, {})
        handler.wfile.write(content)

    return way
