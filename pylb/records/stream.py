"""One request and its response (HTTP), or one connection pair (TCP): the facts that rules and logs read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pylb.records.session import Session


class Stream:
    """The context of a request. Lives from its first byte to its log line; the coroutine is in stream/.

    Times are monotonic seconds; 0.0 means "did not happen". Byte counts are HAProxy's: `bytes_in` what was sent
    towards the server, `bytes_out` (%B) what was sent to the client.
    """

    __slots__ = (
        "backend",  # records.proxy.Backend once chosen (a frontend's own until then: None)
        "back",  # endpoint towards the server
        "bytes_in",
        "bytes_out",
        "captures_request",  # list of bytes | None, one per declared capture slot
        "captures_response",
        "connect_start",
        "cookie_dates",  # set by Persistence.lookup: its (last, first) visit, seconds since 1970, 0 for none; or None
        "cookie_request",  # b"N", b"I", b"V" ...: persistence state of the request cookie for the log
        "cookie_response",
        "end_cause",  # second termination character, b"-" while it runs
        "end_state",  # first termination character
        "final",  # True once nothing more can arrive: WAIT becomes MISS
        "front",  # endpoint towards the client
        "frontend",
        "idle_time",  # seconds from the end of the previous request to the first byte (%Ti)
        "log_level",  # level set by rules, or None; "silent" stops the log
        "priority",  # (class, offset) in queues
        "queue_backend",  # position in the backend queue when it was queued (%bq)
        "queue_server",
        "request",
        "request_end",  # when the head was complete
        "response",
        "response_end",  # when the response head was complete
        "retries",
        "redispatched",
        "rule",  # RuleLine that gave the final verdict, or None
        "server",
        "server_connected",
        "session",
        "start",  # first byte of the request (or accept, for the first one)
        "start_wall",
        "status",  # status sent to the client, -1 before
        "stick",
        "tarpit",
        "unique_id",  # bytes once made
        "variables",  # dict for txn, req, res scopes: {"txn.name": Typed}, or None
        "reused",  # the server connection had served before
        "persist_rule",  # set by Persistence.lookup: "force-persist", "ignore-persist" or ""
        "persistent",  # server was imposed by persistence (cookie, stick): redispatch rules differ
        "slot",  # the server whose slot this stream holds (server/assign.py), or None
        "waiting",  # its server.waiting.Entry while it is queued, or None
        "data",  # what rules see of raw data: bytes buffered (tcp mode, req.payload), else b""
        "run",  # engine.step.Runner that drives it: whoever wants to wake or kill the stream uses it
        "keep",  # the client's connection can carry another request after this one
        "end",  # monotonic seconds when it was over
        "logged",  # its line has been written already (option logasap, formats that only speak of the client)
        "null",  # nothing was received at all (option dontlognull)
        "number",  # running number of the stream in this process (%rt)
        "received",  # bytes received from the client for this stream, refused ones too (option dontlognull)
        "cookie_captured",  # (request, response) of `capture cookie`, each b"name=value" or None; or None
        "source",  # local address of the server connection, kept when a log format asks (Logger.needs_source)
        "data_back",  # raw bytes from the server while tcp-response rules run (tcp mode), else None
        "timeout_server",  # seconds set by `set-timeout server` for this stream, or None
        "overrides",  # other values that rules set for this stream alone (`setting`), or None
        "retry_disabled",  # True: `disable-l7-retry`, a request that failed is not sent again
        "addresses_before",  # the addresses the session had before this stream's rules changed them, or None
    )

    def __init__(self, session: Session, now: float, wall: float) -> None:
        self.session = session
        self.run: Any = None
        self.keep = True
        self.end = 0.0
        self.null = False
        self.logged = False
        self.frontend = session.frontend
        self.backend: Any = None
        self.server: Any = None
        self.front: Any = None
        self.back: Any = None
        self.request: Any = None
        self.response: Any = None
        self.start = now
        self.start_wall = wall
        self.idle_time = 0.0
        self.request_end = 0.0
        self.connect_start = 0.0
        self.server_connected = 0.0
        self.response_end = 0.0
        self.bytes_in = 0
        self.bytes_out = 0
        self.status = -1
        self.end_state = b"-"
        self.end_cause = b"-"
        self.cookie_request = b"-"
        self.cookie_response = b"-"
        self.retries = 0
        self.redispatched = False
        self.queue_server = 0
        self.queue_backend = 0
        self.final = False
        self.variables: dict[str, Any] | None = None
        self.captures_request: list[bytes | None] | None = None
        self.captures_response: list[bytes | None] | None = None
        self.unique_id = b""
        self.log_level: Any = None
        self.priority: Any = None
        self.rule: Any = None
        self.stick: Any = None
        self.tarpit = False
        self.reused = False
        self.persistent = False
        self.data = b""
        self.number = 0
        self.received = 0
        self.cookie_captured: tuple[bytes | None, bytes | None] | None = None
        self.source: Any = None
        self.slot: Any = None
        self.waiting: Any = None
        self.data_back: bytes | None = None
        self.timeout_server: float | None = None
        self.overrides: dict[str, Any] | None = None
        self.retry_disabled = False
        self.addresses_before: tuple[bytes | None, int, bytes | None, int] | None = None

    cookie_dates: tuple[int, int] | None
    persist_rule: str

    inspected = False
    """The frontend's `tcp-request content` rules have seen it before it was known to speak HTTP."""

    @property
    def stream(self) -> Stream:
        return self

    def override(self, name: str, value: float) -> None:
        """A rule sets `timeout_client`, `retries` ... for this stream alone."""
        if self.overrides is None:
            self.overrides = {}
        self.overrides[name] = value

    def forget_backend(self) -> None:
        """The stream goes to another backend than the one whose rules have set these."""
        self.timeout_server = None
        if self.overrides is not None:
            for name in ("timeout_connect", "timeout_queue", "timeout_tunnel", "retries"):
                self.overrides.pop(name, None)

    def setting(self, name: str, owner: Any) -> Any:
        """What a rule has set for this stream, else what `owner`, its frontend or backend, has under that name."""
        if self.overrides is not None and name in self.overrides:
            return self.overrides[name]
        return getattr(owner, name)


class Upgraded(Stream):
    """The first request of a TCP connection that turned out to speak HTTP."""

    __slots__ = ()
    inspected = True
