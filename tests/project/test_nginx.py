"""nginx takes the shipped file and tells the service who asks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.anyvar_site.test_settings import read
from tests.project.deployment import (
    DEPLOY,
    environment_example,
)
from tests.servers import free_port, is_listening, wait_until

NGINX = (DEPLOY / "nginx.conf").read_text()


def test_nginx_lets_in_what_the_service_lets_in() -> None:
    match = re.search(r"^\s*client_max_body_size (\d+)g;", NGINX, re.MULTILINE)
    assert match is not None
    assert int(match[1]) * 2**30 == read("ANYVAR_MAX_UPLOAD_BYTES")
    assert int(environment_example()["ANYVAR_MAX_UPLOAD_BYTES"]) == int(match[1]) * 2**30


def nginx_command(folder: Path, *, port: int, upstream: str) -> list[str]:
    """nginx with the shipped file in a configuration of the test's own; skips where it is not installed."""
    binary = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if binary is None:
        pytest.skip("nginx is not installed")
    shipped = folder / "shipped.conf"
    replaced = NGINX.replace("listen 80 ", f"listen 127.0.0.1:{port} ").replace("http://web:8000", upstream)
    assert f"listen 127.0.0.1:{port} " in replaced
    assert f"set $vrs_web {upstream};" in replaced
    shipped.write_text(replaced)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name}; " for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root; " if os.geteuid() == 0 else ""  # the test's folders are nobody else's
    main = folder / "nginx.conf"
    main.write_text(
        f"{user}pid {folder}/pid; error_log {folder}/error.log; daemon off; events {{ }} "
        f"http {{ access_log off; {temporary} resolver 127.0.0.1; include {shipped}; }}"
    )
    return [binary, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(main)]


def test_nginx_takes_its_file(tmp_path: Path) -> None:
    command = nginx_command(tmp_path, port=free_port(), upstream="http://vrs-web:8000")
    done = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr + (tmp_path / "error.log").read_text()


@contextmanager
def proxy(folder: Path, upstream: str) -> Iterator[HTTPConnection]:
    """A connection to a running nginx before `upstream`."""
    port = free_port()
    process = subprocess.Popen(nginx_command(folder, port=port, upstream=upstream))
    try:
        wait_until(lambda: is_listening(port), "nginx answers")
        with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            yield connection
    finally:
        process.terminate()
        process.wait()


class Mirror(BaseHTTPRequestHandler):
    """Answers with the request's headers and the length of its body."""

    def do_PUT(self) -> None:
        length = len(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({**self.headers, "received": length}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def mirror() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def seen_through_nginx(folder: Path, body: Any, **headers: str) -> dict[str, Any]:
    with mirror() as upstream, proxy(folder, upstream) as connection:
        connection.request("PUT", "/vcf?run_id=a%20b", body, headers)
        answer = connection.getresponse()
        assert answer.status == 200
        seen: dict[str, Any] = json.loads(answer.read())
        return seen


def test_nginx_says_who_asks_and_how(tmp_path: Path) -> None:
    headers = {"Host": "vrs.example.org:81", "X-Forwarded-For": "192.0.2.1"}
    seen = seen_through_nginx(tmp_path, b"x", **headers)
    assert seen["Host"] == "vrs.example.org:81"
    assert seen["X-Forwarded-For"] == "192.0.2.1, 127.0.0.1"
    assert seen["X-Forwarded-Proto"] == "http"


def test_nginx_believes_the_proxy_before_it_that_ends_tls(tmp_path: Path) -> None:
    seen = seen_through_nginx(tmp_path, b"x", **{"X-Forwarded-Proto": "https"})
    assert seen["X-Forwarded-Proto"] == "https"


def test_nginx_gives_a_chunked_upload_its_length(tmp_path: Path) -> None:
    seen = seen_through_nginx(tmp_path, iter([b"x" * 300_000] * 5))
    assert seen["Content-Length"] == "1500000"
    assert seen["received"] == 1_500_000
    assert "Transfer-Encoding" not in seen


def test_nginx_refuses_what_is_too_large_in_the_services_own_form(tmp_path: Path) -> None:
    with proxy(tmp_path, "http://127.0.0.1:1") as connection:
        connection.putrequest("PUT", "/vcf")
        connection.putheader("Content-Length", str(2**36 + 1))
        connection.endheaders()
        answer = connection.getresponse()
        problem = json.loads(answer.read())
    assert (answer.status, problem["error_code"]) == (413, "UPLOAD_TOO_LARGE")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_nginx_says_that_the_service_is_away_and_to_come_again(tmp_path: Path) -> None:
    with proxy(tmp_path, f"http://127.0.0.1:{free_port()}") as connection:
        connection.request("GET", "/vcf/my-run")
        answer = connection.getresponse()
        problem = json.loads(answer.read())
    assert (answer.status, problem["status"]) == (503, 503)
    assert answer.headers["Retry-After"] == "5"


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_nginx_answers_a_browser_with_a_page(tmp_path: Path) -> None:
    with proxy(tmp_path, f"http://127.0.0.1:{free_port()}") as connection:
        connection.request("GET", "/", headers=BROWSER)
        away = connection.getresponse()
        page = away.read().decode()
        assert (away.status, away.headers["Content-Type"]) == (503, "text/html")
        assert away.headers["Retry-After"] == "5"
        assert "The service does not answer at the moment." in page
        connection.request("POST", "/", headers=BROWSER | {"Content-Length": str(2**36 + 1)})
        large = connection.getresponse()
        assert (large.status, large.headers["Content-Type"]) == (413, "text/html")
        assert "larger than this service accepts" in large.read().decode()
