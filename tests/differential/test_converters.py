"""Expressions beside the real HAProxy: the same value for the same request, and the same complaint about the same text.

HAProxy evaluates while it serves a request; our closures are run on a stream with the same head. Values travel in
hexadecimal, so that any byte and the difference between "empty" and "nothing" can be seen. Known differences, all of
them mistakes of HAProxy 2.6, are not generated: the sum of two negative numbers (gives 2^63-1), ub64dec with padding,
fractions in http_date, dates before 1970, `\\u` escapes above 127 in json_query, arithmetic whose result keeps the type
of a boolean input, and maps of several kinds over one file (a cached answer of one kind is taken for another's).
"""

from __future__ import annotations

import base64
import contextlib
import random
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from pylb.errors import ConfigError
from pylb.records.stream import Stream
from pylb.sample import expression
from pylb.sample.values import Absent, Typed
from tests.harness import RawClient, check, requires
from tests.harness.programs import running
from tests.unit.sample.scene import Scene, stream

pytestmark = requires("haproxy")

BASE = "defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n"
SETUP = (
    ("txn.s", "str(some)", Typed("str", b"some")),
    ("txn.n", "int(7)", Typed("int", 7)),
    ("txn.z", "int(0)", Typed("int", 0)),
    ("txn.e", "str()", Typed("str", b"")),
    ("txn.ip", "ipv4(1.2.3.4)", Typed("ipv4", b"\1\2\3\4")),
    ("txn.b", "bool(1)", Typed("bool", True)),
)
PART = 50  # expressions per configuration


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def asked(rules: list[str], count: int, fields: dict[str, bytes]) -> list[bytes]:
    """The bodies that HAProxy answers to the requests number 0 to count - 1; `rules` tell them apart by X-N."""
    setup = "".join(f" http-request set-var({name}) {text}\n" for name, text, _ in SETUP)
    config = BASE + "frontend f\n bind 127.0.0.1:$(front)\n" + setup + "".join(f" {rule}\n" for rule in rules)
    head = b"".join(b"%s: %s\r\n" % (name.encode(), value) for name, value in fields.items())
    bodies = []
    with contextlib.ExitStack() as stack:
        program = stack.enter_context(running("haproxy", config))
        client = stack.enter_context(RawClient(program.port("front")))
        for number in range(count):
            client.send(b"GET /p/a/t?x=1 HTTP/1.1\r\nHost: h.example.com\r\nX-N: %d\r\n%s\r\n" % (number, head))
            bodies.append(client.read_reply().body)
    return bodies


def theirs(expressions: list[str], fields: dict[str, bytes]) -> list[bytes | None]:
    found: list[bytes | None] = []
    for at in range(0, len(expressions), PART):
        part = expressions[at : at + PART]
        rules = []
        for number, text in enumerate(part):
            rules += [
                f"acl n{number} req.hdr(x-n) {number}",
                f"http-request set-var(txn.out) {quoted(text)} if n{number}",
            ]
        answer = "http-request return status 200 content-type text/plain"
        rules += [f"{answer} string NONE unless {{ var(txn.out) -m found }}", f"{answer} lf-string %[var(txn.out),hex]"]
        for body in asked(rules, len(part), fields):
            found.append(None if body == b"NONE" else bytes.fromhex(body.decode()))
    return found


def request(fields: dict[str, bytes]) -> Stream:
    made = stream(
        b"/p/a/t?x=1",
        (b"host", b"h.example.com"),
        *[(name.lower().encode(), value) for name, value in fields.items()],
    )
    made.request.host = b"h.example.com"
    made.variables = {name: value for name, _, value in SETUP}
    return made


def ours(expressions: list[str], fields: dict[str, bytes]) -> list[bytes | None]:
    scene = Scene()
    found: list[bytes | None] = []
    for text in expressions:
        value = expression.parse(scene.words(text), scene.site).compile_as("bin")(request(fields))
        found.append(None if isinstance(value, Absent) else value)
    return found


def compare(expressions: Iterable[str], fields: dict[str, bytes] | None = None) -> None:
    listed = list(dict.fromkeys(expressions))
    sent = fields or {}
    different = [
        f"{text}: theirs {real!r}, ours {made!r}"
        for text, real, made in zip(listed, theirs(listed, sent), ours(listed, sent), strict=True)
        if real != made
    ]
    assert not different, "\n".join(different)


NUMBERS = ("0", "1", "-1", "5", "-7", "9223372036854775807", "-9223372036854775808", "9223372036854775806")


def test_arithmetic() -> None:
    listed = [
        f"int({a}),{name}({b})"
        for a in NUMBERS
        for name in ("add", "sub", "mul", "div", "mod", "and", "or", "xor")
        for b in ("0", "1", "3", "-3", "9223372036854775807", "-9223372036854775808")
        if not (name == "add" and a[0] == b[0] == "-") and not (name == "sub" and a[0] == "-" and b[0] != "-")
    ]
    listed += [f"int({a}),{name}" for a in NUMBERS for name in ("neg", "cpl", "bool", "not", "odd", "even", "htonl")]
    listed += [f"int(9),{name}({v})" for name in ("add", "div", "mod") for v in ("txn.n", "txn.z", "txn.s", "txn.no")]
    compare(listed)


def test_parts_of_text() -> None:
    samples = ("f1_f2_f3__f5", "_", "__a__", "a", "/f1/f2", "a.b_c")
    counts = ("", ",0", ",1", ",2", ",9", ",-1")
    listed = [
        f"str({text}),{name}({index},{delimiters}{count})"
        for text in samples
        for name in ("field", "word")
        for index in (1, 2, 5, -1, -2, -6)
        for delimiters in ("_", "._")
        for count in counts
    ]
    listed += [f"str(abcdef),bytes({a})" for a in ("0", "1", "6", "7", "1,2", "0,99", "6,1")]
    listed += [
        f"str({t}),{name}({c})" for t in ("xxabx", "aaa", "") for name in ("ltrim", "rtrim") for c in ("x", "ab")
    ]
    compare(random.Random(1).sample(listed, 250))


def test_casts() -> None:
    texts = (
        "12abc",
        " 12",
        "-12",
        "+12",
        "x",
        "",
        "99999999999999999999",
        "-99999999999999999999",
        "0x10",
        "--1",
        "010",
    )
    addresses = (
        "1.2.3.4x",
        " 1.2.3.4",
        "1.2.3.4.5",
        "01.2.3.4",
        "1.2.3.256",
        "1.2.3.4/8",
        "::1",
        "::ffff:1.2.3.4",
        "1..2.3",
    )
    listed = [f"str({text}),{name}" for text in texts for name in ("add(0)", "bool", "not")]
    listed += [f"str({text}),ipmask(24,64)" for text in addresses]
    listed += ["int(5),hex", "bool(1),hex", "src,hex", "src,add(0)", "src,length", "method,hex"]
    listed += [
        "ipv6(::1),lower",
        "int(16909060),ipmask(32)",
        "int(-1),ipmask(32)",
        "bin(410042),lower",
        "bin(6100),length",
    ]
    listed += [f"var(txn.{v}),{c}" for v in ("s", "n", "ip", "e", "no") for c in ("lower", "hex", "length", "add(1)")]
    compare(listed)


def test_encodings_of_any_bytes() -> None:
    chance = random.Random(2)
    plain = [
        "hex",
        "base64",
        "ub64enc",
        "url_enc",
        "json",
        "lower",
        "upper",
        "length",
        "cut_crlf",
        "hex2i",
        "json(utf8s)",
    ]
    plain += [
        "json(utf8ps)",
        "json(utf8)",
        "be2dec(:,2)",
        "be2hex(-,3,1)",
        "sha1",
        "sha2(384)",
        "digest(md5)",
        "url_dec",
    ]
    plain += ["djb2", "djb2(1)", "sdbm", "wt6", "crc32(1)", "crc32c", "xxh32(9)", "xxh64", "b64dec", "url_dec(1)"]
    for _ in range(6):
        size = chance.choice((1, 2, 3, 7, 16, 40, 120))
        alphabet = chance.choice(
            (bytes(range(256)), b"ab%20+?\xc3\xa9&=", b"0123456789abcdefABCDEF", b'{}[]":,\\/"\x01')
        )
        data = bytes(chance.choices(alphabet, k=size))
        compare([f"req.hdr(x-b),b64dec,{name}" for name in plain], {"X-B": base64.b64encode(data)})


def test_random_chains() -> None:
    chance = random.Random(3)
    steps = ["lower", "upper", "hex", "base64", "b64dec", "length", "crc32", "djb2(1)", "field(1,a)", "word(2,bc)"]
    steps += [
        "bytes(1,3)",
        "url_enc",
        "ltrim(a0)",
        "rtrim(9F)",
        "concat(-,txn.s,+)",
        "regsub([a-c],x,g)",
        "not",
        "even",
    ]
    steps += [
        "div(3)",
        "mul(-2)",
        "mod(5)",
        "xor(255)",
        "strcmp(txn.s)",
        "iif(yes,no)",
        "set-var(txn.q)",
        "add_item(',',txn.n)",
    ]
    starts = [
        "req.hdr(x-t)",
        "req.hdr(x-t,1)",
        "req.fhdr(x-t)",
        "path",
        "url",
        "query",
        "int(77)",
        "src",
        "method",
        "base",
    ]
    listed = []
    scene = Scene()
    while len(listed) < 200:
        text = ",".join([chance.choice(starts), *chance.choices(steps, k=chance.randrange(1, 6))])
        with contextlib.suppress(ConfigError):
            scene.parse(text)
            listed.append(text)
    compare(listed, {"X-T": b'abc, 9"a,b"c ,caBBage'})


def test_patterns_in_substitutions() -> None:
    values = ("abcabc", "aXbX", "/////a///b", "foo12bar")
    changes = ["a,X", "a,X,g", "'x*',-,g", "'(b)(c)','\\2\\1',g", "'[[:alpha:]]+',W,g", "X,y,gi", "'^','>'", "'$','<'"]
    changes += [
        "'\\d+','<\\0>'",
        "'(a)|(z)','[\\1|\\2]',g",
        "'a','\\\\',g",
        "'a','\\x41'",
        "'\\Qa\\E','q'",
        "'b\\K.','k',g",
    ]
    changes += ["'(?i)A','i',g", "'[^a-c]','',g", "'(?<n>b)','<\\1>'", "'b(?=c)','!',g", "'c?','-',g", "'a++b','p'"]
    changes += ["'\\h','x',g", "'\\w{2}','2',g", "'a{,2}','q'", "'[[:^digit:]]','_',g", "'\\Bb',_", "'b\\z',_"]
    compare(f"str({value}),regsub({change})" for value in values for change in changes)


def test_json_and_languages() -> None:
    text = '{"a":1,"b":"x","c":{"d":[1,"two",{"e":2.5}]},"t":true,"n":null,"big":12345678901234567890,'
    text += '"k.k":"dot","neg":-5}'
    paths = (
        "$.a",
        "$.b",
        "$.c",
        "$.c.d[0]",
        "$.c.d[1]",
        "$.c.d[2].e",
        "$.c.d[9]",
        "$.t",
        "$.n",
        "$.big",
        "$.k\\.k",
        "$.nope",
    )
    listed = [f"str('{text}'),json_query('{path}')" for path in paths]
    listed += [
        f"str('{text}'),json_query('{path}','int')" for path in ("$.a", "$.b", "$.t", "$.c.d[2].e", "$.big", "$.neg")
    ]
    listed += [
        f"str('{bad}'),json_query('$.a')" for bad in ("nojson", '{"a":1', '{"a":1} x', '{"a":"b","a":"c"}', '{"A":1}')
    ]
    headers = (
        "fr,en;q=0.5",
        "en-us,fr",
        "*",
        "fr;q=0",
        "es;q=0.3, fr;q=0.3",
        "fr;q=abc",
        "fr;level=1;q=0.2,en;q=0.1",
        "FR",
    )
    listed += [f'str("{h}"),language({w})' for h in headers for w in ("fr;en", "fr;en,xx", "en-us;de", "es;fr")]
    compare(listed)


def test_maps(tmp_path: Path) -> None:
    files = {
        "text": b"# c\n  a  1\n\nb\t two words  \t\n #c 3\nkeyonly\ndup first\ndup second\n/p longish\n/p/q longer\n",
        "parts": b"img 1\n/a/b 2\n.example. 3\nb 4\n",
        "int": b"1 one\n5:9 mid\n7 seven\n100: big\n:0 neg\n",
        "ip": b"10.0.0.0/8 ten\n10.1.0.0/16 tenone\n10.1.2.3 host\n::1 six\n2001:db8::/32 doc\n"
        b"192.168.0.0/255.255.0.255 odd\n",
        "reg": b"^/a/(.*)$ first-\\1\n^/z(q)?(w) [\\1][\\2][\\3]\n",
        "number": b"a 12\nc -5\n",
    }
    # One file per kind of map: HAProxy 2.6 caches what one kind found in a file and believes it for another kind.
    for name, data in files.items():
        for kind in ("", "_beg", "_end", "_sub", "_reg", "_dir", "_dom"):
            (tmp_path / f"{name}{kind}").write_bytes(data)
    keys = (
        "a",
        "b",
        "#c",
        "keyonly",
        "dup",
        "dupx",
        "/p/q/r",
        "/pq",
        "zz",
        "/img/x",
        "/a/b/c",
        "www.example.com",
        "xb",
        "/zw",
    )
    listed = [
        f"str({key}),map{kind}({tmp_path}/text{kind},none)"
        for key in keys
        for kind in ("", "_beg", "_end", "_sub", "_reg")
    ]
    listed += [
        f"str({key}),map_{kind}({tmp_path}/parts_{kind})"
        for key in keys
        for kind in ("dir", "dom", "end", "sub", "beg")
    ]
    listed += [f"int({n}),map_int({tmp_path}/int)" for n in (1, 5, 7, 9, 10, 100, 1000, 0, -5)]
    addresses = (
        "10.2.3.4",
        "10.1.9.9",
        "10.1.2.3",
        "::1",
        "2001:db8::5",
        "::ffff:10.2.0.0",
        "2002:a01:203::",
        "::10.5.5.5",
    )
    listed += [f"str({a}),map_ip({tmp_path}/ip)" for a in (*addresses, "192.168.77.0", "192.168.77.1", "x")]
    listed += [f"str({key}),map_regm({tmp_path}/reg)" for key in ("/a/b", "/zw", "/zqw", "/none")]
    listed += [f"str({key}),map_str_int({tmp_path}/number,7)" for key in "acz"]
    compare(listed)


CONDITIONS = """
TRUE
FALSE or
! TRUE
!! TRUE
TRUE ! or FALSE
!TRUE or !FALSE
{ int(5) gt 4 7 }
{ int(5) le 5 }
{ int(5) ge 4 le 2 }
{ int(5) 1:4 5 }
{ int(5) :4 }
{ int(-5) lt 0 }
{ int(-5) -- -5 }
{ str(12abc) -m int 12 }
{ str() -m int 0 }
{ str() -m found }
{ hdr(nope) -m found }
!{ hdr(nope) a }
{ str(abc) -m len 3 }
{ int(1234) -m beg 12 }
{ src -m str 127.0.0.1 }
{ str(aBc) -i ABC }
{ str(abc) -m bin 616263 }
{ str(/a/b/) -m dir a/b }
{ str(//) -m dir / }
{ str(abc) -m dom / }
{ str(a:b) -m dom b }
{ src 127.1 }
{ src 127.1/8 }
{ src 127.0.0.1/255.0.0.255 }
{ src ::/0 }
{ src ::ffff:0:0/96 }
{ bin(610062) -m str a }
{ bin(610062) -m sub b }
{ bin(610062) -m len 1 }
{ bin(610062) -m bin 610062 }
{ always_true foo }
{ bool(1) -m int 1 }
{ str(zz) -m ip 0.0.0.0/0 }
{ int(16909060) -m ip 1.2.3.4 }
{ str(-i) x -i }
{ path_beg /P }
{ path_beg -i /P }
{ hdr(x-l) b }
{ hdr(x-l) a,b }
{ hdr(x-l) c }
{ hdr(x-l,1) b }
{ hdr(x-l,-1) c }
{ req.fhdr(x-l) 'a, b' }
{ hdr_cnt(x-l) 3 }
{ method get }
{ method -i get }
{ method,lower get }
METH_GET
HTTP_1.1
LOCALHOST
HTTP_URL_ABS
{ hdr_dom(host) example.com }
{ hdr_dom(host) ample }
{ path_dir a }
{ path_sub /a/ }
{ path_end t }
{ url_end t }
{ path_len 6 }
{ urlp(x) 1 }
{ url_param(x) -m found }
{ base_beg h.e }
{ hdr_beg(host) -i H. }
{ path_reg ^/p/[a-z]/ }
{ path -m reg -i T$ }
"""


def test_conditions() -> None:
    listed = CONDITIONS.strip().splitlines()
    rules = []
    for number, text in enumerate(listed):
        rules.append(f"acl n{number} req.hdr(x-n) {number}")
        rules.append(f"http-request set-var(txn.out) str(yes) if {text}")
        rules.append(f"http-request return status 200 content-type text/plain lf-string <%[var(txn.out)]> if n{number}")
        rules.append("http-request unset-var(txn.out)")
    fields = {"X-L": b"a, b", "x-l": b"c"}
    answers = asked(rules, len(listed), fields)
    scene = Scene()
    context = request(fields)
    wrong = []
    for text, answer in zip(listed, answers, strict=True):
        words = [word.strip("'") for word in re.findall(r"'[^']*'|\S+", text)]
        made = scene.condition("if", *words).compile()(context)
        if made is not (answer == b"<yes>"):
            wrong.append(f"{text}: theirs {answer!r}, ours {made}")
    assert not wrong, "\n".join(wrong)


WRONG = (
    """
nosuch|hdr(host|hdr(host)x|hdr(host,a)|hdr(host,1,2)|src(a)|int|int()|int(0x10)|bool(x)|bin(x)|ipv4(x)|ipv6(x)|var(foo)|var(txn.a-b)
,lower|str(a),nosuch|str(a),lower(a)|str(a),lower(|str(a),field|str(a),field()|str(a),field(1)|str(a),field(a,b)|str(a),field(1,b)x
str(a),field(0,_)|str(a),field(1,b,2,3)|bool(1),ipmask(24)|src,ipmask(33)|src,ipmask(x)|src,ipmask(24,129)|bin(61),add(1)|str(a),add(x)
str(a),regsub(a,x,z)|str(a),map(/nonexistent)|str(a),map|str(a),json(foo)|str(a),bytes(1,2,3)|str(a),sha2(1)|str(a),digest(foo)
str(a),djb2(x)|method,add(1)|str(a),http_date(1,x)|str(a),iif(a)|str(a),iif|str(a),json_query($.a,x)|str(a),strcmp(x)
str(a),concat(a,b,c)|str(a),url_enc(x)|str(a),word(1,'')|bin(00),be2dec(:,9)|str(a),set-var(txn.q,foo)|str(a),add_item(',')
""".strip()
    .replace("\n", "|")
    .split("|")
)


@pytest.mark.parametrize("text", WRONG)
def test_complaints(text: str) -> None:
    config = f"{BASE}frontend f\n bind 127.0.0.1:1\n http-request set-var(txn.x) {quoted(text)}\n"
    printed = check("haproxy", config).output
    found = re.search(r" while parsing '[^']*' rule : (.*)", printed)
    assert found is not None, printed
    with pytest.raises(ConfigError) as caught:
        Scene().parse(text)
    assert caught.value.message.rstrip(".") == found[1].rstrip(".")
