"""A fused ACL answers as the generic one does, on ordinary and on odd requests; and there is a fused one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.records.stream import Stream
from pylb.sample import fusing
from pylb.sample.acl import Term
from tests.unit.sample.scene import Scene, stream, waiting

FUSED = [
    "{ hdr(host) -i www.example.com }",
    "{ hdr(host) www.example.com a b }",
    "{ hdr(host),lower -m str www.example.com }",
    "{ hdr(host) -m found }",
    "{ hdr_beg(host) -i www. }",
    "{ hdr_end(host) .com b }",
    "{ hdr_sub(host) exam }",
    "{ hdr_reg(host) ^w }",
    "{ req.fhdr(host) -m str b }",
    "{ path_beg /static/ /img/ /a }",
    "{ path_end .css b }",
    "{ path /a /static/b }",
    "{ path_beg -i /STATIC/ /a }",
    "{ path_end -i .CSS b }",
    "{ path -i /A /static/B }",
    "{ url_beg /a http:// }",
    "{ url /a * }",
    "{ method GET }",
    "{ method GET HEAD }",
    "{ src 127.0.0.0/8 10.0.0.0/8 }",
]
_TARGETS = st.sampled_from(
    [
        b"/",
        b"/a",
        b"/a?b",
        b"/a?x=.css",
        b"/static/b",
        b"/static/b.css",
        b"/Static/b.CSS",
        b"/A?q=.css",
        b"*",
        b"http://h/a",
        b"http://h",
        b"h:443",
        b"",
    ]
)
_VALUES = st.sampled_from(
    [b"www.example.com", b"WWW.Example.com", b"a, b", b"a,www.example.com", b"", b'"a,b",x', b"b"]
)
_FIELDS = st.lists(st.tuples(st.sampled_from([b"host", b"x"]), _VALUES), max_size=3)
_STREAMS = st.builds(
    lambda target, fields, method, address: stream(target, *fields, method=method, address=address),
    _TARGETS,
    _FIELDS,
    st.sampled_from([b"GET", b"HEAD", b"POST", b"get"]),
    st.sampled_from(["127.0.0.1", "10.1.2.3", "192.168.0.1", "::1"]),
) | st.builds(waiting, st.booleans())


def terms(text: str) -> Term:
    (group,) = Scene().condition("if", *text.split()).alternatives
    return group[0].acl.terms[0]


@pytest.mark.parametrize("text", FUSED)
@given(ctx=_STREAMS)
def test_fused_equals_generic(text: str, ctx: Stream) -> None:
    term = terms(text)
    test = term.patterns.tester()
    generic = term._generic(term.patterns.takes or term.expression.type, test, None, None)
    fused = fusing.fuse(term, test, generic)
    assert fused is not None
    assert fused(ctx) == generic(ctx)


@pytest.mark.parametrize("text", ["{ path_beg x }", "{ path_beg /a?b }", "{ path,lower /a }"])
def test_what_could_differ_is_not_fused(text: str) -> None:
    term = terms(text)
    assert fusing.fuse(term, term.patterns.tester(), lambda ctx: None) is None
