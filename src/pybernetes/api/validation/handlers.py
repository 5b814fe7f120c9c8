"""Probes and lifecycle hooks of containers (core/v1 Probe, Lifecycle)."""

from .. import field, names
from .values import Errors, Object, each, nonnegative, port_number, port_number_or_name

_SCHEMES = ("HTTP", "HTTPS")
_NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_WINDOWS_SIGNALS = ("SIGKILL", "SIGTERM")
_LINUX_SIGNALS = tuple(
    sorted(
        [
            *("SIGABRT SIGALRM SIGBUS SIGCHLD SIGCLD SIGCONT SIGFPE SIGHUP SIGILL SIGINT SIGIO SIGIOT SIGKILL").split(),
            *("SIGPIPE SIGPOLL SIGPROF SIGPWR SIGQUIT SIGSEGV SIGSTKFLT SIGSTOP SIGSYS SIGTERM SIGTRAP").split(),
            *("SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2 SIGVTALRM SIGWINCH SIGXCPU SIGXFSZ").split(),
            "SIGRTMIN",
            "SIGRTMAX",
            *(f"SIGRTMIN+{number}" for number in range(1, 16)),
            *(f"SIGRTMAX-{number}" for number in range(1, 15)),
        ]
    )
)


def probes(container: Object, path: str, grace_period: int | None) -> Errors:
    """The three probes of a container."""
    errors: Errors = []
    for key in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(key)
        if probe is not None:
            errors += _probe(probe, f"{path}.{key}", grace_period, readiness=key == "readinessProbe")
    return errors


def _probe(probe: Object, path: str, grace_period: int | None, *, readiness: bool) -> Errors:
    errors = _handler(probe, path, grace_period)
    for key in _NUMBERS:
        value = probe.get(key) or 0
        if value < 0:
            errors += nonnegative(value, f"{path}.{key}")
    seconds = probe.get("terminationGracePeriodSeconds")
    if seconds is not None and seconds <= 0:
        errors.append(field.invalid(f"{path}.terminationGracePeriodSeconds", seconds, "must be greater than 0"))
    if readiness:
        if seconds is not None:
            words = "must not be set for readinessProbes"
            errors.append(field.invalid(f"{path}.terminationGracePeriodSeconds", seconds, words))
    elif (probe.get("successThreshold") or 0) != 1:
        errors.append(field.invalid(f"{path}.successThreshold", probe.get("successThreshold") or 0, "must be 1"))
    return errors


def lifecycle(given: Object, path: str, grace_period: int | None, os_name: str) -> Errors:
    """Hooks after the start and before the stop, and the signal that stops."""
    errors: Errors = []
    for key in ("postStart", "preStop"):
        hook = given.get(key)
        if hook is not None:
            errors += _handler(hook, f"{path}.{key}", grace_period)
    signal = given.get("stopSignal")
    if signal is not None:
        where = f"{path}.stopSignal"
        if not os_name:
            errors.append(field.forbidden(where, "may not be set for containers with empty `spec.os.name`"))
        else:
            known = _WINDOWS_SIGNALS if os_name == "windows" else _LINUX_SIGNALS
            if signal not in known:
                errors.append(field.not_supported(where, signal, known))
    return errors


def _handler(handler: Object, path: str, grace_period: int | None) -> Errors:
    errors: Errors = []
    found = 0
    for key in ("exec", "httpGet", "tcpSocket", "grpc", "sleep"):
        action = handler.get(key)
        if action is None:
            continue
        found += 1
        where = f"{path}.{key}"
        if found > 1:
            errors.append(field.forbidden(where, "may not specify more than 1 handler type"))
        elif key == "exec":
            if not action.get("command"):
                errors.append(field.required(f"{where}.command"))
        elif key == "httpGet":
            errors += _http_get(action, where)
        elif key == "tcpSocket":
            errors += port_number_or_name(action.get("port"), f"{where}.port")
        elif key == "grpc":
            errors += port_number(action.get("port") or 0, f"{where}.port")
        else:
            seconds = action.get("seconds") or 0
            if grace_period is not None and not 0 <= seconds <= grace_period:
                words = f"must be non-negative and less than terminationGracePeriodSeconds ({grace_period})"
                errors.append(field.invalid(where, seconds, words))
    if not found:
        errors.append(field.required(path, "must specify a handler type"))
    return errors


def _http_get(action: Object, path: str) -> Errors:
    errors: Errors = []
    if not action.get("path"):
        errors.append(field.required(f"{path}.path"))
    errors += port_number_or_name(action.get("port"), f"{path}.port")
    scheme = action.get("scheme") or ""
    if scheme not in _SCHEMES:
        errors.append(field.not_supported(f"{path}.scheme", scheme, _SCHEMES))
    for header in action.get("httpHeaders") or ():
        name = header.get("name") or ""
        errors += each(f"{path}.httpHeaders", name, names.header_name(name))
    return errors
