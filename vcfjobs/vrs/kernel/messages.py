"""The canonical JSON of locations and alleles, digested in lanes (the texts are those of vrs/digests.py).

Nearly all messages have two blocks of 128 bytes. An allele's second block holds nothing but constant text,
unless its literal is long: it is the same for all alleles whose state has the same form and size, which are
therefore digested together.
"""

from __future__ import annotations

import numpy as np

from vcfjobs.vrs.digests import ALLELE_OPEN, DIGEST_CHARACTERS, location_template
from vcfjobs.vrs.kernel.compiled import Bytes, Integers, Words, compiled
from vcfjobs.vrs.kernel.place import (
    CONTIG,
    LENGTH,
    LITERAL,
    LITERAL_SIZE,
    LOCATION,
    LOCATION_END,
    LOCATION_START,
    SUBUNIT,
)
from vcfjobs.vrs.kernel.sha512 import (
    BLOCK_WORDS,
    LANES,
    ROUNDS,
    add_block,
    add_same_block,
    schedule,
    start,
)

BLOCK_BYTES = 128
MESSAGE_BYTES = 2 * BLOCK_BYTES
DIGEST_WORDS = 3
# The padding of a message takes 17 bytes at least.
LONGEST_MESSAGE = MESSAGE_BYTES - 17
LONGEST_SCRATCH = 4_096


def _bytes(text: bytes) -> Bytes:
    return np.frombuffer(text, np.uint8)


_ACCESSION = "A" * 35
_END, _MIDDLE, _AFTER = location_template(_ACCESSION).split(b"%d")
LOCATION_OPEN = _bytes(_END)
LOCATION_CLOSE = _bytes(_AFTER)
MIDDLE_BYTES = len(_MIDDLE)
OPEN = _bytes(ALLELE_OPEN)
SEQUENCE = _bytes(b'","state":{"sequence":"')
SEQUENCE_CLOSE = _bytes(b'","type":"LiteralSequenceExpression"},"type":"Allele"}')
STATE_LENGTH = _bytes(b'","state":{"length":')
STATE_SUBUNIT = _bytes(b',"repeatSubunitLength":')
STATE_CLOSE = _bytes(b',"type":"ReferenceLengthExpression"},"type":"Allele"}')
_LITERAL_AT = OPEN.size + DIGEST_CHARACTERS + SEQUENCE.size
# Literals up to this size end within the first block; longer ones make a message of two blocks up to that.
SHORT_LITERAL = BLOCK_BYTES - _LITERAL_AT
MIDDLE_LITERAL = LONGEST_MESSAGE - _LITERAL_AT - SEQUENCE_CLOSE.size

# Classes of alleles that are digested together: literals by size, reference-length states by digits.
_BY_DIGITS = SHORT_LITERAL + 1
_TWO_BLOCKS = _BY_DIGITS + 40
_MORE_BLOCKS = _TWO_BLOCKS + 1
_CLASSES = _MORE_BLOCKS + 1

BASE64URL = _bytes(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def middle_of(accession: str) -> Bytes:
    """What stands between a location's end and start in its canonical JSON."""
    return _bytes(location_template(accession).split(b"%d")[1])


@compiled
def put(out: Bytes, at: int, text: Bytes) -> int:
    """Write the bytes at `at`; the offset behind them."""
    for k in range(text.size):
        out[at + k] = text[k]
    return at + text.size


@compiled
def digits(number: int) -> int:
    """How many decimal digits a number from 0 on has."""
    count = 1
    while number >= 10:
        number //= 10
        count += 1
    return count


@compiled
def put_number(out: Bytes, at: int, number: int) -> int:
    """Write a number from 0 on in decimal; the offset behind it."""
    end = at + digits(number)
    k = end
    while k > at:
        k -= 1
        out[k] = 48 + number % 10
        number //= 10
    return end


@compiled
def put_digest(out: Bytes, at: int, digest: Words) -> int:
    """Write the 32 characters (base64url) of a digest of three words; the offset behind them."""
    a, b, c = digest[0], digest[1], digest[2]
    low = np.uint64(63)
    for k in range(10):
        out[at + k] = BASE64URL[(a >> np.uint64(58 - 6 * k)) & low]
        out[at + 11 + k] = BASE64URL[(b >> np.uint64(56 - 6 * k)) & low]
        out[at + 22 + k] = BASE64URL[(c >> np.uint64(54 - 6 * k)) & low]
    out[at + 10] = BASE64URL[((a << np.uint64(2)) | (b >> np.uint64(62))) & low]
    out[at + 21] = BASE64URL[((b << np.uint64(4)) | (c >> np.uint64(60))) & low]
    return at + DIGEST_CHARACTERS


@compiled
def pad(message: Bytes, size: int) -> int:
    """Append the padding of SHA-512; the number of whole blocks."""
    blocks = (size + 17 + BLOCK_BYTES - 1) // BLOCK_BYTES
    end = blocks * BLOCK_BYTES
    message[size] = 0x80
    for k in range(size + 1, end):
        message[k] = 0
    bits = 8 * size
    message[end - 1] = bits & 255
    message[end - 2] = (bits >> 8) & 255
    message[end - 3] = bits >> 16
    return blocks


@compiled
def load(words: Words, lane: int, message: Words, block: int) -> None:
    """The big-endian words of one block of a message into their lane."""
    bytes_apart, pairs_apart = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
    for t in range(BLOCK_WORDS):
        x = message[block * BLOCK_WORDS + t]
        x = ((x & bytes_apart) << np.uint64(8)) | ((x >> np.uint64(8)) & bytes_apart)
        x = ((x & pairs_apart) << np.uint64(16)) | ((x >> np.uint64(16)) & pairs_apart)
        words[t, lane] = (x << np.uint64(32)) | (x >> np.uint64(32))


@compiled
def digest_locations(locations: Integers, count: int, middles: Bytes, digests: Words) -> None:
    """The digests (three words each) of locations; row k of `middles` is the text of contig k."""
    messages = np.empty((LANES, MESSAGE_BYTES), np.uint8)
    as_words = messages.view(np.uint64)
    words = np.empty((BLOCK_WORDS, LANES), np.uint64)
    state = np.empty((8, LANES), np.uint64)
    work = np.empty((8, LANES), np.uint64)
    for first in range(0, count, LANES):
        lanes = min(LANES, count - first)
        for i in range(lanes):
            location = locations[first + i]
            message = messages[i]
            at = put(message, 0, LOCATION_OPEN)
            at = put_number(message, at, location[LOCATION_END])
            at = put(message, at, middles[location[CONTIG]])
            at = put_number(message, at, location[LOCATION_START])
            at = put(message, at, LOCATION_CLOSE)
            pad(message, at)
            load(words, i, as_words[i], 0)
        start(state, lanes)
        add_block(state, words, work, lanes)
        for i in range(lanes):
            load(words, i, as_words[i], 1)
        add_block(state, words, work, lanes)
        for i in range(lanes):
            for k in range(DIGEST_WORDS):
                digests[first + i, k] = state[k, i]


@compiled
def class_of(allele: Integers) -> int:
    """Which alleles it is digested with."""
    size = allele[LITERAL_SIZE]
    if size < 0:
        return _BY_DIGITS + digits(allele[LENGTH]) + digits(allele[SUBUNIT])
    if size <= SHORT_LITERAL:
        return size
    return _TWO_BLOCKS if size <= MIDDLE_LITERAL else _MORE_BLOCKS


@compiled
def put_allele(message: Bytes, allele: Integers, location: Words, residues: Bytes) -> int:
    """The canonical JSON of an allele; its size."""
    at = put_digest(message, put(message, 0, OPEN), location)
    size = allele[LITERAL_SIZE]
    if size >= 0:
        at = put(message, at, SEQUENCE)
        begin = allele[LITERAL]
        at = put(message, at, residues[begin : begin + size])
        return put(message, at, SEQUENCE_CLOSE)
    at = put_number(message, put(message, at, STATE_LENGTH), allele[LENGTH])
    at = put_number(message, put(message, at, STATE_SUBUNIT), allele[SUBUNIT])
    return put(message, at, STATE_CLOSE)


@compiled
def digest_alleles(
    alleles: Integers, count: int, location_digests: Words, residues: Bytes, digests: Words
) -> None:
    """The digests (three words each) of the alleles that have a location."""
    begins = np.zeros(_CLASSES + 1, np.int64)
    for number in range(count):
        if alleles[number, LOCATION] >= 0:
            begins[class_of(alleles[number]) + 1] += 1
    for k in range(_CLASSES):
        begins[k + 1] += begins[k]
    order = np.empty(begins[_CLASSES], np.int64)
    ends = begins[:_CLASSES].copy()
    for number in range(count):
        if alleles[number, LOCATION] >= 0:
            of = class_of(alleles[number])
            order[ends[of]] = number
            ends[of] += 1
    for of in range(_MORE_BLOCKS):
        for first in range(begins[of], begins[of + 1], LANES):
            last = min(first + LANES, begins[of + 1])
            digest_class(alleles, order[first:last], location_digests, residues, digests, of != _TWO_BLOCKS)
    for number in order[begins[_MORE_BLOCKS] :]:
        digest_long(alleles[number], location_digests, residues, digests[number])


@compiled
def digest_class(
    alleles: Integers,
    numbers: Integers,
    location_digests: Words,
    residues: Bytes,
    digests: Words,
    same_second_block: bool,
) -> None:
    """The digests of up to LANES alleles whose messages have two blocks."""
    messages = np.empty((LANES, MESSAGE_BYTES), np.uint8)
    as_words = messages.view(np.uint64)
    words = np.empty((BLOCK_WORDS, LANES), np.uint64)
    state = np.empty((8, LANES), np.uint64)
    work = np.empty((8, LANES), np.uint64)
    lanes = numbers.size
    for i in range(lanes):
        allele = alleles[numbers[i]]
        size = put_allele(messages[i], allele, location_digests[allele[LOCATION]], residues)
        pad(messages[i], size)
        load(words, i, as_words[i], 0)
    start(state, lanes)
    add_block(state, words, work, lanes)
    if same_second_block:
        load(words, 0, as_words[0], 1)
        scheduled = np.empty(ROUNDS, np.uint64)
        schedule(words[:, 0], scheduled)
        add_same_block(state, scheduled, work, lanes)
    else:
        for i in range(lanes):
            load(words, i, as_words[i], 1)
        add_block(state, words, work, lanes)
    for i in range(lanes):
        for k in range(DIGEST_WORDS):
            digests[numbers[i], k] = state[k, i]


@compiled
def digest_long(allele: Integers, location_digests: Words, residues: Bytes, digest: Words) -> None:
    """The digest of one allele with a long literal."""
    message = np.empty(LONGEST_SCRATCH, np.uint8)
    as_words = message.view(np.uint64)
    words = np.empty((BLOCK_WORDS, 1), np.uint64)
    state = np.empty((8, 1), np.uint64)
    work = np.empty((8, 1), np.uint64)
    blocks = pad(message, put_allele(message, allele, location_digests[allele[LOCATION]], residues))
    start(state, 1)
    for block in range(blocks):
        load(words, 0, as_words, block)
        add_block(state, words, work, 1)
    for k in range(DIGEST_WORDS):
        digest[k] = state[k, 0]
