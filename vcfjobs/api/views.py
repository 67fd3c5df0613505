"""Runs over HTTP: AnyVar's /vcf protocol, and the same runs as a resource under /runs/."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpResponseBase
from django.utils.decorators import method_decorator
from django.views.decorators.http import conditional_page
from rest_framework import mixins, status
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from vcfjobs.api import columns, downloads, results, serializers, waiting
from vcfjobs.api.authentication import caller, owner_of
from vcfjobs.api.openapi import operations
from vcfjobs.api.parameters import IngestQuery, ListQuery, ResultQuery, SubmitQuery, UploadQuery, checked
from vcfjobs.api.parsers import RawVcfParser, SpooledMultiPartParser, take_upload
from vcfjobs.errors import InvalidCursorError, ResultExpiredError, RunConflictError, RunNotFoundError
from vcfjobs.models import Kind, Run, RunQuerySet, Status
from vcfjobs.references.assemblies import resolve_assembly
from vcfjobs.runs import estimates, lifecycle, submit
from vcfjobs.runs.run_ids import validate_run_id
from vcfjobs.runs.submit import Parameters, Upload
from vcfjobs.vrs.columns.formats import FORMATS
from vcfjobs.vrs.vcf.report import Failure


class NewestFirst(CursorPagination):
    """Pages by cursor, which stay correct while runs are added."""

    ordering = ("-created", "-id")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The framework's, without its example addresses: our example is the only page."""
        described: dict[str, Any] = super().get_paginated_response_schema(schema)
        for name in ("next", "previous"):
            described["properties"][name]["example"] = None
        return described

    def decode_cursor(self, request: Request) -> Cursor | None:
        cursor: Cursor | None = super().decode_cursor(request)
        if cursor is not None and request.query_params["cursor"] and cursor == (0, False, None):
            raise InvalidCursorError
        return cursor

    def paginate_queryset(self, *args: Any, **kwargs: Any) -> list[Any] | None:
        try:
            return super().paginate_queryset(*args, **kwargs)
        except (NotFound, ValidationError) as error:
            raise InvalidCursorError from error


class RunViewSet(mixins.ListModelMixin, GenericViewSet[Run]):
    """Submit, poll, list, fetch, cancel, retry and delete the caller's runs."""

    serializer_class = serializers.RunListSerializer
    pagination_class = NewestFirst
    lookup_field = "run_id"

    def get_queryset(self) -> RunQuerySet:
        """The caller's runs that the filters let through."""
        if getattr(self, "swagger_fake_view", False):
            return Run.objects.none()
        query = checked(ListQuery, self.request, also=("cursor", "page_size"))
        names = {"created_after": "created__gte", "created_before": "created__lt"}
        filters = {names.get(name, name): value for name, value in query.items()}
        visible = lifecycle.visible_runs(**caller(self.request))
        return visible.filter(**filters).defer("report", "traceback")

    def _find(self, run_id: str) -> Run:
        return lifecycle.find_run(run_id=run_id, **caller(self.request))

    # --- AnyVar's protocol ---------------------------------------------------------------------

    @operations.submit("submit_vcf_by_post", "POST")
    @operations.submit("submit_vcf", "PUT")
    def submit(self, request: Request) -> HttpResponseBase:
        """Annotate a VCF: 202 and a Location to poll with run_async, else the annotated file."""
        return self._submit(request, SubmitQuery, Kind.ANNOTATE)

    @operations.ingest("ingest_vcf_by_post", "POST")
    @operations.ingest("ingest_vcf", "PUT")
    def ingest(self, request: Request) -> HttpResponseBase:
        """Register the annotations that a VCF carries; with require_validation, a CSV of what is wrong."""
        return self._submit(request, IngestQuery, Kind.INGEST)

    def _submit(self, request: Request, kind_of_query: type[UploadQuery], kind: Kind) -> HttpResponseBase:
        query = checked(kind_of_query, request)
        del query["allow_async_write"]
        run_async, run_id = query.pop("run_async"), query.pop("run_id", None)
        assembly = resolve_assembly(query.pop("assembly", "") or settings.ANYVAR_DEFAULT_ASSEMBLY)
        parameters = Parameters(assembly=assembly, kind=kind, **query)
        if run_id is not None:
            validate_run_id(run_id)
        owner = owner_of(request)
        with take_upload(request, owner) as upload:
            run, _ = submit.submit_run(
                upload=Upload(upload.path, upload.name or "", upload.size or 0, upload.sha256),
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

    @operations.RESULT
    def result(self, request: Request, run_id: str) -> HttpResponseBase:
        """The run's status while it is pending, then the annotated VCF, as often as wanted."""
        query = checked(ResultQuery, request)
        try:
            run = self._find(run_id)
            seconds = waiting.seconds_asked(request, query["wait"])
            run = waiting.until_final(run, seconds, lambda: self._find(run_id))
        except RunNotFoundError:
            unknown = {"run_id": run_id, "status": "NOT_FOUND", "status_message": "Run not found"}
            return Response(unknown, status=404)
        return self._result(request, run, query["format"])

    def _result(self, request: Request, run: Run, representation: str) -> HttpResponseBase:
        if not run.is_final:
            progress = {"progress": run.progress, "records": run.records_done}
            pending = serializers.pending(run, "Run not completed.", **progress)
            return Response(pending, status=202, headers={"Retry-After": str(estimates.retry_after(run))})
        if run.is_expired:
            return _ended(410, "EXPIRED", ResultExpiredError.standard)
        if run.status == Status.CANCELLED:
            return _ended(410, "CANCELLED", "The run was cancelled.")
        if run.status == Status.FAILED:
            return _ended(settings.ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE, run.error_code, run.error)
        if run.kind == Kind.INGEST and not run.require_validation:
            lifecycle.mark_fetched(run)
            done = {"run_id": run.run_id, "status": "SUCCESS", "status_message": "VCF registration complete"}
            return Response(done)
        if representation in FORMATS:
            return columns.answer(request, run, representation, lambda: lifecycle.mark_fetched(run))
        if run.kind == Kind.INGEST:
            what = results.validation(run)
        else:
            what = results.bgzf(run) if representation == "vcf.gz" else results.text(run)
        return downloads.answer(request, what, lambda: lifecycle.mark_fetched(run))

    # --- the resource --------------------------------------------------------------------------

    @operations.LIST
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The caller's runs, newest first, page by page."""
        return super().list(request, *args, **kwargs)

    @operations.RETRIEVE
    @method_decorator(conditional_page)
    def retrieve(self, request: Request, run_id: str) -> Response:
        """Everything about one run."""
        return Response(serializers.RunSerializer(self._find(run_id)).data)

    @operations.DESTROY
    def destroy(self, request: Request, run_id: str) -> Response:
        """Remove a run and its files, cancelling it first when needed."""
        lifecycle.delete_run(self._find(run_id))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @operations.CANCEL
    def cancel(self, request: Request, run_id: str) -> Response:
        """Cancel a run that has not ended; 409 when it has."""
        run = self._find(run_id)
        lifecycle.cancel_run(run)
        return self._changed(run)

    @operations.RETRY
    def retry(self, request: Request, run_id: str) -> Response:
        """Queue a failed or cancelled run again; 409 when its file is gone or it is neither."""
        run = self._find(run_id)
        lifecycle.retry_run(run)
        return self._changed(run)

    @operations.FAILURES
    def failures(self, request: Request, run_id: str) -> Response:
        """The records that got no identifier, with the reason: the first thousand."""
        report = self._find(run_id).report or {"failed": {}, "failures": []}
        rows = [Failure(*row)._asdict() for row in report["failures"]]
        return Response({"failed": report["failed"], "failures": rows})

    @operations.RESULT_BGZF
    def result_bgzf(self, request: Request, run_id: str) -> HttpResponseBase:
        """The annotated VCF as BGZF, with Range, for bcftools and IGV."""
        run = self._succeeded(run_id)
        return downloads.answer(request, results.bgzf(run), lambda: lifecycle.mark_fetched(run))

    @operations.RESULT_TEXT
    def result_text(self, request: Request, run_id: str) -> HttpResponseBase:
        """The annotated VCF as plain text, with Range."""
        run = self._succeeded(run_id)
        return downloads.answer(request, results.text(run), lambda: lifecycle.mark_fetched(run))

    @operations.RESULT_INDEX
    def result_index(self, request: Request, run_id: str) -> HttpResponseBase:
        """The tabix index of the result."""
        return downloads.answer(request, results.index(self._succeeded(run_id)))

    @operations.RESULT_TSV
    def result_tsv(self, request: Request, run_id: str) -> HttpResponseBase:
        """The alleles of the result as tab-separated values, one per line."""
        return self._table(request, run_id, "tsv")

    @operations.RESULT_NDJSON
    def result_ndjson(self, request: Request, run_id: str) -> HttpResponseBase:
        """The alleles of the result as JSON objects, one per line."""
        return self._table(request, run_id, "ndjson")

    @operations.RESULT_PARQUET
    def result_parquet(self, request: Request, run_id: str) -> HttpResponseBase:
        """The alleles of the result as Parquet."""
        return self._table(request, run_id, "parquet")

    def _table(self, request: Request, run_id: str, name: str) -> HttpResponseBase:
        run = self._succeeded(run_id)
        return columns.answer(request, run, name, lambda: lifecycle.mark_fetched(run))

    def _succeeded(self, run_id: str) -> Run:
        run = self._find(run_id)
        if run.status != Status.SUCCEEDED:
            raise RunConflictError(f"The run is {run.status}: it has no result.")
        if run.kind == Kind.INGEST:
            raise RunNotFoundError("A run that registers annotations has no result file.")
        if run.is_expired:
            raise ResultExpiredError
        return run

    def _changed(self, run: Run) -> Response:
        run.refresh_from_db()
        return Response(serializers.RunListSerializer(run).data, status=202)


class SubmitViewSet(RunViewSet):
    """PUT and POST /vcf and /annotated_vcf, whose bodies are written to the spool."""

    parser_classes = (SpooledMultiPartParser, RawVcfParser)


def _ended(code: int, error_code: str, sentence: str) -> Response:
    return Response({"error": sentence, "error_code": error_code}, status=code)
