"""Facts of TLS connections, as long as nothing terminates TLS: every connection is clear.

The values are what HAProxy says of a clear connection; the room tls replaces this file when it can handshake.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pylb.registry import Status, fetch
from pylb.sample.scopes import Scope
from pylb.sample.values import MISS, Fetch

_NOTE: Final = "connections are clear until TLS exists"

# Name -> (type, arguments) of what a clear connection does not have.
_ABSENT: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "alg_keysize": ("int", ()),
    "alpn": ("str", ()),
    "cipher": ("str", ()),
    "client_random": ("bin", ()),
    "curve": ("str", ()),
    "is_resumed": ("bool", ()),
    "npn": ("str", ()),
    "protocol": ("str", ()),
    "server_random": ("bin", ()),
    "session_id": ("bin", ()),
    "session_key": ("bin", ()),
    "unique_id": ("bin", ()),
    "use_keysize": ("int", ()),
    "err": ("int", ()),
    "err_str": ("str", ()),
}
_FRONT_ONLY: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "ssl_fc_sni": ("str", ()),
    "ssl_fc_has_sni": ("bool", ()),
    "ssl_fc_has_crt": ("bool", ()),
    "ssl_fc_has_early": ("bool", ()),
    "ssl_c_used": ("bool", ()),
    "ssl_c_verify": ("int", ()),
    "ssl_c_err": ("int", ()),
    "ssl_c_ca_err": ("int", ()),
    "ssl_c_ca_err_depth": ("int", ()),
    "ssl_c_version": ("int", ()),
    "ssl_f_version": ("int", ()),
    "ssl_c_der": ("bin", ()),
    "ssl_c_chain_der": ("bin", ()),
    "ssl_f_der": ("bin", ()),
    "ssl_c_serial": ("bin", ()),
    "ssl_f_serial": ("bin", ()),
    "ssl_c_sha1": ("bin", ()),
    "ssl_f_sha1": ("bin", ()),
    "ssl_c_key_alg": ("str", ()),
    "ssl_f_key_alg": ("str", ()),
    "ssl_c_sig_alg": ("str", ()),
    "ssl_f_sig_alg": ("str", ()),
    "ssl_c_notbefore": ("str", ()),
    "ssl_f_notbefore": ("str", ()),
    "ssl_c_notafter": ("str", ()),
    "ssl_f_notafter": ("str", ()),
    "ssl_c_s_dn": ("str", ("str?", "int?", "str?")),
    "ssl_c_i_dn": ("str", ("str?", "int?", "str?")),
    "ssl_f_s_dn": ("str", ("str?", "int?", "str?")),
    "ssl_f_i_dn": ("str", ("str?", "int?", "str?")),
}


def _nothing(*arguments: object) -> Fetch:
    """The third argument is the format of a distinguished name."""
    if len(arguments) > 2 and arguments[2] not in (b"", b"rfc2253"):
        raise ValueError("only rfc2253 or a blank value are currently supported as the format argument.")
    return lambda ctx: MISS


def _false() -> Fetch:
    return lambda ctx: False


def _declare(name: str, out: str, args: tuple[str, ...], scope: Scope, factory: Callable[..., Fetch], doc: str) -> None:
    fetch(name, out=out, scope=scope, args=args, status=Status.PARTIAL, note=_NOTE, doc=doc)(factory)


_declare("ssl_fc", "bool", (), Scope.SESSION, _false, "True when the client connection is encrypted.")
_declare("ssl_bc", "bool", (), Scope.RESPONSE_INFO, _false, "True when the connection to the server is encrypted.")
for _name, (_out, _args) in _ABSENT.items():
    _fact = _name.replace("_", " ")
    _absent = _false if _out == "bool" else _nothing
    _declare(f"ssl_fc_{_name}", _out, _args, Scope.SESSION, _absent, f"TLS {_fact} of the client connection.")
    _declare(f"ssl_bc_{_name}", _out, _args, Scope.RESPONSE_INFO, _absent, f"TLS {_fact} of the server connection.")
for _name, (_out, _args) in _FRONT_ONLY.items():
    _bool = _false if _out == "bool" else _nothing
    _declare(_name, _out, _args, Scope.SESSION, _bool, f"TLS fact of the client connection: {_name}.")
