"""`pip install .` gives the commands: the wheel holds what they and the service need, and nothing else."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.conftest import PROJECT
from vcfjobs import __version__
from vcfjobs.vrs.kernel import library

pytestmark = pytest.mark.slow

DEMO = PROJECT / "demo"
VCF = DEMO / "kgp_eur5.chr20.vcf.gz"
FASTA = DEMO / "GRCh37.chr20.fa.gz"
MASKED = ["--accession", "20=SQ.iy_UbUrvECxFRX5LPTH_KPojdlT7BKsf"]
PACKAGES = {"anyvar_site", "vcfclient", "vcfjobs"}
LICENCES = ["LICENSE", "NOTICE"]
SECONDS = 600


def pip(*arguments: str | Path) -> None:
    """Run pip; skipped where it cannot reach an index, unless in CI."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
    said = done.stdout + done.stderr
    if done.returncode and "NewConnectionError" in said and not os.environ.get("CI"):
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, said


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the project, which building changes."""
    folder = tmp_path_factory.mktemp("wheel")
    left_out = shutil.ignore_patterns("var", ".git", ".venv*", "__pycache__", ".*_cache", "corpus", "build")
    shutil.copytree(PROJECT, folder / "source", ignore=left_out)
    pip("wheel", "--quiet", "--no-deps", "--wheel-dir", folder, folder / "source")
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    """The files in the wheel."""
    with ZipFile(wheel) as archive:
        return archive.namelist()


class Installed:
    """An environment that has the wheel and its dependencies, with a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "venv" / "bin"
        kernel = str(library.code_path().parent)  # compiled from the same sources
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NUMBA_CACHE_DIR": kernel}

    def run(
        self, folder: Path, command: str, *arguments: str | Path, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its commands in a folder."""
        return subprocess.run(
            [self.bin / command, *map(str, arguments)],
            cwd=folder,
            env=self.environment | environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    pip("--python", folder / "venv" / "bin" / "python", "install", "--quiet", "--no-compile", wheel)
    yield Installed(folder)
    shutil.rmtree(folder / "venv")  # half a gigabyte


def test_the_wheel_holds_the_packages_and_no_tests_benchmarks_or_demo(names: list[str]) -> None:
    assert {name.split("/")[0] for name in names} == PACKAGES | {f"vcfjobs-{__version__}.dist-info"}


def test_the_wheel_holds_every_module_template_and_static_file(names: list[str]) -> None:
    folders = [PROJECT / "anyvar_site", PROJECT / "vcfjobs", PROJECT / "clients" / "vcfclient"]
    expected = {
        str(path.relative_to(folder.parent))
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert len({name for name in expected if name.endswith(".html")}) > 30
    assert {name for name in names if ".dist-info/" not in name} == expected


def test_the_wheel_holds_the_licence_files(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        for name in LICENCES:
            text = archive.read(f"vcfjobs-{__version__}.dist-info/licenses/{name}")
            assert text == (PROJECT / name).read_bytes()


def test_vrs_annotate_gives_the_text_of_the_management_command(installed: Installed, tmp_path: Path) -> None:
    ours, managed = tmp_path / "ours.vcf.gz", tmp_path / "managed.vcf.gz"
    here = tmp_path / "here"
    here.mkdir()
    said = installed.run(here, "vrs-annotate", VCF, "-o", ours, "--fasta", FASTA, *MASKED).stderr
    assert "records: 559" in said
    options = ["-o", str(managed), "--fasta", str(FASTA), "--cache", str(tmp_path / "cache"), *MASKED]
    command = [sys.executable, "manage.py", "annotate_vcf", str(VCF), *options]
    subprocess.run(command, cwd=PROJECT, check=True)
    assert gzip.decompress(ours.read_bytes()) == gzip.decompress(managed.read_bytes())
    assert list(here.iterdir()) == []


def test_the_commands_say_what_they_are(installed: Installed, tmp_path: Path) -> None:
    assert installed.run(tmp_path, "vrs-annotate", "--version").stdout.startswith(
        f"vrs-annotate {__version__} "
    )
    assert installed.run(tmp_path, "vcfclient", "--help").stdout.startswith("usage: vcfclient ")


def test_the_service_runs_from_the_wheel_and_keeps_its_data_where_it_is_started(
    installed: Installed, tmp_path: Path
) -> None:
    settings = {"DJANGO_SETTINGS_MODULE": "anyvar_site.settings"}
    installed.run(tmp_path, "django-admin", "migrate", "--verbosity", "0", **settings)
    code = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "print(Client().get('/', headers={'host': 'localhost'}).status_code)"
    )
    assert installed.run(tmp_path, "python", "-c", code, **settings).stdout == "200\n"
    assert (tmp_path / "var" / "db.sqlite3").exists()
