"""set-var, set-var-fmt and unset-var (manual 4.2; 2.8 on scopes)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pylb.config.words import Words
from pylb.errors import ConfigError
from pylb.registry import action
from pylb.rules.actions.parts import ALL
from pylb.sample import expression, logformat
from pylb.sample import variables as store
from pylb.sample.site import Site
from pylb.sample.values import Absent, Typed

Build = Callable[[Any], Callable[[Any], None]]
FORMS = "Expects 'set-var(<var-name>)', 'set-var-fmt(<var-name>)' or 'unset-var(<var-name>)'"


def _named(words: Words) -> tuple[store.Name, list[store.Test]]:
    """Variable and conditions in the parentheses of the action's name."""
    text = words.line.words[words.index - 1]
    verb, bracket, rest = text.partition("(")
    if verb not in ("set-var", "set-var-fmt", "unset-var"):
        words.fail(f"invalid or incomplete action '{text}'. {FORMS}")
    if not bracket:
        words.fail(f"invalid or incomplete action '{verb}'. {FORMS}")
    if not rest.endswith(")"):
        words.fail(f"incomplete argument after action '{text}'. {FORMS}")
    name, *conditions = [part.strip() for part in rest[:-1].split(",")]
    if not name:
        words.fail("Empty variable name cannot be accepted")
    tests: list[store.Test] = []
    try:
        variable = store.parse_name(name)
    except ValueError as error:
        raise ConfigError(str(error), words.last_span) from None
    for condition in conditions:
        test = store.test_of(condition, variable)
        if test is None:
            words.fail(f"invalid condition '{condition}'")
        tests.append(test)
    return variable, tests


def _storing(read: Callable[[Any], Any], kind: str, name: store.Name, tests: list[store.Test]) -> Callable[[Any], None]:
    write = store.writer(name)
    old = store.reader(name)

    def typed(ctx: Any) -> None:
        value = read(ctx)
        if not isinstance(value, Absent):
            write(ctx, value)

    def plain(ctx: Any) -> None:
        value = read(ctx)
        if not isinstance(value, Absent):
            write(ctx, Typed(kind, value))

    def conditional(ctx: Any) -> None:
        value = read(ctx)
        if isinstance(value, Absent):
            return
        new = value if kind == "any" else Typed(kind, value)
        before = old(ctx)
        if all(test(before, new) for test in tests):
            write(ctx, new)

    if tests:
        return conditional
    return typed if kind == "any" else plain


@action("set-var", places=ALL, usage="(<scope>.<name>[,<condition>...]) <expression>", parenthesis=True)
def set_var(words: Words, site: Site) -> Build:
    """Stores the value of an expression in a variable; nothing changes when the expression yields nothing. Conditions,
    of which all must hold: ifexists, ifnotexists, ifset, ifnotset (the variable), ifempty, ifnotempty (the value; only
    texts are ever empty), ifgt, iflt (the variable is greater or less, when both are integers). Manual 4.2."""
    name, tests = _named(words)
    parsed = expression.parse(words, site)
    return lambda program: _storing(parsed.compile(program), parsed.type, name, tests)


@action("set-var-fmt", places=ALL, usage="(<scope>.<name>[,<condition>...]) <format>", parenthesis=True)
def set_var_fmt(words: Words, site: Site) -> Build:
    """Stores a formatted text in a variable. Conditions as for set-var. Manual 4.2."""
    name, tests = _named(words)
    following = words.peek()
    text = logformat.parse("" if following is None or following in ("if", "unless") else words.next(), site)
    return lambda program: _storing(text.compile(program), "str", name, tests)


@action("unset-var", places=ALL, usage="(<scope>.<name>)", parenthesis=True)
def unset_var(words: Words, site: Site) -> Build:
    """Forgets a variable. Manual 4.2."""
    name, _ = _named(words)
    return lambda program: store.eraser(name)
