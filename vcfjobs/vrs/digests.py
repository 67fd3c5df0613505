"""GA4GH computed identifiers: truncated SHA-512 digests of canonical JSON.

Rules: GA4GH VRS 2.0, "Computed Identifiers"; refget v2, "sequence digests". A digest is the first 24 bytes
of a SHA-512; as text it is their base64url, 32 characters without padding.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterable
from struct import iter_unpack
from typing import Any

DIGEST_BYTES = 24
DIGEST_CHARACTERS = 32
ALLELE_PREFIX = "ga4gh:VA."
LOCATION_PREFIX = "ga4gh:SL."
ACCESSION = re.compile(r"SQ\.[0-9A-Za-z_-]{32}")

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_DIGEST = re.compile(r"[0-9A-Za-z_-]{32}")

# Canonical JSON of an allele: keys sorted, no white space, the location replaced by its digest.
ALLELE_OPEN = b'{"location":"'
_LITERAL = b'","state":{"sequence":"%b","type":"LiteralSequenceExpression"},"type":"Allele"}'
_REFERENCE_LENGTH = (
    b'","state":{"length":%d,"repeatSubunitLength":%d,"type":"ReferenceLengthExpression"},"type":"Allele"}'
)


def literal_state(sequence: bytes) -> bytes:
    """The canonical JSON of an allele with a literal state: what follows its location's digest."""
    return _LITERAL % sequence


def reference_length_state(length: int, repeat_subunit_length: int) -> bytes:
    """The canonical JSON of an allele with a reference-length state: what follows its location's digest."""
    return _REFERENCE_LENGTH % (length, repeat_subunit_length)


def raw_digests(blobs: Iterable[bytes]) -> list[bytes]:
    """The 24 bytes of the truncated SHA-512 of each blob."""
    sha512 = hashlib.sha512
    return [sha512(blob).digest()[:24] for blob in blobs]


def texts(raw: Iterable[bytes]) -> list[bytes]:
    """The 32 characters of each digest, all encoded by one call."""
    return [text for (text,) in iter_unpack("32s", encode_digests(b"".join(raw)))]


def raw_digest(blob: bytes) -> bytes:
    """The 24 bytes of the truncated SHA-512 of `blob`."""
    return hashlib.sha512(blob).digest()[:DIGEST_BYTES]


def digest_text(raw: bytes) -> str:
    """The 32 characters (base64url) of a digest's 24 bytes."""
    return encode_digests(raw).decode()


def digest_bytes(text: str) -> bytes:
    """The 24 bytes of a digest's 32 characters; raises ValueError for anything else."""
    if not _DIGEST.fullmatch(text):
        raise ValueError("not a 32-character base64url digest")
    return binascii.a2b_base64(text.encode().translate(_FROM_URL))


def encode_digests(raw: bytes) -> bytes:
    """base64url of any number of concatenated 24-byte digests: 32 characters each, without padding."""
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL)


def sha512t24u(blob: bytes) -> str:
    """The GA4GH truncated digest of `blob`, as 32 characters."""
    return digest_text(raw_digest(blob))


def refget_accession(sequence: bytes) -> str:
    """The refget accession (`SQ.` and 32 characters) of an upper-case sequence."""
    return f"SQ.{sha512t24u(sequence)}"


class RefgetHasher:
    """The refget accession of a sequence that arrives in pieces."""

    def __init__(self) -> None:
        self._hash = hashlib.sha512()

    def update(self, residues: bytes) -> None:
        """Add the next upper-case residues."""
        self._hash.update(residues)

    @property
    def accession(self) -> str:
        """The accession of the residues so far."""
        return f"SQ.{digest_text(self._hash.digest()[:DIGEST_BYTES])}"


def location_template(accession: str) -> bytes:
    """The canonical JSON of a SequenceLocation on `accession`, a template for % (end, start)."""
    return (
        b'{"end":%%d,"sequenceReference":{"refgetAccession":"%b","type":"SequenceReference"},'
        b'"start":%%d,"type":"SequenceLocation"}' % accession.encode()
    )


def location_digest(accession: str, start: int, end: int) -> str:
    """Digest of the SequenceLocation [start, end) in inter-residue coordinates."""
    return sha512t24u(location_template(accession) % (end, start))


def allele_digest(
    location: str,
    *,
    literal: str | None = None,
    length: int | None = None,
    repeat_subunit_length: int | None = None,
) -> str:
    """Digest of an Allele at the location with that digest.

    Its state is the literal sequence, or the reference-length expression of `length` residues with a
    repeat subunit of `repeat_subunit_length`.
    """
    if literal is not None:
        state = literal_state(literal.encode())
    elif length is not None and repeat_subunit_length is not None:
        state = reference_length_state(length, repeat_subunit_length)
    else:
        raise ValueError("a state is a literal, or a length and a repeat subunit length")
    return sha512t24u(ALLELE_OPEN + location.encode() + state)


def vrs_allele(
    accession: str,
    start: int,
    end: int,
    *,
    literal: str | None = None,
    length: int | None = None,
    repeat_subunit_length: int | None = None,
    sequence: str | None = None,
) -> dict[str, Any]:
    """A complete VRS 2.0 Allele with its location, as JSON members, from the columns that define it.

    `sequence`, the residues of a reference-length expression, is shown but not digested.
    """
    location = location_digest(accession, start, end)
    allele = allele_digest(
        location, literal=literal, length=length, repeat_subunit_length=repeat_subunit_length
    )
    state: dict[str, Any]
    if literal is not None:
        state = {"type": "LiteralSequenceExpression", "sequence": literal}
    else:
        state = {
            "type": "ReferenceLengthExpression",
            "length": length,
            "repeatSubunitLength": repeat_subunit_length,
        }
        if sequence is not None:
            state["sequence"] = sequence
    return {
        "id": f"{ALLELE_PREFIX}{allele}",
        "type": "Allele",
        "digest": allele,
        "location": {
            "id": f"{LOCATION_PREFIX}{location}",
            "type": "SequenceLocation",
            "digest": location,
            "sequenceReference": {"type": "SequenceReference", "refgetAccession": accession},
            "start": start,
            "end": end,
        },
        "state": state,
    }
