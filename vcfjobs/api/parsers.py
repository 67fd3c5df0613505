"""Bodies as streams: multipart with a file field, or the file itself as the raw body."""

from __future__ import annotations

from typing import IO, Any, cast

from rest_framework.parsers import BaseParser, DataAndFiles, FileUploadParser, MultiPartParser
from rest_framework.request import Request

from vcfjobs.api.uploads import UNNAMED, SpooledUpload
from vcfjobs.errors import BadRequestError, TruncatedUploadError
from vcfjobs.runs.admission import admit_upload

FILE_FIELD = "vcf"


class CompleteStream:
    """A request body that may not end before its Content-Length."""

    def __init__(self, stream: IO[Any], length: int) -> None:
        self._stream = stream
        self._left = length

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; none at the end. Raises TruncatedUploadError."""
        data: bytes = self._stream.read(size)
        self._left -= len(data)
        if not data and size and self._left > 0:
            raise TruncatedUploadError
        return data


class SpooledParser(BaseParser):
    """A parser whose upload handlers write to the spool. On an error no file stays."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        """The form's fields and files. Raises TruncatedUploadError."""
        request = parser_context["request"]
        complete = CompleteStream(stream, int(request.META["CONTENT_LENGTH"]))
        try:
            return super().parse(cast("IO[Any]", complete), media_type, parser_context)
        except BaseException:
            for handler in request._request.upload_handlers:
                handler.upload_interrupted()  # Django does not call it when the body cannot be parsed
            raise


class SpooledMultiPartParser(SpooledParser, MultiPartParser):
    """multipart/form-data."""


class RawVcfParser(SpooledParser, FileUploadParser):
    """Any other body is the file itself (`curl -T file`)."""

    def parse(self, *args: Any, **kwargs: Any) -> DataAndFiles[Any, Any]:
        """The file, under the name of the form's field."""
        parsed = super().parse(*args, **kwargs)
        return DataAndFiles({}, {FILE_FIELD: parsed.files["file"]})

    def get_filename(self, *args: Any, **kwargs: Any) -> str:
        try:
            return super().get_filename(*args, **kwargs) or UNNAMED
        except LookupError:  # an unknown character set
            return UNNAMED


def take_upload(request: Request, owner: str) -> SpooledUpload:
    """Read the body and return its file; the caller closes it.

    Raises TruncatedUploadError, BadRequestError, and what `admit_upload` raises before anything is read.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BadRequestError("Send the file without Content-Encoding; .vcf.gz is accepted as it is.")
    admit_upload(request._request, owner)
    upload = request.FILES.get(FILE_FIELD)
    if not isinstance(upload, SpooledUpload):
        raise BadRequestError(f"The request contains no file. Send it in the form field {FILE_FIELD}.")
    return upload
