"""The `pybernetes` command: names, flags and one-line errors; the work is in `cluster/commands`.

Nothing but argparse is imported before the command is known, so that each command pays for its own parts only.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from . import GIT_VERSION
from .cluster import kube_flags

DEFAULT_DATA_DIR = Path("/var/lib/pybernetes")

_CLUSTER = """commands for a cluster on this machine:
  up         start a cluster in the background and deploy a sample application
  down       stop it; --purge removes every trace
  status     what is running
  image      the node's images: list, pull, save, import, build, remove
  ps         the node's containers
  token      bootstrap tokens for joining machines: create, list, delete
  member     several control planes as members of etcd: list, remove
  snapshot   the whole cluster in a file: save, restore, status
  certificates  how long they are valid, and new ones: check, renew
  history    every operation in order: revision, time, user, verb, object, change

a client of any cluster:
  kubectl    every command of kubectl

components in the foreground:
  server     the whole control plane in one process
  agent      a node: kubelet, proxy and runtime in one process
  apiserver  controller-manager  scheduler  kubelet  proxy  dns  metrics-server
  cloud-controller-manager"""


_WRONG_COMMAND = re.compile(
    r"argument (?:\S*|[a-z|]+): invalid choice: ('[^']*') \(choose from '(?:up|import|create|save|check)'"
)


class _Parser(argparse.ArgumentParser):
    """Errors are one line and exit code 1."""

    def error(self, message: str) -> NoReturn:
        name = self.prog.split(" ", 1)[-1] if " " in self.prog else ""
        wrong = _WRONG_COMMAND.match(message)
        if wrong:
            message = f"there is no command {wrong[1]}"
        print(
            f"error: {message.removeprefix('argument ')}; see: pybernetes {name + ' ' if name else ''}--help",
            file=sys.stderr,
        )
        raise SystemExit(1)


_FLAGS: dict[str, dict[str, Any]] = {
    "--api-port": {"type": int, "metavar": "PORT", "help": "the API server listens here (6443)"},
    "--node-ip": {"metavar": "IP", "help": "this machine's address, or IPv4,IPv6 (those of the default routes)"},
    "--node-name": {"metavar": "NAME", "help": "(the host's name)"},
    "--pod-cidr": {"metavar": "CIDR", "help": "addresses of pods: a network, or IPv4,IPv6 (10.244.0.0/16)"},
    "--service-cidr": {"metavar": "CIDR", "help": "addresses of services: a network, or IPv4,IPv6 (10.96.0.0/16)"},
    "--hollow-nodes": {"type": int, "metavar": "N", "help": "simulate N nodes instead of running containers"},
    "--kubelet-port": {"type": int, "metavar": "PORT", "help": "the kubelet listens here (10250)"},
    "--dns-port": {"type": int, "metavar": "PORT", "help": "the cluster's DNS server listens here (10053)"},
    "--cloud-provider": {
        "metavar": "NAME",
        "help": "who makes load balancers: local (the nodes), external (another process) or '' (nobody) (local)",
    },
    "--node-monitor-grace-period": {
        "type": float, "metavar": "SECONDS", "help": "a node that is silent for so long is not ready (50)",
    },
    "--history-hours": {"type": float, "metavar": "H", "help": "keep the past of every object for so long (1)"},
    "--history-megabytes": {"type": int, "metavar": "MB", "help": "forget earlier when the state is larger (256)"},
    "--feature-gates": {
        "action": "append", "metavar": "A=true,B=false", "help": "features by name (upstream's defaults)",
    },
    "--runtime-config": {
        "action": "append", "metavar": "KEY=VALUE", "help": "versions and resources, such as api/beta=true",
    },
    "--kube-apiserver-arg": {
        "action": "append", "metavar": "NAME=VALUE", "help": "a flag of kube-apiserver, such as audit-log-path=FILE",
    },
    "--kubelet-arg": {
        "action": "append", "metavar": "NAME=VALUE", "help": "a flag of this machine's kubelet, such as max-pods=50",
    },
    "--control-plane-endpoint": {
        "metavar": "HOST[:PORT]", "help": "a name or load balancer by which all control planes are reached",
    },
    "--apiserver-cert-extra-sans": {
        "action": "append", "metavar": "NAME,IP", "help": "more names for the API servers' certificates",
    },
    "--etcd": {
        "action": "store_true", "help": "keep the state in etcd, so that more control planes can join (SQLite)",
    },
    "--etcd-port": {"type": int, "metavar": "PORT", "help": "etcd serves the control planes here (2379)"},
    "--etcd-peer-port": {"type": int, "metavar": "PORT", "help": "and its members here (2380)"},
    "--taint-control-plane": {
        "choices": ("true", "false"), "help": "keep applications off this machine (true with --etcd and --join)",
    },
    "--log-level": {"choices": ("debug", "info", "warning", "error"), "help": "(info)"},
}  # fmt: skip
_CONTROL_PLANE = (
    "--api-port --node-ip --node-name --pod-cidr --service-cidr --dns-port --hollow-nodes --node-monitor-grace-period"
    " --history-hours --history-megabytes --feature-gates --runtime-config --cloud-provider"
    " --etcd --etcd-port --etcd-peer-port --taint-control-plane --control-plane-endpoint --apiserver-cert-extra-sans"
    " --kube-apiserver-arg"
)
_COMPONENTS = {
    "apiserver": "--api-port --node-ip --node-name --service-cidr --history-hours --history-megabytes --cloud-provider",
    "controller-manager": (
        "--node-name --pod-cidr --service-cidr --node-monitor-grace-period --feature-gates --cloud-provider"
    ),
    "cloud-controller-manager": "--node-name --pod-cidr",
    "scheduler": "--node-name --feature-gates",
    "kubelet": (
        "--node-ip --node-name --pod-cidr --service-cidr --kubelet-arg --kubelet-port --feature-gates --cloud-provider"
    ),
    "proxy": "--node-ip --node-name --pod-cidr --service-cidr --kubelet-port --feature-gates",
    "dns": "--node-ip --dns-port",
    "metrics-server": "--node-ip --node-name --kubelet-port",
}

_PAGES = {"controller-manager": 10257, "cloud-controller-manager": 10258, "scheduler": 10259}
"""Who shows health and metrics, and on which port."""


def _data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=Path, default=DEFAULT_DATA_DIR, metavar="DIR", help="(%(default)s)")


def _cluster_flags(parser: argparse.ArgumentParser, names: str) -> None:
    """Flags of everything that starts a part of a cluster; None stands for "not given"."""
    parser.epilog = "In brackets: the default at the first start; later ones go on with the settings of the last."
    _data_dir(parser)
    for name in (*names.split(), "--log-level"):
        parser.add_argument(name, default=None, **_FLAGS[name])


def _kubeconfig(parser: argparse.ArgumentParser, name: str) -> None:
    default = f"{name}.kubeconfig in --data-dir"
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help=f"({default})")


def _cloud_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cloud-provider", dest="provider", required=True, metavar="NAME", help="local, or one of an installed package"
    )
    parser.add_argument("--cloud-config", type=Path, metavar="FILE", help="given to the provider")
    parser.add_argument(
        "--cluster-name", default="kubernetes", metavar="NAME", help="tells clusters of one cloud apart"
    )
    parser.add_argument(
        "--controllers", action="append", metavar="*,-NAME", help="cloud-node-controller and so on; * is all (*)"
    )
    parser.add_argument(
        "--configure-cloud-routes", choices=("true", "false"), default="true", help="routes to nodes' pods (true)"
    )


def _page_flags(parser: argparse.ArgumentParser, port: int) -> None:
    parser.add_argument(
        "--bind-address", default="127.0.0.1", metavar="IP", help="health and metrics are served here (%(default)s)"
    )
    parser.add_argument(
        "--secure-port", type=int, default=port, metavar="PORT", help="the port for them; 0: none (%(default)s)"
    )


def _upstream_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of upstream's kube-apiserver; with --etcd-servers or --cert-dir they alone decide."""
    group = parser.add_argument_group("as kube-apiserver, over etcd and without a data directory")
    for name, (kind, told) in kube_flags.FLAGS.items():
        optional: dict[str, Any] = {"nargs": "?", "const": "true"} if kind == kube_flags.BOOLEAN else {}
        group.add_argument(f"--{name}", action="append", default=[], help=told.replace("%", "%%"), **optional)
    for name in kube_flags.ACCEPTED:
        group.add_argument(f"--{name}", action="append", nargs="?", help=argparse.SUPPRESS)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="pybernetes",
        description="Kubernetes, the whole system, in Python.",
        epilog=_CLUSTER,
        usage="pybernetes COMMAND [flags]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"pybernetes {GIT_VERSION}")
    commands = parser.add_subparsers(
        prog="pybernetes", dest="command", metavar="", title="", parser_class=_Parser, help=argparse.SUPPRESS
    )

    up = commands.add_parser("up", help="start a cluster in the background")
    _cluster_flags(up, f"{_CONTROL_PLANE} --kubelet-arg --kubelet-port")
    up.add_argument(
        "--join", default="", metavar="URL", help="become a further control plane of the cluster at this API server"
    )
    up.add_argument(
        "--token", default="", help="with --join: all of them from: pybernetes token create --control-plane"
    )
    up.add_argument("--ca-cert-hash", default="", metavar="sha256:HASH", help="with --join: the cluster CA to trust")
    up.add_argument("--certificate-key", default="", metavar="KEY", help="with --join: opens the cluster's keys")
    up.add_argument("--no-sample", action="store_true", help="do not deploy the sample application")

    down = commands.add_parser("down", help="stop the cluster")
    _data_dir(down)
    down.add_argument("--purge", action="store_true", help="remove every trace, the data included")
    down.add_argument(
        "--grace-period", type=int, default=10, metavar="SECONDS", help="the longest that containers have to end (10)"
    )

    _data_dir(commands.add_parser("status", help="what is running"))

    _image_parser(commands)
    ps = commands.add_parser("ps", help="the node's containers")
    _data_dir(ps)
    ps.add_argument("-a", "--all", action="store_true", help="those that ended too")
    _token_parser(commands)
    _member_parser(commands)
    _snapshot_parser(commands)
    _certificates_parser(commands)
    _history_parser(commands)

    server = commands.add_parser("server", help="the control plane in the foreground")
    _cluster_flags(server, f"{_CONTROL_PLANE} --kubelet-arg --kubelet-port")
    server.add_argument("--agent", action="store_true", help="run this machine's node in the same process")
    server.add_argument("--sample", action="store_true", help="deploy the sample application")
    server.add_argument("--memory", action="store_true", help="keep the state in memory only")

    agent = commands.add_parser("agent", help="a node in the foreground")
    _cluster_flags(agent, "--node-ip --node-name --kubelet-arg --kubelet-port --feature-gates --cloud-provider")
    _kubeconfig(agent, "kubelet")
    agent.add_argument(
        "--server", default="", metavar="URL", help="the API server to join, such as https://10.0.0.1:6443"
    )
    agent.add_argument("--token", default="", help="a bootstrap token, from: pybernetes token create")
    agent.add_argument(
        "--ca-cert-hash", default="", metavar="sha256:HASH", help="the cluster CA to trust while joining"
    )

    for name, flags in _COMPONENTS.items():
        component = commands.add_parser(name, help=f"the {name} alone, in the foreground")
        _cluster_flags(component, flags)
        if name == "apiserver":
            _upstream_flags(component)
        else:
            _kubeconfig(component, "admin" if name == "metrics-server" else name)
        if name == "cloud-controller-manager":
            _cloud_flags(component)
        if name == "scheduler":
            component.add_argument(
                "--config",
                type=Path,
                metavar="FILE",
                help="a KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1)",
            )
        if name == "controller-manager":
            component.add_argument("--controllers", action="append", metavar="*,-NAME", help="* is all (*)")
        if name in _PAGES:
            _page_flags(component, _PAGES[name])
        if name == "kubelet":
            component.add_argument(
                "--container-runtime-endpoint", type=Path, metavar="SOCKET", help="(containerd below --data-dir)"
            )
            component.add_argument(
                "--config", type=Path, metavar="FILE", help="a KubeletConfiguration (kubelet.config.k8s.io/v1beta1)"
            )

    supervise = commands.add_parser("supervise")
    _data_dir(supervise)
    return parser


def _image_parser(commands: "argparse._SubParsersAction[_Parser]") -> None:
    image = commands.add_parser("image", help="the node's images")
    actions = image.add_subparsers(
        dest="action", metavar="list|pull|save|import|build|remove", required=True, parser_class=_Parser
    )
    importing = actions.add_parser("import", help="an OCI or docker archive into the image store")
    importing.add_argument("file", type=Path, metavar="FILE")
    _data_dir(importing)
    listing = actions.add_parser("list", help="the images there are")
    listing.add_argument("-q", "--quiet", action="store_true", help="only their names")
    _data_dir(listing)
    pull = actions.add_parser("pull", help="an image from its registry")
    pull.add_argument("name", metavar="NAME", help="such as web:1 or registry.example.com/team/web:1")
    pull.add_argument("--creds", default="", metavar="USER:PASSWORD", help="for a private registry")
    _data_dir(pull)
    save = actions.add_parser("save", help="images into an OCI archive")
    save.add_argument("name", nargs="+", metavar="NAME")
    save.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    _data_dir(save)
    remove = actions.add_parser("remove", help="images from the image store")
    remove.add_argument("name", nargs="+", metavar="NAME")
    _data_dir(remove)
    build = actions.add_parser("build", help="an image from a directory")
    build.add_argument("directory", type=Path, metavar="DIR", help="the root file system")
    build.add_argument("name", metavar="NAME", help="such as web:1")
    build.add_argument("--output", type=Path, metavar="FILE", help="write an archive instead of importing the image")
    build.add_argument("--entrypoint", action="append", default=[], metavar="WORD", help="may be repeated")
    build.add_argument("--cmd", action="append", default=[], metavar="WORD", help="may be repeated")
    build.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    build.add_argument("--user", default="")
    build.add_argument("--workdir", default="/")
    _data_dir(build)


def _token_parser(commands: "argparse._SubParsersAction[_Parser]") -> None:
    token = commands.add_parser("token", help="bootstrap tokens")
    actions = token.add_subparsers(dest="action", metavar="create|list|delete", required=True, parser_class=_Parser)
    create = actions.add_parser("create", help="make a token and print the command that joins a node")
    create.add_argument("--ttl", type=float, metavar="HOURS", help="default: 24, for a control plane 2")
    create.add_argument("--control-plane", action="store_true", help="the command that joins a further control plane")
    _data_dir(create)
    _data_dir(actions.add_parser("list", help="the tokens there are"))
    delete = actions.add_parser("delete", help="make a token invalid")
    delete.add_argument("id", metavar="ID", help="the part before the dot")
    _data_dir(delete)


def _member_parser(commands: "argparse._SubParsersAction[_Parser]") -> None:
    member = commands.add_parser("member", help="the control planes as members of etcd")
    actions = member.add_subparsers(dest="action", metavar="list|remove", required=True, parser_class=_Parser)
    _data_dir(actions.add_parser("list", help="who there is, and how each one is"))
    remove = actions.add_parser("remove", help="take out a member whose machine will not come back")
    remove.add_argument("name", metavar="NAME", help="its node's name")
    _data_dir(remove)


def _snapshot_parser(commands: "argparse._SubParsersAction[_Parser]") -> None:
    snapshot = commands.add_parser("snapshot", help="the whole cluster in a file")
    actions = snapshot.add_subparsers(dest="action", metavar="save|restore|status", required=True, parser_class=_Parser)
    save = actions.add_parser("save", help="write the state, the keys and the settings while the cluster runs")
    restore = actions.add_parser("restore", help="put them into a data directory; the cluster starts with `up`")
    status = actions.add_parser("status", help="whether the file is whole, and what is in it")
    for action in (save, restore, status):
        action.add_argument("file", type=Path, metavar="FILE")
    _data_dir(save)
    _data_dir(restore)
    restore.add_argument("--force", action="store_true", help="replace the cluster that is there, which must be down")
    kind = restore.add_mutually_exclusive_group()
    kind.add_argument("--etcd", dest="store", action="store_const", const="etcd", help="keep the state in etcd")
    kind.add_argument("--sqlite", dest="store", action="store_const", const="sqlite", help="keep it in SQLite")
    restore.set_defaults(store="")
    restore.add_argument("--node-ip", metavar="IP", help="this machine's address (that of the default route)")
    restore.add_argument("--node-name", metavar="NAME", help="(that of the machine that was saved)")
    status.add_argument("-o", "--output", choices=("table", "json"), default="table")


def _certificates_parser(commands: "argparse._SubParsersAction[_Parser]") -> None:
    certificates = commands.add_parser("certificates", help="how long they are valid, and new ones")
    actions = certificates.add_subparsers(dest="action", metavar="check|renew", required=True, parser_class=_Parser)
    _data_dir(actions.add_parser("check", help="when each certificate of this machine ends"))
    renew = actions.add_parser("renew", help="make them anew; the CAs stay")
    renew.add_argument("name", nargs="*", metavar="NAME", help="as `check` shows it (all)")
    _data_dir(renew)


def _history_parser(commands: "argparse._SubParsersAction[_Parser]") -> None:
    history = commands.add_parser("history", help="every operation in order")
    history.add_argument("object", nargs="?", default="", metavar="KIND[/NAME]", help="only these objects")
    history.add_argument("-n", "--namespace", default="", help="only in this namespace")
    history.add_argument("--since", default="", metavar="WHEN", help="a revision, a time, or so long ago (10m)")
    history.add_argument("--limit", type=int, default=500, metavar="N", help="the newest N (%(default)s)")
    history.add_argument("-o", "--output", choices=("table", "wide", "json", "yaml"), default="table")
    _kubeconfig(history, "admin")
    _data_dir(history)


_MODULES = {
    "history": "history",
    "up": "up",
    "down": "down",
    "status": "status",
    "image": "image",
    "token": "token",
    "member": "member",
    "ps": "ps",
    "snapshot": "snapshot",
    "certificates": "certificates",
    "supervise": "up",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. Errors that a user can mend are one line on standard error and exit code 1."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words and words[0] == "kubectl":
        from .kubectl.main import main as kubectl

        return kubectl(words[1:])
    parser = _parser()
    parsed = parser.parse_args(words)
    if not parsed.command:
        parser.print_help()
        return 1
    module = import_module(f"pybernetes.cluster.commands.{_MODULES.get(parsed.command, 'run')}")
    try:
        return int(module.main(parsed))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except module.CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
