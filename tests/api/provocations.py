"""How each documented response is provoked."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper
from django.test import Client, RequestFactory
from pytest_django import Settings

from tests.api.conftest import leave
from tests.api.document import OPERATIONS, Example, Operation
from tests.factories import make_run, make_running, store_input
from vcfjobs import storage
from vcfjobs.api.openapi import examples
from vcfjobs.models import Assembly, Run, RunAlleles
from vcfjobs.registry import search
from vcfjobs.runs import lifecycle
from vcfjobs.vrs.digests import digest_bytes
from vcfjobs.worker import dispatch, executor


class Session:
    """Calls of the document's operations, as the examples say."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch, operation: Operation) -> None:
        self.settings = settings
        self.monkeypatch = monkeypatch
        self.operation = operation
        self.client = Client()
        self.content = examples.CARRYING if operation.name == "ingest_vcf" else examples.VCF

    def call(self, *, content: str | None = None, query: str = "", **headers: Any) -> Any:
        """The call with the examples' run, identifier or place in its address, and a file in its body."""
        address = self.operation.path.format(run_id=examples.RUN_ID, vrs_id=examples.ALLELE["id"])
        if self.operation.name == "get_variations" and not query:
            query = "&".join(f"{name}={value}" for name, value in examples.PLACE.items())
        if self.operation.name == "get_objects":
            return self.client.post(address, content or examples.IDS, "application/json", **headers)
        data = (self.content if content is None else content).encode()
        uploads = {"content_type": "application/octet-stream"} if "_vcf" in self.operation.name else {}
        if self.operation.method == "get":
            data, uploads = b"", {}
        headers.setdefault("HTTP_CONTENT_DISPOSITION", 'attachment; filename="sample.vcf"')
        return self.client.generic(
            self.operation.method.upper(), f"{address}?{query}", data, **uploads, **headers
        )

    def run(self, content: str = examples.VCF, **columns: Any) -> Run:
        """The examples' run, with its file."""
        given = {"run_id": examples.RUN_ID, "id": examples.PK, "assembly": "GRCh37"}
        made = make_run(
            **given,
            file_name="sample.vcf",
            input_bytes=len(content),
            queue_position=0,
            **{"input_sha256": examples.QUEUED_RUN["input_sha256"], **columns},
        )
        store_input(made, content.encode())
        return made

    def done(self, content: str = examples.VCF, **columns: Any) -> Run:
        """The examples' run when a worker has done it."""
        made = self.run(content, **columns)
        executor.run(made.pk, task_id="t", worker="w")
        made.refresh_from_db()
        assert made.status == "succeeded", made.error
        return made


Provocation = Callable[[Session], Any]


def with_settings(provocation: Provocation, **values: Any) -> Provocation:
    """The call under other settings."""

    def provoke(session: Session) -> Any:
        for name, value in values.items():
            setattr(session.settings, name, value)
        return provocation(session)

    return provoke


def after(prepare: Callable[[Session], object], **given: Any) -> Provocation:
    """The call when something has happened before."""

    def provoke(session: Session) -> Any:
        prepare(session)
        return session.call(**given)

    return provoke


def held(session: Session) -> None:
    """The run has held the examples' alleles."""
    digests = sorted(digest_bytes(allele["digest"]) for allele in (*examples.SNV, *examples.DELETION))
    RunAlleles.objects.create(run=session.done(), ordinal=0, digests=b"".join(digests))


def without_length(session: Session) -> Any:
    """An upload in chunks."""
    request = RequestFactory().generic(session.operation.method.upper(), session.operation.path, b"x")
    del request.META["CONTENT_LENGTH"]
    view = session.client.get(session.operation.path).resolver_match.func
    return view(request).render()


def database_away(session: Session) -> Any:
    """No statement is answered any more."""

    def gone(*args: Any, **options: Any) -> None:
        raise OperationalError

    with session.monkeypatch.context() as patched:
        patched.setattr(CursorWrapper, "execute", gone)
        return session.call()


def without_pyarrow(session: Session) -> None:
    """A run that is done where pyarrow is not installed."""
    session.monkeypatch.setitem(sys.modules, "vcfjobs.vrs.columns.parquet", None)
    session.done()


def failing(session: Session) -> str:
    """A file whose last line is no record."""
    return session.content + 200 * (session.content.splitlines()[-1] + "\n") + "20\tx\n"


def many(session: Session) -> None:
    """So many runs wait that one more is too many."""
    session.run()
    session.settings.ANYVAR_MAX_QUEUED_RUNS = 1


OF_UPLOADS: dict[tuple[int, str], Provocation] = {
    (202, "Accepted: poll at Location (run_async)"): lambda session: session.call(
        query=f"run_async=true&run_id={examples.RUN_ID}"
    ),
    (400, "INVALID_VCF"): lambda session: session.call(content="# a table\n"),
    (400, "TRUNCATED_UPLOAD"): lambda session: session.call(
        **{"wsgi.input": io.BytesIO(b"#"), "CONTENT_LENGTH": "2"}
    ),
    (400, "BAD_REQUEST"): lambda session: session.client.generic(
        session.operation.method.upper(),
        session.operation.path,
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
    ),
    (400, "RUN_ID_IN_USE"): after(
        lambda session: session.run(input_sha256="another file's"),
        query=f"run_id={examples.RUN_ID}&run_async=true",
    ),
    (400, "ANNOTATIONS_MISSING"): lambda session: session.call(content=examples.VCF),
    (411, "LENGTH_REQUIRED"): without_length,
    (413, "UPLOAD_TOO_LARGE"): lambda session: session.call(CONTENT_LENGTH=str(2**36 + 1)),
    (422, "INVALID_PARAMETER"): lambda session: session.call(query="run_async=2"),
    (422, "UNKNOWN_ASSEMBLY"): lambda session: session.call(query="assembly=GRCh38"),
    (422, "REFERENCE_MISMATCH"): lambda session: session.call(
        content=examples.VCF.replace("\tC\tT\t", "\tG\tT\t").replace("\tAC\tA\t", "\tGG\tG\t")
    ),
    (429, "THROTTLED"): with_settings(
        after(lambda session: leave(session.call())), ANYVAR_SUBMIT_RATE="1/min"
    ),
    (429, "TOO_MANY_RUNS"): with_settings(after(Session.run), ANYVAR_OWNER_MAX_RUNS=1),
    (429, "TOO_MANY_BYTES"): with_settings(after(Session.run), ANYVAR_OWNER_MAX_BYTES=1),
    (500, "The run in the request failed"): lambda session: session.call(content=failing(session)),
    (503, "STORAGE_FULL"): with_settings(Session.call, ANYVAR_MIN_FREE_BYTES=2**62),
    (503, "QUEUE_FULL"): after(many),
    (503, "NO_REFERENCE"): after(lambda session: Assembly.objects.all().delete()),
}
OF_ALL: dict[tuple[int, str], Provocation] = {
    (401, "NOT_AUTHENTICATED"): with_settings(Session.call, ANYVAR_AUTH_TOKEN_LIST=["a"]),
    (401, "AUTHENTICATION_FAILED"): with_settings(
        lambda session: session.call(HTTP_AUTHORIZATION="Bearer b"), ANYVAR_AUTH_TOKEN_LIST=["a"]
    ),
    (503, "DATABASE_UNAVAILABLE"): database_away,
    (404, "NOT_FOUND"): Session.call,
    (409, "CONFLICT"): after(Session.done),
}
OF: dict[tuple[str, int, str], Provocation] = {
    ("submit_vcf", 200, "The annotated VCF (without run_async)"): Session.call,
    ("ingest_vcf", 200, "Registered"): lambda session: session.call(query=f"run_id={examples.RUN_ID}"),
    ("ingest_vcf", 200, "The disagreements (with require_validation)"): lambda session: session.call(
        content=examples.CARRYING_WRONG, query="require_validation=true"
    ),
    ("get_vcf", 200, "The annotated VCF"): after(Session.done),
    ("get_vcf", 200, "The disagreements (require_validation)"): after(
        lambda session: session.done(examples.CARRYING_WRONG, kind="ingest", require_validation=True)
    ),
    ("get_vcf", 200, "Annotations registered"): after(
        lambda session: session.done(examples.CARRYING, kind="ingest")
    ),
    ("get_vcf", 202, "Queued or running"): after(
        lambda session: make_running(
            run_id=examples.RUN_ID, input_bytes=4, bytes_done=1, records_done=500_000
        )
    ),
    ("get_vcf", 200, "A line for each allele (TSV)"): after(Session.done, query="format=tsv"),
    ("get_vcf", 200, "An object for each allele (NDJSON)"): after(Session.done, query="format=ndjson"),
    ("get_vcf", 501, "PARQUET_UNAVAILABLE"): after(without_pyarrow, query="format=parquet"),
    ("get_vcf", 206, "The bytes of Range, here bytes=0-11"): after(Session.done, HTTP_RANGE="bytes=0-11"),
    ("get_vcf", 404, "Run not found"): Session.call,
    ("get_vcf", 410, "Expired"): after(
        lambda session: Run.objects.filter(pk=session.done().pk).update(expires="2020-01-01T00:00:00Z")
    ),
    ("get_vcf", 410, "Cancelled"): after(lambda session: lifecycle.cancel_run(session.run())),
    ("get_vcf", 422, "INVALID_PARAMETER"): lambda session: session.call(query="wait=long"),
    ("get_vcf", 500, "Failed; ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE"): after(
        lambda session: executor.run(session.run(failing(session)).pk, task_id="t", worker="w")
    ),
    ("list_runs", 200, "A page of runs"): after(Session.done),
    ("list_runs", 422, "INVALID_PARAMETER"): lambda session: session.call(query="status=done"),
    ("get_run", 200, "The run"): after(Session.done),
    ("cancel_run", 202, "Cancelled"): after(Session.run),
    ("retry_run", 202, "Queued again"): after(lambda session: lifecycle.cancel_run(session.run())),
    ("retry_run", 503, "QUEUE_FULL"): after(many),
    ("get_run_failures", 200, "The failed records"): after(
        lambda session: session.done(examples.VCF.replace("\tC\tT\t", "\tG\tT\t"))
    ),
    ("get_run_result_bgzf", 409, "CONFLICT"): after(lambda session: session.run(status="running")),
    ("get_run_result_index", 409, "CONFLICT"): after(lambda session: session.run(status="running")),
    ("get_run_result_text", 409, "CONFLICT"): after(lambda session: session.run(status="running")),
    ("get_run_result_text", 200, "The whole file"): after(Session.done),
    ("get_run_result_text", 206, "The bytes of Range, here bytes=0-11"): after(
        Session.done, HTTP_RANGE="bytes=0-11"
    ),
    ("get_run_result_tsv", 200, "A line for each allele (TSV)"): after(Session.done),
    ("get_run_result_ndjson", 200, "An object for each allele (NDJSON)"): after(Session.done),
    ("get_run_result_parquet", 501, "PARQUET_UNAVAILABLE"): after(without_pyarrow),
    ("get_run_alleles", 200, "A page of identifiers"): after(held),
    ("get_run_alleles", 422, "INVALID_PARAMETER"): after(Session.run, query="cursor=x"),
    ("get_object", 200, "The allele"): Session.call,
    ("get_object_runs", 200, "A page of runs"): after(held),
    ("get_object_runs", 422, "INVALID_PARAMETER"): lambda session: session.call(query="cursor=x"),
    ("get_objects", 200, "What is registered"): Session.call,
    ("get_objects", 400, "PARSE_ERROR"): lambda session: session.call(content="{"),
    ("get_objects", 413, "REQUEST_TOO_LARGE"): after(
        lambda session: session.monkeypatch.setattr(search, "PAGE_BYTES", 1)
    ),
    ("get_objects", 415, "UNSUPPORTED_MEDIA_TYPE"): lambda session: session.client.post(
        "/objects", "x", content_type="text/plain"
    ),
    ("get_objects", 422, "INVALID_PARAMETER"): lambda session: session.call(content="{}"),
    ("get_variations", 200, "A page of alleles"): Session.call,
    ("get_variations", 404, "SEQUENCE_NOT_FOUND"): lambda session: session.call(
        query="accession=GRCh37:99&start=1&end=2"
    ),
    ("get_variations", 422, "INVALID_PARAMETER"): lambda session: session.call(
        query="accession=GRCh37:20&start=2&end=1"
    ),
    ("get_stats", 200, "Counts"): after(Session.done),
    ("get_service_info", 200, "The service"): with_settings(
        lambda session: session.call(HTTP_HOST="vrs.example.org", secure=True),
        ALLOWED_HOSTS=["vrs.example.org"],
        ANYVAR_SERVICE_ID="org.example.vrs",
        ANYVAR_ORGANIZATION_NAME="Example laboratory",
        ANYVAR_CONTACT_URL="mailto:vrs@example.org",
        ANYVAR_SERVICE_CREATED_AT="2026-11-24T12:00:00Z",
        ANYVAR_SERVICE_UPDATED_AT="2026-11-24T12:00:00Z",
    ),
    ("get_metrics", 200, "The first of the metrics"): after(Session.done),
    ("get_metrics", 403, "PERMISSION_DENIED"): with_settings(
        after(lambda session: session.client.force_login(User.objects.create_user("u"))),
        ANYVAR_AUTH_TOKEN_LIST=["a"],
    ),
    ("get_health", 200, "Alive"): Session.call,
    ("get_readiness", 200, "Ready"): lambda session: (storage.prepare(), session.call())[1],
    ("get_readiness", 503, "Not ready"): after(
        lambda session: session.monkeypatch.setattr(dispatch, "answers", lambda: False)
    ),
}
OF |= {
    (f"get_run_result_{name}", 409, "CONFLICT"): after(lambda session: session.run(status="running"))
    for name in ("tsv", "ndjson", "parquet")
}
UNKNOWN_OBJECT = "Not registered"


def provocation_of(example: Example) -> Provocation:
    """How the answer is got."""
    name = OPERATIONS[example.operation].name
    key = (example.status, example.summary)
    if example.summary == UNKNOWN_OBJECT:
        return lambda session: session.client.get(
            session.operation.path.format(vrs_id=examples.UNKNOWN), headers={}
        )
    upload = OF_UPLOADS.get(key) if name in ("submit_vcf", "ingest_vcf") else None
    return OF.get((name, *key)) or upload or OF_ALL[key]
