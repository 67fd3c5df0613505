"""Runs over HTTP: AnyVar's /vcf protocol, and the same runs as a resource under /runs/."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpResponseBase
from django.utils.decorators import method_decorator
from django.views.decorators.http import conditional_page
from drf_spectacular.utils import OpenApiResponse
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from vcfjobs import errors
from vcfjobs.api import columns, downloads, examples, openapi, serializers, waiting
from vcfjobs.api.alleles import NO_REGISTRY
from vcfjobs.api.authentication import caller, owner_of
from vcfjobs.api.parameters import IngestQuery, ListQuery, ResultQuery, SubmitQuery, UploadQuery, checked
from vcfjobs.api.parsers import RawVcfParser, SpooledMultiPartParser, take_upload
from vcfjobs.api.uploads import plain_name
from vcfjobs.models import Kind, Run, Status
from vcfjobs.notifications import emails
from vcfjobs.references.assemblies import resolve_assembly
from vcfjobs.runs import audit, estimates, lifecycle, submit
from vcfjobs.runs.run_ids import validate_run_id
from vcfjobs.runs.submit import Parameters, Upload
from vcfjobs.vrs.columns.formats import FORMATS
from vcfjobs.vrs.vcf.ingest import AnnotationsMissingError
from vcfjobs.vrs.vcf.report import Failure


class NewestFirst(CursorPagination):
    """Pages by cursor, which stay correct while runs are added."""

    ordering = ("-created", "-id")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described: dict[str, Any] = super().get_paginated_response_schema(schema)
        for name in ("next", "previous"):
            del described["properties"][name]["example"]  # an address of another service
        return described

    def decode_cursor(self, request: Request) -> Cursor | None:
        cursor: Cursor | None = super().decode_cursor(request)
        if cursor == (0, False, None) and request.query_params["cursor"]:  # text that holds no position
            raise errors.InvalidCursorError
        return cursor

    def paginate_queryset(self, *args: Any, **kwargs: Any) -> list[Any] | None:
        try:
            return super().paginate_queryset(*args, **kwargs)
        except (NotFound, ValidationError) as error:
            raise errors.InvalidCursorError from error


class RunViewSet(GenericViewSet[Run]):
    """Submit, poll, list, fetch, cancel, retry and delete the caller's runs."""

    pagination_class = NewestFirst

    def _find(self, run_id: str) -> Run:
        return lifecycle.find_run(run_id=run_id, **caller(self.request))

    # --- AnyVar's protocol ---------------------------------------------------------------------

    @openapi.upload(
        "submit_vcf",
        examples.VCF,
        {(200, "text/plain"): openapi.ANNOTATED},
        errors.ReferenceMismatchError,
        parameters=(SubmitQuery, openapi.ETAG),
    )
    def submit(self, request: Request) -> HttpResponseBase:
        """Annotate a VCF.

        With run_async the answer is 202 and a Location to poll, otherwise the annotated VCF.
        """
        return self._submit(request, SubmitQuery, Kind.ANNOTATE)

    @openapi.upload(
        "ingest_vcf",
        examples.ANNOTATED,
        {200: serializers.RunStatusSerializer, (200, "text/csv"): openapi.VALIDATION},
        AnnotationsMissingError,
        parameters=(IngestQuery,),
    )
    def ingest(self, request: Request) -> HttpResponseBase:
        """Register the annotations of a VCF.

        With require_validation the answer is a CSV of the identifiers that differ from the computed ones.
        """
        return self._submit(request, IngestQuery, Kind.INGEST)

    def _submit(self, request: Request, kind_of_query: type[UploadQuery], kind: Kind) -> HttpResponseBase:
        query = checked(kind_of_query, request)
        del query["allow_async_write"]
        run_async, run_id, file_name = (
            query.pop("run_async"),
            query.pop("run_id", None),
            query.pop("file_name"),
        )
        assembly = resolve_assembly(query.pop("assembly", "") or settings.ANYVAR_DEFAULT_ASSEMBLY)
        parameters = Parameters(assembly=assembly, kind=kind, **query)
        if run_id is not None:
            validate_run_id(run_id)
        owner = owner_of(request)
        if parameters.email_owner and not emails.address_of(owner):
            raise errors.InvalidParameterError(
                "email_owner: Your account has no e-mail address, or this service sends no e-mail."
            )
        with take_upload(request, owner) as upload:
            name = plain_name(file_name) if file_name else upload.name or ""
            run, _ = submit.submit_run(
                upload=Upload(upload.path, name, upload.size or 0, upload.sha256),
                parameters=parameters,
                owner=owner,
                run_id=run_id,
                run_async=run_async,
            )
        if run_async:
            address, seconds = serializers.vcf_address(run), estimates.retry_after(run)
            headers = {"Location": address, "Retry-After": str(seconds)}
            return Response(serializers.pending(run, "Run submitted."), status=202, headers=headers)
        response = self._result(request, run, "vcf")
        response.headers["Content-Location"] = f"/runs/{run.pk}/"
        return response

    @openapi.operation(
        "VCF",
        "get_vcf",
        {
            **openapi.files("text/plain", "application/gzip"),
            **openapi.tables(*(one.content_type.partition(";")[0] for one in FORMATS.values())),
            (200, "text/plain"): openapi.ANNOTATED,
            (200, "text/csv"): openapi.VALIDATION,
            (200, "application/json"): serializers.RunStatusSerializer,
            202: openapi.PENDING,
            404: serializers.RunStatusSerializer,
            410: OpenApiResponse(serializers.RunErrorSerializer, "EXPIRED, CANCELLED"),
            500: openapi.RUN_FAILED,
        },
        errors.InvalidParameterError,
        errors.ParquetUnavailableError,
        parameters=(openapi.RUN_ID, ResultQuery, openapi.RETRY_AFTER, openapi.ETAG, openapi.CONTENT_RANGE),
    )
    def result(self, request: Request, run_id: str) -> HttpResponseBase:
        """Poll a run, then fetch its result.

        202 while the run is pending; then the annotated VCF, or with format a table of its alleles, as often
        as wanted, or what an ingest run answers: JSON, or a CSV with require_validation. The status of a
        failed run is 500, or ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE.
        """
        query = checked(ResultQuery, request)
        try:
            run = self._find(run_id)
            seconds = waiting.seconds_asked(request, query["wait"])
            run = waiting.until_final(run, seconds, lambda: self._find(run_id))
        except errors.RunNotFoundError:
            unknown = {"run_id": run_id, "status": "NOT_FOUND", "status_message": "Run not found"}
            return Response(unknown, status=404)
        return self._result(request, run, query["format"])

    def _result(self, request: Request, run: Run, representation: str) -> HttpResponseBase:
        if not run.is_final:
            progress = {"progress": run.progress, "records": run.records_done}
            pending = serializers.pending(run, "Run not completed.", **progress)
            return Response(pending, status=202, headers={"Retry-After": str(estimates.retry_after(run))})
        if run.is_expired:
            return _ended(410, "EXPIRED", errors.ResultExpiredError.standard)
        if run.status == Status.CANCELLED:
            return _ended(410, "CANCELLED", "The run was cancelled.")
        if run.status == Status.FAILED:
            return _ended(settings.ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE, run.error_code, run.error)
        if run.kind == Kind.INGEST and not run.require_validation:
            lifecycle.mark_fetched(run)
            done = "VCF registration complete" if settings.ANYVAR_REGISTER else NO_REGISTRY
            return Response({"run_id": run.run_id, "status": "SUCCESS", "status_message": done})
        if representation in FORMATS:
            return columns.answer(request, run, representation)
        forms = {"vcf": "text", "vcf.gz": "bgzf"}
        return downloads.answer(request, run, "csv" if run.kind == Kind.INGEST else forms[representation])

    # --- the resource --------------------------------------------------------------------------

    @openapi.operation(
        "Runs",
        "list_runs",
        {200: serializers.RunListSerializer(many=True)},
        errors.InvalidParameterError,
        parameters=(ListQuery,),
    )
    def list(self, request: Request) -> Response:
        """List your runs, newest first, page by page."""
        query = checked(ListQuery, request, also=("cursor", "page_size"))
        runs = lifecycle.visible_runs(**caller(request)).filter(**query).defer("report", "traceback")
        page = self.paginate_queryset(runs)
        return self.get_paginated_response(serializers.RunListSerializer(page, many=True).data)

    @openapi.of_run("get_run", {200: serializers.RunSerializer, 304: None}, parameters=(openapi.ETAG,))
    @method_decorator(conditional_page)
    def retrieve(self, request: Request, run_id: str) -> Response:
        """Everything about a run."""
        run = self._find(run_id)
        context = {"outlook": estimates.outlook_of(run)}
        return Response(serializers.RunSerializer(run, context=context).data)

    @openapi.of_run("delete_run", {204: None})
    def destroy(self, request: Request, run_id: str) -> Response:
        """Delete a run and its files. A run that has not ended is cancelled first."""
        run = self._find(run_id)
        lifecycle.delete_run(run)
        audit.note_action(request.user, run, "Deleted.", audit.DELETION)
        return Response(status=204)

    @openapi.of_run("cancel_run", {202: serializers.RunListSerializer}, errors.RunConflictError)
    def cancel(self, request: Request, run_id: str) -> Response:
        """Cancel a run that has not ended."""
        run = self._find(run_id)
        lifecycle.cancel_run(run)
        audit.note_action(request.user, run, "Cancelled.")
        return self._changed(run)

    @openapi.of_run(
        "retry_run",
        {202: serializers.RunListSerializer},
        errors.RunConflictError,
        errors.QueueFullError,
        parameters=(openapi.RETRY_AFTER,),
    )
    def retry(self, request: Request, run_id: str) -> Response:
        """Queue a failed or cancelled run again, if its file is still stored."""
        run = self._find(run_id)
        lifecycle.retry_run(run)
        audit.note_action(request.user, run, "Queued again.")
        return self._changed(run)

    @openapi.of_run("get_run_failures", {200: serializers.FailuresSerializer})
    def failures(self, request: Request, run_id: str) -> Response:
        """The first thousand records with a wrong REF or position, and the reason."""
        report = self._find(run_id).report or {"failed": {}, "failures": []}
        rows = [Failure(*row)._asdict() for row in report["failures"]]
        return Response({"failed": report["failed"], "failures": rows})

    @openapi.download("get_run_result_bgzf", "application/gzip")
    def result_bgzf(self, request: Request, run_id: str) -> HttpResponseBase:
        """The annotated VCF as BGZF, with Range, for bcftools and IGV."""
        return downloads.answer(request, self._succeeded(run_id), "bgzf")

    @openapi.download("get_run_result_text", "text/plain")
    def result_text(self, request: Request, run_id: str) -> HttpResponseBase:
        """The annotated VCF as plain text, with Range."""
        return downloads.answer(request, self._succeeded(run_id), "text")

    @openapi.download("get_run_result_index", "application/octet-stream")
    def result_index(self, request: Request, run_id: str) -> HttpResponseBase:
        """The tabix index of the result."""
        return downloads.answer(request, self._succeeded(run_id), "tbi")

    @openapi.table("get_run_result_tsv", "text/tab-separated-values")
    def result_tsv(self, request: Request, run_id: str) -> HttpResponseBase:
        """The alleles of the result as TSV.

        A header line, then a line for each allele of each record.
        """
        return columns.answer(request, self._succeeded(run_id), "tsv")

    @openapi.table("get_run_result_ndjson", "application/x-ndjson")
    def result_ndjson(self, request: Request, run_id: str) -> HttpResponseBase:
        """The alleles of the result as NDJSON.

        An object for each allele of each record.
        """
        return columns.answer(request, self._succeeded(run_id), "ndjson")

    @openapi.table("get_run_result_parquet", "application/vnd.apache.parquet", errors.ParquetUnavailableError)
    def result_parquet(self, request: Request, run_id: str) -> HttpResponseBase:
        """The alleles of the result as Parquet.

        A row for each allele of each record. 501 where pyarrow is not installed.
        """
        return columns.answer(request, self._succeeded(run_id), "parquet")

    def _succeeded(self, run_id: str) -> Run:
        run = self._find(run_id)
        if run.status != Status.SUCCEEDED:
            raise errors.RunConflictError(f"The run is {run.status}: it has no result.")
        if run.kind == Kind.INGEST:
            raise errors.RunNotFoundError("A run that registers annotations has no result file.")
        if run.is_expired:
            raise errors.ResultExpiredError
        return run

    def _changed(self, run: Run) -> Response:
        run.refresh_from_db()
        return Response(serializers.RunListSerializer(run).data, status=202)


class SubmitViewSet(RunViewSet):
    """PUT and POST /vcf and /annotated_vcf, whose bodies are written to the spool."""

    parser_classes = (SpooledMultiPartParser, RawVcfParser)


def _ended(code: int, error_code: str, sentence: str) -> Response:
    return Response({"error": sentence, "error_code": error_code}, status=code)
