"""Malformed, ambiguous and merely unusual requests: name -> bytes. Seeds for fuzzing, cases for differential tests.

`STRICTER` names those where pylb refuses what HAProxy 2.6 takes (later releases or the RFC refuse it), `OTHERWISE`
those where it forwards something else than 2.6, with the reason. Everything else is answered and forwarded alike.
"""

from __future__ import annotations

END = b"\r\nHost: a\r\n\r\n"
BODY = b"3\r\nabc\r\n0\r\n\r\n"


def get(*lines: bytes, target: bytes = b"/", method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    head = b"".join(line + b"\r\n" for line in lines)
    return b"%b %b HTTP/%b\r\nHost: a\r\n%b\r\n" % (method, target, version, head)


def post(*lines: bytes, body: bytes = b"abc", version: bytes = b"1.1") -> bytes:
    return get(*lines, method=b"POST", version=version) + body


def length(value: bytes) -> bytes:
    return post(b"Content-Length: " + value)


def coding(value: bytes, body: bytes = BODY) -> bytes:
    return post(b"Transfer-Encoding: " + value, body=body)


def chunked(body: bytes) -> bytes:
    return coding(b"chunked", body)


def host(value: bytes, target: bytes = b"/", method: bytes = b"GET") -> bytes:
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (method, target, value)


UPGRADE = (b"Upgrade: websocket", b"Connection: Upgrade")
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="

REQUEST_LINE = {
    "plain": get(),
    "two spaces before the target": b"GET  / HTTP/1.1" + END,
    "two spaces before the version": b"GET /  HTTP/1.1" + END,
    "tab": b"GET\t/ HTTP/1.1" + END,
    "space before the method": b" GET / HTTP/1.1" + END,
    "space behind the version": b"GET / HTTP/1.1 " + END,
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/0.9 with a bare line feed": b"GET /\n",
    "no version": b"GET /" + END,
    "version 1.0": get(version=b"1.0"),
    "version 1.2": get(version=b"1.2"),
    "version 1.9": get(version=b"1.9"),
    "version 2.0": get(version=b"2.0"),
    "version 0.9": get(version=b"0.9"),
    "version 1.10": get(version=b"1.10"),
    "version 11.1": get(version=b"11.1"),
    "version 1": get(version=b"1"),
    "lower-case protocol": b"GET / http/1.1" + END,
    "other protocol": b"GET / HTTX/1.1" + END,
    "RTSP": b"OPTIONS / RTSP/1.0" + END,
    "lower-case method": b"get / HTTP/1.1" + END,
    "every legal byte in the method": b"!#$%&'*+-.^_`|~ / HTTP/1.1" + END,
    "at sign in the method": b"G@T / HTTP/1.1" + END,
    "control in the method": b"G\x01T / HTTP/1.1" + END,
    "no method": b"/ HTTP/1.1" + END,
    "no target": b"GET HTTP/1.1" + END,
    "leading empty line": b"\r\n" + get(),
    "leading empty lines": b"\r\n\r\n\n\r\n" + get(),
    "leading bare carriage return": b"\r" + get(),
    "garbage": b"\x80\x01\x02abc\r\n\r\n",
    "TLS hello": bytes.fromhex("160301020001000001fc0303") + b"a" * 40,
    "one bad byte": b"\xff",
}

LINE_ENDS = {
    "bare line feeds": b"GET / HTTP/1.1\nHost: a\n\n",
    "mixed line ends": b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "bare line feed in front of the blank line": b"GET / HTTP/1.1\r\nHost: a\n\r\n",
    "bare end, then a request": b"GET /1 HTTP/1.1\nHost: a\n\n" + get(target=b"/2"),
    "carriage return in a value": get(b"X: a\rb"),
    "two carriage returns": get(b"X: a\r"),
    "carriage return in a name": get(b"X\r: a"),
    "folded": get(b"X: a\r\n b"),
    "folded with a tab": get(b"X: a\r\n\tb", b"Y: z"),
    "folded twice": get(b"X: a  \r\n   b\r\n\tc"),
    "folded without a value": get(b"X:\r\n b"),
    "folded with bare line feed": get(b"X: a\n b"),
    "folded and empty": get(b"X: a\r\n "),
    "first field folded": b"GET / HTTP/1.1\r\n Host: a\r\nX: a\r\n\r\n",
    "folded Host": b"GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n",
    "folded Content-Length": post(b"Content-Length:\r\n 3"),
    "folded Transfer-Encoding": coding(b"\r\n chunked"),
}

FIELDS = {
    "space before the colon": get(b"X : a"),
    "tab before the colon": get(b"X\t: a"),
    "space before the name": get(b"Y: 1", b" X: a").replace(b"Y: 1\r\n X", b"Y: 1\r\n\x0bX"),
    "empty name": get(b": a"),
    "no colon": get(b"Xa"),
    "at sign in a name": get(b"X@a: 1"),
    "brackets in a name": get(b"X(a): 1"),
    "eight bits in a name": get(b"X\xe9: 1"),
    "control in a name": get(b"X\x01: 1"),
    "NUL in a name": get(b"X\x00: 1"),
    "underscore in a name": get(b"X_a: 1"),
    "NUL in a value": get(b"X: a\x00b"),
    "control in a value": get(b"X: a\x01b"),
    "vertical tab around a value": get(b"X: \x0ba\x0b"),
    "DEL in a value": get(b"X: a\x7fb"),
    "eight bits in a value": get(b"X: a\xffb"),
    "space and tab around a value": get(b"X: \t a b \t "),
    "empty values": get(b"X:", b"Y: "),
    "upper-case names": get(b"X-ABC: Q"),
    "name of 255 bytes": get(b"X" * 255 + b": a"),
    "name of 256 bytes": get(b"X" * 256 + b": a"),
    "100 fields": get(*[b"X%d: a" % i for i in range(99)]),
    "101 fields": get(*[b"X%d: a" % i for i in range(100)]),
    "102 fields": get(*[b"X%d: a" % i for i in range(101)]),
    "largest head with one field": get(b"X: " + b"a" * 15241),
    "head too big with one field": get(b"X: " + b"a" * 15242),
    "largest target": get(target=b"/" + b"a" * 15250),
    "target too long": get(target=b"/" + b"a" * 15251),
    "largest head with 98 fields": get(*[b"X%02d: a" % i for i in range(97)], b"Y: " + b"a" * 14077),
    "head too big with 98 fields": get(*[b"X%02d: a" % i for i in range(97)], b"Y: " + b"a" * 14078),
    "endless head": b"GET / HTTP/1.1\r\nX: " + b"a" * 20000,
}

HOSTS = {
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "empty Host": host(b""),
    "Host twice": host(b"a\r\nHost: a"),
    "Host twice with a field between": host(b"a\r\nX: 1\r\nHost: A\r\nY: 2"),
    "Host twice in other case": host(b"a\r\nHost: A"),
    "two Hosts": host(b"a\r\nHost: b"),
    "Host list": host(b"a,b"),
    "Host list with space": host(b"a, b"),
    "space in Host": host(b"a b"),
    "userinfo in Host": host(b"u@a"),
    "slash in Host": host(b"a/b"),
    "Host with port": host(b"a:80"),
    "Host with bad port": host(b"a:xx"),
    "Host with empty port": host(b"a:"),
    "IPv6 Host": host(b"[::1]:80"),
}

TARGETS = {
    "absolute": host(b"a", b"http://a/x"),
    "absolute in upper case": host(b"a", b"http://A/x"),
    "absolute with another host": host(b"a", b"http://b/x"),
    "absolute without Host": b"GET http://b/x HTTP/1.1\r\n\r\n",
    "absolute with default port": host(b"a", b"http://a:80/x"),
    "absolute, Host with default port": host(b"a:80", b"http://a/x"),
    "absolute, Host with empty port": host(b"a:", b"http://a/x"),
    "absolute with another port": host(b"a", b"http://a:8080/x"),
    "absolute https with default port": host(b"a", b"https://a:443/x"),
    "absolute https with the port of http": host(b"a", b"https://a:80/x"),
    "absolute with userinfo": host(b"a", b"http://u:p@a/x"),
    "absolute with userinfo in both": host(b"u:p@a", b"http://u:p@a/x"),
    "absolute without path": host(b"a", b"http://a"),
    "absolute with query alone": host(b"a", b"http://a?x=1"),
    "absolute without authority": host(b"a", b"http:///x"),
    "absolute, empty Host": host(b"", b"http://a/x"),
    "absolute with another scheme": host(b"a", b"ftp://a/x"),
    "absolute with a bad scheme": host(b"a", b"1http://a/x"),
    "absolute with one slash": host(b"a", b"http:/a/x"),
    "absolute IPv6": host(b"[::1]", b"http://[::1]:80/"),
    "relative": get(target=b"x"),
    "relative with a slash": get(target=b"a/b"),
    "relative query": get(target=b"?a"),
    "mailto": get(target=b"mailto:a@b"),
    "two slashes": get(target=b"//b/x"),
    "asterisk with GET": get(target=b"*"),
    "asterisk with OPTIONS": get(target=b"*", method=b"OPTIONS"),
    "asterisk and more": get(target=b"*x", method=b"OPTIONS"),
    "fragment": get(target=b"/a#b"),
    "eight bits in the target": get(target=b"/\xe9"),
    "control in the target": get(target=b"/\x01"),
    "NUL in the target": get(target=b"/\x00"),
    "DEL in the target": get(target=b"/\x7f"),
    "tab in the target": get(target=b"/a\tb"),
    "space in the target": get(target=b"/a b"),
    "carriage return in the target": get(target=b"/a\rb"),
    "unwise bytes in the target": get(target=b'/"<>\\^`{|}[]'),
    "bad percent encoding": get(target=b"/%zz%0"),
    "dots": get(target=b"/a/../../b"),
    "CONNECT": host(b"a:443", b"a:443", b"CONNECT"),
    "CONNECT with another host": host(b"b:443", b"a:443", b"CONNECT"),
    "CONNECT, Host without port": host(b"a", b"a:443", b"CONNECT"),
    "CONNECT, Host without special port": host(b"a", b"a:8443", b"CONNECT"),
    "CONNECT without port": host(b"a", b"a", b"CONNECT"),
    "CONNECT with a path": host(b"a", b"/x", b"CONNECT"),
    "CONNECT absolute": host(b"a", b"http://a/", b"CONNECT"),
    "CONNECT with empty port": host(b"a", b"a:", b"CONNECT"),
    "CONNECT with bad port": host(b"a:x", b"a:x", b"CONNECT"),
    "CONNECT without Host": b"CONNECT a:443 HTTP/1.1\r\n\r\n",
}

LENGTHS = {
    "length": length(b"3"),
    "length 03": length(b"03"),
    "length +3": length(b"+3"),
    "length -3": length(b"-3"),
    "empty length": length(b""),
    "length x": length(b"x"),
    "length 0x3": length(b"0x3"),
    "length 0_3": length(b"0_3"),
    "length 3.0": length(b"3.0"),
    "length and space": length(b"3 \t"),
    "length 3 3": length(b"3 3"),
    "length 3,3": length(b"3,3"),
    "length 3, 3": length(b"3, 3"),
    "length 3,4": length(b"3,4"),
    "length 3,": length(b"3,"),
    "length ,3": length(b",3"),
    "length 3,03": length(b"3,03"),
    "length in other digits": length("٣".encode()),
    "length twice": length(b"3\r\nContent-Length: 3"),
    "length twice with a field between": length(b"3\r\nX: 1\r\nContent-Length: 3"),
    "length twice written differently": length(b"3\r\nContent-Length: 03"),
    "two lengths": length(b"3\r\nContent-Length: 4"),
    "length 2^63": length(b"9223372036854775808"),
    "length 2^64+3": length(b"18446744073709551619"),
    "length of 300 digits": length(b"9" * 300),
    "GET with a body": get(b"Content-Length: 3") + b"abc",
    "GET with a body in 1.0": get(b"Content-Length: 3", version=b"1.0") + b"abc",
    "HEAD with a body in 1.0": get(b"Content-Length: 3", version=b"1.0", method=b"HEAD") + b"abc",
    "GET with length 0 in 1.0": get(b"Content-Length: 0", version=b"1.0"),
    "POST in 1.0": post(b"Content-Length: 3", version=b"1.0"),
    "POST without length": post(body=b""),
    "body without length": post(),
    "length too small": length(b"2"),
    "pipelined": length(b"3") + get(target=b"/2"),
    "pipelined behind chunks": chunked(BODY) + get(target=b"/2"),
    "pipelined, the second bad": length(b"3") + get(b"X : 1"),
}

CODINGS = {
    "chunked": chunked(BODY),
    "Chunked": coding(b"Chunked"),
    "GET chunked": get(b"Transfer-Encoding: chunked") + BODY,
    "coding and length": post(b"Transfer-Encoding: chunked", b"Content-Length: 3", body=BODY),
    "length and coding": post(b"Content-Length: 3", b"Transfer-Encoding: chunked", body=BODY),
    "coding and length, then a request": post(b"Transfer-Encoding: chunked", b"Content-Length: 3", body=BODY) + get(),
    "coding and bad length": post(b"Transfer-Encoding: chunked", b"Content-Length: x", body=BODY),
    "coding in 1.0": post(b"Transfer-Encoding: chunked", body=BODY, version=b"1.0"),
    "GET with a coding in 1.0": get(b"Transfer-Encoding: chunked", version=b"1.0") + BODY,
    "chunked twice": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=BODY),
    "chunked, chunked": coding(b"chunked, chunked"),
    "gzip, chunked": coding(b"gzip, chunked"),
    "gzip and chunked": post(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked", body=BODY),
    "chunked, gzip": coding(b"chunked, gzip"),
    "gzip": coding(b"gzip"),
    "identity": coding(b"identity"),
    "identity and length": post(b"Transfer-Encoding: identity", b"Content-Length: 3"),
    "xchunked": coding(b"xchunked"),
    "chunkedx": coding(b"chunkedx"),
    "chunked;a=b": coding(b"chunked;a=b"),
    "empty coding": coding(b""),
    ",chunked": coding(b",chunked"),
    "chunked,": coding(b"chunked,"),
    "vertical tab and chunked": coding(b"\x0bchunked"),
    '"chunked"': coding(b'"chunked"'),
    "coding with space before the colon": post(b"Transfer-Encoding : chunked", body=BODY),
    "coding with an underscore": post(b"Transfer_Encoding: chunked", body=BODY),
}

CHUNKS = {
    "extension": chunked(b"3;a=b\r\nabc\r\n0\r\n\r\n"),
    "quoted extension": chunked(b'3;a="b;c"\r\nabc\r\n0\r\n\r\n'),
    "extension with an open quote": chunked(b'3;a="b\r\nabc\r\n0\r\n\r\n'),
    "extension with controls": chunked(b"3;\x01\x00a\r\nabc\r\n0\r\n\r\n"),
    "extension with carriage return": chunked(b"3;a\rb\r\nabc\r\n0\r\n\r\n"),
    "extension with line feed": chunked(b"3;a\nabc\r\n0\r\n\r\n"),
    "extension of the last chunk": chunked(b"3\r\nabc\r\n0;a=b\r\n\r\n"),
    "endless extension": chunked(b"3;" + b"a" * 4000 + b"\r\nabc\r\n0\r\n\r\n"),
    "space behind the size": chunked(b"3 \r\nabc\r\n0\r\n\r\n"),
    "tab behind the size": chunked(b"3\t\r\nabc\r\n0\r\n\r\n"),
    "space before the size": chunked(b" 3\r\nabc\r\n0\r\n\r\n"),
    "space before an extension": chunked(b"3 ;a\r\nabc\r\n0\r\n\r\n"),
    "size +3": chunked(b"+3\r\nabc\r\n0\r\n\r\n"),
    "size -3": chunked(b"-3\r\nabc\r\n0\r\n\r\n"),
    "size 0x3": chunked(b"0x3\r\nabc\r\n0\r\n\r\n"),
    "size 0_3": chunked(b"0_3\r\nabc\r\n0\r\n\r\n"),
    "size 0003": chunked(b"0003\r\nabc\r\n0\r\n\r\n"),
    "size with twenty zeros": chunked(b"0" * 20 + b"3\r\nabc\r\n0\r\n\r\n"),
    "size too big": chunked(b"ffffffffffffffff3\r\nabc\r\n0\r\n\r\n"),
    "size 2^52": chunked(b"10000000000000\r\nabc\r\n0\r\n\r\n"),
    "size 2^63": chunked(b"8000000000000000\r\nabc\r\n0\r\n\r\n"),
    "empty size": chunked(b"\r\nabc\r\n0\r\n\r\n"),
    "letters as size": chunked(b"A\r\n0123456789\r\n0\r\n\r\n"),
    "bare line feeds in chunks": chunked(b"3\nabc\n0\n\n"),
    "bare line feed behind data": chunked(b"3\r\nabc\n0\r\n\r\n"),
    "bare line feed behind the size": chunked(b"3\nabc\r\n0\r\n\r\n"),
    "carriage return behind the size": chunked(b"3\rabc\r\n0\r\n\r\n"),
    "more data than the size": chunked(b"3\r\nabcd\r\n0\r\n\r\n"),
    "last chunk 000": chunked(b"3\r\nabc\r\n000\r\n\r\n"),
    "trailer": chunked(b"3\r\nabc\r\n0\r\nX-T: v\r\n\r\n"),
    "two trailers": chunked(b"3\r\nabc\r\n0\r\nX-T: v\r\nY:w\r\n\r\n"),
    "trailer Content-Length": chunked(b"3\r\nabc\r\n0\r\nContent-Length: 4\r\n\r\n"),
    "trailer Host": chunked(b"3\r\nabc\r\n0\r\nHost: b\r\n\r\n"),
    "trailer Transfer-Encoding": chunked(b"3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "trailer without colon": chunked(b"3\r\nabc\r\n0\r\nX\r\n\r\n"),
    "trailer without name": chunked(b"3\r\nabc\r\n0\r\n: a\r\n\r\n"),
    "trailer with space in the name": chunked(b"3\r\nabc\r\n0\r\nX T: v\r\n\r\n"),
    "trailer with NUL": chunked(b"3\r\nabc\r\n0\r\nX: \x00\r\n\r\n"),
    "trailer with bare line feed": chunked(b"3\r\nabc\r\n0\r\nX: v\n\n"),
    "folded trailer": chunked(b"3\r\nabc\r\n0\r\nX: v\r\n b\r\n\r\n"),
}

OPTIONS = {
    "Connection: close": get(b"Connection: close"),
    "Connection: keep-alive": get(b"Connection: keep-alive"),
    "Connection: close, keep-alive": get(b"Connection: close, keep-alive"),
    "keep-alive and an option": get(b"Connection: Keep-Alive, X-Foo", b"X-Foo: 1"),
    "several options": get(b"Connection: a,b , keep-alive,,c"),
    "empty Connection": get(b"Connection:"),
    "Connection of a comma": get(b"Connection: ,"),
    "Connection names Host": get(b"Connection: host, content-length"),
    "close in 1.0": get(b"Connection: close", version=b"1.0"),
    "keep-alive in 1.0": get(b"Connection: keep-alive", version=b"1.0"),
    "options in 1.0": get(b"Connection: x-foo, keep-alive", version=b"1.0"),
    "Keep-Alive": get(b"Keep-Alive: timeout=5"),
    "Proxy-Connection": get(b"Proxy-Connection: keep-alive"),
    "TE: trailers": get(b"TE: trailers", b"Connection: TE"),
    "TE: gzip": get(b"TE: gzip", b"Connection: TE"),
    "TE: trailers, gzip;q=0.5": get(b"TE: trailers, gzip;q=0.5"),
    "Trailer": get(b"Trailer: X"),
    "Upgrade without Connection": get(b"Upgrade: websocket"),
    "Connection: Upgrade alone": get(b"Connection: Upgrade"),
    "WebSocket": get(*UPGRADE, KEY),
    "WebSocket without key": get(*UPGRADE),
    "WebSocket with a short key": get(*UPGRADE, b"Sec-WebSocket-Key: abc"),
    "WebSocket with a body": post(*UPGRADE, b"Content-Length: 3"),
    "Upgrade with chunks": post(b"Upgrade: foo", b"Connection: Upgrade", b"Transfer-Encoding: chunked", body=BODY),
    "Upgrade with length 0": post(b"Upgrade: foo", b"Connection: Upgrade", b"Content-Length: 0", body=b""),
    "Upgrade: h2c": get(b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
    "Upgrade: h2c, foo": get(b"Upgrade: h2c, foo", b"Connection: Upgrade"),
    "Expect": post(b"Content-Length: 3", b"Expect: 100-continue"),
    "Expect in other case": post(b"Content-Length: 3", b"Expect: 100-Continue"),
    "Expect something else": post(b"Content-Length: 3", b"Expect: foo"),
    "Expect in 1.0": post(b"Content-Length: 3", b"Expect: 100-continue", version=b"1.0"),
}

CASES: dict[str, bytes] = {
    **REQUEST_LINE,
    **LINE_ENDS,
    **FIELDS,
    **HOSTS,
    **TARGETS,
    **LENGTHS,
    **CODINGS,
    **CHUNKS,
    **OPTIONS,
}

# More than one request, or bytes behind the only one.
SEVERAL = frozenset(
    {
        "bare end, then a request",
        "body without length",
        "length too small",
        "pipelined",
        "pipelined behind chunks",
        "pipelined, the second bad",
        "coding and length, then a request",
        "coding with an underscore",
    }
)

# Refused by pylb, taken by HAProxy 2.6: name -> (status, reason).
STRICTER: dict[str, tuple[int, str]] = {
    "version 2.0": (400, "no such message in HTTP/1 syntax (RFC 9112 2.3)"),
    "version 0.9": (400, "HTTP/0.9 has no version (RFC 9112 2.3)"),
    "control in a value": (400, "RFC 9110 5.5: dangerous bytes"),
    "vertical tab around a value": (400, "RFC 9110 5.5: dangerous bytes"),
    "DEL in a value": (400, "RFC 9110 5.5: dangerous bytes"),
    "NUL in a value": (400, "RFC 9110 5.5; refused by later releases"),
    "folded Host": (400, "RFC 9112 5.2; a fold around Host routes differently"),
    "folded Content-Length": (400, "RFC 9112 5.2; a fold around a length smuggles"),
    "folded Transfer-Encoding": (400, "RFC 9112 5.2; a fold around a coding smuggles"),
    "Host list with space": (400, "RFC 9112 3.2: invalid value"),
    "space in Host": (400, "RFC 9112 3.2: invalid value"),
    "userinfo in Host": (400, "RFC 9112 3.2: invalid value"),
    "slash in Host": (400, "RFC 9112 3.2: invalid value"),
    "Host with bad port": (400, "RFC 9112 3.2: invalid value"),
    "absolute without authority": (400, "RFC 9110 4.2.1: empty host; Host differs"),
    "relative with a slash": (400, "RFC 9112 3.2; refused by later releases"),
    "asterisk with GET": (400, "RFC 9112 3.2.4; refused by later releases"),
    "asterisk and more": (400, "RFC 9112 3.2.4; refused by later releases"),
    "length 2^64+3": (400, "overflow"),
    "chunked,": (400, "empty name; refused by later releases"),
    "extension with an open quote": (400, "RFC 9112 7.1.1; refused by later releases"),
    "extension with controls": (400, "RFC 9112 7.1.1"),
    "extension with line feed": (400, "RFC 9112 7.1; refused by later releases"),
    "endless extension": (400, "RFC 9112 7.1.1 asks for a limit"),
    "bare line feeds in chunks": (400, "RFC 9112 7.1; refused by later releases"),
    "bare line feed behind data": (400, "RFC 9112 7.1; refused by later releases"),
    "bare line feed behind the size": (400, "RFC 9112 7.1; refused by later releases"),
    "trailer with NUL": (400, "RFC 9110 5.5"),
    "trailer with bare line feed": (400, "RFC 9112 7.1.2"),
    "folded trailer": (400, "RFC 9112 5.2"),
}

# Refused by pylb (400); HAProxy 2.6 refuses or takes them as the moment will have it.
UNSURE = frozenset({"trailer with space in the name"})

# Forwarded otherwise: name -> (what pylb makes of 2.6's bytes, reason).
OTHERWISE: dict[str, tuple[tuple[bytes, bytes], str]] = {
    "trailer Content-Length": ((b"0\r\ncontent-length: 4\r\n", b"0\r\n"), "RFC 9110 6.5.1: never merged, never sent"),
    "trailer Host": ((b"0\r\nhost: b\r\n", b"0\r\n"), "RFC 9110 6.5.1: never merged, never sent"),
    "trailer Transfer-Encoding": ((b"0\r\ntransfer-encoding: chunked\r\n", b"0\r\n"), "RFC 9110 6.5.1"),
    "Upgrade: h2c": ((b"upgrade: h2c\r\n", b""), "a tunnel past all rules; removed by later releases"),
    "Upgrade: h2c, foo": ((b"upgrade: h2c, foo\r\n", b"upgrade: foo\r\n"), "removed by later releases"),
    "length 03": ((b"length: 03\r\n", b"length: 3\r\n"), "some take it for octal; written anew by later releases"),
    "length 3,03": ((b"length: 03\r\n", b"length: 3\r\n"), "some take it for octal; written anew by later releases"),
}

# The same for responses.
OTHERWISE_RESPONSES: dict[str, tuple[tuple[bytes, bytes], str]] = {
    "length 03": ((b"length: 02\r\n", b"length: 2\r\n"), "some take it for octal; written anew by later releases"),
}

# Refused by HAProxy 2.6, taken by pylb as by later releases: name -> what is forwarded.
TAKEN: dict[str, bytes] = {
    "absolute with query alone": b"GET http://a?x=1 HTTP/1.1\r\nhost: a\r\n\r\n",
}


def answer(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK", body: bytes = b"ok") -> bytes:
    return start + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


TWO = b"Content-Length: 2"
SWITCH = b"HTTP/1.1 101 Switching Protocols"

# Responses of servers: name -> (method of the request, bytes, after which the server closes).
RESPONSES: dict[str, tuple[bytes, bytes]] = {
    "plain": (b"GET", answer(TWO)),
    "version 1.0": (b"GET", answer(TWO, start=b"HTTP/1.0 200 OK")),
    "version 1.2": (b"GET", answer(TWO, start=b"HTTP/1.2 200 OK")),
    "version 2.0": (b"GET", answer(TWO, start=b"HTTP/2.0 200 OK")),
    "version 0.9": (b"GET", answer(TWO, start=b"HTTP/0.9 200 OK")),
    "version 3": (b"GET", answer(TWO, start=b"HTTP/3 200 OK")),
    "lower-case protocol": (b"GET", answer(TWO, start=b"http/1.1 200 OK")),
    "ICY": (b"GET", answer(TWO, start=b"ICY 200 OK")),
    "no reason": (b"GET", answer(TWO, start=b"HTTP/1.1 200")),
    "empty reason": (b"GET", answer(TWO, start=b"HTTP/1.1 200 ")),
    "two spaces before the status": (b"GET", answer(TWO, start=b"HTTP/1.1  200 OK")),
    "two spaces before the reason": (b"GET", answer(TWO, start=b"HTTP/1.1 200  OK")),
    "tab before the status": (b"GET", answer(TWO, start=b"HTTP/1.1\t200 OK")),
    "space before the version": (b"GET", answer(TWO, start=b" HTTP/1.1 200 OK")),
    "empty line before the status": (b"GET", answer(TWO, start=b"\r\nHTTP/1.1 200 OK")),
    "status of four digits": (b"GET", answer(TWO, start=b"HTTP/1.1 2000 OK")),
    "status of two digits": (b"GET", answer(TWO, start=b"HTTP/1.1 20 OK")),
    "status 099": (b"GET", answer(TWO, start=b"HTTP/1.1 099 OK")),
    "status 600": (b"GET", answer(TWO, start=b"HTTP/1.1 600 OK")),
    "status 999": (b"GET", answer(TWO, start=b"HTTP/1.1 999 OK")),
    "status of letters": (b"GET", answer(TWO, start=b"HTTP/1.1 abc OK")),
    "negative status": (b"GET", answer(TWO, start=b"HTTP/1.1 -20 OK")),
    "control in the reason": (b"GET", answer(TWO, start=b"HTTP/1.1 200 O\x01K")),
    "NUL in the reason": (b"GET", answer(TWO, start=b"HTTP/1.1 200 O\x00K")),
    "tab in the reason": (b"GET", answer(TWO, start=b"HTTP/1.1 200 O\tK")),
    "eight bits in the reason": (b"GET", answer(TWO, start=b"HTTP/1.1 200 O\xe9K")),
    "bare line feeds": (b"GET", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    "folded": (b"GET", answer(b"X: a\r\n b", TWO)),
    "space before the colon": (b"GET", answer(b"X : a", TWO)),
    "no colon": (b"GET", answer(b"Xa", TWO)),
    "empty name": (b"GET", answer(b": a", TWO)),
    "carriage return in a value": (b"GET", answer(b"X: a\rb", TWO)),
    "NUL in a value": (b"GET", answer(b"X: a\x00b", TWO)),
    "eight bits in a value": (b"GET", answer(b"X: a\x80", TWO)),
    "cookie with space around": (b"GET", answer(b"Set-Cookie:   a=b;  ", TWO)),
    "100 fields": (b"GET", answer(*[b"X%d: a" % i for i in range(99)], TWO)),
    "101 fields": (b"GET", answer(*[b"X%d: a" % i for i in range(100)], TWO)),
    "garbage": (b"GET", b"garbage\r\n\r\n"),
    "nothing": (b"GET", b""),
    "until close": (b"GET", answer()),
    "until close in 1.0": (b"GET", answer(start=b"HTTP/1.0 200 OK")),
    "length 03": (b"GET", answer(b"Content-Length: 02")),
    "length +2": (b"GET", answer(b"Content-Length: +2")),
    "empty length": (b"GET", answer(b"Content-Length: ")),
    "length 2,2": (b"GET", answer(b"Content-Length: 2,2")),
    "length twice": (b"GET", answer(TWO, TWO)),
    "two lengths": (b"GET", answer(TWO, b"Content-Length: 3")),
    "length 2^63": (b"GET", answer(b"Content-Length: 9223372036854775808")),
    "chunked": (b"GET", answer(b"Transfer-Encoding: chunked", body=BODY)),
    "chunked in 1.0": (b"GET", answer(b"Transfer-Encoding: chunked", start=b"HTTP/1.0 200 OK", body=BODY)),
    "chunked and length": (b"GET", answer(b"Transfer-Encoding: chunked", TWO, body=BODY)),
    "chunked with a trailer": (b"GET", answer(b"Transfer-Encoding: chunked", body=b"1\r\na\r\n0\r\nX: y\r\n\r\n")),
    "gzip": (b"GET", answer(b"Transfer-Encoding: gzip")),
    "gzip, chunked": (b"GET", answer(b"Transfer-Encoding: gzip, chunked", body=BODY)),
    "chunked, chunked": (b"GET", answer(b"Transfer-Encoding: chunked, chunked", body=BODY)),
    "identity": (b"GET", answer(b"Transfer-Encoding: identity")),
    "empty coding": (b"GET", answer(b"Transfer-Encoding: ")),
    "chunked,": (b"GET", answer(b"Transfer-Encoding: chunked,", body=BODY)),
    "204": (b"GET", answer(start=b"HTTP/1.1 204 No Content", body=b"")),
    "204 with length": (b"GET", answer(TWO, start=b"HTTP/1.1 204 No Content")),
    "204 with chunks": (b"GET", answer(b"Transfer-Encoding: chunked", start=b"HTTP/1.1 204 No Content", body=BODY)),
    "304 with length": (b"GET", answer(TWO, start=b"HTTP/1.1 304 Not Modified", body=b"")),
    "304 with coding": (b"GET", answer(b"Transfer-Encoding: chunked", start=b"HTTP/1.1 304 Not Modified", body=b"")),
    "205 without length": (b"GET", answer(start=b"HTTP/1.1 205 Reset Content", body=b"")),
    "HEAD with length": (b"HEAD", answer(TWO, body=b"")),
    "HEAD without length": (b"HEAD", answer(body=b"")),
    "HEAD with coding": (b"HEAD", answer(b"Transfer-Encoding: chunked", body=b"")),
    "Connection: close": (b"GET", answer(b"Connection: close", TWO)),
    "Connection: keep-alive": (b"GET", answer(b"Connection: keep-alive", TWO)),
    "Connection with an option": (b"GET", answer(b"Connection: foo, close", TWO)),
    "Keep-Alive": (b"GET", answer(b"Keep-Alive: timeout=5", TWO)),
    "Upgrade without 101": (b"GET", answer(b"Connection: Upgrade", b"Upgrade: x", TWO)),
    "100 and 200": (b"GET", b"HTTP/1.1 100 Continue\r\n\r\n" + answer(TWO)),
    "103 with length and 200": (
        b"GET",
        answer(b"Link: x", TWO, start=b"HTTP/1.1 103 Early Hints", body=b"") + answer(TWO),
    ),
    "103 with a body": (b"GET", answer(TWO, start=b"HTTP/1.1 103 Early Hints")),
    "101 that nobody asked for": (b"GET", answer(b"Upgrade: x", b"Connection: Upgrade", start=SWITCH, body=b"tunnel")),
    "101 without Upgrade": (b"GET", answer(start=SWITCH, body=b"tunnel")),
}

# Refused by pylb with 502, taken by HAProxy 2.6.
STRICTER_RESPONSES: dict[str, str] = {
    "version 2.0": "no such message in HTTP/1 syntax (RFC 9112 2.3)",
    "version 0.9": "HTTP/0.9 has no version (RFC 9112 2.3)",
    "status of four digits": "RFC 9112 4: three digits; refused by later releases",
    "status of two digits": "RFC 9112 4: three digits",
    "status 099": "RFC 9110 15: 100 to 599",
    "control in the reason": "RFC 9112 4",
    "NUL in the reason": "RFC 9112 4",
    "NUL in a value": "RFC 9110 5.5; refused by later releases",
    "empty coding": "RFC 9112 6.1; refused by later releases",
    "chunked,": "RFC 9112 6.1; refused by later releases",
}
