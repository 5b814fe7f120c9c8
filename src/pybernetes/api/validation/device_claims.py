"""What a claim asks of devices: requests, constraints among them, configuration (resource.k8s.io/v1 DeviceClaim).

Follows pkg/apis/resource/validation. Expressions of selectors must compile and be cheap enough.
"""

from .. import field, names
from .csi_driver import driver_name
from .values import Errors, Object, each, label, one_of_if_set

REQUESTS_LIMIT = CONSTRAINTS_LIMIT = CONFIG_LIMIT = SELECTORS_LIMIT = 32
SUBREQUESTS_LIMIT = 8
_MODES = ("All", "ExactCount")
_ONE_OF = "exactly one of `exactly` or `firstAvailable` is required"


def device_claim(claim: Object, path: str) -> Errors:
    """The `devices` of a claim's spec."""
    errors: Errors = []
    known: set[str] = set()
    requests = claim.get("requests") or []
    if len(requests) > REQUESTS_LIMIT:
        errors.append(field.too_many(f"{path}.requests", len(requests), REQUESTS_LIMIT))
    for at, request in enumerate(requests):
        errors += _request(request, f"{path}.requests[{at}]", known)
    for at, constraint in enumerate(claim.get("constraints") or ()):
        errors += _constraint(constraint, f"{path}.constraints[{at}]", known)
    for at, config in enumerate(claim.get("config") or ()):
        where = f"{path}.config[{at}]"
        errors += _named_requests(config.get("requests") or [], f"{where}.requests", known)
        errors += device_config(config, where)
    return errors


def _request(request: Object, path: str, known: set[str]) -> Errors:
    name = request.get("name") or ""
    errors = _name(name, f"{path}.name")
    if name in known:
        errors.append(field.duplicate(f"{path}.name", name))
    known.add(name)
    exactly, first = request.get("exactly"), request.get("firstAvailable") or []
    if exactly is None and not first:
        return [*errors, field.required(path, _ONE_OF)]
    if exactly is not None and first:
        return [*errors, field.invalid(path, None, f"{_ONE_OF}, but multiple fields are set")]
    if exactly is not None:
        return errors + _devices(exactly, f"{path}.exactly")
    if len(first) > SUBREQUESTS_LIMIT:
        errors.append(field.too_many(f"{path}.firstAvailable", len(first), SUBREQUESTS_LIMIT))
    for at, subrequest in enumerate(first):
        where, sub = f"{path}.firstAvailable[{at}]", subrequest.get("name") or ""
        errors += _name(sub, f"{where}.name")
        if f"{name}/{sub}" in known:
            errors.append(field.duplicate(f"{where}.name", sub))
        known.add(f"{name}/{sub}")
        errors += _devices(subrequest, where)
    return errors


def _name(name: str, path: str) -> Errors:
    return each(path, name, label(name)) if name else [field.required(path)]


def _devices(wanted: Object, path: str) -> Errors:
    """Class, selectors and number of one request."""
    name = wanted.get("deviceClassName") or ""
    errors = each(f"{path}.deviceClassName", name, names.dns1123_subdomain(name)) if name else []
    if not name:
        errors.append(field.required(f"{path}.deviceClassName"))
    errors += selectors(wanted.get("selectors") or [], f"{path}.selectors")
    mode, count = wanted.get("allocationMode"), wanted.get("count") or 0
    errors += one_of_if_set(mode, _MODES, f"{path}.allocationMode")
    if mode == "All" and count:
        errors.append(field.invalid(f"{path}.count", count, "must not be specified when allocationMode is 'All'"))
    if mode == "ExactCount" and count <= 0:
        errors.append(field.invalid(f"{path}.count", count, "must be greater than zero"))
    return errors


def selectors(found: list[Object], path: str) -> Errors:
    """Selectors of devices: a CEL expression each."""
    errors: Errors = []
    if len(found) > SELECTORS_LIMIT:
        errors.append(field.too_many(path, len(found), SELECTORS_LIMIT))
    for at, selector in enumerate(found):
        cel = selector.get("cel")
        if cel is None:
            errors.append(field.required(f"{path}[{at}].cel"))
        elif not cel.get("expression"):
            errors.append(field.required(f"{path}[{at}].cel.expression"))
        else:
            errors += _expression(cel["expression"], f"{path}[{at}].cel.expression")
    return errors


def _expression(source: str, path: str) -> Errors:
    from .. import device_selectors as dra  # CEL comes with it
    from ..cel import CompileError

    if len(source.encode()) > dra.EXPRESSION_LIMIT:
        return [field.too_long(path, dra.EXPRESSION_LIMIT)]
    try:
        program = dra.compile_selector(source)
    except CompileError as error:
        return [field.invalid(path, source, dra.refusal(error))]
    return [field.forbidden(path, "too complex, exceeds cost limit")] if dra.is_too_complex(program) else []


def _constraint(constraint: Object, path: str, known: set[str]) -> Errors:
    errors = _named_requests(constraint.get("requests") or [], f"{path}.requests", known)
    key = "distinctAttribute" if constraint.get("matchAttribute") is None else "matchAttribute"
    attribute = constraint.get(key)
    if attribute is None:
        return [*errors, field.required(f"{path}.matchAttribute")]
    domain, slash, _ = attribute.partition("/")
    if not slash or not domain:
        errors.append(field.invalid(f"{path}.{key}", attribute, "must include a domain"))
    return errors


def _named_requests(found: list[str], path: str, known: set[str]) -> Errors:
    errors: Errors = []
    seen = set()
    for at, name in enumerate(found):
        if name not in known:
            words = (
                "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
            )
            errors.append(field.invalid(f"{path}[{at}]", name, words))
        if name in seen:
            errors.append(field.duplicate(f"{path}[{at}]", name))
        seen.add(name)
    return errors


def device_config(config: Object, path: str) -> Errors:
    """Configuration that is passed to a driver."""
    opaque = config.get("opaque")
    if opaque is None:
        return [field.required(f"{path}.opaque")]
    errors = driver_name(opaque.get("driver") or "", f"{path}.opaque.driver")
    parameters = opaque.get("parameters")
    if parameters is None:
        errors.append(field.required(f"{path}.opaque.parameters"))
    elif not isinstance(parameters, dict):
        errors.append(field.invalid(f"{path}.opaque.parameters", parameters, "parameters must be a valid JSON object"))
    return errors
