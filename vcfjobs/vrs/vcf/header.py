"""Read the header of a VCF and add the VRS lines; every other byte stays as it is.

The lines are those of the reference annotator (vrs-python's VCF annotator), which writes them at the end
of the meta-information, before #CHROM.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from vcfjobs import __version__
from vcfjobs.errors import InvalidVcfError
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.versions import DEFAULT, RELEASES, VrsVersion

PRODUCER = f"vcfjobs version={__version__}"
COLUMNS = 8
MOST_LINES = 1_000_000
FIELDS = (
    b"VRS_Allele_IDs",
    b"VRS_Error",
    b"VRS_Starts",
    b"VRS_Ends",
    b"VRS_States",
    b"VRS_Lengths",
    b"VRS_RepeatSubunitLengths",
)
_OURS = re.compile(rb"##INFO=<(?:[^\"]*,)?ID=(" + b"|".join(FIELDS) + rb")[,>]")
# The release of the reference implementation that computes the same identifiers. Readers of its files, such
# as vrsix, look for "[VRS version=…;VRS-Python version=…]" in the Description.
_VRS_PYTHON: dict[VrsVersion, str] = {"2.0": "2.3.3-compatible", "2.1": "none"}
# The signature of the reference annotator and AnyVar: "[VRS version=2.0.1;VRS-Python version=2.3.3]". The
# last entry names the tool.
_PRODUCED_BY = re.compile(rb"\[VRS version=([^\];\"]{1,40});(?:[^\]\"]{0,80};)?([^\];\"]{1,80})\]")
# How any INFO line may name its origin, by the VCF specification.
_KEYS = (rb'[,<]Source="([^"]{1,80})"', rb'[,<]Version="([^"]{1,40})"')
UNNAMED = "a tool that the header does not name"


@dataclass(frozen=True, slots=True)
class Header:
    """A header: its bytes, amended if that was asked for, and the number of its lines in the file.

    `annotated_by` names the tool and version of the VRS lines in the file, "" if it has none; `vrs_version`
    is the version of VRS that these lines name, if the engine computes it.
    """

    data: bytes
    lines: int
    annotated_by: str
    vrs_version: VrsVersion = DEFAULT


class HeaderReader:
    """Takes lines up to #CHROM. Raises InvalidVcfError, which names the line, for an invalid header."""

    def __init__(self, options: Options | None, *, longest: int) -> None:
        """With `options` the header is amended for them, without it stays. `longest` is in bytes."""
        self._keep = options is None
        self._new = vrs_lines(options) if options else []
        self._kept = bytearray()
        self._lines = 0
        self._size = 0
        self._longest = longest
        self._annotated_by = ""
        self._vrs_version = DEFAULT

    def take(self, line: bytes) -> Header | None:
        """Take the next line, with its line end; returns the header if that was #CHROM."""
        self._lines += 1
        self._size += len(line)
        if self._lines > MOST_LINES:
            raise InvalidVcfError(f"The header has more than {MOST_LINES:,} lines.")
        if self._size > self._longest:
            raise InvalidVcfError(f"The header is larger than {self._longest} bytes.")
        if self._lines == 1 and not line.startswith(b"##fileformat=VCF"):
            raise InvalidVcfError("Line 1 is not ##fileformat=VCF…: this is not a VCF.")
        if line.startswith(b"#CHROM"):
            return self._end(line)
        if not line.startswith(b"##"):
            raise InvalidVcfError(
                f"Line {self._lines} comes before any #CHROM line: the header is incomplete."
            )
        ours = _OURS.match(line)
        if ours:
            self._note_annotator(line)
        if self._keep or not ours:
            self._kept += line
        return None

    def _note_annotator(self, line: bytes) -> None:
        """Any of the VRS lines may name the tool, not only the first."""
        if self._annotated_by in ("", UNNAMED):
            self._annotated_by = _annotator(line) or UNNAMED
        if signed := _PRODUCED_BY.search(line):
            self._vrs_version = "2.1" if signed[1].startswith(b"2.1") else "2.0"

    def _end(self, line: bytes) -> Header:
        if len(line.split(b"\t", COLUMNS)) < COLUMNS:
            raise InvalidVcfError(
                f"Line {self._lines}, #CHROM, has fewer than {COLUMNS} columns separated by tabs."
            )
        text = line.removesuffix(b"\n")
        line_end = b"\r\n" if text.endswith(b"\r") else b"\n"
        line = text.removesuffix(b"\r") + line_end
        new = [text + line_end for text in self._new]
        return Header(b"".join([self._kept, *new, line]), self._lines, self._annotated_by, self._vrs_version)


def missing_chrom_line() -> InvalidVcfError:
    """The error for a file that ends within its header."""
    return InvalidVcfError("The file has no #CHROM line, so no records can follow.")


def vrs_lines(options: Options) -> list[bytes]:
    """The INFO lines of our fields, without line ends."""
    alleles = "REF and ALT" if options.for_ref else "ALT"
    number = "R" if options.for_ref else "A"
    of_alleles = f"the GA4GH VRS Alleles corresponding to the GT indexes of the {alleles} alleles"
    release, vrs_python = RELEASES[options.vrs_version], _VRS_PYTHON[options.vrs_version]
    made_by = f"[VRS version={release};VRS-Python version={vrs_python};{PRODUCER}]"
    error = "If an error occurred computing a VRS Identifier, the error message"
    rows = [
        ("VRS_Allele_IDs", number, "String", f"The computed identifiers for {of_alleles} {made_by}"),
        ("VRS_Error", ".", "String", error),
    ]
    if options.add_vrs_attributes:
        interresidue = "Interresidue coordinates used as the location"
        lengths = "values from ReferenceLengthExpression states for"
        rows += [
            ("VRS_Starts", number, "Integer", f"{interresidue} starts for {of_alleles}"),
            ("VRS_Ends", number, "Integer", f"{interresidue} ends for {of_alleles}"),
            ("VRS_States", number, "String", f"The literal sequence states used for {of_alleles}"),
            ("VRS_Lengths", number, "Integer", f"The length {lengths} {of_alleles}"),
            (
                "VRS_RepeatSubunitLengths",
                number,
                "Integer",
                f"The repeatSubunitLength {lengths} {of_alleles}",
            ),
        ]
    return [
        f'##INFO=<ID={name},Number={count},Type={kind},Description="{text}">'.encode()
        for name, count, kind, text in rows
    ]


def _annotator(line: bytes) -> str:
    """The tool and version that a VRS line names; "" if it names none."""
    if signed := _PRODUCED_BY.search(line):
        version, tool = map(_printable, signed.groups())
        return f"{tool}, VRS {version}"
    named = [_printable(found[1]) for key in _KEYS if (found := re.search(key, line))]
    return " ".join(named)


def _printable(text: bytes) -> str:
    return "".join(filter(str.isprintable, text.decode("utf-8", "replace"))).strip()
