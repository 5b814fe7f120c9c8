"""securityContext of pod and container, put together and turned into what the runtime takes. Pure.

A container's field wins over the pod's (page "Configure a Security Context"). SELinux is not enforced, AppArmor where
the node's kernel has it.
"""

import os

from ..api.core import AppArmorProfile, Container, EphemeralContainer, Pod, SeccompProfile
from .cri import messages as m
from .environment import ConfigError
from .pod_worker import pod_id

MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def namespace_options(pod: Pod, target_id: str = "") -> m.NamespaceOption:
    """Which namespaces the pod shares with the node or among its containers. `target_id` is the container whose
    processes an ephemeral container is to see."""
    spec = pod.spec
    if target_id:
        pid = m.NamespaceMode.TARGET
    elif spec.host_pid:
        pid = m.NamespaceMode.NODE
    elif spec.share_process_namespace:
        pid = m.NamespaceMode.POD
    else:
        pid = m.NamespaceMode.CONTAINER
    return m.NamespaceOption(
        network=m.NamespaceMode.NODE if spec.host_network else m.NamespaceMode.POD,
        ipc=m.NamespaceMode.NODE if spec.host_ipc else m.NamespaceMode.POD,
        pid=pid,
        target_id=target_id,
    )


def sandbox_security(pod: Pod, seccomp_directory: str) -> m.LinuxSandboxSecurityContext:
    """The sandbox's own: namespaces, the pod's user and groups, privileged if any container is."""
    of_pod = pod.spec.security_context
    everyone = [*(pod.spec.containers or ()), *(pod.spec.init_containers or ())]
    privileged = any(c.security_context is not None and c.security_context.privileged for c in everyone)
    return m.LinuxSandboxSecurityContext(
        namespace_options=namespace_options(pod),
        run_as_user=of_pod.run_as_user if of_pod is not None else None,
        run_as_group=of_pod.run_as_group if of_pod is not None else None,
        supplemental_groups=supplemental_groups(pod),
        privileged=privileged,
        seccomp=m.SecurityProfile(profile_type=m.SecurityProfileType.RUNTIME_DEFAULT)
        if not privileged
        else m.SecurityProfile(profile_type=m.SecurityProfileType.UNCONFINED),
    )


def supplemental_groups(pod: Pod) -> list[int]:
    """The pod's extra groups and its fsGroup."""
    of_pod = pod.spec.security_context
    if of_pod is None:
        return []
    groups = list(of_pod.supplemental_groups or ())
    if of_pod.fs_group is not None and of_pod.fs_group not in groups:
        groups.append(of_pod.fs_group)
    return groups


def container_security(
    pod: Pod,
    container: Container | EphemeralContainer,
    *,
    image_uid: int | None,
    image_user: str,
    target_id: str,
    seccomp_directory: str,
    seccomp_default: bool = False,
) -> m.LinuxContainerSecurityContext:
    """The container's security settings. ConfigError if runAsNonRoot cannot be kept."""
    of_pod, own = pod.spec.security_context, container.security_context
    user = own.run_as_user if own is not None and own.run_as_user is not None else None
    if user is None and of_pod is not None:
        user = of_pod.run_as_user
    group = own.run_as_group if own is not None and own.run_as_group is not None else None
    if group is None and of_pod is not None:
        group = of_pod.run_as_group
    verify_non_root(pod, container, user, image_uid, image_user)
    by_name = ""
    if user is None and image_uid is not None:
        user = image_uid
    elif user is None:
        by_name = image_user
    privileged = bool(own is not None and own.privileged)
    profile = own.seccomp_profile if own is not None and own.seccomp_profile is not None else None
    if profile is None and of_pod is not None:
        profile = of_pod.seccomp_profile
    if profile is None and seccomp_default:
        profile = SeccompProfile(type="RuntimeDefault")
    apparmor = own.app_armor_profile if own is not None and own.app_armor_profile is not None else None
    if apparmor is None and of_pod is not None:
        apparmor = of_pod.app_armor_profile
    unmasked = privileged or (own is not None and own.proc_mount == "Unmasked")
    capabilities = own.capabilities if own is not None else None
    return m.LinuxContainerSecurityContext(
        namespace_options=namespace_options(pod, target_id),
        run_as_user=user,
        run_as_group=group,
        run_as_username=by_name,
        supplemental_groups=supplemental_groups(pod),
        privileged=privileged,
        readonly_rootfs=bool(own is not None and own.read_only_root_filesystem),
        no_new_privs=own is not None and own.allow_privilege_escalation is False,
        capabilities=m.Capability(
            add_capabilities=list(capabilities.add or ()), drop_capabilities=list(capabilities.drop or ())
        )
        if capabilities is not None
        else None,
        seccomp=_seccomp(profile, privileged, seccomp_directory),
        apparmor=_apparmor(apparmor) if apparmor is not None else None,
        masked_paths=[] if unmasked else list(MASKED_PATHS),
        readonly_paths=[] if unmasked else list(READONLY_PATHS),
    )


def _seccomp(profile: SeccompProfile | None, privileged: bool, directory: str) -> m.SecurityProfile:
    if privileged or profile is None or profile.type == "Unconfined":
        return m.SecurityProfile(profile_type=m.SecurityProfileType.UNCONFINED)
    if profile.type == "Localhost":
        path = os.path.join(directory, profile.localhost_profile or "")
        return m.SecurityProfile(profile_type=m.SecurityProfileType.LOCALHOST, localhost_ref=path)
    return m.SecurityProfile(profile_type=m.SecurityProfileType.RUNTIME_DEFAULT)


def _apparmor(profile: AppArmorProfile) -> m.SecurityProfile:
    if profile.type == "Localhost":
        name = profile.localhost_profile or ""
        return m.SecurityProfile(profile_type=m.SecurityProfileType.LOCALHOST, localhost_ref=name)
    unconfined = profile.type == "Unconfined"
    types = m.SecurityProfileType
    return m.SecurityProfile(profile_type=types.UNCONFINED if unconfined else types.RUNTIME_DEFAULT)


def verify_non_root(
    pod: Pod, container: Container | EphemeralContainer, user: int | None, image_uid: int | None, image_user: str
) -> None:
    """runAsNonRoot: the user that is asked for, or else the image's, must be known and not 0. ConfigError."""
    of_pod, own = pod.spec.security_context, container.security_context
    wanted = own.run_as_non_root if own is not None and own.run_as_non_root is not None else None
    if wanted is None and of_pod is not None:
        wanted = of_pod.run_as_non_root
    if not wanted:
        return
    where = f'(pod: "{pod_id(pod)}", container: {container.name})'
    if user is not None:
        if user == 0:
            raise ConfigError(f"container's runAsUser breaks non-root policy {where}")
        return
    if image_uid == 0 or (image_uid is None and not image_user):
        raise ConfigError(f"container has runAsNonRoot and image will run as root {where}")
    if image_uid is None:
        raise ConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({image_user}), "
            f"cannot verify user is non-root {where}"
        )
