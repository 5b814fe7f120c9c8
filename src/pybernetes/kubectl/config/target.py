"""The server to talk to and the credentials to show: one context of a kubeconfig, changed by flags.

Without any kubeconfig a pod's service account is used where there is one, else `localhost:8080`.
"""

from __future__ import annotations

import os

from ..errors import CommandError, quoted, reason_of
from .files import Kubeconfig, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..flags import Values

_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


class Target:
    """One server and one identity. Certificates and keys are PEM texts; empty means none."""

    def __init__(self) -> None:
        self.server = "http://localhost:8080"
        self.ca = ""
        self.insecure = False
        self.server_name = ""
        self.certificate = ""
        self.key = ""
        self.token = ""
        self.username = ""
        self.password = ""
        self.exec: dict[str, Any] | None = None
        self.provider: dict[str, Any] | None = None
        """An `auth-provider`; the token is asked of it when there is a request to make."""
        self.config: Kubeconfig | None = None
        """What the entries are from."""
        self.kuberc = ""
        """The value of --kuberc: preferences say which credential plugins may run."""
        self.headers: list[tuple[str, str]] = []
        self.proxy = ""
        self.timeout_seconds = 0.0
        self.compress = True
        self.namespace = "default"
        self.namespace_given = False
        self.cluster: dict[str, Any] = {}
        self.user_name = ""
        """The entry of the kubeconfig the credentials come from."""
        self.implicit = False
        """Nothing was configured: the server is a guess."""

    def is_anonymous(self) -> bool:
        """Whether nothing tells the server who we are, though what we said would be encrypted."""
        known = self.username or self.certificate or self.token or self.provider or self.exec
        return self.server.startswith("https://") and not known

    def keep_provider(self, config: dict[str, Any]) -> None:
        """Write what the provider is to know next time. CommandError."""
        from .writing import save_entry

        if self.config is None or self.user_name not in self.config.users:
            return
        fields = self.config.users[self.user_name]
        provider = {**fields["auth-provider"], "config": config}
        save_entry(self.config, "users", self.user_name, {**fields, "auth-provider": provider})


def _text(flags: Values, name: str) -> str:
    """A global flag; one that the command shadows by a list of its own (`create rolebinding --user`) was not given."""
    return flags.text(name) if flags.table[name].kind == "text" else ""


_BEGIN = "-----BEGIN"


def target_of(flags: Values) -> Target:
    """What these flags and the files they lead to name. CommandError when an entry is missing."""
    config = load(_text(flags, "kubeconfig"))
    context = _context(config, flags)
    cluster = _cluster(config, flags, context)
    user = _user(config, flags, context)
    _validate(config, flags, context, cluster, user)
    target = Target()
    if not cluster.get("server") and not user and _in_cluster(target):
        pass
    else:
        target.implicit = not cluster.get("server")
        _fill_server(target, cluster)
        _fill_identity(target, user)
    target.kuberc = _text(flags, "kuberc")
    target.config = config
    target.user_name = _text(flags, "user") or str(context.get("user") or "")
    _namespace(target, context, flags)
    _impersonation(target, flags)
    target.timeout_seconds = timeout_seconds(_text(flags, "request-timeout"))
    target.compress = not (flags.on("disable-compression") or cluster.get("disable-compression"))
    return target


def _context(config: Kubeconfig, flags: Values) -> dict[str, Any]:
    name = _text(flags, "context") or config.current_context
    if not name:
        return {}
    found = config.contexts.get(name)
    if found is None and _text(flags, "cluster") and _text(flags, "cluster") not in config.clusters:
        raise CommandError(
            f"* context was not found for specified context: {name}\n"
            f"* no server found for cluster {quoted(_text(flags, 'cluster'))}",
            prefix="Error in configuration: \n",
        )
    if found is None:
        raise CommandError(f"context was not found for specified context: {name}", prefix="Error in configuration: ")
    return found


def _cluster(config: Kubeconfig, flags: Values, context: dict[str, Any]) -> dict[str, Any]:
    name = _text(flags, "cluster") or str(context.get("cluster") or "")
    if name and name not in config.clusters and not _text(flags, "server"):
        if _text(flags, "cluster"):
            raise CommandError(f"no server found for cluster {quoted(name)}")
        raise CommandError(
            f"cluster {quoted(name)} does not exist",
        )
    cluster = dict(config.clusters.get(name) or {})
    for flag, key in (("server", "server"), ("tls-server-name", "tls-server-name")):
        if _text(flags, flag):
            cluster[key] = _text(flags, flag)
    if _text(flags, "certificate-authority"):
        cluster.pop("certificate-authority-data", None)
        cluster["certificate-authority"] = _text(flags, "certificate-authority")
    if flags.changed("insecure-skip-tls-verify"):
        cluster["insecure-skip-tls-verify"] = flags.on("insecure-skip-tls-verify")
        if flags.on("insecure-skip-tls-verify"):
            cluster.pop("certificate-authority-data", None)
            if not _text(flags, "certificate-authority"):
                cluster.pop("certificate-authority", None)
    return cluster


def _validate(
    config: Kubeconfig, flags: Values, context: dict[str, Any], cluster: dict[str, Any], user: dict[str, Any]
) -> None:
    """CommandError with all that makes them unusable; one alone is an error as any other."""
    if not {
        "client-certificate",
        "client-certificate-data",
        "client-key",
        "certificate-authority",
        "proxy-url",
        "username",
        "exec",
        "password",
    } & {
        *cluster,
        *user,
    }:
        return
    from .validation import problems_of_cluster, problems_of_user

    found = problems_of_user(_text(flags, "user") or str(context.get("user") or ""), user)
    found += problems_of_cluster(_text(flags, "cluster") or str(context.get("cluster") or ""), cluster)
    if len(found) == 1:
        raise CommandError(found[0])
    if found:
        raise CommandError("\n".join(f"* {one}" for one in found), prefix="Error in configuration: \n")


def _user(config: Kubeconfig, flags: Values, context: dict[str, Any]) -> dict[str, Any]:
    name = _text(flags, "user") or str(context.get("user") or "")
    if name and name not in config.users:
        raise CommandError(f"auth info {quoted(name)} does not exist")
    user = dict(config.users.get(name) or {})
    for flag, key in (("client-certificate", "client-certificate"), ("client-key", "client-key")):
        if _text(flags, flag):
            user[key] = _text(flags, flag)
    for key in ("token", "username", "password"):
        if _text(flags, key):
            user[key] = _text(flags, key)
            if key == "token":
                user.pop("tokenFile", None)
    return user


def _fill_server(target: Target, cluster: dict[str, Any]) -> None:
    server = str(cluster.get("server") or target.server)
    _check_address(server)
    if "://" not in server:
        secure = bool(cluster.get("certificate-authority") or cluster.get("certificate-authority-data"))
        secure = secure or bool(cluster.get("insecure-skip-tls-verify"))
        server = f"{'https' if secure else 'http'}://{server}"
    target.server = server.rstrip("/")
    target.cluster = cluster
    target.insecure = bool(cluster.get("insecure-skip-tls-verify"))
    if not target.insecure:
        target.ca = pem(cluster, "certificate-authority")
        if target.ca and _BEGIN not in target.ca:
            raise CommandError("unable to load root certificates: unable to parse bytes as PEM block")
    elif cluster.get("certificate-authority") or cluster.get("certificate-authority-data"):
        raise CommandError("specifying a root certificates file with the insecure flag is not allowed")
    target.server_name = str(cluster.get("tls-server-name") or "")
    target.proxy = str(cluster.get("proxy-url") or "")


def _check_address(server: str) -> None:
    """CommandError for what is neither a URL nor host:port."""
    scheme, separator, rest = server.partition("://")
    host, slash, _ = (rest if separator else server).partition("/")
    if (separator and not scheme) or not host or " " in host or (slash and not separator):
        raise CommandError(f"host must be a URL or a host:port pair: {quoted(server)}")
    if separator and scheme not in ("http", "https"):
        raise CommandError(f"unsupported protocol scheme {quoted(scheme)}", prefix="Unable to connect to the server: ")


def _fill_identity(target: Target, user: dict[str, Any]) -> None:
    target.certificate = pem(user, "client-certificate")
    target.key = pem(user, "client-key")
    if target.certificate and _BEGIN not in target.certificate:
        raise CommandError("tls: failed to find any PEM data in certificate input")
    target.token = str(user.get("token") or "")
    if user.get("tokenFile") and not target.token:
        target.token = _file(str(user["tokenFile"])).strip()
    target.username = str(user.get("username") or "")
    target.password = str(user.get("password") or "")
    if user.get("exec"):
        target.exec = dict(user["exec"])
    elif user.get("auth-provider"):
        from .auth_provider import check

        target.provider = dict(user["auth-provider"])
        check(target.provider)
    if user.get("as"):
        target.headers.append(("Impersonate-User", str(user["as"])))
        target.headers += [("Impersonate-Group", str(group)) for group in user.get("as-groups") or ()]


def _in_cluster(target: Target) -> bool:
    """The service account of the pod we may be in."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not os.path.exists(f"{_ACCOUNT}/token"):
        return False
    target.server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    target.token = _file(f"{_ACCOUNT}/token").strip()
    if os.path.exists(f"{_ACCOUNT}/ca.crt"):
        target.ca = _file(f"{_ACCOUNT}/ca.crt")
    if os.path.exists(f"{_ACCOUNT}/namespace"):
        target.namespace = _file(f"{_ACCOUNT}/namespace").strip() or "default"
    return True


def _namespace(target: Target, context: dict[str, Any], flags: Values) -> None:
    if _text(flags, "namespace"):
        target.namespace = _text(flags, "namespace")
        target.namespace_given = True
    elif context.get("namespace"):
        target.namespace = str(context["namespace"])


def _impersonation(target: Target, flags: Values) -> None:
    user, groups, uid = _text(flags, "as"), flags.many("as-group"), _text(flags, "as-uid")
    if (groups or uid) and not user:
        raise CommandError(f"requesting uid, groups or user-extra for {target.user_name} without impersonating a user")
    if user:
        target.headers = [("Impersonate-User", user)] + [("Impersonate-Group", group) for group in groups]
        if uid:
            target.headers.append(("Impersonate-Uid", uid))


def timeout_seconds(text: str) -> float:
    """`--request-timeout`: a whole number of seconds or a duration; 0 is no limit."""
    if not text or text == "0":
        return 0.0
    if text.isdigit():
        return float(text)
    from ..flags import duration

    try:
        return duration(text)
    except ValueError:
        raise CommandError(
            "Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a "
            "corresponding time unit (e.g. 1s | 2m | 3h)"
        ) from None


def pem(fields: dict[str, Any], key: str) -> str:
    """The PEM text of `KEY-data`, or of the file that `KEY` names; empty for neither. CommandError."""
    data = fields.get(f"{key}-data")
    if data:
        from binascii import Error, a2b_base64

        try:
            return a2b_base64(str(data)).decode("latin-1")
        except Error:
            raise CommandError(f"illegal base64 data in {key}-data") from None
    path = fields.get(key)
    return _file(str(path), f"unable to read {key}") if path else ""


def _file(path: str, what: str = "") -> str:
    try:
        with open(path, encoding="latin-1") as file:
            return file.read()
    except OSError as error:
        words = f"open {path}: {reason_of(error)}"
        raise CommandError(f"invalid configuration: {what} {path} due to {words}" if what else words) from None
