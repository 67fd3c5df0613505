"""Whose VRS identifiers a file comes with, as its header says."""

from __future__ import annotations

import re

import pytest

from vcfjobs import __version__
from vcfjobs.vrs.vcf.header import Header, HeaderReader, vrs_lines
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.versions import VrsVersion

FIRST = b"##fileformat=VCFv4.2\n"
COLUMNS = b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
ERROR = b'##INFO=<ID=VRS_Error,Number=.,Type=String,Description="If an error occurred">\n'


def read(*lines: bytes, keep: bool = False) -> Header:
    reader = HeaderReader(None if keep else Options(), longest=10_000)
    for line in (FIRST, *lines):
        assert reader.take(line) is None
    header = reader.take(COLUMNS)
    assert header is not None
    return header


def ids(description: bytes, more: bytes = b"") -> bytes:
    return b'##INFO=<ID=VRS_Allele_IDs,Number=R,Type=String,Description="%b"%b>\n' % (description, more)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (ids(b"x [VRS version=2.0.1;VRS-Python version=2.3.3]"), "VRS-Python version=2.3.3, VRS 2.0.1"),
        (ids(b"x [VRS version=1.3;VRS-Python version=0.8.4]"), "VRS-Python version=0.8.4, VRS 1.3"),
        (ids(b"x", b',Source="annotator",Version="7.1"'), "annotator 7.1"),
        (ids(b"x", b',Source="annotator"'), "annotator"),
        (ids(b"x"), "a tool that the header does not name"),
        (ids(b"x [VRS version=2.0.1;\x1b[31m tool\x07]"), "[31m tool, VRS 2.0.1"),
        (ERROR, "a tool that the header does not name"),
    ],
    ids=["VRS 2", "VRS 1.3", "source and version", "source", "no tool", "terminal codes", "error line"],
)
@pytest.mark.parametrize("keep", [True, False])
def test_the_tool_is_named_as_its_header_names_it(line: bytes, named: str, keep: bool) -> None:
    assert read(line, keep=keep).annotated_by == named


def test_our_own_lines_name_us() -> None:
    lines = [line + b"\n" for line in vrs_lines(Options(for_ref=True, add_vrs_attributes=True))]
    assert read(*lines).annotated_by == f"vcfjobs version={__version__}, VRS 2.0.1"


@pytest.mark.parametrize(
    ("version", "release", "vrs_python"), [("2.0", "2.0.1", "2.3.3-compatible"), ("2.1", "2.1.1", "none")]
)
def test_the_line_names_the_version_as_consumers_of_the_reference_annotator_read_it(
    version: VrsVersion, release: str, vrs_python: str
) -> None:
    lines = vrs_lines(Options(for_ref=True, add_vrs_attributes=True, vrs_version=version))
    # The pattern of vrsix.
    found = re.search(r"\[VRS version=(.*);VRS-Python version=(.*)\]", lines[0].decode())
    assert found is not None
    assert found.groups() == (release, f"{vrs_python};vcfjobs version={__version__}")
    header = read(*(line + b"\n" for line in lines))
    assert header.annotated_by == f"vcfjobs version={__version__}, VRS {release}"


@pytest.mark.parametrize(
    ("signed", "version"), [(b"2.1.1", "2.1"), (b"2.1", "2.1"), (b"2.0.1", "2.0"), (b"1.3", "2.0")]
)
def test_a_header_says_which_version_its_identifiers_have(signed: bytes, version: str) -> None:
    assert read(ids(b"x [VRS version=%b;tool]" % signed)).vrs_version == version


def test_a_file_without_vrs_lines_names_nobody() -> None:
    other = b'##INFO=<ID=DP,Number=1,Type=Integer,Description="VRS_Allele_IDs [VRS version=1;x]">\n'
    assert read(other).annotated_by == ""


def test_the_line_that_names_a_tool_need_not_be_the_first() -> None:
    line = ids(b"x [VRS version=2.0.1;VRS-Python version=2.3.3]")
    assert read(ERROR, line, ERROR).annotated_by == "VRS-Python version=2.3.3, VRS 2.0.1"


def test_the_first_tool_that_is_named_counts() -> None:
    lines = (ids(b"x [VRS version=2;first]"), ids(b"x [VRS version=2;second]"))
    assert read(*lines).annotated_by == "first, VRS 2"


def test_a_header_that_is_kept_keeps_the_lines_that_name_the_tool() -> None:
    line = ids(b"x")
    assert line in read(line, keep=True).data
    assert line not in read(line).data
