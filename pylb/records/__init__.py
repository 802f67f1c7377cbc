"""Passive records that many rooms read: session, stream, proxies, servers. No behaviour, no imports upward."""
