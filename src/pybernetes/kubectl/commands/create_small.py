"""`kubectl create namespace|serviceaccount|quota|priorityclass|poddisruptionbudget`."""

from __future__ import annotations

from ..errors import CommandError, quoted
from ..objects.generated import GENERATOR, finish, metadata, name_of
from ..objects.selectors import parsed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = {
    "create namespace": GENERATOR,
    "create serviceaccount": GENERATOR,
    "create quota": f"hard='' scopes='' {GENERATOR}",
    "create priorityclass": (
        f"description='' global-default=false preemption-policy='PreemptLowerPriority' value=0i32 {GENERATOR}"
    ),
    "create poddisruptionbudget": f"max-unavailable='' min-available='' selector='' {GENERATOR}",
}


def run(session: Session) -> int:
    kind = session.command.rpartition(" ")[2]
    _MAKERS[kind](session, name_of(session))
    return 0


def _namespace(session: Session, name: str) -> None:
    meta = metadata(session, name, namespaced=False)
    finish(session, {"kind": "Namespace", "apiVersion": "v1", "metadata": meta, "spec": {}, "status": {}})


def _account(session: Session, name: str) -> None:
    finish(session, {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": metadata(session, name)})


def _quota(session: Session, name: str) -> None:
    spec: dict[str, Any] = {}
    hard = session.flags.text("hard")
    if hard:
        from pybernetes.api.quantity import QuantityError, canonical

        spec["hard"] = {}
        for part in hard.split(","):
            key, equals, value = part.partition("=")
            if not equals or "=" in value:
                raise CommandError(f"Invalid argument syntax {part}, expected <resource>=<value>")
            try:
                spec["hard"][key] = canonical(value)
            except QuantityError as error:
                raise CommandError(str(error)) from None
        spec["hard"] = dict(sorted(spec["hard"].items()))
    scopes = session.flags.text("scopes")
    if scopes:
        spec["scopes"] = scopes.split(",")
    meta = metadata(session, name)
    finish(session, {"kind": "ResourceQuota", "apiVersion": "v1", "metadata": meta, "spec": spec, "status": {}})


def _priority(session: Session, name: str) -> None:
    flags = session.flags
    obj: dict[str, Any] = {
        "kind": "PriorityClass",
        "apiVersion": "scheduling.k8s.io/v1",
        "metadata": metadata(session, name, namespaced=False),
        "value": flags.number("value"),
    }
    if flags.on("global-default"):
        obj["globalDefault"] = True
    if flags.text("description"):
        obj["description"] = flags.text("description")
    obj["preemptionPolicy"] = flags.text("preemption-policy")
    finish(session, obj)


def _budget(session: Session, name: str) -> None:
    flags = session.flags
    low, high, selector = flags.text("min-available"), flags.text("max-unavailable"), flags.text("selector")
    if not selector:
        raise CommandError("a selector must be specified")
    if not low and not high:
        raise CommandError("one of min-available or max-unavailable must be specified")
    if low and high:
        raise CommandError("min-available and max-unavailable cannot be both specified")
    for flag, given in (("min-available", low), ("max-unavailable", high)):
        if given and not given.removesuffix("%").isdigit():
            raise CommandError(f"invalid format specified for {flag}")
    spec: dict[str, Any] = {"minAvailable": _amount(low)} if low else {}
    spec["selector"] = label_selector(selector)
    if high:
        spec["maxUnavailable"] = _amount(high)
    status = {"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}
    obj = {"kind": "PodDisruptionBudget", "apiVersion": "policy/v1", "metadata": metadata(session, name)}
    finish(session, {**obj, "spec": spec, "status": status})


def _amount(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def label_selector(text: str) -> dict[str, Any]:
    """A LabelSelector of a selector's text. CommandError."""
    try:
        requirements = parsed(text).requirements
    except ValueError as error:
        raise CommandError(f"couldn't parse the selector string {quoted(text)}: {error}") from None
    found: dict[str, Any] = {}
    for term in requirements:
        if term.operator in ("=", "=="):
            found.setdefault("matchLabels", {})[term.key] = term.values[0]
            continue
        operator = {"in": "In", "notin": "NotIn", "exists": "Exists", "!": "DoesNotExist"}.get(term.operator)
        if operator is None:
            why = (
                "is not a valid label selector operator"
                if term.operator == "!="
                else "isn't supported in label selectors"
            )
            raise CommandError(f"{quoted(term.operator)} {why}")
        expression: dict[str, Any] = {"key": term.key, "operator": operator}
        if term.values:
            expression["values"] = sorted(term.values)
        found.setdefault("matchExpressions", []).append(expression)
    return found


_MAKERS = {
    "namespace": _namespace,
    "serviceaccount": _account,
    "quota": _quota,
    "priorityclass": _priority,
    "poddisruptionbudget": _budget,
}
