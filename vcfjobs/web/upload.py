"""Take the upload form: its body into the spool, its file into a run, its errors to their fields."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from vcfjobs.errors import TruncatedUploadError, UploadTooLargeError, VcfJobsError
from vcfjobs.models import Run
from vcfjobs.runs import submit
from vcfjobs.runs.rate_limit import check_submit_rate
from vcfjobs.web.forms import CUT, UploadForm

# What a form's other fields, and the parts' own headers, may add to the file.
FORM_BYTES = 1 << 20
# Which field of the form an error is about; the others are about the whole.
FIELD_OF_ERROR = {
    "INVALID_VCF": "vcf",
    "UPLOAD_TOO_LARGE": "vcf",
    "RUN_ID_IN_USE": "run_id",
    "UNKNOWN_ASSEMBLY": "assembly",
    "REFERENCE_MISMATCH": "assembly",
}


def read_body(request: HttpRequest, owner: str) -> None:
    """Spool the upload, unless it need not be read at all; a slow one holds no database connection.

    Raises SubmittedTooOftenError, UploadTooLargeError, what `require_room` raises, and what the spool raises.
    """
    check_submit_rate(request)
    text = request.META.get("CONTENT_LENGTH") or ""
    length = int(text) if text.isdigit() else 0
    if length > settings.ANYVAR_MAX_UPLOAD_BYTES + FORM_BYTES:
        raise UploadTooLargeError(
            f"The upload is larger than the limit of {settings.ANYVAR_MAX_UPLOAD_BYTES:,} bytes."
        )
    submit.require_room(owner, length)
    if not connection.in_atomic_block:
        connection.close()
    try:
        request.POST  # noqa: B018  # parses
    except (VcfJobsError, UnreadablePostError, MultiPartParserError) as error:
        for handler in request.upload_handlers:  # Django leaves a file that fails half-way to us
            handler.upload_interrupted()
        if isinstance(error, UnreadablePostError):
            raise TruncatedUploadError(CUT) from error
        raise


def submit_form(form: UploadForm, owner: str) -> tuple[Run, bool]:
    """Submit the file of a valid form: the run, and whether it is new.

    The spooled bytes do not outlive an error, which is raised and said at its field.
    """
    file, asked = form.cleaned_data["vcf"], form.cleaned_data
    spooled = Path(file.temporary_file_path())
    try:
        return submit.submit_run(
            upload=submit.Upload(spooled, file.name, file.size, file.sha256),
            parameters=submit.Parameters(
                asked["assembly"], asked["for_ref"], asked["add_vrs_attributes"], asked["register"]
            ),
            owner=owner,
            run_id=asked["run_id"],
            run_async=True,
        )
    except VcfJobsError as error:
        form.add_error(FIELD_OF_ERROR.get(error.code), error.sentence)
        raise
    finally:
        spooled.unlink(missing_ok=True)


def status_of(form: UploadForm) -> int:
    """400 where the file is missing, empty or cut; 422 where a parameter is wrong."""
    return 400 if "vcf" in form.errors or form.has_error("__all__", "truncated") else 422
