"""`file_name=`: a raw upload has no name of its own, and its run and its download need one."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.api.conftest import Submit, leave
from vcfjobs.models import Run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "multipart"])
def test_run_and_download_are_named_by_it(submit: Submit, raw: bool) -> None:
    answer = submit(raw=raw, file_name="patient%201.vcf.gz")
    assert Run.objects.get().file_name == "patient 1.vcf.gz"
    assert answer["Content-Disposition"] == 'attachment; filename="patient_1.vrs.vcf"'
    leave(answer)


def test_without_it_the_name_is_the_uploads(submit: Submit) -> None:
    for raw, file_name in ((True, ""), (False, "")):
        leave(submit(raw=raw, file_name=file_name))
    assert sorted(Run.objects.values_list("file_name", flat=True)) == ["in.vcf", "upload.vcf"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\a.vcf", "a.vcf"),
        pytest.param("a\r\nSet-Cookie: x=1.vcf", "aSet-Cookie: x=1.vcf", id="header"),
        pytest.param("a\u202efcv.vcf", "afcv.vcf", id="right-to-left"),
        ("..", "upload.vcf"),
        ("/", "upload.vcf"),
        pytest.param("ü" * 300, "ü" * 255, id="300-letters"),
    ],
)
def test_neither_folders_nor_control_characters_are_kept(submit: Submit, given: str, kept: str) -> None:
    answer = submit(raw=True, file_name=quote(given))
    assert answer.status_code == 200
    assert Run.objects.get().file_name == kept
    assert not any(mark in answer["Content-Disposition"] for mark in ("\r", "\n", "/", ".."))
    leave(answer)


def test_the_same_file_under_another_name_is_the_same_request(submit: Submit) -> None:
    answers = [
        submit(raw=True, run_async="true", run_id="a", file_name=name).json()["run_id"] for name in ("a", "b")
    ]
    assert (answers, Run.objects.count()) == (["a", "a"], 1)
