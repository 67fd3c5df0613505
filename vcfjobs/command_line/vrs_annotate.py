"""The command `vrs-annotate`: a VCF and a FASTA in, the annotated VCF out; nothing needs to be set up."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from vcfjobs import __version__
from vcfjobs.command_line.annotation import add_arguments, annotate_file, reference_of
from vcfjobs.command_line.failures import CommandFailedError
from vcfjobs.vrs.versions import RELEASES

NAME = "vrs-annotate"


def main(arguments: Sequence[str] | None = None) -> int:
    """Annotate one file; the exit code. Wrong options raise SystemExit."""
    parser = ArgumentParser(
        prog=NAME,
        description="Add GA4GH VRS identifiers to a VCF. Exit code: 0 done, 1 failed, 2 wrong usage.",
    )
    releases = " and ".join(RELEASES.values())
    parser.add_argument("--version", action="version", version=f"{NAME} {__version__} (VRS {releases})")
    parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    name = "the name of the reference (default: the FASTA's name without its suffixes)"
    add_arguments(parser, assembly=name, fasta_required=True)
    options = vars(parser.parse_args(arguments))
    say = _silent if options["quiet"] else _say
    try:
        annotate_file(options, reference_of(options, say), say)
    except CommandFailedError as error:
        _say(f"{NAME}: {error}")
        return error.returncode
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _silent(_: str) -> None:
    pass


if __name__ == "__main__":
    sys.exit(main())
