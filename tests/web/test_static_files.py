"""Static files come compressed where a compressed copy lies beside them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_the_genome_viewer_is_sent_compressed_to_who_takes_that(client: Client, accepted: str) -> None:
    found = finders.find("vcfjobs/igv/igv.esm.min.js")
    assert found
    script = Path(found).read_bytes()
    answer = client.get("/static/vcfjobs/igv/igv.esm.min.js", headers={"accept-encoding": accepted})
    body = answer.getvalue()
    if accepted == "gzip":
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(body) < len(script) / 3
        body = gzip.decompress(body)
    assert body == script
