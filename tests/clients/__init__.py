"""The clients against a real service, reached directly and over a connection that breaks."""

from __future__ import annotations

import gzip
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests

from tests.conftest import PROJECT
from tests.e2e.processes import Service, service
from tests.factories import HEADER, VCF

CLIENTS = PROJECT / "clients"
TOKEN = "a-token-of-the-tests"
BAD = VCF + b"chr1\t9\t.\tA\tC\t.\t.\t.\n" * 200 + b"chr1\tsecret\t.\tA\tC\t.\t.\t.\n"
# So much that even its half, compressed, is several pieces of a download.
NOISE = (hashlib.sha256(str(number).encode()).hexdigest() for number in range(10_000))
MANY = (HEADER + "".join(f"chr1\t1\t.\tA\tC\t.\t.\tX={text}\n" for text in NOISE)).encode()


@contextmanager
def running_service(folder: Path) -> Iterator[Service]:
    """Web and worker, for bearers of TOKEN alone."""
    with service(folder, ANYVAR_AUTH_TOKEN_LIST=TOKEN) as made:
        made.start_web()
        made.start_worker()
        yield made


def written(folder: Path, content: bytes, name: str = "sample.vcf") -> Path:
    """A file to submit."""
    path = folder / name
    path.write_bytes(content)
    return path


def annotated(url: str, content: bytes) -> bytes:
    """The annotated text as the API itself gives it, inside the request."""
    answer = requests.put(
        f"{url}/vcf", data=content, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    return answer.content


def text_of(path: Path) -> bytes:
    """The text of a BGZF file."""
    return gzip.decompress(path.read_bytes())


def everything_on(terminal: int) -> bytes:
    """What programs have shown on a terminal until the last of them ended; closes our side of it."""
    shown = b""
    try:
        while data := os.read(terminal, 1 << 16):
            shown += data
    except OSError:  # how a terminal without a program ends
        pass
    finally:
        os.close(terminal)
    return shown


REFUSALS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "busy": (503, {"Retry-After": "1"}, b""),
    "throttled": (
        429,
        {"Retry-After": "3", "Content-Type": "application/problem+json"},
        b'{"error":"Too many.","error_code":"THROTTLED"}',
    ),
    "gone": (410, {}, b'{"error":"The result has expired.","error_code":"EXPIRED"}'),
    "failed": (500, {}, b'{"error":"The disk is full.","error_code":"STORAGE_FULL"}'),
    "moved": (301, {"Location": "https://vrs.example.org/"}, b""),
}


class Relay(ThreadingHTTPServer):
    """Hands requests to a service; a mishap befalls the first "METHOD address range" that fits its pattern.

    busy: 503 with Retry-After; throttled: 429 with a longer one; drop: the connection ends without an answer;
    cut: half of the body comes; gone: 410, and from then on no result any more; failed: the answer of a run
    that has failed; moved: 301.
    """

    daemon_threads = True

    def __init__(self, target: str, mishaps: list[tuple[str, str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Relayed)
        self.target = target
        self.mishaps = mishaps
        self.seen: list[tuple[str, dict[str, str], int]] = []
        self.times: dict[str, float] = {}  # when each kind of mishap befell the first
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a client may go as soon as it has what it wants."""

    def mishap_of(self, request: str) -> str:
        """What befalls a request."""
        for mishap in self.mishaps:
            if fnmatchcase(request, mishap[0]):
                self.mishaps.remove(mishap)
                if mishap[1] == "gone":
                    self.mishaps = [("GET /vcf/*", "gone")]
                self.times.setdefault(mishap[1], time.monotonic())
                return mishap[1]
        return ""


class _Relayed(BaseHTTPRequestHandler):
    server: Relay

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name != "Host"}
        mishap = self.server.mishap_of(f"{self.command} {self.path} {headers.get('Range', '')}")
        if mishap == "drop":
            self.close_connection = True
            return
        if mishap in REFUSALS:
            status, headers, content = REFUSALS[mishap]
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            return
        answer = requests.request(
            self.command, self.server.target + self.path, data=body, headers=headers, timeout=30
        )
        self.server.seen.append((f"{self.command} {self.path}", headers, answer.status_code))
        self.server.times[f"{self.command} answered"] = time.monotonic()
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name not in ("Connection", "Server", "Date"):
                self.send_header(name, value)
        self.end_headers()
        content = answer.content
        self.wfile.write(content[: len(content) // 2] if mishap == "cut" else content)
        self.close_connection = mishap == "cut"

    do_PUT = do_GET  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Nothing."""


@contextmanager
def relay(target: str, *mishaps: tuple[str, str]) -> Iterator[Relay]:
    """A relay that listens."""
    with Relay(target, list(mishaps)) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()
