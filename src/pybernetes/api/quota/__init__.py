"""What objects cost a ResourceQuota, as pure functions over objects in wire form.

`evaluator(group_resource)` gives the `Evaluator` of a resource: pods, services, claims and resource claims have their
own, every other namespaced resource is counted (`count/deployments.apps`). Two readers share them, so that they can
never disagree: the ResourceQuota admission plugin, which asks what one request would add, and the resource quota
controller, which sums up what there is:

    measured = sources(quota["spec"]["hard"])                      # {"pods", "deployments.apps"}: what has to be read
    used = total_usage(quota, lambda resource: objects_of(resource), now)

Read `evaluator.py` first. Source: the Resource Quotas page and KEP-612 (scope selectors).
"""

from .amounts import Amounts, amounts, equal, texts
from .evaluator import Evaluator
from .registry import evaluator, sources
from .scopes import Requirement, requirements
from .total import total_usage

__all__ = [
    "Amounts",
    "Evaluator",
    "Requirement",
    "amounts",
    "equal",
    "evaluator",
    "requirements",
    "sources",
    "texts",
    "total_usage",
]
