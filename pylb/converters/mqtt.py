"""MQTT: whether a connection begins soundly, and what its first packet says (manual 7.3.1 "mqtt_field_value").

Only the first packet of either side is understood, CONNECT and CONNACK of MQTT 3.1, 3.1.1 and 5.0. Sources: OASIS MQTT
3.1.1 and 5.0, chapters 2.1, 2.2.2, 3.1 and 3.2; what neither HAProxy nor the field names need is not checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pylb.registry import converter
from pylb.sample.values import MISS, Absent

Step = Callable[[bytes, Any], Any]
Fields = dict[str, bytes]  # field names, and numbers of properties as text; numbers are written in decimal

_CONNECT: Final = 1
_CONNACK: Final = 2
_TYPES: Final = (
    "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe", "suback", "unsubscribe",
    "unsuback", "pingreq", "pingresp", "disconnect", "auth",
)  # fmt: skip

# Sizes of properties: bytes of an integer, 0 for a string or binary data, and a pair of strings (MQTT 5.0, 2.2.2.2).
_PAIR: Final = -1
_FLAG: Final = -2  # an integer of one byte, 0 or 1
_CONNECT_PROPERTIES: Final = {17: 4, 21: 0, 22: 0, 23: _FLAG, 25: _FLAG, 33: 2, 34: 2, 38: _PAIR, 39: 4}
_WILL_PROPERTIES: Final = {1: _FLAG, 2: 4, 3: 0, 8: 0, 9: 0, 24: 4, 38: _PAIR}
_CONNACK_PROPERTIES: Final = {
    17: 4, 18: 0, 19: 2, 21: 0, 22: 0, 26: 0, 28: 0, 31: 0, 33: 2, 34: 2, 36: _FLAG, 37: _FLAG, 38: _PAIR, 39: 4,
    40: _FLAG, 41: _FLAG, 42: _FLAG,
}  # fmt: skip
_NOT_ZERO: Final = (33, 39)  # Receive Maximum, Maximum Packet Size

_NAMES: Final = {
    _CONNECT: (
        "flags", "protocol_name", "protocol_version", "client_identifier", "will_topic", "will_payload", "username",
        "password", "keepalive",
    ),
    _CONNACK: ("flags", "protocol_version", "reason_code"),
}  # fmt: skip
_PROPERTIES: Final = {_CONNECT: {**_CONNECT_PROPERTIES, **_WILL_PROPERTIES}, _CONNACK: _CONNACK_PROPERTIES}


class _Malformed(Exception):
    """The packet breaks its grammar."""


class _Cursor:
    """Takes values from the front of a packet's bytes."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end

    def take(self, size: int) -> bytes:
        start, self.at = self.at, self.at + size
        if self.at > self.end:
            raise _Malformed
        return self.data[start : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def text(self) -> bytes:
        return self.take(self.number(2))

    def properties(self, known: dict[int, int], fields: Fields) -> None:
        """Reads a block of properties. Integers that are not there count as 0, as HAProxy prints them."""
        for name, size in known.items():
            if size not in (0, _PAIR):
                fields[str(name)] = b"0"
        found = _length(self.data, self.at, self.end)
        if found is None:
            raise _Malformed
        length, self.at = found
        inner = _Cursor(self.data, self.at, self.at + length)
        self.take(length)
        seen = set()
        while inner.at < inner.end:
            name = inner.number(1)
            kind = known.get(name)
            if kind is None or name in seen:
                raise _Malformed
            if kind == _PAIR:  # user properties may be repeated
                inner.text()
                inner.text()
                continue
            seen.add(name)
            fields[str(name)] = inner.text() if kind == 0 else _integer(inner, name, kind)


def _integer(cursor: _Cursor, name: int, kind: int) -> bytes:
    value = cursor.number(1 if kind == _FLAG else kind)
    if (kind == _FLAG and value > 1) or (value == 0 and name in _NOT_ZERO):
        raise _Malformed
    return b"%d" % value


def _length(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    """A variable byte integer and where it ends; None when it is longer than four bytes or than the data."""
    value = 0
    for count in range(4):
        if at + count >= end:
            return None
        byte = data[at + count]
        value |= (byte & 127) << 7 * count
        if byte < 128:
            return value, at + count + 1
    return None


def _connect(cursor: _Cursor) -> Fields:
    fields = {"protocol_name": cursor.text()}
    version, flags, keepalive = cursor.number(1), cursor.number(1), cursor.number(2)
    if version not in (3, 4, 5) or flags & 1:
        raise _Malformed
    fields |= {"protocol_version": b"%d" % version, "flags": b"%d" % flags, "keepalive": b"%d" % keepalive}
    if version == 5:
        cursor.properties(_CONNECT_PROPERTIES, fields)
    fields["client_identifier"] = cursor.text()
    if flags & 4:
        if version == 5:
            cursor.properties(_WILL_PROPERTIES, fields)
        fields["will_topic"] = cursor.text()
        fields["will_payload"] = cursor.text()
    if flags & 128:
        fields["username"] = cursor.text()
    if flags & 64:
        fields["password"] = cursor.text()
    return fields


def _connack(cursor: _Cursor) -> Fields:
    version = 4 if cursor.end - cursor.at == 2 else 5  # 5.0 has a length of properties, even when there are none
    flags, reason = cursor.number(1), cursor.number(1)
    if flags > 1:
        raise _Malformed
    fields = {"flags": b"%d" % flags, "protocol_version": b"%d" % version, "reason_code": b"%d" % reason}
    if version == 5:
        cursor.properties(_CONNACK_PROPERTIES, fields)
    return fields


def _packet(data: bytes) -> tuple[int, Fields] | Absent:
    """Type and fields of the first packet; MISS while it is incomplete."""
    if len(data) < 2:
        return MISS
    kind = data[0] >> 4
    size = _length(data, 1, len(data))
    if size is None or data[0] & 15 or kind not in _NAMES:
        raise _Malformed
    end = size[1] + size[0]
    if len(data) < end:
        return MISS
    if kind == _CONNACK and len(data) > end:
        raise _Malformed
    cursor = _Cursor(data, size[1], end)
    fields = _connect(cursor) if kind == _CONNECT else _connack(cursor)
    if cursor.at != end:
        raise _Malformed
    return kind, fields


@converter("mqtt_is_valid", takes="bin", out="bool", pure=True)
def mqtt_is_valid() -> Step:
    """True when the bytes begin with a sound CONNECT packet, or are a sound CONNACK packet; nothing while incomplete.

    MQTT 3.1, 3.1.1 and 5.0: fixed header, flags, lengths, and known properties that are not repeated.
    """

    def check(value: bytes, ctx: Any) -> Any:
        try:
            found = _packet(value)
        except _Malformed:
            return False
        return found if isinstance(found, Absent) else True

    return check


@converter(
    "mqtt_field_value", takes="bin", out="bin", args=("str", "str"), usage="(<packet>,<field or property>)", pure=True
)
def mqtt_field_value(packet: bytes, field: bytes) -> Step:
    """A field of the first packet, which must be sound and of type <packet>: connect (1) or connack (2).

    connect: flags, protocol_name, protocol_version, client_identifier, will_topic, will_payload, username, password,
    keepalive; connack: flags, protocol_version, reason_code; or the number of a property of MQTT 5.0 (of the will, too;
    not user properties). Numbers come as decimal text, 0 for a property that is not there. Names in any case.
    """
    kind = _type_of(packet)
    name = field.decode("utf-8", "surrogateescape").lower()
    properties = _PROPERTIES.get(kind, {})
    known = [*_NAMES.get(kind, ()), *(str(one) for one, size in properties.items() if size != _PAIR)]
    if name not in known:
        raise ValueError(
            f"Unknown MQTT field name '{field.decode('utf-8', 'surrogateescape')}' "
            f"for packet type '{packet.decode('utf-8', 'surrogateescape')}'"
        )

    def read(value: bytes, ctx: Any) -> Any:
        try:
            found = _packet(value)
        except _Malformed:
            return MISS
        if isinstance(found, Absent):
            return found
        return found[1].get(name, MISS) if found[0] == kind else MISS

    return read


def _type_of(packet: bytes) -> int:
    text = packet.decode("utf-8", "surrogateescape")
    if text.lower() in _TYPES:
        return _TYPES.index(text.lower()) + 1
    if text.isascii() and text.isdigit() and 1 <= int(text) <= len(_TYPES):
        return int(text)
    raise ValueError(f"Unknown MQTT type '{text}'")
