"""Encodings of bytes and text: hexadecimal, base64, URLs, JSON strings (manual 7.3.1)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any, Final

from pylb.registry import converter
from pylb.sample.values import MISS

Step = Callable[[bytes, Any], Any]


@converter("hex", takes="bin", out="str", pure=True)
def to_hex() -> Step:
    """Two hexadecimal digits per byte, in capitals."""
    return lambda value, ctx: value.hex().upper().encode()


@converter("hex2i", takes="str", out="int", pure=True)
def hex2i() -> Step:
    """The number that hexadecimal digits spell; nothing when the string holds anything else (observed)."""

    def convert(value: bytes, ctx: Any) -> Any:
        number = 0
        for byte in value:
            digit = _HEX.get(byte)
            if digit is None:
                return MISS
            number = (number << 4 | digit) & 0xFFFFFFFFFFFFFFFF
        return number - (1 << 64) if number >> 63 else number

    return convert


_HEX: Final = {byte: int(chr(byte), 16) for byte in b"0123456789abcdefABCDEF"}


@converter("base64", takes="bin", out="str", pure=True)
def to_base64() -> Step:
    """Base64 (RFC 4648 section 4) of the bytes."""
    return lambda value, ctx: binascii.b2a_base64(value, newline=False)


_base64_text = re.compile(rb"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?").fullmatch
_base64url_text = re.compile(rb"[A-Za-z0-9_-]*+={0,2}").fullmatch


@converter("b64dec", takes="str", out="bin", pure=True)
def from_base64() -> Step:
    """The bytes that base64 encodes; nothing when the string is not base64 with its padding."""

    def decode(value: bytes, ctx: Any) -> Any:
        return binascii.a2b_base64(value) if _base64_text(value) else MISS

    return decode


@converter("ub64enc", takes="bin", out="str", pure=True)
def to_base64url() -> Step:
    """Base64url (RFC 4648 section 5) of the bytes, without padding."""
    return lambda value, ctx: base64.urlsafe_b64encode(value).rstrip(b"=")


@converter("ub64dec", takes="str", out="bin", pure=True)
def from_base64url() -> Step:
    """The bytes that base64url encodes, with or without padding; nothing when the string is something else."""

    def decode(value: bytes, ctx: Any) -> Any:
        if not _base64url_text(value):
            return MISS
        text = value.rstrip(b"=")
        if len(text) % 4 == 1:
            return MISS
        return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))

    return decode


_escape = re.compile(rb"%([0-9A-Fa-f]{2})")
_bad_escape = re.compile(rb"%(?![0-9A-Fa-f]{2})").search


def _byte(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)])


@converter("url_dec", takes="str", out="str", args=("int?",), usage="([<in_form>])", pure=True)
def url_dec(in_form: int = 0) -> Step:
    """The string behind a URL encoding (RFC 3986 2.1). `+` becomes a space behind the first `?`, or everywhere when
    <in_form> is not 0. A `%` without two hexadecimal digits fails."""

    def decode(value: bytes, ctx: Any) -> Any:
        if b"+" in value:
            if in_form:
                value = value.replace(b"+", b" ")
            else:
                path, mark, query = value.partition(b"?")
                value = path + mark + query.replace(b"+", b" ")
        if b"%" not in value:
            return value
        if _bad_escape(value):
            return MISS
        return _escape.sub(_byte, value)

    return decode


_reserved = re.compile(rb"[^A-Za-z0-9._~-]")


def _percent(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]


@converter("url_enc", takes="str", out="str", args=("str?",), usage="([<enc_type>])", pure=True)
def url_enc(encoding: bytes = b"query") -> Step:
    """The string with every byte that is not unreserved (RFC 3986 2.3) written %XX. <enc_type> can only be `query`."""
    if encoding != b"query":
        raise ValueError("Unexpected encode type. Allowed value is 'query'")
    return lambda value, ctx: _reserved.sub(_percent, value)


def _chunks(value: bytes, size: int, truncate: bool) -> list[bytes]:
    end = len(value) - len(value) % size if truncate else len(value)
    return [value[at : at + size] for at in range(0, end, size)]


@converter(
    "be2dec",
    takes="bin",
    out="str",
    args=("str", "int", "int?"),
    usage="(<separator>,<chunk_size>[,<truncate>])",
    pure=True,
)
def be2dec(separator: bytes, size: int, truncate: int = 0) -> Step:
    """Decimal numbers of big-endian groups of <chunk_size> bytes (1 to 8) with <separator> between them.

    With <truncate> an incomplete group at the end is left out.
    """
    _check_chunk(size, truncate)
    return lambda value, ctx: separator.join(
        b"%d" % int.from_bytes(chunk, "big") for chunk in _chunks(value, size, bool(truncate))
    )


@converter(
    "le2dec",
    takes="bin",
    out="str",
    args=("str", "int", "int?"),
    usage="(<separator>,<chunk_size>[,<truncate>])",
    pure=True,
)
def le2dec(separator: bytes, size: int, truncate: int = 0) -> Step:
    """As be2dec, the groups being little-endian."""
    _check_chunk(size, truncate)
    return lambda value, ctx: separator.join(
        b"%d" % int.from_bytes(chunk, "little") for chunk in _chunks(value, size, bool(truncate))
    )


def _check_chunk(size: int, truncate: int) -> None:
    if not 1 <= size <= 8:
        raise ValueError(f"chunk_size out of [1..8] range ({size})")
    _check_truncate(truncate)


def _check_truncate(truncate: int) -> None:
    if truncate not in (0, 1):
        raise ValueError(f"Unsupported truncate value ({truncate})")


@converter(
    "be2hex",
    takes="bin",
    out="str",
    args=("str?", "int?", "int?"),
    usage="([<separator>],[<chunk_size>],[<truncate>])",
    pure=True,
)
def be2hex(separator: bytes = b"", size: int = 0, truncate: int = 0) -> Step:
    """Hexadecimal digits of the bytes with <separator> between groups of <chunk_size> bytes.

    With <truncate> an incomplete group at the end is left out.
    """
    if size < 0 or (separator and not size):
        raise ValueError(f"chunk_size needs to be positive ({size})")
    _check_truncate(truncate)

    def convert(value: bytes, ctx: Any) -> bytes:
        if not size:
            return value.hex().upper().encode()
        return separator.join(chunk.hex().upper().encode() for chunk in _chunks(value, size, bool(truncate)))

    return convert


@converter("htonl", takes="int", out="bin", pure=True)
def htonl() -> Callable[[int, Any], bytes]:
    """The low 32 bits of the integer, in network byte order."""
    return lambda value, ctx: (value & 0xFFFFFFFF).to_bytes(4, "big")
