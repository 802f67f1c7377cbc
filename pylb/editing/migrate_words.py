"""How single old words are written today (manuals of 1.4 to 3.5, the chapters of the words)."""

from __future__ import annotations

import itertools
import re
from typing import Final

from pylb.config.lexer import quoted
from pylb.editing.migrate_lines import Answer, Question, Unclear, translates

_RENAMED: Final = {
    "clitimeout": "timeout client",
    "contimeout": "timeout connect",
    "srvtimeout": "timeout server",
    "cliexp": "timeout client",
    "srvexp": "timeout server",
    "timeout clitimeout": "timeout client",
    "timeout contimeout": "timeout connect",
    "timeout srvtimeout": "timeout server",
    "redispatch": "option redispatch",
    "option forceclose": "option httpclose",
    "option independant-streams": "option independent-streams",
}
_DROPPED: Final = {
    "debug": "'debug' is gone: start with -d instead",
    "stats bind-process": "'stats bind-process' is gone: there is one process",
    "bind-process": "'bind-process' is gone: there is one process, its threads serve everything",
    "tune.chksize": "",
    "grace": "'grace' of a proxy is gone: 'grace' of the global section delays the stop of all",
    "option http-use-htx": "",
    "option http-tunnel": "'option http-tunnel' is gone: connections are kept alive, each request passes the rules",
}


def _no(asked: Question) -> list[str]:
    return [asked.line.raws[0]] if asked.line.words[0] in ("no", "default") else []


@translates(*_RENAMED)
def renamed(asked: Question) -> Answer:
    prefix = _no(asked)
    words = asked.line.words[len(prefix) :]
    count = 2 if words[0] in ("option", "timeout") else 1
    modern = _RENAMED[" ".join(words[:count])]
    return Answer([" ".join([*prefix, modern, *asked.line.raws[len(prefix) + count :]])])


@translates(*_DROPPED)
def dropped(asked: Question) -> Answer:
    words = asked.line.words[len(_no(asked)) :]
    if asked.section.kind == "global" and words[0] == "grace":
        return Answer([" ".join(asked.line.raws)])
    remark = _DROPPED.get(" ".join(words[:2]), _DROPPED.get(words[0], ""))
    return Answer(remark="" if _no(asked) else remark)


_THREADS: Final = "processes have become threads of one process: they share tables, checks and limits such as maxconn"


@translates("nbproc")
def nbproc(asked: Question) -> Answer:
    if asked.section.has("nbthread"):
        return Answer(remark="'nbproc' is gone: 'nbthread' alone says how many run")
    return Answer(
        [" ".join(["nbthread", *asked.line.raws[1:]])],
        remark="" if asked.line.words[1:] == ["1"] else _THREADS,
    )


@translates("master-worker")
def master_worker(asked: Question) -> Answer:
    if asked.to < (3, 5):
        return Answer([" ".join(asked.line.raws)])
    if any(section.kind == "program" for section in asked.sections):
        raise Unclear("the 'program' sections need it")
    return Answer(remark="'master-worker' is gone: start with -W or -Ws instead")


@translates("option accept-invalid-http-request", "option accept-invalid-http-response")
def violations(asked: Question) -> Answer:
    raws = list(asked.line.raws)
    if asked.to >= (3, 1):
        raws[-1] = raws[-1].replace("accept-invalid", "accept-unsafe-violations-in")
    return Answer([" ".join(raws)])


@translates("option httpchk")
def httpchk(asked: Question) -> Answer:
    """Headers hidden behind the version become a line of their own."""
    prefix = _no(asked)
    words = asked.line.words[len(prefix) :]
    if prefix or len(words) < 5 or "\n" not in " ".join(words[4:]):
        return Answer([" ".join(asked.line.raws)])
    method, target = asked.line.raws[2:4]
    version, _, rest = " ".join(words[4:]).partition("\r\n") if "\r\n" in words[4] else words[4].partition("\n")
    fields, _, body = rest.replace("\r\n", "\n").partition("\n\n")
    send = ["http-check", "send", "meth", method, "uri", target, "ver", quoted(version.strip())]
    for line in filter(None, fields.split("\n")):
        name, colon, value = line.partition(":")
        if not colon:
            raise Unclear("what stands behind the version is no header")
        if name.strip().lower() == "content-length":
            continue
        send += ["hdr", quoted(name.strip()), quoted(value.strip().replace("%", "%%"))]
    if body:
        send += ["body", quoted(body)]
    return Answer(["option httpchk", " ".join(send)])


@translates("mode")
def mode(asked: Question) -> Answer:
    if asked.line.words[1:] != ["health"]:
        return Answer([" ".join(asked.line.raws)])
    if asked.section.kind == "defaults":
        raise Unclear("write 'http-request return status 200' in each frontend instead")
    return Answer(["mode http"], first=["http-request return status 200"])


@translates("monitor-net")
def monitor_net(asked: Question) -> Answer:
    if asked.section.kind == "defaults" and len(asked.section.header.words if asked.section.header else ()) < 2:
        raise Unclear("rules may not stand in a defaults section without a name: write one in each frontend")
    network = asked.line.raws[1]
    if asked.mode == "http":
        return Answer(
            first=[f"http-request return status 200 if {{ src {network} }}"],
            remark="requests of monitors are logged now",
        )
    return Answer([f"tcp-request connection reject if {{ src {network} }}"])


@translates("dispatch")
def dispatch(asked: Question) -> Answer:
    if asked.to < (3, 3):
        return Answer([" ".join(asked.line.raws)])
    return Answer([f"server dispatch {asked.line.raws[1]}"], remark="logs say 'dispatch' where they said '<NOSRV>'")


@translates("transparent", "option transparent")
def transparent(asked: Question) -> Answer:
    if _no(asked):
        return Answer()
    if asked.to < (3, 3):
        return Answer(["option transparent"])
    if asked.section.kind not in ("listen", "backend"):
        raise Unclear("write 'server transparent 0.0.0.0' in each backend instead")
    if asked.section.has("server"):
        raise Unclear("beside servers it is for the time when none of them is up")
    return Answer(["server transparent 0.0.0.0"])


@translates("option http_proxy")
def http_proxy(asked: Question) -> Answer:
    if _no(asked):
        return Answer()
    if asked.section.kind not in ("listen", "backend"):
        raise Unclear("it belongs into a backend today: 'http-request set-dst url_ip' and a server 0.0.0.0:0")
    if asked.section.has("server"):
        raise Unclear("it is for sections without servers")
    if asked.section.has("redirect"):
        raise Unclear("the 'redirect' rules of the section look at the target before it")
    rules = [
        "http-request deny deny_status 400 unless { url_ip -m found }",
        "http-request set-dst url_ip",
        "http-request set-dst-port url_port",
        "http-request set-uri / unless { path_beg / }",
        "http-request set-uri %[pathq]",
    ]
    return Answer(["server proxy 0.0.0.0:0"], late=rules)


@translates("appsession")
def appsession(asked: Question) -> Answer:
    words, raws = asked.line.words, asked.line.raws
    options = dict(itertools.pairwise(words))
    if "len" not in options or "timeout" not in options:
        raise Unclear("'appsession' without 'len' and 'timeout'")
    if "prefix" in words:
        raise Unclear("no expression finds a cookie by the beginning of its name")
    if asked.section.has("stick-table"):
        raise Unclear("the section has a stick-table of its own")
    if asked.line.number != next(line.number for line in asked.section.lines if line.words[:1] == ["appsession"]):
        raise Unclear("a section has one stick-table, which the first 'appsession' takes")
    cookie = raws[1]
    fetch = f"req.cook({cookie})"
    lines = [
        f"stick-table type string len {options['len']} size 1m expire {options['timeout']}",
        f"stick {'on' if 'request-learn' in words else 'match'} {fetch}",
        f"stick store-response res.cook({cookie})",
    ]
    return Answer(lines, remark="sessions are found by the cookie alone, no longer by a parameter of the URL")


@translates("http-request lua", "http-response lua")
def lua(asked: Question) -> Answer:
    raws = asked.line.raws
    return Answer([" ".join([raws[0], f"lua.{raws[2]}", *raws[3:]])])


_ONLY: Final = re.compile(r"force-(sslv3|tlsv1[0-3])")
_NOT: Final = re.compile(r"no-(sslv3|tlsv1[0-3])")
_VERSIONS: Final = ("sslv3", "tlsv10", "tlsv11", "tlsv12", "tlsv13")
_WRITTEN: Final = ("SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")


def tls_words(raws: list[str]) -> list[str]:
    """no-tlsv10 and the like as the lowest and highest version; as they are where those cannot say it."""
    forced = [match[1] for match in map(_ONLY.fullmatch, raws) if match]
    barred = {match[1] for match in map(_NOT.fullmatch, raws) if match}
    rest = [raw for raw in raws if not _ONLY.fullmatch(raw) and not _NOT.fullmatch(raw)]
    if forced:
        written = _WRITTEN[_VERSIONS.index(forced[-1])]
        return [*rest, "ssl-min-ver", written, "ssl-max-ver", written]
    left = [index for index, version in enumerate(_VERSIONS) if version not in barred]
    if not barred or not left or left != list(range(left[0], left[-1] + 1)) or "ssl-min-ver" in raws:
        return raws
    added = []
    if left[0] > 0:
        added += ["ssl-min-ver", _WRITTEN[left[0]]]
    if left[-1] < len(_VERSIONS) - 1:
        added += ["ssl-max-ver", _WRITTEN[left[-1]]]
    return [*rest, *added]


@translates("bind", "stats socket")
def bind(asked: Question) -> Answer:
    raws = list(asked.line.raws)
    remark = ""
    if "process" in raws:
        at = raws.index("process")
        del raws[at : at + 2]
        remark = "'process' is gone: there is one process, its threads serve every address"
    raws = tls_words(["alpn" if raw == "npn" and index > 1 else raw for index, raw in enumerate(raws)])
    return Answer([" ".join(raws)], remark=remark)


@translates("server", "default-server")
def server(asked: Question) -> Answer:
    return Answer([" ".join(tls_words(asked.line.raws))])
