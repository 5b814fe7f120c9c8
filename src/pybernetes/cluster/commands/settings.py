"""From parsed flags to a `ClusterConfig`."""

import argparse

from ..config import ClusterConfig, ConfigError, completed


class CommandError(Exception):
    """Something a user can mend; the message is one line that says how."""


def cluster_config(arguments: argparse.Namespace) -> ClusterConfig:
    """The settings of this command line, filled in from the machine."""
    try:
        return completed(
            ClusterConfig(
                data_dir=arguments.data_dir,
                api_port=arguments.api_port,
                node_name=arguments.node_name,
                node_ip=arguments.node_ip,
                pod_cidr=arguments.pod_cidr,
                service_cidr=arguments.service_cidr,
                hollow_nodes=arguments.hollow_nodes,
                sample=not getattr(arguments, "no_sample", False),
                kubelet_port=arguments.kubelet_port,
                dns_port=arguments.dns_port,
                log_level=arguments.log_level,
            )
        )
    except ConfigError as error:
        raise CommandError(str(error)) from None
