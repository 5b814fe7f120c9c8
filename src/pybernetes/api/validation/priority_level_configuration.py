"""PriorityLevelConfigurations (flowcontrol.apiserver.k8s.io/v1)."""

from .. import field
from .flow_schema import conditions
from .values import Errors, Object

_MOST_QUEUES = 10_000_000
_ENTROPY_BITS = 60


def validate_create(level: Object) -> Errors:
    spec, name = level.get("spec") or {}, (level.get("metadata") or {}).get("name")
    kind = spec.get("type")
    errors: Errors = []
    if (name == "exempt") is not (kind == "Exempt"):
        words = "type must be 'Exempt' if and only if `name` is 'exempt'"
        errors.append(field.invalid("spec.type", kind, words))
    if kind == "Exempt":
        if spec.get("limited") is not None:
            errors.append(field.forbidden("spec.limited", "must be nil if the type is not Limited"))
        return errors + _shares(spec.get("exempt") or {}, "spec.exempt")
    if kind != "Limited":
        return [*errors, field.not_supported("spec.type", kind, ("Exempt", "Limited"))]
    if spec.get("exempt") is not None:
        errors.append(field.forbidden("spec.exempt", "must be nil if the type is Limited"))
    limited = spec.get("limited")
    if limited is None:
        return [*errors, field.required("spec.limited", "must not be empty when type is Limited")]
    return errors + _limited(limited)


def _shares(part: Object, path: str) -> Errors:
    errors: Errors = []
    shares, lendable = part.get("nominalConcurrencyShares"), part.get("lendablePercent")
    if shares is not None and shares < 0:
        words = "must be a non-negative integer"
        errors.append(field.invalid(f"{path}.nominalConcurrencyShares", shares, words))
    if lendable is not None and not 0 <= lendable <= 100:
        errors.append(field.invalid(f"{path}.lendablePercent", lendable, "must be between 0 and 100, inclusive"))
    return errors


def _limited(limited: Object) -> Errors:
    errors = _shares(limited, "spec.limited")
    borrowing = limited.get("borrowingLimitPercent")
    if borrowing is not None and borrowing < 0:
        words = "if specified, must be a non-negative integer"
        errors.append(field.invalid("spec.limited.borrowingLimitPercent", borrowing, words))
    path = "spec.limited.limitResponse"
    response = limited.get("limitResponse") or {}
    kind, queuing = response.get("type"), response.get("queuing")
    if kind == "Reject":
        if queuing is not None:
            words = "must be nil if limited.limitResponse.type is not Limited"
            errors.append(field.forbidden(f"{path}.queuing", words))
    elif kind == "Queue":
        if queuing is None:
            words = "must not be empty if limited.limitResponse.type is Limited"
            errors.append(field.required(f"{path}.queuing", words))
        else:
            errors += _queuing(queuing, f"{path}.queuing")
    else:
        errors.append(field.not_supported(f"{path}.type", kind, ("Queue", "Reject")))
    return errors


def _queuing(queuing: Object, path: str) -> Errors:
    errors: Errors = []
    values = {key: queuing.get(key) or 0 for key in ("queueLengthLimit", "queues", "handSize")}
    errors += [field.invalid(f"{path}.{key}", value, "must be positive") for key, value in values.items() if value <= 0]
    queues, hand = values["queues"], values["handSize"]
    if queues > _MOST_QUEUES:
        errors.append(field.invalid(f"{path}.queues", queues, f"must not be greater than {_MOST_QUEUES}"))
    elif hand > queues:
        words = f"should not be greater than queues ({queues})"
        errors.append(field.invalid(f"{path}.handSize", hand, words))
    elif hand > 0 and _entropy_bits(queues, hand) > _ENTROPY_BITS:
        words = f"required entropy bits of deckSize {queues} and handSize {hand} should not be greater than 60"
        errors.append(field.invalid(f"{path}.handSize", hand, words))
    return errors


def _entropy_bits(deck: int, hand: int) -> int:
    """Bits of a hash value that dealing this hand uses up."""
    combinations = 1
    for count in range(hand):
        combinations *= deck - count
    return (combinations - 1).bit_length()


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new)


def validate_status_update(new: Object, old: Object) -> Errors:
    return conditions(new)
