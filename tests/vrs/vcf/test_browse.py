"""Pages of records: the same records however they are paged, filtered, indexed or bounded."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pysam
import pytest

from vcfjobs.vrs.bgzf.files import BgzfWriter
from vcfjobs.vrs.bgzf.lines import LONGEST_HEAD, is_line_start
from vcfjobs.vrs.bgzf.regions import Span, spans_of
from vcfjobs.vrs.vcf.browse import (
    FAILED,
    WITHOUT_ID,
    Bounds,
    Filter,
    Page,
    Region,
    identifier_prefix,
    kind_of,
    read_page,
)

HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
ID = "ga4gh:VA."
ONE_BLOCK = Bounds(text_bytes=1)
# However busy the machine is.
UNHURRIED = Bounds(seconds=600)


def line(
    pos: int, *, chrom: str = "chr1", name: str = ".", ref: str = "A", alt: str = "C", info: str = "."
) -> str:
    return f"{chrom}\t{pos}\t{name}\t{ref}\t{alt}\t.\tPASS\t{info}\n"


def written(path: Path, text: str) -> Path:
    """The text as BGZF."""
    with path.open("wb") as file:
        writer = BgzfWriter(file)
        writer.write(text.encode())
        writer.close()
    return path


def many(seed: int) -> list[str]:
    """Sorted records on three contigs, now and then a long deletion or one with END, and gaps."""
    draw = random.Random(seed)
    lines = []
    for chrom in ("chr1", "chr2", "chrX"):
        pos = draw.randint(1, 200_000)
        for number in range(700):
            pos += draw.choice((0, 1, 30, 3_000, 250_000 if number % 40 == 0 else 2))
            ref = "A" * draw.choice((1, 1, 1, 60_000 if number % 90 == 0 else 5))
            end = f"END={pos + 400_000}" if number % 150 == 7 else "."
            lines.append(line(pos, chrom=chrom, name=f"r{number}", ref=ref, info=end))
    return lines


def pages(
    path: Path,
    wanted: Filter,
    *,
    size: int = 7,
    bounds: Bounds = UNHURRIED,
    spans: Sequence[Span] | None = None,
) -> Iterator[Page]:
    """Every page, each from the cursor of the one before."""
    after: int | None = 0
    while after is not None:
        with path.open("rb") as file:
            assert is_line_start(file, after)
            page = read_page(file, wanted, size=size, for_ref=True, after=after, bounds=bounds, spans=spans)
        yield page
        assert page.following is None or page.following > after
        after = page.following


def names(found: Sequence[Page]) -> list[str]:
    return [f"{record.chrom} {record.name}" for page in found for record in page.records]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A sorted file, and its tabix index."""
    path = written(tmp_path_factory.mktemp("browse") / "sorted.vcf.gz", HEADER + "".join(many(1)))
    pysam.tabix_index(str(path), preset="vcf", force=True, keep_original=True)
    return path, gzip.decompress(path.with_name(path.name + ".tbi").read_bytes())


@pytest.mark.parametrize("size", [1, 7, 100, 5_000])
def test_pages_hold_each_record_once_in_order(indexed: tuple[Path, bytes], size: int) -> None:
    found = list(pages(indexed[0], Filter(), size=size))
    assert names(found) == ["{0[0]} {0[2]}".format(each.split("\t")) for each in many(1)]
    assert all(len(page.records) == size for page in found[:-1])


@pytest.mark.parametrize("seed", range(40))
def test_a_region_has_the_records_that_tabix_finds(indexed: tuple[Path, bytes], seed: int) -> None:
    path, index = indexed
    draw = random.Random(seed)
    start = draw.randint(0, 3_000_000)
    region = Region(
        draw.choice(("chr1", "chr2", "chrX")), start, start + draw.choice((1, 100, 20_000, 900_000))
    )
    with pysam.TabixFile(str(path)) as tabix:
        expected = ["{0[0]} {0[2]}".format(row.split("\t")) for row in tabix.fetch(*region)]
    spans = spans_of(index, region.names, region.start, region.end)
    assert names(list(pages(path, Filter(region), size=9, spans=spans))) == expected
    assert names(list(pages(path, Filter(region), size=9))) == expected  # as in a file without an index


def test_a_contig_is_found_with_or_without_its_prefix(indexed: tuple[Path, bytes]) -> None:
    path, index = indexed
    for text in ("chr2", "2"):
        region = Region.parse(text)
        spans = spans_of(index, region.names, region.start, region.end)
        assert len(names(list(pages(path, Filter(region), spans=spans)))) == 700
    assert spans_of(index, Region("chr9").names, 0, 10) == []


def test_a_region_is_read_from_the_blocks_of_its_records(indexed: tuple[Path, bytes]) -> None:
    _, index = indexed
    begins = [spans_of(index, [name], 0, 1 << 29)[0][0] >> 16 for name in (b"chr1", b"chr2", b"chrX")]
    assert begins[0] < begins[1] <= begins[2]


def test_a_bound_ends_a_page_and_says_how_far_it_came(indexed: tuple[Path, bytes]) -> None:
    wanted = Filter(name="nothing")
    first, *_, last = pages(indexed[0], wanted, bounds=ONE_BLOCK)
    assert first.records == []
    assert first.searched_to is not None
    assert first.searched_to.chrom == "chr1"
    assert (last.following, last.searched_to) == (None, None)


@pytest.mark.parametrize("filtered", [Filter(), Filter(Region("chr2")), Filter(name="r7")])
def test_bounded_pages_lose_no_record(indexed: tuple[Path, bytes], filtered: Filter) -> None:
    whole = names(list(pages(indexed[0], filtered)))
    assert names(list(pages(indexed[0], filtered, bounds=ONE_BLOCK))) == whole
    assert names(list(pages(indexed[0], filtered, bounds=Bounds(seconds=0)))) == whole


RECORDS = [
    line(1, name="rs1;rs2", info=f"VRS_Allele_IDs={ID}{'a' * 32},{ID}{'b' * 32}"),
    line(2, name="rs12", ref="AC", alt="A", info=f"X=1;VRS_Allele_IDs={ID}{'c' * 32},."),
    line(3, ref="AC", alt="GT", info="VRS_Error=Reference mismatch%3B here"),
    line(4, alt="<DEL>", info="VRS_Allele_IDs=.,."),
    line(5, ref="A", alt="ATT,G", info=f"OTHER={ID}{'b' * 32}"),
    line(6, ref="ACG", alt="TT", info=f"VRS_Allele_IDs={ID}{'d' * 32},{ID}{'ab' * 16}"),
]


@pytest.mark.parametrize(
    ("wanted", "positions"),
    [
        (Filter(name="rs1"), [1]),
        (Filter(name="rs2"), [1]),
        (Filter(name="rs12"), [2]),
        (Filter(vrs_id=ID + "a"), [1, 6]),
        (Filter(vrs_id=ID + "b" * 32), [1]),
        (Filter(only=FAILED), [3]),
        (Filter(only=WITHOUT_ID), [3, 4, 5]),
        (Filter(kind="snv"), [1, 5]),
        (Filter(kind="deletion"), [2]),
        (Filter(kind="insertion"), [5]),
        (Filter(kind="mnv"), [3]),
        (Filter(kind="symbolic"), [4]),
        (Filter(kind="delins"), [6]),
        (Filter(kind="snv", only=WITHOUT_ID), [5]),
        (Filter(Region("chr1", 1, 3)), [2, 3]),
        (Filter(Region("1", 2, 3), kind="snv"), []),
    ],
)
def test_each_filter_finds_its_records(tmp_path: Path, wanted: Filter, positions: list[int]) -> None:
    path = written(tmp_path / "a.vcf.gz", HEADER + "".join(RECORDS))
    assert [record.pos for page in pages(path, wanted) for record in page.records] == positions


def test_a_record_is_read_with_its_alleles_and_its_error(tmp_path: Path) -> None:
    attributes = "VRS_Starts=0,3;VRS_Ends=1,5;VRS_States=A,.;VRS_Lengths=1,4;VRS_RepeatSubunitLengths=1,2"
    info = f"VRS_Allele_IDs={ID}{'a' * 32},.;{attributes};VRS_Error=a%3Db%3B c"
    path = written(tmp_path / "a.vcf.gz", HEADER + line(7, alt="AT", info=info) + line(8, alt="."))
    first, second = next(pages(path, Filter())).records
    assert first[:5] == ("chr1", 7, "", "A", ["AT"])
    assert first.alleles == [(0, ID + "a" * 32, 0, 1, "A", 1, 1), (1, "", 3, 5, None, 4, 2)]
    assert (first.error, first.truncated) == ("a=b; c", False)
    assert (second.alts, second.alleles, second.error) == ([], [], "")


def test_without_identifiers_for_ref_the_first_is_that_of_alt_1(tmp_path: Path) -> None:
    path = written(tmp_path / "a.vcf.gz", HEADER + line(7, info=f"VRS_Allele_IDs={ID}{'a' * 32}"))
    with path.open("rb") as file:
        (record,) = read_page(file, Filter(), size=5, for_ref=False).records
    assert record.alleles[0].number == 1


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_end_of_the_last_line_does_not_matter(tmp_path: Path, end: str) -> None:
    path = written(tmp_path / "a.vcf.gz", HEADER + line(1) + line(2, info="END=9").rstrip("\n") + end)
    found = list(pages(path, Filter(), size=1))
    assert [page.records[0].pos for page in found] == [1, 2]


@pytest.mark.parametrize("longer", ["sample", "ref", "info"])
def test_a_huge_record_is_read_as_far_as_its_head(tmp_path: Path, longer: str) -> None:
    size = LONGEST_HEAD + 70_000
    huge = {
        "sample": line(1, info=f"VRS_Allele_IDs={ID}x,.").rstrip("\n")
        + "\tGT"
        + "\t0|1" * (size // 4)
        + "\n",
        "ref": line(1, ref="A" * size),
        "info": line(1, info="X=" + "y" * size),
    }[longer]
    path = written(tmp_path / "a.vcf.gz", HEADER + huge + line(2) + huge + line(3))
    found = list(pages(path, Filter(), size=1))
    assert [record.pos for page in found for record in page.records] == [1, 2, 1, 3]
    assert found[0].records[0].truncated is (longer != "sample")
    assert len(found[0].records[0].alleles) == (2 if longer == "sample" else 0)


@pytest.mark.parametrize("extra", range(-3, 4))
def test_lines_that_end_with_a_block_are_read_once(tmp_path: Path, extra: int) -> None:
    filler = 65_280 - len(HEADER) - len(line(1, info="")) + extra
    text = HEADER + line(1, info="y" * filler) + line(2) + line(3)
    path = written(tmp_path / "a.vcf.gz", text)
    for bounds in (UNHURRIED, ONE_BLOCK):
        found = list(pages(path, Filter(), size=1, bounds=bounds))
        assert [record.pos for page in found for record in page.records] == [1, 2, 3]


def test_only_the_place_behind_a_line_end_is_where_a_line_starts(tmp_path: Path) -> None:
    path = written(tmp_path / "a.vcf.gz", HEADER + line(1))
    with path.open("rb") as file:
        places = [place for place in range(1, 200) if is_line_start(file, place)]
        assert places == [21, len(HEADER), len(HEADER + line(1))]
        assert not is_line_start(file, 5 << 16 | 1)
        assert not is_line_start(file, (1 << 64) - 1)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("chr7:140753300-140753400", ("chr7", 140_753_299, 140_753_400)),
        (" chr7:140,753,336 ", ("chr7", 140_753_335, 140_753_336)),
        ("HLA-A*01:01", ("HLA-A*01", 0, 1)),
        ("chrUn_x", ("chrUn_x", 0, 1 << 29)),
    ],
)
def test_a_region_counts_from_one_with_both_ends(text: str, region: tuple[str, int, int]) -> None:
    assert Region.parse(text) == region


@pytest.mark.parametrize("text", ["", "chr1:", "chr1:0", "chr1:9-8", "a b"])
def test_what_is_no_region_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="region"):
        Region.parse(text)


def test_an_identifier_may_lack_its_namespace_and_its_end() -> None:
    for text in (f"{ID}abc", "VA.abc", " abc "):
        assert identifier_prefix(text) == f"{ID}abc"
    for text in ("", "ga4gh:SL.abc", "a" * 33, "a b"):
        with pytest.raises(ValueError, match="VRS id"):
            identifier_prefix(text)


def test_kinds_are_those_of_the_report() -> None:
    pairs = {"reference": "AC AC", "snv": "AAC ATC", "deletion": "CAA CA", "insertion": "C CCC"}
    for kind, pair in pairs.items():
        ref, alt = pair.encode().split()
        assert kind_of(ref, alt) == kind
    for alt in (b"<DEL>", b"*", b"A[chr2:1[", b".A"):
        assert kind_of(b"A", alt) == "symbolic"


def test_a_page_of_a_file_without_records_is_empty(tmp_path: Path) -> None:
    assert list(pages(written(tmp_path / "a.vcf.gz", HEADER), Filter())) == [Page([], None, None)]


def test_a_header_longer_than_the_bound_has_no_place(tmp_path: Path) -> None:
    path = written(tmp_path / "a.vcf.gz", HEADER.replace("#CHROM", "##x\n" * 50_000 + "#CHROM") + line(4))
    found = list(pages(path, Filter(), bounds=ONE_BLOCK))
    assert found[0].searched_to is None
    assert [record.pos for page in found for record in page.records] == [4]
