"""PUT and POST /variation: AnyVar's requests and answers, for gnomAD and SPDI expressions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.api.conftest import register_demo
from vcfjobs.models import Allele, Contig, Sequence
from vcfjobs.references.register import load_reference
from vcfjobs.vrs.sequences.accessions import CANONICAL

if TYPE_CHECKING:  # the name that the stubs have for the client's answer, which has json()
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

# Each call is a transaction of its own, as in service: on PostgreSQL a load has a table until its end.
pytestmark = pytest.mark.django_db(transaction=True)

Call = Callable[..., "Answer"]
SNV = "chr1-1-A-C"


@pytest.fixture(autouse=True)
def _registry(settings: Settings) -> None:
    settings.ANYVAR_REGISTER = True
    settings.ANYVAR_DEFAULT_ASSEMBLY = "tiny"


@pytest.fixture
def put(client: Client, tiny_assembly: str) -> Call:
    """PUT /variation of a definition and other members; `query` goes into the address."""

    def call(definition: Any, query: str = "", **members: Any) -> Answer:
        body = {"definition": definition, **members}
        return client.put(f"/variation{query}", body, content_type="application/json")

    return call


@pytest.fixture
def post(client: Client, tiny_assembly: str) -> Call:
    """POST /variation of a definition and other members."""

    def call(definition: str, **members: Any) -> Answer:
        return client.post("/variation", {"definition": definition, **members}, "application/json")

    return call


def accession() -> str:
    """The accession of the tiny assembly's chr1."""
    return str(Contig.objects.get(name="chr1").sequence.accession)


# --- what AnyVar answers --------------------------------------------------------------------------


@pytest.mark.database
def test_put_registers_and_answers_as_anyvar_does(put: Call, client: Client) -> None:
    answer = put(SNV, input_type="Allele", copies=None).json()
    assert list(answer) == ["input_variation", "messages", "object", "object_id"]
    assert answer["input_variation"] == {"definition": SNV, "input_type": "Allele"}
    assert answer["messages"] == []
    assert answer["object"]["state"] == {"type": "LiteralSequenceExpression", "sequence": "C"}
    assert answer["object"]["id"] == answer["object_id"]
    assert client.get(f"/object/{answer['object_id']}").json()["data"] == answer["object"]


def test_post_finds_what_is_registered_and_registers_nothing(put: Call, post: Call) -> None:
    missing = post(SNV)
    assert not Allele.objects.exists()
    registered = put(SNV).json()
    assert missing.status_code == 404
    assert missing.json() == {"detail": f"VRS Object {registered['object_id']} not found"}
    assert post(SNV).json() == {"messages": [], "data": registered["object"]}


def test_what_a_vcf_registers_is_found_by_expression(put: Call) -> None:
    """The three records of the tests' VCF, and the identifiers that it gets."""
    same = [put(text).json()["object_id"] for text in ("chr1-22-A-AAA", "1-22-A-AAA", "1-30-A-AAA")]
    assert len(set(same)) == 1
    assert put("chr1-40-AGC-A").json()["object"]["state"]["repeatSubunitLength"] == 2


def test_registering_again_changes_nothing(put: Call) -> None:
    assert put(SNV).json() == put(SNV).json()
    assert Allele.objects.count() == 1


def test_without_a_registry_the_allele_is_translated_and_a_message_says_so(
    put: Call, settings: Settings
) -> None:
    settings.ANYVAR_REGISTER = False
    answer = put(SNV).json()
    assert answer["object_id"].startswith("ga4gh:VA.")
    assert answer["messages"] == ["Not registered: this service keeps no registry (ANYVAR_REGISTER)."]
    assert not Allele.objects.exists()


def test_a_registration_is_few_queries(put: Call, django_assert_max_num_queries: Any) -> None:
    put(SNV)
    with django_assert_max_num_queries(8):
        put("chr1-2-C-T")


# --- many at once ---------------------------------------------------------------------------------


def put_many(client: Client, *bodies: Any) -> Answer:
    return client.put("/variations", list(bodies), content_type="application/json")


@pytest.mark.database
def test_many_are_answered_in_order_and_those_that_fail_by_a_message(client: Client, put: Call) -> None:
    definitions = [SNV, "1-1-G-C", "chr1-40-AGC-A", "rs1"]
    answers = put_many(client, *({"definition": definition} for definition in definitions)).json()
    assert [answer["input_variation"]["definition"] for answer in answers] == definitions
    assert ["object_id" in answer for answer in answers] == [True, False, True, False]
    assert answers[0] == put(SNV).json()
    assert answers[1]["messages"] == [put("1-1-G-C").json()["detail"]]
    assert Allele.objects.count() == 2


def test_each_of_many_may_be_on_another_assembly_or_none(client: Client, tiny_assembly: str) -> None:
    bodies = [{"definition": SNV, "assembly_name": name} for name in ("TINY", "GRCh99")]
    known, unknown = put_many(client, *bodies, {"definition": SNV, "copies": 1}).json()[:2]
    assert known["object_id"]
    assert unknown["messages"] == ["The assembly 'GRCh99' is not registered. Registered: tiny."]


def test_many_are_as_few_queries_as_one(
    client: Client, put: Call, django_assert_max_num_queries: Any
) -> None:
    put(SNV)
    bodies = [{"definition": f"{name}:{at}:1:N"} for at in range(100) for name in (accession(),)]
    with django_assert_max_num_queries(8):
        assert len(put_many(client, *bodies).json()) == 100


def test_too_many_and_what_is_no_list_are_422(client: Client, tiny_assembly: str) -> None:
    body = {"definition": SNV}
    assert put_many(client, *([body] * 1000)).status_code == 200
    assert put_many(client, *([body] * 1001)).status_code == 422
    assert client.put("/variations", body, content_type="application/json").status_code == 422
    assert put_many(client, body, {"definition": None}).json()["error_code"] == "INVALID_PARAMETER"
    assert put_many(client).json() == []


# --- which sequence -------------------------------------------------------------------------------


def test_gnomad_and_spdi_are_the_same_allele(put: Call) -> None:
    ids = {
        put(definition).json()["object_id"]
        for definition in (SNV, "1-1-a-c", f"{accession()}:0:A:C", f"{accession()}:0:1:C")
    }
    assert len(ids) == 1


def test_the_assembly_may_be_named_in_any_case(put: Call) -> None:
    assert put(SNV, assembly_name="TINY").status_code == 200
    assert put(SNV, assembly_name=None).status_code == 200


@pytest.fixture
def chromosome_20(db: None) -> None:
    """The demo's chromosome 20, registered as GRCh37."""
    register_demo()


def test_a_refseq_accession_names_its_chromosome(put: Call, chromosome_20: None) -> None:
    by_refseq = put("NC_000020.10:1451125:C:T").json()
    assert by_refseq == put("NC_000020.10:1451125:C:T", assembly_name="GRCh38").json() | {
        "input_variation": by_refseq["input_variation"]
    }
    by_contig = put("20-1451126-C-T", assembly_name="hg19").json()
    assert by_refseq["object"] == by_contig["object"]
    place = by_refseq["object"]["location"]["sequenceReference"]
    assert place["refgetAccession"] == CANONICAL["GRCh37"]["20"][1]


def test_a_contig_of_own_bytes_is_preferred_to_a_masked_copy(
    put: Call, tiny_assembly: str, tmp_path: Path
) -> None:
    masked = tmp_path / "masked.fa"
    masked.write_text(f">chr1\n{'N' * 240}\n")
    with masked.open("rb") as fasta:
        load_reference(
            name="masked",
            fasta=fasta,
            source="masked.fa",
            accessions={"chr1": accession()},
            canonical=False,
            replace=False,
            on_progress=lambda _: None,
        )
    assert Sequence.objects.filter(contigs__name="chr1").distinct().count() == 1
    assert put(f"{Sequence.objects.get(contigs__assembly__name='masked').accession}:0:A:C").status_code == 200


def test_the_version_of_vrs_is_chosen_by_the_query(put: Call, settings: Settings) -> None:
    lengths = [
        put("1-22-A-AAA", query).json()["object"]["state"]["repeatSubunitLength"]
        for query in ("", "?vrs_version=2.0", "?vrs_version=2.1")
    ]
    settings.ANYVAR_VRS_VERSION = "2.1"
    lengths.append(put("1-22-A-AAA").json()["object"]["state"]["repeatSubunitLength"])
    assert lengths == [2, 2, 1, 1]


# --- what is refused ------------------------------------------------------------------------------

REFUSED: list[tuple[Any, dict[str, Any], str, str]] = [
    ("NC_000007.14:g.140753336A>T", {}, "UNSUPPORTED_VARIATION", "HGVS is not translated here."),
    ("NP_004324.2:599:V:E", {}, "UNSUPPORTED_VARIATION", "protein"),
    (SNV, {"input_type": "CopyNumberCount", "copies": 3}, "UNSUPPORTED_VARIATION", "Copy numbers"),
    (SNV, {"copies": 3}, "UNSUPPORTED_VARIATION", "Copy numbers"),
    (SNV, {"copy_change": "complete genomic loss"}, "UNSUPPORTED_VARIATION", "Copy numbers"),
    (SNV, {"input_type": "Haplotype"}, "INVALID_PARAMETER", "input_type: "),
    ("1-1-G-C", {}, "REFERENCE_MISMATCH", "(input gave 'G' but correct ref is 'A')"),
    ("1-241-A-C", {}, "INVALID_VARIATION", "is outside tiny:1, which has 240 bases"),
    ("9-1-A-C", {}, "INVALID_VARIATION", "tiny has no contig '9'."),
    ("1-1-A-<DEL>", {}, "INVALID_VARIATION", "IUPAC"),
    ("NC_000007.12:5:A:T", {}, "INVALID_VARIATION", "The sequence 'NC_000007.12' is unknown"),
    ("NC_000007:5:A:T", {}, "INVALID_VARIATION", "RefSeq accession and version"),
    ("NC_000007.14:5:A:T", {}, "INVALID_VARIATION", "(chromosome 7 of GRCh38) is not registered here"),
    (f"SQ.{'A' * 32}:5:A:T", {}, "INVALID_VARIATION", "is not registered here"),
    (SNV, {"assembly_name": "T2T"}, "UNKNOWN_ASSEMBLY", "Registered: tiny."),
    ("", {}, "INVALID_PARAMETER", "definition: "),
    ({"type": "Allele"}, {}, "INVALID_PARAMETER", "definition: "),
]


@pytest.mark.parametrize(
    ("definition", "members", "code", "sentence"),
    [*REFUSED, pytest.param("\ud800-1-A-C", {}, "INVALID_PARAMETER", "definition: ", id="surrogate")],
)
def test_what_is_refused_is_422_and_says_why(
    put: Call, definition: Any, members: dict[str, Any], code: str, sentence: str
) -> None:
    answer = put(definition, **members)
    assert (answer.status_code, answer.json()["error_code"]) == (422, code)
    assert sentence in answer.json()["detail"]
    assert not Allele.objects.exists()


def test_copies_have_no_effect_on_an_allele(put: Call) -> None:
    """As in AnyVar, whose own example sends them so."""
    members = {"input_type": "Allele", "copies": 0, "copy_change": "complete genomic loss"}
    assert put(SNV, **members).json()["input_variation"] == {"definition": SNV, **members}


def test_an_unknown_query_parameter_is_422(put: Call) -> None:
    assert put(SNV, "?vrs_versoin=2.1").json()["detail"] == (
        "vrs_versoin: Unknown parameter. Did you mean vrs_version?"
    )


def test_the_service_without_a_reference_is_503(client: Client) -> None:
    answer = client.put("/variation", {"definition": SNV}, content_type="application/json")
    assert (answer.status_code, answer.json()["error_code"]) == (503, "NO_REFERENCE")


def test_a_token_is_needed_where_tokens_are_configured(put: Call, post: Call, settings: Settings) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret"]
    assert [put(SNV).status_code, post(SNV).status_code] == [401, 401]


def test_a_list_is_422_and_no_json_is_400(client: Client, tiny_assembly: str) -> None:
    for content, status in (("[1]", 422), ("{", 400), ("null", 422)):
        answer = client.put("/variation", content, content_type="application/json")
        assert answer.status_code == status, content
