"""Traffic logs and proxy events: keywords, aliases, line formats, syslog headers, targets.

A frontend's `Logger` (logger.py) formats a finished stream once with a closure compiled from its log-format
(formats.py has the two default ones written out by hand), puts each target's header before it (syslog.py) and hands
the line to shared, non-blocking targets (targets.py). Nothing here waits, and nothing is opened after start.
"""
