"""The words of a `bind` line, all but those of TLS (HAProxy manual, "Bind options").

Each factory takes its own arguments from the cursor and stores one plain value in `bind.values` under the word's name.
What a value means on a socket is in sockets.py. Messages are put behind `'bind <addr>' in section '<kind>' : ` by
bind.py, so the texts here start at the word.
"""

from __future__ import annotations

import grp
import pwd
import re
from typing import Any

from pylb.config import guids
from pylb.config.model import BindLine
from pylb.config.protocol_words import forced
from pylb.config.section_shapes import odd_unit
from pylb.config.units import TimeOverflow, parse_integer, parse_time, wrapped
from pylb.config.words import Words
from pylb.registry import Kind, Status, bind_option, declare


def _flag(name: str, doc: str, **facts: Any) -> None:
    def store(words: Words, bind: BindLine) -> None:
        bind.values[name] = True

    declare(Kind.BIND, name, store, doc=doc, **facts)


_flag(
    "accept-proxy",
    """Every connection must start with a PROXY protocol header, version 1 or 2; its addresses replace those of the
    socket. A connection without one, or with a malformed one, is closed. Source: proxy-protocol.txt.""",
)
_flag(
    "defer-accept",
    """Wakes up only when the client has sent something (TCP_DEFER_ACCEPT): saves a wake-up per connection for protocols
    in which the client talks first, and hurts those in which the server does.""",
)
_flag("tfo", "Lets clients send data with their SYN (TCP Fast Open). A kernel that cannot is a warning.")
_flag(
    "transparent",
    """Binds addresses that do not belong to this machine (IP_TRANSPARENT), for traffic that the network redirects here.
    Needs CAP_NET_ADMIN.""",
)
_flag("v4v6", "An IPv6 socket takes IPv4 connections too, whatever the system's default says.")
_flag("v6only", "An IPv6 socket takes IPv6 connections only. Wins over `v4v6`.")


@bind_option("backlog", usage="<number>")
def backlog(words: Words, bind: BindLine) -> None:
    """Length of the queue of connections that the kernel keeps for accept. 0 or absent: the frontend's `backlog`, else
    its maxconn, else 1024; the kernel cuts it to net.core.somaxconn."""
    value = _atoi(words, "backlog", "missing value")
    if value < 0:
        words.fail(f"'backlog' : invalid value {value}, must be > 0")
    bind.values["backlog"] = value


@bind_option("maxconn", usage="<number>")
def maxconn(words: Words, bind: BindLine) -> None:
    """Most connections at a time through each socket of this line; 0 for the frontend's limit alone."""
    value = _atoi(words, "maxconn", "missing value")
    if value < 0:
        words.fail(f"'maxconn' : invalid value {value}, must be >= 0")
    bind.values["maxconn"] = value


@bind_option("nice", usage="<-1024..1024>", status=Status.HARMLESS, note="connections are served in turn")
def nice(words: Words, bind: BindLine) -> None:
    """Scheduling weight of the connections of this line against other lines. Kept for `show`; every stream of pylb is
    served in turn."""
    value = _atoi(words, "nice", "missing value")
    if not -1024 <= value <= 1024:
        words.fail(f"'nice' : invalid value {wrapped(value)}, allowed range is -1024..1024")
    bind.values["nice"] = value


@bind_option("name", usage="<name>")
def name(words: Words, bind: BindLine) -> None:
    """Name of the socket in statistics and in the `so_name` fetch; without it they say sock-<n>."""
    bind.values["name"] = words.next("'name' : missing name")


@bind_option("id", usage="<number>")
def number(words: Words, bind: BindLine) -> None:
    """Numeric id of the socket (`so_id`, statistics), unique in its proxy. Only for a line with a single socket."""
    text = words.next("'id' : expects an integer argument")
    match = re.match(r"[ \t]*[+-]?[0-9]+\Z", text)
    if not match:
        words.fail(f"'id' : expects an integer argument, found '{text}'")
    value = int(text)
    if value <= 0:
        words.fail("'id' : custom id has to be > 0")
    if len(bind.addresses) != 1 or bind.addresses[0].end_port > bind.addresses[0].port:
        words.fail("'id' can only be used with a single socket")
    for other in getattr(words.line.record, "binds", ()):
        if other.values.get("id") == value:
            place = f"{other.span.file}:{other.span.line}"
            words.fail(f"'id' : custom id {value} already used at {place} ('bind {bind_text(other)}')")
    bind.values["id"] = value


@bind_option("interface", usage="<name>")
def interface(words: Words, bind: BindLine) -> None:
    """Takes connections that arrive on this network device only (SO_BINDTODEVICE; needs privileges). A device that does
    not exist stops the start: HAProxy warns and then listens on all of them."""
    bind.values["interface"] = words.next("'interface' : missing interface name")


@bind_option("mss", usage="<bytes>")
def mss(words: Words, bind: BindLine) -> None:
    """Largest TCP segment to announce. Negative: that much less than what the path would give, as HAProxy writes it.
    What the kernel refuses is a warning."""
    value = _atoi(words, "mss", "missing MSS value")
    if value == 0 or abs(value) > 65535:
        words.fail("'mss' : expects an MSS with and absolute value between 1 and 65535")
    bind.values["mss"] = value


@bind_option("tcp-ut", usage="<time>")
def tcp_ut(words: Words, bind: BindLine) -> None:
    """How long sent data may stay unacknowledged before the kernel drops the connection (TCP_USER_TIMEOUT)."""
    text = words.next("'tcp-ut' : missing TCP User Timeout value")
    try:
        bind.values["tcp-ut"] = parse_time(text, "ms")
    except TimeOverflow:
        words.fail(f"timer overflow in argument '{text}' to 'tcp-ut' (maximum value is 2147483647 ms or ~24.8 days)")
    except ValueError:
        words.fail("'tcp-ut' : expects a positive delay in milliseconds")
    odd_unit(words.line, text)


@bind_option("mode", usage="<octal>")
def mode(words: Words, bind: BindLine) -> None:
    """Permissions of a unix socket's file, in octal. Nothing for other sockets."""
    text = words.peek() or ""
    try:
        if not re.fullmatch(r"[+-]?[0-7]+", text):
            raise ValueError
        value = int(text, 8) & 0o7777
    except ValueError:
        words.fail(f"'mode' : missing or invalid mode '{text}' (octal integer expected)")
    words.next()
    bind.values["mode"] = value


@bind_option("user", usage="<name>")
def user(words: Words, bind: BindLine) -> None:
    """Owner of a unix socket's file, by name."""
    text = words.next("'user' : missing user name")
    try:
        bind.values["uid"] = pwd.getpwnam(text).pw_uid
    except KeyError:
        words.fail(f"'user' : unknown user name '{text}'")


@bind_option("group", usage="<name>")
def group(words: Words, bind: BindLine) -> None:
    """Group of a unix socket's file, by name."""
    text = words.next("'group' : missing group name")
    try:
        bind.values["gid"] = grp.getgrnam(text).gr_gid
    except KeyError:
        words.fail(f"'group' : unknown group name '{text}'")


def _number_option(name: str, doc: str) -> None:
    def store(words: Words, bind: BindLine) -> None:
        bind.values[name] = _atoi(words, name, "missing value")

    declare(Kind.BIND, name, store, usage="<number>", doc=doc)


_number_option("uid", "Owner of a unix socket's file, by number.")
_number_option("gid", "Group of a unix socket's file, by number.")


@bind_option("namespace", usage="<name>")
def namespace(words: Words, bind: BindLine) -> None:
    """Opens the socket in this network namespace (/var/run/netns/<name>). Linux, needs CAP_SYS_ADMIN."""
    text = words.next("'namespace' : missing namespace id")
    try:
        open(f"/var/run/netns/{text}", "rb").close()
    except OSError:
        words.line.config.report.alert(f"Cannot open namespace '{text}'.")
        words.fail("error encountered while processing 'namespace'.")
    bind.values["namespace"] = text


def _choice(name: str, missing: str, choices: tuple[str, ...], sentence: str, doc: str) -> None:
    def store(words: Words, bind: BindLine) -> None:
        text = words.next(f"'{name}' : missing {missing}")
        if text not in choices:
            words.fail(f"'{name}' only supports {sentence} (got '{text}')")
        bind.values[name] = text

    declare(Kind.BIND, name, store, usage="|".join(choices), doc=doc)


_choice(
    "level",
    "level",
    ("user", "operator", "admin"),
    "'user', 'operator', and 'admin'",
    "What a connection to a `stats socket` may do: read, change counters, or everything.",
)
_choice(
    "severity-output",
    "severity format",
    ("none", "number", "string"),
    "'none', 'number', and 'string'",
    "Whether lines of feedback on a `stats socket` start with their severity, as a number or a word.",
)


@bind_option("expose-fd", usage="listeners")
def expose_fd(words: Words, bind: BindLine) -> None:
    """A successor started with -x may fetch the listening sockets from this `stats socket`."""
    text = words.next("'expose-fd' : missing fd type")
    if text != "listeners":
        words.fail(f"'expose-fd' only supports 'listeners' (got '{text}')")
    bind.values["expose-fd"] = True


@bind_option(
    "process",
    usage="all|odd|even|<number>[-<number>][/<threads>]",
    status=Status.HARMLESS,
    note="one worker serves all lines",
)
def process(words: Words, bind: BindLine) -> None:
    """Workers that would serve this line, an old form of `thread`. Kept; the one worker serves it."""
    text = words.next("'process' : '' is not a valid number/range. It supports numbers from 1 to 1.")
    which, slash, threads = text.partition("/")
    _thread_set(words, "process", which, which, 1)
    if slash:
        _thread_set(words, "process", threads, text, 64)
    bind.values["process"] = text
    instead = f" Please use 'thread {threads}' instead." if slash else ""
    words.line.warning(
        f"'bind {bind_text(bind)}' in section '{words.line.place}' : 'process {text}' on 'bind' lines is deprecated "
        f"and will be removed in 2.7.{instead}"
    )


@bind_option(
    "thread",
    usage="[<group>/]all|odd|even|<number>[-<number>][,...]",
    status=Status.HARMLESS,
    note="one worker serves all lines",
)
def thread(words: Words, bind: BindLine) -> None:
    """Workers that would serve this line. Kept; the one worker serves it."""
    text = words.next("'' : '' is not a valid number/range. It supports numbers from 1 to 64.")
    group, slash, numbers = text.rpartition("/")
    if slash and group not in ("all", "odd", "even"):
        value = parse_integer(group)
        if not 1 <= value <= MAX_GROUPS:
            words.fail(f"'{text}' thread-group number must be between 1 and {MAX_GROUPS} (was {value})")
    bind.values["lowest thread"] = _thread_set(words, text, numbers if group.isdecimal() else text, text, 64)
    bind.values["thread"] = text


MAX_GROUPS = 1


def _thread_set(words: Words, word: str, text: str, whole: str, highest: int) -> int:
    """Checks a range of numbers, and gives its lowest one."""
    lowest = {"all": 1, "odd": 1, "even": 2}.get(text)
    if lowest is not None:
        return lowest
    sentence = f"'{word}' : '{whole}' is not a valid number/range."
    match = re.match(r"-?([0-9]*)(?:-([0-9]*))?\Z", text)
    if not match or (text[:1] not in "-" and not match[1]):
        words.fail(sentence if text else f"{sentence} It supports numbers from 1 to {highest}.")
    first, last = (0 if text.startswith("-") else int(match[1] or 0)), match[2]
    values = [first] if last is None else [first, int(last) if last else highest]
    if not all(1 <= value <= highest for value in values):
        words.fail(f"{sentence} It supports numbers from 1 to {highest}.")
    return min(values)


@bind_option("shards", usage="<number>|by-thread|by-group", status=Status.HARMLESS, note="one worker serves all lines")
def shards(words: Words, bind: BindLine) -> None:
    """Into how many sockets the line would be split among workers. Kept; the one worker has one."""
    text = words.next("'shards' : missing value")
    value = parse_integer(text)
    if text not in ("by-thread", "by-group") and not 1 <= value <= 64:
        words.fail(f"'shards' : invalid value {wrapped(value)}, allowed range is 1..64 or 'by-thread'")
    bind.values["shards"] = text


@bind_option("proto", usage="<name>", status=Status.PARTIAL, note="h1 and none; the others come with their codecs")
def proto(words: Words, bind: BindLine) -> None:
    """The protocol of the connections of this line, whatever was negotiated: `h1` in HTTP mode, `none` in TCP mode.
    `h2`, `quic` and `qmux` (experimental) are understood and not started."""
    bind.values["proto"] = forced(words, Kind.BIND)


@bind_option("accept-netscaler-cip", usage="<magic>")
def accept_netscaler_cip(words: Words, bind: BindLine) -> None:
    """Every connection must start with a NetScaler client IP header with this magic number, in front of a PROXY header
    if both are asked for; its addresses replace those of the socket. A connection without one, or with a malformed one,
    is closed. Source: Citrix CTX205670."""
    value = _atoi(words, "accept-netscaler-cip", "missing value") % 2**32
    if value == 0:
        words.fail(f"'accept-netscaler-cip' : invalid value {value}, must be >= 0")
    bind.values["accept-netscaler-cip"] = value


@bind_option("cc", usage="<algorithm>")
def congestion(words: Words, bind: BindLine) -> None:
    """TCP congestion control of the connections of this line (TCP_CONGESTION); what the kernel lacks is a warning."""
    bind.values["cc"] = words.next("'cc' : missing value")


@bind_option("tcp-md5sig", usage="<password>")
def tcp_md5sig(words: Words, bind: BindLine) -> None:
    """Every segment of the connections of this line is signed with this password, and none is taken without (RFC 2385,
    Linux). Where the kernel cannot do that, the start fails. At most 80 bytes count."""
    bind.values["tcp-md5sig"] = words.next("'tcp-md5sig' : missing password")


@bind_option("tcp-ss", usage="0|1|2")
def tcp_ss(words: Words, bind: BindLine) -> None:
    """Whether the kernel keeps the SYN packet that each connection began with (TCP_SAVE_SYN): 0 no, 1 its IP and TCP
    headers, 2 the Ethernet header too. What the kernel refuses is a warning."""
    value = _atoi(words, "tcp-ss", "missing value")
    if not 0 <= value <= 2:
        words.fail(f"'tcp-ss' : invalid value {value}, must be 0, 1 or 2")
    bind.values["tcp-ss"] = value


@bind_option("guid-prefix", usage="<text>", status=Status.HARMLESS)
def guid_prefix(words: Words, bind: BindLine) -> None:
    """Prefix of the sockets' global ids in statistics files. Kept."""
    prefix = words.next("'guid-prefix' : expects an argument")
    if wrong := guids.mistake(prefix):
        words.fail(f"'guid-prefix' : {wrong}.")
    bind.values["guid-prefix"] = prefix


@bind_option("nbconn", usage="<number>", status=Status.UNSAFE)
def nbconn(words: Words, bind: BindLine) -> None:
    """Connections opened in advance by a reverse-HTTP listener (rhttp@). Parsed only."""
    value = _atoi(words, "nbconn", "missing value")
    if value < 1:
        words.fail(f"'nbconn' : invalid value {value}, must be > 0")
    bind.values["nbconn"] = value


@bind_option("idle-ping", usage="<time>", status=Status.HARMLESS)
def idle_ping(words: Words, bind: BindLine) -> None:
    """Interval of pings on idle HTTP/2 connections. Kept for when these exist."""
    text = words.next("'idle-ping' : missing value")
    try:
        bind.values["idle-ping"] = parse_time(text, "ms")
    except ValueError:
        words.fail(f"'idle-ping' : unexpected character in '{text}'")


def bind_text(bind: BindLine) -> str:
    """The address word of a bind line as it was written."""
    return str(bind.values.get("text") or ",".join(address.text for address in bind.addresses))


def _atoi(words: Words, name: str, missing: str) -> int:
    """A number as HAProxy's bind words read it: leading digits, 0 when there are none, with a notice of ours."""
    text = words.next(f"'{name}' : {missing}")
    value = parse_integer(text)
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        words.line.notice(f"'{name}' : '{text}' is not a whole number and counts as {value}.")
    return value
