"""clients/poll.sh against a real service."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
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
from tests.e2e.processes import Service
from tests.factories import VCF
from tests.servers import free_port

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service")) as made:
        yield made


def poll(folder: Path, *arguments: object, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    done = subprocess.run(
        ["sh", str(CLIENTS / "poll.sh"), *map(str, arguments)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "VRS_TOKEN": token, "TMPDIR": str(temporary)},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert list(temporary.iterdir()) == []
    assert list(folder.glob("*.part")) == []
    return done


def test_shellcheck_finds_nothing() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([shellcheck, CLIENTS / "poll.sh"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_file_comes_back_annotated(running: Service, tmp_path: Path) -> None:
    written(tmp_path, VCF, "a sample's.vcf")
    done = poll(tmp_path, "a sample's.vcf", running.url + "/")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert text_of(tmp_path / "a sample's.vrs.vcf.gz") == annotated(running.url, VCF)
    assert done.stderr.splitlines()[0] == f"Uploading a sample's.vcf to {running.url}."
    assert done.stderr.splitlines()[-1] == "Done."


def test_assembly_and_output_can_be_named(running: Service, tmp_path: Path) -> None:
    path = written(tmp_path, VCF)
    assert poll(tmp_path, "-a", "tiny", "-o", "-out.vcf.gz", path, running.url).returncode == 0
    assert text_of(tmp_path / "-out.vcf.gz") == annotated(running.url, VCF)
    refused = poll(tmp_path, "-a", "T2T & more", path, running.url)
    assert refused.returncode == 3
    assert "T2T & more" in refused.stderr


def test_a_run_that_fails_ends_with_1_and_its_sentence(running: Service, tmp_path: Path) -> None:
    done = poll(tmp_path, written(tmp_path, BAD), running.url)
    assert done.returncode == 1
    assert "Line 206" in done.stderr.splitlines()[-1]


def test_what_is_refused_ends_with_3_and_the_sentence(running: Service, tmp_path: Path) -> None:
    done = poll(tmp_path, written(tmp_path, b"not a VCF\n"), running.url)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("The service refused the file: ")


def test_an_unreachable_service_ends_with_3(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = poll(tmp_path, written(tmp_path, VCF), url)
    assert done.returncode == 3
    assert f"{url} cannot be reached" in done.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["-x", "f"], ["a", "b", "c"], ["missing.vcf"], ["-o", "no/x", "f"]]
)
def test_wrong_usage_ends_with_2(tmp_path: Path, arguments: list[str]) -> None:
    written(tmp_path, VCF, "f")
    assert poll(tmp_path, *arguments).returncode == 2


def test_the_token_is_sent_and_needed(running: Service, tmp_path: Path) -> None:
    path = written(tmp_path, VCF)
    for token in ("", 'a "quoted" \\ one'):
        assert poll(tmp_path, path, running.url, token=token).returncode == 3


def test_mishaps_of_the_connection_are_survived(running: Service, tmp_path: Path) -> None:
    mishaps = [
        ("PUT *", "busy"),
        ("PUT *", "drop"),
        ("GET /vcf/*", "busy"),
        ("GET /vcf/*", "drop"),
        ("GET /vcf/* ", "cut"),
    ]
    path = written(tmp_path, MANY)
    with relay(running.url, *mishaps) as between:
        done = poll(tmp_path, path, between.url)
        assert between.mishaps == []
        resumed = [headers["Range"] for _, headers, status in between.seen if status == 206]
        puts = [request for request, _, _ in between.seen if request.startswith("PUT")]
    assert done.returncode == 0, done.stderr
    assert any(re.fullmatch("bytes=[1-9][0-9]*-", asked) for asked in resumed)
    assert len(puts) == 1
    assert text_of(tmp_path / "sample.vrs.vcf.gz") == annotated(running.url, MANY)


def test_a_throttled_upload_waits_as_long_as_the_service_says(running: Service, tmp_path: Path) -> None:
    with relay(running.url, ("PUT *", "throttled")) as between:
        done = poll(tmp_path, written(tmp_path, VCF), between.url)
        waited = between.times["PUT answered"] - between.times["throttled"]
    assert done.returncode == 0, done.stderr
    assert "Not accepted yet: Too many." in done.stderr
    assert waited >= 3


def test_a_run_that_fails_with_a_code_of_refusals_ends_with_1(running: Service, tmp_path: Path) -> None:
    with relay(running.url, ("GET /vcf/*", "failed")) as between:
        done = poll(tmp_path, written(tmp_path, VCF), between.url)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "The disk is full.")


def test_a_result_that_expires_before_it_is_fetched_ends_with_1(running: Service, tmp_path: Path) -> None:
    with relay(running.url, ("GET /vcf/* ", "gone")) as between:  # the download, which has no Range
        done = poll(tmp_path, written(tmp_path, VCF), between.url)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "The result has expired.")
    assert list(tmp_path.glob("*.vrs*")) == []


def test_a_service_that_lies_elsewhere_is_named(running: Service, tmp_path: Path) -> None:
    with relay(running.url, ("GET /runs/*", "moved")) as between:
        done = poll(tmp_path, written(tmp_path, VCF), between.url)
    assert done.returncode == 3
    assert "it is at https://vrs.example.org/" in done.stderr


def test_a_bar_is_for_terminals(running: Service, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = ["sh", str(CLIENTS / "poll.sh"), str(written(tmp_path, MANY)), running.url]
    environment = {"PATH": os.environ["PATH"], "VRS_TOKEN": TOKEN}
    client = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=theirs)
    os.close(theirs)
    shown = everything_on(ours)
    assert client.wait() == 0
    assert shown.count(b"100.0%") >= 2
    assert b"#" not in poll(tmp_path, tmp_path / "sample.vcf", running.url).stderr.encode()
