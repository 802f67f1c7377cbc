"""do-log: a log line now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pylb.config.section_shapes import want_section
from pylb.config.words import Words
from pylb.registry import action
from pylb.rules.actions.later import want
from pylb.rules.actions.parts import ALL
from pylb.sample.site import Site

STEPS: Final = {
    "quic-initial": "quic-init",
    "tcp-request connection": "tcp-req-conn",
    "tcp-request session": "tcp-req-sess",
    "tcp-request content": "tcp-req-cont",
    "tcp-response content": "tcp-res-cont",
    "http-request": "http-req",
    "http-response": "http-res",
    "http-after-response": "http-after-res",
}
"""What log profiles and %OG call the places of rules."""


@action("do-log", places=(*ALL, "quic-initial"), usage="[profile <log profile>]")
def do_log(words: Words, site: Site) -> Callable[[Any], Callable[[Any], None]]:
    """Writes a log line now, besides the one at the end. HAProxy 3.1 and later. Manual 4.4.

    The line has the frontend's format, or what a log profile (the one named, or those of its `log` lines) says of the
    kind of rules that it stands in. It goes to the frontend's targets, as all lines of traffic.
    """
    name = ""
    if words.accept("profile"):
        name = words.next("'profile' expects a log-profile name")
        span = words.last_span
        want(site, lambda config, _: want_section(config, "log-profile", name, span, "'do-log'"))
        for proxy in site.config.proxies if site.proxy is None else (site.proxy,):
            proxy.values["do-log profiles"] = (*proxy.values.get("do-log profiles", ()), name)
    step = STEPS[site.place]

    def build(program: Any) -> Callable[[Any], None]:
        def write(ctx: Any) -> None:
            log = ctx.frontend.log
            if log is not None:
                log.now(ctx, step, name)

        return write

    return build
