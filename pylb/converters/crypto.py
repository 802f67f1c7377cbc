"""Message digests and their comparison (manual 7.3.1)."""

from __future__ import annotations

import binascii
import hashlib
import hmac as hmac_module
from collections.abc import Callable
from typing import Any

from pylb.converters import operands
from pylb.registry import converter
from pylb.sample import variables
from pylb.sample.values import MISS, Absent

Step = Callable[[bytes, Any], Any]


@converter("sha1", takes="bin", out="bin", pure=True)
def sha1() -> Step:
    """SHA-1 of the bytes, 20 bytes."""
    return lambda value, ctx: hashlib.sha1(value, usedforsecurity=False).digest()


@converter("sha2", takes="bin", out="bin", args=("int?",), usage="([<bits>])", pure=True)
def sha2(bits: int = 256) -> Step:
    """SHA-224, SHA-256 (default), SHA-384 or SHA-512 of the bytes."""
    if bits not in (224, 256, 384, 512):
        raise ValueError(f"Unsupported number of bits: '{bits}'")
    make = getattr(hashlib, f"sha{bits}")
    return lambda value, ctx: make(value).digest()


def _algorithm(name: bytes) -> str:
    """Python's name of an OpenSSL digest; OpenSSL knows them in either case and sha3 with a dash."""
    wanted = name.decode("latin-1").lower()
    for candidate in (wanted, wanted.replace("-", ""), wanted.replace("-", "_")):
        if candidate in hashlib.algorithms_available and not candidate.startswith("shake"):
            return candidate
    raise ValueError("algorithm must be a valid OpenSSL message digest name.")


@converter("digest", takes="bin", out="bin", args=("str",), usage="(<algorithm>)", pure=True)
def digest(algorithm: bytes) -> Step:
    """Digest of the bytes by the OpenSSL algorithm <algorithm> (sha256, md5 ...)."""
    name = _algorithm(algorithm)
    return lambda value, ctx: hashlib.new(name, value, usedforsecurity=False).digest()


@converter("hmac", takes="bin", out="bin", args=("str", "str"), usage="(<algorithm>,<key>)")
def hmac(algorithm: bytes, key: bytes) -> Step:
    """Message authentication code (RFC 2104) of the bytes. <key> is base64, or a variable that holds base64."""
    name = _algorithm(algorithm)
    try:
        variables.parse_name(key)
    except ValueError:
        secret = _key(key)
        if secret is None:
            raise ValueError(
                "failed to parse key : argument needs to be base64 encoded, and can either be a string or a variable"
            ) from None
        fixed = secret
        return lambda value, ctx: hmac_module.digest(fixed, value, name)
    read = operands.variable_as(key, "bin")

    def sign(value: bytes, ctx: Any) -> Any:
        text = read(ctx)
        found = None if text.__class__ is Absent else _key(text)
        return MISS if found is None else hmac_module.digest(found, value, name)

    return sign


def _key(text: bytes) -> bytes | None:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return None


@converter("secure_memcmp", takes="bin", out="bool", args=("str",), usage="(<var>)")
def secure_memcmp(variable: bytes) -> Step:
    """Whether the bytes equal the variable, in a time that does not depend on where they differ."""
    read = operands.registered(variable, "bin")

    def compare(value: bytes, ctx: Any) -> Any:
        other = read(ctx)
        return other if other.__class__ is Absent else hmac_module.compare_digest(value, other)

    return compare
