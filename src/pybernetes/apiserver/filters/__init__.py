"""What every request passes before it is served. A filter is a function from an `App` to an `App`.

`CHAIN` is the order, outermost first. Each stage relies on those before it: failures of all others become Status
answers in the first, the request's meaning (`context["info"]`) and user are known to those behind them.
"""

from collections.abc import Callable, Mapping

from ...base.http.message import App

Filter = Callable[[App], App]

CHAIN = (
    "failures",  # errors.py: exceptions -> Status, warnings -> headers
    "request_info",  # requests.py: what is asked for, audit id
    "metrics",  # requests.py: count and time
    "in_flight",  # limits.py: at most so many at a time, where priority and fairness is off
    "timeout",  # limits.py: at most so long
    "failed_authentication",  # ../audit/filter.py: records what nobody stands for
    "authentication",
    "audit",  # ../audit/filter.py: records the rest
    "impersonation",
    "priority_and_fairness",  # ../flow_control/filter.py: whose turn it is
    "authorization",
    "history",  # ../history/author.py: who writes
)


def chain(filters: Mapping[str, Filter], app: App) -> App:
    """The app behind the filters that are given, in the order of CHAIN. KeyError for one that has no place in it."""
    unknown = filters.keys() - set(CHAIN)
    if unknown:
        raise KeyError(f"filters without a place in the chain: {', '.join(sorted(unknown))}")
    for name in reversed(CHAIN):
        if name in filters:
            app = filters[name](app)
    return app
