r"""Old rules on raw header lines as rules of today: what can be said exactly, or nearly so with a remark.

    reqidel ^X-One:                                http-request del-header X-One
    reqrep ^([^\ :]*)\ /static/(.*) \1\ /\2        http-request replace-pathq ^/static/(.*) /\1
    reqirep ^Host:\ a(.*) Host:\ b\1               http-request replace-header Host (?i)^a(.*) b\1

A request line is taken apart at its blanks. The rule of today finds the path of an absolute target too, which is how
HTTP/2 requests look to it and old ones did not. Header names lose their case: a remark says so where the old rule had
it.
"""

from __future__ import annotations

import re
from typing import Final

from pylb.config.lexer import quoted
from pylb.editing.migrate_lines import Answer, OldLine, Question, Unclear, format_text, translates

_REMARK_CASE: Final = "today's rules find the header whatever the case of its name"
_NAME: Final = re.compile(r"\^([!#$&'+.\w`~-]+):(.*)", re.DOTALL)
_ANY_METHOD: Final = re.compile(r"\^\(?(?:\[\^ :?\]|\[\^ \\t:?\]|\[\^\\t :?\]|\\S|\[A-Z\]|\\w|\.)[*+]\??\)?")
_LITERAL_METHODS: Final = re.compile(r"\^\(?([A-Z]+(?:\|[A-Z]+)*)\)?")
_BLANKS: Final = re.compile(r"(?: |\[ \]|\[ \\t\]|\[\\t \]|\\s|\[\[:space:\]\])[*+]?")
_TAIL: Final = re.compile(r"\(\.[*+]\)\$?\Z")
_ALLOWING: Final = ("reqallow", "reqiallow")
_PASSING: Final = ("reqpass", "reqipass")
_JUDGING: Final = ("reqdeny", "reqideny", "reqtarpit", "reqitarpit")
_REFERENCE: Final = re.compile(r"\\(\d)")


def _ignores_case(line: OldLine) -> bool:
    return line.words[0].startswith(("reqi", "rspi"))


def _place(line: OldLine) -> str:
    return "http-request" if line.words[0].startswith("req") else "http-response"


def _regex(line: OldLine) -> str:
    if len(line.words) < 2:
        raise Unclear("the line is not complete")
    if "${" in line.words[1] or (line.words[0].endswith("rep") and "${" in line.words[2]):
        raise Unclear("it depends on a variable of the environment")
    return line.words[1]


def _case(regex: str, line: OldLine) -> str:
    return f"(?i){regex}" if _ignores_case(line) and re.search("[A-Za-z]", re.sub(r"\\.", "", regex)) else regex


def _condition(line: OldLine, after: int) -> str:
    return "".join(f" {raw}" for raw in line.raws[after:])


def _narrowed(line: OldLine, after: int, extra: str) -> str:
    """The line's condition with another term, where the two can be joined."""
    if not extra:
        return _condition(line, after)
    words = line.words[after:]
    if not words:
        return f" if {extra}"
    if words[0] == "unless" or "||" in words or "or" in words:
        raise Unclear("its condition cannot be joined with the match")
    return f" if {extra} {' '.join(line.raws[after + 1 :])}"


@translates("block")
def block(asked: Question) -> Answer:
    return Answer(first=[f"http-request deny{_condition(asked.line, 1)}"])


@translates("reqadd", "rspadd")
def adding(asked: Question) -> Answer:
    line = asked.line
    if len(line.words) < 2 or "${" in line.words[1]:
        raise Unclear("it depends on a variable of the environment")
    name, colon, value = line.words[1].partition(":")
    if not colon or "\n" in line.words[1]:
        raise Unclear("it adds no single header line")
    text = quoted(format_text(value.strip())) if value.strip() else '""'
    if text == '""':
        raise Unclear("it adds a header without a value")
    return Answer(late=[f"{_place(line)} add-header {quoted(name.strip())} {text}{_condition(line, 2)}"])


def _named(line: OldLine) -> tuple[str, str]:
    """The header's name and what is said of its value, `^Name:` being how the expression begins."""
    match = _NAME.fullmatch(_regex(line))
    if match is None:
        raise Unclear("the expression is not about one header")
    return match[1].replace("\\", ""), match[2]


@translates("reqdel", "reqidel", "rspdel", "rspidel")
def deleting(asked: Question) -> Answer:
    line = asked.line
    regex = _regex(line)
    remark = "" if _ignores_case(line) else _REMARK_CASE
    family = re.fullmatch(r"\^(?!.*\\[A-Z])([^:]+):(?:\.\*)?\$?", regex)
    plain = _NAME.fullmatch(regex)
    if family is not None and plain is None:
        pattern = family[1].lower()
        return Answer(
            late=[f"{_place(line)} del-header {quoted(f'^{pattern}$')} -m reg{_condition(line, 2)}"], remark=remark
        )
    name, value = _named(line)
    if re.fullmatch(r"(?:(?: |\\s|\[ \])[*]?)?(?:\.\*)?\$?", value) and value not in (" ", "\\s", "[ ]"):
        return Answer(late=[f"{_place(line)} del-header {name}{_condition(line, 2)}"], remark=remark)
    test = f"{{ {_fetch(line)}({name}) -m reg {'-i ' if _ignores_case(line) else ''}{quoted(_value_regex(value))} }}"
    return Answer(
        late=[f"{_place(line)} del-header {name}{_narrowed(line, 2, test)}"],
        remark=f"where one '{name}' header matches, all of them are removed",
    )


def _fetch(line: OldLine) -> str:
    return "req.fhdr" if line.words[0].startswith("req") else "res.fhdr"


def _value_regex(value: str) -> str:
    """What the expression says of a header's value, which begins behind the blanks."""
    stripped = _BLANKS.sub("", value, count=1) if _BLANKS.match(value) else value
    return f"^{stripped}"


@translates("reqrep", "reqirep")
def rewriting(asked: Question) -> Answer:
    line = asked.line
    regex = _regex(line)
    if _NAME.fullmatch(regex):
        return _header(asked)
    return _request_line(asked)


@translates("rsprep", "rspirep")
def rewriting_response(asked: Question) -> Answer:
    return _header(asked)


def _header(asked: Question) -> Answer:
    line = asked.line
    name, value = _named(line)
    if len(line.words) < 3:
        raise Unclear("the line is not complete")
    new, colon, text = line.words[2].partition(":")
    if not colon or "\n" in text or new.strip().lower() != name.lower():
        raise Unclear(f"it makes another header of '{name}'")
    if not text.strip() or r"\0" in text:
        raise Unclear("the new line cannot be written as a value")
    pattern, form = quoted(_case(_value_regex(value), line)), quoted(format_text(text.strip()))
    return Answer(
        late=[f"{_place(line)} replace-header {name} {pattern} {form}{_condition(line, 3)}"],
        remark="" if _ignores_case(line) else _REMARK_CASE,
    )


def _parts(regex: str) -> list[str]:
    """An expression taken apart at the blanks that stand outside brackets and groups' classes."""
    parts, depth, at = [""], False, 0
    while at < len(regex):
        char = regex[at]
        if char == "\\":
            parts[-1] += regex[at : at + 2]
            at += 2
            continue
        if char == "[":
            depth = True
        elif char == "]" and not parts[-1].endswith(("[", "[^")):
            depth = False
        if char == " " and not depth:
            parts.append("")
        else:
            parts[-1] += char
        at += 1
    return parts


def _method(part: str) -> tuple[str, int]:
    """What the first part demands of the method as a condition, and how many groups it has."""
    if _ANY_METHOD.fullmatch(part):
        return "", part.count("(")
    match = _LITERAL_METHODS.fullmatch(part)
    if match is None:
        raise Unclear("the expression does not say which part of the request line it means")
    return f"{{ method {match[1].replace('|', ' ')} }}", part.count("(")


def _request_line(asked: Question) -> Answer:
    line = asked.line
    if len(line.words) < 3:
        raise Unclear("the line is not complete")
    parts, new = _parts(line.words[1]), line.words[2].split(" ")
    if len(parts) not in (2, 3) or len(new) != len(parts):
        raise Unclear("it does not rewrite the target alone")
    test, groups = _method(parts[0])
    target, form = parts[1], new[1]
    before = r"\1" if groups else parts[0].removeprefix("^")
    if new[0] != before:
        raise Unclear("it changes the method")
    total = len(re.findall(r"(?<!\\)\((?!\?)", "".join(parts)))
    if len(parts) == 2:
        if not _TAIL.search(target):
            raise Unclear("the expression does not reach the end of the request line")
        if not form.endswith(f"\\{total}"):
            raise Unclear("the new request line has no version")
        target = target.rstrip("$")
    elif new[2] != f"\\{total}" or not re.fullmatch(r"\(.*\)\$?", parts[2]):
        raise Unclear("it changes the version")
    else:
        target = f"{target}$"
    if not re.match(r"[/(\[]", target) or "?" in re.sub(r"\(\?[:i]|\*\?|\+\?|\)\?|\]\?", "", target):
        raise Unclear("the target is not a path")
    if not form.startswith(("/", "\\")):
        raise Unclear("the new target is not a path")
    numbers = [int(number) for number in _REFERENCE.findall(form)]
    if any(number <= groups or number > total for number in numbers):
        raise Unclear("the new target holds what is not of the old one")
    form = _REFERENCE.sub(lambda found: f"\\{int(found[1]) - groups}", format_text(form))
    pattern = quoted(_case(f"^{target}", line))
    rule = "replace-pathq" if asked.to >= (2, 2) else "replace-uri"
    return Answer(late=[f"http-request {rule} {pattern} {quoted(form)}{_narrowed(line, 3, test)}"])


@translates("reqdeny", "reqideny", "reqtarpit", "reqitarpit", "rspdeny", "rspideny")
def judging(asked: Question) -> Answer:
    line = asked.line
    place = _place(line)
    if place == "http-request" and any(asked.section.has(word) for word in (*_ALLOWING, *_PASSING)):
        raise Unclear("'reqallow' and 'reqpass' of the section decide with it")
    if place == "http-request" and _elsewhere(asked, _ALLOWING, ("listen", "backend"), ("frontend", "listen")):
        raise Unclear("'reqallow' of a frontend decides with it")
    action = "tarpit" if line.words[0].endswith("tarpit") else "deny"
    if _regex(line) in (".", ".*", "^", "") and place == "http-request":
        return Answer(late=[f"{place} {action}{_condition(line, 2)}"])
    test, remark = _matching(asked)
    return Answer(late=[f"{place} {action}{_narrowed(line, 2, test)}"], remark=remark)


def _matching(asked: Question) -> tuple[str, str]:
    """The condition that a line of the head matches the expression, and what is to be said of it."""
    line = asked.line
    regex, flag = _regex(line), "-i " if _ignores_case(line) else ""
    parts = _parts(regex)
    if _NAME.fullmatch(regex):
        name, value = _named(line)
        value = _value_regex(value)
        found = f"-m reg {flag}{quoted(value)}" if value not in ("^", "^.*", "^.*$") else "-m found"
        return f"{{ {_fetch(line)}({name}) {found} }}", "" if _ignores_case(line) else _REMARK_CASE
    if _place(line) == "http-request" and len(parts) == 2 and re.match(r"[/(\[]", parts[1]):
        if asked.to < (2, 2):
            raise Unclear("there was no fetch for path and query yet")
        method, _ = _method(parts[0])
        return f"{method} {{ pathq -m reg {flag}{quoted('^' + parts[1])} }}".strip(), ""
    raise Unclear("the expression is not about one header or the target")


@translates("reqsetbe", "reqisetbe")
def choosing(asked: Question) -> Answer:
    """The choice was made among the rules on raw lines, before all use_backend rules; in a backend none was left."""
    line = asked.line
    if asked.section.kind == "backend":
        return Answer(remark="did nothing in a backend")
    if len(line.words) < 3:
        raise Unclear("the line is not complete")
    if any(other.words[:1] == ["use_backend"] and other.number < line.number for other in asked.section.lines):
        raise Unclear("it decides before the 'use_backend' rules above it")
    if any(
        other.words[:1] in (["reqrep"], ["reqirep"]) and other.number > line.number for other in asked.section.lines
    ):
        raise Unclear("it does not see what 'reqrep' rules below it write")
    test, remark = _matching(asked)
    return Answer([f"use_backend {line.raws[2]}{_narrowed(line, 3, test)}"], remark=remark)


@translates(*_ALLOWING, *_PASSING)
def allowing(asked: Question) -> Answer:
    here = any(asked.section.has(word) for word in _JUDGING)
    behind = _elsewhere(asked, _JUDGING, ("frontend", "listen"), ("listen", "backend"))
    if asked.line.words[0].endswith("allow") and not here and not behind:
        return Answer()
    raise Unclear("what it exempts from later rules has to become a condition of those")


def _elsewhere(asked: Question, words: tuple[str, ...], kinds: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Whether another section of some kinds has one of the words, the section of the line being of the first kinds:
    what a frontend allows is allowed in the backend too."""
    return asked.section.kind in kinds and any(
        section is not asked.section and section.kind in others and any(section.has(word) for word in words)
        for section in asked.sections
    )
