r"""Regular expressions: what users wrote for PCRE2, on Python's `re` over bytes.

Rewritten: POSIX classes, `\Q..\E`, `\h \H \R \N \v \V`, `\A \z \Z`, `\x{41} \o{101} \cA \e \a`, `(?<name>`, inline
flags in the middle of a pattern, `\K`, `{,n}` (literal in PCRE2 10.42) and brackets inside classes. Possessive and
atomic groups exist in Python 3.11. Refused with a message: recursion, subroutine calls, branch reset, verbs, `\X`,
`\C`, `\G`, `\p`.
"""

from __future__ import annotations

import re
import warnings
from typing import Final


class Regex:
    r"""A compiled pattern. `keep` is the number of the empty group that stands where `\K` stood, 0 without one."""

    __slots__ = ("groups", "keep", "pattern", "search", "source")

    def __init__(self, source: bytes, pattern: re.Pattern[bytes], keep: int) -> None:
        self.source = source
        self.pattern = pattern
        self.search = pattern.search
        self.keep = keep
        self.groups = pattern.groups - (1 if keep else 0)

    def start(self, found: re.Match[bytes]) -> int:
        """Where the match begins, `\\K` considered."""
        return found.start(self.keep) if self.keep else found.start()

    def group(self, found: re.Match[bytes], number: int) -> bytes:
        """Group `number` as the user counts, b"" when it took no part; group 0 begins at `\\K`."""
        if number == 0:
            return found.string[self.start(found) : found.end()]
        if self.keep and number >= self.keep:
            number += 1
        if number > found.re.groups:
            return b""
        return found[number] or b""


_POSIX: Final = {
    "alpha": r"a-zA-Z",
    "digit": r"0-9",
    "alnum": r"a-zA-Z0-9",
    "upper": r"A-Z",
    "lower": r"a-z",
    "space": r"\t-\r ",
    "blank": r"\t ",
    "punct": r"!-/:-@\[-`{-~",
    "print": r" -~",
    "graph": r"!-~",
    "cntrl": r"\x00-\x1f\x7f",
    "xdigit": r"0-9a-fA-F",
    "word": r"\w",
    "ascii": r"\x00-\x7f",
}
_NEGATED_POSIX: Final = {
    "alpha": r"\x00-@\[-`{-\xff",
    "digit": r"\D",
    "alnum": r"\x00-/:-@\[-`{-\xff",
    "upper": r"\x00-@\[-\xff",
    "lower": r"\x00-`{-\xff",
    "space": r"\S",
    "blank": r"\x00-\x08\n-\x1f!-\xff",
    "punct": r"\x00- 0-9A-Za-z\x7f-\xff",
    "print": r"\x00-\x1f\x7f-\xff",
    "graph": r"\x00- \x7f-\xff",
    "cntrl": r" -~\x80-\xff",
    "xdigit": r"\x00-/:-@G-`g-\xff",
    "word": r"\W",
    "ascii": r"\x80-\xff",
}
# Escapes outside classes, and inside them where they differ.
_ESCAPES: Final = {
    "h": r"[\t \xa0]",
    "H": r"[^\t \xa0]",
    "v": r"[\n-\r\x85]",
    "V": r"[^\n-\r\x85]",
    "R": r"(?>\r\n|[\n-\r\x85])",
    "N": r"[^\n]",
    "Z": r"(?=\n?\Z)",
    "z": r"\Z",
    "A": r"\A",
    "e": r"\x1b",
    "E": "",
}
_IN_CLASS: Final = {"h": r"\t \xa0", "v": r"\n-\r\x85", "H": r"\x00-\x08\n-\x1f!-\x9f\xa1-\xff",
                    "V": r"\x00-\t\x0e-\x84\x86-\xff", "e": r"\x1b", "E": "", "R": "R", "N": "N"}  # fmt: skip
_REFUSED_ESCAPES: Final = "XCGpPgk"
_inline_flags = re.compile(r"\(\?([imsxn^-]+)\)").match
_posix_class = re.compile(r"\[:(\^?)([a-z]+):\]").match
_refused_group = re.compile(r"\(\?(?:\||R\)|[+-]?\d+\)|&|P>|C|<?[=!]?\*)|\(\*").match
_counted = re.compile(r"\{(?:\d+(?:,\d*)?)\}").match


class _Translator:
    """Walks a pattern once. Text is Latin-1, so that characters are bytes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.out: list[str] = []
        self.groups = 0
        self.keep = 0
        self.opened: list[int] = []  # how many inline-flag groups to close with each open group
        self.pending = 0

    def run(self) -> str:
        text = self.text
        while self.at < len(text):
            char = text[self.at]
            if char == "\\":
                self._escape()
            elif char == "[":
                self._class()
            elif char == "(":
                self._open()
            elif char == ")":
                self._close()
            elif char == "{" and not _counted(text, self.at):
                self._emit("\\{", 1)
            else:
                self._emit(char, 1)
        self.out.append(")" * self.pending)
        return "".join(self.out)

    def _emit(self, what: str, taken: int) -> None:
        self.out.append(what)
        self.at += taken

    def _escape(self) -> None:
        text, at = self.text, self.at
        char = text[at + 1 : at + 2]
        if char == "Q":
            end = text.find("\\E", at + 2)
            literal = text[at + 2 : end if end >= 0 else len(text)]
            self.out.append(re.escape(literal))
            self.at = end + 2 if end >= 0 else len(text)
        elif char == "K":
            self.groups += 1
            self.keep = self.groups
            self._emit("()", 2)
        elif char in "xoc" and char:
            self._emit(*_numeric(text, at))
        elif char in ("g", "k"):
            self._reference(char)
        elif char and char in _REFUSED_ESCAPES:
            raise ValueError(f"\\{char} is not supported, erroffset={at + 2}")
        elif char in _ESCAPES:
            self._emit(_ESCAPES[char], 2)
        elif char.isdigit() and char != "0":
            self._back(re.compile(r"\\(\d+)").match(text, at))
        else:
            self._emit(text[at : at + 2], 2)

    def _back(self, found: re.Match[str] | None) -> None:
        assert found is not None
        number = int(found[1])
        if self.keep and number >= self.keep:
            number += 1
        self._emit(f"(?:\\{number})" if number < 100 else found[0], len(found[0]))

    def _reference(self, char: str) -> None:
        found = re.compile(r"\\g\{?(-?\d+)\}?|\\[gk](?:\{(\w+)\}|<(\w+)>|'(\w+)')").match(self.text, self.at)
        if found is None or (char == "g" and found[3]) or (char == "g" and found[4]):
            raise ValueError(f"\\{char} is not supported here, erroffset={self.at + 2}")
        if found[1] is None:
            name = found[2] or found[3] or found[4]
            self._emit(f"(?P={name})", len(found[0]))
        else:
            number = int(found[1])
            number = self.groups + 1 + number if number < 0 else number
            self._emit(f"(?:\\{number})", len(found[0]))

    def _class(self) -> None:
        text, start = self.text, self.at
        at = start + 1
        out = ["["]
        if text[at : at + 1] == "^":
            out.append("^")
            at += 1
        first = True
        while at < len(text) and (text[at] != "]" or first):
            first = False
            posix = _posix_class(text, at)
            char = text[at]
            if posix:
                table = _NEGATED_POSIX if posix[1] else _POSIX
                if posix[2] not in table:
                    raise ValueError(f"unknown POSIX class name, erroffset={at}")
                out.append(table[posix[2]])
                at = posix.end()
            elif char == "\\":
                what, taken = _class_escape(text, at)
                out.append(what)
                at += taken
            else:
                out.append("\\" + char if char in "[]&|~" or (char == "-" and text[at + 1 : at + 2] == "-") else char)
                at += 1
        if at >= len(text):
            raise ValueError(f"missing terminating ] for character class, erroffset={len(text)}")
        out.append("]")
        self.out.append("".join(out))
        self.at = at + 1

    def _open(self) -> None:
        text, at = self.text, self.at
        if _refused_group(text, at):
            raise ValueError(f"recursion, subroutines, verbs and branch reset are not supported, erroffset={at}")
        flags = _inline_flags(text, at)
        if flags:
            # PCRE applies them up to the end of the group in which they stand.
            self._emit(f"(?{flags[1]}:", len(flags[0]))
            self.pending += 1
            return
        if text.startswith("(?#", at):
            end = text.find(")", at)
            if end < 0:
                raise ValueError(f"missing ) following (?# comment, erroffset={len(text)}")
            self.at = end + 1
            return
        self.opened.append(self.pending)
        self.pending = 0
        named = re.compile(r"\(\?(?:P?<(\w+)>|'(\w+)')").match(text, at)
        if named:
            self.groups += 1
            self._emit(f"(?P<{named[1] or named[2]}>", len(named[0]))
        elif text.startswith("(?", at):
            self._emit("(?", 2)
        else:
            self.groups += 1
            self._emit("(", 1)

    def _close(self) -> None:
        self._emit(")" * self.pending + ")", 1)
        self.pending = self.opened.pop() if self.opened else 0


def _numeric(text: str, at: int) -> tuple[str, int]:
    """`\\x..`, `\\x{..}`, `\\o{..}` and `\\cX` as one escaped byte, with their length."""
    found = re.compile(r"\\x\{([0-9a-fA-F]+)\}|\\x([0-9a-fA-F]{0,2})|\\o\{([0-7]+)\}|\\c(.)", re.S).match(text, at)
    if found is None:
        raise ValueError(f"unrecognized character follows \\, erroffset={at + 1}")
    if found[4]:
        code = ord(found[4].upper()) ^ 64
    elif found[3]:
        code = int(found[3], 8)
    else:
        code = int(found[1] or found[2] or "0", 16)
    if code > 255:
        raise ValueError(f"character code point value in \\x{{}} or \\o{{}} is too large, erroffset={found.end()}")
    return f"\\x{code:02x}", len(found[0])


def _class_escape(text: str, at: int) -> tuple[str, int]:
    char = text[at + 1 : at + 2]
    if char == "Q":
        end = text.find("\\E", at + 2)
        literal = text[at + 2 : end if end >= 0 else len(text)]
        return re.escape(literal), (end + 2 if end >= 0 else len(text)) - at
    if char in ("x", "o", "c"):
        return _numeric(text, at)
    if char in _IN_CLASS:
        return _IN_CLASS[char], 2
    if char in ("p", "P"):
        raise ValueError(f"\\{char} is not supported, erroffset={at + 2}")
    return text[at : at + 2], 2


# Python's messages where PCRE2 says the same otherwise.
_WORDING: Final = (
    ("missing ), unterminated subpattern", "missing closing parenthesis"),
    ("unbalanced parenthesis", "unmatched closing parenthesis"),
    ("nothing to repeat", "quantifier does not follow a repeatable item"),
    ("multiple repeat", "quantifier does not follow a repeatable item"),
    ("bad escape (end of pattern)", "\\ at end of pattern"),
    ("unterminated character set", "missing terminating ] for character class"),
    ("bad escape", "unrecognized character follows \\"),
    ("look-behind requires fixed-width pattern", "lookbehind assertion is not fixed length"),
    ("invalid group reference", "reference to non-existent subpattern"),
    ("bad character range", "range out of order in character class"),
    ("min repeat greater than max repeat", "numbers out of order in {} quantifier"),
)


def _wording(error: re.error, size: int) -> str:
    for ours, theirs in _WORDING:
        if error.msg.startswith(ours):
            return f"{theirs}, erroffset={size if 'missing' in theirs else error.pos or 0}"
    return f"{error.msg}, erroffset={error.pos or 0}"


class BadPattern(ValueError):
    """A pattern that does not compile; the message says why, `source` is the pattern."""

    def __init__(self, source: bytes, reason: str) -> None:
        self.source = _shown(source)
        super().__init__(f"regex '{self.source}' is invalid (error={reason})")


def compile_pattern(source: bytes, *, ignore_case: bool = False) -> Regex:
    """Compiles a user's pattern; ValueError says what is wrong with it as HAProxy does."""
    text = source.decode("latin-1")
    translator = _Translator(text)
    try:
        rewritten = translator.run()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            pattern = re.compile(rewritten.encode("latin-1"), re.IGNORECASE if ignore_case else 0)
    except re.error as error:
        raise BadPattern(source, _wording(error, len(text))) from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise BadPattern(source, str(error)) from None
    return Regex(source, pattern, translator.keep)


def _shown(source: bytes) -> str:
    return source.decode("utf-8", "surrogateescape")


def template(replacement: bytes) -> list[bytes | int]:
    r"""A replacement in pieces: text, and group numbers. `\0`-`\9` are groups, `\\` a backslash, `\xHH` a byte."""
    pieces: list[bytes | int] = []
    at = 0
    text = b""
    while at < len(replacement):
        byte = replacement[at : at + 1]
        if byte != b"\\" or at + 1 >= len(replacement):
            text += byte
            at += 1
            continue
        following = replacement[at + 1 : at + 2]
        code = replacement[at + 2 : at + 4]
        if following.isdigit():
            if text:
                pieces.append(text)
            text = b""
            pieces.append(int(following))
            at += 2
        elif following == b"x" and re.fullmatch(rb"[0-9a-fA-F]{2}", code):
            text += bytes([int(code, 16)])
            at += 4
        else:
            text += following
            at += 2
    if text:
        pieces.append(text)
    return pieces


def expand(pieces: list[bytes | int], regex: Regex, found: re.Match[bytes]) -> bytes:
    """The replacement of one match."""
    return b"".join([piece if isinstance(piece, bytes) else regex.group(found, piece) for piece in pieces])


def replace(regex: Regex, pieces: list[bytes | int], value: bytes, everywhere: bool) -> bytes:
    """What the pattern matches, replaced once or everywhere; an empty match moves on by one byte."""
    out: list[bytes] = []
    at = 0
    search = regex.pattern.search
    while True:
        found = search(value, at)
        if found is None:
            break
        out.append(value[at : regex.start(found)])
        out.append(expand(pieces, regex, found))
        end = found.end()
        if end == found.start():
            out.append(value[end : end + 1])
            end += 1
        at = end
        if not everywhere or at > len(value):
            break
    out.append(value[at:])
    return b"".join(out)
