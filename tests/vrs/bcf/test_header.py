"""The text of a BCF's header, and the names that the indexes in its records stand for."""

from __future__ import annotations

import pytest

from tests.vrs.bcf import encoding as bcf
from tests.vrs.bcf.encoding import COLUMNS, DP, INT8, NOTE, Q10
from vcfjobs.errors import InvalidVcfError
from vcfjobs.vrs.bcf.header import PASS_LINE

FIRST = "##fileformat=VCFv4.2\n"
PASS = PASS_LINE.decode() + "\n"


def header_of(text: str) -> str:
    return bcf.decode(bcf.file(head=text)).decode()


def test_idx_vanishes_and_nothing_else() -> None:
    lines = (
        '##FILTER=<ID=PASS,Description="All filters passed",IDX=0>\n'
        '##FILTER=<ID=q10,Description="a, IDX=7,IDX=8 \\" and > so",IDX=1>\n'
        "##contig=<IDX=0,ID=chr1,length=46>\n"
        '##ALT=<ID=DEL,Description="IDX=3">\n'
        "##note=IDX=4\n"
    )
    assert header_of(FIRST + lines + COLUMNS + "\n") == (
        FIRST
        + PASS
        + '##FILTER=<ID=q10,Description="a, IDX=7,IDX=8 \\" and > so">\n'
        + "##contig=<ID=chr1,length=46>\n"
        + '##ALT=<ID=DEL,Description="IDX=3">\n'
        + "##note=IDX=4\n"
        + COLUMNS
        + "\n"
    )


def test_pass_is_declared_once_behind_the_first_line() -> None:
    declared = '##source=x\n##FILTER=<ID=PASS,Description="Mine">\n'
    assert header_of(FIRST + declared + COLUMNS + "\n") == FIRST + PASS + "##source=x\n" + COLUMNS + "\n"


def test_the_text_ends_at_a_nul_or_at_the_line_of_columns() -> None:
    expected = FIRST + PASS + COLUMNS + "\n"
    assert header_of(FIRST + COLUMNS) == expected
    assert header_of(FIRST + COLUMNS + "\n\0junk") == expected
    assert header_of(FIRST + COLUMNS + "\nchr1\t1\n") == expected


@pytest.mark.parametrize("minor", [1, 2])
def test_without_idx_the_order_of_first_mention_counts(minor: int) -> None:
    declarations = (
        '##INFO=<ID=DP,Number=1,Type=Integer,Description="">\n'
        '##FILTER=<ID=q10,Description="">\n'
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="">\n'
        '##INFO=<ID=NOTE,Number=1,Type=String,Description="">\n'
        "##contig=<ID=chr1>\n##contig=<ID=chr2>\n"
    )
    fields = bcf.info(1, bcf.integer(7, INT8)), bcf.info(3, bcf.text(b"x"))
    record = bcf.record(infos=fields, contig=1, filters=bcf.integer(2, INT8))
    data = bcf.file(record, head=FIRST + declarations + COLUMNS + "\n", minor=minor)
    assert bcf.lines(data) == ["chr2\t1\t.\tA\tC\t.\tq10\tDP=7;NOTE=x"]


def test_declarations_without_a_name_take_no_index() -> None:
    declarations = (
        '##INFO=<Number=1,Type=Integer,Description="">\n##INFO=<ID=DP,Description="">\n##contig=<ID=chr1>\n'
    )
    record = bcf.record(infos=(bcf.info(1, bcf.integer(7, INT8)),))
    data = bcf.file(record, head=FIRST + declarations + COLUMNS + "\n")
    assert bcf.lines(data) == ["chr1\t1\t.\tA\tC\t.\tPASS\tDP=7"]


def test_idx_may_leave_gaps_and_come_in_any_order() -> None:
    declarations = (
        '##INFO=<ID=DP,Number=1,Type=Integer,Description="",IDX=999999999>\n'
        '##FILTER=<ID=q10,Description="",IDX=3>\n'
        "##contig=<ID=chr1,IDX=900000000>\n"
    )
    field = bcf.integer(999_999_999) + bcf.integer(7, INT8)
    record = bcf.record(infos=(field,), contig=900_000_000, filters=bcf.integer(3, INT8))
    data = bcf.file(record, head=FIRST + declarations + COLUMNS + "\n")
    assert bcf.lines(data) == ["chr1\t1\t.\tA\tC\t.\tq10\tDP=7"]


def test_an_htslib_header_that_lost_declarations_is_read_as_bcftools_does() -> None:
    text = (bcf.header() + "chr1\t1\t.\tA\tC\t.\tq10\tNOTE=x\n").encode()
    data = bcf.bcftools(text, "-Ou")
    thinned = b"".join(line for line in data[9:].splitlines(keepends=True) if b"ID=DP" not in line)
    thinned = data[:5] + (len(thinned.partition(b"\0")[0]) + 1).to_bytes(4, "little") + thinned
    assert thinned != data
    assert bcf.decode(thinned) == bcf.bcftools(thinned)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "##fileformat"),
        ("##fileformat=BCFv4.2\n" + COLUMNS, "##fileformat"),
        (FIRST, "#CHROM"),
        (FIRST + "##INFO=<ID=A,IDX=5>\n##INFO=<ID=B,IDX=5>\n" + COLUMNS, "IDX=5"),
        (FIRST + "##INFO=<ID=A,IDX=0>\n" + COLUMNS, "IDX=0"),
        (FIRST + "##INFO=<ID=A,IDX=-1>\n" + COLUMNS, "IDX"),
        (FIRST + f"##INFO=<ID=A,IDX={'9' * 5_000}>\n" + COLUMNS, "IDX"),
        (FIRST + "##x\n" * 1_000_001 + COLUMNS, "lines"),
    ],
    ids=["empty", "no VCF", "no columns", "IDX twice", "IDX of PASS", "negative", "long", "lines"],
)
def test_a_header_that_is_none_is_refused(text: str, word: str) -> None:
    with pytest.raises(InvalidVcfError) as refused:
        bcf.decode(bcf.file(head=text or "\0"))
    assert word in refused.value.sentence


def test_the_constants_of_these_tests_agree_with_their_header() -> None:
    fields = bcf.info(DP, bcf.integer(1, INT8)), bcf.info(NOTE, bcf.text(b"x"))
    record = bcf.record(infos=fields, filters=bcf.integer(Q10, INT8))
    assert bcf.lines(bcf.file(record)) == ["chr1\t1\t.\tA\tC\t.\tq10\tDP=1;NOTE=x"]
