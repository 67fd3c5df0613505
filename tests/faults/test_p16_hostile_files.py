"""P16: bombs and hostile files end in a clear error, soon, small, and without a word to anybody else."""

from __future__ import annotations

import gzip
import os
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from benchmarks.measure import PeakMemory
from tests.e2e.processes import Service, service
from tests.factories import HEADER
from tests.faults.conftest import leftovers, require_nothing_left_over
from tests.packing import bgzf
from tests.vrs.bcf import encoding as bcf

MB = 10**6
SECONDS = 5


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("hostile"), ANYVAR_REGISTER="false") as running:
        running.start_web()
        running.start_worker("--concurrency=1")
        yield running
        require_nothing_left_over(running)


@pytest.fixture
def canary() -> Iterator[tuple[int, list[object]]]:
    """A port at which nobody must ever call, and who did."""
    calls: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                try:
                    connection, address = listener.accept()
                except TimeoutError:
                    continue
                connection.close()
                calls.append(address)

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield listener.getsockname()[1], calls
        finally:
            over.set()
            thread.join()


def squeezed(head: bytes, filler: bytes, times: int, tail: bytes = b"") -> bytes:
    """Gzip of `head`, `filler` so many times, `tail`; made piece by piece."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(head)]
    parts += [packer.compress(filler) for _ in range(times)]
    return b"".join([*parts, packer.compress(tail), packer.flush()])


def undeclared() -> bytes:
    """A million contigs and INFO keys that no header declares."""
    lines = (f"c{n}\t1\t.\tA\tC\t.\tF{n}\tK{n}=1\n" for n in range(1_000_000))
    return gzip.compress((HEADER + "".join(lines)).encode(), 1)


def bcf_of_long_names() -> bytes:
    """A record of 65,535 flags, each with a name of a million characters: 65 GB of text."""
    head = bcf.header().replace("ID=DB", "ID=" + "N" * MB)
    return bgzf(bcf.file(bcf.record((bcf.info(bcf.DB),) * 65_535), head=head))


def bcf_of_empty_fields() -> bytes:
    """255 FORMAT fields without a value, for two million samples."""
    formats = (bcf.integer(bcf.AD, bcf.INT8) + b"\0",) * 255
    return bgzf(bcf.file(bcf.record(formats=formats, samples=2 * MB), samples=2 * MB))


def bcf_that_lies() -> bytes:
    """Behind good records, one that is said to have eight gigabytes, of which one comes."""
    good = bcf.file(*[bcf.record()] * 5_000)
    return squeezed(good + b"\xff\xff\xff\xff" * 2, bytes(MB), 1000)


def processor_seconds(processes: list[int]) -> float:
    """What the processes have computed so far, however many others compute beside them."""
    ticks = 0
    for process in processes:
        user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
        ticks += int(user) + int(system)
    return ticks / os.sysconf("SC_CLK_TCK")


ZEROS = bytes(MB)
HEAD = HEADER.encode()
RECORD = b"chr1\t1\t.\tA\t"
BOMBS = {
    "gzip of zeros": lambda: squeezed(b"", ZEROS, 1000),
    "zeros behind a header": lambda: squeezed(HEAD, ZEROS, 1000),
    "a line of 600 MB": lambda: squeezed(HEAD + RECORD, b"C" * MB, 600, b"\n"),
    "a header of 600 MB": lambda: squeezed(b"##fileformat=VCFv4.2\n", b"##x=" + b"y" * MB + b"\n", 600, HEAD),
    "a header of a million lines": lambda: squeezed(b"##fileformat=VCFv4.2\n", b"##x\n" * 250_000, 100, HEAD),
    "BCF of long names": bcf_of_long_names,
    "BCF of empty fields": bcf_of_empty_fields,
    "BCF that lies": bcf_that_lies,
    "BCF of zeros": lambda: squeezed(bcf.file(), ZEROS, 1000),
    "a record of a million ALTs": lambda: squeezed(HEAD + RECORD, b"C," * 500_000, 1, b"C\t.\t.\t.\n"),
}


def judge(made: Service, content: bytes) -> tuple[int, str, dict[str, object] | None]:
    """What becomes of a file: the status of the submit, the sentence, and the run where there is one."""
    answer = requests.put(f"{made.url}/vcf?run_async=true", data=content, timeout=60)
    if answer.status_code != 202:
        return answer.status_code, answer.json()["error"], None
    run = made.wait_for(answer.headers["Location"], 180)
    return 202, run["error"], run


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_in_a_clear_error(made: Service, name: str) -> None:
    content = BOMBS[name]()
    processes = [*made.children(made.processes[0]), *made.children(made.processes[1])]
    before = processor_seconds(processes)
    with PeakMemory(lambda: processes) as peak:
        status, sentence, run = judge(made, content)
    assert processor_seconds(processes) - before < SECONDS
    assert peak.bytes < 300 * MB
    assert status in (400, 413, 202)
    assert run is None or run["status"] == "failed"
    assert sentence
    assert "Traceback" not in sentence
    assert str(made.folder) not in sentence


def test_a_million_undeclared_names_stay_small(made: Service) -> None:
    processes = made.children(made.processes[1])
    with PeakMemory(lambda: processes) as peak:
        status, sentence, run = judge(made, undeclared())
    assert peak.bytes < 300 * MB
    assert status in (202, 422)
    assert run is None or run["status"] == "failed"
    assert sentence


@pytest.mark.parametrize(
    "text",
    [
        '{"htsget": {"format": "VCF", "urls": [{"url": "http://127.0.0.1:PORT/steal"}]}}',
        '##fileformat=VCFv4.2\n##contig=<ID=chr1,URL="http://127.0.0.1:PORT/steal">\n',
        "##fileformat=VCFv4.2\n##reference=http://127.0.0.1:PORT/steal\n##assembly=http://127.0.0.1:PORT/x\n",
    ],
)
def test_a_file_that_names_addresses_makes_nobody_call_them(
    made: Service, canary: tuple[int, list[object]], text: str
) -> None:
    port, calls = canary
    content = text.replace("PORT", str(port))
    if content.startswith("##"):
        content += HEADER.split("\n", 1)[1] + "chr1\t1\t.\tA\tC\t.\t.\t.\n"
    judge(made, content.encode())
    judge(made, gzip.compress(content.encode()))
    time.sleep(0.5)
    assert calls == []


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "http:evil",
        "x##idx##y",
        "-",
        "data:,x",
        "a\x1b[2Jb.vcf",
        "a\r\nSet-Cookie: x=y.vcf",
        "\u202egnp.vcf",
    ],
    ids=["path", "scheme", "htslib index", "dash", "data", "terminal", "header", "right to left"],
)
def test_a_hostile_file_name_names_no_file(made: Service, name: str) -> None:
    good = (HEADER + "chr1\t1\t.\tA\tC\t.\t.\t.\n").encode()
    answer = requests.put(f"{made.url}/vcf?run_async=true", files={"vcf": (name, good)}, timeout=30)
    assert answer.status_code in (202, 400)
    if answer.status_code == 202:
        assert made.wait_for(answer.headers["Location"])["status"] == "succeeded"
        names = {path.name for path in made.folder_of(answer.headers["Location"]).iterdir()}
        assert names == {"1.vcf.gz", "1.vcf.gz.gzi", "1.vcf.gz.tbi"}
    assert leftovers(made) == []
    assert "\x1b" not in made.log("web") + made.log("worker-1")
