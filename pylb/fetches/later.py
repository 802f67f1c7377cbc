"""Fetches that are understood and read nothing yet: names, arguments, types and scopes of HAProxy 2.6 to 3.5.

One row per word. What an expression may say is checked here as for every other fetch; a start refuses the words, since
a condition on a value that never comes would let pass what it was written to stop. A name that another file of the room
declares is skipped, so that implementing a word means declaring it there. Loaded after all other rooms.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pylb import registry
from pylb.registry import Kind, Status
from pylb.sample.scopes import Scope
from pylb.sample.values import MISS, Fetch


@dataclass(frozen=True, slots=True)
class Row:
    """Fetches of one kind: their names, type and arguments (as in `args=`), and what they read."""

    names: str
    out: str
    meaning: str
    args: str = ""
    check: Callable[..., None] | None = None


def _block(position: bytes = b"") -> None:
    """Where a block of a message is: a number, or one of three names."""
    if not position:
        raise ValueError("a block position is expected (> 0) or a special block name (head, tail, first)")
    if position not in (b"head", b"tail", b"first") and not re.fullmatch(rb"[0-9]+", position):
        raise ValueError("invalid block position")


def _distinguished(*arguments: Any) -> None:
    """The format of a distinguished name, the third argument."""
    if len(arguments) > 2 and arguments[2] not in (b"", b"rfc2253"):
        raise ValueError("only rfc2253 or a blank value are currently supported as the format argument.")


_NAME: Final = "str? int? str?"
ROWS: Final[dict[Scope, tuple[Row, ...]]] = {
    Scope.RESPONSE_DATA: (Row("res.timer.hdr", "int", "Milliseconds that the response head took."),),
    Scope.RESPONSE_INFO: (
        Row("bc.timer.connect", "int", "Milliseconds that connecting to the server took."),
        Row("bc_be_queue, bc_srv_queue", "int", "Streams that were dequeued before this one (backend, server)."),
        Row("bc_err_name", "str", "Symbolic name of the error of the connection to the server."),
        Row("bc_nb_streams, bc_settings_streams_limit", "int", "State of the multiplexed connection."),
        Row("bs.aborted, bs.rst_code", "int", "How the stream to the server was aborted."),
        Row("bs.debug_str", "str", "Internal state of the stream to the server, for developers.", "int?"),
        Row("bs.id", "int", "Number of the stream on its connection to the server."),
        Row("req.timer.queue", "int", "Milliseconds that the request waited in queues."),
        Row("ssl_bc_sni", "str", "Server name that was sent in the TLS handshake with the server."),
    ),
    Scope.SERVER_CONNECTION: (
        Row("res.cache_hit", "bool", "Whether the response came from a cache."),
        Row("res.cache_name", "str", "Name of the cache that the response came from."),
    ),
    Scope.SERVER: (
        Row("bytes_out, res.bytes_in, res.bytes_out", "int", "Bytes of the response, received and sent."),
        Row("res.timer.data", "int", "Milliseconds that the data of the response took."),
    ),
    Scope.REQUEST_DATA: (
        Row("fcgi.docroot, fcgi.index", "str", "Settings of the FastCGI application of the backend."),
        Row("req.timer.hdr, req.timer.idle, req.timer.tq", "int", "Milliseconds before and while the head came."),
    ),
    Scope.REQUEST_VARS: (
        Row(
            "internal.htx.data, internal.htx.free, internal.htx.free_data, internal.htx.nbblks, internal.htx.size, "
            "internal.htx.used",
            "int",
            "Sizes of HAProxy's message buffer, for developers.",
        ),
        Row("internal.htx.has_eom", "bool", "Whether HAProxy's message buffer holds the end of the message."),
        Row("internal.htx_blk.data", "bin", "A block of HAProxy's message buffer.", "str?", _block),
        Row("internal.htx_blk.size", "int", "Size of a block of HAProxy's message buffer.", "str?", _block),
        Row(
            "internal.htx_blk.hdrname, internal.htx_blk.hdrval, internal.htx_blk.start_line, internal.htx_blk.type",
            "str",
            "Parts of a block of HAProxy's message buffer.",
            "str?",
            _block,
        ),
    ),
    Scope.REQUEST_INFO: (
        Row("bytes_in, req.bytes_in, req.bytes_out", "int", "Bytes of the request, received and sent."),
        Row("txn.timer.total, txn.timer.user", "int", "Milliseconds of the whole request."),
    ),
    Scope.SESSION: (
        Row("fc_settings_streams_limit", "int", "Most streams that the client's connection may have at once."),
        Row("fs.aborted, fs.rst_code", "int", "How the client's stream was aborted."),
        Row("fs.debug_str", "str", "Internal state of the client's stream, for developers.", "int?"),
        Row("fs.id", "str", "Number of the stream on the client's connection."),
        Row(
            ", ".join(
                f"ssl_{side}_{name}"
                for side in ("fc", "bc")
                for name in (
                    *("client_early_traffic_secret", "client_handshake_traffic_secret", "client_traffic_secret_0"),
                    *("early_exporter_secret", "exporter_secret"),
                    *("server_handshake_traffic_secret", "server_traffic_secret_0"),
                )
            ),
            "str",
            "Secrets of a TLS connection in hexadecimal, for decoding recorded traffic (tune.ssl.keylog).",
        ),
        Row("ssl_c_san, ssl_c_policies", "str", "Alternative names and policies of the client's certificate.", "str?"),
        Row("ssl_c_r_dn, ssl_s_i_dn, ssl_s_s_dn", "str", "A distinguished name.", _NAME, _distinguished),
        Row("ssl_fc_cipherlist_bin, ssl_fc_cipherlist_str, ssl_fc_eclist_bin", "str", "The client's offer.", "int?"),
        Row("ssl_fc_cipherlist_hex, ssl_fc_sigalgs_bin", "bin", "What the client's hello offered.", "int?"),
        Row("ssl_fc_extlist_bin, ssl_fc_ecformats_bin", "str", "What the client's hello offered.", "int?"),
        Row("ssl_fc_supported_versions_bin", "bin", "TLS versions that the client's hello offered.", "int?"),
        Row("ssl_fc_cipherlist_xxh, ssl_fc_protocol_hello_id", "int", "Hash of ciphers, version of the hello."),
        Row("ssl_fc_crtname", "str", "Name of the certificate that was shown to the client."),
        Row("ssl_fc_early_rcvd", "bool", "Whether the client sent early data."),
        Row("ssl_s_chain_der, ssl_s_der, ssl_s_serial, ssl_s_sha1", "bin", "The server's certificate."),
        Row("ssl_s_key_alg, ssl_s_sig_alg", "str", "Algorithms of the server's certificate."),
        Row("ssl_s_notafter, ssl_s_notbefore", "str", "Validity of the server's certificate."),
        Row("ssl_s_version", "int", "X.509 version of the server's certificate."),
    ),
    Scope.CLIENT_STREAM: (Row("fc.timer.total", "int", "Milliseconds since the client's connection was accepted."),),
    Scope.CLIENT: (
        Row("fc.timer.handshake", "int", "Milliseconds that handshakes with the client took."),
        Row("fc_err_name", "str", "Symbolic name of the error of the client's connection."),
        Row("fc_nb_streams", "int", "State of the client's multiplexed connection."),
    ),
    Scope.INTERNAL: (
        Row("cpu_calls, cpu_ns_avg, cpu_ns_tot, lat_ns_avg, lat_ns_tot", "int", "Processing time of the stream."),
        Row("cpu_usage_grp, cpu_usage_proc, cpu_usage_thr", "int", "Processor usage in percent."),
        Row("last_entity, waiting_entity", "str", "The rule or filter that ran last, or that is waited for."),
        Row("sc0_key, sc1_key, sc2_key", "any", "Key of the tracked entry."),
        Row("sc_key", "any", "Key of the entry that counter <number> tracks.", "int"),
        Row("spoe.engine-id", "str", "Identifier of the SPOE engine."),
        Row("term_events", "str", "What ended the connections of the stream."),
        Row("txn.id32", "int", "Number of the transaction."),
    ),
    Scope.ANYWHERE: (
        Row("dump_all_vars", "str", "All variables of a scope that begin with a prefix.", "str? str? str?"),
    ),
}
_OWN_ARGUMENTS: Final = {"ssl_c_san": "", "ssl_fc_ecformats_bin": ""}  # rows above give them one


def _factory(check: Callable[..., None] | None) -> Callable[..., Fetch]:
    def make(*arguments: Any) -> Fetch:
        if check is not None:
            check(*arguments)
        return lambda ctx: MISS

    return make


def _declare(scope: Scope, row: Row) -> None:
    for name in row.names.split(", "):
        if registry.find(Kind.FETCH, name) is None:
            registry.declare(
                Kind.FETCH,
                name,
                _factory(row.check),
                out=row.out,
                scope=scope,
                args=tuple(_OWN_ARGUMENTS.get(name, row.args).split()),
                status=Status.UNSAFE,
                note="checked, and reads nothing yet",
                doc=row.meaning,
            )


for _scope, _rows in ROWS.items():
    for _row in _rows:
        _declare(_scope, _row)
