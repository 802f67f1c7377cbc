"""Coroutines beside the request path: the runtime socket, later health checks, resolvers, peers, mailers ...

They run on the event loop as ordinary asyncio code and touch the data plane only through its objects.
"""
