"""Who we are to etcd and whom we believe: files that are read again when they have changed.

They are looked at when a call begins, which costs microseconds. What a change has left in pieces (a certificate whose
key is not there yet) is not used: what was in force stays until the rest has come.
"""

import os
from pathlib import Path

import grpc

from pybernetes.base.log import logger
from pybernetes.base.x509 import KeyPair

log = logger(__name__)


class FileCredentials:
    """The three files, each of which may be None."""

    def __init__(self, ca_file: Path | None, cert_file: Path | None, key_file: Path | None) -> None:
        self._paths = (ca_file, key_file, cert_file)
        self._stamps: list[object] = []
        self._contents: list[bytes | None] = []
        self._credentials: grpc.ChannelCredentials | None = None

    def current(self) -> grpc.ChannelCredentials:
        """The same object as long as the files say the same. OSError when they cannot be read at first."""
        stamps = [_stamp(path) for path in self._paths]
        if self._credentials is None:
            return self._use(stamps, self._read())
        if stamps != self._stamps:
            try:
                contents = self._read()
                _, key, certificate = contents
                if certificate is not None and key is not None:
                    KeyPair(certificate, key)
            except (OSError, ValueError) as error:
                log.warning("Changed certificates for etcd are not used yet", err=error)
                self._stamps = stamps
            else:
                if contents == self._contents:
                    self._stamps = stamps
                    return self._credentials
                log.info("Changed certificates for etcd are in force")
                return self._use(stamps, contents)
        return self._credentials

    def _use(self, stamps: list[object], contents: list[bytes | None]) -> grpc.ChannelCredentials:
        made = grpc.ssl_channel_credentials(*contents)
        self._stamps, self._contents, self._credentials = stamps, contents, made
        return made

    def _read(self) -> list[bytes | None]:
        return [path.read_bytes() if path is not None else None for path in self._paths]


def _stamp(path: Path | None) -> object:
    """What differs when a file was written or replaced."""
    if path is None:
        return None
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
