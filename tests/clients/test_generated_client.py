"""A Python client, generated from our OpenAPI document by openapi-python-client, against a real service."""

from __future__ import annotations

import gzip
import importlib
import io
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import pytest

from tests.clients import BAD, TOKEN, annotated, running_service
from tests.e2e.processes import Service
from tests.factories import VCF

pytestmark = pytest.mark.slow

PACKAGE = "generated_vrs_client"
# What docs/clients.md shows: the generator reads files of two media types only.
CONFIGURATION = f"""
package_name_override: {PACKAGE}
content_type_overrides:
  application/gzip: application/octet-stream
  application/vnd.apache.parquet: application/octet-stream
  application/x-ndjson: application/octet-stream
post_hooks: []
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service")) as made:
        yield made


@pytest.fixture(scope="module")
def generated(running: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the client, generated from the document that the service gives, without a warning."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "configuration.yaml").write_text(CONFIGURATION)
    generator = Path(sys.executable).with_name("openapi-python-client")
    done = subprocess.run(
        [
            *(str(generator), "generate", "--meta", "none", "--fail-on-warning"),
            *("--url", f"{running.url}/schema/?format=json"),
            *("--config", str(folder / "configuration.yaml")),
            *("--output-path", str(folder / PACKAGE)),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(folder))
        yield folder
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


class Client:
    """The calls of the generated client, each under its operation's name."""

    def __init__(self, url: str, token: str = TOKEN) -> None:
        made = importlib.import_module(f"{PACKAGE}.client")
        self._client = made.AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True)

    def __enter__(self) -> Self:
        self._client.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._client.__exit__(*raised)

    def call(self, address: str, *arguments: Any, **options: Any) -> Any:
        """The detailed answer of "tag.operation"."""
        module = importlib.import_module(f"{PACKAGE}.api.{address}")
        return module.sync_detailed(*arguments, client=self._client, **options)

    def until_done(self, run_id: str) -> Any:
        """Poll as the answers say, until the run has ended."""
        while (answer := self.call("vcf.get_vcf", run_id, wait=5.0)).status_code == 202:
            assert answer.parsed.status == "PENDING"
            time.sleep(min(1, int(answer.headers["Retry-After"])))
        return answer


@pytest.fixture
def client(running: Service, generated: Path) -> Iterator[Client]:
    with Client(running.url) as made:
        yield made


def models() -> ModuleType:
    return importlib.import_module(f"{PACKAGE}.models")


def file(content: bytes, name: str = "sample.vcf") -> Any:
    """A file as the generated client sends it."""
    types = importlib.import_module(f"{PACKAGE}.types")
    return types.File(payload=io.BytesIO(content), file_name=name, mime_type="text/plain")


def test_a_raw_file_is_submitted_polled_and_fetched(client: Client, running: Service) -> None:
    options = {"run_async": True, "run_id": "raw", "file_name": "sample.vcf"}
    submitted = client.call("vcf.submit_vcf", body=file(VCF), **options)
    assert (submitted.status_code, submitted.parsed.run_id) == (202, "raw")
    ended = client.until_done("raw")
    assert (ended.status_code, ended.parsed) == (200, annotated(running.url, VCF).decode())
    run = client.call("runs.get_run", "raw").parsed
    assert (run.status, run.progress, run.file_name, run.records_done) == ("succeeded", 1.0, "sample.vcf", 3)
    assert run.report["records"] == 3
    assert run.links.index.endswith(".tbi")
    bgzf = client.call("runs.get_run_result_bgzf", "raw").parsed
    assert gzip.decompress(bgzf.payload.read()).decode() == ended.parsed
    assert client.call("runs.get_run_result_index", "raw").parsed.payload.read()[:2] == b"\x1f\x8b"
    assert client.call("runs.get_run_result_text", "raw").parsed == ended.parsed


def test_a_form_is_submitted_and_answered_at_once(client: Client, running: Service) -> None:
    body = models().SubmitVcfFilesBody(vcf=file(VCF, "form.vcf"))
    answer = client.call("vcf.submit_vcf", body=body, for_ref=False, register=False)
    assert (answer.status_code, answer.parsed.startswith("##fileformat")) == (200, True)
    listed = client.call("runs.list_runs").parsed
    assert "form.vcf" in [run.file_name for run in listed.results]


def test_a_run_that_failed_is_read_as_an_error(client: Client) -> None:
    client.call("vcf.submit_vcf", body=file(BAD), run_async=True, run_id="bad")
    ended = client.until_done("bad")
    assert (ended.status_code, ended.parsed.error_code) == (500, "RUN_FAILURE")
    assert client.call("runs.get_run_failures", "bad").parsed.failures == []
    assert client.call("runs.delete_run", "bad").status_code == 204


def test_what_is_refused_is_read_as_a_problem(client: Client, running: Service) -> None:
    for content, status, code in ((b"no VCF", 400, "INVALID_VCF"), (VCF, 422, "UNKNOWN_ASSEMBLY")):
        answer = client.call("vcf.submit_vcf", body=file(content), assembly="tiny" if status == 400 else "x")
        assert (answer.status_code, answer.parsed.error_code) == (status, code)
    assert client.call("vcf.get_vcf", "none").parsed.status == "NOT_FOUND"
    assert client.call("runs.get_run", "none").parsed.error_code == "NOT_FOUND"
    with Client(running.url, "another") as stranger:
        assert stranger.call("runs.list_runs").status_code == 401


def test_annotations_are_registered_and_validated(client: Client, running: Service) -> None:
    text = client.call("vcf.submit_vcf", body=file(VCF), add_vrs_attributes=True).parsed.encode()
    answer = client.call("vcf.ingest_vcf", body=file(text))
    assert (answer.status_code, answer.parsed.status) == (200, "SUCCESS")


def test_an_allele_is_registered_by_expression_and_found(client: Client) -> None:
    body = models().VariationRequest(definition="chr1-1-A-C")
    registered = client.call("registry.register_variation", body=body).parsed
    assert registered.input_variation.definition == "chr1-1-A-C"
    found = client.call("registry.find_variation", body=body).parsed
    assert found.data == registered.object_
    object_id = registered.object_id
    assert client.call("registry.get_object", object_id).parsed.data.state.sequence == "C"
    assert client.call("registry.get_object_mappings", object_id).parsed.mappings == []
    assert client.call("registry.get_object_annotations", object_id).parsed.annotations == []
    refused = client.call("registry.register_variation", body=models().VariationRequest(definition="rs1"))
    assert (refused.status_code, refused.parsed.error_code) == (422, "UNSUPPORTED_VARIATION")
    each = client.call("registry.register_variations", body=[body, body]).parsed
    assert [result.object_id for result in each] == [object_id, object_id]
    many = client.call("registry.get_objects", body=models().Ids(ids=[object_id])).parsed
    assert list(many.objects.additional_properties) == [object_id]
    near = client.call("registry.get_variations", accession="tiny:chr1", start=0, end=1).parsed
    assert object_id in [allele.id for allele in near.variations]


def test_the_service_describes_itself(client: Client) -> None:
    assert client.call("service.get_service_info").parsed.assemblies == ["tiny"]
    assert client.call("service.get_health").parsed.status == "ok"
    assert client.call("service.get_readiness").parsed.parts["database"] == "ok"
    assert "vrs_runs" in client.call("service.get_metrics").parsed
    assert client.call("registry.get_stats").parsed.sequences >= 1
