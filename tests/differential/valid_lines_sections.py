"""A valid line of every word that HAProxy 2.6 knows in the smaller sections; `spoilt` makes the mistakes.

The number is how many of its first words are its name. `backing-file` of a ring is missing: HAProxy would make the
file that a wrong line names.
"""

from __future__ import annotations

SECTIONS: dict[str, tuple[tuple[str, int], ...]] = {
    "cache": (
        ("total-max-size 4", 1),
        ("max-age 60", 1),
        ("max-object-size 1000", 1),
        ("max-secondary-entries 10", 1),
        ("process-vary on", 1),
    ),
    "peers": (
        ("bind 127.0.0.1:2 name x", 1),
        ("default-bind name x", 1),
        ("default-server weight 5", 1),
        ("peer a 127.0.0.1:1", 1),
        ("server a 127.0.0.1:1 weight 5", 1),
        ("disabled", 1),
        ("enabled", 1),
        ("table t type string len 10 size 1k expire 5s nopurge store gpc0,conn_rate(5s)", 1),
        ("log 127.0.0.1 local0", 1),
    ),
    "resolvers": (
        ("nameserver a 127.0.0.1:53", 1),
        ("parse-resolv-conf", 1),
        ("hold valid 5s", 1),
        ("hold nx 5s", 1),
        ("hold obsolete 5s", 1),
        ("hold other 5s", 1),
        ("hold refused 5s", 1),
        ("hold timeout 5s", 1),
        ("accepted_payload_size 512", 1),
        ("resolve_retries 3", 1),
        ("resolution_pool_size 3", 1),
        ("timeout resolve 5s", 2),
        ("timeout retry 5s", 2),
    ),
    "mailers": (("mailer a 127.0.0.1:25", 1), ("timeout mail 5s", 2)),
    "ring": (
        ("size 32768", 1),
        ("maxlen 1000", 1),
        ("format rfc5424", 1),
        ("description some text", 1),
        ("server a 127.0.0.1:514 log-proto octet-count", 1),
        ("timeout connect 5s", 2),
        ("timeout server 5s", 2),
    ),
    "log-forward": (
        ("bind 127.0.0.1:2 name x", 1),
        ("dgram-bind 127.0.0.1:2 name x", 1),
        ("backlog 10", 1),
        ("maxconn 10", 1),
        ("log 127.0.0.1:1 sample 1:2 local0", 1),
        ("timeout client 5s", 2),
    ),
    "fcgi-app": (
        ("docroot /", 1),
        ("index a.php", 1),
        ("path-info ^(/.+\\.php)(/.*)?$", 1),
        ("acl a path /x", 1),
        ("pass-header name if TRUE", 1),
        ("set-param name %[path] if TRUE", 1),
        ("option get-values", 2),
        ("option keep-conn", 2),
        ("option mpxs-conns", 2),
        ("option max-reqs 5", 2),
        ("log-stderr 127.0.0.1 local0", 1),
        ("log-stderr global", 1),
    ),
    "http-errors": (("errorfile 503 /dev/null", 1),),
    "userlist": (
        ("user a password x groups g", 1),
        ("user a insecure-password x", 1),
        ("group g users a", 1),
    ),
    "program": (
        ("command x y", 1),
        ("user root", 1),
        ("group root", 1),
        ("option start-on-reload", 2),
    ),
}
