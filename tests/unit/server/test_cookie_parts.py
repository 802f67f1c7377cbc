"""What persistence cookies are made of: dates, computed values, cuts; and which responses a cache may keep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.http.cacheability import judge
from pylb.http.message import field
from pylb.server.places import locate
from pylb.server.visits import decode, encode
from tests.unit.server.backends import backend_of

DYNAMIC = "cookie S insert dynamic\ndynamic-cookie-key abc\n"


@given(st.integers(0, (1 << 32) - 1))
def test_dates_survive_in_units_of_four_seconds(seconds: int) -> None:
    assert decode(encode(seconds)) == seconds & ~3
    assert len(encode(seconds)) == 5


@pytest.mark.parametrize("text", [b"", b"abcd", b"!!!!!", b"abc d", b"\xff" * 5])
def test_what_is_no_date_is_none(text: bytes) -> None:
    assert decode(text) == 0


@pytest.mark.parametrize(
    ("address", "value"), [("127.0.0.1:18132", b"b7b6804012015736"), ("[::1]:18132", b"dd6439ee872ff412")]
)
def test_dynamic_values_are_haproxys(address: str, value: bytes) -> None:
    bench = backend_of(f"{DYNAMIC}server s1 {address}\nserver s2 {address} cookie own", http=True)
    backend = bench.backend("b")
    servers = backend.servers
    assert [server.cookie for server in servers] == [value, b"own"]
    assert backend.persistence.values[value] == [servers[0]]


def test_dynamic_values_follow_the_address() -> None:
    bench = backend_of(f"{DYNAMIC}server s1 127.0.0.1:1\nserver s2 127.0.0.1:1 cookie own", http=True)
    backend = bench.backend("b")
    assert backend is not None
    moved, own = backend.servers
    for server in backend.servers:
        locate(server, bytes([127, 0, 0, 1]), port=18132)
    assert (moved.cookie, own.cookie) == (b"b7b6804012015736", b"own")
    assert backend.persistence.values == {moved.cookie: [moved], b"own": [own]}


def test_a_server_that_leaves_is_forgotten_and_its_cookie_goes_to_the_next() -> None:
    bench = backend_of("cookie S\nserver s1 127.0.0.1:1 cookie a\nserver s2 127.0.0.1:2 cookie a", http=True)
    backend = bench.backend("b")
    persistence = backend.persistence
    first, second = backend.servers
    persistence.forget(first)
    assert persistence.values == {b"a": [second]}
    persistence.forget(second)
    assert persistence.values == {}
    persistence.learn(first)
    assert persistence.values == {b"a": [first]}


KEPT = (True, True)
NOT = (False, False)


@pytest.mark.parametrize(
    ("method", "status", "lines", "expected"),
    [
        (b"GET", 200, [], NOT),  # neither a lifetime nor a validator
        (b"GET", 200, ["etag: x"], KEPT),
        (b"GET", 200, ["last-modified: x"], KEPT),
        (b"GET", 200, ["expires: x"], KEPT),
        (b"HEAD", 404, ["cache-control: max-age=10"], KEPT),
        (b"GET", 200, ["cache-control: s-maxage=10"], KEPT),
        (b"GET", 200, ["cache-control: max-age=0"], NOT),
        (b"GET", 200, ["cache-control: public"], NOT),
        (b"GET", 200, ["cache-control: Private, max-age=10"], NOT),
        (b"GET", 200, ["cache-control: no-store", "etag: x"], NOT),
        (b"GET", 200, ['cache-control: no-cache="set-cookie", max-age=10'], (True, False)),
        (b"GET", 200, ["pragma: no-cache", "etag: x"], NOT),
        (b"GET", 200, ["pragma: no-cache", "cache-control: max-age=1"], NOT),
        (b"POST", 200, ["etag: x"], NOT),
        (b"GET", 302, ["etag: x"], NOT),
    ],
)
def test_which_responses_may_be_kept(method: bytes, status: int, lines: list[str], expected: tuple[bool, bool]) -> None:
    fields = [field(*line.encode().split(b": ", 1)) for line in lines]
    assert judge(method, status, fields) == expected
