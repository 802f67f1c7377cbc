"""Giving up what is no longer needed: chroot, groups, group, user, in that order, after every socket is bound.

The order is HAProxy's, and the only one that works: chroot needs root, groups must go before the user that could still
change them. A step that fails stops the start; a process that asked to be confined never runs unconfined.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38


class PrivilegeError(Exception):
    """A step failed; the text is the message to print."""


def drop(settings: Any) -> None:
    """Does what the global section asks for (`chroot`, `gid`, `uid` ...). Raises PrivilegeError."""
    root = settings.get("chroot")
    uid, gid = settings.get("uid"), settings.get("gid")
    if root:
        try:
            os.chroot(root)
            os.chdir("/")
        except OSError:
            raise PrivilegeError(f"[haproxy.main()] Cannot chroot({root}).") from None
    if (gid or uid) and os.geteuid() == 0:
        _change("[haproxy.main()] Cannot drop supplementary groups.", os.setgroups, [])
    if gid:
        _change(f"[haproxy.main()] Cannot set gid {gid}.", os.setgid, gid)
    if uid:
        _change(f"[haproxy.main()] Cannot set uid {uid}.", os.setuid, uid)
    if settings.get("set-dumpable"):
        _prctl(PR_SET_DUMPABLE, 1)
    if not settings.get("insecure-setuid-wanted"):
        _prctl(PR_SET_NO_NEW_PRIVS, 1)


def _change(message: str, call: Any, value: Any) -> None:
    try:
        call(value)
    except OSError:
        raise PrivilegeError(message) from None


def _prctl(option: int, value: int) -> None:
    """A prctl that hardens or eases; kernels without it go on as they are."""
    _libc.prctl(option, value, 0, 0, 0)


_libc = ctypes.CDLL(None, use_errno=True)
