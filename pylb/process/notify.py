"""Telling systemd how we are (`-Ws`): datagrams to the socket that $NOTIFY_SOCKET names (manual: sd_notify(3))."""

from __future__ import annotations

import os
import socket
import time


class Notifier:
    """One sender for the life of a master; without $NOTIFY_SOCKET it does nothing."""

    def __init__(self, address: str | None) -> None:
        self.address = address or ""

    def send(self, *fields: str) -> None:
        if not self.address:
            return
        target: str | bytes = self.address
        if self.address.startswith("@"):
            target = b"\0" + os.fsencode(self.address[1:])
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            try:
                sender.sendto("\n".join(fields).encode(), target)
            except OSError:
                self.address = ""  # nobody listens: the service goes on without its supervisor's attention

    def ready(self, status: str = "Ready.") -> None:
        self.send("READY=1", f"MAINPID={os.getpid()}", f"STATUS={status}")

    def reloading(self) -> None:
        micros = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self.send("RELOADING=1", f"MONOTONIC_USEC={micros}", "STATUS=Reloading Configuration.")

    def failed(self) -> None:
        self.send("READY=1", "STATUS=Reload failed!")

    def stopping(self) -> None:
        self.send("STOPPING=1", "STATUS=Stopping.")
