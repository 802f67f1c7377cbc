"""What makes coroutines of the data path move: readiness, time and one place that steps them.

The engine owns one epoll instance per worker, knows sockets and coroutines, and nothing of proxies or protocols.
`poller` waits and dispatches, `timers` holds deadlines, `step` resumes coroutines, `transport` reads and writes.
"""
