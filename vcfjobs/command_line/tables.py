"""The files that an annotation writes: the annotated VCF, and its alleles as TSV, NDJSON or Parquet."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from vcfjobs.command_line.failures import USAGE, CommandFailedError
from vcfjobs.command_line.files import STREAM, output, writing
from vcfjobs.errors import ParquetUnavailableError
from vcfjobs.vrs.columns.formats import FORMATS, Encoder, encoder
from vcfjobs.vrs.columns.rows import RowReader

Write = Callable[[bytes], object]


def add_arguments(parser: ArgumentParser) -> None:
    """An option for each format of the table."""
    for name, one in FORMATS.items():
        compressed = "" if name == "parquet" else "; gzip if the name ends in .gz"
        text = f"the alleles as a table, {one.label}{compressed}"
        parser.add_argument(f"--{name}", metavar="PATH", help=text)


@contextmanager
def outputs(options: Mapping[str, Any]) -> Iterator[tuple[Write, bool]]:
    """Open the files that the options name: what takes the annotated VCF, and whether it wants it as BGZF.

    Files get their names when they are complete. Raises CommandFailedError.
    """
    tables = {name: path for name in FORMATS if (path := options[name]) is not None}
    if tables:
        with _tables(tables, options["output"]) as write:
            yield write, False
    else:
        with output(options["output"] or STREAM) as (file, bgzf):
            yield file.write, bgzf


@contextmanager
def _tables(tables: dict[str, str], vcf: str | None) -> Iterator[Write]:
    """What takes the text of the annotated VCF and writes it and its tables."""
    _check(tables, [path for path in (vcf, *tables.values()) if path])
    encoders = {name: _encoder(name) for name in tables}
    with ExitStack() as files:
        file = files.enter_context(writing(vcf)) if vcf else None
        sinks = [(encoders[name], files.enter_context(writing(path)).write) for name, path in tables.items()]
        reader = RowReader()
        for into, write in sinks:
            write(into.begin())

        def write_all(chunk: bytes) -> None:
            if file is not None:
                file.write(chunk)
            for batch in reader.batches(chunk):
                for into, write in sinks:
                    write(into.encode(batch))

        yield write_all
        for into, write in sinks:
            write(into.end())


def _check(tables: dict[str, str], paths: list[str]) -> None:
    if len(set(paths)) < len(paths):
        raise CommandFailedError("Two outputs have the same name.", USAGE)
    if tables.get("parquet", "").endswith(".gz"):
        raise CommandFailedError("Parquet is compressed inside: give a name without .gz.", USAGE)


def _encoder(name: str) -> Encoder:
    try:
        return encoder(name)
    except ParquetUnavailableError as error:
        raise CommandFailedError(error.sentence, USAGE) from error
