"""Writes what the registry knows: docs/reference/*.md, docs/compatibility.md, the summary in the README.

    python docs/generate.py            write (`make docs`)
    python docs/generate.py --check    say what is out of date, write nothing

introductions.md has what stands above the entries of a page, with an example that a test checks.
haproxy-words.tsv lists the words of HAProxy itself (`since` 2.6: Debian's version has them; 3.5: newer), so that the
tables can also say what is not there yet. A word counts as HAProxy's when its name stands in that list; of the
configuration keywords the summary counts those of global and the proxies.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from pylb import registry, standard
from pylb.registry import Kind, Status, Word

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
_BEGIN, _END = "<!-- compatibility: begin -->", "<!-- compatibility: end -->"

Known = dict[tuple[str, str], str]  # (kind, name) -> since


def known_words() -> Known:
    with (DOCS / "haproxy-words.tsv").open(newline="") as lines:
        return {(row["kind"], row["name"]): row["since"] for row in csv.DictReader(lines, delimiter="\t")}


_MAIN = {"global", *registry.PROXY}


def elsewhere(word: Word) -> bool:
    """True for keywords of other sections than global and the proxies: `bind` of peers is not that of a frontend."""
    return word.kind is Kind.KEYWORD and not _MAIN & set(word.places)


def declared(kind: Kind) -> dict[str, Word]:
    """Name -> word of one kind; of several words with one name (global, proxies) the least complete one."""
    order = list(Status)
    found: dict[str, Word] = {}
    for word in registry.words(kind):
        for name in word.names:
            if elsewhere(word):
                continue
            if name not in found or order.index(word.status) > order.index(found[name].status):
                found[name] = word
    return found


def has(name: str, ours: Iterable[str]) -> bool:
    """True when a HAProxy name is declared, alone or as a numbered family (track-sc0 for track-sc)."""
    family = re.compile(re.escape(name) + r"\d*")
    return any(family.fullmatch(own) for own in ours)


# -- compatibility ----------------------------------------------------------------------------------------------------

_TITLES = {
    Kind.KEYWORD: "configuration keywords",
    Kind.BIND: "bind options",
    Kind.SERVER: "server options",
    Kind.BALANCE: "balance algorithms",
    Kind.FETCH: "sample fetches",
    Kind.ACL: "ACL keywords",
    Kind.CONVERTER: "converters",
    Kind.ACTION: "rule actions",
    Kind.ALIAS: "log aliases",
    Kind.FILTER: "filters",
    Kind.SERVICE: "services",
    Kind.COMMAND: "runtime commands",
}


def summary(known: Known) -> str:
    """One row per kind: of HAProxy's words, how many work, and how many of Debian's version are missing."""
    lines = [
        "| | in HAProxy | work | partly | accepted, no effect | refused at start | not there yet (newer than 2.6) |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, title in _TITLES.items():
        theirs = {name: since for (k, name), since in known.items() if k == kind.value}
        ours = declared(kind)
        by_status = dict.fromkeys(Status, 0)
        absent = newer = 0
        for name, since in theirs.items():
            if name in ours:
                by_status[ours[name].status] += 1
            elif has(name, ours):
                by_status[Status.FULL] += 1
            else:
                absent += 1
                newer += since != "2.6"
        counts = " | ".join(str(by_status[status]) for status in Status)
        lines.append(f"| {title} | {len(theirs)} | {counts} | {absent} ({newer}) |")
    return "\n".join(lines) + "\n"


def compatibility(known: Known) -> str:
    parts = [
        "# Compatibility with HAProxy\n",
        "Generated from the registry by `make docs`; do not edit. *Work*: as in HAProxy. *Partly*: the note says what\n"
        "is missing. *Accepted, no effect*: checked by `-c`, does nothing yet, and doing nothing is harmless; a\n"
        "notice says so. *Refused at start*: checked by `-c`, but starting refuses it unless `--allow-inert` is\n"
        "given, because ignoring it would let somebody in, leave something unencrypted or let another rule fire.\n"
        "*Not there yet*: an unknown word, an error as for any typing mistake.\n",
        summary(known),
    ]
    for kind, title in _TITLES.items():
        ours = declared(kind)
        lesser = sorted(name for name, word in ours.items() if word.status is not Status.FULL)
        absent = sorted(name for (k, name) in known if k == kind.value and not has(name, ours))
        if not lesser and not absent:
            continue
        parts.append(f"## {title.capitalize()}\n")
        if lesser:
            rows = [f"| `{name}` | {ours[name].status.value} | {_cell(ours[name].note)} |" for name in lesser]
            parts.append("\n".join(["| word | status | note |", "|---|---|---|", *rows]) + "\n")
        if kind is Kind.KEYWORD:
            rows = sorted(
                f"| {place}: `{word.name}` | {word.status.value} | {_cell(word.note)} |"
                for word in registry.words(kind)
                for place in word.places
                if elsewhere(word) and word.status is not Status.FULL
            )
            parts.append("\n".join(["| in other sections | status | note |", "|---|---|---|", *rows]) + "\n")
        if absent:
            names = {_numbered(name): "" if known[kind.value, name] == "2.6" else "*" for name in absent}
            parts.append(
                "Not there yet (* newer than 2.6): " + ", ".join(f"`{n}`{new}" for n, new in names.items()) + "\n"
            )
    return "\n".join(parts)


def _numbered(name: str) -> str:
    """Words that exist once per tracked counter are listed once."""
    return re.sub(r"^sc[012]_", "sc[0-2]_", name)


# -- reference --------------------------------------------------------------------------------------------------------


def _cell(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text).replace("|", "\\|")


def _synopsis(word: Word, name: str) -> str:
    if word.kind in (Kind.FETCH, Kind.CONVERTER):
        args = [str(arg) for arg in word.facts.get("args", ())]
        given = ",".join(f"[<{arg[:-1]}>]" if arg.endswith("?") else f"<{arg}>" for arg in args)
        takes = f"{word.facts['takes']} -> " if "takes" in word.facts else ""
        return f"{name}{f'({given})' if given else ''} : {takes}{word.facts.get('out', '')}"
    if word.kind is Kind.ALIAS:
        return f"%{name}"
    return f"{name} {word.usage}".strip()


def entry(word: Word) -> str:
    """One manual entry: names, synopsis, where, status, text."""
    title = ", ".join(f"`{'%' if word.kind is Kind.ALIAS else ''}{name}`" for name in word.names)
    lines = [f"### {title}\n", "```", _synopsis(word, word.name), "```\n"]
    facts = []
    if word.places:
        facts.append("in " + ", ".join(word.places))
    scope = word.facts.get("scope")
    if scope is not None:
        facts.append(f"scope {getattr(scope, 'name', scope) or scope}".lower())
    if word.facts.get("negatable"):
        facts.append("takes `no`")
    if "level" in word.facts:
        facts.append(f"level {word.facts['level']}")
    if word.status is not Status.FULL:
        facts.append(f"**{word.status.value}**" + (f": {word.note}" if word.note else ""))
    elif word.note:
        facts.append(word.note)
    if facts:
        lines.append("; ".join(facts) + "\n")
    if word.doc:
        lines.append(word.doc + "\n")
    return "\n".join(lines)


_PAGES: dict[str, tuple[str, Kind, str]] = {
    "global": ("Keywords of the global section", Kind.KEYWORD, "global"),
    "proxies": ("Keywords of defaults, frontend, listen and backend", Kind.KEYWORD, "proxies"),
    "bind": ("Options of bind lines", Kind.BIND, ""),
    "server": ("Options of server lines", Kind.SERVER, ""),
    "balance": ("Balance algorithms", Kind.BALANCE, ""),
    "actions": ("Actions of rules", Kind.ACTION, ""),
    "fetches": ("Sample fetches", Kind.FETCH, ""),
    "acl-keywords": ("ACL keywords", Kind.ACL, ""),
    "matches": ("Match methods", Kind.MATCH, ""),
    "converters": ("Converters", Kind.CONVERTER, ""),
    "log-aliases": ("Log aliases", Kind.ALIAS, ""),
    "checks": ("Health checks", Kind.CHECK, ""),
    "filters": ("Filters", Kind.FILTER, ""),
    "services": ("Services", Kind.SERVICE, ""),
    "commands": ("Commands of the runtime socket", Kind.COMMAND, ""),
}
_PROXIES = set(registry.PROXY)
_GENERATED = "Generated from the registry by `make docs`; do not edit.\n"


def introductions() -> dict[str, str]:
    """Page -> its introduction and example, as docs/introductions.md has them under `# page`."""
    parts = re.split(r"^# (\S+)\n", (DOCS / "introductions.md").read_text(), flags=re.MULTILINE)
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def _belongs(word: Word, where: str) -> bool:
    places = set(word.places)
    if where == "global":
        return "global" in places and not places & _PROXIES
    if where == "proxies":
        return bool(places & _PROXIES)
    return not where or where in places


def pages() -> dict[str, tuple[str, list[Word]]]:
    """Page -> title and words: the kinds, and each section that has a page of its own."""
    found = {
        name: (title, [word for word in registry.words(kind) if _belongs(word, where)])
        for name, (title, kind, where) in _PAGES.items()
    }
    for section in sorted(registry.words(Kind.SECTION), key=lambda word: word.names):
        if section.name not in _MAIN:
            words = [word for word in registry.words(Kind.KEYWORD) if section.name in word.places]
            found[section.name] = (f"The section {section.name}", [section, *words])
    return {name: (title, words) for name, (title, words) in found.items() if words}


def _overview(words: list[Word]) -> str:
    """The names of a page; of actions, those of each place."""
    if words[0].kind is not Kind.ACTION:
        return ", ".join(f"`{name}`" for name in sorted({name for word in words for name in word.names})) + "\n"
    rows = ["| place | actions |", "|---|---|"]
    for place in registry.places(Kind.ACTION):
        names = ", ".join(f"`{name}`" for name in sorted(registry.names(Kind.ACTION, place)))
        rows.append(f"| `{place}` | {names} |")
    return "\n".join(rows) + "\n"


def page(title: str, words: list[Word], introduction: str) -> str:
    ordered = sorted(words, key=lambda word: (word.kind is not Kind.SECTION, word.names))
    parts = [f"# {title}\n", _GENERATED, *([introduction + "\n"] if introduction else []), _overview(ordered)]
    return "\n".join(parts) + "\n" + "\n".join(entry(word) for word in ordered)


def contents(listed: dict[str, tuple[str, list[Word]]]) -> str:
    rows = [f"| [{title}]({name}.md) | {len(words)} |" for name, (title, words) in listed.items()]
    return "\n".join(["# Reference\n", _GENERATED, "| page | entries |", "|---|---|", *rows]) + "\n"


def readme_with(text: str, known: Known) -> str:
    before, _, rest = text.partition(_BEGIN)
    _, mark, after = rest.partition(_END)
    if not mark:
        raise ValueError("README.md has no compatibility marks")
    return f"{before}{_BEGIN}\n{summary(known)}{_END}{after}"


def everything() -> dict[Path, str]:
    """Every generated file with its content."""
    standard.load()
    known = known_words()
    files = {DOCS / "compatibility.md": compatibility(known)}
    listed, texts = pages(), introductions()
    for name, (title, words) in listed.items():
        files[DOCS / "reference" / f"{name}.md"] = page(title, words, texts.get(name, ""))
    files[DOCS / "reference" / "README.md"] = contents(listed)
    readme = ROOT / "README.md"
    files[readme] = readme_with(readme.read_text(), known)
    return files


def outdated(files: dict[Path, str]) -> list[Path]:
    """Files that differ from what would be generated, and pages that would not be there."""
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    return stale + [path for path in (DOCS / "reference").glob("*.md") if path not in files]


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="generate the reference from the registry")
    parser.add_argument("--check", action="store_true", help="only say what is out of date")
    options = parser.parse_args(argv)
    files = everything()
    stale = outdated(files)
    for path in stale:
        print(path.relative_to(ROOT))
        if options.check:
            continue
        if path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path])
        else:
            path.unlink()
    return int(options.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
