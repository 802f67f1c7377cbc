"""What `-v` and `-vv` print. The first lines have HAProxy's layout because tools read them; the content is about pylb.

The HAProxy version named first is the one whose language pylb speaks (config/conditions.py); features are listed with
`+` only when the words behind them work here.
"""

from __future__ import annotations

import os
import platform
import ssl
import sys

from pylb import __version__
from pylb.config.conditions import HAPROXY_VERSION

DATE = "2026/11/22"


def short() -> str:
    """The lines of -v, which also head -vv and the usage."""
    system = os.uname()
    return (
        f"HAProxy version {HAPROXY_VERSION}-pylb-{__version__} {DATE} - pylb, a load balancer in Python\n"
        f"Status: pylb {__version__} speaks the language of HAProxy {HAPROXY_VERSION}; it is not HAProxy.\n"
        f"Running on: {system.sysname} {system.release} {system.version} {system.machine}\n"
    )


def long() -> str:
    """The lines of -vv. Needs the complete registry."""
    from importlib import metadata

    from pylb import standard
    from pylb.config import conditions

    standard.load()
    features = conditions.features()
    marks = " ".join(("+" if present else "-") + name for name, present in features.items())
    options = " ".join(f"USE_{name}=1" for name, present in features.items() if present)
    return (
        f"{short()}"
        "Build options :\n"
        "  TARGET  = linux-glibc\n"
        f"  CPU     = {platform.machine()}\n"
        f"  CC      = {platform.python_compiler()}\n"
        f"  OPTIONS = {options}\n"
        "\n"
        f"Feature list : {marks}\n"
        "\n"
        "Default settings :\n"
        "  bufsize = 16384, maxrewrite = 1024, maxpollevents = 256\n"
        "\n"
        f"Running on Python version : {platform.python_version()} ({sys.implementation.name})\n"
        f"Event loop : uvloop {metadata.version('uvloop')}\n"
        f"Running on OpenSSL version : {ssl.OPENSSL_VERSION}\n"
        "\n"
        "Available polling systems :\n"
        "      epoll : pref=300,  test result OK\n"
        "Total: 1 (1 usable), will use epoll.\n"
        "\n"
        f"{_protocols()}"
        f"{_words()}"
    )


def _protocols() -> str:
    return (
        "Available multiplexer protocols :\n"
        "(protocols marked as <default> cannot be specified using 'proto' keyword)\n"
        "  <default> : mode=HTTP  side=FE|BE  mux=H1    flags=HTX\n"
        "         h1 : mode=HTTP  side=FE|BE  mux=H1    flags=HTX|NO_UPG\n"
        "  <default> : mode=TCP   side=FE|BE  mux=PASS  flags=\n"
        "       none : mode=TCP   side=FE|BE  mux=PASS  flags=NO_UPG\n"
        "\n"
    )


def _words() -> str:
    from pylb import registry
    from pylb.registry import Kind

    services = [name for word in registry.words(Kind.SERVICE) if not word.status.inert for name in word.names]
    filters = [name for word in registry.words(Kind.FILTER) if not word.status.inert for name in word.names]
    listed = "".join(f"\t[{name.upper()[:4]:>4}] {name}\n" for name in filters) or "\tnone\n"
    return f"Available services : {' '.join(services) or 'none'}\nAvailable filters :\n{listed}"
