"""MutatingWebhookConfigurations and ValidatingWebhookConfigurations (admissionregistration.k8s.io/v1)."""

from urllib.parse import urlsplit

from .. import field, names
from .selectors import label_selector
from .values import Errors, Object

ACCEPTED_VERSIONS = ("v1", "v1beta1")
_FAILURE_POLICIES = ("Fail", "Ignore")
_MATCH_POLICIES = ("Equivalent", "Exact")
_SIDE_EFFECTS = ("None", "NoneOnDryRun")
_REINVOCATION_POLICIES = ("IfNeeded", "Never")
_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SCOPES = ("*", "Cluster", "Namespaced")
_URL_FORM = "; desired format: https://host[/path]"
_MOST_CONDITIONS = 64


def validate_create(configuration: Object) -> Errors:
    return _webhooks(configuration, set())


def validate_update(new: Object, old: Object) -> Errors:
    """Expressions that were there before are kept, so that no upgrade makes a configuration unwritable."""
    kept = {
        str(condition.get("expression"))
        for webhook in old.get("webhooks") or ()
        for condition in webhook.get("matchConditions") or ()
    }
    return _webhooks(new, kept)


def _webhooks(configuration: Object, kept: set[str]) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    mutating = configuration.get("kind") == "MutatingWebhookConfiguration"
    for index, webhook in enumerate(configuration.get("webhooks") or ()):
        path = f"webhooks[{index}]"
        errors += _webhook(webhook, path, kept)
        name = webhook.get("name") or ""
        if name in seen:
            errors.append(field.duplicate(f"{path}.name", name))
        seen.add(name)
        policy = webhook.get("reinvocationPolicy")
        if mutating and policy is not None and policy not in _REINVOCATION_POLICIES:
            errors.append(field.not_supported(f"{path}.reinvocationPolicy", policy, _REINVOCATION_POLICIES))
    return errors


def _webhook(webhook: Object, path: str, kept: set[str]) -> Errors:
    errors = full_name(webhook.get("name") or "", f"{path}.name")
    for index, rule in enumerate(webhook.get("rules") or ()):
        errors += rule_with_operations(rule, f"{path}.rules[{index}]")
    for key, allowed in (("failurePolicy", _FAILURE_POLICIES), ("matchPolicy", _MATCH_POLICIES)):
        value = webhook.get(key)
        if value is not None and value not in allowed:
            errors.append(field.not_supported(f"{path}.{key}", value, allowed))
    effects = webhook.get("sideEffects")
    if effects is None:
        errors.append(field.required(f"{path}.sideEffects", f"must specify one of {', '.join(_SIDE_EFFECTS)}"))
    elif effects not in _SIDE_EFFECTS:
        errors.append(field.not_supported(f"{path}.sideEffects", effects, _SIDE_EFFECTS))
    seconds = webhook.get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= 30:
        words = "the timeout value must be between 1 and 30 seconds"
        errors.append(field.invalid(f"{path}.timeoutSeconds", seconds, words))
    for key in ("namespaceSelector", "objectSelector"):
        if webhook.get(key) is not None:
            errors += label_selector(webhook[key], f"{path}.{key}")
    errors += client_config(webhook.get("clientConfig") or {}, f"{path}.clientConfig")
    errors += _review_versions(webhook.get("admissionReviewVersions") or [], f"{path}.admissionReviewVersions")
    return errors + _conditions(webhook.get("matchConditions") or [], f"{path}.matchConditions", kept)


def full_name(name: str, path: str) -> Errors:
    """A domain of at least three segments."""
    if not name:
        return [field.required(path)]
    wrong = names.dns1123_subdomain(name)
    if wrong:
        return [field.invalid(path, name, ",".join(wrong))]
    if name.count(".") < 2:
        return [field.invalid(path, name, "should be a domain with at least three segments separated by dots")]
    return []


def client_config(config: Object, path: str) -> Errors:
    """Where the webhook is: a URL or a Service."""
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        return [field.required(path, "exactly one of url or service is required")]
    if url is not None:
        return _url(str(url), f"{path}.url")
    return service_reference(service or {}, f"{path}.service")


def _url(url: str, path: str) -> Errors:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return [field.required(path, f"url must be a valid URL: {error}{_URL_FORM}")]
    errors: Errors = []
    if parts.scheme != "https":
        errors.append(field.invalid(path, parts.scheme, f"'https' is the only allowed URL scheme{_URL_FORM}"))
    if not parts.netloc:
        errors.append(field.invalid(path, parts.netloc, f"host must be specified{_URL_FORM}"))
    if "@" in parts.netloc:
        user = parts.netloc.rpartition("@")[0]
        errors.append(field.invalid(path, user, "user information is not permitted in the URL"))
    if parts.fragment:
        errors.append(field.invalid(path, parts.fragment, "fragments are not permitted in the URL"))
    if parts.query:
        errors.append(field.invalid(path, parts.query, "query parameters are not permitted in the URL"))
    return errors


def service_reference(service: Object, path: str) -> Errors:
    """Name, namespace, port and path of a Service."""
    errors: Errors = []
    if not service.get("name"):
        errors.append(field.required(f"{path}.name", "service name is required"))
    if not service.get("namespace"):
        errors.append(field.required(f"{path}.namespace", "service namespace is required"))
    port = service.get("port")
    if port is not None and not 1 <= port <= 65535:
        errors.append(field.invalid(f"{path}.port", port, "port is not valid: must be between 1 and 65535, inclusive"))
    return errors + _url_path(service.get("path"), f"{path}.path")


def _url_path(url_path: str | None, path: str) -> Errors:
    if url_path in (None, "", "/"):
        return []
    assert url_path is not None
    if url_path == "//":
        return [field.invalid(path, url_path, "segment[0] may not be empty")]
    errors: Errors = []
    if not url_path.startswith("/"):
        errors.append(field.invalid(path, url_path, "must start with a '/'"))
    for index, step in enumerate(url_path[1:].removesuffix("/").split("/")):
        if not step:
            errors.append(field.invalid(path, url_path, f"segment[{index}] may not be empty"))
            continue
        errors += [field.invalid(path, url_path, f"segment[{index}]: {w}") for w in names.dns1123_subdomain(step)]
    return errors


def _review_versions(versions: list[str], path: str) -> Errors:
    accepted = ", ".join(ACCEPTED_VERSIONS)
    if not versions:
        return [field.required(path, f"must specify one of {accepted}")]
    errors: Errors = []
    seen: set[str] = set()
    for index, version in enumerate(versions):
        if version in seen:
            errors.append(field.invalid(f"{path}[{index}]", version, "duplicate version"))
        else:
            errors += [field.invalid(f"{path}[{index}]", version, words) for words in names.dns1035_label(version)]
        seen.add(version)
    if not seen.intersection(ACCEPTED_VERSIONS):
        errors.append(field.invalid(path, versions, f"must include at least one of {accepted}"))
    return errors


def rule_with_operations(rule: Object, path: str) -> Errors:
    """One rule: what operations on what resources."""
    errors: Errors = []
    operations = rule.get("operations") or []
    if not operations:
        errors.append(field.required(f"{path}.operations"))
    if len(operations) > 1 and "*" in operations:
        words = "if '*' is present, must not specify other operations"
        errors.append(field.invalid(f"{path}.operations", operations, words))
    for index, operation in enumerate(operations):
        if operation not in _OPERATIONS:
            errors.append(field.not_supported(f"{path}.operations[{index}]", operation, _OPERATIONS))
    for key, what in (("apiGroups", "API groups"), ("apiVersions", "API versions")):
        values = rule.get(key) or []
        if not values:
            errors.append(field.required(f"{path}.{key}"))
        if len(values) > 1 and "*" in values:
            words = f"if '*' is present, must not specify other {what}"
            errors.append(field.invalid(f"{path}.{key}", values, words))
        if key == "apiVersions":
            errors += [field.required(f"{path}.{key}[{i}]") for i, value in enumerate(values) if not value]
    errors += _resources(rule.get("resources") or [], f"{path}.resources")
    scope = rule.get("scope")
    if scope is not None and scope not in _SCOPES:
        errors.append(field.not_supported(f"{path}.scope", scope, _SCOPES))
    return errors


def _resources(resources: list[str], path: str) -> Errors:
    if not resources:
        return [field.required(path)]
    errors: Errors = []
    all_parts: set[str] = set()
    all_of: set[str] = set()
    bare = False
    for index, text in enumerate(resources):
        if not text:
            errors.append(field.required(f"{path}[{index}]"))
            continue
        resource, slash, part = text.partition("/")
        if not slash:
            bare = text != "*"
            continue
        for word, present in ((f"{resource}/*", resource in all_parts), (f"*/{part}", part in all_of)):
            if present:
                words = f"if '{word}' is present, must not specify {text}"
                errors.append(field.invalid(f"{path}[{index}]", text, words))
        if part == "*":
            all_parts.add(resource)
        if resource == "*":
            all_of.add(part)
    if len(resources) > 1 and "*/*" in resources:
        words = "if '*/*' is present, must not specify other resources"
        errors.append(field.invalid(path, resources, words))
    if "*" in resources and bare:
        words = "if '*' is present, must not specify other resources without subresources"
        errors.append(field.invalid(path, resources, words))
    return errors


def _conditions(conditions: list[Object], path: str, kept: set[str]) -> Errors:
    errors: Errors = []
    if len(conditions) > _MOST_CONDITIONS:
        errors.append(field.too_many(path, len(conditions), _MOST_CONDITIONS))
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        here = f"{path}[{index}]"
        expression, name = str(condition.get("expression") or ""), str(condition.get("name") or "")
        if not expression.strip():
            errors.append(field.required(f"{here}.expression"))
        elif expression not in kept:
            wrong = _compile(expression)
            if wrong:
                errors.append(field.invalid(f"{here}.expression", expression, wrong))
        if not name:
            errors.append(field.required(f"{here}.name"))
        else:
            errors += [field.invalid(f"{here}.name", name, words) for words in names.qualified_name(name)]
        if name in seen:
            errors.append(field.duplicate(f"{here}.name", name))
        seen.add(name)
    return errors


def _compile(expression: str) -> str:
    from ..match_conditions import compile_error

    return compile_error(expression)
