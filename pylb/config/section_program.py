"""program: programs that the master starts beside the workers (manual of HAProxy up to 3.2). Only checked so far.

`command` is UNSAFE: what the program does for the proxies (an engine that decides, a helper) would be missing. The
other words say how it runs, and are harmless as long as it does not.
"""

from __future__ import annotations

import grp
import pwd
from typing import TYPE_CHECKING

from pylb.config.section_shapes import declare_section, family
from pylb.errors import ConfigError
from pylb.registry import Status, keyword

if TYPE_CHECKING:
    from pylb.config.model import Configuration
    from pylb.config.words import Line

declare_section(
    "program",
    "A program that runs beside the workers, under the master. It is not started.",
    missing="'program' expects an <id> argument",
    duplicate="'{name}' program section already exists in the configuration.",
    strict=False,
    fatal=True,
)
family("option", "program", "'option' expects an option name.", "unknown option '{word}'.")


@keyword("command", places="program", usage="<command> [argument*]", status=Status.UNSAFE, note="not started")
def command(line: Line) -> None:
    """The program and its arguments."""
    words = line.args()
    if words.end:
        words.fail("'command' expects a command with optional arguments separated in words.")
    line.set(words.rest())


@keyword("user", places="program", usage="<name>", arity=(0, 1), status=Status.HARMLESS)
def user(line: Line) -> None:
    """The user that runs the program."""
    words = line.args()
    name = words.next("'user' expects a user name.")
    try:
        line.set(pwd.getpwnam(name).pw_uid)
    except KeyError:
        words.fail(f"cannot find user id for '{name}' (0:Success)")


@keyword("group", places="program", usage="<name>", arity=(0, 1), status=Status.HARMLESS)
def group(line: Line) -> None:
    """The group that the program runs in."""
    words = line.args()
    name = words.next("'group' expects a group name.")
    try:
        line.set(grp.getgrnam(name).gr_gid)
    except KeyError:
        words.fail(f"cannot find group id for '{name}' (0:Success)")


@keyword("option start-on-reload", places="program", negatable=True, arity=(0, 0), status=Status.HARMLESS)
def start_on_reload(line: Line) -> None:
    """Whether a reload starts the program anew; it does unless `no` stands before."""
    if line.reset:
        raise ConfigError(
            "'option start-on-reload' cannot handle unexpected argument 'start-on-reload'.", line.spans[-1]
        )
    line.set(not line.negated)


def check(config: Configuration) -> None:
    records = config.sections.get("program", {})
    for record in records.values():
        if record.get("command") is None:
            config.report.alert(f"The program section '{record.name}' lacks a command to launch.")
    if records and not (config.globals.get("master-worker") or config.globals.get("command line -W")):
        config.report.alert("Can't use a 'program' section without master worker mode.")
