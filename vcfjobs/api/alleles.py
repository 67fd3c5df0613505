"""The registry over HTTP: alleles by identifier or location, and the runs that contain them."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, OpenApiRequest
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vcfjobs.api import examples, openapi, serializers
from vcfjobs.api.authentication import caller
from vcfjobs.api.parameters import PageQuery, VariationsQuery, checked
from vcfjobs.errors import (
    InvalidCursorError,
    InvalidParameterError,
    RequestTooLargeError,
    SequenceNotFoundError,
)
from vcfjobs.references.assemblies import accession_of
from vcfjobs.registry import provenance, queries, search
from vcfjobs.runs import lifecycle
from vcfjobs.vrs.digests import ALLELE_PREFIX


class ObjectView(APIView):
    @openapi.operation(
        "Registry",
        "get_object",
        {200: openapi.OBJECT, 404: serializers.DetailSerializer},
        parameters=(openapi.VRS_ID,),
    )
    def get(self, request: Request, vrs_id: str) -> Response:
        """The VRS object of a registered identifier."""
        found = search.find_alleles([vrs_id])
        if not found:
            return Response({"detail": f"VRS Object {vrs_id} not found"}, status=404)
        return Response({"messages": [], "data": found[0].to_vrs()})


class ObjectsView(APIView):
    @openapi.operation(
        "Registry",
        "get_objects",
        {200: serializers.ObjectsSerializer},
        ParseError,
        UnsupportedMediaType,
        RequestTooLargeError,
        InvalidParameterError,
        request=OpenApiRequest(
            serializers.IdsSerializer, examples=[OpenApiExample("Two identifiers", examples.IDS)]
        ),
    )
    def post(self, request: Request) -> Response:
        """The VRS objects of up to 10,000 identifiers."""
        given = serializers.IdsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        ids: list[str] = given.validated_data["ids"]
        objects = {f"{ALLELE_PREFIX}{allele.pk}": allele.to_vrs() for allele in search.find_alleles(ids)}
        return Response({"objects": objects, "missing": [vrs_id for vrs_id in ids if vrs_id not in objects]})


class ObjectRunsView(APIView):
    @openapi.operation(
        "Registry",
        "get_object_runs",
        {200: serializers.HoldingRunsSerializer, 404: serializers.DetailSerializer},
        InvalidCursorError,
        parameters=(openapi.VRS_ID, PageQuery),
    )
    def get(self, request: Request, vrs_id: str) -> Response:
        """Your runs that contain an allele, newest first, page by page."""
        cursor = checked(PageQuery, request)["cursor"]
        found = search.find_alleles([vrs_id])
        if not found:
            return Response({"detail": f"VRS Object {vrs_id} not found"}, status=404)
        visible = lifecycle.visible_runs(**caller(request))
        holding = provenance.runs_holding(found[0], visible, cursor)
        rows = [
            {"id": str(run.pk), "run_id": run.run_id, "created": run.created, "self": f"/runs/{run.pk}/"}
            for run in holding.runs
        ]
        return Response({"runs": rows, "next_cursor": holding.older or None})


class RunAllelesView(APIView):
    @openapi.of_run(
        "get_run_alleles",
        {200: serializers.RunAllelesSerializer},
        InvalidCursorError,
        parameters=(PageQuery,),
    )
    def get(self, request: Request, run_id: str) -> Response:
        """The identifiers of a run's alleles, page by page."""
        run = lifecycle.find_run(run_id=run_id, **caller(request))
        ids, cursor = provenance.alleles_of(run, checked(PageQuery, request)["cursor"])
        return Response({"ids": ids, "next_cursor": cursor or None})


class VariationsView(APIView):
    """GET /variations, and GET /search as AnyVar 1.0 calls it."""

    query: type[VariationsQuery] = VariationsQuery

    @openapi.operation(
        "Registry",
        "get_variations",
        {200: serializers.VariationsSerializer},
        SequenceNotFoundError,
        InvalidParameterError,
        parameters=(VariationsQuery, *openapi.PLACE),
    )
    def get(self, request: Request) -> Response:
        """The alleles that overlap an interval."""
        query = checked(self.query, request)
        sequence = search.find_sequence(accession_of(query["accession"]))
        page = search.overlapping(
            sequence, query["start"], query["end"], size=query["page_size"], cursor=query["cursor"]
        )
        variations = [allele.to_vrs() for allele in page.alleles]
        return Response({"variations": variations, "next_cursor": page.next_cursor or None})


class StatsView(APIView):
    @openapi.operation("Registry", "get_stats", {200: serializers.StatsSerializer})
    def get(self, request: Request) -> Response:
        """Counts: runs by status, alleles by type, sequences."""
        return Response(queries.stats())
