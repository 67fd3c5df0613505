"""Nothing of an upload is stored before it is admitted, and nothing of a refused one stays."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from tests.factories import HEADER, VCF, make_run
from vcfjobs import storage
from vcfjobs.api.uploads import SpooledUpload
from vcfjobs.models import Run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tiny_assembly", "broker")]

Post = Callable[..., HttpResponse]
CSRF = "a" * 32
BEARER = {"HTTP_AUTHORIZATION": "Bearer secret"}
ADDRESSES = ["/vcf", "/annotated_vcf"]


@pytest.fixture(params=["raw", "multipart"])
def form(request: pytest.FixtureRequest) -> str:
    """How the file is sent."""
    return str(request.param)


@pytest.fixture(params=["session", "token"])
def caller(request: pytest.FixtureRequest) -> str:
    """Who sends it."""
    return str(request.param)


@pytest.fixture
def post(settings: Settings, form: str, caller: str) -> Post:
    """POST a file as the caller, with CSRF enforced; `csrf` is the header's token."""
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret"]
    client = Client(enforce_csrf_checks=True)
    user = User.objects.create_user("ada")
    if caller == "session":
        client.force_login(user)
        client.cookies["csrftoken"] = CSRF

    def call(
        path: str = "/vcf", query: str = "", content: bytes = VCF, csrf: str = CSRF, **extra: Any
    ) -> Any:
        extra = (BEARER if caller == "token" else {"HTTP_X_CSRFTOKEN": csrf}) | extra
        address = f"{path}?assembly=tiny&run_async=true{query}"
        if form == "raw":
            return client.post(address, content, "application/octet-stream", **extra)
        file = SimpleUploadedFile("a.vcf", content)
        return client.post(address, {"vcf": file, "csrfmiddlewaretoken": CSRF}, **extra)

    return call


@pytest.fixture
def spooled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files begun in the spool."""
    begun: list[str] = []
    begin = SpooledUpload.__init__

    def noted(self: SpooledUpload, name: str | None) -> None:
        begun.append(str(name))
        begin(self, name)

    monkeypatch.setattr(SpooledUpload, "__init__", noted)
    return begun


def test_an_upload_of_either_form_and_caller_is_accepted(post: Post, spooled: list[str]) -> None:
    assert post().status_code == 202
    assert len(spooled) == 1
    assert Run.objects.get().input_bytes == len(VCF)


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize(
    ("status", "request_", "changed"),
    [
        pytest.param(422, {"query": "&asembly=tiny"}, {}, id="unknown parameter"),
        pytest.param(422, {"query": "&assembly=GRCh99"}, {}, id="unknown assembly"),
        pytest.param(422, {"query": "&run_id=a/b"}, {}, id="wrong run_id"),
        pytest.param(400, {"HTTP_CONTENT_ENCODING": "gzip"}, {}, id="content encoding"),
        pytest.param(411, {"CONTENT_LENGTH": ""}, {}, id="no length"),
        pytest.param(413, {}, {"ANYVAR_MAX_UPLOAD_BYTES": 10}, id="too large"),
        pytest.param(429, {}, {"ANYVAR_SUBMIT_RATE": "0/min"}, id="rate"),
        pytest.param(429, {}, {"ANYVAR_OWNER_MAX_BYTES": 1}, id="quota"),
        pytest.param(503, {}, {"ANYVAR_MIN_FREE_BYTES": 2**62}, id="full disk"),
    ],
)
def test_what_is_refused_by_its_head_is_not_spooled(
    post: Post,
    settings: Settings,
    spooled: list[str],
    path: str,
    status: int,
    request_: dict[str, str],
    changed: dict[str, Any],
) -> None:
    for name, value in changed.items():
        setattr(settings, name, value)
    answer = post(path, **request_)
    assert (answer.status_code, spooled) == (status, []), answer.content


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("caller", ["session"], indirect=True)
def test_a_session_without_its_csrf_header_is_not_spooled(post: Post, spooled: list[str], path: str) -> None:
    assert [post(path, csrf=wrong).status_code for wrong in ("", "b" * 32)] == [403, 403]
    assert spooled == []


@pytest.mark.parametrize("caller", ["token"], indirect=True)
def test_an_unknown_token_is_not_spooled(post: Post, spooled: list[str]) -> None:
    assert post(HTTP_AUTHORIZATION="Bearer other").status_code == 401
    assert spooled == []


@pytest.mark.parametrize(
    ("status", "content", "query"),
    [
        pytest.param(400, b"hello", "", id="no VCF"),
        pytest.param(422, (HEADER + 5 * "chr1\t1\t.\tG\tC\t.\t.\t.\n").encode(), "", id="wrong reference"),
        pytest.param(400, VCF, "&run_id=used", id="run_id in use"),
    ],
)
def test_what_is_refused_by_its_content_does_not_stay(
    post: Post, caller: str, status: int, content: bytes, query: str
) -> None:
    owner = f"user:{User.objects.get().pk}" if caller == "session" else ""
    make_run(run_id="used", owner=owner, input_sha256="another file's")
    if query and caller == "token":
        assert post(query=query, content=content[:-1]).status_code == 202
    answer = post(query=query, content=content)
    assert answer.status_code == status, answer.content
    assert list(storage.spool().iterdir()) == []


@pytest.mark.parametrize("form", ["raw"], indirect=True)
@pytest.mark.parametrize("wrong", ["cut", "not base64", "full disk"])
def test_all_files_of_a_form_that_breaks_off_are_removed(
    post: Post, monkeypatch: pytest.MonkeyPatch, spooled: list[str], wrong: str
) -> None:
    head = '--x\r\nContent-Disposition: form-data; name="{0}"; filename="{0}.vcf"\r\n'
    whole = head.format("vcf").encode() + b"\r\n" + VCF + b"\r\n"
    encoded = head.format("other").encode() + b"Content-Transfer-Encoding: base64\r\n\r\n"
    content = whole + encoded + b"QUJD" * 100_000 + (b"!!!!!" if wrong == "not base64" else b"")
    extra: dict[str, Any] = {"CONTENT_TYPE": "multipart/form-data; boundary=x"}
    if wrong == "cut":
        extra |= {"wsgi.input": io.BytesIO(content[:-9]), "CONTENT_LENGTH": str(len(content))}
    elif wrong == "full disk":
        room = iter([10**12, 10**12])  # when admitted, and during the first file
        monkeypatch.setattr(storage, "free_bytes", lambda: next(room, 0))
    answer = post(content=content + b"\r\n--x--\r\n", **extra)
    assert answer.status_code == (503 if wrong == "full disk" else 400), answer.content
    assert spooled == ["vcf.vcf", "other.vcf"]
    assert list(storage.spool().iterdir()) == []
