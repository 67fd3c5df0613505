"""Take the upload form: spool its body, submit its file, put each error at its field."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from django.conf import settings
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from vcfjobs.errors import TruncatedUploadError, VcfJobsError
from vcfjobs.models import Run
from vcfjobs.runs import submit
from vcfjobs.runs.admission import admit_upload
from vcfjobs.vrs.versions import VrsVersion
from vcfjobs.web.forms import CUT, UploadForm

# What the other fields and the headers of the parts may add to the file.
FORM_BYTES = 1 << 20
# The field that an error is shown at; other errors concern the whole form.
FIELD_OF_ERROR = {
    "INVALID_VCF": "vcf",
    "UPLOAD_TOO_LARGE": "vcf",
    "RUN_ID_IN_USE": "run_id",
    "UNKNOWN_ASSEMBLY": "assembly",
    "REFERENCE_MISMATCH": "assembly",
}


def read_body(request: HttpRequest, owner: str) -> None:
    """Spool the body once it is admitted. Raises what `admit_upload` and the spool raise.

    Django closes the request after the answer, which deletes the spooled file unless a run has adopted it.
    """
    admit_upload(request, owner, form_bytes=FORM_BYTES)
    try:
        request.POST  # noqa: B018  # parses
    except (VcfJobsError, UnreadablePostError, MultiPartParserError) as error:
        for handler in request.upload_handlers:  # Django does not clean up a file that fails half-way
            handler.upload_interrupted()
        if isinstance(error, UnreadablePostError):
            raise TruncatedUploadError(CUT) from error
        raise


def submit_form(form: UploadForm, owner: str) -> tuple[Run, bool]:
    """Submit the file of a valid form: the run, and whether it is new.

    An error is added to its field and raised.
    """
    asked = form.cleaned_data
    file = asked["vcf"]
    try:
        return submit.submit_run(
            upload=submit.Upload(Path(file.temporary_file_path()), file.name, file.size, file.sha256),
            parameters=submit.Parameters(
                assembly=asked["assembly"],
                for_ref=asked["for_ref"],
                add_vrs_attributes=asked["add_vrs_attributes"],
                register=asked["register"],
                vrs_version=cast("VrsVersion", asked["vrs_version"] or settings.ANYVAR_VRS_VERSION),
                email_owner=asked.get("email_owner", False),
            ),
            owner=owner,
            run_id=asked["run_id"],
            run_async=True,
        )
    except VcfJobsError as error:
        form.add_error(FIELD_OF_ERROR.get(error.code), error.sentence)
        raise


def status_of(form: UploadForm) -> int:
    """400 where the file is missing, empty or cut; 422 where a parameter is wrong."""
    return 400 if "vcf" in form.errors or form.has_error("__all__", "truncated") else 422
