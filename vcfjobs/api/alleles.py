"""The registry over HTTP: alleles by identifier or location, and the runs that contain them."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, OpenApiRequest
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from vcfjobs import errors
from vcfjobs.api import examples, openapi, serializers
from vcfjobs.api.authentication import caller
from vcfjobs.api.parameters import PageQuery, VariationsQuery, checked
from vcfjobs.references.assemblies import accession_of
from vcfjobs.registry import provenance, queries, search
from vcfjobs.registry.translate import Translator
from vcfjobs.runs import lifecycle

# What a service answers that was set to register nothing.
NO_REGISTRY = "Not registered: this service keeps no registry (ANYVAR_REGISTER)."


class RegistryViewSet(ViewSet):
    """Read the registry; `query` are the parameters of a search by location."""

    query: type[VariationsQuery] = VariationsQuery

    @openapi.registry(
        "get_object", {200: openapi.OBJECT, 404: serializers.DetailSerializer}, parameters=(openapi.VRS_ID,)
    )
    def object(self, request: Request, vrs_id: str) -> Response:
        """The VRS object of an identifier."""
        found = search.find_alleles([vrs_id])
        if not found:
            return not_registered(vrs_id)
        answer = {"messages": [], "data": found[0].to_vrs()}
        if ids := Translator().ids_by_version(found[0]):
            answer["ids_by_vrs_version"] = ids
        return Response(answer)

    @openapi.registry(
        "get_objects",
        {200: serializers.ObjectsSerializer},
        ParseError,
        UnsupportedMediaType,
        errors.RequestTooLargeError,
        errors.InvalidParameterError,
        request=OpenApiRequest(
            serializers.IdsSerializer, examples=[OpenApiExample("Two identifiers", examples.IDS)]
        ),
    )
    def objects(self, request: Request) -> Response:
        """The VRS objects of up to 10,000 identifiers."""
        given = serializers.IdsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        ids: list[str] = given.validated_data["ids"]
        objects = {str(allele): allele.to_vrs() for allele in search.find_alleles(ids)}
        return Response({"objects": objects, "missing": [vrs_id for vrs_id in ids if vrs_id not in objects]})

    @openapi.registry(
        "get_object_runs",
        {200: serializers.HoldingRunsSerializer, 404: serializers.DetailSerializer},
        errors.InvalidCursorError,
        parameters=(openapi.VRS_ID, PageQuery),
    )
    def object_runs(self, request: Request, vrs_id: str) -> Response:
        """Your runs that contain an allele, newest first, page by page."""
        cursor = checked(PageQuery, request)["cursor"]
        found = search.find_alleles([vrs_id])
        if not found:
            return not_registered(vrs_id)
        holding = provenance.runs_holding(found[0], lifecycle.visible_runs(**caller(request)), cursor)
        rows = [
            {"id": str(run.pk), "run_id": run.run_id, "created": run.created, "self": f"/runs/{run.pk}/"}
            for run in holding.runs
        ]
        return Response({"runs": rows, "next_cursor": holding.older or None})

    @openapi.registry(
        "get_variations",
        {200: serializers.VariationsSerializer},
        errors.SequenceNotFoundError,
        errors.InvalidParameterError,
        parameters=(VariationsQuery,),
    )
    def variations(self, request: Request) -> Response:
        """The alleles that overlap an interval."""
        query = checked(self.query, request)
        sequence = search.find_sequence(accession_of(query["accession"]))
        page = search.overlapping(
            sequence, query["start"], query["end"], size=query["page_size"], cursor=query["cursor"]
        )
        variations = [allele.to_vrs() for allele in page.alleles]
        return Response({"variations": variations, "next_cursor": page.next_cursor or None})

    @openapi.registry("get_stats", {200: serializers.StatsSerializer})
    def stats(self, request: Request) -> Response:
        """Counts: runs by status, alleles by type, sequences."""
        return Response(queries.stats())

    @openapi.of_run(
        "get_run_alleles",
        {200: serializers.RunAllelesSerializer},
        errors.InvalidCursorError,
        parameters=(PageQuery,),
    )
    def of_run(self, request: Request, run_id: str) -> Response:
        """The identifiers of a run's alleles, page by page."""
        run = lifecycle.find_run(run_id=run_id, **caller(request))
        ids, cursor = provenance.alleles_of(run, checked(PageQuery, request)["cursor"])
        return Response({"ids": ids, "next_cursor": cursor or None})


def not_registered(vrs_id: str) -> Response:
    """AnyVar's answer for an identifier that it does not have."""
    return Response({"detail": f"VRS Object {vrs_id} not found"}, status=404)
