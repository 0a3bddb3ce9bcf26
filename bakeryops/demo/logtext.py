"""What containers print: chatter in the manner of each program, from seed, container and line number.

Nothing is kept of a log that nobody reads. Some lines carry ANSI colours, some are JSON, some are long; now and
then one is an error with its traceback.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["PERIODS", "line", "voice_period"]

PERIODS = {
    "api": 2.4, "gateway": 0.7, "worker": 4.0, "training": 5.0, "postgres": 18.0, "redis": 60.0, "rabbitmq": 30.0,
    "minio": 45.0, "gitea": 6.0, "controller": 8.0, "flux": 10.0, "otel": 12.0, "clickhouse": 3.0, "coredns": 20.0,
    "nginx": 1.5, "quiet": 90.0, "pods": 5.0,
}  # fmt: skip
"""Seconds between two lines, on average, of each voice."""

_PATHS = ("/api/v1/tenants/{}/products", "/api/v1/orders/{}", "/api/v1/forecasts/{}?days=14", "/health/live",
          "/health/ready", "/api/v1/recipes/{}/ingredients", "/api/v1/inventory/{}/stock",
          "/api/v1/auth/refresh")  # fmt: skip
_WORDS = (
    "baguette",
    "croissant",
    "sourdough",
    "brioche",
    "ciabatta",
    "ensaimada",
    "palmera",
    "rye loaf",
    "pan de cristal",
)
_GREEN, _YELLOW, _RED, _CYAN, _DIM, _OFF = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[36m", "\x1b[2m", "\x1b[0m"

Numbers = tuple[int, ...]
"""Sixteen numbers from 0 to 255 that decide what a line says."""


def voice_period(voice: str) -> float:
    """Return the average seconds between two lines of a voice."""
    return PERIODS.get(voice, PERIODS["quiet"])


def line(voice: str, seed: int, key: str, index: int, when: float) -> tuple[bytes, str]:
    """Return the text of a line, with its line break, and its stream; `when` is the time it is printed."""
    numbers = tuple(hashlib.blake2b(f"{seed}\0{key}\0{index}".encode(), digest_size=16).digest())
    text, stream = _VOICES.get(voice, _quiet)(numbers, when, index)
    return text.encode() + b"\n", stream


def _clock(when: float) -> str:
    moment = datetime.fromtimestamp(when, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S},{moment.microsecond // 1000:03d}"


def _iso(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _address(numbers: Numbers) -> str:
    return f"10.1.{numbers[3] % 4}.{numbers[4]}"


def _path(numbers: Numbers) -> str:
    return _PATHS[numbers[2] % len(_PATHS)].format(numbers[5] * 256 + numbers[6])


_TRACE = (
    "ERROR:    Exception in ASGI application",
    "Traceback (most recent call last):",
    '  File "/app/app/api/orders.py", line 118, in create_order',
    "    stock = await inventory.reserve(order.lines)",
    '  File "/app/app/clients/inventory.py", line 64, in reserve',
    "    response.raise_for_status()",
    "httpx.HTTPStatusError: Server error '503 Service Unavailable' for url 'http://inventory-service:8000/reserve'",
)


def _api(numbers: Numbers, when: float, index: int) -> tuple[str, str]:
    # One stretch in 400 lines is a traceback, the lines of which follow each other.
    place = index % 400
    if 380 <= place < 380 + len(_TRACE):
        return _TRACE[place - 380], "stderr"
    status = 200 if numbers[0] < 236 else (201, 404, 422, 500)[numbers[1] % 4]
    colour = _GREEN if status < 300 else _YELLOW if status < 500 else _RED
    verb = "GET" if numbers[7] < 180 else "POST"
    if numbers[8] < 150:
        caller = f"{_address(numbers)}:{40000 + numbers[9] * 60}"
        text = f'{caller} - "{verb} {_path(numbers)} HTTP/1.1" {colour}{status}{_OFF}'
        return f"{_GREEN}INFO{_OFF}:     {text}", "stdout"
    event: dict[str, object] = {
        "timestamp": _iso(when),
        "level": "warning" if numbers[0] > 245 else "info",
        "logger": "app.services.core",
        "event": ("cache_miss", "order_priced", "stock_checked", "event_published")[numbers[10] % 4],
        "product": _WORDS[numbers[11] % len(_WORDS)],
        "tenant_id": f"{numbers[12]:02x}{numbers[13]:02x}-{numbers[14]:02x}{numbers[15]:02x}",
        "duration_ms": numbers[9] * 3 + 2,
    }
    if numbers[0] == 255:
        event["payload"] = {f"line_{number}": _WORDS[(numbers[3] + number) % len(_WORDS)] for number in range(90)}
    return json.dumps(event), "stdout"


def _gateway(numbers: Numbers, when: float, index: int) -> tuple[str, str]:
    status = 200 if numbers[0] < 240 else (304, 401, 404, 502)[numbers[1] % 4]
    colour = _GREEN if status < 400 else _YELLOW if status < 500 else _RED
    took = numbers[9] * 1.7 + 3
    name = ("auth", "orders", "inventory", "forecasting", "sales", "tenant")[numbers[10] % 6]
    text = (
        f"{_DIM}{_clock(when)}{_OFF} {colour}{status}{_OFF} GET {_path(numbers)} -> {name}-service {took:.1f} ms"
    )
    return text, "stdout"


def _worker(numbers: Numbers, when: float, index: int) -> tuple[str, str]:
    if numbers[0] > 250:
        text = f"{_clock(when)} WARNING app.consumer retrying delivery_tag={index} attempt={numbers[1] % 4 + 1}"
        return text, "stderr"
    what = ("alert.stock_low", "order.ready", "forecast.updated", "payment.settled")[numbers[2] % 4]
    return (
        f"{_clock(when)} INFO app.consumer handled {what} in {numbers[3] * 2 + 4} ms depth={numbers[4] % 17}",
        "stdout",
    )


def _training(numbers: Numbers, when: float, index: int) -> tuple[str, str]:
    step = index % 240
    if step == 0:
        word = _WORDS[numbers[2] % len(_WORDS)]
        return f"{_clock(when)} INFO trainer starting model product='{word}' rows={numbers[3] * 97}", "stdout"
    bar = "█" * (step // 12) + "░" * (20 - step // 12)
    loss = 18.0 - step * 0.05 + numbers[4] / 200
    return f"{_CYAN}{bar}{_OFF} epoch {step:3d}/240 mape={loss:.3f} rss={numbers[5] + 180}MiB", "stdout"


def _postgres(numbers: Numbers, when: float, index: int) -> tuple[str, str]:
    head = f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC [27]"
    if numbers[0] < 120:
        return f"{head} LOG:  checkpoint starting: time", "stderr"
    if numbers[0] < 235:
        text = f"checkpoint complete: wrote {numbers[1]} buffers ({numbers[1] / 164:.1f}%); 0 WAL file(s) added"
        return f"{head} LOG:  {text}, 0 removed, 0 recycled; write={numbers[2] / 10:.3f} s, sync=0.004 s", "stderr"
    if numbers[0] < 250:
        took = f"{numbers[2] * 9 + 1000}.{numbers[3]:03d} ms"
        return f"{head} LOG:  duration: {took}  execute <unnamed>: REFRESH MATERIALIZED VIEW daily_sales", "stderr"
    return f"{head} FATAL:  terminating connection due to idle-in-transaction timeout", "stderr"


def _redis(numbers: Numbers, when: float, index: int) -> tuple[str, str]:
    head = f"1:M {datetime.fromtimestamp(when, UTC):%d %b %Y %H:%M:%S.%f}"[:-3]
    return f"{head} * {numbers[1] + 1} changes in 60 seconds. Saving...", "stdout"


def _rabbitmq(numbers: Numbers, when: float, index: int) -> tuple[str, str]:
    head = f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M:%S.%f}+00:00 [info] <0.{numbers[1] * 7}.0>"
    return (
        f"{head} accepting AMQP connection {_address(numbers)}:{40000 + numbers[5] * 50} -> 10.1.0.9:5672",
        "stdout",
    )


def _controller(numbers: Numbers, when: float, index: int) -> tuple[str, str]:
    entry = {
        "severity": "warn" if numbers[0] > 248 else "info",
        "timestamp": _iso(when),
        "logger": "controller",
        "message": ("Reconcile succeeded", "Event broadcaster started", "Renewed lease", "Cache synced")[
            numbers[1] % 4
        ],
        "duration": f"{numbers[2] / 1000:.6f}s",
        "knative.dev/key": f"bakery-ci/bakery-ia-ci-{numbers[3]:02x}",
    }
    return json.dumps(entry), "stdout"


_FLUX_MESSAGES = (
    "no changes since last reconcilation: observed revision",
    "garbage collected 1 artifacts",
    "server-side apply completed",
    "Reconciliation finished in 1.204s, next run in 10m0s",
)


def _flux(numbers: Numbers, when: float, index: int) -> tuple[str, str]:
    entry = {
        "level": "info",
        "ts": _iso(when),
        "msg": _FLUX_MESSAGES[numbers[1] % 4],
        "controller": "kustomization",
        "Kustomization": {"name": "bakery-ia", "namespace": "flux-system"},
        "revision": f"main@sha1:{numbers[2]:02x}{numbers[3]:02x}",
    }
    return json.dumps(entry), "stderr"


_GITEA_PATHS = (
    "/bakery-admin/bakery-ia.git/info/refs?service=git-upload-pack",
    "/v2/",
    "/api/healthz",
    "/api/v1/version",
)


def _gitea(numbers: Numbers, when: float, index: int) -> tuple[str, str]:
    head = f"{datetime.fromtimestamp(when, UTC):%Y/%m/%d %H:%M:%S} HTTPRequest [I] router: completed"
    took = f"{numbers[2] / 10:.1f}ms"
    return f"{head} GET {_GITEA_PATHS[numbers[1] % 4]} for {_address(numbers)}:0, 200 OK in {took} @ web", "stdout"


def _nginx(numbers: Numbers, when: float, index: int) -> tuple[str, str]:
    moment = f"{datetime.fromtimestamp(when, UTC):%d/%b/%Y:%H:%M:%S} +0000"
    status = 200 if numbers[0] < 246 else 404
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"
    request = f'"GET {_path(numbers)} HTTP/2.0" {status} {numbers[2] * 40}'
    return f'203.0.113.{numbers[1]} - - [{moment}] {request} "-" "{agent}"', "stdout"


def _plain(numbers: Numbers, when: float, index: int) -> tuple[str, str]:
    counts = f'{{"resource metrics": {numbers[1] % 9 + 1}, "data points": {numbers[2] * 4}}}'
    return f"{_iso(when)}\tinfo\tMetricsExporter\t{counts}", "stderr"


def _clickhouse(numbers: Numbers, when: float, index: int) -> tuple[str, str]:
    head = f"{datetime.fromtimestamp(when, UTC):%Y.%m.%d %H:%M:%S.%f} [ {700 + numbers[2]} ] {{}} <Information>"
    table = ("signoz_traces.signoz_index_v3", "signoz_metrics.samples_v4", "signoz_logs.logs_v2")[numbers[1] % 3]
    return f"{head} {table} (MergerMutator): Merged 6 parts: {numbers[3] * 130} rows", "stdout"


def _coredns(numbers: Numbers, when: float, index: int) -> tuple[str, str]:
    name = ("auth-db", "redis", "rabbitmq", "gitea-http.gitea")[numbers[1] % 4]
    asked = f'"A IN {name}.bakery-ia.svc.cluster.local. udp 58 false 512"'
    caller = f"{_address(numbers)}:{30000 + numbers[2] * 90}"
    return f"[INFO] {caller} - {numbers[3] * 40} {asked} NOERROR qr,aa,rd 114 0.000{numbers[4]:03d}s", "stdout"


def _quiet(numbers: Numbers, when: float, index: int) -> tuple[str, str]:
    return f"{_iso(when)} INFO heartbeat {index}", "stdout"


_VOICES: dict[str, Callable[[Numbers, float, int], tuple[str, str]]] = {
    "api": _api, "gateway": _gateway, "worker": _worker, "training": _training, "postgres": _postgres,
    "redis": _redis, "rabbitmq": _rabbitmq, "minio": _quiet, "gitea": _gitea, "controller": _controller,
    "flux": _flux, "otel": _plain, "clickhouse": _clickhouse, "coredns": _coredns, "nginx": _nginx,
    "quiet": _quiet, "pods": _worker,
}  # fmt: skip
