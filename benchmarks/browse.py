"""Browsing a large result: milliseconds of a page of 100 variants, as a page and as JSON, at any place.

BENCH_BROWSED says how many records the result has.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks import generate
from benchmarks.measure import PROJECT, Figure

RECORDS = int(os.environ.get("BENCH_BROWSED", "5000000"))
BASES = 10 * RECORDS + 1000
ROUNDS = 9
REQUIRED = 200.0


def figures() -> list[Figure]:
    """In a process of its own, with a database and a work directory of its own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "anyvar_site.settings",
            "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
            "ANYVAR_VCF_ASYNC_WORK_DIR": f"{folder}/work",
            "ANYVAR_SEQUENCE_DIR": f"{folder}/sequences",
            "ALLOWED_HOSTS": "testserver",
        }
        command = [sys.executable, "-m", "benchmarks.browse", folder]
        done = subprocess.run(
            command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
    rows = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    return [
        _figure(what, float(median), float(worst), required == "required")
        for what, median, worst, required in rows
    ]


def _figure(what: str, median: float, worst: float, required: bool) -> Figure:
    value = f"{median:.0f} (at most {worst:.0f})"
    if not required:
        return Figure(f"milliseconds of {what}", value, "-", "-", "-", None)
    return Figure(f"milliseconds of {what}", value, "-", "-", f"< {REQUIRED:.0f}", median < REQUIRED)


def main(folder: str) -> None:
    """Annotate the file and browse it; a line a figure: what, median, worst, "required" or "-", by tabs."""
    import django

    django.setup()
    from django.test import Client

    run = _annotated(Path(folder))
    client = Client()
    address, page = f"/runs/{run.pk}/records?page_size=100", f"/jobs/{run.pk}/?rows=100"
    for what, query, is_required in _places(client, address):
        for kind, begin in (("JSON", address), ("page", page)):
            times = sorted(_milliseconds(client, begin + query) for _ in range(ROUNDS))
            required = "required" if is_required else "-"
            print(f"{what}, {kind}\t{times[ROUNDS // 2]}\t{times[-1]}\t{required}", flush=True)


def _places(client: Any, address: str) -> Iterator[tuple[str, str, bool]]:
    """What is browsed: its name, the query, and whether a page of 100 is required within the limit."""
    of = f"100 variants of {RECORDS:,}"
    for name, share in (("start", 0.0), ("middle", 0.5), ("end", 0.99)):
        first = 100 + int(share * (BASES - 1000))
        region = f"&region={quote(f'{generate.CONTIG}:{first}-{first + 5_000}')}"
        yield f"{of}, region at the {name}", region, True
        cursor = client.get(address + region).json()["next_cursor"]
        yield f"{of}, cursor at the {name}", f"&cursor={cursor}", True
    yield f"{of}, the first page", "", True
    yield f"{of}, a whole contig", f"&region={generate.CONTIG}", True
    yield f"{of}, insertions alone", "&type=insertion", True
    yield (
        f"a search for an id at the end, as far as a page goes, in {RECORDS:,}",
        f"&id=rs{RECORDS - 1}",
        False,
    )
    yield f"a search for what failed, as far as a page goes, in {RECORDS:,}", "&only=failed", False


def _milliseconds(client: Any, address: str) -> float:
    began = time.perf_counter()
    response = client.get(address)
    taken = 1000 * (time.perf_counter() - began)
    if response.status_code != 200:
        raise RuntimeError(response.content.decode())
    return taken


def _annotated(folder: Path) -> Any:
    """A succeeded run of a sites-only file, annotated with all attributes."""
    from django.core.management import call_command

    from vcfjobs import storage
    from vcfjobs.models import Run
    from vcfjobs.worker import executor

    call_command("migrate", verbosity=0)
    storage.prepare()
    sequence = generate.contig(BASES)
    vcf = generate.sites_only(generate.DATA / f"sites-{RECORDS}.vcf.gz", sequence, RECORDS, bgzf=True)
    fasta = folder / "bench.fa"
    fasta.write_bytes(b">%b\n%b\n" % (generate.CONTIG.encode(), sequence))
    call_command("load_reference", "bench", str(fasta), "--force-unknown", verbosity=0, stdout=sys.stderr)
    run = Run(run_id="browsed", assembly="bench", register=False, add_vrs_attributes=True, attempt_limit=1)
    run.input_format, run.input_bytes = "bgzf", vcf.stat().st_size
    run.save(force_insert=True)
    storage.run_folder(run.pk).mkdir(parents=True)
    storage.input_path(run.pk).symlink_to(vcf)
    executor.run(run.pk, task_id="", worker="benchmark")
    run.refresh_from_db()
    if run.status != "succeeded" or not run.indexed:
        raise RuntimeError(run.error or "the result has no index")
    print(f"{run.result_text_bytes:,} bytes of text", file=sys.stderr)
    return run


if __name__ == "__main__":
    main(sys.argv[1])
