"""setenv, presetenv, unsetenv, resetenv: the environment that `$NAME` sees and that children inherit (manual 3.1)."""

from __future__ import annotations

from typing import Final

from pylb.config.words import Line
from pylb.errors import ConfigError
from pylb.registry import keyword

PREDEFINED: Final[dict[str, str]] = {}
"""Variables that exist while a configuration is read, with values of other rooms (the log formats of 8.2). They may be
changed like others and are gone afterwards: neither `show env` nor children see them."""


def _pair(line: Line) -> tuple[str, str]:
    if len(line.words) < 3:
        raise ConfigError(f"'{line.name}' expects a name and a value.", line.span)
    if len(line.words) > 3:
        line.notice(f"'{line.name}' : '{line.words[3]}' has no effect.")  # HAProxy overlooks one word too many
    return line.words[1], line.words[2]


@keyword("setenv", places="global", usage="<name> <value>", arity=(0, 3))
def setenv(line: Line) -> None:
    """Sets an environment variable, for the rest of the configuration and for the process."""
    name, value = _pair(line)
    line.config.environment[name] = value


@keyword("presetenv", places="global", usage="<name> <value>", arity=(0, 3))
def presetenv(line: Line) -> None:
    """Sets an environment variable unless there is one of that name, even an empty one."""
    name, value = _pair(line)
    line.config.environment.setdefault(name, value)


@keyword(
    "unsetenv",
    places="global",
    usage="<name> ...",
    arity=(1, None),
    expects="'unsetenv' expects at least one variable name.",
)
def unsetenv(line: Line) -> None:
    """Removes environment variables."""
    for name in line.args().rest():
        line.config.environment.pop(name, None)


@keyword("resetenv", places="global", usage="[<name> ...]", arity=(0, None))
def resetenv(line: Line) -> None:
    """Removes every environment variable except the named ones."""
    kept = set(line.args().rest())
    for name in [name for name in line.config.environment if name not in kept]:
        del line.config.environment[name]
