"""An OpenID Connect provider of the test's own: keys, a discovery document, and tokens."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.http_server import HttpServer, serving

AUDIENCE = "https://vrs.example.org"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key that all tests share, because it takes long to make one."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


class Issuer:
    """What the provider publishes and signs with; a test may change all of it while it serves."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: dict[str, PrivateKey] = {}
        self.fetches: list[str] = []
        self.status = 200
        self.answers = threading.Event()  # cleared, it lets callers wait
        self.answers.set()
        self.answer: bytes | None = None
        self.published: dict[str, dict[str, Any]] = {}
        self.id_tokens: dict[str, str] = {}
        self.exchanges: list[dict[str, str]] = []
        self.add_key("first")

    def add_key(self, kid: str, key: PrivateKey | None = None, **members: str) -> None:
        """Sign with one more key, and publish it."""
        made = key or rsa_key(kid)
        self.keys[kid] = made
        public: Any = made.public_key()
        algorithm: Any = RSAAlgorithm if isinstance(made, rsa.RSAPrivateKey) else ECAlgorithm
        self.published[kid] = algorithm.to_jwk(public, as_dict=True) | {"kid": kid, **members}

    def withdraw(self, kid: str) -> None:
        """Publish a key no more."""
        del self.published[kid]

    def claims(self, **changed: Any) -> dict[str, Any]:
        """The claims of a good token; a changed one that is None is left out."""
        now = int(time.time())
        claims = {"iss": self.url, "sub": "ada", "aud": AUDIENCE, "iat": now, "exp": now + 300} | changed
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, kid: str = "first", **changed: Any) -> str:
        """A token that one of the keys signed."""
        key = self.keys[kid]
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        return jwt.encode(self.claims(**changed), key, algorithm, headers={"kid": kid})

    def document(self, path: str) -> dict[str, Any]:
        """What lies at an address of the provider."""
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
            }
        return {"keys": list(self.published.values())}


@contextmanager
def serving_issuer() -> Iterator[Issuer]:
    """A provider that answers at a port of the loopback interface, from a thread."""
    issuer: Issuer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.fetches.append(self.path)
            issuer.answers.wait(60)
            self.reply(issuer.answer or json.dumps(issuer.document(self.path)).encode())

        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            issuer.exchanges.append(form)
            members = {"access_token": "opaque", "token_type": "Bearer"}
            if token := issuer.id_tokens.get(form["code"]):
                members["id_token"] = token
            self.reply(json.dumps(members).encode())

        def reply(self, content: bytes) -> None:
            """Send a document."""
            self.send_response(issuer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HttpServer(("127.0.0.1", 0), Handler) as server:
        issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
        with serving(server):
            yield issuer
            issuer.answers.set()
