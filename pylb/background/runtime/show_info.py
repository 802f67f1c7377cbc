"""`show info`: facts and totals of the process, the fields of HAProxy 2.6 in its order."""

from __future__ import annotations

import asyncio
import resource
import time
from typing import Any, Final

from pylb import counters
from pylb.background.runtime.call import Call
from pylb.background.runtime.output import Value, json_info, typed_info
from pylb.clock import clock
from pylb.registry import Status, command

# position, name, tags, type, what it is
FIELDS: Final = tuple(
    (int(position), name, tags, kind, text)
    for position, name, tags, kind, text in (
        line.split("|")
        for line in """\
0|Name|POS|str|Product
1|Version|POS|str|Version of the product
2|Release_date|POS|str|Date of the version
3|Nbthread|CGS|u32|Workers that serve traffic as threads would
4|Nbproc|CGS|u32|Processes, always 1
5|Process_num|KGP|u32|Number of this process
6|Pid|SGP|u32|Process id
7|Uptime|MDP|str|Time since the start
8|Uptime_sec|MDP|u32|Seconds since the start
9|Memmax_MB|CLP|u32|Limit on memory (-m)
10|PoolAlloc_MB|MGP|u32|Resident memory in MB
11|PoolUsed_MB|MGP|u32|Resident memory in MB
12|PoolFailed|MCP|u32|Failed allocations
13|Ulimit-n|CLP|u32|Limit on file descriptors
14|Maxsock|CLP|u32|Limit on sockets
15|Maxconn|CLP|u32|Limit on client connections in force
16|Hard_maxconn|CLP|u32|Limit on client connections as configured
17|CurrConns|MGP|u32|Client connections now
18|CumConns|MCP|u32|Client connections since the start
19|CumReq|MCP|u32|Requests since the start
20|MaxSslConns|MMP|u32|Limit on TLS connections, 0 for none
21|CurrSslConns|MGP|u32|TLS connections now
22|CumSslConns|MCP|u32|TLS connections since the start
23|Maxpipes|CLP|u32|Limit on splicing pipes, 0 for none
24|PipesUsed|MGP|u32|Splicing pipes in use
25|PipesFree|MGP|u32|Splicing pipes kept
26|ConnRate|MRP|u32|Connections of the last second
27|ConnRateLimit|CLP|u32|Limit on connections per second
28|MaxConnRate|MMP|u32|Most connections in a second
29|SessRate|MRP|u32|Sessions of the last second
30|SessRateLimit|CLP|u32|Limit on sessions per second
31|MaxSessRate|MRP|u32|Most sessions in a second
32|SslRate|MRP|u32|TLS connections of the last second
33|SslRateLimit|CLP|u32|Limit on TLS connections per second
34|MaxSslRate|MMP|u32|Most TLS connections in a second
35|SslFrontendKeyRate|MGP|u32|TLS key computations of the last second, clients
36|SslFrontendMaxKeyRate|MMP|u32|Most TLS key computations in a second, clients
37|SslFrontendSessionReuse_pct|MGP|u32|Share of resumed TLS sessions
38|SslBackendKeyRate|MRP|u32|TLS key computations of the last second, servers
39|SslBackendMaxKeyRate|MMP|u32|Most TLS key computations in a second, servers
40|SslCacheLookups|MCP|u32|Look-ups in the TLS session cache
41|SslCacheMisses|MCP|u32|Look-ups in the TLS session cache that found nothing
42|CompressBpsIn|MRP|u32|Bytes into the compressor in the last second
43|CompressBpsOut|MRP|u32|Bytes out of the compressor in the last second
44|CompressBpsRateLim|CLP|u32|Limit on bytes out of the compressor
47|Tasks|MGP|u32|Tasks of the event loop and live sessions
48|Run_queue|MGP|u32|Streams that are ready to run
49|Idle_pct|MaP|u32|Share of the time spent waiting
50|node|COS|str|Name of the node
51|description|COS|str|Description of the node
52|Stopping|MGP|u32|1 while the process is stopping
53|Jobs|MGP|u32|Sessions and listeners
54|Unstoppable Jobs|MGP|u32|Those that do not end with a soft stop
55|Listeners|MGP|u32|Listening sockets
56|ActivePeers|MGP|u32|Peers that are being talked to
57|ConnectedPeers|MGP|u32|Peers that are connected
58|DroppedLogs|MGP|u32|Log lines that could not be sent
59|BusyPolling|MGP|u32|1 under busy polling
60|FailedResolutions|MGP|u32|DNS resolutions that failed
61|TotalBytesOut|MGP|u64|Bytes sent since the start
62|TotalSplicdedBytesOut|MGP|u64|Bytes sent through pipes since the start
63|BytesOutRate|MRP|u64|Bytes sent in the last second
64|DebugCommandsIssued|MGP|u32|Debug commands used
65|CumRecvLogs|MCP|u32|Log messages received
66|Build info|POS|str|How this was built
67|Memmax_bytes|CLP|u32|Limit on memory in bytes
68|PoolAlloc_bytes|MGP|u64|Resident memory in bytes
69|PoolUsed_bytes|MGP|u64|Resident memory in bytes
70|Start_time_sec|MDP|u32|Start in seconds since 1970
71|Tainted|SGP|str|Unusual things that were done""".splitlines()
    )
)


def resident() -> int:
    """Resident memory of the process in bytes; its maximum so far where /proc is out of reach (a chroot)."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * 4096
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def uptime_text(seconds: int) -> str:
    days, rest = divmod(seconds, 86400)
    return f"{days}d {rest // 3600}h{rest // 60 % 60:02d}m{rest % 60:02d}s"


def pipes(program: Any, worker: Any) -> dict[str, int]:
    """What there is of splicing."""
    if worker is None:
        return {}
    own = worker.pipes
    return {
        "Maxpipes": program.maxpipes,
        "PipesUsed": own.used,
        "PipesFree": len(own.free),
        "TotalSplicdedBytesOut": own.moved,
    }


def numbers(call: Call, fractions: bool) -> dict[str, Any]:
    """Everything that is not zero or absent."""
    program, process = call.program, call.process
    now = clock.now
    elapsed = time.monotonic() - process.start
    worker = getattr(program, "worker", None)
    totals = worker.counters if worker is not None else counters.process
    listeners = len(call.session.service.listeners) + sum(len(f.listeners) for f in program.frontends)
    sessions = len(program.sessions)
    memory = resident()
    bytes_out = sum(frontend.counters.bytes_out for frontend in program.frontends)
    fronts = [frontend.counters for frontend in program.frontends]
    return {
        "Name": "pylb",
        "Version": process.version,
        "Release_date": process.release_date,
        "Nbthread": process.nbthread,
        "Nbproc": 1,
        "Process_num": process.number,
        "Pid": process.pid,
        "Uptime": uptime_text(int(elapsed)),
        "Uptime_sec": f"{elapsed:.6f}" if fractions else int(elapsed),
        "Memmax_MB": process.memmax,
        "PoolAlloc_MB": memory >> 20,
        "PoolUsed_MB": memory >> 20,
        "Ulimit-n": process.ulimit_n,
        "Maxsock": process.ulimit_n,
        "Maxconn": process.maxconn,
        "Hard_maxconn": process.hard_maxconn,
        "CurrConns": totals.conn_cur,
        "CumConns": totals.conn_total,
        "CumReq": sum(c.req_total for c in fronts),
        **pipes(program, worker),
        "ConnRate": sum(c.conn_rate.read(now) for c in fronts),
        "ConnRateLimit": process.maxconnrate,
        "MaxConnRate": totals.conn_rate.limit_max,
        "SessRate": sum(c.sess_rate.read(now) for c in fronts),
        "SessRateLimit": process.maxsessrate,
        "MaxSessRate": totals.sess_rate.limit_max,
        "Tasks": len(asyncio.all_tasks()) + sessions,
        "Idle_pct": 100,
        "node": process.node,
        "Stopping": int(bool(getattr(worker, "stopping", process.stopping))),
        "Jobs": sessions + listeners + len(call.session.service.sessions),
        "Listeners": listeners,
        "DroppedLogs": counters.process.dropped_logs,
        "FailedResolutions": counters.process.failed_resolutions,
        "TotalBytesOut": bytes_out,
        "Build info": process.version,
        "Memmax_bytes": process.memmax << 20,
        "PoolAlloc_bytes": memory,
        "PoolUsed_bytes": memory,
        "Start_time_sec": f"{process.start_wall:.6f}" if fractions else int(process.start_wall),
        "Tainted": f"{process.tainted:#x}" if process.tainted else "0",
        **({"description": process.description} if process.description else {}),
    }


@command(
    "show info",
    usage="[desc|json|typed|float]*",
    status=Status.PARTIAL,
    note="fields of rooms to come (TLS, compression, peers) are 0; Idle_pct is not measured",
)
async def show_info(call: Call) -> None:
    """Prints facts about the process: versions, limits, totals, rates.

    `typed` and `json` print the machine's forms, `desc` adds what each field means, `float` prints times with
    fractions.
    """
    flags = set(call.args)
    known = numbers(call, "float" in flags)
    values = []
    texts = {}
    for position, name, tags, kind, text in FIELDS:
        if name == "description" and name not in known:
            continue
        values.append(Value(position, name, tags, kind, known.get(name, 0)))
        texts[name] = text
    if "json" in flags:
        call.write(json_info(values, call.process.number) + "\n")
    elif "typed" in flags:
        call.write(typed_info(values, call.process.number))
    else:
        for value in values:
            tail = f':"{texts[value.name]}"' if "desc" in flags else ""
            call.write(f"{value.name}: {value.value}{tail}\n")
