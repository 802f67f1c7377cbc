"""What tests need to talk to real programs: see README.md beside this file."""

from tests.harness.client import RawClient, Reply, exchange, parse_replies
from tests.harness.differential import Site, differential, run_site
from tests.harness.origin import Conversation, Origin, answer, answers, name_server, silent
from tests.harness.peers import missing, requires
from tests.harness.ports import free_port
from tests.harness.programs import Check, Program, ProgramFailed, check, expand, start
from tests.harness.syslog import Syslog, split_httplog, split_tcplog
from tests.harness.waiting import wait_until

__all__ = [
    "Check",
    "Conversation",
    "Origin",
    "Program",
    "ProgramFailed",
    "RawClient",
    "Reply",
    "Site",
    "Syslog",
    "answer",
    "answers",
    "check",
    "differential",
    "exchange",
    "expand",
    "free_port",
    "missing",
    "name_server",
    "parse_replies",
    "requires",
    "run_site",
    "silent",
    "split_httplog",
    "split_tcplog",
    "start",
    "wait_until",
]
