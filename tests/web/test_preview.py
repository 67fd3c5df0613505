"""The first records on a run's page: read from the result's beginning, and never more than a bounded part."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.factories import HEADER, make_run
from tests.web.page_text import markup, words
from tests.web.test_allele_page import make_allele
from vcfjobs import storage
from vcfjobs.models import Run, Status
from vcfjobs.vrs.bgzf.files import BgzfReader, BgzfWriter
from vcfjobs.web import preview
from vcfjobs.web.preview import LONGEST_HEAD, MOST_BYTES, RECORDS, first_records

pytestmark = [pytest.mark.django_db, pytest.mark.database]

UNKNOWN = "ga4gh:VA." + "A" * 32


def record(info: str = "DP=3", *, ref: str = "A", alt: str = "C", name: str = ".", tail: str = "") -> str:
    """A line of a result; `tail` is what follows INFO."""
    return f"chr1\t1234\t{name}\t{ref}\t{alt}\t.\tPASS\t{info}{tail}\n"


def succeeded(*records: str, header: str = HEADER, **columns: Any) -> Run:
    """A succeeded run with this result on disk."""
    values = {
        "status": Status.SUCCEEDED,
        "attempt": 1,
        "finished": timezone.now(),
        "records_done": len(records),
    }
    run = make_run(**(values | columns))
    write_result(run, header + "".join(records))
    return run


def write_result(run: Run, text: str) -> Path:
    """Store a result as a worker does."""
    path = storage.result_path(run.pk, run.attempt)
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        writer = BgzfWriter(file)
        writer.write(text.encode())
        writer.close()
    return path


def squeezed(cell: str) -> str:
    """The text of a cell, white space in one, a hyphen for the dash that means nothing."""
    text = unescape(re.sub(r"<.*?>", " ", cell)).replace("\u2013", "-")
    return re.sub(r"[ \n]+", " ", text).strip()


def cells(response: Any) -> list[list[str]]:
    """The text of each cell of the preview's records, a hyphen for nothing."""
    (table,) = re.findall(r'<table class="preview stacked">.*?</table>', markup(response), re.DOTALL)
    rows = [re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL) for row in table.split("<tr>")[2:]]
    return [[squeezed(cell) for cell in row] for row in rows]


def test_records_are_shown_with_the_identifier_of_each_allele(client: Client) -> None:
    run = succeeded(record(f"DP=3;VRS_Allele_IDs={UNKNOWN},.", name="rs1"))
    (row,) = cells(client.get(f"/jobs/{run.pk}/"))
    assert row == ["chr1", "1234", "rs1", "A", "C", f"REF {UNKNOWN} ALT -"]


def test_of_several_alts_each_has_its_number(client: Client) -> None:
    run = succeeded(record(f"VRS_Allele_IDs={UNKNOWN},.", alt="C,<DEL>"), for_ref=False)
    (row,) = cells(client.get(f"/jobs/{run.pk}/"))
    assert row[4:] == ["C <DEL>", f"ALT 1 {UNKNOWN} ALT 2 -"]


def test_what_is_missing_is_a_dash(client: Client) -> None:
    run = succeeded(record(alt="."))
    (row,) = cells(client.get(f"/jobs/{run.pk}/"))
    assert row == ["chr1", "1234", "-", "A", "-", "-"]


def test_a_registered_identifier_is_a_link_and_another_is_text(client: Client, tiny_assembly: str) -> None:
    allele = make_allele(2, 3, literal="T")
    run = succeeded(record(f"VRS_Allele_IDs={UNKNOWN},{allele}"), register=False)
    page = words(client.get(f"/jobs/{run.pk}/"))
    assert f'<a href="/alleles/{allele}/"><code>{allele}</code></a>' in page
    assert f"<code>{UNKNOWN}</code>" in page
    assert f"/alleles/{UNKNOWN}/" not in page


def test_the_page_of_a_run_asks_the_registry_once_for_all_identifiers(
    client: Client, tiny_assembly: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ids = [make_allele(place, place + 1, literal="T") for place in range(30)]
    run = succeeded(*(record(f"VRS_Allele_IDs={a},{b}") for a, b in zip(ids[::2], ids[1::2], strict=True)))
    with django_assert_num_queries(2):  # the run, the registry
        page = words(client.get(f"/jobs/{run.pk}/"))
    assert page.count('href="/alleles/') == 30


def test_only_the_first_records_are_shown_and_how_many_there_are(client: Client) -> None:
    run = succeeded(*[record()] * (RECORDS + 5))
    response = client.get(f"/jobs/{run.pk}/")
    assert len(cells(response)) == RECORDS
    assert f"The first {RECORDS} of {RECORDS + 5} records" in words(response)


def test_a_short_file_is_said_to_be_whole(client: Client) -> None:
    assert "All records" in words(client.get(f"/jobs/{succeeded(record()).pk}/"))


def test_a_last_line_without_its_end_is_a_record_too(client: Client) -> None:
    run = succeeded(record(), record().rstrip("\n"))
    assert len(cells(client.get(f"/jobs/{run.pk}/"))) == 2


def test_carriage_returns_are_no_part_of_a_record() -> None:
    text = (HEADER + record(f"VRS_Allele_IDs=.,{UNKNOWN}")).replace("\n", "\r\n").encode()
    (found,) = first_records([text], for_ref=True)
    assert found.ids is not None
    assert found.ids == [("REF", ""), ("ALT", UNKNOWN)]


def test_a_record_that_the_bound_cuts_in_two_is_not_taken_for_a_whole_one(client: Client) -> None:
    ids = f"VRS_Allele_IDs={UNKNOWN},."
    filler = "##x=" + "y" * (MOST_BYTES - len(HEADER) - 5 - 60) + "\n"
    run = succeeded(record(ids), header=HEADER.replace("#CHROM", filler + "#CHROM"))
    (row,) = cells(client.get(f"/jobs/{run.pk}/"))
    assert "too far into the record" in row[5]


def test_a_file_without_records_says_so(client: Client) -> None:
    assert "a header and no records" in words(client.get(f"/jobs/{succeeded().pk}/"))


def test_long_sequences_are_folded_and_huge_ones_cut(client: Client) -> None:
    run = succeeded(record(ref="ACGT" * 25, alt="G" * 30_000))
    response = client.get(f"/jobs/{run.pk}/")
    page = words(response)
    (row,) = cells(response)
    assert row[3].startswith("ACGTACGTACGT… (100 ")
    assert row[3].endswith("ACGT" * 25)
    assert row[4].startswith("GGGGGGGGGGGG… (30000 ")
    assert "G" * 2_001 not in page


def test_what_a_result_holds_is_text(client: Client) -> None:
    run = succeeded(
        record(name="<script>alert(1)</script>", alt="<img src=x>", info="VRS_Allele_IDs=<b>,<i>")
    )
    page = client.get(f"/jobs/{run.pk}/").content.decode()
    for tag in ("<script>alert", "<img", "<b>", "<i>"):
        assert tag not in page


@pytest.mark.parametrize("longer", ["sample", "ref", "info"])
def test_a_record_longer_than_the_bound_is_shown_as_far_as_it_is_read(client: Client, longer: str) -> None:
    size = MOST_BYTES + 1000
    ids = f"VRS_Allele_IDs={UNKNOWN},."
    long = {
        "sample": record(ids, tail="\tGT" + "\t0|1" * (size // 4)),
        "ref": record(ids, ref="A" * size),
        "info": record("X=" + "y" * size + ";" + ids),
    }[longer]
    run = succeeded(long, record(), records_done=2)
    response = client.get(f"/jobs/{run.pk}/")
    page = words(response)
    (row,) = cells(response)
    assert row[:2] == ["chr1", "1234"]
    assert "The first 1 of 2 records" in page
    if longer == "sample":
        assert row[5] == f"REF {UNKNOWN} ALT -"
    else:
        assert "too far into the record" in row[5]
    assert len(page) < 30_000


def test_records_after_a_wide_one_are_found(client: Client) -> None:
    wide = record("DP=1", tail="\tGT" + "\t0|1" * 100_000)
    run = succeeded(wide, record(name="after"))
    assert [row[2] for row in cells(client.get(f"/jobs/{run.pk}/"))] == ["-", "after"]


def test_a_header_longer_than_the_bound_is_said_to_be_long(client: Client) -> None:
    run = succeeded(record(), header=HEADER.replace("#CHROM", f"##x={'y' * MOST_BYTES}\n#CHROM"))
    assert "too long for a preview" in words(client.get(f"/jobs/{run.pk}/"))


def test_no_more_than_the_bound_is_ever_read(monkeypatch: pytest.MonkeyPatch) -> None:
    run = succeeded(*[record(tail="\tGT" + "\t0|1" * 2_000_000)] * 3)
    read: list[int] = []
    whole = BgzfReader.read_range

    def counted(self: BgzfReader, start: int, stop: int) -> Any:
        for piece in whole(self, start, stop):
            read.append(len(piece))
            yield piece

    monkeypatch.setattr(BgzfReader, "read_range", counted)
    found = preview.preview_of(run)
    assert found is not None
    assert len(found.records) == 1
    assert sum(read) <= MOST_BYTES


def test_reading_ends_with_the_last_record_that_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = iter([HEADER.encode(), record().encode() * RECORDS, b"never"])
    assert len(first_records(pieces, for_ref=True)) == RECORDS
    assert next(pieces) == b"never"


@pytest.mark.parametrize("size", [1, 7, 100])
def test_records_do_not_depend_on_how_the_blocks_cut_them(size: int) -> None:
    text = (
        HEADER + record(f"VRS_Allele_IDs={UNKNOWN},.") + record(ref="A" * (LONGEST_HEAD + 5)) + record()
    ).encode()
    whole = first_records([text], for_ref=True)
    assert len(whole) == 3
    cut = first_records((text[at : at + size] for at in range(0, len(text), size)), for_ref=True)
    assert cut == whole


def test_many_alleles_of_one_record_are_counted_and_not_all_shown(client: Client) -> None:
    ids = ",".join([UNKNOWN] * 31)
    run = succeeded(record(f"VRS_Allele_IDs={ids}", alt=",".join(["C"] * 30)))
    (row,) = cells(client.get(f"/jobs/{run.pk}/"))
    assert row[4].endswith("and 20 more")
    assert row[5].endswith("and 21 more")


@pytest.mark.parametrize(
    "state", ["failed", "cancelled", "running", "queued", "expired", "ingest", "lost", "damaged"]
)
def test_where_no_result_can_be_read_the_page_has_no_preview(client: Client, state: str) -> None:
    run = succeeded(record())
    if state in Status.values:
        Run.objects.update(status=state)
    elif state == "expired":
        Run.objects.update(expires=timezone.now())
    elif state == "ingest":
        Run.objects.update(kind="ingest")
    elif state == "lost":
        storage.drop_run(run.pk)
    else:
        storage.result_path(run.pk, 1).write_bytes(b"\x1f\x8b nothing")
    response = client.get(f"/jobs/{run.pk}/")
    assert response.status_code == 200
    assert "First records of the result" not in words(response)


def test_the_part_of_a_run_that_has_just_ended_brings_the_preview(client: Client) -> None:
    run = succeeded(record())
    assert "First records of the result" in words(client.get(f"/jobs/{run.pk}/status/?seen=running"))
