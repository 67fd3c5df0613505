"""`python -m vcfclient` against a real service."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.clients import (
    BAD,
    CLIENTS,
    MANY,
    TOKEN,
    annotated,
    everything_on,
    relay,
    running_service,
    text_of,
    written,
)
from tests.e2e.processes import Service, service
from tests.factories import HEADER, VCF
from tests.servers import free_port

# Is annotated as long as the test likes.
HELD = (HEADER + "chr1\t22\thold-it\tA\tAAA\t.\t.\t.\n").encode()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service")) as made:
        yield made


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "vcfclient", *map(str, arguments)]


def environment(url: str, token: str = TOKEN) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(CLIENTS), "VRS_URL": url, "VRS_TOKEN": token}


def vcfclient(url: str, *arguments: object, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        env=environment(url, token),
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def submitted(url: str, path: Path, *options: object) -> str:
    done = vcfclient(url, "submit", path, "--wait", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_callback_url_reaches_the_service(running: Service, tmp_path: Path) -> None:
    url = "https://hooks.example.org/?a=1&b=2"
    done = vcfclient(running.url, "submit", written(tmp_path, VCF), "--callback-url", url)
    assert done.returncode == 3
    assert "callback_url: Callbacks are not enabled on this service." in done.stderr


def test_submit_wait_fetch_gives_what_the_api_gives(running: Service, tmp_path: Path) -> None:
    out = tmp_path / "out.vcf.gz"
    done = vcfclient(running.url, "submit", written(tmp_path, VCF), "--wait", "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert text_of(out) == annotated(running.url, VCF)
    assert not (tmp_path / "out.vcf.gz.part").exists()


def test_each_step_by_itself(running: Service, tmp_path: Path) -> None:
    done = vcfclient(running.url, "submit", written(tmp_path, VCF), "--run-id", "by%steps")
    run = done.stdout.strip()
    assert (done.returncode, run) == (0, "by%steps")
    assert vcfclient(running.url, "wait", run).returncode == 0
    assert vcfclient(running.url, "fetch", run, "-o", tmp_path / "out.vcf", "--plain").returncode == 0
    assert (tmp_path / "out.vcf").read_bytes() == annotated(running.url, VCF)
    assert json.loads(vcfclient(running.url, "status", run).stdout)["file_name"] == "sample.vcf"
    assert f"{run}\tsucceeded\t100%\ttiny\t" in vcfclient(running.url, "list").stdout


def test_options_reach_the_service(running: Service, tmp_path: Path) -> None:
    path = written(tmp_path, VCF, "with spaces ü.vcf")
    run = submitted(running.url, path, "--no-ref", "--attributes", "--no-register", "--assembly", "tiny")
    said = json.loads(vcfclient(running.url, "status", run).stdout)
    assert (said["for_ref"], said["add_vrs_attributes"], said["register"]) == (False, True, False)
    assert (said["assembly"], said["file_name"]) == ("tiny", path.name)


def test_a_run_that_fails_ends_with_1_and_its_sentence(running: Service, tmp_path: Path) -> None:
    done = vcfclient(running.url, "submit", written(tmp_path, BAD), "--wait", "-o", tmp_path / "out.vcf.gz")
    assert done.returncode == 1
    assert done.stderr.startswith("vcfclient: ")
    assert "Line 206" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("out*"))


def test_cancel_retry_delete(tmp_path: Path) -> None:
    hold = tmp_path / "held" / "it"
    hold.parent.mkdir()
    hold.touch()
    with service(tmp_path, ANYVAR_AUTH_TOKEN_LIST=TOKEN, HELD_DIR=str(hold.parent)) as made:
        made.start_web()
        made.start_worker(app="tests.browser.held_worker")
        client = partial(vcfclient, made.url)
        run = client("submit", written(tmp_path, HELD)).stdout.strip()
        assert client("cancel", run).returncode == 0
        waited = client("wait", run)
        assert (waited.returncode, waited.stderr) == (1, "vcfclient: The run was cancelled.\n")
        assert client("status", run).returncode == 1
        assert client("retry", run).returncode == 0
        assert client("fetch", run, "-o", tmp_path / "out.vcf.gz").returncode == 3
        hold.unlink()
        assert client("wait", run).returncode == 0
        assert client("cancel", run).returncode == 3
        assert client("delete", run).returncode == 0
        assert client("wait", run).stderr == "vcfclient: Run not found\n"


def test_what_is_refused_ends_with_3_and_the_sentence(running: Service, tmp_path: Path) -> None:
    refused = vcfclient(running.url, "submit", written(tmp_path, b"not a VCF\n"))
    assert refused.returncode == 3
    assert "VCF" in refused.stderr
    empty = vcfclient(running.url, "submit", written(tmp_path, b""))
    assert (empty.returncode, "is empty" in empty.stderr) == (3, True)


def test_a_run_id_in_use_ends_with_3(running: Service, tmp_path: Path) -> None:
    other = VCF + b"chr1\t60\t.\tA\tC\t.\t.\t.\n"
    first, second = (
        vcfclient(running.url, "submit", written(tmp_path, content), "--run-id", "mine")
        for content in (VCF, other)
    )
    assert first.returncode == 0
    assert (second.returncode, "run with id mine is" in second.stderr) == (3, True)


def test_an_unreachable_service_ends_with_3_at_once(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    for arguments in (["submit", written(tmp_path, VCF)], ["status", "x"], ["wait", "x"], ["list"]):
        done = vcfclient(url, *arguments)
        assert (done.returncode, done.stderr) == (3, f"vcfclient: {url} cannot be reached.\n")


@pytest.mark.parametrize(
    "arguments",
    [[], ["submit"], ["fetch", "x"], ["wait"], ["--url", "ftp://x", "list"], ["submit", "/does/not/exist"]],
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    done = vcfclient("http://127.0.0.1:1", *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_token_is_sent(running: Service, tmp_path: Path) -> None:
    path = written(tmp_path, VCF)
    for token in ("", "another"):
        done = vcfclient(running.url, "submit", path, token=token)
        assert (done.returncode, done.stdout) == (3, "")
        assert "raceback" not in done.stderr
    assert vcfclient(running.url, "submit", path, "--token", TOKEN, token="").returncode == 0


def test_a_part_is_gone_on_with_to_the_right_digest(running: Service, tmp_path: Path) -> None:
    run = submitted(running.url, written(tmp_path, MANY), "-o", tmp_path / "whole.vcf.gz")
    whole = (tmp_path / "whole.vcf.gz").read_bytes()
    out, part = tmp_path / "out.vcf.gz", tmp_path / "out.vcf.gz.part"
    part.write_bytes(whole[:1000])
    with relay(running.url) as between:
        assert vcfclient(between.url, "fetch", run, "-o", out).returncode == 0
        ranges = [headers["Range"] for _, headers, status in between.seen if status == 206]
    assert ranges == ["bytes=0-0", "bytes=1000-"]
    assert out.read_bytes() == whole
    said = json.loads(vcfclient(running.url, "status", run).stdout)
    assert hashlib.sha256(whole).hexdigest() == said["result_sha256"]
    assert not part.exists()


@pytest.mark.parametrize("size", [1000, 10_000_000])
def test_a_part_of_another_file_is_replaced(running: Service, tmp_path: Path, size: int) -> None:
    run = submitted(running.url, written(tmp_path, MANY), "-o", tmp_path / "whole.vcf.gz")
    out = tmp_path / "out.vcf.gz"
    (tmp_path / "out.vcf.gz.part").write_bytes(b"x" * size)
    assert vcfclient(running.url, "fetch", run, "-o", out).returncode == 0
    assert out.read_bytes() == (tmp_path / "whole.vcf.gz").read_bytes()


def test_broken_connections_and_a_busy_service_are_survived(running: Service, tmp_path: Path) -> None:
    mishaps = [
        ("PUT *", "busy"),
        ("PUT *", "drop"),
        ("GET /vcf/*", "drop"),
        ("GET /vcf/*", "busy"),
    ]
    out = tmp_path / "out.vcf.gz"
    with relay(running.url, *mishaps) as between:
        done = vcfclient(between.url, "submit", written(tmp_path, MANY), "--run-id", "often", "-o", out)
        assert between.mishaps == []
        puts = [request for request, _, _ in between.seen if request.startswith("PUT")]
    assert (done.returncode, done.stderr) == (0, "")
    assert len(puts) == 1
    assert text_of(out) == annotated(running.url, MANY)


def test_a_throttled_upload_waits_as_long_as_the_service_says(running: Service, tmp_path: Path) -> None:
    with relay(running.url, ("PUT *", "throttled")) as between:
        done = vcfclient(between.url, "submit", written(tmp_path, VCF))
        waited = between.times["PUT answered"] - between.times["throttled"]
    assert (done.returncode, done.stderr) == (0, "")
    assert waited >= 3


def test_a_run_that_fails_with_a_code_of_refusals_ends_with_1(running: Service, tmp_path: Path) -> None:
    run = submitted(running.url, written(tmp_path, VCF))
    with relay(running.url, ("GET /vcf/*", "failed")) as between:
        done = vcfclient(between.url, "wait", run)
    assert (done.returncode, done.stderr) == (1, "vcfclient: The disk is full.\n")


def test_a_result_that_expires_before_it_is_fetched_ends_with_1(running: Service, tmp_path: Path) -> None:
    run = submitted(running.url, written(tmp_path, VCF))
    with relay(running.url, ("GET /vcf/* bytes=0-", "gone")) as between:
        done = vcfclient(between.url, "fetch", run, "-o", tmp_path / "out.vcf.gz")
    assert (done.returncode, done.stderr) == (1, "vcfclient: The result has expired.\n")
    assert not (tmp_path / "out.vcf.gz").exists()


@pytest.mark.parametrize("arguments", [["list"], ["status", "x"], ["wait", "x"], ["fetch", "x", "-o", "o"]])
def test_a_stranger_that_speaks_json_is_no_service(arguments: list[str], tmp_path: Path) -> None:
    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(206 if self.headers.get("Range") else 200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever).start()
        done = vcfclient(f"http://127.0.0.1:{server.server_port}", *arguments)
        server.shutdown()
    if arguments[0] == "wait":  # what it would wait for is there
        assert done.returncode == 0
    else:
        assert (done.returncode, "does not answer like this service" in done.stderr) == (3, True)


@pytest.mark.parametrize("plain", [[], ["--plain"]])
def test_a_download_that_breaks_off_goes_on(running: Service, tmp_path: Path, plain: list[str]) -> None:
    run = submitted(running.url, written(tmp_path, MANY))
    out = tmp_path / "out"
    with relay(running.url, ("GET /vcf/* bytes=0-", "cut")) as between:
        done = vcfclient(between.url, "fetch", run, "-o", out, *plain)
        sizes = [int(headers["Range"][6:-1]) for _, headers, _ in between.seen[1:] if "If-Range" in headers]
    assert done.returncode == 0
    assert sizes[0] == 0 < sizes[1]
    assert (out.read_bytes() if plain else text_of(out)) == annotated(running.url, MANY)


def test_the_upload_is_streamed(running: Service, tmp_path: Path) -> None:
    small, large = written(tmp_path, b"not a VCF\n", "small"), tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(256 << 20)
    peaks = []
    for path in (small, large):
        client = subprocess.Popen(
            command("submit", path), env=environment(running.url), stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(client.pid, 0)
        client.returncode = os.waitstatus_to_exitcode(status)
        assert client.returncode == 3
        peaks.append(usage.ru_maxrss)
    assert peaks[1] - peaks[0] < 64 << 10  # KiB


@pytest.mark.parametrize("quiet", [False, True])
def test_bars_are_for_terminals(running: Service, tmp_path: Path, quiet: bool) -> None:
    ours, theirs = pty.openpty()
    arguments = ["submit", written(tmp_path, VCF), "-o", tmp_path / "out.vcf.gz", *(["--quiet"] * quiet)]
    termios.tcsetwinsize(theirs, (24, 80))
    subprocess.run(command(*arguments), env=environment(running.url), stderr=theirs, check=True)
    os.close(theirs)
    shown = everything_on(ours)
    labels = [b"upload: 100%", b"run: 100%", b"download: 100%"]
    assert [label for label in labels if label in shown] == ([] if quiet else labels)
