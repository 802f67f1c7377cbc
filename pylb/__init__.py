"""pylb: a TCP and HTTP load balancer that takes haproxy.cfg."""

__version__ = "0.1.0"
