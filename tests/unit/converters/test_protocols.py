"""Converters that read foreign protocols, FIX and MQTT, and the contents of texts. Observed on the real program unless
a test says otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.sample.values import MISS, Typed
from tests.unit.sample.scene import Scene, complaint, stream


def converted(data: bytes, text: str) -> object:
    return Scene().value(f"var(txn.d),{text}", stream(variables={"txn.d": Typed("bin", data)}))


def fix(body: bytes, *, version: bytes = b"FIX.4.2", length: bytes = b"", checksum: bytes = b"") -> bytes:
    body = body.replace(b"|", b"\x01")
    head = b"8=%s\x019=%s\x01" % (version, length or b"%d" % len(body))
    return head + body + b"10=" + (checksum or b"%03d" % (sum(head + body) % 256)) + b"\x01"


ORDER = b"35=D|49=BUYER|56=SELLER|55=XYZ|"


@pytest.mark.parametrize(
    ("message", "result"),
    [
        (fix(ORDER), True),
        (fix(ORDER) + b"8=", True),
        (fix(ORDER, version=b"FIXT.1.1"), True),
        (fix(b"35=0|"), True),
        (fix(ORDER, version=b"FIX.4.5"), False),
        (fix(ORDER, length=b"30"), False),
        (fix(ORDER, length=b"3x"), False),
        (fix(ORDER, checksum=b"000"), False),
        (fix(ORDER, checksum=b"7"), False),
        (fix(ORDER, checksum=b"0007"), False),
        (fix(b"49=BUYER|35=D|"), False),
        (fix(b"35=D|49|"), False),
        (fix(b"35=D|=1|"), False),
        (fix(b"35=D|4a=1|"), False),
        (fix(b"35=D|0=1|"), False),
        (fix(b"35=D|49=|"), False),  # as the manual says; 2.6 lets it pass
        (fix(b"35=D|10=001|49=X|"), False),
        (fix(ORDER)[:-1], MISS),
        (fix(ORDER)[:12], MISS),
        (b"8", MISS),
        (b"", MISS),
    ],
)
def test_a_fix_message_is_checked_from_its_version_to_its_checksum(message: bytes, result: object) -> None:
    assert converted(message, "fix_is_valid") is result


def test_fields_of_a_fix_message_have_numbers_and_some_have_names() -> None:
    message = fix(b"35=D|49=BUYER|56=A=B|49=second|") + b"55=behind\x01"
    names = ("BeginString", "msgtype", "SenderCompID", "TargetCompID", "BodyLength", "49", "049")
    found = [converted(message, f"fix_tag_value({name})") for name in names]
    assert found == [b"FIX.4.2", b"D", b"BUYER", b"A=B", b"31", b"BUYER", b"BUYER"]
    assert converted(message, "fix_tag_value(CheckSum)") == message[message.index(b"\x0110=") + 4 :][:3]
    assert converted(message, "fix_tag_value(55)") is MISS
    assert converted(message[:30], "fix_tag_value(56)") is MISS


@pytest.mark.parametrize("tag", ["", "0", "-1", "8x", "Nothing"])
def test_unknown_fix_tags_are_refused(tag: str) -> None:
    assert f"Unknown FIX tag name '{tag}'" in complaint(Scene().parse, f"str(),fix_tag_value({tag})")


def text(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def packet(kind: int, body: bytes, flags: int = 0) -> bytes:
    assert len(body) < 128
    return bytes((kind << 4 | flags, len(body))) + body


def connect(payload: bytes = text(b"id"), *, level: int = 4, flags: int = 2, properties: bytes = b"") -> bytes:
    block = bytes((len(properties),)) + properties if level == 5 else b""
    return packet(1, text(b"MQTT") + bytes((level, flags, 0, 60)) + block + payload)


WILL = text(b"id") + b"\x05\x18\x00\x00\x00\x07" + text(b"topic") + text(b"gone")


@pytest.mark.parametrize(
    ("data", "result"),
    [
        (connect(), True),
        (connect() + b"\xc0\x00", True),
        (connect(text(b"")), True),
        (connect(level=5), True),
        (connect(WILL, level=5, flags=6), True),
        (connect(level=5, properties=b"\x26\x00\x01a\x00\x01b" * 2), True),
        (packet(2, b"\x01\x00"), True),
        (packet(2, b"\x00\x87\x00"), True),
        (connect(level=6), False),
        (connect(flags=3), False),
        (connect(text(b"id") + b"!"), False),
        (connect(b"\x00\x07short"), False),
        (connect(level=5, properties=b"\x21\x00\x14" * 2), False),
        (connect(level=5, properties=b"\x21\x00\x00"), False),
        (connect(level=5, properties=b"\x17\x02"), False),
        (connect(level=5, properties=b"\x24\x01"), False),
        (connect(level=5, properties=b"\x21\x00"), False),
        (packet(1, b"", 1), False),
        (packet(2, b"\x02\x00"), False),
        (packet(2, b"\x00"), False),
        (packet(2, b"\x00\x00") + b"x", False),
        (packet(2, b"\x00\x00", 1), False),
        (b"\xc0\x00", False),
        (b"\x10\xff\xff\xff\xff\x01", False),
        (connect()[:-1], MISS),
        (b"\x10", MISS),
        (b"", MISS),
    ],
)
def test_the_first_packet_of_an_mqtt_connection_is_checked(data: bytes, result: object) -> None:
    assert converted(data, "mqtt_is_valid") is result


def test_fields_and_properties_of_an_mqtt_connect_packet() -> None:
    data = connect(WILL + text(b"me") + text(b"secret"), level=5, flags=0xC6, properties=b"\x11\x00\x00\x00\x78")
    fields = {
        "flags": b"198",
        "protocol_name": b"MQTT",
        "PROTOCOL_VERSION": b"5",
        "client_identifier": b"id",
        "will_topic": b"topic",
        "will_payload": b"gone",
        "username": b"me",
        "password": b"secret",
        "keepalive": b"60",
        "17": b"120",
        "24": b"7",
        "33": b"0",
        "3": MISS,
    }
    assert {name: converted(data, f"mqtt_field_value(connect,{name})") for name in fields} == fields
    assert converted(connect(), "mqtt_field_value(1,17)") is MISS
    assert converted(data, "mqtt_field_value(connack,flags)") is MISS
    assert converted(data[:20], "mqtt_field_value(connect,flags)") is MISS


def test_fields_and_properties_of_an_mqtt_connack_packet() -> None:
    data = packet(2, b"\x01\x00\x08\x12\x00\x02me\x21\x00\x0a")
    fields = {"flags": b"1", "reason_code": b"0", "protocol_version": b"5", "18": b"me", "33": b"10", "39": b"0"}
    assert {name: converted(data, f"mqtt_field_value(2,{name})") for name in fields} == fields
    assert converted(packet(2, b"\x00\x05"), "mqtt_field_value(ConnAck,protocol_version)") == b"4"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("foo,flags", "Unknown MQTT type 'foo'"),
        ("16,flags", "Unknown MQTT type '16'"),
        ("publish,flags", "Unknown MQTT field name 'flags' for packet type 'publish'"),
        ("connect,topic", "Unknown MQTT field name 'topic' for packet type 'connect'"),
        ("connect,18", "Unknown MQTT field name '18' for packet type 'connect'"),
        ("connect,38", "Unknown MQTT field name '38' for packet type 'connect'"),
    ],
)
def test_unknown_mqtt_packets_and_fields_are_refused(arguments: str, problem: str) -> None:
    assert problem in complaint(Scene().parse, f"str(),mqtt_field_value({arguments})")


@given(st.binary(max_size=40), st.sampled_from([b"", b"\x10", connect(level=5)[:14], b"8=FIX.4.2\x019="]))
def test_no_bytes_break_the_readers_of_protocols(data: bytes, start: bytes) -> None:
    for name in ("mqtt_is_valid", "fix_is_valid"):
        assert converted(start + data, name) in (True, False, MISS)


@pytest.mark.parametrize(
    ("data", "mask", "result"),
    [
        (b"plain", "", False),
        (b"a\tb", "", False),
        (b"a\x1fb", "", True),
        (b"a\x7fb", "", True),
        (b"a\tb", "any", True),
        (b"a\x01b", "http", False),
        (b"a\rb", "http", True),
        (b"a\x00", "http", True),
        (b"a\x7fb", "0x100000000", True),
        (b"a\x1fb", "0x100000000", False),
        (b"a\nb", "1024", True),
        (b"a\nb", "0", False),
    ],
)
def test_control_characters_are_found_by_mask(data: bytes, mask: str, result: bool) -> None:
    """After the manual."""
    assert converted(data, f"has_ctl({mask})") is result


def test_masks_of_control_characters_are_numbers_of_33_bits() -> None:
    assert converted(b"\x7f", "has_ctl") is True
    assert "33 bits" in complaint(Scene().parse, "str(),has_ctl(0x200000000)")
    assert "invalid mask 'none'" in complaint(Scene().parse, "str(),has_ctl(none)")


@pytest.mark.parametrize(
    ("data", "arguments", "result"),
    [
        (b"a=1&b=2&a=3", "a", b"1"),
        (b"ab=1&b=2", "b", b"2"),
        (b"a=1&b", "b", b""),
        (b"b=&a", "b", b""),
        (b"a=b", "b", MISS),
        (b"a=1;b=x%20y", "b,;", b"x%20y"),
        (b"a=1\x01b=2", "b,0x01", b"2"),
        (b"a=1&b=2", "b,0x26", b"2"),
        (b"", "b", MISS),
    ],
)
def test_a_parameter_is_the_first_of_its_name(data: bytes, arguments: str, result: object) -> None:
    """After the manual."""
    assert converted(data, f"param({arguments})") == result


def test_a_delimiter_of_parameters_is_one_character() -> None:
    assert "Delimiter must be a single character." in complaint(Scene().parse, "str(),param(a,&&)")
