"""The files that annotate_vcf writes: the annotated VCF, and its alleles as TSV, NDJSON or Parquet."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.core.management.base import CommandError

from vcfjobs.errors import ParquetUnavailableError
from vcfjobs.management.command_line import STREAM, USAGE, writing
from vcfjobs.vrs.columns.formats import FORMATS, Encoder, encoder
from vcfjobs.vrs.columns.rows import RowReader

Write = Callable[[bytes], None]


def add_arguments(parser: ArgumentParser) -> None:
    """An option for each format of the table."""
    for name, one in FORMATS.items():
        compressed = "" if name == "parquet" else "; gzip if the name ends in .gz"
        text = f"the alleles as a table, {one.label}{compressed}"
        parser.add_argument(f"--{name}", metavar="PATH", help=text)


@contextmanager
def writing_results(options: dict[str, Any]) -> Iterator[Write]:
    """Open the files that the options name; what is given takes the annotated VCF, chunk by chunk.

    Files get their names when they are complete. Raises CommandError.
    """
    tables = {name: path for name in FORMATS if (path := options[name]) is not None}
    output = options["output"] if tables else options["output"] or STREAM
    _check(tables, [path for path in (output, *tables.values()) if path])
    encoders = {name: _encoder(name) for name in tables}
    with ExitStack() as files:
        writes = [files.enter_context(writing(output)).write] if output else []
        sinks = [(encoders[name], files.enter_context(writing(path)).write) for name, path in tables.items()]
        reader = RowReader()
        for into, write in sinks:
            write(into.begin())

        def write_all(chunk: bytes) -> None:
            for write in writes:
                write(chunk)
            for batch in reader.batches(chunk) if sinks else ():
                for into, write in sinks:
                    write(into.encode(batch))

        yield write_all
        for into, write in sinks:
            write(into.end())


def _check(tables: dict[str, str], paths: list[str]) -> None:
    if len(set(paths)) < len(paths):
        raise CommandError("Two outputs have the same name.", returncode=USAGE)
    if tables.get("parquet", "").endswith(".gz"):
        raise CommandError("Parquet is compressed inside: give a name without .gz.", returncode=USAGE)


def _encoder(name: str) -> Encoder:
    try:
        return encoder(name)
    except ParquetUnavailableError as error:
        raise CommandError(error.sentence, returncode=USAGE) from error
