"""pylb beside HAProxy on this machine: `python -m benchmarks run`, or `make bench`.

A scenario (scenarios/*.yaml) is one configuration file, given to both programs as it is, and one kind of load. Both
programs run pinned to the same core; wrk and nginx have the other ones. A *round* loads one program and then the
other for a few seconds each (the order alternates), so that what disturbs the machine disturbs both; the result of a
round is the ratio of their CPU time per request, and of a scenario the median ratio with its interval.

    scenario -> subjects (start, pin, CPU from /proc) -> load (wrk) -> rounds -> interval -> report, plot
"""
