from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pylb.process import collector, privileges, sealed
from pylb.process.notify import Notifier

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def in_a_process(text: str) -> str:
    """Output of a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout.strip()


@root_only
def test_privileges_are_dropped_in_the_order_that_works(tmp_path):
    tmp_path.chmod(0o755)
    output = in_a_process(
        f"""
        import os
        from pylb.process import privileges
        os.setgroups([1, 2])
        privileges.drop({{"chroot": {str(tmp_path)!r}, "uid": 65534, "gid": 65533}})
        print(os.getresuid(), os.getresgid(), os.getgroups(), os.listdir("/"), os.getcwd())
        """
    )
    assert output == "(65534, 65534, 65534) (65533, 65533, 65533) [] [] /"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"chroot": "/nonexistent"}, "[haproxy.main()] Cannot chroot(/nonexistent)."),
        ({"uid": 2**32 - 2, "nothing": 0}, None),
    ],
)
def test_a_step_that_fails_is_an_error(settings, message):
    if message is None:
        if os.geteuid() == 0:
            pytest.skip("root may become anybody")
        message = f"[haproxy.main()] Cannot set uid {settings['uid']}."
    with pytest.raises(privileges.PrivilegeError) as caught:
        privileges.drop(settings)
    assert str(caught.value) == message


def test_a_late_import_is_named_loudly():
    output = in_a_process(
        """
        from pylb.process import sealed
        sealed.prepare()
        sealed.seal()
        import json  # already there or not, both are seen below
        import wave
        print(sealed.late)
        """
    )
    assert "module wave is imported after the process was sealed" in output
    assert output.endswith("]") and "'wave'" in output.splitlines()[-1]


def test_what_the_loop_and_names_need_is_imported_ahead():
    output = in_a_process(
        """
        import asyncio, socket, uvloop
        from pylb.process import sealed
        sealed.prepare()
        loop = uvloop.new_event_loop()
        sealed.seal()
        async def work():
            await asyncio.get_running_loop().getaddrinfo("localhost", 80)
            await asyncio.to_thread(int)
            async with asyncio.timeout(1):
                server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                await reader.read()
                writer.close()
            server.close()
            try:
                raise ValueError("shown")
            except ValueError:
                import traceback
                traceback.format_exc()
        loop.run_until_complete(work())
        print(sealed.late)
        """
    )
    assert output == "[]"


def test_the_guard_is_taken_away_again():
    sealed.seal()
    sealed.seal()
    sealed.unseal()
    assert not any(isinstance(finder, sealed.Guard) for finder in sys.meta_path)


def test_what_a_load_made_is_frozen():
    before = gc.get_threshold()
    try:
        collector.settle()
        assert gc.get_freeze_count() > 1000
        assert gc.get_threshold()[0] == collector.YOUNG
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


@pytest.mark.parametrize("abstract", [False, True])
def test_the_supervisor_is_told_over_its_datagram_socket(tmp_path, abstract):
    name = f"@pylb-notify-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name[1:] if abstract else name)
        listener.settimeout(5)
        notifier = Notifier(name)
        notifier.ready()
        assert listener.recv(1000).decode().split("\n") == ["READY=1", f"MAINPID={os.getpid()}", "STATUS=Ready."]
        notifier.reloading()
        assert listener.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        notifier.stopping()
        assert listener.recv(1000).startswith(b"STOPPING=1\n")


def test_without_a_supervisor_nothing_happens(tmp_path):
    Notifier(None).ready()
    lonely = Notifier(str(tmp_path / "nobody"))
    lonely.ready()
    assert lonely.address == ""
