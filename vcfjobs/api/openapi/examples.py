"""The examples of the OpenAPI document: one session with two variants of chromosome 20 of GRCh37.

Identifiers and runs are computed by the service's own code. Times, sizes and digests of files were taken
from such a session.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from vcfjobs import __version__
from vcfjobs.api import serializers
from vcfjobs.errors import ResultExpiredError
from vcfjobs.models import Run
from vcfjobs.vrs.columns.formats import encoded, encoder
from vcfjobs.vrs.digests import digest_bytes, vrs_allele
from vcfjobs.vrs.sequences.accessions import CANONICAL
from vcfjobs.vrs.vcf.header import VRS_VERSION, vrs_lines
from vcfjobs.vrs.vcf.report import Report

SEQUENCE = CANONICAL["GRCh37"]["20"][1]
# REF and ALT of each record, as [start, end) and state; the deletion spans the whole run of C.
SNV = (
    vrs_allele(SEQUENCE, 1_451_125, 1_451_126, length=1, repeat_subunit_length=1),
    vrs_allele(SEQUENCE, 1_451_125, 1_451_126, literal="T"),
)
DELETION = (
    vrs_allele(SEQUENCE, 1_455_717, 1_455_719, length=2, repeat_subunit_length=2),
    vrs_allele(SEQUENCE, 1_455_718, 1_455_725, length=6, repeat_subunit_length=1),
)
ALLELE = SNV[1]
UNKNOWN = "ga4gh:VA." + "A" * 32
ACCESSION = f"ga4gh:{SEQUENCE}"

_META = "##fileformat=VCFv4.2\n##contig=<ID=20,length=63025520>\n"
_COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
_RECORDS = ("20\t1451126\trs6131543\tC\tT\t.\tPASS\t", "20\t1455718\trs11475540\tAC\tA\t.\tPASS\t")
VCF = _META + _COLUMNS + "".join(f"{record}.\n" for record in _RECORDS)


_ATTRIBUTES = (
    "VRS_Starts=1451125,1451125;VRS_Ends=1451126,1451126;VRS_States=C,T;VRS_Lengths=1,.",
    "VRS_Starts=1455717,1455718;VRS_Ends=1455719,1455725;VRS_States=AC,CCCCCC;VRS_Lengths=2,6",
)
_REPEATS = ("VRS_RepeatSubunitLengths=1,.", "VRS_RepeatSubunitLengths=2,1")


def _annotated(*attributes: tuple[str, str]) -> str:
    lines = vrs_lines(for_ref=True, add_vrs_attributes=bool(attributes))
    text = _META + "".join(f"{line.decode()}\n" for line in lines) + _COLUMNS
    for number, alleles in enumerate((SNV, DELETION)):
        ids = f"VRS_Allele_IDs={','.join(allele['id'] for allele in alleles)}"
        text += _RECORDS[number] + ";".join([ids, *(pair[number] for pair in attributes)]) + "\n"
    return text


ANNOTATED = _annotated()
TSV, NDJSON = (b"".join(encoded([ANNOTATED.encode()], encoder(name))).decode() for name in ("tsv", "ndjson"))
# An input of /annotated_vcf, and the same with one wrong identifier.
CARRYING = _annotated(_ATTRIBUTES, _REPEATS)
CARRYING_WRONG = CARRYING.replace(ALLELE["id"], UNKNOWN)
VALIDATION = (
    "vrs_id,assembly,chrom,pos,start,end,state,new_vrs_id\r\n"
    f"{UNKNOWN},GRCh37,20,1451126,1451125,1451126,T,{ALLELE['id']}\r\n"
)

RUN_ID = "my-run"
PK = "a374c125-dddb-4e7f-a1f1-50974a2fd91e"
_CREATED = datetime(2026, 11, 24, 16, 46, 43, 21_189, UTC)
_STARTED = _CREATED.replace(microsecond=162_000)
_FINISHED = _CREATED.replace(microsecond=229_000)


def _run(**columns: Any) -> Run:
    return Run(
        id=PK,
        run_id=RUN_ID,
        assembly="GRCh37",
        file_name="sample.vcf",
        input_format="vcf",
        input_bytes=len(VCF),
        input_sha256=hashlib.sha256(VCF.encode()).hexdigest(),
        created=_CREATED,
        **columns,
    )


_QUEUED = _run()
_SUCCEEDED = _run(
    status="succeeded",
    records_done=2,
    result_bytes=456,
    result_text_bytes=len(ANNOTATED),
    result_sha256="39fce40a6b58ae4760afb833a7bbd11eb51a52ac689ba3959e9e90f7ffcac20e",
    indexed=True,
    attempt=1,
    attempt_limit=3,
    started=_STARTED,
    finished=_FINISHED,
    report=Report(
        records=2,
        resolved=2,
        alleles=Counter(reference=2, snv=1, deletion=1),
        deletion_lengths=Counter({1: 1}),
        positions={"20": Counter({1: 2})},
    ).to_json(),
)
# Not a column above: by the clock the run would have expired.
_EXPIRES = {"expires": "2026-11-24T18:46:43.229000Z"}
QUEUED_RUN: dict[str, Any] = dict(serializers.RunListSerializer(_QUEUED).data)
_CANCELLED = serializers.RunListSerializer(_run(status="cancelled", finished=_FINISHED))
CANCELLED_RUN = dict(_CANCELLED.data) | _EXPIRES
SUCCEEDED_RUN = dict(serializers.RunListSerializer(_SUCCEEDED).data) | _EXPIRES
WHOLE_RUN = dict(serializers.RunSerializer(_SUCCEEDED).data) | _EXPIRES

SUBMITTED = serializers.pending(_QUEUED, "Run submitted.")
PENDING = serializers.pending(_QUEUED, "Run not completed.", progress=0.25, records=500_000)
REGISTERED = {"run_id": RUN_ID, "status": "SUCCESS", "status_message": "VCF registration complete"}
UNKNOWN_RUN = {"run_id": RUN_ID, "status": "NOT_FOUND", "status_message": "Run not found"}
FAILED = {
    "error": "Line 206 is not a VCF record: it needs 8 columns separated by tabs, and POS must be a whole "
    "number.",
    "error_code": "RUN_FAILURE",
}
EXPIRED = {"error": ResultExpiredError.standard, "error_code": "EXPIRED"}
CANCELLED = {"error": "The run was cancelled.", "error_code": "CANCELLED"}
FAILURES = {
    "failed": {"reference_mismatch": 1},
    "failures": [
        {"chrom": "20", "pos": 1_451_126, "reason": "reference_mismatch", "ref": "G", "reference": "C"}
    ],
}
_BY_DIGEST = sorted((*SNV, *DELETION), key=lambda allele: digest_bytes(allele["digest"]))
RUN_ALLELES = {"ids": [allele["id"] for allele in _BY_DIGEST], "next_cursor": None}

OBJECT = {"messages": [], "data": ALLELE}
UNKNOWN_OBJECT = {"detail": f"VRS Object {UNKNOWN} not found"}
HOLDING_RUNS = {
    "runs": [{"id": PK, "run_id": RUN_ID, "created": QUEUED_RUN["created"], "self": f"/runs/{PK}/"}],
    "next_cursor": None,
}
IDS = {"ids": [ALLELE["id"], UNKNOWN]}
OBJECTS = {"objects": {ALLELE["id"]: ALLELE}, "missing": [UNKNOWN]}
PLACE = {"accession": "GRCh37:20", "start": 1_451_000, "end": 1_452_000}
VARIATIONS = {"variations": list(SNV), "next_cursor": None}
STATS = {
    "runs": {"succeeded": 1},
    "alleles": 4,
    "alleles_by_type": {"reference": 2, "snv": 1, "deletion": 1},
    "sequences": 1,
}

SERVICE_INFO = {
    "id": "org.example.vrs",
    "name": "VCF annotation with GA4GH VRS allele identifiers",
    "type": {"group": "org.example", "artifact": "vcfjobs", "version": __version__},
    "description": "AnyVar's VCF protocol, with runs that last, progress, cancel, retry and Range requests.",
    "organization": {"name": "Example laboratory", "url": "https://example.org/"},
    "contactUrl": "mailto:vrs@example.org",
    "documentationUrl": "https://vrs.example.org/docs/",
    "createdAt": "2026-11-24T12:00:00Z",
    "updatedAt": "2026-11-24T12:00:00Z",
    "environment": "prod",
    "version": __version__,
    "spec_metadata": {"vrs_version": VRS_VERSION, "vrs_versions": ["2.0", "2.1"]},
    "assemblies": ["GRCh37"],
}
ALIVE = {"status": "ok"}
READY = {"status": "ok", "parts": {"database": "ok", "broker": "ok", "work_directory": "ok"}}
NOT_READY = {
    "status": "unavailable",
    "parts": {"database": "ok", "broker": "unavailable", "work_directory": "ok"},
}
_RUNS = {"queued": 0, "running": 0, "succeeded": 1, "failed": 0, "cancelled": 0}
METRICS = "# HELP vrs_runs Runs by status, deleted ones left out.\n# TYPE vrs_runs gauge\n" + "".join(
    f'vrs_runs{{status="{status}"}} {count}.0\n' for status, count in _RUNS.items()
)
