"""Every command in the README and the docs works as it is written.

The reader of a page has a copy of the repository, has run the README's two commands and works through the
page's blocks in order. Nothing but the port differs from what is printed. A call that the service refuses
fails the test, whatever curl's exit code.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.conftest import PROJECT
from tests.project.documents import ATTRIBUTES, COMMANDS, DATA, DOCS, README, Block, blocks
from tests.servers import free_port, wait_until
from vcfjobs.vrs.kernel import library

EVERY = [block for path in DOCS for block in blocks(path)]
SHELL = [block for block in EVERY if block.language in ("sh", "console")]
PRINTED = "127.0.0.1:8000"
SECONDS = 240
# Statuses of a call, as the curl of these tests reports them.
STATUS = re.compile(r"^\[(\d{3})\]$", re.MULTILINE)
# Whether a run can be cancelled or retried depends on how fast it was.
CONFLICT = 409
NEEDS_ANOTHER_HOST = re.compile(
    r"docker|podman|systemctl|sudo|example\.org|ftp\.|/opt/vrs|/shared/|/etc/|make test|journalctl"
    r"|createsuperuser|adopt_runs|GRCh38\.fa\.gz|cromwell|samtools"
)

by_place = pytest.mark.parametrize("block", EVERY, ids=str)


@by_place
def test_a_block_says_what_it_is(block: Block) -> None:
    assert block.language in COMMANDS | DATA
    assert block.attribute in (ATTRIBUTES if block.language in COMMANDS else {""})


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_a_shell_can_parse_the_commands(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.script(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_shellcheck_accepts_the_commands(block: Block) -> None:
    shellcheck = Path(sys.executable).parent / "shellcheck"
    # Files to source are not there; a variable that is exported or set for the reader is used later.
    command = [str(shellcheck), "--shell=bash", "--severity=warning", "--exclude=SC1090,SC1091,SC2034", "-"]
    done = subprocess.run(command, input=block.script(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("block", [block for block in EVERY if block.attribute == "elsewhere"], ids=str)
def test_only_what_needs_another_host_is_left_unrun(block: Block) -> None:
    assert NEEDS_ANOTHER_HOST.search(block.text)


def test_the_readme_starts_with_a_block_that_serves() -> None:
    assert len([block for block in blocks(README) if block.attribute == "foreground"]) == 1


class Reader:
    """Somebody who types what a page says, in a copy of the repository with a service of its own."""

    def __init__(self, folder: Path) -> None:
        self.repository = folder / "repository"
        self.port = free_port()
        _copy_repository(self.repository)
        shims = folder / "bin"
        shims.mkdir()
        curl = shutil.which("curl")
        assert curl, "curl is not installed"
        shim = shims / "curl"
        # A script that reads the status itself is left alone.
        shim.write_text(
            "#!/bin/sh\n"
            f'case " $* " in *" -w "*) exec {curl} "$@" ;; esac\n'
            f"exec {curl} \"$@\" --write-out '%{{stderr}}[%{{http_code}}]\\n'\n"
        )
        shim.chmod(0o755)
        self.done: set[Block] = set()
        self.environment = {
            "PATH": f"{shims}:{self.repository / '.venv' / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PORT": str(self.port),
            "VRS_URL": f"http://127.0.0.1:{self.port}",
            "PYTHONPATH": "clients",
            "PYTHONWARNINGS": "ignore",
            "COLUMNS": "160",
            "NUMBA_CACHE_DIR": str(library.code_path().parent),
        }

    def run(self, block: Block) -> None:
        """Run a block as it is written, once; fail by its file and line."""
        if block in self.done:
            return
        self.done.add(block)
        if block.language == "python":
            self._run(block, [sys.executable, "-c", self._with_port(block.text)])
        elif block.language == "console":
            for command, shown in block.commands():
                output = self._run(block, ["bash", "-euo", "pipefail", "-c", self._with_port(command)])
                _compare(block, command, shown, output)
        else:
            self._run(block, ["bash", "-euo", "pipefail", "-c", self._with_port(block.text)])

    def _run(self, block: Block, command: list[str]) -> str:
        done = subprocess.run(
            command,
            cwd=self.repository,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        context = f"{block}: {command[-1]}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        assert done.returncode == 0, f"exit code {done.returncode} at {context}"
        refused = [int(code) for code in STATUS.findall(done.stderr) if int(code) >= 400]
        assert set(refused) <= {CONFLICT}, f"status {refused} at {context}"
        return done.stdout

    def _with_port(self, text: str, port: int | None = None) -> str:
        return text.replace(PRINTED, f"127.0.0.1:{port or self.port}")

    @contextmanager
    def foreground(self, block: Block, port: int) -> Iterator[None]:
        """The processes of a foreground block, one of them answering at `port`; stopped by Ctrl-C."""
        log = self.repository / f"{block.path.name}-{block.line}.log"
        with log.open("wb") as output:
            processes = [
                subprocess.Popen(
                    ["bash", "-c", self._with_port(line, port)],
                    cwd=self.repository,
                    env=self.environment | {"PORT": str(port)},
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
                for line in block.text.splitlines()
            ]
        try:
            wait_until(lambda: _is_ready(port), f"{block} serves: {log}", 120)
            time.sleep(1)
            assert all(process.poll() is None for process in processes), log.read_text()[-3000:]
            yield
        finally:
            for process in processes:
                _interrupt(process)


def _copy_repository(target: Path) -> None:
    """What is under version control, and a .venv that is this one, marked as installed."""
    ours = shutil.ignore_patterns("var", ".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", "corpus")
    shutil.copytree(PROJECT, target, ignore=ours)
    venv = target / ".venv"
    venv.mkdir()
    for entry in Path(sys.prefix).iterdir():
        if not entry.name.startswith(".installed"):
            (venv / entry.name).symlink_to(entry)
    for stamp in (".installed", ".installed-dev"):
        (venv / stamp).touch()


def _compare(block: Block, command: str, shown: list[str], output: str) -> None:
    """Fail unless the lines shown are found in the output, in order; `…` stands for anything."""
    lines = iter(output.replace("\r", "").splitlines())
    for expected in shown:
        if expected == "...":
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in expected.split("…")))
        assert any(pattern.fullmatch(line) for line in lines), (
            f"{block}: {command}\nnot found, or not in this order: {expected}\nin:\n{output[:3000]}"
        )


def _is_ready(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=10).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C, as a terminal sends it to the whole group; then the end of what is left of it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader who has run the README's first commands, and whose service is up."""
    made = Reader(tmp_path_factory.mktemp("reader"))
    first, serve = [block for block in blocks(README) if block.language == "sh"][:2]
    assert serve.attribute == "foreground"
    made.run(first)
    with made.foreground(serve, made.port):
        yield made


def _is_run(block: Block) -> bool:
    return block.language in COMMANDS and block.attribute == ""


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [path for path in DOCS if any(_is_run(block) for block in blocks(path))],
    ids=lambda path: path.name,
)
def test_the_commands_of_a_page_work_as_written(path: Path, reader: Reader) -> None:
    for block in blocks(path):
        if _is_run(block):
            reader.run(block)


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.parametrize(
    "block",
    [block for block in EVERY if block.attribute == "foreground" and block.path != README],
    ids=str,
)
def test_what_runs_in_the_foreground_serves_until_it_is_interrupted(block: Block, reader: Reader) -> None:
    with reader.foreground(block, free_port()):
        pass


def test_output_that_differs_from_the_page_is_found() -> None:
    block = Block(README, 1, "console", "", "$ echo one\none\n")
    _compare(block, "echo one", ["o…e"], "zero\none\n")
    with pytest.raises(AssertionError, match=r"README\.md:1"):
        _compare(block, "echo one", ["one", "two"], "two\none\n")


def test_a_session_is_split_into_commands_and_their_output() -> None:
    text = "$ curl -s \\\n  here\n{}\n\n$ true\n"
    assert Block(README, 1, "console", "", text).commands() == [("curl -s \\\n  here", ["{}"]), ("true", [])]
