"""A receiver of webhooks on the loopback interface, which may refuse, redirect, hang and dawdle."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.http_server import HttpServer, serving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(frozen=True)
class Message:
    """What was posted; the names of headers in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def payload(self) -> Any:
        return json.loads(self.body)

    def is_signed_by(self, secret: str = SECRET) -> bool:
        """Whether one of the signatures is the key's, and the time is now."""
        key = b64decode(secret.split("_", 1)[1])
        timestamp = self.headers["webhook-timestamp"]
        signed = self.id.encode() + b"." + timestamp.encode() + b"." + self.body
        digest = hmac.new(key, signed, hashlib.sha256).digest()
        given = self.headers["webhook-signature"].split(" ")
        return f"v1,{b64encode(digest).decode()}" in given and abs(time.time() - int(timestamp)) < 60


@dataclass
class Receiver:
    """What was received, and what is answered: the next of `statuses`, else 204."""

    port: int
    host: str = "127.0.0.1"
    scheme: str = "http"
    messages: list[Message] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    before_answer: Callable[[], object] = lambda: None
    dawdle: bool = False
    connections: int = 0
    names: list[str | None] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """As the operator lists it."""
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """As a client gives it."""
        return f"{self.origin}/hook?who=me"


@contextmanager
def receiving(host: str = "127.0.0.1", certificate: str = "") -> Iterator[Receiver]:
    """A receiver that is called `host`; by TLS where a certificate with its key is given."""
    receiver: Receiver
    gone = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            receiver.messages.append(Message(self.path, headers, body))
            receiver.before_answer()
            if receiver.dawdle:
                self.wfile.write(b"HTTP/1.1 200 ")
                while not gone.wait(0.05):
                    self.wfile.write(b"x")
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(HttpServer):
        def get_request(self) -> Any:
            receiver.connections += 1
            return super().get_request()

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(server.server_port, host)
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
            tls.sni_callback = lambda _, name, __: receiver.names.append(name)
            server.socket = tls.wrap_socket(server.socket, server_side=True)
            receiver.scheme = "https"
        with serving(server):
            try:
                yield receiver
            finally:
                gone.set()
