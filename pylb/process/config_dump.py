"""`-dC[key]`: the configuration as it was understood, ready to be read again; with a key, fit to be shown to strangers.

Words are written as they stand once quotes, variables and conditional blocks have had their effect: comments are gone,
every statement is indented below its section. With a key other than 0, names and addresses are replaced by hashes of 24
bits (as in the runtime socket's anonymous mode), numbers and words of the language stay, and a line ends at the first
word that is neither: it may hold anything. Management manual, chapter 3.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from pylb import registry
from pylb.config import lexer
from pylb.config.words import to_bytes
from pylb.registry import Kind
from pylb.sample.hashes import xxh32

CUT: Final = "[...]"
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:us|ms|[smhdkgSMHDKG])?\Z")
_PORTED: Final = re.compile(r"(.*?)(:[0-9+\-]+)?\Z", re.DOTALL)
_LANGUAGE: Final = frozenset(
    (
        "if",
        "unless",
        "or",
        "||",
        "!",
        "{",
        "}",
        "on",
        "off",
        "none",
        "http",
        "tcp",
        "health",
        "log",
        "any",
        "all",
        "default",
        "from",
        "local0",
        "local1",
        "local2",
        "local3",
        "local4",
        "local5",
        "local6",
        "local7",
        "emerg",
        "alert",
        "crit",
        "err",
        "warning",
        "notice",
        "info",
        "debug",
        "daemon",
        "user",
        "optional",
        "required",
    )
)
_NAMING: Final = frozenset(
    {"server", "server-template", "default_backend", "use_backend", "use-server", "acl", "user", "group", "peer"}
)
"""Keywords whose first argument names something; so does the first word behind each section's."""
_SECRET: Final = frozenset({"anonkey", "cookie", "dynamic-cookie-key"})  # even a number behind them says too much
_KINDS: Final = (Kind.BIND, Kind.SERVER, Kind.BALANCE, Kind.ACTION)


class Dump:
    """Collects the statements of one load; `text` is what -dC prints."""

    def __init__(self, key: int = 0) -> None:
        self.key = key
        self.lines: list[str] = []
        self.place = ""
        self.known = {name for place in ("", *registry.places(Kind.ACTION)) for name in _names(place)}

    def seen(self, words: list[str], opens: bool) -> None:
        """A statement that counts (config.reader.Seen)."""
        if opens:
            if self.lines:
                self.lines.append("")
            self.place = words[0]
        shown = self.hidden(words, opens) if self.key else [lexer.quoted(word) for word in words]
        self.lines.append(("" if opens else "\t") + " ".join(shown))

    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)

    # -- with a key

    def hidden(self, words: list[str], opens: bool) -> list[str]:
        shown = [words[0]]
        if not opens and words[0] not in registry.longest(Kind.KEYWORD, self.place):
            return [CUT] if words[0] not in ("no", "default") else [words[0], *self.hidden(words[1:], False)]
        for at, word in enumerate(words[1:], 1):
            if at == 1 and (opens or words[0] in _NAMING):
                shown.append(self.name(word))
            elif self.of_the_language(words, at):
                shown.append(lexer.quoted(word))
            elif words[at - 1] == "from":
                shown.append(self.name(word))
            else:
                address = self.address(word)
                if address is None:
                    shown.append(CUT)
                    break
                shown.append(address)
        return shown

    def of_the_language(self, words: list[str], at: int) -> bool:
        word = words[at]
        if words[at - 1] in _SECRET:
            return False
        if _NUMBER.match(word) or word in _LANGUAGE or word in self.known:
            return True
        return at < 3 and " ".join(words[: at + 1]) in registry.table(Kind.KEYWORD, self.place)

    def hash(self, text: str) -> str:
        return f"{xxh32(to_bytes(text), self.key) & 0xFFFFFF:06x}"

    def name(self, word: str) -> str:
        return self.hash(word)

    def address(self, word: str) -> str | None:
        """An address with its port, hashed; None for anything else."""
        match = _PORTED.match(word)
        assert match is not None
        host, port = match[1], match[2] or ""
        if host in ("", "*") and port:
            return word
        try:
            version = ipaddress.ip_address(host.strip("[]")).version
        except ValueError:
            return None
        return f"IPV{version}({self.hash(host)}){port}"


def _names(place: str) -> set[str]:
    return {name for kind in _KINDS for name in registry.names(kind, place)}
