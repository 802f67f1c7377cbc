"""The fetch `acl`: named ACLs where an expression stands (manual 7.3.2)."""

from __future__ import annotations

import dataclasses
from typing import Any, Final, NamedTuple

from pylb.registry import fetch
from pylb.sample import acl, arguments, condition
from pylb.sample.acl import Acl, Check
from pylb.sample.scopes import Point, Scope
from pylb.sample.site import Site
from pylb.sample.values import WAIT, Fetch

_MOST: Final = 12
_EVERYWHERE: Final = Point((1 << 22) - 1)


class Named(NamedTuple):
    """An ACL as it stands where it is named."""

    acl: Acl
    negated: bool
    site: Site

    def compile(self, program: Any) -> Check:
        # The line of an ACL does not know yet where it will be evaluated.
        site = self.site if self.site.points else dataclasses.replace(self.site, points=_EVERYWHERE)
        return self.acl.compile(site, program)


def _named(text: bytes, site: Site) -> Named:
    name = text.decode("utf-8", "surrogateescape")
    bare = name.lstrip("!")
    known: dict[str, Acl] = site.proxy.acls if site.proxy is not None else {}
    found = known.get(bare)
    if found is None:
        if bare not in acl.PREDEFINED:
            raise ValueError(f"ACL '{bare}' not found")
        found = condition.predefined(bare, site)
    return Named(found, bool((len(name) - len(bare)) % 2), site)


arguments.CHECKS["acl"] = _named


@fetch(
    "acl",
    out="bool",
    scope=Scope.ANYWHERE,
    args=("acl", *["acl?"] * (_MOST - 1)),
    usage="([!]<name>[,...])",
    program=True,
)
def acl_fetch(*names: Named, program: Any) -> Fetch:
    """True when all the named ACLs hold, `!` before a name inverting one; up to twelve.

    They must be declared before, or be predefined. Whether what they read exists where the expression stands is not
    checked: there they do not hold. HAProxy 2.9 and later.
    """
    checks = tuple((each.compile(program), each.negated) for each in names)

    def read(ctx: Any) -> Any:
        for check, negated in checks:
            answer = check(ctx)
            if answer is WAIT:
                return WAIT
            if answer is negated:
                return False
        return True

    return read
