"""Words of `global` that are parsed only (manual 3.1 to 3.4), one row each. Declared by config/later.py.

UNSAFE are those whose absence would let in, show or run what the file forbids. Words that only refine something which
is itself refused while it is inert (TLS defaults, for example) are harmless.
"""

from __future__ import annotations

from pylb.config.shapes import ONCE, Row
from pylb.registry import Status

HARMLESS, UNSAFE = Status.HARMLESS, Status.UNSAFE

DIRECTORY = "global statement '{name}' expects a directory path as an argument."
SUITE = "global statement '{name}' expects a cipher suite as an argument."
CURVES = "global statement '{name}' expects a curves suite as an arguments."
SIGNATURES = "global statement '{name}' expects signature algorithms as an arguments."
BAD_TIME = "unexpected character '{character}' in argument to <{name}>."
POSITIVE = "'{name}' expects a positive numeric value."

PROCESS = (
    Row("anonkey", "number(0,4294967295)", HARMLESS, "Key that hides names in dumps."),
    Row("busy-polling", "", HARMLESS, "Poll without sleeping.", negatable="no"),
    Row(
        "close-spread-time",
        "time",
        HARMLESS,
        "Time over which a soft stop spreads the end of idle connections.",
        missing="'{name}' expects <time> as argument.",
        wrong=BAD_TIME,
        loose=True,
    ),
    Row(
        "cluster-secret",
        "str:secret",
        HARMLESS,
        "Secret of a cluster, for QUIC.",
        missing="expects an ASCII string argument.",
    ),
    Row("debug.counters", "on|off", HARMLESS, "Counters for developers."),
    Row("dns-accept-family", "of:ipv4,ipv6,auto", HARMLESS, "Address families of resolved names."),
    Row("expose-deprecated-directives", "", HARMLESS, "Deprecated words load without a warning.", loose=True),
    Row(
        "expose-experimental-directives",
        "",
        Status.FULL,
        "Experimental words may be used: `normalize-uri`.",
        loose=True,
    ),
    Row(
        "external-check",
        "preserve-env?",
        HARMLESS,
        "External checks may run programs; they do not run here yet.",
        wrong="'{name}' cannot handle unexpected argument '{got}'.",
    ),
    Row(
        "force-cfg-parser-pause",
        "time",
        HARMLESS,
        "Pause while reading the configuration, for tests.",
        experimental=True,
    ),
    Row("harden.reject-privileged-ports.tcp", "on|off", Status.FULL, "TCP clients from ports below 1024 are refused."),
    Row("harden.reject-privileged-ports.quic", "on|off", UNSAFE, "QUIC clients from ports below 1024 are refused."),
    Row("http-err-codes, http-fail-codes", "statuses+:range", HARMLESS, "Which statuses tables count as errors."),
    Row("no-memory-trimming", "", HARMLESS, "Memory is not given back to the system."),
    Row("numa-cpu-mapping", "", HARMLESS, "Threads stay on one NUMA node.", negatable=True, loose=True),
    Row("pp2-never-send-local", "", HARMLESS, "Health checks name their own address in PROXY headers."),
    Row("prealloc-fd", "", HARMLESS, "The table of descriptors is made at start."),
    Row("setcap", "capabilities:name[,...]", HARMLESS, "Capabilities kept after the change of user."),
    Row("shm-stats-file", "path", HARMLESS, "Statistics are shared through a file."),
    Row("shm-stats-file-max-objects", "int", HARMLESS, "Size of that file."),
    Row("stats-file", "path", HARMLESS, "Counters are loaded at start."),
    Row(
        "server-state-base",
        "path",
        HARMLESS,
        "Folder of server state files.",
        once=ONCE,
        missing="'{name}' expects one argument: a directory path.",
        loose=True,
    ),
    Row(
        "server-state-file",
        "path",
        HARMLESS,
        "File that server states are loaded from.",
        once=ONCE,
        missing="'{name}' expect one argument: a file path.",
        loose=True,
    ),
    Row("stats calculate-max-counters", "on|off", HARMLESS, "Whether maxima are kept."),
    Row("stats bind-process", "processes*:set", HARMLESS, "Old: the process of the runtime socket."),
    Row("stress-level", "int(0,9)", HARMLESS, "Rare code is taken more often, for tests."),
    Row("max-threads-per-group", "int(1,64)", HARMLESS, "Most threads of a group."),
    Row("thread-hard-limit", "int(1,)", HARMLESS, "Most threads of the process."),
    Row("warn-blocked-traffic-after", "time", HARMLESS, "Delay from which a blocked process is reported."),
    Row("quick-exit", "", HARMLESS, "The process ends without cleaning up."),
    Row("debug", "", HARMLESS, "Old form of -d."),
)

LIMITS = (
    Row(
        "maxconnrate, maxsessrate",
        "int",
        Status.FULL,
        "Most new connections or sessions per second; others wait in the kernel. 0 for no limit.",
        once=ONCE,
    ),
    Row("maxsslrate", "int", UNSAFE, "Most new handshakes per second.", once=ONCE),
    Row("maxsslconn", "int(0,)", UNSAFE, "Most TLS connections at the same time.", wrong=POSITIVE),
    Row(
        "maxcompcpuusage",
        "int(0,100)",
        HARMLESS,
        "Share of a processor above which responses are no longer compressed.",
        missing="'{name}' expects an integer argument between 0 and 100.",
        wrong="'{name}' expects an integer argument between 0 and 100.",
    ),
    Row(
        "maxcomprate",
        "int",
        HARMLESS,
        "Kilobytes per second above which compression gets weaker.",
        missing="'{name}' expects an integer argument in kb/s.",
    ),
    Row("maxzlibmem", "int", HARMLESS, "Megabytes that zlib may use."),
    Row(
        "maxpipes",
        "int",
        Status.FULL,
        "Most pipes that splicing uses, a quarter of `maxconn` unless set. Without a free one data is copied.",
        once=ONCE,
    ),
    Row("nosplice", "", Status.FULL, "Nothing is spliced, whatever proxies ask for. The same as -dS."),
    Row(
        "noevports, nogetaddrinfo, nokqueue, nopoll, noktls",
        "",
        HARMLESS,
        "A mechanism of the system is not used.",
    ),
    Row("profiling.memory", "on|off", HARMLESS, "Memory profiling."),
    Row(
        "profiling.tasks",
        "auto|on|off|lock|no-lock|memory|no-memory+",
        HARMLESS,
        "Task profiling.",
        missing="'{name}' expects either 'on', 'auto', or 'off' but got ''.",
        wrong="'{name}' expects either 'on', 'auto', or 'off' but got '{got}'.",
    ),
    Row(
        "spread-checks",
        "int(0,50)",
        HARMLESS,
        "Random share of the interval between health checks.",
        once="{name} already specified. Continuing.",
        missing="'{name}' expects an integer argument (0..50).",
        wrong="'{name}' needs a positive value in range 0..50.",
    ),
    Row(
        "max-spread-checks",
        "time",
        HARMLESS,
        "Most that health checks are spread at start.",
        missing="'{name}' expects an integer argument (0..50).",
        wrong="unsupported character '{character}' in '{name}' (wants an integer delay).",
        overflow="timer overflow in argument <{got}> to <{name}>, maximum value is 2147483647 ms (~24.8 days).",
    ),
)

HTTP = (
    Row("h1-accept-payload-with-any-method", "", Status.FULL, "GET, HEAD and DELETE may have a body under HTTP/1.0."),
    Row(
        "h1-case-adjust-file",
        "path",
        Status.FULL,
        "As `h1-case-adjust`, from a file with two names in each line; lines with `#` in front are passed over.",
        missing="'{name}' expects <file> as argument.",
    ),
    Row(
        "h1-do-not-close-on-insecure-transfer-encoding",
        "",
        Status.FULL,
        "A connection lives on behind a message with Content-Length beside Transfer-Encoding (RFC 9112 6.1).",
    ),
    Row("h2-workaround-bogus-websocket-clients", "", HARMLESS, "WebSocket over HTTP/2 is not offered."),
    Row("httpclient.resolvers.disabled", "on|off", HARMLESS, "The HTTP client does not resolve names."),
    Row("httpclient.resolvers.id", "str?:name", HARMLESS, "Resolvers of the HTTP client."),
    Row(
        "httpclient.resolvers.prefer",
        "ipv4|ipv6",
        HARMLESS,
        "Address family of the HTTP client.",
        missing="'{name}' expects 'ipv4' or 'ipv6' as argument.",
        wrong="'{name}' expects 'ipv4' or 'ipv6' as argument.",
    ),
    Row("httpclient.retries", "number(0,)", HARMLESS, "Attempts of the HTTP client."),
    Row("httpclient.ssl.ca-file", "path?", HARMLESS, "Authorities that the HTTP client trusts."),
    Row(
        "httpclient.ssl.verify",
        "none|required",
        HARMLESS,
        "Whether the HTTP client checks certificates.",
        missing="'{name}' expects 'none' or 'required' as argument.",
        wrong="'{name}' expects 'none' or 'required' as argument.",
    ),
    Row("httpclient.timeout.connect", "time", HARMLESS, "Longest time of a connection of the HTTP client."),
    Row(
        "lua-load",
        "script:file str*:argument",
        UNSAFE,
        "A Lua script with rules' functions.",
        many=True,
        missing="'{name}' expects a file name as parameter.",
    ),
    Row(
        "lua-load-per-thread",
        "script:file str*:argument",
        UNSAFE,
        "A Lua script that each thread loads for itself.",
        many=True,
        missing="'{name}' expects a file as parameter.",
    ),
    Row(
        "lua-prepend-path",
        "str:path path|cpath?",
        HARMLESS,
        "Where Lua looks for modules.",
        many=True,
        missing="'{name}' expects to receive a <path> as argument",
        wrong="'{name}' expects <type> to either be 'path' or 'cpath'",
    ),
)

TLS = (
    Row("acme.scheduler", "auto|off", HARMLESS, "Whether certificates are renewed."),
    Row(
        "ca-base, crt-base, key-base",
        "path",
        HARMLESS,
        "Folder of certificate files.",
        missing=DIRECTORY,
        once="'{name}' already specified.",
    ),
    Row(
        "issuers-chain-path",
        "directory:path",
        HARMLESS,
        "Folder of issuers' certificates.",
        many=True,
        missing=DIRECTORY,
    ),
    Row("jwt.decrypt_alg_list, jwt.decrypt_enc_list", "str:list", HARMLESS, "Algorithms for encrypted tokens."),
    Row("limited-quic", "", HARMLESS, "QUIC on a TLS library without support for it."),
    Row("ocsp-update.disable, ocsp-update.mode", "on|off?", HARMLESS, "Whether OCSP answers are fetched."),
    Row("ocsp-update.httpproxy", "str:address", HARMLESS, "Proxy through which OCSP answers are fetched."),
    Row("ocsp-update.maxdelay, ocsp-update.mindelay", "int(0,)", HARMLESS, "Pauses of OCSP updates.", wrong=POSITIVE),
    Row(
        "ssl-default-bind-ciphers, ssl-default-server-ciphers",
        "str:ciphers",
        HARMLESS,
        "Ciphers up to TLS 1.2.",
        missing=SUITE,
    ),
    Row(
        "ssl-default-bind-ciphersuites, ssl-default-server-ciphersuites",
        "str:suites",
        HARMLESS,
        "Suites of TLS 1.3.",
        missing=SUITE,
    ),
    Row(
        "ssl-default-bind-curves, ssl-default-server-curves", "str:curves", HARMLESS, "Elliptic curves.", missing=CURVES
    ),
    Row(
        "ssl-default-bind-sigalgs, ssl-default-server-sigalgs, "
        "ssl-default-bind-client-sigalgs, ssl-default-server-client-sigalgs",
        "str:algorithms",
        HARMLESS,
        "Signatures.",
        missing=SIGNATURES,
    ),
    Row(
        "ssl-dh-param-file",
        "parameters:file",
        HARMLESS,
        "Diffie-Hellman parameters.",
        missing="'{name}' expects a file path as an argument.",
    ),
    Row("ssl-engine", "str:name str*:argument", HARMLESS, "An OpenSSL engine.", many=True),
    Row("ssl-load-extra-del-ext", "", HARMLESS, "How names of accompanying files are formed.", loose=True),
    Row("ssl-mode-async", "", HARMLESS, "Asynchronous engines.", loose=True),
    Row("ssl-passphrase-cmd", "str:command str*:argument", HARMLESS, "Program that tells passphrases of keys."),
    Row(
        "ssl-propquery",
        "str:query",
        HARMLESS,
        "Which implementations OpenSSL prefers.",
        missing="global statement '{name}' expects a property string as an argument.",
        loose=True,
    ),
    Row(
        "ssl-provider",
        "str:name",
        HARMLESS,
        "An OpenSSL provider.",
        many=True,
        missing="global statement '{name}' expects a valid engine provider name as an argument.",
        loose=True,
    ),
    Row("ssl-provider-path", "path", HARMLESS, "Where providers are.", missing=DIRECTORY, loose=True),
    Row("ssl-security-level", "int(0,5)", HARMLESS, "OpenSSL's security level."),
    Row(
        "ssl-server-verify",
        "none|required",
        HARMLESS,
        "Whether servers' certificates are checked by default.",
        missing="'{name}' expects an integer argument.",
        wrong="'{name}' expects 'none' or 'required' as argument.",
    ),
    Row("ssl-skip-self-issued-ca", "", HARMLESS, "Roots are not sent.", loose=True),
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
    Row("wurfl-cache-size", "str:size str?:size", HARMLESS, "How much WURFL remembers."),
    Row("wurfl-information-list", "str+:capability", HARMLESS, "Which capabilities WURFL finds."),
    Row("wurfl-information-list-separator", "str:character", HARMLESS, "What separates capabilities."),
    Row("wurfl-patch-file", "str+:path", HARMLESS, "Corrections of WURFL's data."),
    Row("wurfl-engine-mode, wurfl-useragent-priority", "str:mode", HARMLESS, "How WURFL searches."),
)

TABLES = (PROCESS, LIMITS, HTTP, TLS, DEVICES)
