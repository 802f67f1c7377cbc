"""Converters by example, corners first; the values are those of the real program (tests/differential has many more)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.sample.casts import INT_MAX, INT_MIN, clamp
from pylb.sample.values import MISS, Typed
from tests.unit.sample.scene import Scene, complaint, stream

VARIABLES = {
    "txn.s": Typed("str", b"some"),
    "txn.n": Typed("int", 7),
    "txn.z": Typed("int", 0),
    "txn.m": Typed("int", -1),
}


def value(text: str) -> object:
    return Scene().value(text, stream(variables=dict(VARIABLES)))


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("int(9223372036854775807),add(1)", INT_MAX),
        ("int(-9223372036854775808),sub(1)", INT_MIN),
        ("int(-1),add(-1)", -2),
        ("int(-9223372036854775808),mul(-1)", INT_MAX),
        ("int(-7),div(2)", -3),
        ("int(-7),mod(2)", -1),
        ("int(7),div(0)", INT_MAX),
        ("int(7),div(txn.z)", INT_MAX),
        ("int(7),mod(0)", 0),
        ("int(7),add(txn.n)", 14),
        ("int(7),add(txn.none)", MISS),
        ("int(7),add()", 7),
        ("int(-9223372036854775808),neg", INT_MAX),
        ("int(5),cpl", -6),
        ("int(6),and(3),or(8),xor(1)", 11),
        ("int(0),bool", False),
        ("int(0),not", True),
        ("int(-3),odd", True),
        ("int(-3),even", False),
        ("str(f1_f2_f3__f5),field(5,_)", b"f5"),
        ("str(f1_f2_f3__f5),field(2,_,0)", b"f2_f3__f5"),
        ("str(f1_f2_f3__f5),field(-2,_,3)", b"f2_f3_"),
        ("str(f1_f2_f3__f5),field(6,_)", MISS),
        ("str(a),field(1,_)", b"a"),
        ("str(f1_f2_f3__f5),word(4,_)", b"f5"),
        ("str(f1_f2_f3__f5),word(3,_,2)", b"f3__f5"),
        ("str(f1_f2_f3__f5),word(-2,_,3)", b"f1_f2_f3"),
        ("str(f1_f2_f3__f5),word(9,_)", b""),
        ("str(abcdef),bytes(1,2)", b"bc"),
        ("str(abcdef),bytes(6)", b""),
        ("str(abcdef),bytes(-1)", b""),
        ("str(abcdef),bytes(0,0)", b""),
        ("str(abcdef),bytes(2,)", b"cdef"),
        ("str(a.b.c),field(2,.,)", b"b"),
        ("str(abcdef),bytes(txn.m)", b""),
        ("str(abcdef),bytes(1,txn.m)", b""),
        ("str(abcdef),bytes(1,txn.none)", MISS),
        ("str(mail.Example.com.),reverse_dom", b"com.Example.mail"),
        ("str(localhost),reverse_dom", b"localhost"),
        ("str(a..b),reverse_dom", MISS),
        ("str(.b),reverse_dom", MISS),
        ("str(.),reverse_dom", MISS),
        ("str(abcdef),bytes(txn.z,2)", b"ab"),
        ("str(xxabx),ltrim(x),rtrim(x)", b"ab"),
        ("str(a),concat(b,txn.s,c)", b"absomec"),
        ("str(a),concat(b,txn.none,c)", b"abc"),
        ("str(),add_item(',',txn.s,x)", b"somex"),
        ("str(a),add_item(',',txn.none)", b"a"),
        ("str(som),strcmp(txn.s)", -1),
        ("str(t),strcmp(txn.s)", 1),
        ("str(a),strcmp(txn.none)", MISS),
        ("bool(0),iif(a,b)", b"b"),
        ("str('en;q=0.5,fr'),language(fr;en)", b"fr"),
        ("str('fr;q=0'),language(fr;en,xx)", b"xx"),
        ("str(1F),hex2i", 31),
        ("str(0x1F),hex2i", MISS),
        ("str(YQ==),b64dec", b"a"),
        ("str(YQ=),b64dec", MISS),
        ("str(YQ),ub64dec", b"a"),
        ("str(_-8),ub64dec,ub64enc", b"_-8"),
        ("str('a%20b+c?d+e'),url_dec", b"a b+c?d e"),
        ("str('a+b'),url_dec(1)", b"a b"),
        ("str('%zz'),url_dec", MISS),
        ("str('a b/c~'),url_enc", b"a%20b%2Fc~"),
        ("bin(01020304050607),be2dec(:,2)", b"258:772:1286:7"),
        ("bin(01020304050607),be2hex(--,2,1)", b"0102--0304--0506"),
        ("int(-1),htonl", b"\xff\xff\xff\xff"),
        ("bin(61c328),json(utf8)", MISS),
        ("bin(61c328),json(utf8s)", b"a("),
        ("str('a\"b/'),json", b'a\\"b\\/'),
        ("""str('{"a":{"b":[1,"x"]}}'),json_query('$.a.b[1]')""", b"x"),
        ("""str('{"a":2.5}'),json_query('$.a')""", b"2.5"),
        ("""str('{"a":"12"'),json_query('$.a')""", b"12"),
        ("str(nojson),json_query('$.a')", MISS),
        ("ipv4(1.2.3.4),ipmask(24),lower", b"1.2.3.0"),
        ("ipv6(2001:db8::1:2),ipmask(24)", MISS),
        ("ipv6(2001:db8::1:2),ipmask(24,112),lower", b"2001:db8::1:0"),
        ("ipv6(::ffff:1.2.3.4),ipmask(8),lower", b"1.0.0.0"),
        ("str(Host.Example:80),host_only", b"host.example"),
        ("str([::1]:8080),port_only", 8080),
        ("int(1700000000),http_date", b"Tue, 14 Nov 2023 22:13:20 GMT"),
        ("int(1700000000990),http_date(-10,ms)", b"Tue, 14 Nov 2023 22:13:20.980 GMT"),
        ("int(0),utime(%Y-%m-%d,86400)", b"1970-01-02"),
        ("str(some),secure_memcmp(txn.s)", True),
        ("str(a),set-var(txn.q,ifempty)", MISS),
        ("str(abc),digest(sha256),hex,bytes(0,8)", b"BA7816BF"),
        ("str(abc),hmac(sha256,a2V5),hex,bytes(0,8)", b"9C196E32"),
        ("str(abc),sha1,hex,bytes(0,8)", b"A9993E36"),
        ("str(abc),djb2(1)", 2235766107),
        ("str(abc),xxh64", 4952883123889572249),
        ("str(),xxh64", -1205034819632174695),
    ],
)
def test_converters_yield(text: str, result: object) -> None:
    found = value(text)
    assert (found.value if isinstance(found, Typed) else found) == result


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("str(a),field(0,_)", "invalid args in converter 'field' : Unexpected value 0 for index"),
        (
            "str(a),bytes",
            "invalid arg 1 in converter 'bytes' : expected type 'integer' at position 1, but got nothing",
        ),
        (
            "str(a),bytes(x)",
            "invalid arg 1 in converter 'bytes' : failed to parse 'x' as type 'integer' at position 1",
        ),
        ("bin(00),be2dec(:,2,2)", "invalid args in converter 'be2dec' : Unsupported truncate value (2)"),
        ("bin(00),be2hex(:,2,-1)", "invalid args in converter 'be2hex' : Unsupported truncate value (-1)"),
        ("int(1),http_date(1,)", "invalid args in converter 'http_date' : expects 's', 'ms' or 'us', got ''"),
        ("str(a),ipmask(24,,)", "invalid arg 2 in converter 'ipmask' : expected ')' before ',)'"),
        ("str(a),word(1,'')", "invalid args in converter 'word' : Empty separators list"),
        (
            "str(a),regsub(a,x,z)",
            "invalid args in converter 'regsub' : invalid regex flag 'z', only 'i' and 'g' are supported",
        ),
        ("str(a),strcmp(x)", "invalid args in converter 'strcmp' : failed to register variable name 'x'"),
        ("str(a),sha2(1)", "invalid args in converter 'sha2' : Unsupported number of bits: '1'"),
        ("bin(00),be2dec(:,9)", "invalid args in converter 'be2dec' : chunk_size out of [1..8] range (9)"),
        ("str(a),set-var(txn.q,foo)", "invalid args in converter 'set-var' : unknown condition \"foo\""),
        ("int(1),http_date(1,x)", "invalid args in converter 'http_date' : expects 's', 'ms' or 'us', got 'x'"),
        (
            "str(a),json(foo)",
            "invalid args in converter 'json' : Unexpected input code type. Allowed value are 'ascii', 'utf8', "
            "'utf8s', 'utf8p' and 'utf8ps'",
        ),
    ],
)
def test_complaints_are_those_of_the_real_program(text: str, message: str) -> None:
    assert complaint(Scene().parse, text) == message


def test_set_var_stores_the_type_with_the_value() -> None:
    ctx = stream()
    assert Scene().value("int(5),set-var(txn.q),add(1)", ctx) == 6
    assert ctx.variables == {"txn.q": Typed("int", 5)}
    Scene().value("str(a),unset-var(txn.q)", ctx)
    assert ctx.variables == {}


@given(st.integers(INT_MIN, INT_MAX), st.integers(INT_MIN, INT_MAX), st.sampled_from(["add", "sub", "mul"]))
def test_arithmetic_is_exact_within_64_bits(a: int, b: int, name: str) -> None:
    exact = {"add": a + b, "sub": a - b, "mul": a * b}[name]
    assert value(f"int({a}),{name}({b})") == clamp(exact)


@given(st.integers(INT_MIN, INT_MAX), st.integers(INT_MIN, INT_MAX).filter(bool))
def test_division_and_remainder_belong_together(a: int, b: int) -> None:
    quotient, remainder = value(f"int({a}),div({b})"), value(f"int({a}),mod({b})")
    assert isinstance(quotient, int) and isinstance(remainder, int)
    assert clamp(quotient * b + remainder) == a or quotient == INT_MAX


@given(st.binary(max_size=50))
def test_encodings_come_back(data: bytes) -> None:
    scene = Scene()
    text = f"bin({data.hex()})" if data else "str()"
    assert scene.value(f"{text},base64,b64dec") == data
    assert scene.value(f"{text},ub64enc,ub64dec") == data
    assert scene.value(f"{text},hex") == data.hex().upper().encode()
    plain = data.replace(b"\0", b"")
    if plain:
        assert scene.value(f"bin({plain.hex()}),url_enc,url_dec") == plain
