"""Streams that wait for servers, beside HAProxy's: who waits where, who is next, and what makes one leave.

A case is a short play. Requests are held by the origins until the gate opens, so that the others wait; a step follows
when `show stat` says that the one before has had its effect.
"""

from __future__ import annotations

import contextlib
import csv
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.differential.pairs import Pair, Rehearsal, http, log_lines, paired, rehearsed
from tests.harness import Conversation, RawClient, Site, requires, wait_until
from tests.harness.origin import Script, response
from tests.harness.syslog import split_httplog

pytestmark = requires("haproxy")

CONFIG = """
global
    log 127.0.0.1:$(syslog) local0
    stats socket $(dir)/cli.sock level admin
    maxconn 500
    nbthread 1
defaults
    mode http
    log global
    option httplog
    retries 0
    timeout connect 2s
    timeout client 5s
    timeout server 5s
    timeout queue 1200ms
frontend fe
    bind 127.0.0.1:$(fe)
    maxconn 100
    use_backend %[path,field(2,/)]
frontend short
    bind 127.0.0.1:$(short)
    maxconn 55
    use_backend one if { path_beg /one/ }
    use_backend two if { path_beg /two/ } || { path_beg /three/ }
    use_backend two if { path_beg /four/ }
    default_backend one
backend one
    server s1 127.0.0.1:$(s1) maxconn 1
backend two
    server s1 127.0.0.1:$(s1) maxconn 1
    server s2 127.0.0.1:$(s2) maxconn 1
backend two_redispatch
    option redispatch
    server s1 127.0.0.1:$(s1) maxconn 1
    server s2 127.0.0.1:$(s2) maxconn 1
backend least
    balance leastconn
    server s1 127.0.0.1:$(s1) maxconn 1
    server s2 127.0.0.1:$(s2) maxconn 1
backend static
    balance static-rr
    server s1 127.0.0.1:$(s1) maxconn 1
    server s2 127.0.0.1:$(s2) maxconn 1
backend first
    balance first
    server s1 127.0.0.1:$(s1) maxconn 1
    server s2 127.0.0.1:$(s2) maxconn 1
backend hash
    balance hdr(x-key)
    server s1 127.0.0.1:$(s1) maxconn 1
    server s2 127.0.0.1:$(s2) maxconn 1
backend hash_redispatch
    balance hdr(x-key)
    option redispatch
    server s1 127.0.0.1:$(s1) maxconn 1 maxqueue 1
    server s2 127.0.0.1:$(s2) maxconn 1 maxqueue 1
backend quick
    timeout queue 700ms
    server s1 127.0.0.1:$(s1) maxconn 1
backend quick_connect
    timeout connect 700ms
    timeout queue 0
    server s1 127.0.0.1:$(s1) maxconn 1
backend limited
    server s1 127.0.0.1:$(s1) maxconn 1 maxqueue 1
    server s2 127.0.0.1:$(s2) maxconn 1 maxqueue 1
backend cookies
    cookie C insert indirect
    server s1 127.0.0.1:$(s1) cookie a maxconn 1
    server s2 127.0.0.1:$(s2) cookie b maxconn 1
backend cookies_full
    cookie C insert indirect
    server s1 127.0.0.1:$(s1) cookie a maxconn 1 maxqueue 1
    server s2 127.0.0.1:$(s2) cookie b
backend cookies_full_redispatch
    option redispatch
    cookie C insert indirect
    server s1 127.0.0.1:$(s1) cookie a maxconn 1 maxqueue 1
    server s2 127.0.0.1:$(s2) cookie b
backend cookies_redispatch
    option redispatch
    cookie C insert indirect
    server s1 127.0.0.1:$(s1) cookie a maxconn 1
    server s2 127.0.0.1:$(s2) cookie b maxconn 1
backend cookies_persist
    option redispatch
    option persist
    cookie C insert indirect
    server s1 127.0.0.1:$(s1) cookie a maxconn 1
    server s2 127.0.0.1:$(s2) cookie b maxconn 1
backend chosen
    use-server s1 if { path_end /s1 }
    server s1 127.0.0.1:$(s1) maxconn 1
    server s2 127.0.0.1:$(s2) maxconn 1
backend classes
    http-request set-priority-class req.hdr(x-class),add(0)
    http-request set-priority-offset req.hdr(x-offset),add(0)
    server s1 127.0.0.1:$(s1) maxconn 1
backend classes_two
    cookie C insert indirect
    http-request set-priority-class req.hdr(x-class),add(0)
    server s1 127.0.0.1:$(s1) cookie a maxconn 1
    server s2 127.0.0.1:$(s2) cookie b maxconn 1
backend dynamic
    fullconn 5
    server s1 127.0.0.1:$(s1) minconn 1 maxconn 3
backend backups
    server s1 127.0.0.1:$(s1) maxconn 1
    server s2 127.0.0.1:$(s2) maxconn 1 backup
backend all_backups
    option allbackups
    server s1 127.0.0.1:$(s1) maxconn 1 disabled
    server s2 127.0.0.1:$(s2) maxconn 1 backup
    server s3 127.0.0.1:$(s3) maxconn 1 backup
backend marked
    server s1 127.0.0.1:$(s1) maxconn 1 on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions
    server s2 127.0.0.1:$(s2) maxconn 1 backup
backend minconn_only
    server s1 127.0.0.1:$(s1) minconn 2
    server s2 127.0.0.1:$(s2) minconn 5 maxconn 3
listen own
    bind 127.0.0.1:$(own)
    maxconn 33
    server s1 127.0.0.1:$(s1)
backend unreached
    server s1 127.0.0.1:$(s1)
listen given
    bind 127.0.0.1:$(given)
    fullconn 7
    server s1 127.0.0.1:$(s1)
"""

pair = paired(CONFIG, origins=("s1", "s2", "s3"))

GATES: dict[int, threading.Event] = {}


def gated(conversation: Conversation) -> None:
    """Answers with the origin's port once its gate is open."""
    port = conversation.sock.getsockname()[1]
    while True:
        conversation.read_request()
        if not GATES[port].wait(10):
            return
        conversation.send(response(b"ok"))


class Play:
    """One case on one program."""

    def __init__(self, site: Site, backend: str) -> None:
        self.site = site
        self.backend = backend
        self.clients: dict[str, RawClient] = {}
        self.seen: dict[str, Any] = {}
        for origin in site.origins:
            GATES[origin.port] = threading.Event()

    def ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(self.site.program.directory / "cli.sock"))
            client.sendall(command.encode() + b"\n")
            data = b""
            while piece := client.recv(65536):
                data += piece
        return data.decode()

    def stat(self) -> dict[str, dict[str, str]]:
        rows = csv.DictReader(self.ask("show stat").removeprefix("# ").splitlines())
        return {row["svname"]: row for row in rows if row["pxname"] == self.backend}

    def waiting(self) -> int:
        return sum(int(row["qcur"] or 0) for row in self.stat().values())

    def count(self, column: str) -> int:
        return int(self.stat()["BACKEND"][column])

    def send(self, name: str, *fields: str) -> None:
        """A request of a client called `name`, on a connection that is closed after it."""
        before = self.count("stot")
        self.clients[name] = client = RawClient(self.site.port("fe"), timeout=8)
        client.send(http("GET", f"/{self.backend}/{name}", "host: h", "connection: close", *fields))
        wait_until(lambda: self.count("stot") > before, 5, f"{name} in the backend")

    def hold(self, *names: str) -> None:
        """Requests that reach a server and stay there."""
        for name in names:
            self.send(name)
            wait_until(lambda: name in self.paths(), 5, f"{name} at an origin")  # noqa: B023

    def queue(self, name: str, *fields: str) -> None:
        before = self.waiting()
        self.send(name, *fields)
        wait_until(lambda: self.waiting() > before, 5, f"{name} in a queue")

    def paths(self) -> list[str]:
        return [request.split()[1].decode().rpartition("/")[2] for o in self.site.origins for request in o.requests]

    def open(self, *names: str) -> None:
        """Origins answer from now on; all without names."""
        for name, origin in self.site.servers.items():
            if (not names or name in names) and not GATES[origin.port].is_set():
                GATES[origin.port].set()
                time.sleep(0.03)  # one after the other: who is free first does not depend on luck

    def note(self, name: str, *columns: str) -> None:
        self.seen[name] = {row: {c: fields[c] for c in columns} for row, fields in self.stat().items()}

    def finish(self) -> dict[str, Any]:
        """Lets everybody go on and tells how it ended for each."""
        self.open()
        order = {}
        for name, client in self.clients.items():
            gone = client.sock.fileno() < 0
            answer = "left" if gone else client.read_all()[9:12].decode()
            fields = split_httplog(log_lines(self.site, client.source_port)[-1])
            kept = {k: fields[k] for k in ("server", "state", "srv_queue", "backend_queue", "retries", "status")}
            kept["Tw"] = "-1" if fields["Tw"] == "-1" else "+"
            self.seen[name] = {"answer": answer, **kept}
            client.close()
        for name, origin in self.site.servers.items():
            order[name] = [request.split()[1].decode().rpartition("/")[2] for request in origin.requests]
        if self.backend != "dynamic":  # where several leave the queue at once
            self.seen["order"] = order
        wait_until(lambda: self.count("scur") == 0, 5, "the end")
        self.note("stat", "qcur", "qmax", "econ", "wretr", "wredis", "lbtot", "stot", "slim", "qlimit", "smax")
        return self.seen


Scene = Callable[[Play], None]


def one_by_one(play: Play) -> None:
    play.hold("h")
    for name in "abc":
        play.queue(name)


def two_held(play: Play) -> None:
    play.hold("h1", "h2")
    for name in "abc":
        play.queue(name)


def own_and_common(play: Play) -> None:
    """Some wait for one server, others for any."""
    play.hold("h1", "h2")
    play.queue("any1")
    play.queue("mine1", "cookie: C=a")
    play.queue("any2")
    play.queue("mine2", "cookie: C=a")
    play.open("s1")


def then(scene: Scene, *commands: str, opens: tuple[str, ...] = ()) -> Scene:
    def run(play: Play) -> None:
        scene(play)
        for command in commands:
            play.seen[command] = play.ask(command.replace("BE", play.backend))
        if opens:
            play.open(*opens)
        time.sleep(0.05)
        play.note("then", "qcur", "scur", "status")

    return run


def leaves(play: Play) -> None:
    one_by_one(play)
    play.clients["b"].reset()


def keyed(play: Play) -> None:
    play.hold("h1", "h2")
    for name, key in (("a", "1"), ("b", "2"), ("c", "3"), ("d", "1")):
        play.send(name, f"x-key: {key}")
        time.sleep(0.02)


def by_key(play: Play) -> None:
    for name, key in (("a", "1"), ("b", "2"), ("c", "3"), ("d", "1"), ("e", "1"), ("f", "2"), ("g", "2")):
        play.send(name, f"x-key: {key}")
        time.sleep(0.02)


def by_class(play: Play) -> None:
    play.hold("h")
    play.queue("late", "x-class: 5")
    play.queue("plain")
    play.queue("soon", "x-class: -5")
    play.queue("plain2")
    play.queue("far", "x-class: 99999")
    play.queue("farther", "x-class: 5000")


def by_offset(play: Play) -> None:
    play.hold("h")
    play.queue("plain")
    play.queue("later", "x-offset: 4000")
    play.queue("sooner", "x-offset: -4000")
    play.queue("plain2", "x-offset: 0")
    play.queue("both", "x-offset: -1000000", "x-class: 1")


def classes_of_two_queues(play: Play) -> None:
    play.hold("h1", "h2")
    play.queue("any5", "x-class: 5")
    play.queue("mine", "cookie: C=a")
    play.queue("any-5", "x-class: -5")
    play.queue("mine6", "cookie: C=a", "x-class: 6")
    play.open("s1")


def growing(play: Play) -> None:
    for name in "abcdefg":
        play.send(name)
        time.sleep(0.03)
        play.note(name + " came", "qcur", "scur")


def mine(*names: str) -> Scene:
    """s1 is busy; more ask for it by their cookie."""

    def run(play: Play) -> None:
        play.send("h", "cookie: C=a")
        wait_until(lambda: play.paths() == ["h"], 5, "the first request")
        for name in names:
            play.send(name, "cookie: C=a")
            time.sleep(0.03)

    return run


def chosen(play: Play) -> None:
    play.hold("h1", "h2")
    for name in ("s1", "other", "x"):
        play.queue(name)
    play.open("s2")


def backup_left(play: Play) -> None:
    """The server comes back while a backup serves."""
    play.ask(f"set server {play.backend}/s1 state maint")
    play.hold("h")
    play.queue("a")
    play.ask(f"set server {play.backend}/s1 state ready")
    time.sleep(0.05)


def slowly(scene: Scene, seconds: float = 0.3) -> Scene:
    def run(play: Play) -> None:
        scene(play)
        time.sleep(seconds)

    return run


CASES: dict[str, tuple[str, Scene]] = {
    "in order": ("one", one_by_one),
    "two servers": ("two", two_held),
    "leastconn": ("least", two_held),
    "static-rr": ("static", two_held),
    "first": ("first", two_held),
    "backups": ("backups", one_by_one),
    "all backups": ("all_backups", two_held),
    "hash": ("hash", by_key),
    "hash, redispatch": ("hash_redispatch", by_key),
    "timeout queue": ("quick", slowly(one_by_one)),
    "timeout connect": ("quick_connect", slowly(one_by_one)),
    "maxqueue": ("limited", two_held),
    "own queue and common queue": ("cookies", own_and_common),
    "use-server": ("chosen", chosen),
    "classes": ("classes", by_class),
    "offsets": ("classes", by_offset),
    "classes in two queues": ("classes_two", classes_of_two_queues),
    "dynamic limit": ("dynamic", growing),
    "cookie of a full server": ("cookies_full", mine("a", "b", "c")),
    "cookie of a full server, redispatch": ("cookies_full_redispatch", mine("a", "b", "c")),
    # what happens to a server that is waited for
    "maint": ("cookies", then(mine("a", "b"), "set server BE/s1 state maint")),
    "maint, redispatch": ("cookies_redispatch", then(mine("a", "b"), "set server BE/s1 state maint")),
    "maint, persist": ("cookies_persist", then(mine("a", "b"), "set server BE/s1 state maint")),
    "drain": ("cookies", then(mine("a", "b"), "set server BE/s1 state drain")),
    "drain, redispatch": ("cookies_redispatch", then(mine("a", "b"), "set server BE/s1 state drain")),
    "down": ("cookies", then(mine("a", "b"), "set server BE/s1 health down")),
    "down, redispatch": ("cookies_redispatch", then(mine("a", "b"), "set server BE/s1 health down")),
    "stopping": ("cookies_redispatch", then(mine("a", "b"), "set server BE/s1 health stopping")),
    "weight 0": ("cookies_redispatch", then(mine("a", "b"), "set server BE/s1 weight 0")),
    "common queue, one in maint": ("two", then(two_held, "set server BE/s1 state maint", opens=("s1",))),
    "common queue, one drained": ("two", then(two_held, "set server BE/s1 state drain", opens=("s1",))),
    "common queue, one of weight 0": ("two", then(two_held, "set server BE/s1 weight 0", opens=("s1",))),
    "common queue, all in maint": ("one", then(one_by_one, "set server BE/s1 state maint")),
    "common queue, all in maint, then ready": (
        "one",
        then(one_by_one, "set server BE/s1 state maint", "set server BE/s1 state ready"),
    ),
    "sessions of a server are shut": ("two", then(two_held, "shutdown sessions server BE/s1")),
    "sessions shut by the mark, in maint": ("marked", then(one_by_one, "set server BE/s1 state maint")),
    "sessions shut by the mark, down": ("marked", then(one_by_one, "set server BE/s1 health down")),
    "sessions of backups shut by the mark": ("marked", backup_left),
    "limit raised": ("one", then(one_by_one, "set maxconn server BE/s1 3")),
    "limit lifted": ("one", then(one_by_one, "set maxconn server BE/s1 0")),
}


#: Answers of pylb where it does otherwise than 2.6, and why.
DIFFERENT: dict[str, dict[str, str]] = {
    # 2.6 takes 0 for "none at all" when it looks at who waits, and lets them wait until `timeout queue`
    "limit lifted": {"a": "200", "b": "200", "c": "200"},
}


def reset(play: Play) -> None:
    for server in play.stat():
        if server not in ("FRONTEND", "BACKEND"):
            play.ask(f"set server {play.backend}/{server} health up")
            wanted = "maint" if play.backend == "all_backups" and server == "s1" else "ready"
            play.ask(f"set server {play.backend}/{server} state {wanted}")
            play.ask(f"set server {play.backend}/{server} weight 100%")
            if play.backend == "one":
                play.ask(f"set maxconn server {play.backend}/{server} 1")


def case(name: str) -> tuple[Callable[[Site], Any], Script]:
    backend, scene = CASES[name]

    def scenario(site: Site) -> Any:
        play = Play(site, backend)
        play.ask("clear counters all")
        with contextlib.ExitStack() as stack:
            stack.callback(play.open)
            scene(play)
            for client in play.clients.values():
                stack.callback(client.close)
            result = play.finish()
        reset(play)
        return result

    return scenario, gated


rehearsal = rehearsed(CONFIG, case, origins=("s1", "s2", "s3"))


@pytest.mark.parametrize("name", CASES)
def test_queues_are_haproxys(rehearsal: Rehearsal, name: str) -> None:
    if name in DIFFERENT:
        seen = rehearsal.run(name)
        assert {who: seen["pylb"][who]["answer"] for who in DIFFERENT[name]} == DIFFERENT[name]
        assert {who: seen["haproxy"][who]["answer"] for who in DIFFERENT[name]} != DIFFERENT[name], "no difference now"
        return
    rehearsal.same(name)


def test_fullconn_is_a_tenth_of_what_may_come(pair: Pair) -> None:
    def scenario(site: Site) -> Any:
        rows = csv.DictReader(Play(site, "").ask("show stat").removeprefix("# ").splitlines())
        return {(row["pxname"], row["svname"]): row["slim"] for row in rows}

    pair.same(scenario)
