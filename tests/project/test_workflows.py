"""The bodies of the workflows, run by bash as an engine runs them, with the command that the image has."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import WDL

from tests.conftest import PROJECT
from tests.project.deployment import SERVICES, dockerfile_lines
from tests.project.documents import blocks
from vcfjobs.command_line.vrs_annotate import main
from vcfjobs.vrs import versions

WORKFLOWS = PROJECT / "workflows"
NEXTFLOW = (WORKFLOWS / "vrs_annotate.nf").read_text()
PAGE = PROJECT / "docs" / "workflows.md"
VCF = PROJECT / "demo" / "kgp_eur5.chr20.vcf.gz"
FASTA = PROJECT / "demo" / "GRCh37.chr20.fa.gz"
RESULT = "kgp_eur5.chr20.vrs.vcf.gz"
IDENTIFIER = re.compile(rb"VRS_Allele_IDs=ga4gh:VA\.[\w-]{32},ga4gh:VA\.[\w-]{32}")
PLACEHOLDER = re.compile(r"(?<!\\)\$\{([\w.]+)\}")
CONDITIONAL = re.compile(r"""def (\w+) = params\.(\w+) \? (["'])(.+?)\3 : ''""")

EVERY_OPTION = {"assembly": "GRCh37", "canonical": True, "add_vrs_attributes": True, "vrs_version": "2.1"}
AS_ARGUMENTS = ["--assembly", "GRCh37", "--canonical", "--add-vrs-attributes", "--vrs-version", "2.1"]

# Of a workflow's body with a VCF, a FASTA and values of inputs.
Body = Callable[[str, str, Mapping[str, Any]], str]
Run = Callable[[str], subprocess.CompletedProcess[str]]
Expected = Callable[[list[str]], bytes]


class Library(WDL.StdLib.Base):
    """The functions of WDL for files that stay where they are."""

    def __init__(self) -> None:
        super().__init__("1.1")

    def _devirtualize_filename(self, filename: str) -> str:
        return filename


class WdlTask:
    """The task of the WDL with its inputs."""

    def __init__(self, vcf: str, fasta: str, inputs: Mapping[str, Any]) -> None:
        self.task = WDL.load(str(WORKFLOWS / "vrs_annotate.wdl")).tasks[0]
        given = {"vcf": vcf, "fasta": fasta, **inputs}
        self.values: WDL.Env.Bindings[WDL.Value.Base] = WDL.Env.Bindings()
        for declared in [*(self.task.inputs or []), *self.task.postinputs]:
            self.values = self.values.bind(declared.name, self._value(declared, given))

    def _value(self, declared: WDL.Tree.Decl, given: Mapping[str, Any]) -> WDL.Value.Base:
        if declared.name in given:
            return WDL.Value.from_json(declared.type, given[declared.name])
        return self.evaluate(declared.expr)

    def evaluate(self, expression: WDL.Expr.Base | None) -> WDL.Value.Base:
        """The value of an expression; null where there is none."""
        return expression.eval(self.values, Library()) if expression else WDL.Value.Null()

    def command(self) -> str:
        return str(self.evaluate(self.task.command).value)

    def output(self) -> str:
        (declared,) = self.task.outputs
        return str(self.evaluate(declared.expr).value)

    def runtime(self) -> dict[str, Any]:
        return {name: self.evaluate(expression).value for name, expression in self.task.runtime.items()}


def wdl_body(vcf: str, fasta: str, inputs: Mapping[str, Any]) -> str:
    return WdlTask(vcf, fasta, inputs).command()


def nextflow_parameters() -> dict[str, str]:
    """The parameters with their defaults; false and null are empty."""
    found = re.findall(r"^params\.(\w+) = '?([^'\s]*)'?", NEXTFLOW, re.MULTILINE)
    return {name: "" if text in ("null", "false") else text for name, text in found}


def nextflow_stem(vcf: str) -> str:
    """What `name` is for a VCF of that name."""
    (pattern,) = re.findall(r"replaceFirst\(/(.+)/, ''\)", NEXTFLOW)
    return re.sub(pattern, "", vcf, count=1)


def nextflow_body(vcf: str, fasta: str, inputs: Mapping[str, Any]) -> str:
    """The script, in which all that Nextflow puts into it is replaced."""
    (script,) = re.findall(r'"""\n(.+?)"""', NEXTFLOW, re.DOTALL)
    parameters = {**nextflow_parameters(), **inputs}
    values = {f"params.{name}": str(value) for name, value in parameters.items()}

    def filled(text: str) -> str:
        return PLACEHOLDER.sub(lambda placeholder: values[placeholder[1]], text)

    for name, parameter, _, option in CONDITIONAL.findall(NEXTFLOW):
        values[name] = filled(option) if parameters[parameter] else ""
    # The engine links the inputs into the folder of the task under their own names.
    values |= {"vcf": vcf, "fasta": fasta, "name": nextflow_stem(Path(vcf).name)}
    values["task.cpus"] = re.findall(r"^ +cpus (\d+)$", NEXTFLOW, re.MULTILINE)[0]
    return re.sub(r"\\(.)", r"\1", filled(script))


def snakemake_body(vcf: str, fasta: str) -> str:
    """The command of the rule in the documentation."""
    (rule,) = [block.text for block in blocks(PAGE) if block.text.startswith("rule ")]
    (shell,) = re.findall(r'shell: "(.+)"', rule)
    files = type("Files", (), {"vcf": vcf, "fasta": fasta})
    return str(shell).format(input=files, output=RESULT, threads=2)


bodies = pytest.mark.parametrize("body", [wdl_body, nextflow_body], ids=["wdl", "nextflow"])


@pytest.fixture
def image_command(tmp_path: Path) -> Path:
    """A folder with `vrs-annotate` as the Dockerfile makes it, for this Python and these sources."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (line,) = [line for line in dockerfile_lines("RUN") if "/usr/local/bin/vrs-annotate" in line]
    for there, here in [
        ("/usr/local/bin", folder),
        ("/opt/venv/bin/python", sys.executable),
        ('"/app"', f'"{PROJECT}"'),
    ]:
        assert there in line
        line = line.replace(there, str(here))
    subprocess.run(["sh", "-euc", line], check=True)
    return folder


@pytest.fixture
def run(image_command: Path, tmp_path: Path) -> Run:
    """Run a body in an empty folder, `task`, without settings and with the engine that needs no compiler."""
    task = tmp_path / "task"
    task.mkdir()
    environment = {
        "PATH": f"{image_command}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "ANYVAR_KERNEL": "off",
    }

    def call(body: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-ue", "-c", body],
            cwd=task,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return call


@pytest.fixture
def expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Expected:
    """What `vrs-annotate` itself writes with these arguments."""
    monkeypatch.setenv("ANYVAR_KERNEL", "off")
    output = tmp_path / "expected.vcf.gz"
    options = ["-o", str(output), "--fasta", str(FASTA), "--cache", str(tmp_path / "cache"), "--quiet"]

    def call(arguments: list[str]) -> bytes:
        assert main([str(VCF), *options, *arguments]) == 0
        return output.read_bytes()

    return call


@bodies
@pytest.mark.parametrize(
    ("inputs", "arguments"), [({}, []), (EVERY_OPTION, AS_ARGUMENTS)], ids=["defaults", "options"]
)
def test_a_body_writes_what_vrs_annotate_writes_and_leaves_no_cache(
    body: Body,
    inputs: Mapping[str, Any],
    arguments: list[str],
    run: Run,
    expected: Expected,
    tmp_path: Path,
) -> None:
    done = run(body(str(VCF), str(FASTA), inputs))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "task").iterdir()] == [RESULT]
    annotated = (tmp_path / "task" / RESULT).read_bytes()
    assert annotated == expected(arguments)
    assert len(IDENTIFIER.findall(gzip.decompress(annotated))) == 559


def test_the_rule_for_snakemake_writes_what_vrs_annotate_writes(
    run: Run, expected: Expected, tmp_path: Path
) -> None:
    done = run(snakemake_body(str(VCF), str(FASTA)))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "task" / RESULT).read_bytes() == expected(["--canonical"])


@bodies
def test_a_body_fails_as_the_command_fails_and_writes_nothing(body: Body, run: Run, tmp_path: Path) -> None:
    truncated = tmp_path / "truncated.vcf.gz"
    truncated.write_bytes(VCF.read_bytes()[:5000])
    done = run(body(str(truncated), str(FASTA), {}))
    assert done.returncode == 1
    assert "vrs-annotate: " in done.stderr
    assert list((tmp_path / "task").glob("*.vcf.gz")) == []


@bodies
def test_a_body_takes_names_with_blanks(body: Body, run: Run, tmp_path: Path) -> None:
    vcf, fasta = tmp_path / "my calls.vcf.gz", tmp_path / "my GRCh37.fa.gz"
    shutil.copy(VCF, vcf)
    shutil.copy(FASTA, fasta)
    done = run(body(str(vcf), str(fasta), {}))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "task").iterdir()] == ["my calls.vrs.vcf.gz"]


@pytest.mark.parametrize("name", ["a.b.vcf", "a.b.vcf.gz", "a.b.vcf.bgz", "a.b.bcf"])
def test_the_result_is_named_after_the_input(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    assert WdlTask(str(tmp_path / name), str(FASTA), {}).output() == "a.b.vrs.vcf.gz"
    assert nextflow_stem(name) == "a.b"


def test_the_workflows_use_the_image_of_compose_and_the_default_version_of_vrs() -> None:
    task = WdlTask(str(VCF), str(FASTA), {})
    image = SERVICES["web"]["image"]
    assert task.runtime()["container"] == nextflow_parameters()["container"] == image
    version = task.values.resolve("vrs_version").value
    assert version == nextflow_parameters()["vrs_version"] == versions.DEFAULT


def test_the_resources_are_those_of_the_inputs() -> None:
    assert WdlTask(str(VCF), str(FASTA), {"threads": 8, "memory_gib": 6}).runtime() == {
        "container": "vcfjobs:0.2",
        "cpu": 8,
        "memory": "6 GiB",
        "disks": "local-disk 6 SSD",
    }
