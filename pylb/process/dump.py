"""`-dK`: the registered words, by class, in HAProxy's layout; `-dL`, `-dA`: loaded object files."""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator

from pylb import registry
from pylb.registry import Kind, Word


def _of(kind: Kind) -> list[Word]:
    return sorted(registry.words(kind), key=lambda word: word.name)


def _configuration() -> Iterator[str]:
    """Sections with their keywords; bind and server options as HAProxy prints them, below `listen`."""
    for place in sorted(registry.places(Kind.KEYWORD)):
        yield place
        for name in sorted(registry.names(Kind.KEYWORD, place)):
            yield f"\t{name}"
        if place == "listen":
            for prefix, kind in (("bind <addr>", Kind.BIND), ("server <name> <addr>", Kind.SERVER)):
                for word in _of(kind):
                    for name in word.names:
                        yield f"\t{prefix} {name}{' +1' if word.usage else ''}"


def _plain(kind: Kind) -> Callable[[], Iterator[str]]:
    def lines() -> Iterator[str]:
        for word in _of(kind):
            for name in word.names:
                yield f"\t{name}"

    return lines


def _samples(kind: Kind) -> Callable[[], Iterator[str]]:
    def lines() -> Iterator[str]:
        for word in _of(kind):
            arguments = ",".join(word.facts.get("args", ()))
            takes = word.facts.get("takes")
            out = word.facts.get("out", "")
            for name in word.names:
                yield f"\t{name}({arguments}): {takes + ' => ' if takes else ''}{out}"

    return lines


def _actions() -> Iterator[str]:
    for place in sorted(registry.places(Kind.ACTION)):
        for name in sorted(registry.names(Kind.ACTION, place)):
            yield f"\t{place} {name}"


CLASSES: dict[str, tuple[str, Callable[[], Iterable[str]]]] = {
    "cfg": ("configuration keywords", _configuration),
    "act": ("actions", _actions),
    "acl": ("ACL keywords", _plain(Kind.ACL)),
    "smp": ("sample fetch functions", _samples(Kind.FETCH)),
    "cnv": ("sample converter functions", _samples(Kind.CONVERTER)),
    "flt": ("filter names", _plain(Kind.FILTER)),
    "svc": ("service names", _plain(Kind.SERVICE)),
    "cli": ("CLI keywords", _plain(Kind.COMMAND)),
}


def words(classes: list[str]) -> str:
    """The text of -dK for some classes; all for "all" or none named."""
    wanted = list(CLASSES) if not classes or "all" in classes else [name for name in classes if name in CLASSES]
    parts: list[str] = []
    for name in wanted:
        title, lines = CLASSES[name]
        parts.append(f"# List of registered {title}:")
        parts += lines()
    return "".join(line + "\n" for line in parts)


def help_text() -> str:
    """What `-dKhelp` prints."""
    lines = ["# List of supported keyword classes:", "all: list all keywords"]
    lines += [f"{name}: {title}" for name, (title, _) in CLASSES.items()]
    return "".join(line + "\n" for line in lines)


def objects() -> str:
    """What -dL prints."""
    return "List of loaded object files:\n" + "".join(f"{path}\n" for path in loaded())


def archive(path: str) -> None:
    """-dA: the loaded object files themselves, as a tar file. Raises OSError."""
    with tarfile.open(path, "w", dereference=True) as tar:
        for name in loaded():
            tar.add(name)


def loaded() -> list[str]:
    """The executable and every shared object in memory."""
    seen: dict[str, None] = {sys.executable: None}
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            path = line.rstrip("\n").partition("/")[2]
            if path and ".so" in path:
                seen.setdefault(f"/{path}")
    return list(seen)
