"""The server to talk to and the credentials to show: one context of a kubeconfig, changed by flags.

Without any kubeconfig a pod's service account is used where there is one, else `localhost:8080`.
"""

from __future__ import annotations

import os

from ..errors import CommandError, quoted, reason_of
from .chosen import Chosen, text_of
from .files import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..flags import Values

_TOKEN_SECONDS = 50.0
"""How long a token that was read from a file is good for."""
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
        self.token_file = ""
        """Where the token is read again from time to time; empty for one that stays."""
        self.username = ""
        self.password = ""
        self.exec: dict[str, Any] | None = None
        """A credential plugin; it is asked when there is a request to make."""
        self.until = 0.0
        """When what the plugin gave has to be asked for again, in seconds since the epoch."""
        self.stdin_taken = False
        """Something else reads the standard input, which a plugin then cannot have."""
        self._token_read = 0.0
        self.provider: dict[str, Any] | None = None
        """An `auth-provider`; the token is asked of it when there is a request to make."""
        self.kubeconfig = ""
        """The value of --kubeconfig."""
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

    def read_token(self) -> None:
        """Take the token of the file anew when it was read a while ago; one that cannot be read stays."""
        from time import monotonic

        now = monotonic()
        if not self._token_read or now - self._token_read > _TOKEN_SECONDS:
            self._token_read = now
            try:
                self.token = _file(self.token_file).strip() or self.token
            except CommandError:
                pass

    def keep_provider(self, config: dict[str, Any]) -> None:
        """Write what the provider is to know next time. CommandError."""
        from .writing import save

        found = load(self.kubeconfig, absolute=False, must_exist=False)
        fields = found.users.get(self.user_name) or {}
        if "auth-provider" in fields:
            provider = {**fields["auth-provider"], "config": config}
            found.users[self.user_name] = {**fields, "auth-provider": provider}
            save(found)


_BEGIN = "-----BEGIN"


_CLIENT_FIRST = (
    "api-resources", "api-versions", "apply", "autoscale", "cluster-info", "cordon", "diff", "drain", "explain",
    "expose", "proxy", "replace", "run", "uncordon", "version", "wait", "auth can-i", "auth whoami", "set env",
    "top node",
)  # fmt: skip
"""Commands that look for their server before their namespace; so do those that create and approve, and `get --raw`."""


def _is_client_first(command: str, flags: Values) -> bool:
    if command in _CLIENT_FIRST or command.startswith(("certificate ", "cluster-info ")):
        return True
    if command == "get":
        return bool(flags.text("raw"))
    return command.startswith("create") and command != "create token"


def target_of(flags: Values, command: str = "") -> Target:
    """What these flags and the files they lead to name. CommandError when an entry is missing."""
    config = load(text_of(flags, "kubeconfig"))
    chosen = Chosen(config, flags)
    chosen.check(namespace_first=not text_of(flags, "namespace") and not _is_client_first(command, flags))
    target = Target()
    cluster = chosen.cluster
    target.implicit = not cluster["server"]
    if target.implicit and _in_cluster(target, flags):
        pass
    else:
        _fill_server(target, cluster)
        if target.server.startswith("https://"):
            _fill_identity(target, chosen.user)
    target.kuberc = text_of(flags, "kuberc")
    target.kubeconfig = text_of(flags, "kubeconfig")
    target.user_name = chosen.user_name
    target.stdin_taken = "filename" in flags.table and "-" in flags.many("filename")
    _namespace(target, chosen.context, flags)
    _impersonation(target, chosen.user, flags)
    target.timeout_seconds = timeout_seconds(text_of(flags, "request-timeout"))
    target.compress = not (flags.on("disable-compression") or cluster.get("disable-compression"))
    return target


def _fill_server(target: Target, cluster: dict[str, Any]) -> None:
    server = str(cluster["server"] or target.server)
    _check_address(server)
    if "://" not in server:
        server = f"http://{server}"
    scheme, _, rest = server.partition("://")
    target.server = f"{scheme.lower()}://{rest.partition('#')[0].partition('?')[0]}".rstrip("/")
    target.cluster = cluster
    target.proxy = str(cluster.get("proxy-url") or "")
    if not target.server.startswith("https://"):
        return
    target.insecure = bool(cluster.get("insecure-skip-tls-verify"))
    if not target.insecure:
        target.ca = pem(cluster, "certificate-authority")
        if target.ca and _BEGIN not in target.ca:
            raise CommandError("unable to load root certificates: unable to parse bytes as PEM block")
    elif cluster.get("certificate-authority") or cluster.get("certificate-authority-data"):
        raise CommandError("specifying a root certificates file with the insecure flag is not allowed")
    target.server_name = str(cluster.get("tls-server-name") or "")


def _check_address(server: str) -> None:
    """CommandError for what is neither a URL nor host:port."""
    scheme, separator, rest = server.partition("://")
    host, slash, _ = (rest if separator else server).partition("/")
    if (separator and not scheme) or not host or " " in host or (slash and not separator):
        raise CommandError(f"host must be a URL or a host:port pair: {quoted(server)}")
    if separator and scheme.lower() not in ("http", "https"):
        raise CommandError(f"unsupported protocol scheme {quoted(scheme)}", prefix="Unable to connect to the server: ")


def _fill_identity(target: Target, user: dict[str, Any]) -> None:
    """Who we are; a plain connection tells nobody."""
    certificate = pem(user, "client-certificate")
    if certificate:
        from ..transport.pair import matched

        target.certificate, target.key = matched(certificate, pem(user, "client-key"))
    target.token = str(user.get("token") or "")
    target.token_file = str(user.get("tokenFile") or "")
    if target.token_file and not target.token:
        target.token = _file(target.token_file)
    target.username = str(user.get("username") or "")
    target.password = str(user.get("password") or "")
    known = target.token or target.username or target.password or target.certificate
    if user.get("exec") and not known:
        target.exec = dict(user["exec"])
    elif user.get("auth-provider"):
        from .auth_provider import check

        target.provider = dict(user["auth-provider"])
        check(target.provider)


def _in_cluster(target: Target, flags: Values) -> bool:
    """The service account of the pod we may be in; flags may name another server, token or authority."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not os.path.exists(f"{_ACCOUNT}/token"):
        return False
    target.server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    target.server = text_of(flags, "server") or target.server
    target.token = text_of(flags, "token")
    if not target.token:
        target.token_file = f"{_ACCOUNT}/token"
        target.token = _file(target.token_file)
    authority = text_of(flags, "certificate-authority") or f"{_ACCOUNT}/ca.crt"
    if os.path.exists(authority):
        target.ca = _file(authority)
    target.namespace = os.environ.get("POD_NAMESPACE", "")
    if not target.namespace and os.path.exists(f"{_ACCOUNT}/namespace"):
        target.namespace = _file(f"{_ACCOUNT}/namespace").strip()
    target.namespace = target.namespace or "default"
    return True


def _namespace(target: Target, context: dict[str, Any], flags: Values) -> None:
    if text_of(flags, "namespace"):
        target.namespace = text_of(flags, "namespace")
        target.namespace_given = True
    elif context.get("namespace"):
        target.namespace = str(context["namespace"])


def _impersonation(target: Target, user: dict[str, Any], flags: Values) -> None:
    given = {
        "as": text_of(flags, "as"),
        "as-uid": text_of(flags, "as-uid"),
        "as-groups": flags.many("as-group"),
        "as-user-extra": flags.many("as-user-extra"),
    }
    if any(given.values()) or any(user.get(name) for name in given):
        from .impersonation import headers

        target.headers = headers(user, given, target.user_name)


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
