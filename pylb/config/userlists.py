"""userlist: names, passwords and groups for `http_auth` and `http_auth_group` (manual 12.2).

The record keeps values["users"]: name -> User and values["groups"]: name -> set of user names. Passwords are checked by
the words that use the list; here they stay as written.
"""

from __future__ import annotations

from dataclasses import dataclass

from pylb.config.model import Record
from pylb.config.sections import check_name
from pylb.config.words import Line
from pylb.errors import ConfigError, Span
from pylb.registry import keyword, section


@dataclass(frozen=True, slots=True)
class User:
    """One `user` line. `password` is a crypt(3) hash unless `clear`; None when none was given."""

    name: str
    password: str | None
    clear: bool


@section("userlist", usage="<name>")
def open_userlist(line: Line) -> Record:
    """Users and groups of users, by name, for HTTP authentication."""
    if len(line.words) < 2:
        raise ConfigError("'userlist' expects <name> as arguments.", line.span)
    if len(line.words) > 2:
        raise ConfigError(f"'userlist' cannot handle unexpected argument '{line.words[2]}'.", line.spans[2])
    name = line.words[1]
    check_name(line, name)
    lists = line.config.sections.setdefault("userlist", {})
    record = Record("userlist", name, line.span)
    record.set("users", {})
    record.set("groups", {})
    if name in lists:
        line.warning(f"ignoring duplicated userlist '{name}'.")
        return record
    lists[name] = record
    return record


@keyword("group", places="userlist", usage="<name> [users <user>[,...]]")
def group(line: Line) -> None:
    """A group, and optionally its users."""
    words = line.args()
    name = words.next("'group' expects <name> as arguments.")
    groups = line.record.values.setdefault("groups", {})
    if name in groups:
        return line.warning(f"ignoring duplicated group '{name}' in userlist '{line.record.name}'.")
    members: set[str] = set()
    if words.accept("users"):
        members.update(filter(None, ("" if words.end else words.next()).split(",")))
    if not words.end:
        raise ConfigError("'group' only supports 'users' option.", words.span)
    groups[name] = members


@keyword("user", places="userlist", usage="<name> [password|insecure-password <text>] [groups <group>[,...]]")
def user(line: Line) -> None:
    """A user, the password (hashed, or in clear with insecure-password) and the groups that the user is in."""
    words = line.args()
    name = words.next("'user' expects <name> as arguments.")
    record = line.record
    if name in record.values.setdefault("users", {}):
        return line.warning(f"ignoring duplicated user '{name}' in userlist '{record.name}'.")
    password: str | None = None
    clear = False
    while not words.end:
        option = words.next()
        if option in ("password", "insecure-password"):
            password = "" if words.end else words.next()  # HAProxy takes none too; it matches nobody
            clear = option == "insecure-password"
        elif option == "groups":
            wanted = filter(None, ("" if words.end else words.next()).split(","))
            record.values.setdefault("memberships", []).append((name, list(wanted), words.last_span))
        else:
            words.fail("'user' only supports 'password', 'insecure-password' and 'groups' options.")
    record.values.setdefault("users", {})[name] = User(name, password, clear)


def resolve(record: Record) -> list[tuple[str, Span]]:
    """Joins users and groups after the whole list is read; returns (message, span) of what does not fit."""
    problems: list[tuple[str, Span]] = []
    users, groups = record.values.setdefault("users", {}), record.values.setdefault("groups", {})
    for name, wanted, span in record.values.pop("memberships", []):
        for group_name in wanted:
            if group_name not in groups:
                problems.append(
                    (f"userlist '{record.name}': no such group '{group_name}' specified in user '{name}'", span)
                )
            else:
                groups[group_name].add(name)
    for group_name, members in groups.items():
        for member in sorted(members - users.keys()):
            problems.append(
                (f"userlist '{record.name}': no such user '{member}' specified in group '{group_name}'", record.span)
            )
    return problems
