"""Who may use an image that is on the node already: those with the credentials it was pulled with (KEP-2535).

    pull ──▶ record: image id, repository, everybody or a hash of the credentials ──▶ ROOT/image_manager/pulled.json
    image is present ──▶ no record: it was put there by hand, everybody may use it (the policy may say otherwise)
                    └──▶ record: the pod's own credentials are among those, or it has to be pulled again

So a pod without the secret of a private image does not get it merely because another pod on the node has it. Policies
are upstream's `imagePullCredentialsVerificationPolicy`. Passwords are not kept, only hashes.
"""

import hashlib
import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import msgspec

from ..base.files import replacing
from ..base.log import logger
from .cri.messages import AuthConfig

log = logger(__name__)

NEVER, PRELOADED, LISTED, ALWAYS = (
    "NeverVerify",
    "NeverVerifyPreloadedImages",
    "NeverVerifyAllowlistedImages",
    "AlwaysVerify",
)
POLICIES = (NEVER, PRELOADED, LISTED, ALWAYS)


class Access(msgspec.Struct):
    """With what an image was pulled from one repository."""

    everybody: bool = False
    credentials: list[str] = []


Records = dict[str, dict[str, Access]]
"""Image id -> repository -> access."""


class PulledImages:
    """The records of one node; the file is read once and written when something is new."""

    def __init__(self, directory: str, policy: str = PRELOADED, allowed: Sequence[str] = ()) -> None:
        self._path = Path(directory, "image_manager", "pulled.json")
        self._policy = policy
        self._allowed = allowed
        self._records = self._read()

    def needs_credentials(self, image_id: str, name: str) -> bool:
        """Whether it depends on the pod's credentials if it may use an image that is there."""
        if self._policy == NEVER:
            return False
        record = self._records.get(image_id)
        if record is None:
            return self._policy == ALWAYS or (self._policy == LISTED and not self._is_listed(name))
        access = record.get(repository(name))
        return access is None or not access.everybody

    def accessible(self, image_id: str, name: str, credentials: Iterable[AuthConfig]) -> bool:
        """One of these credentials is among those the image was pulled with."""
        access = self._records.get(image_id, {}).get(repository(name))
        return access is not None and any(fingerprint(c) in access.credentials for c in credentials)

    def pulled(self, image_id: str, name: str, used: AuthConfig | None) -> None:
        """An image was pulled, with credentials or by anybody."""
        access = self._records.setdefault(image_id, {}).setdefault(repository(name), Access())
        known = access.everybody if used is None else fingerprint(used) in access.credentials
        if known:
            return
        if used is None:
            access.everybody = True
        else:
            access.credentials.append(fingerprint(used))
        self._write()

    def prune(self, image_ids: Collection[str]) -> None:
        """Forget images that are not on the node any more."""
        gone = [image_id for image_id in self._records if image_id not in image_ids]
        for image_id in gone:
            del self._records[image_id]
        if gone:
            self._write()

    def _is_listed(self, name: str) -> bool:
        return any(
            repository(name).startswith(entry[:-1]) if entry.endswith("/*") else entry == repository(name)
            for entry in self._allowed
        )

    def _read(self) -> Records:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Records)
        except (OSError, msgspec.DecodeError):
            return {}

    def _write(self) -> None:
        try:
            os.makedirs(self._path.parent, 0o700, exist_ok=True)
            with replacing(self._path, mode=0o600) as file:
                file.write(msgspec.json.encode(self._records))
        except OSError as error:  # what is not kept is asked for again after a restart
            log.warning("Record of pulled images was not written", err=error)


def repository(image: str) -> str:
    """An image's name without tag and digest."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def fingerprint(credentials: AuthConfig) -> str:
    """A hash by which credentials are known again."""
    return hashlib.sha256(msgspec.json.encode(msgspec.structs.asdict(credentials))).hexdigest()
