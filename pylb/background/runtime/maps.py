"""Commands on maps and pattern files: show, get, add, set, del, clear (management manual 9.3).

They change the shared Reference of a file, so every rule that uses it sees the change at once. The file is not written.
"""

from __future__ import annotations

from typing import Any

from pylb.background.runtime.call import Call, CommandError
from pylb.config.words import to_bytes
from pylb.registry import Kind, Status, command, declare
from pylb.sample import references

IDENTIFY = {
    "map": "Unknown map identifier. Please use #<id> or <file>.",
    "acl": "Unknown ACL identifier. Please use #<id> or <file>.",
}
BATCH = 512  # entries written between two looks at how fast the client reads


def known(call: Call) -> list[tuple[int, Any]]:
    """Every reference with its number: the one it was given, or its place."""
    found = references.of(call.program.config)
    return [(one.number if one.number >= 0 else place, one) for place, one in enumerate(found)]


def find(call: Call, kind: str, index: int = 0) -> Any:
    text = call.arg(index)
    for number, reference in known(call):
        if reference.is_map is (kind == "map") and (text == f"#{number}" or text == reference.path):
            return reference
    raise CommandError(IDENTIFY[kind])


def text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def entry_id(reference: Any, key: bytes, value: bytes) -> str:
    """HAProxy prints an entry's address; here it is made from the entry, and `#<id>` finds it again."""
    return f"0x{hash((reference.path, key, value)) & 0xFFFFFFFFFFFF:012x}"


def key_of(call: Call, reference: Any, argument: str) -> bytes:
    """A key as given, or the one that `#<id>` names."""
    if argument.startswith("#0x"):
        for key, value in reference:
            if entry_id(reference, key, value) == argument[1:]:
                return bytes(key)
    return to_bytes(argument)


async def show(call: Call, kind: str) -> None:
    if call.args and not call.args[0].startswith("@"):
        reference = find(call, kind)
        for place, (key, value) in enumerate(list(reference)):
            tail = f" {text(value)}" if kind == "map" else ""
            call.write(f"{entry_id(reference, key, value)} {text(key)}{tail}\n")
            if place % BATCH == 0:
                await call.drain()
        return
    call.write("# id (file) description\n")
    for number, reference in known(call):
        if reference.is_map is (kind == "map"):
            call.write(
                f"{number} ({reference.path}) pattern loaded from file '{reference.path}' used by {kind}. "
                f"curr_ver=0 next_ver=0 entry_cnt={len(reference)}\n"
            )


async def get(call: Call, kind: str) -> None:
    reference = find(call, kind)
    if len(call.args) < 2:
        raise CommandError("This command expects two parameters: map identifier and key.")
    wanted = to_bytes(call.args[1])
    if not reference.uses:
        value = reference.entries.get(wanted)
        _report(call, kind, "str", False, wanted, value)
    for (method, ignore_case, _form), (index, _parse) in reference.uses.items():
        try:
            value = index.find(_subject(method, wanted))
        except ValueError:
            value = None
        _report(call, kind, method, ignore_case, wanted, value)


def _subject(method: str, wanted: bytes) -> Any:
    """What is looked up: addresses are compared packed."""
    if method != "ip":
        return wanted
    import socket

    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_pton(family, wanted.decode("ascii", "replace"))
        except OSError:
            continue
    raise ValueError(wanted)


def _report(call: Call, kind: str, method: str, ignore_case: bool, key: bytes, value: Any) -> None:
    case = "insensitive" if ignore_case else "sensitive"
    head = f"type={method}, case={case}, "
    if value is None:
        call.write(head + ("found=no\n" if kind == "map" else "match=no\n"))
    elif kind == "map":
        shown = text(value) if isinstance(value, bytes) else str(value)
        call.write(f'{head}found=yes, idx=tree, key="{text(key)}", value="{shown}", type="str"\n')
    else:
        call.write(f'{head}match=yes, idx=tree, pattern="{text(key)}"\n')


async def add(call: Call, kind: str) -> None:
    if kind == "acl":
        if len(call.args) < 2 or call.payload is not None:
            raise CommandError("'add acl' expects two parameters: ACL identifier and pattern.")
        _add(find(call, kind), to_bytes(call.args[1]), b"")
        return
    one = len(call.args) >= 3 and call.payload is None
    if not one and not (len(call.args) == 1 and call.payload is not None):
        raise CommandError(
            "'add map' expects three parameters (map identifier, key and value) or one parameter (map identifier) "
            "and a payload"
        )
    reference = find(call, kind)
    if one:
        _add(reference, to_bytes(call.args[1]), to_bytes(call.args[2]))
        return
    for line in (call.payload or "").splitlines():
        key, _, value = line.strip().partition(" ")
        if not value.strip():
            raise CommandError(f"Missing value for key '{key}'")
        _add(reference, to_bytes(key), to_bytes(value.strip()))


def _add(reference: Any, key: bytes, value: bytes) -> None:
    try:
        reference.add(key, value)
    except ValueError as error:
        raise CommandError(f"{error}.") from None


async def change(call: Call, kind: str) -> None:
    if len(call.args) < 3:
        raise CommandError("'set map' expects three parameters: map identifier, key and value.")
    reference = find(call, kind)
    try:
        found = reference.set(key_of(call, reference, call.args[1]), to_bytes(call.args[2]))
    except ValueError as error:
        raise CommandError(f"{error}.") from None
    if not found:
        raise CommandError("entry not found.")


async def remove(call: Call, kind: str) -> None:
    if len(call.args) < 2:
        what = "map identifier and key" if kind == "map" else "ACL identifier and pattern"
        raise CommandError(f"This command expects two parameters: {what}.")
    reference = find(call, kind)
    if not reference.remove(key_of(call, reference, call.args[1])):
        raise CommandError("Key not found.")


async def clear(call: Call, kind: str) -> None:
    call.arg(0, "Missing map identifier." if kind == "map" else "Missing ACL identifier.")
    find(call, kind).clear()


def _declare() -> None:
    table = (
        ("show", show, "[<{0}>]", "Lists the {1}s, or the entries of one."),
        ("get", get, "<{0}> <value>", "Looks a value up in every use of a {1}."),
        ("add", add, "<{0}> <key>", "Adds an entry to a {1}."),
        ("del", remove, "<{0}> [<key>|#<ref>]", "Removes the entries of a key from a {1}."),
        ("clear", clear, "<{0}>", "Removes all entries of a {1}."),
    )
    for kind, noun in (("map", "map"), ("acl", "pattern file")):
        for verb, work, usage, doc in table:

            async def run(call: Call, work: Any = work, kind: str = kind) -> None:
                await work(call, kind)

            status, note = Status.FULL, ""
            if verb in ("show", "clear"):
                status, note = Status.PARTIAL, "versions (@<ver>) come with prepare and commit"
            declare(
                Kind.COMMAND, f"{verb} {kind}", run, usage=usage.format(kind), doc=doc.format(kind, noun), level="user",
                status=status, note=note,
            )  # fmt: skip


_declare()


@command("set map", usage="<map> [<key>|#<ref>] <value>")
async def set_map(call: Call) -> None:
    """Gives the entries of a key another value."""
    await change(call, "map")
