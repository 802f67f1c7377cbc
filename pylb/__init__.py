"""pylb: a TCP and HTTP load balancer that takes haproxy.cfg.

The map, in the order a request walks through it:

    main, process      argv and HAProxy's flags; daemon, master, privileges, signals, limits
    config             text -> records: reader, words, sections; nothing here knows a socket
    sample             the expression language: fetches, converters, ACLs, formats -> closures (words in fetches,
                       converters; rulesets, replies and switching in rules)
    program            records -> run-time objects, in named steps: parse, resolve, compile, check, bind, start
    listener           bind lines, sockets, accept, PROXY headers
    engine             one epoll, timers, the place that resumes coroutines, transports
    http, mux          heads and bodies of HTTP/1 without I/O; connections as endpoints
    stream             the coroutine that carries a request: http_phases, tcp_phases and their sub-coroutines
    balance, server    which server; its slots, queues, connections, retries
    log                the line at the end
    background         what runs beside traffic on the event loop: the runtime socket

`docs/life-of-a-request.md` tells the same as a story, `docs/architecture.md` gives the rules of the house.
"""

__version__ = "0.1.0"
