"""Text in compiled code: bytes and decimal numbers into a buffer, digests as base64url."""

from __future__ import annotations

import numpy as np

from vcfjobs.vrs.kernel.compiled import Bytes, Words, compiled, copy

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
POWERS_OF_TEN = np.array([10**power for power in range(19)], np.int64)
TENS = np.array([48 + pair // 10 for pair in range(100)], np.uint8)
ONES = np.array([48 + pair % 10 for pair in range(100)], np.uint8)
# Two characters of base64url for each 12 bits.
BASE64URL = np.array([high << 8 | low for high in _ALPHABET for low in _ALPHABET], np.uint16)


@compiled
def put(out: Bytes, at: int, text: Bytes) -> int:
    """Write the bytes at `at`; returns the offset after them."""
    copy(out, at, text, 0, text.size)
    return at + text.size


@compiled
def digits(number: int) -> int:
    """How many decimal digits a number >= 0 has."""
    count = 1
    while number >= POWERS_OF_TEN[count]:
        count += 1
    return count


@compiled
def put_number(out: Bytes, at: int, number: int) -> int:
    """Write a number >= 0 in decimal, two digits at a time; returns the offset after it."""
    end = at + digits(number)
    k, hundred = end, np.uint64(100)
    rest = np.uint64(number)
    while rest >= hundred:
        quotient = rest // hundred
        pair = rest - hundred * quotient
        k -= 2
        out[k], out[k + 1] = TENS[pair], ONES[pair]
        rest = quotient
    if k - at == 2:
        out[at] = TENS[rest]
    out[k - 1] = ONES[rest]
    return end


@compiled
def swapped(x: np.uint64) -> np.uint64:
    """The word with its bytes in reverse order."""
    bytes_apart, pairs_apart = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
    x = ((x & bytes_apart) << np.uint64(8)) | ((x >> np.uint64(8)) & bytes_apart)
    x = ((x & pairs_apart) << np.uint64(16)) | ((x >> np.uint64(16)) & pairs_apart)
    return (x << np.uint64(32)) | (x >> np.uint64(32))


@compiled
def characters(first: np.uint64, second: np.uint64, third: np.uint64, fourth: np.uint64) -> np.uint64:
    """The eight characters of four times 12 bits, as a big-endian word."""
    low = np.uint64(4095)
    word: np.uint64 = (
        (np.uint64(BASE64URL[first & low]) << np.uint64(48))
        | (np.uint64(BASE64URL[second & low]) << np.uint64(32))
        | (np.uint64(BASE64URL[third & low]) << np.uint64(16))
        | np.uint64(BASE64URL[fourth & low])
    )
    return word


@compiled
def set_text(text: Words, a: np.uint64, b: np.uint64, c: np.uint64) -> None:
    """The 32 characters (base64url) of a digest of three words, as four big-endian words."""
    text[0] = characters(a >> np.uint64(52), a >> np.uint64(40), a >> np.uint64(28), a >> np.uint64(16))
    fifth, sixth = a >> np.uint64(4), (a << np.uint64(8)) | (b >> np.uint64(56))
    text[1] = characters(fifth, sixth, b >> np.uint64(44), b >> np.uint64(32))
    ninth, last_of_b = b >> np.uint64(20), (b << np.uint64(4)) | (c >> np.uint64(60))
    text[2] = characters(ninth, b >> np.uint64(8), last_of_b, c >> np.uint64(48))
    text[3] = characters(c >> np.uint64(36), c >> np.uint64(24), c >> np.uint64(12), c)
