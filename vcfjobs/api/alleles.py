"""The registry over HTTP: alleles by identifier and by place, and the runs that held them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vcfjobs import lookups, services
from vcfjobs.api.authentication import owner_of, sees_everyone
from vcfjobs.api.parameters import checked
from vcfjobs.errors import InvalidParameterError
from vcfjobs.vrs.digests import ALLELE_PREFIX

MOST_OBJECTS = 10_000
VRS_ID = OpenApiParameter("vrs_id", str, OpenApiParameter.PATH, description="ga4gh:VA. and 32 characters.")


class ObjectSerializer(serializers.Serializer[Any]):
    """One VRS object, in AnyVar's envelope."""

    messages = serializers.ListField(child=serializers.CharField())
    data = serializers.DictField()  # type: ignore[assignment]


class DetailSerializer(serializers.Serializer[Any]):
    """AnyVar's 404."""

    detail = serializers.CharField()


class IdsSerializer(serializers.Serializer[Any]):
    """Identifiers to look up."""

    ids = serializers.ListField(child=serializers.CharField(), max_length=MOST_OBJECTS)


class ObjectsSerializer(serializers.Serializer[Any]):
    """The registered among them, by identifier, and the others."""

    objects = serializers.DictField(child=serializers.DictField())
    missing = serializers.ListField(child=serializers.CharField())


class VariationsQuery(serializers.Serializer[Any]):
    """GET /variations. Coordinates are inter-residue; an overlap counts both ends."""

    accession = serializers.CharField(help_text="SQ.…, ga4gh:SQ.… or assembly:contig.")
    start = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    end = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    page_size = serializers.IntegerField(default=1000, min_value=1, max_value=10_000)
    cursor = serializers.CharField(required=False, default="", allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A start beyond the end is no interval."""
        if attrs["start"] > attrs["end"]:
            raise serializers.ValidationError({"start": "Must not be above end."})
        return attrs


class SearchQuery(VariationsQuery):
    """GET /search: AnyVar 1.0 answers everything at once, so a page is as large as it may be."""

    page_size = serializers.IntegerField(default=10_000, min_value=1, max_value=10_000)


class VariationsSerializer(serializers.Serializer[Any]):
    """A page of alleles in order of (start, id)."""

    variations = serializers.ListField(child=serializers.DictField())
    next_cursor = serializers.CharField(allow_null=True)


class HoldingRunsSerializer(serializers.Serializer[Any]):
    """The caller's runs that held an allele."""

    runs = serializers.ListField(child=serializers.DictField())


class RunAllelesSerializer(serializers.Serializer[Any]):
    """A page of the identifiers of a run's alleles."""

    ids = serializers.ListField(child=serializers.CharField())
    next_cursor = serializers.CharField(allow_null=True)


class StatsSerializer(serializers.Serializer[Any]):
    """What is there; `alleles` is PostgreSQL's own estimate above a hundred thousand."""

    runs = serializers.DictField(child=serializers.IntegerField())
    alleles = serializers.IntegerField()
    alleles_by_type = serializers.DictField(child=serializers.IntegerField())
    sequences = serializers.IntegerField()


class ObjectView(APIView):
    """GET /object/{vrs_id}."""

    @extend_schema(
        operation_id="get_object",
        parameters=[VRS_ID],
        responses={200: ObjectSerializer, 404: DetailSerializer},
    )
    def get(self, request: Request, vrs_id: str) -> Response:
        """The VRS object of a registered identifier."""
        found = lookups.find_alleles([vrs_id])
        if not found:
            return Response({"detail": f"VRS Object {vrs_id} not found"}, status=404)
        return Response({"messages": [], "data": found[0].to_vrs()})


class ObjectsView(APIView):
    """POST /objects."""

    @extend_schema(operation_id="get_objects", request=IdsSerializer, responses={200: ObjectsSerializer})
    def post(self, request: Request) -> Response:
        """Up to 10,000 identifiers in one question."""
        given = IdsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        ids: list[str] = given.validated_data["ids"]
        objects = {f"{ALLELE_PREFIX}{allele.pk}": allele.to_vrs() for allele in lookups.find_alleles(ids)}
        return Response({"objects": objects, "missing": [vrs_id for vrs_id in ids if vrs_id not in objects]})


class ObjectRunsView(APIView):
    """GET /object/{vrs_id}/runs."""

    @extend_schema(
        operation_id="get_object_runs",
        parameters=[VRS_ID],
        responses={200: HoldingRunsSerializer, 404: DetailSerializer},
    )
    def get(self, request: Request, vrs_id: str) -> Response:
        """The caller's runs that held the allele, newest first."""
        if not lookups.find_alleles([vrs_id]):
            return Response({"detail": f"VRS Object {vrs_id} not found"}, status=404)
        visible = services.visible_runs(owner=owner_of(request), everyone=sees_everyone(request))
        rows = [
            {"id": str(run.pk), "run_id": run.run_id, "created": run.created, "self": f"/runs/{run.pk}/"}
            for run in lookups.runs_holding(vrs_id, visible)
        ]
        return Response({"runs": rows})


class RunAllelesView(APIView):
    """GET /runs/{run_id}/alleles."""

    @extend_schema(
        operation_id="get_run_alleles",
        parameters=[
            OpenApiParameter("run_id", str, OpenApiParameter.PATH),
            OpenApiParameter("cursor", str),
        ],
        responses={200: RunAllelesSerializer},
    )
    def get(self, request: Request, run_id: str) -> Response:
        """The identifiers of the alleles that the run held, a page at a time."""
        run = services.find_run(owner=owner_of(request), run_id=run_id, everyone=sees_everyone(request))
        ids, cursor = lookups.alleles_of(run, request.query_params.get("cursor", ""))
        return Response({"ids": ids, "next_cursor": cursor or None})


class VariationsView(APIView):
    """GET /variations, and GET /search as AnyVar 1.0 calls it."""

    query: type[VariationsQuery] = VariationsQuery

    @extend_schema(
        operation_id="get_variations", parameters=[VariationsQuery], responses={200: VariationsSerializer}
    )
    def get(self, request: Request) -> Response:
        """The alleles that overlap a place."""
        query = checked(self.query, request)
        sequence = lookups.find_sequence(query["accession"])
        try:
            page = lookups.overlapping(
                sequence, query["start"], query["end"], size=query["page_size"], cursor=query["cursor"]
            )
        except ValueError as error:
            raise InvalidParameterError("cursor: Is none that this service gave.") from error
        return Response(
            {
                "variations": [allele.to_vrs() for allele in page.alleles],
                "next_cursor": page.next_cursor or None,
            }
        )


class StatsView(APIView):
    """GET /stats."""

    @extend_schema(operation_id="get_stats", responses={200: StatsSerializer})
    def get(self, request: Request) -> Response:
        """Runs by status, alleles by type, sequences."""
        return Response(lookups.stats())
