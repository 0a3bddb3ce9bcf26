"""The control API `/_demo/…`: faults, compaction, pause, request counters, the drill. See docs/demo-control.md."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from aiohttp import web

from bakeryops.demo.api import Api, answer
from bakeryops.demo.faults import Fault
from bakeryops.demo.rbac import ANONYMOUS, MASTERS, User
from bakeryops.demo.status import StatusError, bad_request, method_not_allowed, unauthorized

__all__ = ["control"]

_PREFIX = "/_demo/"


async def control(api: Api, request: web.Request, user: User, drop: Callable[[], int]) -> web.Response:
    """Answer a request of the control API; all but the drill is for cluster administrators only."""
    what, _, rest = request.path.removeprefix(_PREFIX).partition("/")
    if what == "drill":
        return _drill(api, request, user, rest)
    if MASTERS not in user.groups:
        raise StatusError(403, "Forbidden", f'forbidden: User "{user.name}" may not control the demo', details={})
    method = request.method
    if what == "faults":
        return await _faults(api, request, rest)
    if what == "requests" and method == "GET":
        return answer({"requests": dict(sorted(api.faults.requests.items()))})
    if method != "POST":
        raise method_not_allowed()
    if what == "compact":
        api.store.compact()
        return answer({"compacted": api.store.revision})
    if what == "drop":
        return answer({"dropped": drop()})
    if what == "pause":
        api.faults.pause()
        return answer({"paused": True})
    if what == "resume":
        api.faults.resume()
        return answer({"paused": False})
    raise _nothing(request)


def _drill(api: Api, request: web.Request, user: User, rest: str) -> web.Response:
    if user.name == ANONYMOUS.name:
        raise unauthorized()
    if api.drill is None:
        raise StatusError(404, "NotFound", "no drill is on: start one with demo --scenario", details={})
    if (request.method, rest) == ("GET", ""):
        return answer(api.drill.status())
    if (request.method, rest) == ("POST", "hint"):
        return answer(api.drill.hint())
    if rest not in ("", "hint"):
        raise _nothing(request)
    raise method_not_allowed()


def _nothing(request: web.Request) -> StatusError:
    return StatusError(404, "NotFound", f"there is no {request.path}; see docs/demo-control.md", details={})


async def _faults(api: Api, request: web.Request, fault_id: str) -> web.Response:
    faults = api.faults
    if request.method == "DELETE":
        if not fault_id:
            faults.clear()
        elif not faults.remove(fault_id):
            raise StatusError(404, "NotFound", f'there is no fault "{fault_id}"', details={})
    elif request.method in ("PUT", "POST"):
        fault = _read(await request.read())
        return answer(faults.add(fault).to_json(), status=201)
    elif request.method != "GET":
        raise method_not_allowed()
    return answer({"faults": [each.to_json() for each in faults.rules()], "paused": faults.paused})


def _read(raw: bytes) -> Fault:
    try:
        body = json.loads(raw)
        if not isinstance(body, dict):
            raise ValueError("a fault is a JSON object")
        return Fault.from_json(body)
    except (ValueError, TypeError, re.error) as error:
        raise bad_request(f"bad fault: {error}") from error
