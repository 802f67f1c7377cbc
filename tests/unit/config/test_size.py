"""Reading and checking take time linear in the length of a file: four times the lines, about four times the time.

Ratios, not seconds; whatever walks over all proxies, servers or rules for each line shows here as a ratio near 16.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator

import pytest

from benchmarks.large_files import distinct, equal
from pylb import standard
from pylb.config.reader import parse_text
from pylb.program import Program

standard.load()

HEAD = "defaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\nfrontend f\n bind :1\n"


def one_backend(count: int) -> str:
    return f"{HEAD}backend b\n" + "".join(f" server s{n} 10.0.0.1:80 id {n + 1} cookie c{n}\n" for n in range(count))


def heirs_of_rules(count: int) -> str:
    lines = "".join(f"backend b{n} from d\n server s 10.0.0.1:80\n" for n in range(count))
    return (
        f"{HEAD}defaults d\n mode http\n timeout connect 1s\n timeout server 1s\n http-request set-header a b\n{lines}"
    )


def many_defaults(count: int) -> str:
    return HEAD + "".join(f"defaults d{n}\n timeout connect 1s\nbackend b{n} from d{n}\n" for n in range(count))


def many_frontends(count: int) -> str:
    return HEAD + "".join(f"frontend f{n}\n bind :1\n default_backend b{n}\nbackend b{n}\n" for n in range(count))


def many_rules(count: int) -> str:
    return HEAD + "".join(f" http-request set-header x{n} 'a b' if {{ path /{n} }}\n" for n in range(count))


def unknown_backends(count: int) -> str:
    return HEAD + "".join(f" use_backend no{n} if {{ path /{n} }}\n" for n in range(count)) + "backend b\n"


def unknown_words(count: int) -> str:
    return HEAD + "".join(f" timout client {n}\n" for n in range(count))


def tracked(count: int) -> str:
    first = "".join(f" server s{n} 10.0.0.1:80 check\n" for n in range(count))
    return f"{HEAD}backend b\n{first}backend c\n" + "".join(f" server s{n} :80 track b/s{n}\n" for n in range(count))


def generated(make: Callable[[int], Iterator[str]]) -> Callable[[int], str]:
    return lambda count: "".join(make(count // 8))


FILES: dict[str, tuple[Callable[[int], str], int]] = {
    "equal": (generated(equal), 800),
    "distinct": (generated(distinct), 400),
    "one backend": (one_backend, 1500),
    "heirs of rules": (heirs_of_rules, 500),
    "many defaults": (many_defaults, 400),
    "many frontends": (many_frontends, 300),
    "many rules": (many_rules, 500),
    "unknown backends": (unknown_backends, 300),
    "unknown words": (unknown_words, 200),
    "tracked": (tracked, 600),
}


def seconds(text: str) -> float:
    """CPU time of the quickest of some loads, without the collector."""
    times = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            begin = time.process_time()
            Program(parse_text(text)).check()
            times.append(time.process_time() - begin)
    finally:
        gc.enable()
    return min(times)


@pytest.mark.parametrize("name", FILES)
def test_time_grows_with_the_length_of_the_file(name: str) -> None:
    make, count = FILES[name]
    small, large = make(count), make(4 * count)
    seconds(small)  # warm: caches of patterns, imports
    for _ in range(3):
        ratio = seconds(large) / seconds(small)
        if ratio < 7:
            return
    pytest.fail(f"four times the lines take {ratio:.1f} times the time")
