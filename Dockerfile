# pylb where the haproxy image would stand: same path of the configuration, same signals.
#
#   docker build -t pylb .
#   docker run -p 8080:8080 -v ./haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro pylb

FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md ./
COPY pylb ./pylb
COPY conf ./conf
RUN pip install --no-cache-dir --prefix=/install ".[all]"

FROM python:3.11-slim
COPY --from=build /install /usr/local
RUN groupadd --gid 99 haproxy \
    && useradd --gid haproxy --uid 99 --home-dir /var/lib/haproxy --create-home --shell /usr/sbin/nologin haproxy \
    && mkdir -p /usr/local/etc/haproxy
USER haproxy
# SIGUSR1 lets running requests end.
STOPSIGNAL SIGUSR1
ENTRYPOINT ["pylb"]
CMD ["-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
