"""What a pod's /etc/resolv.conf says, for every dnsPolicy. Pure (page "DNS for Services and Pods").

    ClusterFirst             the cluster's DNS and search path; with hostNetwork: like Default
    ClusterFirstWithHostNet  the cluster's, also with hostNetwork
    Default                  the node's own resolv.conf
    None                     only what the pod's dnsConfig gives

The pod's dnsConfig is merged on top. More than the C library reads is cut: 3 servers, 32 search domains of 2048
characters (upstream's `pkg/kubelet/network/dns`).
"""

from collections.abc import Iterable, Sequence

from pybernetes.api.core import Pod

from .cri.messages import DNSConfig

MAXIMUM_SERVERS = 3
MAXIMUM_SEARCHES = 32
MAXIMUM_SEARCH_CHARACTERS = 2048
CLUSTER_OPTIONS = ("ndots:5",)


def parse_resolv_conf(text: str) -> DNSConfig:
    """Servers, search path (the last `search` line wins) and options of a resolv.conf."""
    servers: list[str] = []
    searches: list[str] = []
    options: list[str] = []
    for line in text.splitlines():
        fields = line.split("#")[0].split(";")[0].split()
        if len(fields) < 2 and not (fields and fields[0] == "search"):
            continue
        match fields[0]:
            case "nameserver":
                servers.append(fields[1])
            case "search":
                searches = [domain if domain == "." else domain.removesuffix(".") for domain in fields[1:]]
            case "options":
                options = _merge_options(options, fields[1:])
    return DNSConfig(servers=servers, searches=searches, options=options)


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _merge_options(options: Iterable[str], more: Iterable[str]) -> list[str]:
    """Options by name; a later value replaces an earlier one."""
    merged: dict[str, str] = {}
    for option in (*options, *more):
        merged[option.partition(":")[0]] = option
    return list(merged.values())


def _fit(searches: Sequence[str]) -> list[str]:
    kept: list[str] = []
    for domain in searches[:MAXIMUM_SEARCHES]:
        if len(" ".join([*kept, domain])) > MAXIMUM_SEARCH_CHARACTERS:
            break
        kept.append(domain)
    return kept


def dns_config(pod: Pod, cluster_dns: Sequence[str], cluster_domain: str, host_resolv: str) -> DNSConfig:
    """The pod's resolver settings. host_resolv is the text of the node's resolv.conf.

    Without cluster_dns, ClusterFirst falls back to the node's settings, as upstream does."""
    policy = pod.spec.dns_policy or "ClusterFirst"
    if policy == "ClusterFirst" and pod.spec.host_network:
        policy = "Default"
    if policy in ("ClusterFirst", "ClusterFirstWithHostNet") and not cluster_dns:
        policy = "Default"
    if policy == "None":
        found = DNSConfig()
    elif policy == "Default":
        found = parse_resolv_conf(host_resolv)
    else:
        host = parse_resolv_conf(host_resolv)
        namespace = pod.metadata.namespace or ""
        cluster: list[str] = []
        if cluster_domain:
            cluster = [f"{namespace}.svc.{cluster_domain}", f"svc.{cluster_domain}", cluster_domain]
        found = DNSConfig(servers=list(cluster_dns), searches=[*cluster, *host.searches], options=list(CLUSTER_OPTIONS))
    extra = pod.spec.dns_config
    if extra is not None:
        found.servers = [*found.servers, *(extra.nameservers or ())]
        found.searches = [*found.searches, *(extra.searches or ())]
        given = [
            f"{option.name}:{option.value}" if option.value else option.name or "" for option in extra.options or ()
        ]
        found.options = _merge_options(found.options, given)
    return DNSConfig(
        servers=_unique(found.servers)[:MAXIMUM_SERVERS],
        searches=_fit(_unique(found.searches)),
        options=found.options,
    )
