"""How each documented answer is provoked."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper
from django.test import Client, RequestFactory
from pytest_django import Settings

from tests.api.conftest import leave
from tests.api.document import OPERATIONS, Answer, Operation
from tests.api.issuer import rsa_key
from tests.factories import make_run, make_running, store_input
from vcfjobs import storage
from vcfjobs.api import examples
from vcfjobs.models import Assembly, Run, RunAlleles
from vcfjobs.registry import search
from vcfjobs.runs import lifecycle
from vcfjobs.vrs.digests import digest_bytes, vrs_allele
from vcfjobs.worker import dispatch, executor

# REF and ALT of each record of the examples; the deletion spans the whole run of C.
ALLELES = (
    vrs_allele(examples.SEQUENCE, 1_451_125, 1_451_126, length=1, repeat_subunit_length=1),
    examples.ALLELE,
    vrs_allele(examples.SEQUENCE, 1_455_717, 1_455_719, length=2, repeat_subunit_length=2),
    vrs_allele(examples.SEQUENCE, 1_455_718, 1_455_725, length=6, repeat_subunit_length=1),
)
PLACE = "accession=GRCh37:20&start=1451000&end=1452000"
NOBODY = "http://127.0.0.1:1"
# What is sent to the calls that take JSON.
JSON_BODIES: dict[str, Any] = {
    "get_objects": examples.IDS,
    "register_variation": examples.VARIATION,
    "find_variation": examples.VARIATION,
    "register_variations": [examples.VARIATION],
}
WRONG_ID = examples.ANNOTATED.replace(examples.ALLELE["id"], examples.UNKNOWN)


class Session:
    """Calls of the document's operations, as the examples say."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch, operation: Operation) -> None:
        self.settings = settings
        self.monkeypatch = monkeypatch
        self.operation = operation
        self.client = Client()
        self.content = examples.ANNOTATED if operation.name == "ingest_vcf" else examples.VCF

    def call(self, *, content: str | None = None, query: str = "", **headers: Any) -> Any:
        """The call with the examples' run, identifier or place in its address, and a file in its body."""
        address = self.operation.path.format(
            run_id=examples.RUN_ID, vrs_id=examples.ALLELE["id"], assembly="GRCh37"
        )
        if self.operation.name == "get_variations" and not query:
            query = PLACE
        if (body := JSON_BODIES.get(self.operation.name)) is not None:
            method = getattr(self.client, self.operation.method)
            address = f"{address}?{query}" if query else address
            return method(address, content or body, content_type="application/json", **headers)
        data = (self.content if content is None else content).encode()
        method = self.operation.method.upper()
        if method == "GET":
            data = b""
        headers.setdefault("HTTP_CONTENT_DISPOSITION", 'attachment; filename="sample.vcf"')
        return self.client.generic(method, f"{address}?{query}", data, **headers)

    def run(self, content: str = examples.VCF, **columns: Any) -> Run:
        """The examples' run, with its file."""
        given = {"run_id": examples.RUN_ID, "id": examples.PK, "assembly": "GRCh37"}
        made = make_run(
            **given,
            file_name="sample.vcf",
            input_bytes=len(content),
            queue_position=0,
            **columns,
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
    digests = sorted(digest_bytes(allele["digest"]) for allele in ALLELES)
    RunAlleles.objects.create(run=session.done(), ordinal=0, digests=b"".join(digests))


def accepted(session: Session) -> Any:
    """A run to poll."""
    return session.call(query=f"run_async=true&run_id={examples.RUN_ID}")


def without_length(session: Session) -> Any:
    """An upload in chunks."""
    request = RequestFactory().generic(session.operation.method.upper(), session.operation.path, b"x")
    del request.META["CONTENT_LENGTH"]
    view = session.client.get(session.operation.path).resolver_match.func
    return view(request).render()


def cut_off(session: Session) -> Any:
    """An upload that ends before its length."""
    environ: dict[str, Any] = {"wsgi.input": io.BytesIO(b"#"), "CONTENT_LENGTH": "2"}
    return session.call(**environ)


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


def token_of_nobody() -> str:
    """A token of a provider that does not answer."""
    return jwt.encode({"iss": NOBODY}, rsa_key("first"), "RS256", headers={"kid": "first"})


def failing(session: Session) -> str:
    """A file whose last line is no record."""
    return session.content + 200 * (session.content.splitlines()[-1] + "\n") + "20\tx\n"


def unregistered(session: Session) -> Any:
    """An identifier that nothing has."""
    return session.client.get(session.operation.path.format(vrs_id=examples.UNKNOWN))


def many(session: Session) -> None:
    """So many runs wait that one more is too many."""
    session.run()
    session.settings.ANYVAR_MAX_QUEUED_RUNS = 1


OF_UPLOADS: dict[str, Provocation] = {
    "INVALID_VCF": lambda session: session.call(content="# a table\n"),
    "TRUNCATED_UPLOAD": cut_off,
    "BAD_REQUEST": lambda session: session.client.generic(
        session.operation.method.upper(),
        session.operation.path,
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
    ),
    "RUN_ID_IN_USE": after(
        lambda session: session.run(input_sha256="another file's"),
        query=f"run_id={examples.RUN_ID}&run_async=true",
    ),
    "ANNOTATIONS_MISSING": lambda session: session.call(content=examples.VCF),
    "LENGTH_REQUIRED": without_length,
    "UPLOAD_TOO_LARGE": lambda session: session.call(CONTENT_LENGTH=str(2**36 + 1)),
    "INVALID_PARAMETER": lambda session: session.call(query="run_async=2"),
    "UNKNOWN_ASSEMBLY": lambda session: session.call(query="assembly=GRCh38"),
    "REFERENCE_MISMATCH": lambda session: session.call(
        content=examples.VCF.replace("\tC\tT\t", "\tG\tT\t").replace("\tAC\tA\t", "\tGG\tG\t")
    ),
    "THROTTLED": with_settings(after(lambda session: leave(session.call())), ANYVAR_SUBMIT_RATE="1/min"),
    "TOO_MANY_RUNS": with_settings(after(Session.run), ANYVAR_OWNER_MAX_RUNS=1),
    "TOO_MANY_BYTES": with_settings(after(Session.run), ANYVAR_OWNER_MAX_BYTES=1),
    "RUN_FAILURE": lambda session: session.call(content=failing(session)),
    "STORAGE_FULL": with_settings(Session.call, ANYVAR_MIN_FREE_BYTES=2**62),
    "QUEUE_FULL": after(many),
    "NO_REFERENCE": after(lambda session: Assembly.objects.all().delete()),
}
OF_VARIATION: dict[str, Provocation] = {
    "PARSE_ERROR": lambda session: session.call(content="{"),
    "REQUEST_TOO_LARGE": with_settings(Session.call, DATA_UPLOAD_MAX_MEMORY_SIZE=10),
    "UNSUPPORTED_MEDIA_TYPE": lambda session: getattr(session.client, session.operation.method)(
        session.operation.path, "x", content_type="text/plain"
    ),
    "INVALID_PARAMETER": lambda session: session.call(query="vrs_version=1"),
    "INVALID_VARIATION": lambda session: session.call(content='{"definition": "20-0-C-T"}'),
    "UNSUPPORTED_VARIATION": lambda session: session.call(content='{"definition": "NC_000020.10:g.5C>T"}'),
    "REFERENCE_MISMATCH": lambda session: session.call(content='{"definition": "20-1451126-G-T"}'),
    "UNKNOWN_ASSEMBLY": lambda session: session.call(
        content='{"definition": "20-1451126-C-T", "assembly_name": "GRCh38"}'
    ),
    "NO_REFERENCE": after(lambda session: Assembly.objects.all().delete()),
}
OF_ALL: dict[str, Provocation] = {
    "NOT_AUTHENTICATED": with_settings(Session.call, ANYVAR_AUTH_TOKEN_LIST=["a"]),
    "AUTHENTICATION_FAILED": with_settings(
        lambda session: session.call(HTTP_AUTHORIZATION="Bearer b"), ANYVAR_AUTH_TOKEN_LIST=["a"]
    ),
    "DATABASE_UNAVAILABLE": database_away,
    "IDENTITY_PROVIDER_UNAVAILABLE": with_settings(
        lambda session: session.call(HTTP_AUTHORIZATION=f"Bearer {token_of_nobody()}"),
        ANYVAR_AUTH_ISSUER_URL=NOBODY,
    ),
    "NOT_FOUND": Session.call,
    "CONFLICT": after(Session.done),
}
OF: dict[tuple[str, int, str], Provocation] = {
    ("submit_vcf", 200, "text/plain"): lambda session: session.call(query="add_vrs_attributes=true"),
    ("submit_vcf", 202, "application/json"): accepted,
    ("ingest_vcf", 202, "application/json"): accepted,
    ("ingest_vcf", 200, "application/json"): lambda session: session.call(query=f"run_id={examples.RUN_ID}"),
    ("ingest_vcf", 200, "text/csv"): lambda session: session.call(
        content=WRONG_ID, query="require_validation=true"
    ),
    ("get_vcf", 200, "text/plain"): after(lambda session: session.done(add_vrs_attributes=True)),
    ("get_vcf", 200, "text/csv"): after(
        lambda session: session.done(WRONG_ID, kind="ingest", require_validation=True)
    ),
    ("get_vcf", 200, "application/json"): after(
        lambda session: session.done(examples.ANNOTATED, kind="ingest")
    ),
    ("get_vcf", 202, "application/json"): after(
        lambda session: make_running(
            run_id=examples.RUN_ID, input_bytes=4, bytes_done=1, records_done=500_000
        )
    ),
    ("get_vcf", 206, "text/plain"): after(Session.done, HTTP_RANGE="bytes=0-11"),
    ("get_vcf", 404, "application/json"): Session.call,
    ("get_vcf", 410, "EXPIRED"): after(
        lambda session: Run.objects.filter(pk=session.done().pk).update(expires="2020-01-01T00:00:00Z")
    ),
    ("get_vcf", 410, "CANCELLED"): after(lambda session: lifecycle.cancel_run(session.run())),
    ("get_vcf", 422, "INVALID_PARAMETER"): lambda session: session.call(query="wait=long"),
    ("get_vcf", 500, "RUN_FAILURE"): after(
        lambda session: executor.run(session.run(failing(session)).pk, task_id="t", worker="w")
    ),
    ("list_runs", 200, "application/json"): after(Session.done),
    ("list_runs", 422, "INVALID_PARAMETER"): lambda session: session.call(query="status=done"),
    ("get_run", 200, "application/json"): after(Session.done),
    ("cancel_run", 202, "application/json"): after(Session.run),
    ("retry_run", 202, "application/json"): after(lambda session: lifecycle.cancel_run(session.run())),
    ("retry_run", 503, "QUEUE_FULL"): after(many),
    ("get_run_failures", 200, "application/json"): after(
        lambda session: session.done(examples.VCF.replace("\tC\tT\t", "\tG\tT\t"))
    ),
    ("get_run_result_bgzf", 409, "CONFLICT"): after(lambda session: session.run(status="running")),
    ("get_run_result_index", 409, "CONFLICT"): after(lambda session: session.run(status="running")),
    ("get_run_result_text", 409, "CONFLICT"): after(lambda session: session.run(status="running")),
    ("get_run_result_tsv", 409, "CONFLICT"): after(lambda session: session.run(status="running")),
    ("get_run_result_ndjson", 409, "CONFLICT"): after(lambda session: session.run(status="running")),
    ("get_run_result_parquet", 409, "CONFLICT"): after(lambda session: session.run(status="running")),
    ("get_run_result_tsv", 200, "text/tab-separated-values"): after(Session.done),
    ("get_run_result_ndjson", 200, "application/x-ndjson"): after(Session.done),
    ("get_run_result_parquet", 501, "PARQUET_UNAVAILABLE"): after(without_pyarrow),
    ("get_vcf", 200, "text/tab-separated-values"): after(Session.done, query="format=tsv"),
    ("get_vcf", 200, "application/x-ndjson"): after(Session.done, query="format=ndjson"),
    ("get_vcf", 501, "PARQUET_UNAVAILABLE"): after(without_pyarrow, query="format=parquet"),
    ("get_run_result_text", 200, "text/plain"): after(Session.done),
    ("get_run_result_text", 206, "text/plain"): after(Session.done, HTTP_RANGE="bytes=0-11"),
    ("get_run_records", 200, "application/json"): after(
        lambda session: session.done(add_vrs_attributes=True), query="region=20:1451126"
    ),
    ("get_run_records", 409, "CONFLICT"): after(lambda session: session.run(status="running")),
    ("get_run_records", 422, "INVALID_PARAMETER"): after(Session.done, query="cursor=x"),
    ("get_run_alleles", 200, "application/json"): after(held),
    ("get_run_alleles", 422, "INVALID_PARAMETER"): after(Session.run, query="cursor=x"),
    ("get_object", 200, "application/json"): Session.call,
    ("get_object_runs", 200, "application/json"): after(held),
    ("get_object_runs", 422, "INVALID_PARAMETER"): lambda session: session.call(query="cursor=x"),
    ("get_object", 404, "application/json"): unregistered,
    ("get_object_runs", 404, "application/json"): unregistered,
    ("get_object_mappings", 200, "application/json"): Session.call,
    ("get_object_mappings", 404, "application/json"): unregistered,
    ("get_object_mappings", 422, "INVALID_PARAMETER"): lambda session: session.call(query="as_source=2"),
    ("get_object_annotations", 200, "application/json"): Session.call,
    ("get_object_annotations", 404, "application/json"): unregistered,
    ("register_variation", 200, "application/json"): with_settings(Session.call, ANYVAR_REGISTER=True),
    ("register_variations", 200, "application/json"): with_settings(Session.call, ANYVAR_REGISTER=True),
    ("find_variation", 200, "application/json"): Session.call,
    ("find_variation", 404, "application/json"): lambda session: session.call(
        content='{"definition": "20-1451126-C-G"}'
    ),
    ("get_objects", 200, "application/json"): Session.call,
    ("get_objects", 400, "PARSE_ERROR"): lambda session: session.call(content="{"),
    ("get_objects", 413, "REQUEST_TOO_LARGE"): after(
        lambda session: session.monkeypatch.setattr(search, "PAGE_BYTES", 1)
    ),
    ("get_objects", 415, "UNSUPPORTED_MEDIA_TYPE"): lambda session: session.client.post(
        "/objects", "x", content_type="text/plain"
    ),
    ("get_objects", 422, "INVALID_PARAMETER"): lambda session: session.call(content="{}"),
    ("get_variations", 200, "application/json"): Session.call,
    ("get_variations", 404, "SEQUENCE_NOT_FOUND"): lambda session: session.call(
        query="accession=GRCh37:99&start=1&end=2"
    ),
    ("get_variations", 422, "INVALID_PARAMETER"): lambda session: session.call(
        query="accession=GRCh37:20&start=2&end=1"
    ),
    ("get_reference_fasta", 200, "text/plain"): Session.call,
    ("get_reference_fasta", 206, "text/plain"): lambda session: session.call(HTTP_RANGE="bytes=0-11"),
    ("get_reference_index", 200, "text/plain"): Session.call,
    ("get_reference_index", 206, "text/plain"): lambda session: session.call(HTTP_RANGE="bytes=0-11"),
    ("get_stats", 200, "application/json"): after(Session.done),
    ("get_service_info", 200, "application/json"): with_settings(
        lambda session: session.call(HTTP_HOST="vrs.example.org", secure=True),
        ALLOWED_HOSTS=["vrs.example.org"],
        ANYVAR_SERVICE_ID="org.example.vrs",
        ANYVAR_ORGANIZATION_NAME="Example laboratory",
        ANYVAR_CONTACT_URL="mailto:vrs@example.org",
        ANYVAR_SERVICE_CREATED_AT="2026-11-24T12:00:00Z",
        ANYVAR_SERVICE_UPDATED_AT="2026-11-24T12:00:00Z",
    ),
    ("get_metrics", 200, "text/plain"): after(Session.done),
    ("get_metrics", 403, "PERMISSION_DENIED"): with_settings(
        after(lambda session: session.client.force_login(User.objects.create_user("u"))),
        ANYVAR_AUTH_TOKEN_LIST=["a"],
    ),
    ("get_health", 200, "application/json"): Session.call,
    ("get_readiness", 200, "application/json"): after(lambda session: storage.prepare()),
    ("get_readiness", 503, "application/json"): after(
        lambda session: session.monkeypatch.setattr(dispatch, "answers", lambda: False)
    ),
}


OF_REFERENCES: dict[str, Provocation] = {
    "NO_REFERENCE": after(lambda session: Assembly.objects.all().delete()),
    "SEQUENCE_NOT_FOUND": lambda session: session.client.get(
        session.operation.path.format(assembly="GRCh38")
    ),
}
OF_ITS_KIND = {
    "get_reference_fasta": OF_REFERENCES,
    "get_reference_index": OF_REFERENCES,
    "submit_vcf": OF_UPLOADS,
    "ingest_vcf": OF_UPLOADS,
    "register_variation": OF_VARIATION,
    "find_variation": OF_VARIATION,
    "register_variations": OF_VARIATION,
}


def provocation_of(answer: Answer) -> Provocation:
    """How the answer is got."""
    name = OPERATIONS[answer.operation].name
    own = OF.get((name, answer.status, answer.what))
    return own or OF_ITS_KIND.get(name, {}).get(answer.what) or OF_ALL[answer.what]
