"""Words of proxies that are parsed only, or need no more than their value (manual 4.2): a row each.

Declared by config/later.py. Health checks, statistics pages, stickiness and mail change which server answers or what
people see, not who may connect: harmless. Whatever may refuse, limit or rewrite traffic is unsafe.
"""

from __future__ import annotations

from pylb.config.shapes import Row
from pylb.registry import BACK, FRONT, PROXY, Status

FULL, HARMLESS, UNSAFE = Status.FULL, Status.HARMLESS, Status.UNSAFE
SIDES = ("frontend", "listen", "backend")
SERVERS = ("listen", "backend")
CLIENTS = ("frontend", "listen")

HEADER_NAMES = "option 'http-restrict-req-hdr-names' expects 'preserve', 'reject' or 'delete' option."
PROBES = "'{name}' expects an integer value"
BAD_TIME = "unexpected character '{character}' in argument to <{name}>."
BAD_NUMBER = "'{name}' : unexpected character '{character}' in integer value '{got}'"

CONNECTIONS = (
    Row(
        "clitcpka-cnt",
        "number",
        FULL,
        "Lost keep-alive probes after which a client is gone.",
        missing=PROBES,
        wrong=BAD_NUMBER,
        loose=True,
    ),
    Row(
        "clitcpka-idle, clitcpka-intvl",
        "time",
        FULL,
        "Times of keep-alive probes to clients.",
        missing=PROBES,
        wrong=BAD_TIME,
        loose=True,
    ),
    Row(
        "max-session-srv-conns",
        "int?",
        FULL,
        "Idle server connections that a client's connection may have of its own, 5 unless given.",
        loose=True,
    ),
    Row(
        "log-steps",
        "of:accept,connect,request,response,close,error,all,any",
        FULL,
        "At which steps of a transaction a log line is written, in place of one line for all of it.",
    ),
)
SERVER_SIDE = (
    Row(
        "srvtcpka-cnt",
        "number",
        FULL,
        "Lost keep-alive probes after which a server is gone.",
        missing=PROBES,
        wrong=BAD_NUMBER,
        loose=True,
    ),
    Row(
        "srvtcpka-idle, srvtcpka-intvl",
        "time",
        FULL,
        "Times of keep-alive probes to servers.",
        missing=PROBES,
        wrong=BAD_TIME,
        loose=True,
    ),
    Row(
        "external-check command",
        "path",
        HARMLESS,
        "The program of external checks.",
        missing="missing argument after 'command'.",
        surplus="'external-check' cannot handle unexpected argument '{got}'.",
    ),
    Row(
        "external-check path",
        "str:path",
        HARMLESS,
        "Value of PATH for that program.",
        missing="missing argument after 'path'.",
        surplus="'external-check' cannot handle unexpected argument '{got}'.",
    ),
    Row(
        "option tcp-check, option ssl-hello-chk, option redis-check, option ldap-check, option spop-check, "
        "option external-check",
        "",
        HARMLESS,
        "What health checks send.",
    ),
    Row("option smtpchk", "str?:greeting str?:domain", HARMLESS, "Health checks greet a mail server."),
    Row(
        "option allbackups",
        "",
        FULL,
        "All backup servers are used together instead of only the first one.",
        negatable=True,
    ),
)
ANY_SIDE = (
    Row(
        "email-alert from, email-alert to, email-alert mailers, email-alert myhostname",
        "str?",
        HARMLESS,
        "Mail when a server changes its state.",
        loose=True,
    ),
    Row(
        "email-alert level",
        "emerg|alert|crit|err|warning|notice|info|debug",
        HARMLESS,
        "From which level mail is sent.",
        missing="unknown log level 'level' after ''",
        wrong="unknown log level 'level' after '{got}'",
        loose=True,
    ),
    Row(
        "option http-restrict-req-hdr-names",
        "preserve|delete|reject",
        FULL,
        "What becomes of requests with header names of other characters than letters, digits and `-`: they pass, lose "
        "these headers, or are rejected with 403; judged behind the section's http-request rules.",
        missing="missing parameter. " + HEADER_NAMES,
        wrong="invalid parameter '{got}'. " + HEADER_NAMES,
        surplus="'option' cannot handle unexpected argument '{got}'.",
    ),
    Row(
        "stats auth",
        "str:credentials",
        HARMLESS,
        "Who may see the statistics page.",
        many=True,
        missing="'auth' needs a user:password account.",
        loose=True,
    ),
    Row(
        "stats enable, stats hide-version, stats show-legends, stats show-modules, stats show-version",
        "",
        HARMLESS,
        "The statistics page.",
        loose=True,
    ),
    Row(
        "stats realm",
        "str:realm",
        HARMLESS,
        "What the browser asks a password for.",
        missing="'realm' needs an realm name.",
        loose=True,
    ),
    Row(
        "stats scope",
        "str:proxy",
        HARMLESS,
        "Which proxies the statistics page shows.",
        many=True,
        missing="'scope' needs a proxy name.",
        loose=True,
    ),
    Row("stats show-node", "str:name?", HARMLESS, "Node on the statistics page.", loose=True),
    Row(
        "stats uri",
        "str:prefix",
        HARMLESS,
        "Where the statistics page is.",
        missing="'uri' needs an URI prefix.",
        loose=True,
    ),
    Row("grace", "time", HARMLESS, "Old: how long a proxy serves on after a soft stop."),
)
SIDED = ()
BACKENDS = (
    Row(
        "use-fcgi-app",
        "str:application",
        UNSAFE,
        "Servers speak FastCGI.",
        missing="'{name}' expects <name> as argument",
        loose=True,
    ),
)
FRONTENDS = (Row("crt", "path", HARMLESS, "A certificate of the frontend's TLS addresses.", many=True),)
OLD = (
    Row(
        "monitor-net",
        "str:network",
        HARMLESS,
        "Old: addresses whose connections are answered at once.",
        note="today's form is `http-request return status 200 if { src ... }`",
        missing="'{name}' expects <address>[/mask] as argument.",
    ),
    Row("option http_proxy", "", UNSAFE, "Old: requests go to the address in their target.", negatable=True),
    Row("option http-use-htx", "", HARMLESS, "Old: nothing.", negatable=True),
)

TABLES: tuple[tuple[tuple[Row, ...], tuple[str, ...]], ...] = (
    (CONNECTIONS, FRONT),
    (SERVER_SIDE, BACK),
    (ANY_SIDE, PROXY),
    (SIDED, SIDES),
    (BACKENDS, SERVERS),
    (FRONTENDS, CLIENTS),
    (OLD, PROXY),
)
