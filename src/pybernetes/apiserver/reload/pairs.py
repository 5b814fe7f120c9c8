"""A certificate by which we are known to others, and its key: whoever uses them takes new ones when the files change.

    pair = FollowedPair("kubelet client certificate", "client.crt", "client.key")
    context = pair.client_context(authority)          # for connections
    async with running("certificate", pair.files.serve): ...

Connections that exist keep what they began with; new ones of the same contexts show the new certificate.
"""

import ssl
from weakref import WeakSet

from ...base.x509 import KeyPair, client_context, load_pair, server_context
from .files import FollowedFiles


class FollowedPair:
    """See the module docstring. CertificateError or OSError when the files cannot be used at first."""

    def __init__(self, what: str, certificate: str, key: str) -> None:
        self._pair = KeyPair.load(certificate, key)
        self._contexts: WeakSet[ssl.SSLContext] = WeakSet()
        self.files = FollowedFiles(what, [certificate, key], self._apply)

    def client_context(self, authority: bytes | None) -> ssl.SSLContext:
        """TLS for a client that trusts the given CA; None turns verification off."""
        return self.known_by(client_context(authority))

    def server_context(self, client_ca: bytes) -> ssl.SSLContext:
        """TLS for a server whose clients have certificates of the CA."""
        made = server_context(self._pair, client_ca=client_ca)
        self._contexts.add(made)
        return made

    def known_by(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """The same context, which shows the certificate from now on."""
        load_pair(context, self._pair)
        self._contexts.add(context)
        return context

    async def _apply(self, contents: list[bytes]) -> None:
        pair = KeyPair(*contents)
        load_pair(client_context(None), pair)  # raises before any context has changed
        self._pair = pair
        for context in list(self._contexts):
            load_pair(context, pair)
