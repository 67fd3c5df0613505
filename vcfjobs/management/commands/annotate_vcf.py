"""Annotate one file on the command line, without the service."""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from tqdm import tqdm

from vcfjobs.errors import VcfJobsError
from vcfjobs.management.tidy import tidy_end
from vcfjobs.references import assemblies
from vcfjobs.vrs import kernel
from vcfjobs.vrs.bgzf.files import BgzfWriter
from vcfjobs.vrs.sequences.flat_files import Reference
from vcfjobs.vrs.vcf.annotate import Options, annotate
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.report import Report

FAILED = 1
USAGE = 2
STREAM = "-"


class Writer(Protocol):
    """What annotated bytes are written to."""

    def write(self, data: bytes, /) -> object:
        """Take all of `data`."""


class Command(BaseCommand):
    """manage.py annotate_vcf INPUT -o OUTPUT --assembly NAME"""

    help = "Annotate a VCF (plain, gzip, bgzip; - for standard input). Exit code 0 done, 1 failed, 2 usage."
    requires_system_checks = ()  # they are the service's, and standard error is for the summary

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command line."""
        parser.add_argument("input", help="the VCF, or - for standard input")
        parser.add_argument(
            "-o",
            "--output",
            default=STREAM,
            help="the annotated VCF, BGZF where it ends in .gz; - for stdout",
        )
        parser.add_argument("--assembly", default=settings.ANYVAR_DEFAULT_ASSEMBLY)
        parser.add_argument("--no-for-ref", action="store_true", help="no identifiers for REF alleles")
        parser.add_argument(
            "--add-vrs-attributes", action="store_true", help="the five attribute fields as well"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Annotate, then say what was found."""
        reference = _reference(options["assembly"])
        wanted = Options(for_ref=not options["no_for_ref"], add_vrs_attributes=options["add_vrs_attributes"])
        kernel.load()
        began = time.monotonic()
        report = Report()
        with (
            tidy_end(),
            _failure_told(),
            _input(options["input"]) as source,
            _output(options["output"]) as sink,
            _bar(source) as bar,
        ):
            for chunk in annotate(open_text(source), reference, wanted):
                sink.write(chunk.data)
                report.merge(chunk.report)
                bar.update(chunk.compressed_bytes - bar.n)
        if options["verbosity"]:
            self.stderr.write(summary(report, time.monotonic() - began))


def summary(report: Report, seconds: float) -> str:
    """What was found, for people."""
    speed = report.records / seconds if seconds else 0
    lines = [
        f"records: {report.records:,} ({speed:,.0f}/s)",
        f"alleles: {_counts(report.alleles)}",
        f"failed: {_counts(report.failed)}",
    ]
    if report.without_id:
        lines.append(f"without identifier: {_counts(report.without_id)}")
    if report.unknown_contigs:
        lines.append(f"records on unknown contigs: {_counts(report.unknown_contigs, most=10)}")
    if report.replaced:
        lines.append(f"replaced annotations of: {report.replaced}")
    return "\n".join(lines)


def _counts(counts: dict[str, int], most: int = 100) -> str:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    more = ", …" if len(ordered) > most else ""
    return (", ".join(f"{name} {count:,}" for name, count in ordered[:most]) or "0") + more


def _reference(assembly: str) -> Reference:
    try:
        return assemblies.open_assembly(assemblies.resolve_assembly(assembly))
    except VcfJobsError as error:
        raise CommandError(error.sentence, returncode=USAGE) from error
    except DatabaseError as error:
        raise CommandError("The database cannot be read. Run: manage.py migrate", returncode=USAGE) from error


def _discard_output() -> None:
    """What is still held for stdout must not be flushed at exit, where it would fail once more (code 120)."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _failure_told() -> Iterator[None]:
    """One sentence and exit code 1 for whatever ends the work, the last flush of the output included."""
    try:
        yield
    except VcfJobsError as error:
        raise CommandError(error.sentence, returncode=FAILED) from error
    except BrokenPipeError:
        _discard_output()  # whoever reads it has enough
        raise SystemExit(FAILED) from None
    except OSError as error:
        _discard_output()
        raise CommandError(f"The file was not annotated: {error.strerror}.", returncode=FAILED) from error


@contextmanager
def _input(path: str) -> Iterator[BinaryIO]:
    if path == STREAM:
        yield sys.stdin.buffer
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.", returncode=USAGE) from error
    with file:
        yield file


@contextmanager
def _output(path: str) -> Iterator[Writer]:
    """Where to write; a file gets its name only when it is whole, and nothing of it stays otherwise."""
    if path == STREAM:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    target = Path(path)
    if target.exists() and not target.is_file():
        # A device or a pipe: written into, never replaced by a rename.
        with _opened(target, path) as stream:
            yield stream
        return
    if target.is_symlink():
        target = target.resolve()  # the file is replaced, the link stays
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    file = _opened(part, path)
    try:
        with file:
            if target.suffix == ".gz":
                writer = BgzfWriter(file)
                yield writer
                writer.close()
            else:
                yield file
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _opened(target: Path, path: str) -> BinaryIO:
    try:
        return target.open("wb")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.", returncode=USAGE) from error


def _bar(source: BinaryIO) -> tqdm[Any]:
    """A progress bar over the bytes of the input, on a terminal."""
    try:
        size = os.fstat(source.fileno()).st_size or None
    except OSError:
        size = None
    return tqdm(total=size, unit="B", unit_scale=True, file=sys.stderr, disable=not sys.stderr.isatty())
