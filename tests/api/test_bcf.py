"""BCF in, VCF out: PUT and POST /vcf and /annotated_vcf."""

from __future__ import annotations

import gzip

import pytest
from django.test import Client

from tests.api.conftest import Submit, body
from tests.factories import HEADER, RECORDS, VCF
from tests.packing import bgzf, gzipped
from tests.vrs.bcf.encoding import info, of_sites, record
from vcfjobs import storage
from vcfjobs.models import Run
from vcfjobs.worker import executor

pytestmark = pytest.mark.django_db

BCF = of_sites(VCF)


def records_of(text: bytes) -> list[bytes]:
    return [line for line in text.splitlines() if not line.startswith(b"#")]


@pytest.mark.parametrize("pack", [bytes, gzipped, bgzf], ids=["plain", "gzip", "bgzf"])
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "multipart"])
def test_the_answer_is_that_of_the_same_vcf(submit: Submit, pack: object, raw: bool) -> None:
    expected = submit(run_id="vcf", name="sample.vcf", raw=raw)
    answer = submit(pack(BCF), run_id="bcf", name="sample.bcf", raw=raw)  # type: ignore[operator]
    assert (answer.status_code, expected.status_code) == (200, 200)
    assert answer["Content-Type"] == expected["Content-Type"]
    if not raw:
        assert answer["Content-Disposition"] == expected["Content-Disposition"]
    lines = body(answer)
    assert records_of(lines) == records_of(body(expected))
    assert lines.startswith(b"##fileformat=VCFv4.2\n##FILTER=<ID=PASS,")
    assert lines.count(b"##INFO=<ID=VRS_Allele_IDs,") == 1
    assert Run.objects.get(run_id="bcf").input_format == "bcf"


def test_a_worker_makes_a_bgzf_with_an_index_of_it(submit: Submit, client: Client) -> None:
    location = submit(bgzf(BCF), run_async="true", name="sample.bcf")["Location"]
    run = Run.objects.get()
    executor.run(run.pk, task_id="t", worker="w")
    run.refresh_from_db()
    assert (run.status, run.records_done, run.indexed) == ("succeeded", 3, True)
    answer = client.get(f"{location}?format=vcf.gz")
    assert answer["Content-Type"] == "application/gzip"
    assert 'filename="sample.vrs.vcf.gz"' in answer["Content-Disposition"]
    assert len(records_of(gzip.decompress(body(answer)))) == 3


@pytest.mark.django_db(transaction=True)  # the registry has a connection of its own
def test_annotations_in_bcf_are_registered(submit: Submit, client: Client) -> None:
    annotated = body(submit(add_vrs_attributes="true"))
    answer = client.put(
        "/annotated_vcf?assembly=tiny&require_validation=true",
        of_sites(annotated),
        content_type="application/octet-stream",
    )
    assert answer.status_code == 200
    assert len(body(answer).splitlines()) == 1  # the header of the CSV: nothing disagrees
    run = Run.objects.get(kind="ingest")
    assert (run.status, run.records_done, run.input_format) == ("succeeded", 3, "bcf")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (BCF[:-3], "record 3 of the BCF is cut off"),
        (BCF + record((info(99),)), "record 4 of the BCF names an entry that the header does not have"),
        (b"BCF\x02\x01\xff\xff\xff\xff", "The header of the file is longer"),
        (b"BCF\x04" + BCF, "convert it with `bcftools view -Oz`"),
        (BCF[:60], "its header is cut off"),
    ],
    ids=["cut", "damaged", "long header", "version 1", "cut header"],
)
def test_damage_is_refused_in_a_sentence_and_nothing_stays(
    submit: Submit, content: bytes, words: str
) -> None:
    answer = submit(content, run_async="true")
    assert answer.status_code in (400, 413)
    assert words in answer.json().get("error", answer.json().get("detail"))
    assert not Run.objects.exists()
    assert not any(storage.spool().iterdir())


def test_records_of_another_assembly_are_refused_as_in_vcf(submit: Submit) -> None:
    other = of_sites((HEADER + RECORDS.replace("\tA\t", "\tT\t").replace("\tAGC\t", "\tTTT\t")).encode())
    answer = submit(other, run_async="true")
    assert answer.status_code == 422
    assert "is this the right assembly" in answer.json()["detail"]
