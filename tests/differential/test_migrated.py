"""What `pylb migrate` writes is accepted by HAProxy and by pylb, and does to traffic what the old words did."""

from __future__ import annotations

import pytest

from pylb.editing import migrate
from tests.differential.test_legacy import ANSWER, CASES, config, run_all
from tests.harness import check, requires
from tests.harness.differential import hide, run_site
from tests.harness.origin import answer

pytestmark = requires("haproxy")

OLD = {
    "1.4": r"""# a classic
global
    maxconn 100
    tune.chksize 8192
defaults
    mode http
    clitimeout 50000   # as ever
    srvtimeout 50000
    contimeout 5000
    redispatch
    option forceclose

listen  web 127.0.0.1:$(web)
    appsession JSESSIONID len 52 timeout 3h request-learn
    reqirep ^Host:\ www.(.*) Host:\ \1
    rspidel ^Server:
    rspadd X-Frame-Options:\ DENY
    block if { path_beg /private }
    server s1 127.0.0.1:$(s1) cookie a
""",
    "1.8": r"""global
    nbproc 1
    grace 1s
    tune.chksize 16384
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
    option independant-streams
    option http-use-htx
frontend f
    bind 127.0.0.1:$(f) process 1
    bind-process all
    monitor-net 198.51.100.0/24
    reqadd X-Proto:\ http
    reqrep ^([^\ :]*)\ /static/(.*) \1\ /\2
    http-request set-header X-First 1
    default_backend b
backend b
    option httpchk GET /alive "HTTP/1.1\r\nHost: www"
    server s1 127.0.0.1:$(s1)
backend d
    dispatch 127.0.0.1:$(s1)
backend t
    option transparent
frontend health
    mode health
    bind 127.0.0.1:$(health)
""",
}


@pytest.mark.parametrize("name", OLD)
def test_migrated_files_are_accepted_without_a_complaint(name: str) -> None:
    old = OLD[name]
    new, remarks = migrate.migrate(old)
    assert not any(remark.kept for remark in remarks)
    assert check("haproxy", old).code != 0
    for kind in ("haproxy", "pylb"):
        result = check(kind, new)
        assert result.code == 0, result.output
        assert "old syntax" not in result.output
        assert " since HAProxy " not in result.output


TRANSLATED = {
    name: case
    for name, case in CASES.items()
    # Paths of absolute targets are rewritten too, today: see migrate_rules.
    if name != "path-absolute" and not migrate.migrate(f"frontend f\n mode http\n {case.old}\n")[1]
}


def test_migrated_rules_do_in_haproxy_what_the_old_ones_do_in_pylb() -> None:
    assert len(TRANSLATED) > 12
    old = config(False, TRANSLATED)
    new = migrate.migrate(old)[0]
    found = {}
    for kind, text in (("pylb", old), ("haproxy", new)):
        with run_site(kind, text, {"s1": answer(ANSWER)}) as site:
            found[kind] = run_all(site, TRANSLATED)
    assert hide(found["pylb"]) == hide(found["haproxy"])
