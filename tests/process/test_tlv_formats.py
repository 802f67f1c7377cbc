"""`set-proxy-v2-tlv-fmt`: records of the PROXY header made from formats (newer than HAProxy 2.6)."""

from __future__ import annotations

from tests.harness import RawClient
from tests.harness.differential import run_site

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 2s
frontend first
    bind 127.0.0.1:$(first)
    unique-id-format %%[method]-made
    default_backend next
backend next
    server n 127.0.0.1:$(second) send-proxy-v2 proxy-v2-options %s set-proxy-v2-tlv-fmt(0xE1) %%[req.hdr(x)] %s
frontend second
    bind 127.0.0.1:$(second) accept-proxy
    http-request return hdr x-e1 %%[fc_pp_tlv(0xE1)] hdr x-05 %%[fc_pp_unique_id] hdr x-e2 <%%[fc_pp_tlv(0xE2),hex]>
"""


def answer(options: str, more: str, value: str) -> dict[str, str]:
    with run_site("pylb", CONFIG % (options, more)) as site, RawClient(site.port("first")) as client:
        reply = client.send(f"GET / HTTP/1.1\r\nhost: h\r\nx: {value}\r\n\r\n".encode()).read_reply()
        assert reply.status == 200
        return {name.decode(): text.decode() for name, text in reply.fields if name.startswith(b"x-")}


def test_formats_make_records() -> None:
    assert answer("crc32c,unique-id", "", "one") == {"x-e1": "one", "x-05": "GET-made", "x-e2": "<>"}


def test_a_record_of_a_format_replaces_the_one_that_options_make() -> None:
    assert answer("unique-id", "set-proxy-v2-tlv-fmt(5) mine-%[method]", "two")["x-05"] == "mine-GET"


def test_long_values_are_cut() -> None:
    assert len(answer("crc32c", "", "a" * 3000)["x-e1"]) == 1024
