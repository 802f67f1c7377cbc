-- Requests for wrk: arguments are variant (varying | constant), path, close (0 | 1), number of host names.
-- The result is printed as one JSON line that load.py reads.

local head, middle, tail, hosts
local n = 0

function init(args)
  local path, close = args[2], args[3] == "1"
  hosts = tonumber(args[4])
  local rest = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) benchmark\r\nAccept: text/html,application/json;q=0.9\r\n"
  local last = (close and "Connection: close\r\n" or "") .. "\r\n"
  local line = "GET " .. path .. " HTTP/1.1\r\nHost: "
  if hosts == 0 then
    line = line .. "bench.example.com\r\n" .. rest
  end
  if args[1] == "constant" then
    local host = hosts > 0 and "h1.example.com\r\n" .. rest or ""
    local fixed = line .. host .. "X-Request-Id: 00000001\r\nCookie: session=00000001\r\n" .. last
    request = function() return fixed end
    return
  end
  middle = "\r\nCookie: session="
  tail = "\r\n" .. last
  if hosts == 0 then
    head = line .. "X-Request-Id: "
    request = function()
      n = n + 1
      return head .. n .. middle .. n .. tail
    end
  else
    head = line
    rest = ".example.com\r\n" .. rest .. "X-Request-Id: "
    request = function()
      n = n + 1
      -- A large prime walks through the names without an order that a cache would like.
      return head .. "h" .. (n * 7368787 % hosts) .. rest .. n .. middle .. n .. tail
    end
  end
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"bytes":%d,"seconds":%.6f,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d,' ..
    '"p50":%.1f,"p90":%.1f,"p99":%.1f,"p999":%.1f,"max":%.1f}\n',
    summary.requests, summary.bytes, summary.duration / 1e6, e.connect, e.read, e.write, e.status, e.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max))
end
