"""What the process says of splicing, and how it is forbidden."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.harness import RawClient
from tests.harness.differential import run_site
from tests.harness.origin import Conversation

SIZE = 4 << 20


def pours(conversation: Conversation) -> None:
    conversation.receive()
    conversation.send(bytes(SIZE))


@pytest.mark.parametrize(
    ("words", "args", "spliced", "pipes"),
    [
        ("", (), True, 10),
        ("maxpipes 3", (), True, 3),
        ("tune.pipesize 65536", (), True, 10),
        ("nosplice", (), False, 10),
        ("", ("-dS",), False, 10),
    ],
)
def test_bytes_go_through_pipes_unless_it_is_forbidden(
    words: str, args: tuple[str, ...], spliced: bool, pipes: int
) -> None:
    config = f"""
global
    stats socket $(dir)/run.sock
    maxconn 40
    {words}
defaults
    mode tcp
    timeout connect 5s
    timeout client 5s
    timeout server 5s
listen fe
    bind 127.0.0.1:$(fe)
    option splice-response
    server s1 127.0.0.1:$(s1)
"""
    with run_site("pylb", config, {"s1": pours}, args=args) as site:
        with RawClient(site.port("fe"), timeout=10) as client:
            assert len(client.send(b"go").read_all()) == SIZE
        with RawClient(str(site.program.directory / "run.sock")) as client:
            text = client.send(b"show info\n").read_all().decode()
    fields: dict[str, Any] = dict(re.findall(r"^(\w+): (\d+)$", text, re.MULTILINE))
    assert int(fields["Maxpipes"]) == pipes
    assert int(fields["TotalSplicdedBytesOut"]) == (SIZE if spliced else 0)
    assert int(fields["PipesFree"]) <= pipes and fields["PipesUsed"] == "0"
