"""Options of bind and server lines that are parsed only: name, shape, status, meaning. Declared by config/later.py."""

from __future__ import annotations

from pylb.config.shapes import Row
from pylb.registry import Status

HARMLESS, UNSAFE = Status.HARMLESS, Status.UNSAFE

_VERSIONS = "SSLv3|TLSv1.0|TLSv1.1|TLSv1.2|TLSv1.3"
_SWITCHES = ", ".join(
    f"{what}-{version}" for what in ("no", "force") for version in ("sslv3", "tlsv10", "tlsv11", "tlsv12", "tlsv13")
)

BIND = (
    Row("accept-netscaler-cip", "int", UNSAFE, "The client's address comes in a NetScaler header."),
    Row("ssl", "", UNSAFE, "Clients speak TLS."),
    Row("verify", "none|optional|required", UNSAFE, "Whether clients need a certificate."),
    Row("ca-file, ca-verify-file, crl-file, ca-sign-file", "path", HARMLESS, "Authorities; `verify` uses them."),
    Row(
        "ca-sign-pass, ca-ignore-err, crt-ignore-err, alpn, npn, ciphers, ciphersuites, curves, ecdhe, sigalgs, "
        "client-sigalgs",
        "str:value",
        HARMLESS,
        "Details of TLS.",
    ),
    Row("crt, crt-list, default-crt, tls-ticket-keys", "path", HARMLESS, "Certificates and keys.", many=True),
    Row("ssl-min-ver, ssl-max-ver", _VERSIONS, HARMLESS, "Versions of TLS."),
    Row(_SWITCHES, "", HARMLESS, "Versions of TLS."),
    Row(
        "allow-0rtt, generate-certificates, no-alpn, no-ca-names, no-tls-tickets, tls-tickets, prefer-client-ciphers, "
        "strict-sni, no-strict-sni",
        "",
        HARMLESS,
        "Details of TLS.",
    ),
    Row("ktls", "on|off", HARMLESS, "Encryption by the kernel."),
    Row("defer-accept, tfo, transparent, v4v6, v6only, quic-force-retry", "", HARMLESS, "How the socket is opened."),
    Row(
        "quic-cc-algo, quic-socket, cc, label, guid-prefix, expose-fd, process, thread, shards, proto",
        "str:value",
        HARMLESS,
        "How the socket is served.",
    ),
    Row("tcp-md5sig", "str:password", UNSAFE, "Segments carry a signature."),
    Row("tcp-ss, backlog, mss, nice, id, nbconn", "int", HARMLESS, "Numbers of the socket."),
    Row("idle-ping, tcp-ut", "time", HARMLESS, "Times of the socket."),
    Row("interface, namespace, user, group, uid, gid, mode", "str:value", UNSAFE, "Who reaches the socket."),
    Row("level", "user|operator|admin", UNSAFE, "What the socket's users may do."),
    Row("severity-output", "none|number|string", HARMLESS, "How messages begin."),
    Row("maxconn", "int", UNSAFE, "Most connections of the listener."),
    Row("name", "str:name", HARMLESS, "Name of the socket."),
)

SERVER = (
    Row("ssl, check-ssl", "", UNSAFE, "The server speaks TLS."),
    Row("verify", "none|required", HARMLESS, "Whether the server's certificate is checked; `ssl` decides."),
    Row(
        "verifyhost, sni, check-sni, alpn, npn, check-alpn, ciphers, ciphersuites, curves, sigalgs, client-sigalgs",
        "str:value",
        HARMLESS,
        "Details of TLS.",
    ),
    Row("ca-file, crl-file, crt", "path", HARMLESS, "Certificates."),
    Row("ssl-min-ver, ssl-max-ver", _VERSIONS, HARMLESS, "Versions of TLS."),
    Row(_SWITCHES, "", HARMLESS, "Versions of TLS."),
    Row(
        "no-ssl, no-check-ssl, ssl-reuse, no-ssl-reuse, tls-tickets, no-tls-tickets, allow-0rtt, sni-auto, "
        "no-sni-auto, check-sni-auto, no-check-sni-auto, renegotiate, no-renegotiate",
        "",
        HARMLESS,
        "Details of TLS.",
    ),
    Row("ktls", "on|off", HARMLESS, "Encryption by the kernel."),
    Row(
        "agent-check, no-agent-check, check, no-check, check-send-proxy, no-check-send-proxy, check-via-socks4, "
        "check-reuse-pool, no-check-reuse-pool",
        "",
        HARMLESS,
        "Health checks.",
    ),
    Row(
        "addr, agent-addr, agent-send, check-proto, check-pool-conn-name, healthcheck, observe, on-error, "
        "on-marked-down, on-marked-up, init-state",
        "str:value",
        HARMLESS,
        "Health checks.",
    ),
    Row("inter, fastinter, downinter, agent-inter, slowstart", "time", HARMLESS, "Times of health checks."),
    Row("port, agent-port, rise, fall, error-limit", "int", HARMLESS, "Numbers of health checks."),
    Row("resolvers, resolve-net, resolve-opts, resolve-prefer, init-addr", "str:value", HARMLESS, "Name resolution."),
    Row(
        "track, redir, guid, hash-key, namespace, log-proto, proto, ws, cc, pool-conn-name, quic-cc-algo, "
        "proxy-v2-options, cookie, source",
        "str:value",
        HARMLESS,
        "How the server is used.",
    ),
    Row("socks4", "str:address", UNSAFE, "The connection goes through a SOCKS4 proxy."),
    Row("tcp-md5sig", "str:password", UNSAFE, "Segments carry a signature."),
    Row("set-proxy-v2-tlv-fmt", "str:format", HARMLESS, "An extra field of the PROXY header.", many=True),
    Row(
        "id, shard, log-bufsize, max-reuse, pool-max-conn, pool-low-conn, minconn, maxqueue, weight, maxconn",
        "int",
        HARMLESS,
        "Numbers of the server.",
    ),
    Row("tcp-ut, idle-ping, pool-purge-delay", "time", HARMLESS, "Times of the server."),
    Row(
        "non-stick, stick, tfo, no-tfo, strict-maxconn, backup, no-backup, disabled, enabled",
        "",
        HARMLESS,
        "How the server is used.",
    ),
    Row(
        "send-proxy, send-proxy-v2, send-proxy-v2-ssl, send-proxy-v2-ssl-cn, no-send-proxy, no-send-proxy-v2, "
        "no-send-proxy-v2-ssl, no-send-proxy-v2-ssl-cn",
        "",
        UNSAFE,
        "The server learns the client's address.",
    ),
)
