"""What the proxy needs from the kernel, as one small Protocol with a real and a recording implementation."""

import asyncio
import json
from pathlib import Path
from typing import Protocol

from ..base.log import logger

log = logger(__name__)

_ROUTE_PROTOCOL = "98"
"""Marks the routes as ours (`ip route show proto 98`); the kernel has no use for the number."""


class BackendError(Exception):
    """The kernel (or the tool that talks to it) refused; the message is the tool's own."""


class Backend(Protocol):
    """Packet rules, connection tracking, routes and switches of one network namespace."""

    async def nft(self, commands: str) -> None:
        """Carry out nft commands as one transaction. BackendError: nothing was changed."""

    async def forget_udp(self, original: str, port: int, endpoint: str = "", *, family: str = "IPv4") -> None:
        """Drop tracked UDP flows that were sent to original:port ("" = any address) and translated to an endpoint
        that is gone ("" = whatever became of them)."""

    async def known_routes(self, family: str = "IPv4") -> dict[str, str]:
        """The routes of a family that an earlier process made: destination CIDR -> gateway."""

    async def routes(self, wanted: dict[str, str], stale: set[str]) -> None:
        """Make destination CIDR -> gateway routes, remove stale destinations. BackendError names what did not work;
        the rest was done."""

    def switch(self, name: str, value: str) -> None:
        """Set a sysctl, such as `net/ipv4/ip_forward`. BackendError when the kernel has no such switch."""


async def _run(*command: str, given: str = "") -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE if given else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(given.encode() if given else None)
    if process.returncode:
        raise BackendError(f"{command[0]}: {err.decode(errors='replace').strip()[:2000]}")
    return out.decode(errors="replace")


class LinuxBackend:
    """The kernel by way of `nft`, `conntrack` and `ip`. A transaction costs 3 ms, nearly all of it process start; the
    library behind nft was measured to be no faster and holds hundreds of MiB at 10,000 services.

    `enter` is put before every command; tests use it to work in another network namespace."""

    def __init__(self, enter: tuple[str, ...] = ()) -> None:
        self._enter = enter

    async def nft(self, commands: str) -> None:
        await _run(*self._enter, "nft", "-f", "-", given=commands)

    async def forget_udp(self, original: str, port: int, endpoint: str = "", *, family: str = "IPv4") -> None:
        words = ["conntrack", "-D", "-f", family.lower(), "-p", "udp", "--orig-port-dst", str(port)]
        words += ["--orig-dst", original] if original else []
        words += ["--dst-nat", endpoint] if endpoint else []
        try:
            await _run(*self._enter, *words)
        except (BackendError, OSError) as error:
            if "0 flow entries" not in str(error):
                log.warning("Stale UDP flows could not be dropped", endpoint=endpoint, err=error)

    async def known_routes(self, family: str = "IPv4") -> dict[str, str]:
        number = f"-{family[-1]}"
        shown = await _run(*self._enter, "ip", "-j", number, "route", "show", "proto", _ROUTE_PROTOCOL)
        return {item["dst"]: item.get("gateway", "") for item in json.loads(shown or "[]")}

    async def routes(self, wanted: dict[str, str], stale: set[str]) -> None:
        lines = [f"route del {cidr} proto {_ROUTE_PROTOCOL}" for cidr in sorted(stale)]
        lines += [f"route replace {cidr} via {by} proto {_ROUTE_PROTOCOL}" for cidr, by in sorted(wanted.items())]
        if lines:
            await _run(*self._enter, "ip", "-force", "-batch", "-", given="\n".join(lines) + "\n")

    def switch(self, name: str, value: str) -> None:
        path = Path("/proc/sys") / name
        try:
            if path.read_text().strip() != value:
                path.write_text(value)
        except OSError as error:
            raise BackendError(f"sysctl {name}={value}: {error.strerror}") from None


class RecordingBackend:
    """Remembers what it was told, for tests."""

    def __init__(self) -> None:
        self.transactions: list[str] = []
        self.forgotten: list[tuple[str, int, str]] = []
        self.route_table: dict[str, str] = {}
        self.switches: dict[str, str] = {}
        self.fail_next: BackendError | None = None

    async def nft(self, commands: str) -> None:
        self._fail()
        self.transactions.append(commands)

    async def forget_udp(self, original: str, port: int, endpoint: str = "", *, family: str = "IPv4") -> None:
        self.forgotten.append((original, port, endpoint))

    async def known_routes(self, family: str = "IPv4") -> dict[str, str]:
        return {cidr: by for cidr, by in self.route_table.items() if (":" in cidr) == (family == "IPv6")}

    async def routes(self, wanted: dict[str, str], stale: set[str]) -> None:
        self._fail()
        for cidr in stale:
            self.route_table.pop(cidr, None)
        self.route_table.update(wanted)

    def switch(self, name: str, value: str) -> None:
        self.switches[name] = value

    def _fail(self) -> None:
        if self.fail_next is not None:
            error, self.fail_next = self.fail_next, None
            raise error
