"""A client certificate and its key as Go's `tls.X509KeyPair` takes them: certificates of one text, the first key of the
other; what else stands there is passed over. Pure.
"""

from __future__ import annotations

from ..errors import CommandError

_BEGIN, _END = "-----BEGIN ", "-----END "


def matched(certificate: str, key: str) -> tuple[str, str]:
    """Both as PEM. CommandError in Go's words when there is none."""
    blocks = _blocks(certificate)
    certificates = [text for kind, text in blocks if kind == "CERTIFICATE"]
    if not certificates:
        kinds = " ".join(kind for kind, _ in blocks)
        if not blocks:
            raise CommandError("tls: failed to find any PEM data in certificate input")
        if len(blocks) == 1 and kinds.endswith("PRIVATE KEY"):
            raise CommandError(
                "tls: failed to find certificate PEM data in certificate input, but did find a private key; "
                "PEM inputs may have been switched"
            )
        raise CommandError(
            'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the '
            f"following types: [{kinds}]"
        )
    blocks = _blocks(key)
    for kind, text in blocks:
        if kind == "PRIVATE KEY" or kind.endswith(" PRIVATE KEY"):
            return "".join(certificates), text
    if not blocks:
        raise CommandError("tls: failed to find any PEM data in key input")
    if len(blocks) == 1 and blocks[0][0] == "CERTIFICATE":
        raise CommandError("tls: found a certificate rather than a key in the PEM for the private key")
    kinds = " ".join(kind for kind, _ in blocks)
    raise CommandError(
        'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the '
        f"following types: [{kinds}]"
    )


def _blocks(text: str) -> list[tuple[str, str]]:
    """The kind and the text of each PEM block."""
    found = []
    start = text.find(_BEGIN)
    while start >= 0:
        kind = text[start + len(_BEGIN) :].partition("-----")[0]
        last = f"{_END}{kind}-----"
        end = text.find(last, start)
        if end < 0:
            break
        found.append((kind, text[start : end + len(last)] + "\n"))
        start = text.find(_BEGIN, end)
    return found
