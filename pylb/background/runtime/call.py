"""One command being carried out: its words, its session, and where its answer goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pylb.background.runtime.process_facts import ProcessFacts
    from pylb.background.runtime.service import Session

LEVELS: Final = ("user", "operator", "admin")
SEVERITIES: Final = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
HIGH_WATER: Final = 1 << 16


class CommandError(Exception):
    """The command cannot be carried out; the text is the answer, at level err.

    `end`: a few of HAProxy's answers have no line end.
    """

    def __init__(self, text: str, end: str = "\n") -> None:
        super().__init__(text)
        self.end = end


class Call:
    """A command and its answer. Lives while the command runs.

    `words` are all words, `args` those behind the command's name, `payload` the text that followed `<<` (or None).
    """

    __slots__ = ("args", "payload", "process", "program", "session", "words")

    def __init__(self, session: Session, words: list[str], name_length: int, payload: str | None) -> None:
        self.session = session
        self.program: Any = session.service.program
        self.process: ProcessFacts = session.service.process
        self.words = words
        self.args = words[name_length:]
        self.payload = payload

    def write(self, text: str) -> None:
        """Adds to the answer. Long answers call `drain` now and then."""
        self.session.write(text)

    async def drain(self) -> None:
        """Waits until a slow reader has taken what was written: answers are never held in memory as a whole."""
        await self.session.drain()

    def say(self, text: str, severity: int = 6, end: str = "\n") -> None:
        """A line of feedback, behind its severity where `severity-output` asks for that."""
        mode = self.session.severity
        if mode == "number":
            text = f"[{severity}]: {text}"
        elif mode == "string":
            text = f"[{SEVERITIES[severity]}]: {text}"
        self.write(text + end)

    def arg(self, index: int, missing: str = "") -> str:
        """An argument; without it, `missing` is the answer."""
        if index < len(self.args):
            return self.args[index]
        if missing:
            raise CommandError(missing)
        return ""

    # -- what commands name

    def backend(self, name: str, error: str = "No such backend.", end: str = "\n") -> Any:
        backend = self.program.backends.get(name)
        if backend is None:
            raise CommandError(error, end)
        return backend

    def server(self, index: int = 0) -> Any:
        """The server of a `backend/server` argument."""
        text = self.arg(index)
        name, slash, server = text.partition("/")
        if not slash:
            raise CommandError("Require 'backend/server'.")
        found = self.backend(name).by_name.get(server)
        if found is None:
            raise CommandError("No such server.")
        return found

    def frontend(self, index: int = 0) -> Any:
        name = self.arg(index, "A frontend name is expected.")
        for frontend in self.program.frontends:
            if frontend.name == name:
                return frontend
        raise CommandError("No such frontend.")

    def require(self, level: str) -> None:
        if LEVELS.index(self.session.level) < LEVELS.index(level):
            raise CommandError("Permission denied")
