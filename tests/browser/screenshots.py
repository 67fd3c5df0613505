"""Take the pictures of README and docs: `python -m tests.browser.screenshots` fills docs/screenshots/.

The service is real, and so is what it annotates: the demo's chromosome 20 and the variants of five people,
repeated where a file has to be long enough to be looked at while it is annotated.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from pathlib import Path

import requests
from playwright.sync_api import Page

from demo.load import CHROMOSOME_20, PROJECT
from tests.browser.chromium import chromium
from tests.browser.console_watch import watched
from tests.e2e.processes import Service
from tests.servers import wait_until

FOLDER = PROJECT / "docs" / "screenshots"
DEMO = PROJECT / "demo" / "kgp_eur5.chr20.vcf.gz"
WIDTH, HEIGHT = 1280, 720
MOST_HEIGHT = 1100
MOST_BYTES = 200_000
REPEATS = 4_000
PART_DONE = 0.35


def main() -> None:
    """Start a service, lead it through the states, and take a picture of each."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        made = Service(Path(folder), ANYVAR_DEFAULT_ASSEMBLY="GRCh37")
        try:
            set_up(made)
            with watched(browser, made.url, viewport={"width": WIDTH, "height": HEIGHT}) as watch:
                take_all(made, watch.context.new_page())
        finally:
            made.stop()


def set_up(made: Service) -> None:
    """Register the demo's reference and start web and worker."""
    made.manage("migrate", "--verbosity", "0")
    fasta = str(PROJECT / "demo" / "GRCh37.chr20.fa.gz")
    made.manage("load_reference", "GRCh37", fasta, "--accession", CHROMOSOME_20)
    made.start_web()
    made.start_worker("--concurrency=1")


def take_all(made: Service, page: Page) -> None:
    """A run that is annotated, that run among others, and one that is done."""
    lines = gzip.decompress(DEMO.read_bytes()).splitlines(keepends=True)
    header = b"".join(line for line in lines if line.startswith(b"#"))
    records = b"".join(line for line in lines if not line.startswith(b"#"))
    done = send(made, DEMO.name, DEMO.read_bytes())
    wait_for(made, done, "succeeded")
    wait_for(made, send(made, "cut-off.vcf", header + records + b"20\t1850"), "failed")
    running = send(made, "cohort.vcf", header + records * REPEATS)
    withdrawn = send(made, "wrong-reference.vcf", header + records)
    requests.post(f"{made.url}/runs/{withdrawn}/cancel", timeout=30).raise_for_status()
    wait_until(lambda: made.look(running)["progress"] > PART_DONE, "it is part done", 120)
    take(page, f"/jobs/{running}/", "running")
    send(made, "trio.vcf.gz", gzip.compress(header + records))
    take(page, "/", "runs")
    take(page, f"/jobs/{done}/", "succeeded")


def send(made: Service, name: str, content: bytes) -> str:
    """Submit a file as a client of AnyVar would; the run's id."""
    answer = requests.put(
        f"{made.url}/vcf", params={"run_async": "true"}, files={"vcf": (name, content)}, timeout=120
    )
    answer.raise_for_status()
    return str(answer.json()["run_id"])


def wait_for(made: Service, run_id: str, status: str) -> None:
    """Return when the run has ended, as it should."""
    assert made.wait_for(run_id)["status"] == status


def take(page: Page, address: str, name: str) -> None:
    """Write the picture of a page, of a long one the beginning."""
    page.goto(address)
    path = FOLDER / f"{name}.png"
    height = min(page.evaluate("document.scrollingElement.scrollHeight"), MOST_HEIGHT)
    page.screenshot(path=path, full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
    size = path.stat().st_size
    print(f"{path.relative_to(PROJECT)}: {size:,} bytes")
    if size > MOST_BYTES:
        sys.exit(f"{path.name} is larger than {MOST_BYTES:,} bytes")


if __name__ == "__main__":
    main()
