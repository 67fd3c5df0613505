"""Removing a reference: what goes, what stays, and when it is refused."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from tests.factories import make_run, make_running
from vcfjobs.errors import UnknownAssemblyError
from vcfjobs.models import Allele, Assembly, Contig, Run, Sequence, Status
from vcfjobs.references import assemblies, register
from vcfjobs.vrs.digests import refget_accession

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def load(content: bytes, name: str = "a") -> None:
    register.load_reference(
        name=name,
        fasta=io.BytesIO(content),
        source="a.fa",
        accessions={},
        canonical=False,
        replace=False,
        on_progress=lambda _: None,
    )


def flat_files() -> set[str]:
    return {path.name for path in Path(settings.ANYVAR_SEQUENCE_DIR).iterdir()} - {register.LOCK}


def test_the_assembly_goes_with_the_files_that_no_other_assembly_uses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    load(b">chr1\nACGT\n>chr2\nCC\n")
    load(b">x\nCC\n", name="b")
    call_command("remove_reference", "a")
    assert capsys.readouterr().out == "a removed.\n"
    assert flat_files() == {refget_accession(b"CC")}
    assert list(Assembly.objects.values_list("name", flat=True)) == ["b"]
    with pytest.raises(UnknownAssemblyError):
        assemblies.open_assembly("a")


def test_registered_alleles_stay_and_the_assembly_can_be_registered_again() -> None:
    load(b">chr1\nACGT\n")
    sequence = Sequence.objects.get()
    Allele.objects.create(digest="A" * 32, sequence=sequence, start=0, end=1, span=0, literal="C")
    register.remove_reference("a")
    assert Allele.objects.get().to_vrs()["location"]["end"] == 1
    load(b">chr1\nACGT\n")
    assert Contig.objects.get().sequence_id == sequence.pk
    assert assemblies.open_assembly("a").contigs["chr1"][0:4] == b"ACGT"


def test_an_assembly_that_runs_need_is_kept() -> None:
    load(b">chr1\nACGT\n")
    make_run(assembly="a")
    make_running(assembly="a")
    with pytest.raises(CommandError, match="a is used by 2 queued or running runs"):
        call_command("remove_reference", "a")
    assert flat_files() == {refget_accession(b"ACGT")}
    Run.objects.update(status=Status.SUCCEEDED)
    call_command("remove_reference", "a")
    assert flat_files() == set()


def test_files_stay_while_other_runs_are_running_and_go_with_the_next_load(
    capsys: pytest.CaptureFixture[str],
) -> None:
    load(b">chr1\nACGT\n")
    make_running(assembly="b")
    call_command("remove_reference", "a")
    assert "1 of its sequence files stay while runs are running" in capsys.readouterr().out
    assert flat_files() == {refget_accession(b"ACGT"), register.LEFT_FOR_LATER}
    Run.objects.update(status=Status.SUCCEEDED)
    load(b">x\nCC\n", name="b")
    assert flat_files() == {refget_accession(b"CC")}


def test_an_assembly_that_is_not_registered_names_those_that_are() -> None:
    with pytest.raises(CommandError, match=r"a is not registered\. Registered: nothing"):
        call_command("remove_reference", "a")
    load(b">chr1\nACGT\n", name="b")
    with pytest.raises(CommandError, match="Registered: b") as refused:
        call_command("remove_reference", "a")
    assert refused.value.returncode == 1
