"""Writes docs/strictness.md from the tables of differences, each of which a differential test holds.

python -m tests.codec.differences
"""

from __future__ import annotations

from pathlib import Path

from tests.codec import malformed
from tests.differential import test_violations

PAGE = Path(__file__).parents[2] / "docs" / "strictness.md"
INTRODUCTION = """# Where pylb reads HTTP/1 otherwise than HAProxy 2.6

Messages are read as HAProxy 2.6 reads them, byte for byte, with the exceptions on this page: where later releases or
the RFCs are stricter, the stricter reading counts. Each line stands for a case that the tests send to both programs.
The page is written from their tables (`python -m tests.codec.differences`).

`option accept-unsafe-violations-in-http-request` and `-response` (formerly `accept-invalid-http-*`) take back what
HAProxy takes with them, in the manner of HAProxy 3.x, apart from what the last two sections name.
"""


def shown(data: bytes) -> str:
    text = data.decode("latin-1").encode("unicode_escape").decode().replace("|", "\\\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def table(title: str, text: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [f"## {title}", "", text, "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def page() -> str:
    m, v = malformed, test_violations
    changes = [*m.OTHERWISE.items(), *m.OTHERWISE_RESPONSES.items()]
    unsure = [(name, "400", "HAProxy 2.6 takes it or not, as the moment will have it") for name in sorted(m.UNSURE)]
    allowed = [*sorted(v.ALLOWED), *(f"{name} (response)" for name in v.ALLOWED_RESPONSES)]
    parts = [
        INTRODUCTION.rstrip(),
        table(
            "Requests that are refused",
            "HAProxy 2.6 forwards them.",
            ("case", "answer", "why"),
            [(name, str(status), why) for name, (status, why) in m.STRICTER.items()] + unsure,
        ),
        table(
            "Responses that are refused",
            "HAProxy 2.6 forwards them; here the client gets a 502.",
            ("case", "why"),
            [(name, why) for name, why in m.STRICTER_RESPONSES.items()],
        ),
        table(
            "Messages that are forwarded otherwise",
            "What 2.6 sends, and what is sent instead.",
            ("case", "HAProxy 2.6", "pylb", "why"),
            [(name, shown(old), shown(new) if new else "nothing", why) for name, ((old, new), why) in changes],
        ),
        table(
            "Requests that are taken",
            "HAProxy 2.6 refuses them, later releases do not.",
            ("case", "forwarded as"),
            [(name, shown(data.partition(b"\r\n")[0])) for name, data in m.TAKEN.items()],
        ),
        table(
            "Refused in spite of the options",
            "HAProxy 2.6 takes them with `option accept-invalid-http-request` or `-response`.",
            ("case", "why"),
            [*v.REFUSED.items(), *((f"{name} (response)", why) for name, why in v.REFUSED_RESPONSES.items())],
        ),
        table(
            "Taken with the options, as by later releases",
            "HAProxy 2.6 refuses the first ones all the same. Of the others it forwards the odd field, which later "
            "releases and pylb drop.",
            ("case", "with the option"),
            [
                *((name, "taken") for name in allowed),
                *((name, "the field is dropped") for name in v.DROPPED),
                *((f"{name} (response)", "written anew") for name in v.CHANGED_RESPONSES),
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
