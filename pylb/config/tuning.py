"""`tune.*`: sizes and limits of the machinery (manual 3.2).

One row per word: name, argument shape (shapes.py), status, meaning. Most size HAProxy's own machinery and have nothing
to size here; those that protect something, or change what is answered, say so in their status. Declared by
config/later.py: a word that a room has declared with a meaning of its own is left to it.
"""

from __future__ import annotations

from pylb.config.shapes import ONCE, Row
from pylb.registry import Status

FULL, HARMLESS, UNSAFE = Status.FULL, Status.HARMLESS, Status.UNSAFE

POSITIVE = "'{name}' expects a positive numeric value."
POSITIVE_INTEGER = "'{name}' expects a positive integer argument."
PERCENT = "'{name}' expects an integer argument between 0 and 100."
LUA_TIME = "{name}: invalid timeout"
LUA_OVERFLOW = "timer overflow in argument <{got}> to <{name}> (maximum value is 2147483647 ms or ~24.8 days)"
BAD_TIME = "unexpected character '{character}' in argument to <{name}>."

BUFFERS = (
    Row(
        "tune.bufsize",
        "bytes(1,)",
        FULL,
        "Size of the buffer that a direction of a stream may fill; 16384.",
        wrong=POSITIVE_INTEGER,
    ),
    Row("tune.bufsize.large", "size", HARMLESS, "Size of the buffers for exceptionally large messages."),
    Row("tune.bufsize.small", "size", HARMLESS, "Size of the buffers of queued requests."),
    Row("tune.buffers.limit", "int", HARMLESS, "Most buffers per process."),
    Row("tune.buffers.reserve", "int", HARMLESS, "Buffers kept back for responses when memory is short."),
    Row(
        "tune.maxrewrite",
        "int(0,)",
        FULL,
        "Part of a buffer kept free for what rules add to a message head.",
        wrong=POSITIVE_INTEGER,
    ),
    Row(
        "tune.chksize",
        "size",
        HARMLESS,
        "Size of the buffers of health checks.",
        note="HAProxy has used `tune.bufsize` since 2.5",
    ),
    Row(
        "tune.pipesize",
        "bytes",
        FULL,
        "Size of the kernel pipes that splicing moves data through. Unless set it is 1 MB, or 256 kB where the system "
        "allows no more: smaller ones cost more than copying.",
    ),
    Row("tune.recv_enough", "bytes", HARMLESS, "A read of at least so many bytes is not tried again at once."),
    Row(
        "tune.rcvbuf.client, tune.rcvbuf.frontend",
        "bytes",
        FULL,
        "Kernel receive buffer of client sockets.",
        once=ONCE,
    ),
    Row(
        "tune.rcvbuf.server, tune.rcvbuf.backend",
        "bytes",
        FULL,
        "Kernel receive buffer of server sockets.",
        once=ONCE,
    ),
    Row(
        "tune.sndbuf.client, tune.sndbuf.frontend",
        "bytes",
        FULL,
        "Kernel send buffer of client sockets.",
        once=ONCE,
    ),
    Row("tune.sndbuf.server, tune.sndbuf.backend", "bytes", FULL, "Kernel send buffer of server sockets.", once=ONCE),
    Row("tune.notsent-lowat.client", "size", FULL, "Unsent bytes that the kernel holds of a client's."),
    Row("tune.notsent-lowat.server", "size", FULL, "Unsent bytes that the kernel holds of a server's."),
)

HTTP = (
    Row(
        "tune.http.maxhdr",
        "int(1,32767)",
        FULL,
        "Most header fields of a message; 101 with the first line.",
        wrong="'{name}' expects a numeric value between 1 and 32767",
    ),
    Row("tune.http.cookielen", "int", FULL, "Most that `capture cookie` keeps of a cookie, 63 bytes unless set."),
    Row("tune.http.logurilen", "int", FULL, "Most that logs show of a request line, 1023 bytes unless set."),
    Row(
        "tune.comp.maxlevel",
        "int(1,9)",
        HARMLESS,
        "Highest level of compression.",
        missing="'{name}' expects a numeric value between 1 and 9",
        wrong="'{name}' expects a numeric value between 1 and 9",
    ),
    Row(
        "tune.zlib.memlevel",
        "int(1,9)",
        HARMLESS,
        "Memory that zlib uses per stream.",
        missing="'{name}' expects a numeric value between 1 and 9",
        wrong="'{name}' expects a numeric value between 1 and 9",
    ),
    Row(
        "tune.zlib.windowsize",
        "int(8,15)",
        HARMLESS,
        "Window that zlib uses per stream.",
        missing="'{name}' expects a numeric value between 8 and 15",
        wrong="'{name}' expects a numeric value between 8 and 15",
    ),
    Row(
        "tune.idle-pool.shared",
        "on|off|full|auto",
        HARMLESS,
        "Threads share idle server connections.",
        missing="'{name}' expects either 'on', 'full' or 'off' but got ''.",
        wrong="'{name}' expects either 'on', 'full' or 'off' but got '{got}'.",
    ),
    Row(
        "tune.pool-high-fd-ratio, tune.pool-low-fd-ratio",
        "int(0,100)",
        HARMLESS,
        "Share of descriptors for idle ones.",
        missing=PERCENT,
        wrong=PERCENT,
    ),
    Row(
        "tune.idletimer",
        "time(0,65535)",
        HARMLESS,
        "Pause after which a stream counts as idle and is sent in small pieces.",
        missing="'{name}' expects a timer value between 0 and 65535 ms.",
        wrong=BAD_TIME,
        overflow="timer overflow in argument <{got}> to <{name}>, maximum value is 65535 ms.",
    ),
    Row(
        "tune.h1.be.glitches-threshold",
        "number(0,)",
        FULL,
        "Responses that only `option accept-unsafe-violations-in-http-response` takes before a connection is closed. "
        "From three quarters on it is not kept.",
        wrong=POSITIVE,
    ),
    Row(
        "tune.h1.fe.glitches-threshold",
        "number(0,)",
        FULL,
        "Requests that only `option accept-unsafe-violations-in-http-request` takes before a connection is closed. "
        "From three quarters on it is told so with the response.",
        wrong=POSITIVE,
    ),
    Row("tune.h1.zero-copy-fwd-recv, tune.h1.zero-copy-fwd-send", "on|off", HARMLESS, "Forward without copying."),
)

HTTP2_AND_QUIC = (
    Row(
        "tune.h2.header-table-size",
        "int(4096,65536)",
        HARMLESS,
        "HPACK table of HTTP/2 connections.",
        missing="'{name}' expects a numeric value between 4096 and 65536.",
        wrong="'{name}' expects a numeric value between 4096 and 65536.",
    ),
    Row(
        "tune.h2.initial-window-size, tune.h2.be.initial-window-size, tune.h2.fe.initial-window-size",
        "int(0,)?",
        HARMLESS,
        "Initial window of HTTP/2 streams.",
        wrong=POSITIVE,
    ),
    Row(
        "tune.h2.max-concurrent-streams, tune.h2.be.max-concurrent-streams, tune.h2.fe.max-concurrent-streams",
        "int(0,)?",
        HARMLESS,
        "Streams of one HTTP/2 connection at the same time.",
        wrong=POSITIVE,
    ),
    Row(
        "tune.h2.max-frame-size",
        "int(16384,16777215)",
        HARMLESS,
        "Largest HTTP/2 frame that is offered.",
        missing="'{name}' expects a numeric value between 16384 and 16777215.",
        wrong="'{name}' expects a numeric value between 16384 and 16777215.",
    ),
    Row(
        "tune.h2.be.glitches-threshold, tune.h2.fe.glitches-threshold",
        "int(0,)",
        HARMLESS,
        "Oddities before a close.",
        wrong=POSITIVE,
    ),
    Row(
        "tune.h2.be.max-frames-at-once, tune.h2.fe.max-frames-at-once",
        "int(0,)",
        HARMLESS,
        "Frames per wake-up.",
        wrong=POSITIVE,
    ),
    Row("tune.h2.fe.max-rst-at-once", "int(0,)", HARMLESS, "Reset frames per wake-up.", wrong=POSITIVE),
    Row(
        "tune.h2.fe.max-total-streams",
        "int(0,)",
        HARMLESS,
        "Streams over the life of an HTTP/2 connection.",
        wrong=POSITIVE,
    ),
    Row("tune.h2.be.rxbuf, tune.h2.fe.rxbuf", "size", HARMLESS, "Receive buffer of an HTTP/2 connection."),
    Row("tune.h2.log-errors", "none|connection|stream", HARMLESS, "Which HTTP/2 errors are logged."),
    Row("tune.h2.zero-copy-fwd-send", "on|off", HARMLESS, "Forward without copying."),
    *(
        Row(", ".join(f"tune.quic.{side}.{name}" for side in ("be", "fe")), shape, HARMLESS, meaning)
        for name, shape, meaning in (
            ("cc.cubic-min-losses", "int", "Losses that Cubic tolerates before it slows down."),
            ("cc.hystart", "on|off", "HyStart++ of the congestion control."),
            ("cc.max-frame-loss", "int", "Losses of one frame before the connection ends."),
            ("cc.max-win-size", "size", "Largest congestion window."),
            ("cc.reorder-ratio", "int(0,100)", "Share of the window that may arrive out of order."),
            ("max-idle-timeout", "time", "Longest inactivity of a QUIC connection."),
            ("sec.glitches-threshold", "int", "Oddities before a QUIC connection is closed."),
            ("stream.data-ratio", "int(0,100)", "Share of the receive buffer that one stream may use."),
            ("stream.max-concurrent", "int", "Streams of one QUIC connection at the same time."),
            ("stream.rxbuf", "size", "Receive buffer of a QUIC connection."),
            ("tx.pacing", "on|off", "Pacing of QUIC datagrams."),
            ("tx.udp-gso", "on|off", "Segmentation offload of QUIC datagrams."),
        )
    ),
    Row("tune.quic.fe.sec.retry-threshold, tune.quic.retry-threshold", "int", HARMLESS, "Half-open QUIC connections."),
    Row("tune.quic.fe.sock-per-conn", "default-on|force-off", HARMLESS, "A socket for each QUIC connection."),
    Row("tune.quic.socket-owner", "connection|listener", HARMLESS, "Who owns the socket of a QUIC connection."),
    Row("tune.quic.fe.stream.max-total", "int", HARMLESS, "Streams over the life of a QUIC connection."),
    Row("tune.quic.listen", "on|off", HARMLESS, "Whether QUIC listeners are opened."),
    Row("tune.quic.mem.tx-max", "size", HARMLESS, "Memory for QUIC data that is not acknowledged."),
    Row("tune.quic.frontend.conn-tx-buffers.limit", "int", HARMLESS, "Send buffers of a QUIC connection."),
    Row("tune.quic.frontend.max-streams-bidi", "int", HARMLESS, "Streams of one QUIC connection."),
    Row("tune.quic.frontend.max-idle-timeout", "time", HARMLESS, "Longest inactivity of a QUIC connection."),
    Row("tune.quic.zero-copy-fwd-send", "on|off", HARMLESS, "Forward without copying."),
)

SCHEDULING = (
    Row(
        "tune.applet.zero-copy-forwarding, tune.pt.zero-copy-forwarding", "on|off", HARMLESS, "Forward without copying."
    ),
    Row("tune.cli.max-payload-size", "size", HARMLESS, "Largest payload of a runtime command."),
    Row("tune.defaults.purge", "of:all,none,proxies,servers?", HARMLESS, "Which unused defaults sections are freed."),
    Row("tune.disable-fast-forward, tune.disable-zero-copy-forwarding", "", HARMLESS, "Every byte passes the stream."),
    Row("tune.epoll.mask-events", "of:err,hup,rdhup", HARMLESS, "epoll events that are not looked at."),
    Row("tune.events.max-events-at-once", "int(1,10000)", HARMLESS, "Subscribed events handled per wake-up."),
    Row(
        "tune.fail-alloc",
        "int(0,100)?",
        HARMLESS,
        "Share of allocations that fail, for tests.",
        wrong="'{name}' expects a numeric value between 0 and 100.",
    ),
    Row("tune.fd.edge-triggered", "on|off", HARMLESS, "Edge-triggered polling.", experimental=True),
    Row("tune.fd.tables", "shared|per-thread-group", HARMLESS, "Tables of descriptors.", experimental=True),
    Row(
        "tune.glitches.kill.cpu-usage",
        "int(0,100)",
        HARMLESS,
        "CPU usage from which odd connections are closed.",
        missing="'{name}' expects a numeric value between 0 and 100.",
        wrong="'{name}' expects a numeric value between 0 and 100.",
    ),
    Row("tune.listener.default-shards", "by-process|by-thread|by-group", HARMLESS, "Sockets per bind address."),
    Row(
        "tune.listener.multi-queue",
        "on|off|fair",
        HARMLESS,
        "How accepted connections are spread over threads.",
        missing="'{name}' expects either 'on', 'fair' or 'off' but got ''.",
        wrong="'{name}' expects either 'on', 'fair' or 'off' but got '{got}'.",
    ),
    Row("tune.max-checks-per-thread", "int(0,)", HARMLESS, "Health checks that a thread runs at once.", wrong=POSITIVE),
    Row("tune.max-rules-at-once", "int(1,)", HARMLESS, "Rules evaluated before others get their turn.", wrong=POSITIVE),
    Row(
        "tune.maxaccept",
        "int(-1,2147483647)",
        FULL,
        "Most connections accepted per wake-up of a listener; -1 and 0 for any number. Default: up to 64.",
        wrong="'{name}' expects -1 or an integer from 0 to INT_MAX.",
    ),
    Row("tune.maxpollevents", "int", HARMLESS, "Events fetched per wake-up."),
    Row("tune.memory.hot-size", "size", HARMLESS, "Memory that each thread caches."),
    Row(
        "tune.pattern.cache-size",
        "int(0,)",
        HARMLESS,
        "Results of pattern matching that are remembered.",
        missing="'{name}' expects a positive numeric value",
        wrong="'{name}' expects a positive numeric value",
        loose=True,
    ),
    Row(
        "tune.peers.max-updates-at-once",
        "int(1,)",
        HARMLESS,
        "Updates sent to a peer per wake-up.",
        missing="'{name}' expects an integer argument greater than 0.",
        wrong="'{name}' expects an integer argument greater than 0.",
    ),
    Row("tune.renice.runtime, tune.renice.startup", "int(-20,19)", HARMLESS, "The process's priority."),
    Row("tune.ring.queues", "int(0,)", HARMLESS, "Queues in front of a ring.", wrong=POSITIVE),
    Row("tune.runqueue-depth", "int", HARMLESS, "Tasks run per wake-up."),
    Row("tune.sched.low-latency", "on|off", HARMLESS, "Short tasks run more often."),
    Row(
        "tune.streams-elasticity",
        "int(0,)",
        HARMLESS,
        "How the streams of a loaded process are bounded.",
        wrong=POSITIVE,
    ),
    Row("tune.takeover-other-tg-connections", "none|restricted|full", HARMLESS, "Idle connections of other threads."),
    Row("tune.stick-counters", "int(0,20)", HARMLESS, "Stick counters of a stream (sc0 ...); 3."),
)

LUA_TLS_VARIABLES = (
    Row("tune.lua.bool-sample-conversion", "normal|pre-3.1-bug", HARMLESS, "How Lua sees boolean samples."),
    Row(
        "tune.lua.burst-timeout, tune.lua.session-timeout, tune.lua.task-timeout, tune.lua.service-timeout",
        "time",
        HARMLESS,
        "Longest time of Lua code.",
        missing=LUA_TIME,
        wrong=LUA_TIME,
        overflow=LUA_OVERFLOW,
        loose=True,
    ),
    Row(
        "tune.lua.forced-yield",
        "number?",
        HARMLESS,
        "Lua instructions between two pauses.",
        wrong="{name}: invalid number",
        loose=True,
    ),
    Row("tune.lua.log.loggers", "on|off", HARMLESS, "Lua messages go to the log targets."),
    Row("tune.lua.log.stderr", "on|auto|off", HARMLESS, "Lua messages go to stderr."),
    Row(
        "tune.lua.maxmem",
        "number",
        HARMLESS,
        "Megabytes that Lua may use.",
        missing="'{name}' expects an integer argument (Lua memory size in MB).",
        wrong="{name}: invalid number {got} (error at '{character}')",
        loose=True,
    ),
    Row("tune.lua.openlibs", "lualibs?", HARMLESS, "Lua's own libraries that scripts may use."),
    Row("tune.ssl.cachesize", "int(0,)", HARMLESS, "TLS sessions that can be resumed.", wrong=POSITIVE),
    Row("tune.ssl.capture-buffer-size", "int(0,)", HARMLESS, "Captured part of a hello.", wrong=POSITIVE),
    Row("tune.ssl.certificate-compression", "auto|off", HARMLESS, "Compression of certificates."),
    Row(
        "tune.ssl.default-dh-param",
        "int(1024,)",
        HARMLESS,
        "Size of ephemeral Diffie-Hellman keys.",
        wrong="'{name}' expects a value >= 1024.",
    ),
    Row("tune.ssl.force-private-cache", "", HARMLESS, "Workers do not share TLS sessions."),
    Row(
        "tune.ssl.hard-maxrecord, tune.ssl.maxrecord",
        "int(0,)",
        HARMLESS,
        "Largest TLS record that is sent.",
        wrong=POSITIVE,
    ),
    Row("tune.ssl.keylog", "on|off", HARMLESS, "TLS secrets are kept for logging."),
    Row(
        "tune.ssl.keyupdate-rate-limit",
        "number(0,)",
        HARMLESS,
        "Key updates that a client may ask for.",
        wrong=POSITIVE,
    ),
    Row(
        "tune.ssl.lifetime",
        "seconds:time",
        HARMLESS,
        "How long a TLS session can be resumed.",
        missing="'{name}' expects ssl sessions <lifetime> in seconds as argument.",
        wrong=BAD_TIME,
        overflow="timer overflow in argument '{got}' to <{name}> (maximum value is 2147483647 s or ~68 years).",
    ),
    Row(
        "tune.ssl.ocsp-update.maxdelay, tune.ssl.ocsp-update.mindelay",
        "int(0,)",
        HARMLESS,
        "Pauses of OCSP updates.",
        wrong=POSITIVE,
    ),
    Row("tune.ssl.ssl-ctx-cache-size", "int(0,)", HARMLESS, "Forged certificates that are remembered.", wrong=POSITIVE),
    *(
        Row(
            f"tune.vars.{scope}-max-size",
            "varsize?",
            HARMLESS,
            f"Memory for variables of scope {scope}.",
            wrong="{name}: '{got}' is an invalid size",
            loose=True,
        )
        for scope in ("global", "proc", "sess", "txn", "reqres", "check")
    ),
)

TABLES = (BUFFERS, HTTP, HTTP2_AND_QUIC, SCHEDULING, LUA_TLS_VARIABLES)
