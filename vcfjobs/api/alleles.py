"""The registry over HTTP: alleles by identifier or location, and the runs that contain them."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vcfjobs.api.authentication import caller
from vcfjobs.api.openapi import operations
from vcfjobs.api.parameters import PageQuery, VariationsQuery, checked
from vcfjobs.api.serializers import IdsSerializer
from vcfjobs.references.assemblies import accession_of
from vcfjobs.registry import provenance, queries, search
from vcfjobs.registry.translate import Translator
from vcfjobs.runs import lifecycle
from vcfjobs.vrs.digests import ALLELE_PREFIX


class ObjectView(APIView):
    @operations.OBJECT
    def get(self, request: Request, vrs_id: str) -> Response:
        """The VRS object of a registered identifier."""
        found = search.find_alleles([vrs_id])
        if not found:
            return Response({"detail": f"VRS Object {vrs_id} not found"}, status=404)
        answer = {"messages": [], "data": found[0].to_vrs()}
        if ids := Translator().ids_by_version(found[0]):
            answer["ids_by_vrs_version"] = ids
        return Response(answer)


class ObjectsView(APIView):
    @operations.OBJECTS
    def post(self, request: Request) -> Response:
        """Up to 10,000 identifiers in one question."""
        given = IdsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        ids: list[str] = given.validated_data["ids"]
        objects = {f"{ALLELE_PREFIX}{allele.pk}": allele.to_vrs() for allele in search.find_alleles(ids)}
        return Response({"objects": objects, "missing": [vrs_id for vrs_id in ids if vrs_id not in objects]})


class ObjectRunsView(APIView):
    @operations.OBJECT_RUNS
    def get(self, request: Request, vrs_id: str) -> Response:
        """The caller's runs that held the allele, newest first, a page at a time."""
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
    @operations.RUN_ALLELES
    def get(self, request: Request, run_id: str) -> Response:
        """The identifiers of the alleles that the run held, a page at a time."""
        run = lifecycle.find_run(run_id=run_id, **caller(request))
        ids, cursor = provenance.alleles_of(run, checked(PageQuery, request)["cursor"])
        return Response({"ids": ids, "next_cursor": cursor or None})


class VariationsView(APIView):
    """GET /variations, and GET /search as AnyVar 1.0 calls it."""

    query: type[VariationsQuery] = VariationsQuery

    @operations.VARIATIONS
    def get(self, request: Request) -> Response:
        """The alleles that overlap a place."""
        query = checked(self.query, request)
        sequence = search.find_sequence(accession_of(query["accession"]))
        page = search.overlapping(
            sequence, query["start"], query["end"], size=query["page_size"], cursor=query["cursor"]
        )
        variations = [allele.to_vrs() for allele in page.alleles]
        return Response({"variations": variations, "next_cursor": page.next_cursor or None})


class StatsView(APIView):
    @operations.STATS
    def get(self, request: Request) -> Response:
        """Runs by status, alleles by type, sequences."""
        return Response(queries.stats())
