"""Query parameters: an unknown one is refused, with the name of the nearest."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.api.conftest import Submit
from tests.factories import make_run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("address", "wrong", "nearest"),
    [
        ("/vcf", "asembly", "assembly"),
        ("/vcf", "Assembly", "assembly"),
        ("/vcf", "run_asyn", "run_async"),
        ("/annotated_vcf", "require_valdation", "require_validation"),
        ("/vcf/a", "wiat", "wait"),
        ("/runs/", "stauts", "status"),
        ("/runs/", "pagesize", "page_size"),
        ("/runs/a/alleles", "curser", "cursor"),
        ("/runs/a/records", "reigon", "region"),
        ("/variations", "acession", "accession"),
        ("/search", "ends", "end"),
    ],
)
def test_a_misspelt_parameter_is_422_with_the_nearest_name(
    client: Client, address: str, wrong: str, nearest: str
) -> None:
    make_run(run_id="a")
    method = client.put if address in ("/vcf", "/annotated_vcf") else client.get
    response = method(f"{address}?{wrong}=1")
    assert response.status_code == 422
    assert response.json()["detail"] == f"{wrong}: Unknown parameter. Did you mean {nearest}?"
    assert list(response.json()["parameters"]) == [wrong]


def test_a_parameter_unlike_any_other_is_answered_with_all_names(client: Client) -> None:
    detail = client.get("/vcf/a?zzz=1").json()["detail"]
    assert detail == "zzz: Unknown parameter. Known: format, wait."


def test_every_parameter_of_anyvar_is_accepted(submit: Submit, client: Client) -> None:
    annotate = {"for_ref": "1", "add_vrs_attributes": "1", "allow_async_write": "1"}
    assert submit(run_async="1", run_id="a", **annotate).status_code == 202
    ingest = "assembly=tiny&allow_async_write=1&run_async=1&run_id=b&require_validation=1"
    missing = client.put(f"/annotated_vcf?{ingest}", b"x", content_type="text/plain")
    assert missing.status_code == 400
    place = "accession=tiny:chr1&start=1&end=2"
    assert client.get(f"/variations?{place}&page_size=5&cursor=").status_code == 200
    assert client.get(f"/search?{place}").status_code == 200
