"""gnomAD and SPDI expressions: what is read from them, what is refused, and the reference's identifiers."""

from __future__ import annotations

import sys
import time
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import TINY_CONTIG
from vcfjobs.errors import ReferenceMismatchError
from vcfjobs.vrs import expressions
from vcfjobs.vrs.expressions import Expression, InvalidExpressionError, UnsupportedExpressionError
from vcfjobs.vrs.normalize import LONG_STRETCH, Stretches
from vcfjobs.vrs.sequences.accessions import CANONICAL
from vcfjobs.vrs.sequences.flat_files import FlatSequence
from vcfjobs.vrs.sequences.refseq import REFSEQ

SEQUENCE = FlatSequence.from_bytes(TINY_CONTIG.encode())

# --- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("7-140753336-A-T", ("gnomAD", "7", 140_753_335, 1, b"A", b"T")),
        ("chr7-140753336-a-tt", ("gnomAD", "chr7", 140_753_335, 1, b"A", b"TT")),
        ("HLA-A*01:01-5-AC-N", ("gnomAD", "HLA-A*01:01", 4, 2, b"AC", b"N")),
        ("NC_000007.14:140753335:A:T", ("SPDI", "NC_000007.14", 140_753_335, 1, b"A", b"T")),
        ("NC_000007.14:140753335:1:T", ("SPDI", "NC_000007.14", 140_753_335, 1, None, b"T")),
        ("NC_000007.14:5:12:", ("SPDI", "NC_000007.14", 5, 12, None, b"")),
        ("NC_000007.14:5::acg", ("SPDI", "NC_000007.14", 5, 0, b"", b"ACG")),
        ("NC_000007.14:5:AC:", ("SPDI", "NC_000007.14", 5, 2, b"AC", b"")),
    ],
)
def test_an_expression_is_read(text: str, read: tuple[Any, ...]) -> None:
    assert expressions.parse(text) == Expression(*read)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("NC_000007.14:g.140753336A>T", "HGVS"),
        ("NP_004324.2:p.Val600Glu", "HGVS"),
        ("NM_004333.6:c.1799T>A", "HGVS"),
        ("NP_004324.2:599:V:E", "'NP_004324.2' is a transcript or a protein"),
        ("NM_004333.6:1798:T:A", "'NM_004333.6' is a transcript or a protein"),
        ("ENSP00000288602:599:V:E", "is a transcript or a protein"),
        ("7 : 140753336 A > T", "Beacon"),
        ('{"type": "Allele"}', "VRS JSON"),
        ("rs113488022", "Not an expression"),
        ("BRAF V600E", "Not an expression"),
        ("", "Not an expression"),
    ],
)
def test_what_is_not_supported_is_named(text: str, named: str) -> None:
    with pytest.raises(UnsupportedExpressionError, match=named) as raised:
        expressions.parse(text)
    assert raised.value.status == 422


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("7-x-A-T", "The position must be a number, not 'x'"),
        pytest.param("7-²-A-T", "The position must be a number", id="superscript"),
        pytest.param(f"7-{'9' * 5000}-A-T", "The position must be a number", id="5000-digits"),
        ("7-1--T", "must not be empty"),
        ("7-1-A-", "must not be empty"),
        ("7-1-A-<DEL>", "ALT is not written in IUPAC nucleotide codes: '<DEL>'"),
        ("7-1-E-T", "REF is not written in IUPAC"),
        pytest.param("7-1-A-ß", "ALT is not written in IUPAC", id="upper-case-is-SS"),
        pytest.param("7-1-A-\ud800", "ALT is not written in IUPAC", id="surrogate"),
        ("NC_000007.14:-1:A:T", "The position must be a number, not '-1'"),
        ("NC_000007.14:1:A:T=", "The insertion is not written in IUPAC"),
        ("NC_000007.14:1:1A:T", "The deletion must be a number, not '1A'"),
        pytest.param("NC_000007.14:1:²:T", "The deletion must be a number", id="superscript-deletion"),
    ],
)
def test_what_is_wrong_is_said(text: str, named: str) -> None:
    with pytest.raises(InvalidExpressionError, match=named) as raised:
        expressions.parse(text)
    assert raised.value.status == 422


@pytest.mark.parametrize(
    "text",
    ["x:" + "1" * 40_000, "x:" + " " * 40_000, "x:1 " + "a" * 40_000, ":" * 40_000],
    ids=["digits", "spaces", "letters", "colons"],
)
def test_a_long_text_is_read_once(text: str) -> None:
    began = time.process_time()
    with pytest.raises(UnsupportedExpressionError):
        expressions.parse(text)
    assert time.process_time() - began < 1


# --- compared with the sequence -------------------------------------------------------------------


def translated(text: str, vrs_version: Any = "2.0") -> dict[str, Any]:
    return expressions.translate(expressions.parse(text), SEQUENCE, "tiny:1", vrs_version).vrs


def test_a_wrong_reference_base_is_told_with_both() -> None:
    with pytest.raises(ReferenceMismatchError) as raised:
        translated("1-1-C-T")
    assert raised.value.sentence == (
        "Reference mismatch at tiny:1 position 0-1 (input gave 'C' but correct ref is 'A')"
    )


@pytest.mark.parametrize("text", ["1-0-A-T", "1-241-A-T", "1-240-TA-T", "SQ.x:241::A", "SQ.x:0:241:"])
def test_a_position_outside_the_contig_is_told_with_its_length(text: str) -> None:
    with pytest.raises(InvalidExpressionError, match="is outside tiny:1, which has 240 bases"):
        translated(text)


def test_an_insertion_may_stand_at_either_end() -> None:
    assert translated("SQ.x:0::C")["location"]["start"] == 0
    assert translated("SQ.x:240::C")["location"]["end"] == 240


def test_a_deletion_by_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expressions, "LONGEST_DELETION", 10)
    assert translated("SQ.x:0:10:")
    with pytest.raises(UnsupportedExpressionError, match="More than 10 deleted bases"):
        translated("SQ.x:0:11:")


def test_a_long_stretch_of_one_letter_is_kept_for_the_next_expression() -> None:
    sequence, stretches = FlatSequence.from_bytes(b"C" + b"N" * LONG_STRETCH + b"G"), Stretches()
    for _ in range(2):
        expressions.translate(expressions.parse("1-5-N-NN"), sequence, "1", "2.0", stretches)
        assert stretches.around(b"N", 5, 5) == (1, LONG_STRETCH + 1)


def test_vrs_2_1_differs_for_an_ambiguous_insertion() -> None:
    lengths = [
        translated("1-22-A-AAA", version)["state"]["repeatSubunitLength"] for version in ("2.0", "2.1")
    ]
    assert lengths == [2, 1]


@pytest.mark.parametrize("text", ["1-22-A-AAA", "1-40-AGC-A", "1-1-A-A", "1-1-A-G", "1-89-NN-N"])
def test_the_registrys_row_is_that_of_the_object(text: str) -> None:
    row, vrs = expressions.translate(expressions.parse(text), SEQUENCE, "tiny:1", "2.0")
    state = vrs["state"]
    literal = state["sequence"] if state["type"] == "LiteralSequenceExpression" else None
    lengths = (state.get("length"), state.get("repeatSubunitLength"))
    assert row[1:] == (
        SEQUENCE.accession,
        vrs["location"]["start"],
        vrs["location"]["end"],
        literal,
        *lengths,
    )


# --- the RefSeq accessions ------------------------------------------------------------------------


def test_every_primary_contig_has_one_refseq_accession() -> None:
    named = {place: accession for accession, place in REFSEQ.items()}
    for build, contigs in CANONICAL.items():
        for contig in contigs:
            assert (build, contig) in named or contig == "MT"
    assert len(named) == len(REFSEQ) == 49
    assert CANONICAL["GRCh37"]["MT"] == CANONICAL["GRCh38"]["MT"]


# --- the reference implementation's translator ----------------------------------------------------


@pytest.fixture(scope="module")
def alleletranslator() -> Any:
    """ga4gh.vrs's AlleleTranslator on one contig, without HGVS, whose library has no wheel."""
    tools = ModuleType("ga4gh.vrs.utils.hgvs_tools")
    tools.HgvsTools = object  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, tools.__name__, tools)
        patched.delitem(sys.modules, "ga4gh.vrs.extras.translator", raising=False)
        from ga4gh.vrs.extras.translator import AlleleTranslator

        from tests.vrs.test_differential import OneContig

        class Named(OneContig):
            """The contig by any name."""

            def translate_sequence_identifier(
                self, identifier: str, namespace: str | None = None
            ) -> list[str]:
                return [f"ga4gh:{SEQUENCE.accession}"]

        return AlleleTranslator(data_proxy=Named(SEQUENCE.accession, TINY_CONTIG))


bases = st.text("ACGTN", max_size=6)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str]:
    """A notation, and an expression in it that has a meaning on the contig."""
    start = draw(st.integers(0, len(TINY_CONTIG) - 1))
    deleted = TINY_CONTIG[start : start + draw(st.integers(0, 12))]
    beside = TINY_CONTIG[start + len(deleted) :][: draw(st.integers(0, 6))]
    inserted = draw(st.one_of(bases, st.just(deleted), st.just(deleted + beside), st.just(deleted[:1])))
    if deleted and inserted and draw(st.booleans()):
        contig = draw(st.sampled_from(["1", "chr1"]))
        return "gnomad", f"{contig}-{start + 1}-{deleted}-{inserted}"
    by_number = draw(st.booleans())
    return "spdi", f"NC_000001.11:{start}:{len(deleted) if by_number else deleted}:{inserted}"


def test_identifiers_and_objects_are_the_reference_implementations(alleletranslator: Any) -> None:
    notations: list[str] = []

    @settings(max_examples=2000, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(expression=written())
    def compare(expression: tuple[str, str]) -> None:
        notation, text = expression
        if text.endswith("::"):  # replaces nothing by nothing
            return
        theirs = alleletranslator.translate_from(text, fmt=notation)
        assert translated(text) == theirs.model_dump(exclude_none=True), text
        notations.append(notation)

    compare()
    assert min(map(notations.count, ("gnomad", "spdi"))) > 300
