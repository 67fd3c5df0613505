"""The records of a result as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from vcfjobs import errors
from vcfjobs.api import openapi
from vcfjobs.api.parameters import RecordsQuery, checked
from vcfjobs.api.views import RunViewSet
from vcfjobs.runs.records import cursor_of, page_of
from vcfjobs.vrs.vcf.browse import Filter, Record


class RecordsViewSet(RunViewSet):
    """Browse the result of a run."""

    @openapi.of_run(
        "get_run_records",
        {200: openapi.RECORDS},
        errors.InvalidCursorError,
        errors.RunConflictError,
        parameters=(RecordsQuery,),
    )
    def records(self, request: Request, run_id: str) -> Response:
        """The records of the result, page by page, all or those that meet some conditions.

        `start`, `end`, `state` and the lengths are those of the file, which has them with add_vrs_attributes.
        A search ends after half a second: the page then says how far it came, and `next_cursor` continues.
        """
        query = checked(RecordsQuery, request)
        wanted = Filter(
            region=query.get("region"),
            name=query.get("id", ""),
            vrs_id=query.get("vrs_id", ""),
            kind=query.get("type", ""),
            only=query.get("only", ""),
        )
        page = page_of(self._succeeded(run_id), wanted, size=query["page_size"], cursor=query["cursor"])
        return Response(
            {
                "records": [_members(record) for record in page.records],
                "searched_to": page.searched_to and page.searched_to._asdict(),
                "next_cursor": cursor_of(page) or None,
            }
        )


def _members(record: Record) -> dict[str, Any]:
    alleles = [
        {
            "index": allele.number,
            "vrs_id": allele.vrs_id or None,
            "start": allele.start,
            "end": allele.end,
            "state": allele.state,
            "length": allele.length,
            "repeat_subunit_length": allele.repeat_subunit_length,
        }
        for allele in record.alleles
    ]
    return {
        "chrom": record.chrom,
        "pos": record.pos,
        "id": record.name or None,
        "ref": record.ref,
        "alts": record.alts,
        "alleles": alleles,
        "error": record.error or None,
        "truncated": record.truncated,
    }
