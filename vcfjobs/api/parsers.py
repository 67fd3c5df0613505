"""Bodies as streams: multipart with a file field, or the file itself as the raw body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import IO, Any, cast

from django.db import connection
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.http import parse_header_parameters
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser
from rest_framework.request import Request

from vcfjobs.api.uploads import SpooledUpload, refuse_too_large, spool
from vcfjobs.errors import BadRequestError, LengthRequiredError, TruncatedUploadError

FILE_FIELD = "vcf"


class CountedStream:
    """A request body that knows how many bytes have come."""

    def __init__(self, stream: IO[Any]) -> None:
        self._stream = stream
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes. Raises TruncatedUploadError when the client went away."""
        try:
            data: bytes = self._stream.read(size)
        except UnreadablePostError as error:
            raise _truncated() from error
        self.count += len(data)
        return data


class SpooledMultiPartParser(MultiPartParser):
    """multipart/form-data whose file fields go to the spool."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> DataAndFiles[Any, Any]:
        """The form's fields and files. Raises TruncatedUploadError."""
        counted = CountedStream(stream)
        try:
            parsed = super().parse(cast("IO[Any]", counted), media_type, parser_context)
        except BaseException:
            for handler in (parser_context or {})["request"]._request.upload_handlers:
                handler.upload_interrupted()  # Django does not tell it when the body cannot be parsed
            raise
        if counted.count < _announced(parser_context):
            for _, uploads in parsed.files.lists():  # `values` has the last of each name alone
                for upload in uploads:
                    upload.close()
            raise _truncated()
        return parsed


class RawVcfParser(BaseParser):
    """Any other body is the file itself (`curl -T file`)."""

    media_type = "*/*"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, SpooledUpload]:
        """The file under the name of the form's field. Raises TruncatedUploadError."""
        counted = CountedStream(stream)
        request: Request = (parser_context or {})["request"]
        upload = spool(cast("Any", counted), _file_name(request))
        if counted.count < _announced(parser_context):
            upload.close()
            raise _truncated()
        return {FILE_FIELD: upload}


def take_upload(request: Request, require_room: Callable[[int], None]) -> SpooledUpload:
    """Read the body and give its file; the caller closes it.

    Raises LengthRequiredError, UploadTooLargeError, TruncatedUploadError, BadRequestError, and what
    `require_room` raises for so many bytes before one of them is read.
    """
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdigit():
        raise LengthRequiredError("The upload needs a Content-Length; chunked bodies are not taken.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BadRequestError("Send the file as it is, without Content-Encoding; .vcf.gz is understood.")
    refuse_too_large(int(length))
    require_room(int(length))
    if not connection.in_atomic_block:
        connection.close()  # a slow upload holds a thread, not a database connection
    try:
        upload = cast("Mapping[str, Any]", request.data).get(FILE_FIELD)
    except MultiPartParserError as error:
        raise BadRequestError("The multipart body cannot be read.") from error
    if not isinstance(upload, SpooledUpload):
        raise BadRequestError(f"The request holds no file: send it in the form field {FILE_FIELD}.")
    return upload


def _announced(parser_context: Mapping[str, Any] | None) -> int:
    return int((parser_context or {})["request"].META["CONTENT_LENGTH"])


def _truncated() -> TruncatedUploadError:
    return TruncatedUploadError("The upload ended before its Content-Length: nothing of it was kept.")


def _file_name(request: Request) -> str:
    try:
        _, parameters = parse_header_parameters(request.headers.get("Content-Disposition", ""))
    except (LookupError, ValueError):  # a character set that there is not
        return ""
    return str(parameters.get("filename", ""))
