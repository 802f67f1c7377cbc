"""Run-time proxies: what a frontend and a backend are once compiled. Filled by program.py, read everywhere.

They have slots because a request reads some forty of their attributes: beyond thirty of them, CPython 3.11 keeps an
instance's attributes in a dict of its own, whose look-ups cost twice as much.
"""

from __future__ import annotations

import math
from typing import Any

from pylb.counters import ProxyCounters


class Proxy:
    """What both sides share. Timeouts in seconds, None for infinite. A listen section makes one of each."""

    __slots__ = (
        "buffer_body",
        "config",
        "counters",
        "disabled",
        "forwarded",
        "has_request_steps",
        "has_response_steps",
        "http",
        "http_after_response",
        "http_request",
        "http_response",
        "inspect_delay",
        "label",
        "last_bad_request",
        "last_bad_response",
        "log_tag",
        "name",
        "options",
        "replies",
        "splices",
        "tcp_content",
        "tcp_response",
        "traits",
        "uuid",
        "variables",
    )

    def __init__(self, name: str, uuid: int, config: Any) -> None:
        self.name = name
        self.label = name.encode("utf-8", "surrogateescape")
        self.uuid = uuid
        self.config = config  # config.model.ProxyConfig, for the runtime API and explain
        self.http = False
        self.disabled = False
        self.log_tag = b""
        self.counters = ProxyCounters()
        self.replies: dict[int, Any] = {}  # status -> rules.replies.Reply (errorfiles, http-errors, defaults)
        self.http_request: Any = None  # rules.ruleset.Ruleset or None, likewise below
        self.http_response: Any = None
        self.http_after_response: Any = None
        self.tcp_content: Any = None
        self.tcp_response: Any = None
        self.traits: Any = None  # mux.special.Traits when its HTTP/1 connections are not plain ones
        self.inspect_delay: float | None = None
        self.forwarded: Any = None  # closure(stream) that adds X-Forwarded-For and friends, or None
        self.options: frozenset[str] = frozenset()  # names of boolean options that are on
        self.splices = 0  # what kernel pipes carry: REQUEST, RESPONSE, AUTO of engine/splice.py
        self.variables: dict[str, Any] = {}
        self.buffer_body = False  # option http-buffer-request
        self.has_request_steps = True  # any of what may happen between a request's head and the choice of a server
        self.has_response_steps = True  # likewise between a response's head and the client; see `settle`
        self.last_bad_request: Any = None  # stream.worker.ErrorCapture, for `show errors`
        self.last_bad_response: Any = None

    def settle(self) -> None:
        """Called when everything is compiled: lets exchanges skip at once what this proxy does not do."""
        self.has_request_steps = self.buffer_body or self.tcp_content is not None or self.http_request is not None
        self.has_response_steps = self.http_response is not None


class Frontend(Proxy):
    __slots__ = (
        "capture_request",
        "capture_response",
        "capture_set_cookie",
        "capture_slots",
        "default_backend",
        "keep_clients",
        "keep_servers",
        "last_request_step",
        "listeners",
        "log",
        "log_asap",
        "log_early",
        "log_local",
        "log_source",
        "maxconn",
        "monitor",
        "paused",
        "rate_limit",
        "switch",
        "switching",
        "tcp_connection",
        "tcp_session",
        "timeout_client",
        "timeout_client_fin",
        "timeout_keep_alive",
        "timeout_request",
        "timeout_tarpit",
        "unique_id",
    )

    def __init__(self, name: str, uuid: int, config: Any) -> None:
        super().__init__(name, uuid, config)
        self.listeners: list[Any] = []
        self.maxconn = 0  # 0: the process limit only
        self.rate_limit = 0
        self.tcp_connection: Any = None
        self.tcp_session: Any = None
        self.switching: Any = None  # closure(stream) -> Backend | None
        self.switch: Any = None  # rules.switching.Switch, which makes that closure
        self.default_backend: Backend | None = None
        self.timeout_client: float | None = None
        self.timeout_client_fin: float | None = None
        self.timeout_request: float | None = None
        self.timeout_keep_alive: float | None = None
        self.timeout_tarpit: float | None = None
        self.log: Any = None  # log.logger.Logger or None
        self.log_early = False  # what the log's flags ask of the stream
        self.log_asap = False
        self.log_source = False
        self.log_local = False
        self.capture_slots: tuple[int, int] = (0, 0)  # request, response
        self.unique_id: Any = None  # closure(stream) -> bytes, or None
        self.last_request_step: Any = None  # closure(stream) after all rules: unique-id-header, capture cookie; or None
        self.monitor: Any = None
        self.paused = False
        self.capture_request: Any = None  # function(stream): captures of headers, before all rules, or None
        self.capture_response: Any = None
        self.capture_set_cookie: Any = None  # function(stream): `capture cookie` in responses, after all rules, or None
        self.keep_clients = True  # a client's connection outlives an exchange (no option httpclose)
        self.keep_servers = True  # what Backend.keep_alive says, as far as the frontend decides it

    def settle(self) -> None:
        super().settle()
        self.has_request_steps = self.has_request_steps or self.capture_request is not None
        self.has_response_steps = self.has_response_steps or self.log_asap
        if self.capture_response is not None or self.capture_set_cookie is not None:
            self.has_response_steps = True


class Backend(Proxy):
    __slots__ = (
        "algorithm",
        "assignment",
        "by_label",
        "by_name",
        "close_mode",
        "fullconn",
        "imposes",
        "keep_alive",
        "persistence",
        "plain",
        "pinned",
        "pretend_keep_alive",
        "program",
        "queue",
        "redispatch",
        "replays",
        "respond",
        "response_delay",
        "retries",
        "retry_on",
        "retry_statuses",
        "reuse",
        "served",
        "send_name",
        "server_rules",
        "servers",
        "timeout_check",
        "timeout_connect",
        "timeout_queue",
        "timeout_server",
        "timeout_server_fin",
        "timeout_server_or_never",
        "timeout_tarpit",
        "timeout_tunnel",
        "unpublished",
    )

    def __init__(self, name: str, uuid: int, config: Any) -> None:
        super().__init__(name, uuid, config)
        self.servers: list[Any] = []  # server.server.Server in order of the file
        self.by_name: dict[str, Any] = {}
        self.by_label: dict[bytes, Any] = {}  # the same by the bytes of the name, for names made at run time
        self.algorithm: Any = None  # balance.algorithm.Algorithm
        self.queue: Any = None  # server.waiting.Queue: streams that wait for any server
        self.retries = 3
        self.retry_on: frozenset[str] = frozenset(("conn-failure",))  # causes of a retry (server/retries.py)
        self.retry_statuses: frozenset[int] = frozenset()
        self.redispatch = 0  # 0 never, n every n retries, -n: n from the end (HAProxy's numbers)
        self.fullconn = 0
        self.timeout_connect: float | None = None
        self.timeout_server: float | None = None
        self.timeout_server_fin: float | None = None
        self.timeout_queue: float | None = None
        self.timeout_tarpit: float | None = None
        self.timeout_tunnel: float | None = None
        self.timeout_check: float | None = None
        self.server_rules: Any = None  # use-server: closure(stream) -> Server | None
        self.persistence: Any = None  # cookie handling, or None
        self.respond: Any = None  # function(stream, response) -> Verdict | None behind the rules (server/responding.py)
        self.imposes = True  # there is more to the choice of a server than the algorithm; see `settle`
        self.plain = True  # heads go to servers as they are: no server has `redir`, no `http-send-name-header`
        self.send_name = b""  # the header of http-send-name-header, lower case
        self.replays = False  # requests are kept, to be sent again if there is no good response
        self.reuse = "safe"
        self.close_mode = ""  # "", "server-close", "close"
        self.timeout_server_or_never = math.inf  # what the hot path adds to the clock
        self.keep_alive = True  # connections to servers outlive their exchange
        self.response_delay: float | None = None  # tcp-response inspect-delay
        self.pretend_keep_alive = False  # servers are told so in any case (option http-pretend-keepalive)
        self.assignment: Any = None  # server.assign.Assignment
        self.program: Any = None  # for algorithms that compile expressions (balance hash)
        self.served = 0  # streams that hold a slot of one of its servers
        self.unpublished = bool(config is not None and config.get("be-unpublished"))  # switching rules pass it over
        self.pinned = False  # rules or expressions of the configuration name it: it cannot be removed

    def settle(self) -> None:
        super().settle()
        self.replays = self.http and bool(self.retry_statuses or self.retry_on - {"conn-failure"})
        self.plain = not self.send_name and not any(server.redirect for server in self.servers)
        self.imposes = self.server_rules is not None or self.persistence is not None or self.replays
        self.imposes = self.imposes or not self.plain
        self.has_response_steps = self.has_response_steps or bool(self.retry_statuses) or self.respond is not None
