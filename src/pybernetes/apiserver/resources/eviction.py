"""`pods/eviction`: a deletion that respects PodDisruptionBudgets (KEP-85, API-initiated eviction).

A budget that still allows a disruption is first debited (`status.disruptionsAllowed` down by one, the pod noted in
`status.disruptedPods`), then the pod is deleted; one that does not answers 429. Pods that are finished, pending or
already going need no budget.
"""

from typing import Any

import orjson

from ...api import resource as resources
from ...api import status
from ...api.status import StatusError
from ...base.http.message import Response
from ..call import Call
from ..verbs.body import read_object
from ..verbs.write_options import write_options
from .binding import set_condition
from .deleting import delete
from .deletion import DeleteOptions, options_from
from .generic import GenericResource
from .strategy import Object, Write, instant

API_VERSION = "policy/v1"
KIND = "Eviction"
_DISRUPTED_LIMIT = 2000
_BUDGETLESS_PHASES = ("Succeeded", "Failed", "Pending")


async def create(call: Call) -> Response:
    """POST pods/NAME/eviction: a Status, 429 while a budget forbids it."""
    write = write_options(call, "CreateOptions")
    sent = await read_object(call.request, API_VERSION, KIND, write)
    name = (sent.get("metadata") or {}).get("name") or call.name
    if name != call.name:
        raise status.bad_request("name in URL does not match name in Eviction object")
    options = options_from(sent.get("deleteOptions") or {})
    if options.dry_run:
        write.dry_run = True
    pods = call.resource
    request = pods.admission_request("CREATE", write, call.namespace, call.name, sent)
    await pods.admission.admit(request)
    await pods.admission.validate(request)
    await evict(pods, call.namespace, name, options, write, call)
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    return call.respond_raw(orjson.dumps(body), 201)


async def evict(
    pods: GenericResource, namespace: str, name: str, options: DeleteOptions, write: Write, call: Call
) -> None:
    """Debit the budget and delete the pod. StatusError 404, 409, 429, 500."""
    entry = await pods.fetch(pods.cache.key(namespace, name))
    if entry is None:
        raise pods.not_found(name)
    pod = entry.copy()
    if _needs_budget(pod):
        budgets = matching_budgets(call.cache.list(_budgets_info(), namespace), pod)
        if len(budgets) > 1:
            words = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            raise StatusError(500, "InternalError", words)
        if budgets and not _exempt(budgets[0], pod):
            await _debit(call, budgets[0], pod, write)
    if not write.dry_run and pod["spec"].get("nodeName"):
        await _mark_disrupted(pods, namespace, name, write)
    write.subresource = ""
    if options.uid is None:
        options.uid = pod["metadata"]["uid"]
    await delete(pods, namespace, name, options, write)


def _budgets_info() -> resources.ResourceInfo:
    return resources.resource("poddisruptionbudgets", "policy")


def _needs_budget(pod: Object) -> bool:
    phase = (pod.get("status") or {}).get("phase")
    return phase not in _BUDGETLESS_PHASES and not pod["metadata"].get("deletionTimestamp")


def matching_budgets(budgets: Any, pod: Object) -> list[Object]:
    """The budgets whose selector selects the pod."""
    from ...api.selectors import from_label_selector

    labels = pod["metadata"].get("labels") or {}
    found = []
    for budget in budgets:
        selector = (budget.get("spec") or {}).get("selector")
        if selector is not None and from_label_selector(selector).matches(labels):
            found.append(budget)
    return found


def _is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _exempt(budget: Object, pod: Object) -> bool:
    """Whether an unhealthy pod may go without the budget (unhealthyPodEvictionPolicy)."""
    if _is_ready(pod):
        return False
    current = budget.get("status") or {}
    if (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    healthy, desired = current.get("currentHealthy") or 0, current.get("desiredHealthy") or 0
    return healthy >= desired and desired > 0


async def _debit(call: Call, budget: Object, pod: Object, write: Write) -> None:
    store = call.registry.stored(_budgets_info())
    name, pod_name = budget["metadata"]["name"], pod["metadata"]["name"]

    def make(current: Object) -> Object:
        check_budget(current)
        counts: Object = current.setdefault("status", {})
        counts["disruptionsAllowed"] = (counts.get("disruptionsAllowed") or 0) - 1
        noted = counts.setdefault("disruptedPods", {})
        noted[pod_name] = instant(store.clock.now())
        return current

    debit = Write(user=write.user, dry_run=write.dry_run, subresource="status", warnings=write.warnings)
    await store.update(budget["metadata"]["namespace"], name, make, debit)


def check_budget(budget: Object) -> None:
    """StatusError 429 when the budget allows no disruption now, or has not been looked at by its controller."""
    name = budget["metadata"]["name"]
    current = budget.get("status") or {}
    if (current.get("observedGeneration") or 0) < (budget["metadata"].get("generation") or 0):
        words = f"The disruption budget {name} is still being processed by the server."
        raise _refused(words, 10)
    allowed = current.get("disruptionsAllowed") or 0
    if allowed < 0:
        raise status.forbidden("policy", "poddisruptionbudget", name, "pdb disruptions allowed is negative")
    if len(current.get("disruptedPods") or {}) > _DISRUPTED_LIMIT:
        raise status.forbidden(
            "policy",
            "poddisruptionbudget",
            name,
            "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
        )
    if allowed == 0:
        healthy, desired = current.get("currentHealthy") or 0, current.get("desiredHealthy") or 0
        words = f"The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
        raise _refused(words, 0)


def _refused(words: str, retry_after_seconds: int) -> StatusError:
    details: Object = {"causes": [{"reason": "DisruptionBudget", "message": words}]}
    if retry_after_seconds:
        details["retryAfterSeconds"] = retry_after_seconds
    why = "Cannot evict pod as it would violate the pod's disruption budget."
    return StatusError(429, "TooManyRequests", why, details, retry_after_seconds=retry_after_seconds)


async def _mark_disrupted(pods: GenericResource, namespace: str, name: str, write: Write) -> None:
    """The condition DisruptionTarget, so that a Job can tell an eviction from a failure (KEP-3329)."""
    now = instant(pods.clock.now())

    def make(pod: Object) -> Object:
        current: Object = pod.setdefault("status", {})
        set_condition(current, "DisruptionTarget", "True", now)
        for condition in current["conditions"]:
            if condition["type"] == "DisruptionTarget":
                condition["reason"] = "EvictionByEvictionAPI"
                condition["message"] = "Eviction API: evicting"
        return pod

    mark = Write(user=write.user, subresource="status", warnings=write.warnings)
    await pods.update(namespace, name, make, mark)
