"""Dates in persistence cookies: seconds since 1970 in units of four, thirty bits as five characters of base64."""

from __future__ import annotations

from typing import Final

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_VALUES: Final = {character: number for number, character in enumerate(_ALPHABET)}
_SHIFTS: Final = (24, 18, 12, 6, 0)


def encode(seconds: int) -> bytes:
    number = seconds >> 2
    return bytes([_ALPHABET[number >> shift & 63] for shift in _SHIFTS])


def decode(text: bytes) -> int:
    """Seconds, or 0 for what is no date. Characters behind the fifth are ignored."""
    number = 0
    if len(text) < len(_SHIFTS):
        return 0
    for character in text[: len(_SHIFTS)]:
        value = _VALUES.get(character)
        if value is None:
            return 0
        number = number << 6 | value
    return number << 2
