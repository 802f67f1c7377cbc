"""What a complete server line contradicts: TLS without authorities, versions that exclude each other, protocols.

Nothing is encrypted yet; the questions are those that HAProxy asks once a configuration is read, with its answers.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from pylb.config import tls_files
from pylb.listener.tls_checks import SUITES, VERSIONS, curves_known, signatures_unknown

if TYPE_CHECKING:
    from pylb.config.model import Configuration, ProxyConfig, ServerLine
    from pylb.errors import Report

_VERIFY: Final = (
    "verify is enabled by default but no CA file specified. If you're running on a LAN where you're certain to trust "
    "the server's certificate, please set an explicit 'verify none' statement on the 'server' line, or use "
    "'ssl-server-verify none' in the global section to disable server-side verifications by default."
)
_CHECKS: Final = (
    *(f"option {kind}-check" for kind in ("tcp", "pgsql", "redis", "mysql", "ldap", "spop")),
    *("option httpchk", "option ssl-hello-chk", "option smtpchk"),
)
_RETRIES: Final = frozenset(("conn-failure", "empty-response", "response-timeout"))


def check(config: Configuration, proxy: ProxyConfig) -> None:
    """Reports what is wrong with the servers of one proxy."""
    for server in proxy.servers:
        label = f"'server {proxy.name}/{server.name}' : "
        if server.values.get("ssl") or server.values.get("check-ssl"):
            _check_tls(config, proxy, server, label)
        if server.values.get("tfo") and not (proxy.get("retry-on") or frozenset()) >= _RETRIES:
            config.report.warning(
                f"{label}server has tfo activated, the backend should be configured with at least 'conn-failure', "
                "'empty-response' and 'response-timeout' or we wouldn't be able to retry the connection on failure.",
                server.span,
            )
        _check_protocol(config.report, proxy, server)
        _check_check(config.report, proxy, server)
    if proxy.http and not proxy.get("use-fcgi-app"):
        lost = next((server for server in proxy.servers if server.values.get("proto") == "fcgi"), None)
        if lost is not None:
            config.report.alert(
                f"proxy '{proxy.name}': FCGI server '{lost.name}' has no FCGI app configured.", lost.span
            )


def check_dynamic(config: Configuration, proxy: ProxyConfig, server: ServerLine) -> None:
    """The same for one server that comes by the runtime socket, whose messages carry no prefix."""
    if server.values.get("ssl") or server.values.get("check-ssl"):
        _check_tls(config, proxy, server, "")
    if not _usable(proxy, server):
        config.report.alert("MUX protocol is not usable for server.")


def _usable(proxy: ProxyConfig, server: ServerLine) -> bool:
    proto = server.values.get("proto")
    if proto is None or proxy.get("mode") == "log":
        return True
    quic = server.address is not None and server.address.quic
    return bool(proto != "spop" and proxy.http != (proto == "none") and (proto == "quic") == quic)


def _check_protocol(report: Report, proxy: ProxyConfig, server: ServerLine) -> None:
    if not _usable(proxy, server):
        proto = server.values["proto"]
        where = f"[{server.span.file}:{server.span.line}]"
        kind = "proxy" if proxy.kind == "listen" else proxy.kind
        report.alert(
            f"{kind} '{proxy.name}' : MUX protocol '{proto}' is not usable for server '{server.name}' at {where}."
        )


def _check_check(report: Report, proxy: ProxyConfig, server: ServerLine) -> None:
    """The protocol of checks: HTTP's for HTTP checks, none for all the others."""
    proto = server.values.get("check-proto")
    if proto is None or not server.values.get("check"):
        return
    if (proto == "none") == _http_checked(proxy):
        kind = "proxy" if proxy.kind == "listen" else proxy.kind
        report.alert(
            f"config: {kind} '{proxy.name}': server '{server.name}' uses an incompatible MUX protocol for the selected "
            "check type"
        )


def _http_checked(proxy: ProxyConfig) -> bool:
    """Whether checks are HTTP's: of several kinds the last one counts."""
    kinds = [name for name in _CHECKS if proxy.get(name)]
    last = max(kinds, key=lambda name: proxy.where[name].line if name in proxy.where else 0, default="")
    return last == "option httpchk"


def _check_tls(config: Configuration, proxy: ProxyConfig, server: ServerLine, label: str) -> None:
    values, report, span = server.values, config.report, server.span
    certificate = values.get("crt")
    if certificate and not str(certificate).startswith("@"):
        try:
            tls_files.check_client_certificate(tls_files.located(certificate, tls_files.base_of(config, "crt-base")))
        except ValueError as error:
            report.alert(f"{label}{error}", span)
            return
    trusted = values.get("verify") or config.globals.get("ssl-server-verify") or "required"
    if trusted == "required" and not values.get("ca-file"):
        report.alert(f"{label}{_VERIFY}", span)
    kind = "proxy" if proxy.kind == "listen" else proxy.kind
    bounded = "force version" in values or "ssl-min-ver" in values or "ssl-max-ver" in values
    if bounded and any(_refuses(values, version) for version in VERSIONS):
        report.warning(
            f"{label}no-sslv3/no-tlsv1x are ignored for this server. Use only 'ssl-min-ver' and 'ssl-max-ver' to fix.",
            span,
        )
    if not _versions(values):
        report.alert(
            f"{label}{kind} '{proxy.name}': all SSL/TLS versions are disabled for server '{server.name}'.", span
        )
    for hole in _holes(values):
        report.warning(
            f"{label}{kind} '{proxy.name}': SSL/TLS versions range not contiguous for server '{server.name}'. "
            f"Hole find for {hole}. Use only 'ssl-min-ver' and 'ssl-max-ver' to fix.",
            span,
        )
    ciphers, suites = values.get("ciphers"), values.get("ciphersuites")
    if isinstance(ciphers, str):
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ciphers(ciphers)
        except ssl.SSLError:
            report.alert(f"{label}unable to set SSL cipher list to '{ciphers}'.", span)
    if isinstance(suites, str) and any(suite and suite not in SUITES for suite in suites.split(":")):
        report.alert(f"{label}unable to set TLS 1.3 cipher suites to '{suites}'.", span)
    curves = values.get("curves")
    if isinstance(curves, str) and not curves_known(curves):
        report.alert(f"{label}unable to set SSL curves list to '{curves}'.", span)
    for option, text in signatures_unknown(values):
        report.alert(f"{label}unable to set '{option}' to '{text}'.", span)


def _refuses(values: dict[str, object], version: str) -> bool:
    return bool(values.get(f"no {version.lower().replace('.', '')}"))


def _holes(values: dict[str, object]) -> list[str]:
    """The refused versions below an accepted one and above another: of each gap the highest."""
    if "force version" in values or "ssl-min-ver" in values or "ssl-max-ver" in values:
        return []  # `no-...` has no effect then
    holes: list[str] = []
    lowest, hole = False, ""
    for version in VERSIONS[1:]:
        if _refuses(values, version):
            hole = version if lowest else ""
        else:
            if hole:
                holes.append(hole)
            lowest, hole = True, ""
    return holes


def _versions(values: dict[str, object]) -> bool:
    """Whether any version of TLS is left."""
    forced = values.get("force version")
    low, high = str(values.get("ssl-min-ver", VERSIONS[1])), str(values.get("ssl-max-ver", VERSIONS[-1]))
    if forced:
        return forced != "sslv3"
    bounded = "ssl-min-ver" in values or "ssl-max-ver" in values
    usable = VERSIONS[max(1, VERSIONS.index(low)) : VERSIONS.index(high) + 1]
    return any(bounded or not _refuses(values, version) for version in usable)
