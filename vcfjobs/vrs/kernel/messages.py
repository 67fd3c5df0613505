"""The canonical JSON of locations and alleles, digested in lanes (the texts are those of vrs/digests.py).

Nearly all messages have two blocks of 128 bytes, and neighbours differ in little more than digits: the common
text is filled into all lanes at once. The second block of an allele is constant text unless its literal is
long. It is the same for all alleles whose state has the same form and size, so these are digested together.
"""

from __future__ import annotations

import numpy as np

from vcfjobs.vrs.digests import ALLELE_OPEN, DIGEST_CHARACTERS, location_template
from vcfjobs.vrs.kernel.compiled import (
    Bytes,
    ByteTable,
    Integers,
    IntegerTable,
    Words,
    WordTable,
    compiled,
    copy,
    entry,
)
from vcfjobs.vrs.kernel.sha512 import (
    BLOCK_WORDS,
    INITIAL,
    LANES,
    ROUNDS,
    STATE_WORDS,
    add_block,
    add_scheduled,
    schedule,
)
from vcfjobs.vrs.kernel.tables import (
    CONTIG,
    LENGTH,
    LITERAL,
    LITERAL_SIZE,
    LOCATION,
    LOCATION_END,
    LOCATION_START,
    SUBUNIT,
)
from vcfjobs.vrs.kernel.text import digits, put, put_number, set_text, swapped

BLOCK_BYTES = 128
MESSAGE_BYTES = 2 * BLOCK_BYTES
DIGEST_WORDS = 3
# The padding of a message takes at least 17 bytes.
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
LITERAL_AT = OPEN.size + DIGEST_CHARACTERS + SEQUENCE.size
LENGTH_AT = OPEN.size + DIGEST_CHARACTERS + STATE_LENGTH.size
# Largest literals that end within the first block, and that give a message of two blocks.
SHORT_LITERAL = BLOCK_BYTES - LITERAL_AT
MIDDLE_LITERAL = LONGEST_MESSAGE - LITERAL_AT - SEQUENCE_CLOSE.size

# Classes of alleles that are digested together: literals by size, reference-length states by the numbers of
# digits of their two numbers.
_BY_DIGITS = SHORT_LITERAL + 1
MOST_DIGITS = 6
_TWO_BLOCKS = _BY_DIGITS + MOST_DIGITS * MOST_DIGITS
_MORE_BLOCKS = _TWO_BLOCKS + 1
_CLASSES = _MORE_BLOCKS + 1

TEXT_WORDS = 4
# An allele's message has its location's digest from byte 13 on: in words 1 to 5, 24 bits of each in the next.
_BEFORE_DIGEST = np.uint64(int.from_bytes(ALLELE_OPEN[8:13], "big") << 24)
_BEHIND_DIGEST = np.uint64(int.from_bytes(b'","', "big"))


def workspace() -> tuple[Bytes, Bytes, WordTable, WordTable, WordTable]:
    """What digests are computed in: two messages, the words of LANES messages, their states, a schedule."""
    rows = (2 * BLOCK_WORDS, STATE_WORDS, ROUNDS)
    one, other = np.zeros((2, LONGEST_SCRATCH), np.uint8)
    words, state, added = (np.zeros((count, LANES), np.uint64) for count in rows)
    return one, other, words, state, added


def middle_of(accession: str) -> Bytes:
    """The text between end and start in the canonical JSON of a location."""
    return _bytes(location_template(accession).split(b"%d")[1])


@compiled
def pad(message: Bytes, size: int) -> int:
    """Append the padding of SHA-512; returns the number of blocks."""
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
def start(state: WordTable) -> None:
    """Set the state of all lanes to that before the first block."""
    for k in range(STATE_WORDS):
        for i in range(LANES):
            state[k, i] = INITIAL[k]


@compiled
def load(words: WordTable, lane: int, message: Words, first: int, last: int) -> None:
    """Words [first, last) of a message into their lane."""
    for t in range(first, last):
        words[t, lane] = swapped(message[t])


@compiled
def fill(words: WordTable, message: Words) -> None:
    """All words of a message of two blocks into all lanes."""
    for t in range(2 * BLOCK_WORDS):
        word = swapped(message[t])
        for i in range(LANES):
            words[t, i] = word


@compiled
def put_location(message: Bytes, location: Integers, middle: Bytes) -> None:
    """The canonical JSON of a location, padded: two blocks."""
    at = put_number(message, put(message, 0, LOCATION_OPEN), location[LOCATION_END])
    at = put_number(message, put(message, at, middle), location[LOCATION_START])
    pad(message, put(message, at, LOCATION_CLOSE))


@entry
def digest_locations(
    locations: IntegerTable,
    middles: ByteTable,
    texts: WordTable,
    message: Bytes,
    other: Bytes,
    words: WordTable,
    state: WordTable,
    added: WordTable,
) -> None:
    """The digests of locations as four words of text each; row k of `middles` is the text of contig k.

    The last arguments are the `workspace`.
    """
    as_words, other_as_words = message.view(np.uint64), other.view(np.uint64)
    end_at = LOCATION_OPEN.size
    for first in range(0, len(locations), LANES):
        lanes = min(LANES, len(locations) - first)
        contig = locations[first, CONTIG]
        end_digits, start_digits = (
            digits(locations[first, LOCATION_END]),
            digits(locations[first, LOCATION_START]),
        )
        start_at = end_at + end_digits + MIDDLE_BYTES
        end_word = (end_at + end_digits + 7) >> 3
        start_word, start_end_word = start_at >> 3, (start_at + start_digits + 7) >> 3
        put_location(message, locations[first], middles[contig])
        fill(words, as_words)
        for i in range(1, lanes):
            location = locations[first + i]
            end, begin = location[LOCATION_END], location[LOCATION_START]
            if location[CONTIG] == contig and digits(end) == end_digits and digits(begin) == start_digits:
                put_number(message, end_at, end)
                put_number(message, start_at, begin)
                load(words, i, as_words, 0, end_word)
                load(words, i, as_words, start_word, start_end_word)
            else:
                put_location(other, location, middles[location[CONTIG]])
                load(words, i, other_as_words, 0, 2 * BLOCK_WORDS)
        start(state)
        add_block(state, words, 0)
        add_block(state, words, BLOCK_WORDS)
        for i in range(lanes):
            set_text(texts[first + i], state[0, i], state[1, i], state[2, i])


@compiled
def class_of(allele: Integers) -> int:
    """The class of alleles that it is digested with."""
    size = int(allele[LITERAL_SIZE])
    if size < 0:
        return _BY_DIGITS + MOST_DIGITS * (digits(allele[LENGTH]) - 1) + digits(allele[SUBUNIT]) - 1
    if size <= SHORT_LITERAL:
        return size
    return _TWO_BLOCKS if size <= MIDDLE_LITERAL else _MORE_BLOCKS


@compiled
def put_state(message: Bytes, allele: Integers, residues: Bytes) -> int:
    """Write what differs between the messages of one class but the location; the offset behind it."""
    if allele[LITERAL_SIZE] >= 0:
        begin = allele[LITERAL]
        copy(message, LITERAL_AT, residues, begin, allele[LITERAL_SIZE])
        return LITERAL_AT + int(allele[LITERAL_SIZE])
    at = put_number(message, LENGTH_AT, allele[LENGTH])
    return put_number(message, at + STATE_SUBUNIT.size, allele[SUBUNIT])


@compiled
def put_allele(message: Bytes, allele: Integers, residues: Bytes) -> int:
    """The canonical JSON of an allele without its location's digest, padded; the number of blocks."""
    at = put(message, 0, OPEN) + DIGEST_CHARACTERS
    if allele[LITERAL_SIZE] >= 0:
        put(message, at, SEQUENCE)
        end = put_state(message, allele, residues)
        return pad(message, put(message, end, SEQUENCE_CLOSE))
    put(message, at, STATE_LENGTH)
    end = put_state(message, allele, residues)
    put(message, LENGTH_AT + digits(allele[LENGTH]), STATE_SUBUNIT)
    return pad(message, put(message, end, STATE_CLOSE))


@compiled
def load_location(words: WordTable, lane: int, text: Words) -> None:
    """The location's digest into words 1 to 5 of an allele's message."""
    high, low = np.uint64(24), np.uint64(40)
    words[1, lane] = _BEFORE_DIGEST | (text[0] >> low)
    words[2, lane] = (text[0] << high) | (text[1] >> low)
    words[3, lane] = (text[1] << high) | (text[2] >> low)
    words[4, lane] = (text[2] << high) | (text[3] >> low)
    words[5, lane] = (text[3] << high) | _BEHIND_DIGEST


@compiled
def set_digest(allele: int, state: WordTable, lane: int, digests: WordTable, texts: WordTable) -> None:
    """Keep the digest of an allele, and its characters in the order of memory."""
    for k in range(DIGEST_WORDS):
        digests[allele, k] = state[k, lane]
    text = texts[allele]
    set_text(text, state[0, lane], state[1, lane], state[2, lane])
    for k in range(TEXT_WORDS):
        text[k] = swapped(text[k])


@compiled
def digest_class(
    alleles: IntegerTable,
    numbers: Integers,
    location_texts: WordTable,
    residues: Bytes,
    digests: WordTable,
    texts: WordTable,
    same_second_block: bool,
    message: Bytes,
    words: WordTable,
    state: WordTable,
    added: WordTable,
) -> None:
    """The digests of alleles whose messages have two blocks, of which the second may be the same for all."""
    as_words = message.view(np.uint64)
    put_allele(message, alleles[numbers[0]], residues)
    fill(words, as_words)
    schedule(words, BLOCK_WORDS, added)
    for first in range(0, len(numbers), LANES):
        lanes = min(LANES, len(numbers) - first)
        for i in range(lanes):
            allele = alleles[numbers[first + i]]
            if same_second_block:
                end = put_state(message, allele, residues)
                load(words, i, as_words, LITERAL_AT >> 3, (end + 7) >> 3)
            else:
                put_allele(message, allele, residues)
                load(words, i, as_words, 0, 2 * BLOCK_WORDS)
            load_location(words, i, location_texts[allele[LOCATION]])
        start(state)
        add_block(state, words, 0)
        if same_second_block:
            add_scheduled(state, added)
        else:
            add_block(state, words, BLOCK_WORDS)
        for i in range(lanes):
            set_digest(numbers[first + i], state, i, digests, texts)


@compiled
def digest_long(
    number: int,
    allele: Integers,
    location_texts: WordTable,
    residues: Bytes,
    digests: WordTable,
    texts: WordTable,
    message: Bytes,
    words: WordTable,
    state: WordTable,
) -> None:
    """The digest of one allele with a long literal; the other lanes have nothing to do."""
    as_words = message.view(np.uint64)
    start(state)
    for block in range(put_allele(message, allele, residues)):
        load(words, 0, as_words[block * BLOCK_WORDS :], 0, BLOCK_WORDS)
        if block == 0:
            load_location(words, 0, location_texts[allele[LOCATION]])
        add_block(state, words, 0)
    set_digest(number, state, 0, digests, texts)


@entry
def digest_alleles(
    alleles: IntegerTable,
    location_texts: WordTable,
    residues: Bytes,
    digests: WordTable,
    texts: WordTable,
    classes: Integers,
    order: Integers,
    message: Bytes,
    other: Bytes,
    words: WordTable,
    state: WordTable,
    added: WordTable,
) -> None:
    """The digests (three words each) and their text (32 bytes each) of the alleles that have a location.

    `classes` and `order` have room for a number per allele. The last arguments are the `workspace`.
    """
    begins = other.view(np.int64)[: _CLASSES + 1]
    begins[:] = 0
    for number in range(len(alleles)):
        classes[number] = -1
        if alleles[number, LOCATION] >= 0:
            classes[number] = class_of(alleles[number])
            begins[classes[number] + 1] += 1
    for k in range(_CLASSES):
        begins[k + 1] += begins[k]
    for number in range(len(alleles)):
        if classes[number] >= 0:
            order[begins[classes[number]]] = number
            begins[classes[number]] += 1
    # Each class now begins where the one before it ends.
    first = 0
    for of in range(_MORE_BLOCKS):
        last = begins[of]
        if first < last:
            digest_class(
                alleles,
                order[first:last],
                location_texts,
                residues,
                digests,
                texts,
                of != _TWO_BLOCKS,
                message,
                words,
                state,
                added,
            )
        first = last
    for number in order[first : begins[_MORE_BLOCKS]]:
        digest_long(number, alleles[number], location_texts, residues, digests, texts, message, words, state)
