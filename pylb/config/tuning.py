"""`tune.*`: sizes and limits of the machinery (manual 3.2).

One row per word: name, argument shape (shapes.py), status, meaning. Most size HAProxy's own machinery and have nothing
to size here; those that protect something, or change what is answered, say so in their status. Declared by
config/later.py: a word that a room has declared with a meaning of its own is left to it.
"""

from __future__ import annotations

from pylb.config.shapes import Row
from pylb.registry import Status

FULL, HARMLESS, UNSAFE = Status.FULL, Status.HARMLESS, Status.UNSAFE

BUFFERS = (
    Row("tune.bufsize", "size", FULL, "Size of the buffer that a direction of a stream may fill; 16384."),
    Row("tune.bufsize.large", "size", HARMLESS, "Size of the buffers for exceptionally large messages."),
    Row("tune.bufsize.small", "size", HARMLESS, "Size of the buffers of queued requests."),
    Row("tune.buffers.limit", "int", HARMLESS, "Most buffers per process."),
    Row("tune.buffers.reserve", "int", HARMLESS, "Buffers kept back for responses when memory is short."),
    Row("tune.maxrewrite", "int", FULL, "Part of a buffer kept free for what rules add to a message head."),
    Row("tune.chksize", "size", HARMLESS, "Size of the buffers of health checks."),
    Row("tune.pipesize", "size", HARMLESS, "Size of the kernel pipes that splicing moves data through."),
    Row("tune.recv_enough", "size", HARMLESS, "A read of at least so many bytes is not tried again at once."),
    Row("tune.rcvbuf.client, tune.rcvbuf.frontend", "size", HARMLESS, "Kernel receive buffer of client sockets."),
    Row("tune.rcvbuf.server, tune.rcvbuf.backend", "size", HARMLESS, "Kernel receive buffer of server sockets."),
    Row("tune.sndbuf.client, tune.sndbuf.frontend", "size", HARMLESS, "Kernel send buffer of client sockets."),
    Row("tune.sndbuf.server, tune.sndbuf.backend", "size", HARMLESS, "Kernel send buffer of server sockets."),
    Row(
        "tune.notsent-lowat.client, tune.notsent-lowat.server", "size", HARMLESS, "Unsent bytes that the kernel holds."
    ),
)

HTTP = (
    Row("tune.http.maxhdr", "int(1,32767)", FULL, "Most header fields of a message; 101 with the first line."),
    Row("tune.http.cookielen", "int", HARMLESS, "Longest captured cookie."),
    Row("tune.http.logurilen", "int", HARMLESS, "Longest request line in a log."),
    Row("tune.comp.maxlevel", "int(1,9)", HARMLESS, "Highest level of compression."),
    Row("tune.zlib.memlevel", "int(1,9)", HARMLESS, "Memory that zlib uses per stream."),
    Row("tune.zlib.windowsize", "int(8,15)", HARMLESS, "Window that zlib uses per stream."),
    Row("tune.idle-pool.shared", "on|off|full|auto", HARMLESS, "Threads share idle server connections."),
    Row(
        "tune.pool-high-fd-ratio, tune.pool-low-fd-ratio", "int(0,100)", HARMLESS, "Share of descriptors for idle ones."
    ),
    Row("tune.idletimer", "time", HARMLESS, "Pause after which a stream counts as idle and is sent in small pieces."),
    Row("tune.h1.be.glitches-threshold", "int", HARMLESS, "Oddities of a server's messages before it is closed."),
    Row("tune.h1.fe.glitches-threshold", "int", UNSAFE, "Oddities of a client's messages before it is closed."),
    Row("tune.h1.zero-copy-fwd-recv, tune.h1.zero-copy-fwd-send", "on|off", HARMLESS, "Forward without copying."),
)

HTTP2_AND_QUIC = (
    Row("tune.h2.header-table-size", "int(0,65535)", HARMLESS, "HPACK table of HTTP/2 connections."),
    Row(
        "tune.h2.initial-window-size, tune.h2.be.initial-window-size, tune.h2.fe.initial-window-size",
        "int",
        HARMLESS,
        "Initial window of HTTP/2 streams.",
    ),
    Row(
        "tune.h2.max-concurrent-streams, tune.h2.be.max-concurrent-streams, tune.h2.fe.max-concurrent-streams",
        "int str*",
        HARMLESS,
        "Streams of one HTTP/2 connection at the same time.",
    ),
    Row("tune.h2.max-frame-size", "int(16384,16777215)", HARMLESS, "Largest HTTP/2 frame that is offered."),
    Row("tune.h2.be.glitches-threshold, tune.h2.fe.glitches-threshold", "int", HARMLESS, "Oddities before a close."),
    Row("tune.h2.be.max-frames-at-once, tune.h2.fe.max-frames-at-once", "int", HARMLESS, "Frames per wake-up."),
    Row("tune.h2.fe.max-rst-at-once", "int", HARMLESS, "Reset frames per wake-up."),
    Row("tune.h2.fe.max-total-streams", "int", HARMLESS, "Streams over the life of an HTTP/2 connection."),
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
    Row("tune.defaults.purge", "str:what?", HARMLESS, "Which unused defaults sections are freed."),
    Row("tune.disable-fast-forward, tune.disable-zero-copy-forwarding", "", HARMLESS, "Every byte passes the stream."),
    Row("tune.epoll.mask-events", "str:events", HARMLESS, "epoll events that are not looked at."),
    Row("tune.events.max-events-at-once", "int(1,10000)", HARMLESS, "Subscribed events handled per wake-up."),
    Row("tune.fail-alloc", "int(0,100)?", HARMLESS, "Share of allocations that fail, for tests."),
    Row("tune.fd.edge-triggered", "on|off", HARMLESS, "Edge-triggered polling."),
    Row("tune.fd.tables", "shared|per-thread-group", HARMLESS, "Tables of descriptors."),
    Row("tune.glitches.kill.cpu-usage", "int(0,100)", HARMLESS, "CPU usage from which odd connections are closed."),
    Row("tune.listener.default-shards", "by-process|by-thread|by-group", HARMLESS, "Sockets per bind address."),
    Row("tune.listener.multi-queue", "on|off|fair", HARMLESS, "How accepted connections are spread over threads."),
    Row("tune.max-checks-per-thread", "int", HARMLESS, "Health checks that a thread runs at once."),
    Row("tune.max-rules-at-once", "int", HARMLESS, "Rules evaluated before others get their turn."),
    Row("tune.maxaccept", "int", HARMLESS, "Connections accepted per wake-up of a listener."),
    Row("tune.maxpollevents", "int(1,10000)", HARMLESS, "Events fetched per wake-up."),
    Row("tune.memory.hot-size", "size", HARMLESS, "Memory that each thread caches."),
    Row("tune.pattern.cache-size", "int", HARMLESS, "Results of pattern matching that are remembered."),
    Row("tune.peers.max-updates-at-once", "int", HARMLESS, "Updates sent to a peer per wake-up."),
    Row("tune.renice.runtime, tune.renice.startup", "int(-20,19)", HARMLESS, "The process's priority."),
    Row("tune.ring.queues", "int", HARMLESS, "Queues in front of a ring."),
    Row("tune.runqueue-depth", "int", HARMLESS, "Tasks run per wake-up."),
    Row("tune.sched.low-latency", "on|off", HARMLESS, "Short tasks run more often."),
    Row("tune.streams-elasticity", "int", HARMLESS, "How the streams of a loaded process are bounded."),
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
    ),
    Row("tune.lua.forced-yield", "int", HARMLESS, "Lua instructions between two pauses."),
    Row("tune.lua.log.loggers", "on|off", HARMLESS, "Lua messages go to the log targets."),
    Row("tune.lua.log.stderr", "on|auto|off", HARMLESS, "Lua messages go to stderr."),
    Row("tune.lua.maxmem", "int", HARMLESS, "Megabytes that Lua may use."),
    Row("tune.lua.openlibs", "str:libraries", HARMLESS, "Lua's own libraries that scripts may use."),
    Row("tune.ssl.cachesize", "int", HARMLESS, "TLS sessions that can be resumed."),
    Row("tune.ssl.capture-buffer-size, tune.ssl.capture-cipherlist-size", "int", HARMLESS, "Captured part of a hello."),
    Row("tune.ssl.certificate-compression", "auto|off", HARMLESS, "Compression of certificates."),
    Row("tune.ssl.default-dh-param", "int", HARMLESS, "Size of ephemeral Diffie-Hellman keys."),
    Row("tune.ssl.force-private-cache", "", HARMLESS, "Workers do not share TLS sessions."),
    Row("tune.ssl.hard-maxrecord, tune.ssl.maxrecord", "int", HARMLESS, "Largest TLS record that is sent."),
    Row("tune.ssl.keylog", "on|off", HARMLESS, "TLS secrets are kept for logging."),
    Row("tune.ssl.keyupdate-rate-limit", "str:limit", HARMLESS, "Key updates that a client may ask for."),
    Row("tune.ssl.lifetime", "seconds:time", HARMLESS, "How long a TLS session can be resumed."),
    Row("tune.ssl.ocsp-update.maxdelay, tune.ssl.ocsp-update.mindelay", "int", HARMLESS, "Pauses of OCSP updates."),
    Row("tune.ssl.ssl-ctx-cache-size", "int", HARMLESS, "Forged certificates that are remembered."),
    *(
        Row(f"tune.vars.{scope}-max-size", "size", HARMLESS, f"Memory for variables of scope {scope}.")
        for scope in ("global", "proc", "sess", "txn", "reqres", "check")
    ),
)

TABLES = (BUFFERS, HTTP, HTTP2_AND_QUIC, SCHEDULING, LUA_TLS_VARIABLES)
