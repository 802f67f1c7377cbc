"""Converters that are understood and yield nothing yet: names, arguments and types of HAProxy 2.6 to 3.5.

One row per word, checked like every other converter; a start refuses them. A name that another file of the room
declares is skipped, so that implementing a word means declaring it there. Loaded after all other rooms.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pylb import registry
from pylb.registry import Kind, Status
from pylb.sample import variables
from pylb.sample.values import MISS


@dataclass(frozen=True, slots=True)
class Row:
    """Converters of one kind: names, input and output type, arguments (as in `args=`), and what they make."""

    names: str
    takes: str
    out: str
    meaning: str
    args: str = ""
    check: Callable[..., None] | None = None


_INTEGERS: Final = ("int32", "uint32", "sint32", "fixed32", "sfixed32", "int64", "uint64", "sint64", "fixed64")
PROTOBUF_TYPES: Final = frozenset((*_INTEGERS, "sfixed64", "bool", "enum", "float", "double", "string", "bytes"))
JWT_ALGORITHMS: Final = frozenset(f"{kind}{bits}" for kind in ("HS", "RS", "ES", "PS") for bits in (256, 384, 512))
CONDITIONS: Final = ("error", "forwarded", "normal", "processed", "stopping", "toapplet", "acl")


def is_variable(text: bytes) -> bool:
    """Whether an argument that may be a value or a variable is a variable's name."""
    try:
        variables.parse_name(text)
    except ValueError:
        return False
    return True


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _protobuf(number: bytes, kind: bytes | None = None) -> None:
    if kind is not None and _text(kind) not in PROTOBUF_TYPES:
        raise ValueError(f"Wrong protocol buffer type '{_text(kind)}'")


def _base64(value: bytes, what: str) -> None:
    if is_variable(value):
        return
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError(
            f"failed to parse {what} : argument needs to be base64 encoded, and can either be a string or a variable"
        ) from None


def _aes(bits: int, *arguments: bytes) -> None:
    """Key size, nonce, key, and for GCM the tag, which is always a variable; then optional additional data."""
    if bits not in (128, 192, 256):
        raise ValueError("key size must be 128, 192 or 256 (bits).")
    for value, what in zip(arguments, ("nonce", "key"), strict=False):
        _base64(value, what)


def _aes_gcm(bits: int, nonce: bytes, key: bytes, tag: bytes, data: bytes = b"") -> None:
    _aes(bits, nonce, key)
    if not is_variable(tag):
        raise ValueError("failed to parse aead_tag : argument needs to be a variable")


def _jwt_verify(algorithm: bytes, key: bytes) -> None:
    if not is_variable(algorithm) and _text(algorithm) not in JWT_ALGORITHMS:
        raise ValueError(f"unknown JWT algorithm: {_text(algorithm)}")


def _jwt_query(path: bytes = b"", kind: bytes | None = None) -> None:
    if kind and kind != b"int":
        raise ValueError('output_type only supports "int" as argument')


def _when(condition: bytes, *arguments: bytes) -> None:
    name = _text(condition).removeprefix("!")
    if name not in CONDITIONS:
        known = ", ".join(f"'{known}'" for known in CONDITIONS)
        raise ValueError(f"expects one of {known}, optionally after '!', but got '{name}'")
    if name == "acl" and not arguments:
        raise ValueError("'acl' expects the name of an ACL as second argument")


_TABLE_DATA: Final = (
    *("bytes_in_rate", "bytes_out_rate", "conn_cnt", "conn_cur", "conn_rate", "glitch_cnt", "glitch_rate"),
    *("gpc0", "gpc0_rate", "gpc1", "gpc1_rate", "gpt0", "clr_gpc0", "clr_gpc1", "inc_gpc0", "inc_gpc1"),
    *("http_err_cnt", "http_err_rate", "http_fail_cnt", "http_fail_rate", "http_req_cnt", "http_req_rate"),
    *("kbytes_in", "kbytes_out", "server_id", "sess_cnt", "sess_rate", "trackers"),
)
_MATCHES: Final = ("str", "beg", "dir", "dom", "end", "reg", "sub")

ROWS: Final = (
    Row("aes_gcm_dec, aes_gcm_enc", "bin", "bin", "AES-GCM.", "int str str str str?", _aes_gcm),
    Row("aes_cbc_dec, aes_cbc_enc", "bin", "bin", "AES-CBC.", "int str str str?", _aes),
    Row("base2", "bin", "str", "The bits of the input, as digits."),
    Row("capture-req, capture-res", "str", "str", "Captures the input in a declared slot.", "int"),
    Row("date", "str", "int", "Reads a date of HTTP."),
    Row("eth.data, eth.dst, eth.hdr, eth.src", "bin", "bin", "Parts of an Ethernet frame (bind option tcp-ss)."),
    Row("eth.proto, eth.vlan", "bin", "int", "Numbers of an Ethernet frame."),
    Row("ip.data, ip.hdr", "bin", "bin", "Parts of an IP packet."),
    Row("ip.src, ip.dst", "bin", "addr", "Addresses of an IP packet."),
    Row("ip.df, ip.proto, ip.tos, ip.ttl, ip.ver", "bin", "int", "Numbers of an IP header."),
    Row("ip.fp", "bin", "bin", "A fingerprint of a SYN packet.", "int?"),
    Row("tcp.options_list", "bin", "bin", "Kinds of the options of a TCP segment."),
    Row(
        "tcp.dst, tcp.src, tcp.flags, tcp.seq, tcp.win, tcp.options.mss, tcp.options.sack, tcp.options.tsopt, "
        "tcp.options.tsval, tcp.options.wscale, tcp.options.wsopt",
        "bin",
        "int",
        "Numbers of a TCP segment.",
    ),
    Row("fe_exists, srv_is_up", "str", "bool", "Whether that frontend exists, whether that server is up."),
    Row("nbsrv, srv_queue", "str", "int", "Usable servers of that backend, queue of that server."),
    Row("in_table", "any", "bool", "Whether a table has the key.", "table"),
    *(Row(f"table_{name}", "any", "int", f"{name} of the key in a table.", "table") for name in _TABLE_DATA),
    *(
        Row(f"table_{name}", "any", "int", f"{name} of the key in a table.", "int table")
        for name in ("gpc", "gpc_rate", "gpt", "clr_gpc", "inc_gpc")
    ),
    Row("table_expire, table_idle", "any", "int", "Milliseconds left to, or since the use of the key.", "table int?"),
    *(Row(f"map_{match}_key", "str", "str", "The key of a map that matches.", "map") for match in _MATCHES),
    Row("map_int_key", "int", "str", "The key of a map that matches.", "map"),
    Row("map_ip_key", "addr", "str", "The key of a map that matches.", "map"),
    Row("jwt_decrypt_cert, jwt_decrypt_jwk, jwt_decrypt_secret", "bin", "bin", "Content of an encrypted JWT.", "str"),
    Row("jwt_header_query, jwt_payload_query", "bin", "any", "A member of a JWT.", "str? str?", _jwt_query),
    Row("jwt_verify, jwt_verify_cert", "bin", "int", "Whether a JWT's signature holds.", "str str", _jwt_verify),
    Row("protobuf, ungrpc", "bin", "bin", "A field of a Protocol Buffers message.", "field str?", _protobuf),
    Row("when", "any", "any", "The input, when something holds; else nothing.", "str str? str?", _when),
    Row("x509_v_err_str", "int", "str", "Name of an error of certificate verification."),
    Row("xxh3", "bin", "int", "XXH3 hash with 64 bits.", "int?"),
)


def _factory(check: Callable[..., None] | None) -> Callable[..., Callable[[Any, Any], Any]]:
    def make(*arguments: Any) -> Callable[[Any, Any], Any]:
        if check is not None:
            check(*arguments)
        return lambda value, ctx: MISS

    return make


def _declare(row: Row) -> None:
    for name in row.names.split(", "):
        if registry.find(Kind.CONVERTER, name) is None:
            registry.declare(
                Kind.CONVERTER,
                name,
                _factory(row.check),
                takes=row.takes,
                out=row.out,
                args=tuple(row.args.split()),
                status=Status.UNSAFE,
                note="checked, and yields nothing yet",
                doc=row.meaning,
            )


for _row in ROWS:
    _declare(_row)
