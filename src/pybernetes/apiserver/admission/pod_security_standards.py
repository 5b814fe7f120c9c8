"""The Pod Security Standards: what a pod may not do at the levels baseline and restricted.

Each check gives "" or one sentence part in upstream's words; `violations` runs those of a level, as of a minor version:
a namespace may ask for the standard of an older release.
"""

from collections.abc import Callable
from typing import Any

Object = dict[str, Any]
Check = Callable[[Object, int], str]
"""(pod, minor version of the standard) -> what is wrong."""

LATEST = 1 << 30
_SYSCTLS_SINCE = {
    "net.ipv4.ip_local_reserved_ports": 27,
    "net.ipv4.tcp_keepalive_time": 29,
    "net.ipv4.tcp_fin_timeout": 29,
    "net.ipv4.tcp_keepalive_intvl": 29,
    "net.ipv4.tcp_keepalive_probes": 29,
    "net.ipv4.tcp_rmem": 32,
    "net.ipv4.tcp_wmem": 32,
}

_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
    }
)
_SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)


def _containers(pod: Object) -> list[Object]:
    spec = pod.get("spec") or {}
    return [c for kind in ("initContainers", "containers", "ephemeralContainers") for c in spec.get(kind) or ()]


def _context(holder: Object) -> Object:
    return holder.get("securityContext") or {}


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _named(word: str, names: list[str]) -> str:
    """`container "a"`, `containers "a", "b"`."""
    return f"{word}{'s' if len(names) > 1 else ''} {_quoted(names)}"


def _where(pod: Object, bad: Callable[[Object], bool]) -> list[str]:
    return [str(c.get("name")) for c in _containers(pod) if bad(c)]


def _is_windows(pod: Object, minor: int) -> bool:
    """Windows has neither capabilities nor seccomp."""
    return minor >= 25 and ((pod.get("spec") or {}).get("os") or {}).get("name") == "windows"


def _in_user_namespace(pod: Object, minor: int) -> bool:
    """Whether root in the pod is nobody outside (KEP-127)."""
    return minor >= 35 and (pod.get("spec") or {}).get("hostUsers") is False


def _host_namespaces(pod: Object, minor: int) -> str:
    used = [f"{key}=true" for key in ("hostNetwork", "hostPID", "hostIPC") if (pod.get("spec") or {}).get(key)]
    return f"host namespaces ({', '.join(used)})" if used else ""


def _privileged(pod: Object, minor: int) -> str:
    names = _where(pod, lambda c: bool(_context(c).get("privileged")))
    return f"privileged ({_named('container', names)} must not set securityContext.privileged=true)" if names else ""


def _added(pod: Object, allowed: frozenset[str]) -> tuple[list[str], list[str]]:
    names: list[str] = []
    capabilities: set[str] = set()
    for container in _containers(pod):
        beyond = set((_context(container).get("capabilities") or {}).get("add") or ()) - allowed
        if beyond:
            names.append(str(container.get("name")))
            capabilities |= beyond
    return names, sorted(capabilities)


def _capabilities(pod: Object, minor: int) -> str:
    names, beyond = _added(pod, _CAPABILITIES)
    if not names:
        return ""
    words = f"must not include {_quoted(beyond)} in securityContext.capabilities.add"
    return f"non-default capabilities ({_named('container', names)} {words})"


def _host_path(pod: Object, minor: int) -> str:
    names = [str(v.get("name")) for v in (pod.get("spec") or {}).get("volumes") or () if v.get("hostPath") is not None]
    return f"hostPath volumes ({_named('volume', names)})" if names else ""


def _host_ports(pod: Object, minor: int) -> str:
    used = {
        str(c.get("name")): [p["hostPort"] for p in c.get("ports") or () if p.get("hostPort")] for c in _containers(pod)
    }
    names = [name for name, ports in used.items() if ports]
    if not names:
        return ""
    ports = sorted({str(port) for found in used.values() for port in found})
    uses = "uses" if len(names) == 1 else "use"
    word = "hostPort" if len(ports) == 1 else "hostPorts"
    return f"hostPort ({_named('container', names)} {uses} {word} {', '.join(ports)})"


def _proc_mount(pod: Object, minor: int) -> str:
    names = _where(pod, lambda c: _context(c).get("procMount") not in (None, "", "Default"))
    if not names or _in_user_namespace(pod, minor):
        return ""
    return f'procMount ({_named("container", names)} must not set securityContext.procMount to "Unmasked")'


def _selinux(pod: Object, minor: int) -> str:
    def bad(holder: Object) -> bool:
        options = _context(holder).get("seLinuxOptions") or {}
        allowed = _SELINUX_TYPES if minor >= 31 else _SELINUX_TYPES - {"container_engine_t"}
        return options.get("type", "") not in allowed or bool(options.get("user") or options.get("role"))

    setters = (["pod"] if bad(pod.get("spec") or {}) else []) + (
        [_named("container", names)] if (names := _where(pod, bad)) else []
    )
    if not setters:
        return ""
    return f"seLinuxOptions ({' and '.join(setters)} set forbidden securityContext.seLinuxOptions)"


def _seccomp(pod: Object, minor: int) -> str:
    def bad(holder: Object) -> bool:
        return (_context(holder).get("seccompProfile") or {}).get("type") == "Unconfined"

    setters = (["pod"] if bad(pod.get("spec") or {}) else []) + (
        [_named("container", names)] if (names := _where(pod, bad)) else []
    )
    if not setters:
        return ""
    return f'seccompProfile ({" and ".join(setters)} must not set securityContext.seccompProfile.type to "Unconfined")'


def _apparmor(pod: Object, minor: int) -> str:
    def bad(holder: Object) -> bool:
        return (_context(holder).get("appArmorProfile") or {}).get("type") == "Unconfined"

    setters = (["pod"] if bad(pod.get("spec") or {}) else []) + (
        [_named("container", names)] if (names := _where(pod, bad)) else []
    )
    if not setters:
        return ""
    return f'appArmorProfile ({" and ".join(setters)} must not set AppArmor profile type to "Unconfined")'


def _sysctls(pod: Object, minor: int) -> str:
    given = _context(pod.get("spec") or {}).get("sysctls") or ()
    names = [str(s.get("name")) for s in given]
    beyond = [name for name in names if name not in _SYSCTLS or _SYSCTLS_SINCE.get(name, 0) > minor]
    return f"forbidden sysctls ({', '.join(beyond)})" if beyond else ""


def _escalation(pod: Object, minor: int) -> str:
    names = _where(pod, lambda c: _context(c).get("allowPrivilegeEscalation") is not False)
    if not names or _is_windows(pod, minor):
        return ""
    words = "must set securityContext.allowPrivilegeEscalation=false"
    return f"allowPrivilegeEscalation != false ({_named('container', names)} {words})"


def _dropped(pod: Object, minor: int) -> str:
    if _is_windows(pod, minor):
        return ""
    keeping = _where(pod, lambda c: "ALL" not in ((_context(c).get("capabilities") or {}).get("drop") or ()))
    adding, beyond = _added(pod, frozenset({"NET_BIND_SERVICE"}))
    parts = []
    if keeping:
        parts.append(f'{_named("container", keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        words = f"must not include {_quoted(beyond)} in securityContext.capabilities.add"
        parts.append(f"{_named('container', adding)} {words}")
    return f"unrestricted capabilities ({'; '.join(parts)})" if parts else ""


def _volumes(pod: Object, minor: int) -> str:
    names: list[str] = []
    kinds: set[str] = set()
    for volume in (pod.get("spec") or {}).get("volumes") or ():
        beyond = {key for key in volume if key != "name"} - _VOLUMES
        if beyond:
            names.append(str(volume.get("name")))
            kinds |= beyond
    if not names:
        return ""
    uses = "uses" if len(names) == 1 else "use"
    word = "type" if len(kinds) == 1 else "types"
    return (
        f"restricted volume types ({_named('volume', names)} {uses} restricted volume {word} {_quoted(sorted(kinds))})"
    )


def _non_root(pod: Object, minor: int) -> str:
    whole = _context(pod.get("spec") or {}).get("runAsNonRoot")
    bad = _where(pod, lambda c: _context(c).get("runAsNonRoot") is False)
    if bad:
        return f"runAsNonRoot != true ({_named('container', bad)} must not set securityContext.runAsNonRoot=false)"
    silent = _where(pod, lambda c: _context(c).get("runAsNonRoot") is None)
    if whole is True or not silent or _in_user_namespace(pod, minor):
        return ""
    if whole is False:
        return "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)"
    return f"runAsNonRoot != true (pod or {_named('container', silent)} must set securityContext.runAsNonRoot=true)"


def _user(pod: Object, minor: int) -> str:
    setters = ["pod"] if _context(pod.get("spec") or {}).get("runAsUser") == 0 else []
    names = _where(pod, lambda c: _context(c).get("runAsUser") == 0)
    if names:
        setters.append(_named("container", names))
    if not setters or _in_user_namespace(pod, minor):
        return ""
    return f"runAsUser=0 ({' and '.join(setters)} must not set runAsUser=0)"


def _confined(pod: Object, minor: int) -> str:
    if _is_windows(pod, minor):
        return ""
    unconfined = _seccomp(pod, minor)
    if unconfined:
        return unconfined
    if (_context(pod.get("spec") or {}).get("seccompProfile") or {}).get("type") in ("RuntimeDefault", "Localhost"):
        return ""
    names = _where(pod, lambda c: not (_context(c).get("seccompProfile") or {}).get("type"))
    if not names:
        return ""
    words = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return f"seccompProfile (pod or {_named('container', names)} {words})"


def _strict_proc_mount(pod: Object, minor: int) -> str:
    return _proc_mount(pod, min(minor, 34))


def _handler_hosts(container: Object) -> set[str]:
    lifecycle = container.get("lifecycle") or {}
    handlers = [container.get(key) for key in ("livenessProbe", "readinessProbe", "startupProbe")]
    handlers += [lifecycle.get("postStart"), lifecycle.get("preStop")]
    parts = [(handler or {}).get(kind) or {} for handler in handlers for kind in ("httpGet", "tcpSocket")]
    return {str(part["host"]) for part in parts if part.get("host")}


def _host_probes(pod: Object, minor: int) -> str:
    used = {str(c.get("name")): hosts for c in _containers(pod) if (hosts := _handler_hosts(c))}
    if not used:
        return ""
    everywhere = sorted({host for found in used.values() for host in found})
    uses, word = "uses" if len(used) == 1 else "use", "probe or lifecycle host" + ("s" if len(everywhere) > 1 else "")
    return f"probe or lifecycle host ({_named('container', sorted(used))} {uses} {word} {_quoted(everywhere)})"


def _windows_host_process(pod: Object, minor: int) -> str:
    def bad(holder: Object) -> bool:
        return (_context(holder).get("windowsOptions") or {}).get("hostProcess") is True

    names = _where(pod, bad)
    setters = (["pod"] if bad(pod.get("spec") or {}) else []) + ([_named("container", names)] if names else [])
    if not setters:
        return ""
    return f"hostProcess ({' and '.join(setters)} must not set securityContext.windowsOptions.hostProcess=true)"


Row = tuple[int, Check]
"""(minor version that brought the check, check)."""

_NAMESPACES, _PORTS = (0, _host_namespaces), (0, _host_ports)
_PROBES, _PRIVILEGED, _SELINUX = (34, _host_probes), (0, _privileged), (0, _selinux)
_SYSCTL_ROW, _WINDOWS = (0, _sysctls), (0, _windows_host_process)
LEVELS: dict[str, tuple[Row, ...]] = {
    "baseline": (
        (0, _apparmor),
        (0, _capabilities),
        _NAMESPACES,
        (0, _host_path),
        _PORTS,
        _PROBES,
        _PRIVILEGED,
        (0, _proc_mount),
        _SELINUX,
        (0, _seccomp),
        _SYSCTL_ROW,
        _WINDOWS,
    ),
    "restricted": (
        (0, _apparmor),
        _NAMESPACES,
        _PORTS,
        _PROBES,
        _PRIVILEGED,
        _SELINUX,
        _SYSCTL_ROW,
        _WINDOWS,
        (8, _escalation),
        (22, _dropped),
        (0, _strict_proc_mount),
        (0, _volumes),
        (0, _non_root),
        (23, _user),
        (19, _confined),
    ),
}
"""The checks of each level, in the order in which they are told; `restricted` leaves out what a stricter one covers."""


def violations(pod: Object, level: str, minor: int = LATEST) -> list[str]:
    """What a pod (or a template of pods) does that the level, as of a minor version, does not allow."""
    return [words for since, check in LEVELS.get(level, ()) if minor >= since and (words := check(pod, minor))]
