#!/usr/bin/env python3
"""A hub on 127.0.0.1 that misbehaves in one way.

python3 hub.py MODE PORT FOLDER        serves the files of FOLDER; --list shows the modes
"""

from __future__ import annotations

import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# What a body is replaced by.
BODIES = {"empty": b"", "html": b"<html>Sign in first</html>"}
# Headers that a client might take for parts of a path; the number says how far up they point.
UP = {f"{kind}-up-{levels}": (kind, levels) for kind in ("etag", "commit") for levels in (1, 2, 4, 6, 8)}
OTHER = (
    "good", "redirect", "404", "500", "escapes", "loop", "pingpong", "file-redirect", "garbage", "wrong-byte",
    "short", "long", "more", "huge", "etag-absolute", "stall-head", "stall-body",
)  # fmt: skip
MODES = (*OTHER, *BODIES, *UP)
VICTIM = "victim.txt"
# Longer than any client may wait.
STALL_S = 600


class Hub(ThreadingHTTPServer):
    """The server; it counts the requests that it answers."""

    daemon_threads = True

    def __init__(self, mode: str, files: Path, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.mode, self.files = mode, files
        self.requests = 0
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address) -> None:
        """A client that goes away is nothing to speak of."""

    def __enter__(self) -> Hub:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """Answers one request as the mode says."""

    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.requests += 1
        mode = self.server.mode
        if mode == "stall-head":
            self.server.closing.wait(STALL_S)
            self.close_connection = True
        elif mode in ("404", "500"):
            self.send_error(int(mode))
        elif mode == "escapes":
            self.send_error(500, "\x1b[2J\x1b[31mgone", "\x1b]0;title\x07")
        elif mode == "garbage":
            self.wfile.write(bytes(range(256)) * 4)
            self.close_connection = True
        elif (target := self.redirected()) is not None:
            self.send_response(302)
            self.send_header("Location", target)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send_file()

    def redirected(self) -> str | None:
        """Where this request is sent instead, if anywhere."""
        mode, path = self.server.mode, self.path
        if mode == "loop":
            return path
        if mode == "pingpong":
            return path.removesuffix("?again") if path.endswith("?again") else path + "?again"
        if mode == "file-redirect":
            return "file:///etc/hostname"
        return path + "?again" if mode == "redirect" and not path.endswith("?again") else None

    def send_file(self) -> None:
        """Sends the file that is asked for, or what the mode makes of it."""
        name = self.path.split("?")[0].split("/")[-1]
        path = self.server.files / name
        if not path.is_file():
            return self.send_error(404)
        mode = self.server.mode
        data = BODIES.get(mode, path.read_bytes() if mode not in BODIES else b"")
        if mode == "wrong-byte":
            data = data[:1000] + bytes([data[1000] ^ 1]) + data[1001:] if len(data) > 1000 else data
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        first = int(asked.group(1)) if asked else 0
        last = min(int(asked.group(2) or len(data)), len(data) - 1) if asked else len(data) - 1
        body = data[first : last + 1]
        self.send_response(206 if asked else 200)
        if asked:
            total = 10**18 if mode == "huge" else len(data)
            self.send_header("Content-Range", f"bytes {first}-{last}/{total}")
        self.send_names(name)
        self.send_header("Content-Length", str({"huge": 10**15, "long": len(body) + 1000}.get(mode, len(body))))
        self.end_headers()
        if self.command != "HEAD":
            self.send_body(body)

    def send_names(self, name: str) -> None:
        """The headers by which the hub's client names its files."""
        etag, commit = f'"etag-of-{name}"', "0" * 40
        if self.server.mode in UP:
            kind, levels = UP[self.server.mode]
            up = "../" * levels
            etag, commit = (f'"{up}{VICTIM}"', commit) if kind == "etag" else (etag, f"{up}elsewhere/x")
        if self.server.mode == "etag-absolute":
            etag = f'"/nowhere/{VICTIM}"'
        self.send_header("ETag", etag)
        self.send_header("x-repo-commit", commit)
        self.send_header("Accept-Ranges", "bytes")

    def send_body(self, body: bytes) -> None:
        """The body, as slowly or as wrongly as the mode says."""
        mode = self.server.mode
        if mode == "stall-body" and len(body) > 1:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.server.closing.wait(STALL_S)
        elif mode == "short":
            self.wfile.write(body[: len(body) // 2])
        else:
            self.wfile.write(body + (b"more than was said" if mode == "more" else b""))
        self.close_connection = mode in ("stall-body", "short", "long", "more", "huge")


def main() -> None:
    """Serves until it is stopped."""
    if sys.argv[1:] == ["--list"]:
        print("\n".join(MODES))
        return
    mode, port, folder = sys.argv[1:4]
    with Hub(mode, Path(folder), int(port)) as hub:
        print(f"{mode} on {hub.url}", flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
