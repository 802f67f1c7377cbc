"""Words of `global` that are parsed only (manual 3.1 to 3.4), one row each. Declared by config/later.py.

UNSAFE are those whose absence would let in, show or run what the file forbids. Words that only refine something which
is itself refused while it is inert (TLS defaults, for example) are harmless.
"""

from __future__ import annotations

from pylb.config.shapes import Row
from pylb.registry import Status

HARMLESS, UNSAFE = Status.HARMLESS, Status.UNSAFE

PROCESS = (
    Row("anonkey", "int", HARMLESS, "Key that hides names in dumps."),
    Row("busy-polling", "", HARMLESS, "Poll without sleeping.", negatable=True),
    Row("close-spread-time", "str:time", HARMLESS, "Time over which a soft stop spreads the end of idle connections."),
    Row("cluster-secret", "str:secret", HARMLESS, "Secret of a cluster, for QUIC."),
    Row("cpu-affinity, cpu-policy, cpu-set", "str+:argument", HARMLESS, "On which processors threads run."),
    Row("cpu-map", "str:threads str+:processors", HARMLESS, "Which processors a thread runs on.", many=True),
    Row("debug.counters", "on|off", HARMLESS, "Counters for developers."),
    Row("default-path", "current|config|parent|origin path?", HARMLESS, "What relative file names start from."),
    Row("dns-accept-family", "str:families", HARMLESS, "Address families of resolved names."),
    Row("expose-deprecated-directives", "", HARMLESS, "Deprecated words load without a warning."),
    Row("expose-experimental-directives", "", Status.FULL, "Experimental words may be used: `normalize-uri`."),
    Row("external-check", "preserve-env?", HARMLESS, "External checks may run programs; they do not run here yet."),
    Row("fd-hard-limit", "int", HARMLESS, "Most descriptors that the process asks for."),
    Row("force-cfg-parser-pause", "time", HARMLESS, "Pause while reading the configuration, for tests."),
    Row(
        "harden.reject-privileged-ports.tcp, harden.reject-privileged-ports.quic",
        "on|off",
        UNSAFE,
        "Connections from ports below 1024 are refused.",
    ),
    Row("http-err-codes, http-fail-codes", "str+:range", HARMLESS, "Which statuses tables count as errors."),
    Row("insecure-fork-wanted, insecure-setuid-wanted", "", HARMLESS, "The process may start others.", negatable=True),
    Row("mworker-max-reloads", "int", HARMLESS, "Reloads after which an old worker is stopped."),
    Row("no-memory-trimming", "", HARMLESS, "Memory is not given back to the system."),
    Row("numa-cpu-mapping", "", HARMLESS, "Threads stay on one NUMA node.", negatable=True),
    Row("pp2-never-send-local", "", HARMLESS, "Health checks name their own address in PROXY headers."),
    Row("prealloc-fd", "", HARMLESS, "The table of descriptors is made at start."),
    Row("setcap", "str+:capability", HARMLESS, "Capabilities kept after the change of user."),
    Row("shm-stats-file", "path", HARMLESS, "Statistics are shared through a file."),
    Row("shm-stats-file-max-objects", "int", HARMLESS, "Size of that file."),
    Row("stats-file", "path", HARMLESS, "Counters are loaded at start."),
    Row("server-state-base", "path", HARMLESS, "Folder of server state files."),
    Row("server-state-file", "path", HARMLESS, "File that server states are loaded from."),
    Row("stats calculate-max-counters", "on|off", HARMLESS, "Whether maxima are kept."),
    Row("stats maxconn", "int", HARMLESS, "Connections of the runtime socket."),
    Row("stats bind-process", "str+:set", HARMLESS, "Old: the process of the runtime socket."),
    Row("stress-level", "int", HARMLESS, "Rare code is taken more often, for tests."),
    Row("strict-limits", "", HARMLESS, "A limit that cannot be raised stops the start.", negatable=True),
    Row("thread-group", "str+:argument", HARMLESS, "Threads of a group.", many=True),
    Row("thread-groups, max-threads-per-group, thread-hard-limit", "int", HARMLESS, "Numbers of threads and groups."),
    Row("unix-bind", "str+:argument", UNSAFE, "Owner and mode of all unix sockets."),
    Row("warn-blocked-traffic-after", "time", HARMLESS, "Delay from which a blocked process is reported."),
    Row("zero-warning", "", HARMLESS, "A warning stops the start; -dW does it here."),
    Row("quick-exit", "", HARMLESS, "The process ends without cleaning up."),
    Row("debug, quiet", "", HARMLESS, "Old forms of -d and -q."),
)

LIMITS = (
    Row(
        "maxconnrate, maxsessrate, maxsslrate",
        "int",
        UNSAFE,
        "Most new connections, sessions or handshakes per second.",
    ),
    Row("maxsslconn", "int", UNSAFE, "Most TLS connections at the same time."),
    Row("maxcompcpuusage, maxcomprate, maxzlibmem", "int", HARMLESS, "Limits of compression."),
    Row("maxpipes", "int", HARMLESS, "Most pipes that splicing uses."),
    Row(
        "noepoll, noevports, nogetaddrinfo, nokqueue, nopoll, noreuseport, nosplice, noktls",
        "",
        HARMLESS,
        "A mechanism of the system is not used.",
    ),
    Row("profiling.memory", "on|off", HARMLESS, "Memory profiling."),
    Row("profiling.tasks", "str+:what", HARMLESS, "Task profiling."),
    Row("spread-checks", "int(-50,50)", HARMLESS, "Random share of the interval between health checks."),
    Row("max-spread-checks", "time", HARMLESS, "Most that health checks are spread at start."),
)

HTTP = (
    Row("h1-accept-payload-with-any-method", "", HARMLESS, "GET, HEAD and DELETE may have a body under HTTP/1.0."),
    Row("h1-case-adjust", "str:from str:to", HARMLESS, "A header name is written in another case.", many=True),
    Row("h1-case-adjust-file", "path", HARMLESS, "The same from a file."),
    Row("h1-do-not-close-on-insecure-transfer-encoding", "", HARMLESS, "Connections live on after odd framing."),
    Row("h2-workaround-bogus-websocket-clients", "", HARMLESS, "WebSocket over HTTP/2 is not offered."),
    Row("httpclient.resolvers.disabled", "on|off", HARMLESS, "The HTTP client does not resolve names."),
    Row("httpclient.resolvers.id", "str:name", HARMLESS, "Resolvers of the HTTP client."),
    Row("httpclient.resolvers.prefer", "ipv4|ipv6", HARMLESS, "Address family of the HTTP client."),
    Row("httpclient.retries", "int", HARMLESS, "Attempts of the HTTP client."),
    Row("httpclient.ssl.ca-file", "path", HARMLESS, "Authorities that the HTTP client trusts."),
    Row("httpclient.ssl.verify", "none|required?", HARMLESS, "Whether the HTTP client checks certificates."),
    Row("httpclient.timeout.connect", "time", HARMLESS, "Longest time of a connection of the HTTP client."),
    Row(
        "lua-load, lua-load-per-thread", "path str*:argument", UNSAFE, "A Lua script with rules' functions.", many=True
    ),
    Row("lua-prepend-path", "str:path str*:type", HARMLESS, "Where Lua looks for modules.", many=True),
)

TLS = (
    Row("acme.scheduler", "auto|off", HARMLESS, "Whether certificates are renewed."),
    Row("ca-base, crt-base, key-base", "path", HARMLESS, "Folder of certificate files."),
    Row("issuers-chain-path", "path", HARMLESS, "Folder of issuers' certificates.", many=True),
    Row("jwt.decrypt_alg_list, jwt.decrypt_enc_list", "str:list", HARMLESS, "Algorithms for encrypted tokens."),
    Row("limited-quic", "", HARMLESS, "QUIC on a TLS library without support for it."),
    Row("ocsp-update.disable, ocsp-update.mode", "on|off?", HARMLESS, "Whether OCSP answers are fetched."),
    Row("ocsp-update.httpproxy", "str:address", HARMLESS, "Proxy through which OCSP answers are fetched."),
    Row("ocsp-update.maxdelay, ocsp-update.mindelay", "int", HARMLESS, "Pauses of OCSP updates."),
    Row("ssl-default-bind-ciphers, ssl-default-server-ciphers", "str:ciphers", HARMLESS, "Ciphers up to TLS 1.2."),
    Row("ssl-default-bind-ciphersuites, ssl-default-server-ciphersuites", "str:suites", HARMLESS, "Suites of TLS 1.3."),
    Row("ssl-default-bind-curves, ssl-default-server-curves", "str:curves", HARMLESS, "Elliptic curves."),
    Row(
        "ssl-default-bind-sigalgs, ssl-default-server-sigalgs, "
        "ssl-default-bind-client-sigalgs, ssl-default-server-client-sigalgs",
        "str:algorithms",
        HARMLESS,
        "Signatures.",
    ),
    Row("ssl-default-bind-options, ssl-default-server-options", "str+:option", HARMLESS, "TLS options of all lines."),
    Row("ssl-dh-param-file", "path", HARMLESS, "Diffie-Hellman parameters."),
    Row("ssl-engine", "str:name str*:argument", HARMLESS, "An OpenSSL engine.", many=True),
    Row("ssl-load-extra-del-ext", "", HARMLESS, "How names of accompanying files are formed."),
    Row("ssl-load-extra-files", "str*:kind", HARMLESS, "Which accompanying files are loaded."),
    Row("ssl-mode-async", "", HARMLESS, "Asynchronous engines."),
    Row("ssl-passphrase-cmd", "str:command str*:argument", HARMLESS, "Program that tells passphrases of keys."),
    Row("ssl-propquery", "str:query", HARMLESS, "Which implementations OpenSSL prefers."),
    Row("ssl-provider", "str:name", HARMLESS, "An OpenSSL provider.", many=True),
    Row("ssl-provider-path", "path", HARMLESS, "Where providers are."),
    Row("ssl-security-level", "int(0,5)", HARMLESS, "OpenSSL's security level."),
    Row("ssl-server-verify", "none|required", HARMLESS, "Whether servers' certificates are checked by default."),
    Row("ssl-skip-self-issued-ca", "", HARMLESS, "Roots are not sent."),
)

DEVICES = (
    Row("51degrees-data-file", "path", UNSAFE, "Data of the 51Degrees device detection."),
    Row(
        "51degrees-allow-unmatched, 51degrees-use-performance-graph, 51degrees-use-predictive-graph",
        "on|off",
        HARMLESS,
        "How 51Degrees searches.",
    ),
    Row("51degrees-cache-size, 51degrees-difference, 51degrees-drift", "int", HARMLESS, "How 51Degrees searches."),
    Row("51degrees-property-name-list", "str+:property", HARMLESS, "Which properties 51Degrees finds."),
    Row("51degrees-property-separator", "str:character", HARMLESS, "What separates properties."),
    Row("deviceatlas-json-file", "path", UNSAFE, "Data of the DeviceAtlas device detection."),
    Row("deviceatlas-log-level", "int", HARMLESS, "How much DeviceAtlas logs."),
    Row("deviceatlas-properties-cookie", "str:name", HARMLESS, "Cookie of DeviceAtlas."),
    Row("deviceatlas-separator", "str:character", HARMLESS, "What separates properties."),
    Row("wurfl-data-file", "path", UNSAFE, "Data of the WURFL device detection."),
    Row("wurfl-cache-size", "str+:size", HARMLESS, "How much WURFL remembers."),
    Row("wurfl-information-list", "str+:capability", HARMLESS, "Which capabilities WURFL finds."),
    Row("wurfl-information-list-separator", "str:character", HARMLESS, "What separates capabilities."),
    Row("wurfl-patch-file", "str+:path", HARMLESS, "Corrections of WURFL's data."),
    Row("wurfl-engine-mode, wurfl-useragent-priority", "str:mode", HARMLESS, "How WURFL searches."),
)

TABLES = (PROCESS, LIMITS, HTTP, TLS, DEVICES)
