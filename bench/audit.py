"""What the audit filter costs a request: off, a policy that leaves it out, metadata and request level, in one run.

.venv/bin/python bench/audit.py
"""

import asyncio
import statistics
import tempfile
import time

from pybernetes.api.user import UserInfo
from pybernetes.apiserver.audit.backends import LogFile
from pybernetes.apiserver.audit.filter import Audit
from pybernetes.apiserver.audit.policy import Policy
from pybernetes.apiserver.request_info import request_info
from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.http.message import App, Request, Response

ROUNDS, REQUESTS = 7, 20_000
USER = UserInfo("system:serviceaccount:default:app", groups=("system:serviceaccounts", "system:authenticated"))


async def answer(request: Request) -> Response:
    return Response(200, body=b"{}")


async def measure(app: App) -> float:
    """Microseconds a request."""
    begun = time.perf_counter()
    for number in range(REQUESTS):
        request = Request("GET", "/api/v1/namespaces/default/pods/web")
        request.context = {"user": USER, "info": request_info(request), "audit_id": "id"}
        await app(request)
        if not number % 16:
            await asyncio.sleep(0)
    return (time.perf_counter() - begun) / REQUESTS * 1e6


async def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        apps: dict[str, App] = {"off": answer}
        for name, level in (("left out", "None"), ("metadata", "Metadata"), ("request", "Request")):
            log = LogFile(f"{directory}/{level}.log", SYSTEM_CLOCK, max_bytes=0)
            policy = Policy({"kind": "Policy", "rules": [{"level": level}], "omitStages": ["RequestReceived"]})
            apps[name] = Audit(policy, [log], SYSTEM_CLOCK)(answer)
        found: dict[str, list[float]] = {name: [] for name in apps}
        for _ in range(ROUNDS):
            for name, app in apps.items():
                found[name].append(await measure(app))
        base = statistics.median(found["off"])
        for name, times in found.items():
            median = statistics.median(times)
            print(f"{name:10} {median:6.2f} us a request   cost {median - base:5.2f} us")


asyncio.run(main())
