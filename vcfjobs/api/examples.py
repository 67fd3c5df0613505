"""The examples of the OpenAPI document: two variants of chromosome 20 of GRCh37."""

from __future__ import annotations

from typing import Any, Literal

from vcfjobs.vrs.digests import vrs_allele
from vcfjobs.vrs.sequences.accessions import CANONICAL
from vcfjobs.vrs.vcf.header import vrs_lines
from vcfjobs.vrs.vcf.options import Options

RUN_ID = "my-run"
PK = "a374c125-dddb-4e7f-a1f1-50974a2fd91e"
SEQUENCE = CANONICAL["GRCh37"]["20"][1]
ALLELE = vrs_allele(SEQUENCE, 1_451_125, 1_451_126, literal="T")
UNKNOWN = "ga4gh:VA." + "A" * 32

_META = "##fileformat=VCFv4.2\n##contig=<ID=20,length=63025520>\n"
_FIELDS = b"\n".join(vrs_lines(Options(add_vrs_attributes=True))).decode()
_COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
_SNV = "20\t1451126\trs6131543\tC\tT\t.\tPASS\t"
_DELETION = "20\t1455718\trs11475540\tAC\tA\t.\tPASS\t"

VCF = f"{_META}{_COLUMNS}{_SNV}.\n{_DELETION}.\n"
# As answered with add_vrs_attributes, and as /annotated_vcf takes it.
ANNOTATED = (
    f"{_META}{_FIELDS}\n{_COLUMNS}"
    f"{_SNV}VRS_Allele_IDs=ga4gh:VA.MTSt_wANWD47_HpvK_SnBkkhGRBPJKSX,{ALLELE['id']};"
    "VRS_Starts=1451125,1451125;VRS_Ends=1451126,1451126;VRS_States=C,T;"
    "VRS_Lengths=1,.;VRS_RepeatSubunitLengths=1,.\n"
    f"{_DELETION}VRS_Allele_IDs=ga4gh:VA.JclMZGKuxQnbbCgvzKAv7yXrm-XS5sBu,"
    "ga4gh:VA.iW0vVspwo-aAXUXisHsk28vel-Ha3yIt;"
    "VRS_Starts=1455717,1455718;VRS_Ends=1455719,1455725;VRS_States=AC,CCCCCC;"
    "VRS_Lengths=2,6;VRS_RepeatSubunitLengths=2,1\n"
)
VALIDATION = (
    "vrs_id,assembly,chrom,pos,start,end,state,new_vrs_id\r\n"
    f"{UNKNOWN},GRCh37,20,1451126,1451125,1451126,T,{ALLELE['id']}\r\n"
)
PENDING = {
    "run_id": RUN_ID,
    "status": "PENDING",
    "status_message": f"Run not completed. Check status at /vcf/{RUN_ID}",
    "progress": 0.25,
    "records": 500_000,
}
RECORDS = {
    "records": [
        {
            "chrom": "20",
            "pos": 1_451_126,
            "id": "rs6131543",
            "ref": "C",
            "alts": ["T"],
            "alleles": [
                {
                    "index": 0,
                    "vrs_id": "ga4gh:VA.MTSt_wANWD47_HpvK_SnBkkhGRBPJKSX",
                    "start": 1_451_125,
                    "end": 1_451_126,
                    "state": "C",
                    "length": 1,
                    "repeat_subunit_length": 1,
                },
                {
                    "index": 1,
                    "vrs_id": ALLELE["id"],
                    "start": 1_451_125,
                    "end": 1_451_126,
                    "state": "T",
                    "length": None,
                    "repeat_subunit_length": None,
                },
            ],
            "error": None,
            "truncated": False,
        }
    ],
    "searched_to": None,
    "next_cursor": None,
}
OBJECT = {"messages": [], "data": ALLELE}
VARIATION = {"definition": "20-1451126-C-T", "assembly_name": "GRCh37"}
VARIATION_SPDI = {"definition": "NC_000020.10:1451125:C:T"}
REGISTERED = {"input_variation": VARIATION, "messages": [], "object": ALLELE, "object_id": ALLELE["id"]}
IDS = {"ids": [ALLELE["id"], UNKNOWN]}
# Name, location, value.
PARAMETERS: tuple[tuple[str, Literal["path", "query"], Any], ...] = (
    ("run_id", "path", RUN_ID),
    ("run_id", "path", PK),
    ("vrs_id", "path", ALLELE["id"]),
    ("mapping_type", "path", "liftover"),
    ("annotation_type", "path", "creation_timestamp"),
    ("assembly", "path", "GRCh37"),
    ("accession", "query", "GRCh37:20"),
    ("accession", "query", f"ga4gh:{SEQUENCE}"),
    ("start", "query", 1_451_000),
    ("end", "query", 1_452_000),
)
