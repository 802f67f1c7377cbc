"""Actions that change maps and ACL files in memory: set-map, del-map, add-acl, del-acl (manual 4.2).

A change reaches every expression that uses the same file at once. It is gone with the process: files are not written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pylb.config.words import Words
from pylb.registry import action
from pylb.rules.actions.parts import take_format
from pylb.rules.hooks import argument
from pylb.sample import references
from pylb.sample.site import Site

Build = Callable[[Any], Callable[[Any], None]]
_PLACES: Final = ("http-request", "http-response")
_AFTER: Final = (*_PLACES, "http-after-response")


def _file(words: Words, site: Site, *, is_map: bool) -> Callable[[], references.Reference]:
    """The file in the parentheses; it is looked up when everything is parsed, after the expressions that read it."""
    path = argument(words)

    def find() -> references.Reference:
        known = references.of(site.config)
        found = (known.maps if is_map else known.lists).get(path) or known.find(path)
        if found is not None:
            return found
        # A file that no expression reads is never opened (observed): what rules write, nobody looks up.
        found = references.Reference(path, is_map=is_map)
        (known.maps if is_map else known.lists)[path] = found
        return found

    return find


@action("set-map", places=_AFTER, usage="(<file>) <key format> <value format>", parenthesis=True)
def set_map(words: Words, site: Site) -> Build:
    """Gives a key of a map another value, or adds the key. Manual 4.2."""
    find = _file(words, site, is_map=True)
    message = "expects exactly 2 arguments"
    key_text = take_format(words, site, message)
    value_text = take_format(words, site, message)

    def build(program: Any) -> Callable[[Any], None]:
        reference, key_of, value_of = find(), key_text.compile(program), value_text.compile(program)

        def act(ctx: Any) -> None:
            key, value = key_of(ctx), value_of(ctx)
            try:
                if not reference.set(key, value):
                    reference.add(key, value)
            except ValueError:
                return  # the value does not fit the type that some expression reads: as HAProxy, nothing changes

        return act

    return build


@action("del-map", places=_AFTER, usage="(<file>) <key format>", parenthesis=True)
def del_map(words: Words, site: Site) -> Build:
    """Removes a key from a map. Manual 4.2."""
    return _removing(words, site, is_map=True)


@action("del-acl", places=_AFTER, usage="(<file>) <key format>", parenthesis=True)
def del_acl(words: Words, site: Site) -> Build:
    """Removes a pattern from an ACL file. Manual 4.2."""
    return _removing(words, site, is_map=False)


def _removing(words: Words, site: Site, *, is_map: bool) -> Build:
    find = _file(words, site, is_map=is_map)
    text = take_format(words, site, "expects exactly 1 arguments")

    def build(program: Any) -> Callable[[Any], None]:
        reference, key_of = find(), text.compile(program)

        def act(ctx: Any) -> None:
            reference.remove(key_of(ctx))

        return act

    return build


@action("add-acl", places=_PLACES, usage="(<file>) <key format>", parenthesis=True)
def add_acl(words: Words, site: Site) -> Build:
    """Adds a pattern to an ACL file unless it is there already. Manual 4.2."""
    find = _file(words, site, is_map=False)
    text = take_format(words, site, "expects exactly 1 arguments")

    def build(program: Any) -> Callable[[Any], None]:
        reference, key_of = find(), text.compile(program)

        def act(ctx: Any) -> None:
            key = key_of(ctx)
            if key in reference.entries:
                return
            try:
                reference.add(key)
            except ValueError:
                return  # no pattern of the method that some ACL uses: as HAProxy, nothing changes

        return act

    return build
