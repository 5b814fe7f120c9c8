"""How many seats a request takes: a list of many objects takes more than one (KEP-1040, "width of requests")."""

from collections.abc import Callable

from ...base.http.message import Request
from ..request_info import RequestInfo

OBJECTS_PER_SEAT = 100
MOST_SEATS = 10

CountObjects = Callable[[str, str, str], int]
"""(group, version, plural) -> how many objects are stored."""


def seats_of(request: Request, info: RequestInfo, count: CountObjects) -> int:
    """Seats for a list, or a watch that begins with one; 1 for everything else."""
    listing = info.verb == "list" or (info.verb == "watch" and "sendInitialEvents=true" in request.query)
    if not listing or info.name:
        return 1
    objects = count(info.group, info.version, info.resource)
    if "limit=" in request.query:
        params = request.params()
        limit = params.get("limit", "")
        if limit.isdigit() and int(limit) and params.get("resourceVersion") != "0":
            objects = min(objects, int(limit))
    return min(max(-(-objects // OBJECTS_PER_SEAT), 1), MOST_SEATS)
