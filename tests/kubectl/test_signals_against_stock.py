"""How a command ends that is interrupted, that nobody reads, or whose output cannot be written: as the stock client.

Each client is a process of its own and is signalled when it has told (`-v=6`) that its watch is open.
"""

import asyncio
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.kubectl.differential import environment
from tests.kubectl.test_streams_both_ways import Echo
from tests.support.kubectl import installed

from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running

OURS = [sys.executable, "-m", "pybernetes", "kubectl"]
WATCHING = (
    "wait node/hollow-0 --for=condition=Never --timeout=120s",
    "wait node/hollow-0 --for=delete --timeout=120s",
    "rollout status deployment/never -n signals",
)
NEVER = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "never"},
    "spec": {
        "selector": {"matchLabels": {"app": "never"}},
        "template": {
            "metadata": {"labels": {"app": "never"}},
            "spec": {"nodeSelector": {"no": "such"}, "containers": [{"name": "c", "image": "i"}]},
        },
    },
}


def clients() -> list[list[str]]:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    return [[list(stock.values())[-1]], OURS]


@pytest.fixture(scope="module")
def variables(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    home = tmp_path_factory.mktemp("signals")
    found = environment(home, kubeconfig, home / "cache")
    for words, given in (("create namespace signals", ""), ("apply -n signals -f -", json.dumps(NEVER))):
        subprocess.run([*OURS, *words.split()], input=given.encode(), env=found, check=True, capture_output=True)
    yield found
    subprocess.run([*OURS, "delete", "ns", "signals", "--wait=false"], env=found, check=True, capture_output=True)


def read_until(descriptor: int, word: bytes, times: int = 1) -> bytes:
    """What comes, up to the word. AssertionError when it does not come."""
    found = b""
    while found.count(word) < times:
        assert select.select([descriptor], [], [], 180.0)[0], f"no {word!r} in {found!r}"
        try:
            data = os.read(descriptor, 65536)
        except OSError:
            data = b""
        assert data, f"ended without {word!r}: {found!r}"
        found += data
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("line", WATCHING)
def test_who_waits_ends_with_exit_code_1(variables: dict[str, str], line: str, number: int) -> None:
    ended = []
    for client in clients():
        words = [*client, *line.split(), "-v=6"]
        with subprocess.Popen(words, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            read_until(process.stderr.fileno(), b"watch=true")
            process.send_signal(number)
            rest = process.stderr.read()
            ended.append((process.wait(180), b"Traceback" in rest))
    assert ended == [(1, False)] * 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_watches_ends_with_exit_code_1(variables: dict[str, str], number: int) -> None:
    """The stock client takes signals only once the watch is open: a change must be seen first."""
    ended = []
    for client in clients():
        words = [*client, "get", "namespace", "signals", "-w", "--output-watch-events", "-v=6"]
        with subprocess.Popen(words, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            read_until(process.stderr.fileno(), b"watch=true")
            label = ["label", "namespace", "signals", f"seen-by={len(client)}-{number}", "--overwrite"]
            subprocess.run([*OURS, *label], env=variables, check=True, capture_output=True)
            shown = read_until(process.stdout.fileno(), b"MODIFIED")
            process.send_signal(number)
            ended.append((process.wait(180), re.sub(rb"\d\S*\n", b"AGE\n", shown + process.stdout.read())))
    assert ended[0] == ended[1]
    assert ended[1][0] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_serves_dies_of_the_signal(variables: dict[str, str], number: int) -> None:
    ended = []
    for client in clients():
        words = [*client, "proxy", "--port=0"]
        with subprocess.Popen(words, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline().startswith(b"Starting to serve on 127.0.0.1:")
            process.send_signal(number)
            ended.append((process.wait(180), process.stdout.read(), process.stderr.read()))
    assert ended == [(-number, b"", b"")] * 2


@pytest.mark.parametrize(
    "line",
    [
        "$KUBECTL get --raw /openapi/v2 | head -c 9; echo ${PIPESTATUS[0]}",
        "$KUBECTL get --raw /openapi/v2 > /dev/full; echo $?",
        "$KUBECTL get namespaces -o yaml > /dev/full; echo $?",
        "$KUBECTL get namespaces >&-; echo $?",
        "$KUBECTL config view <&- > /dev/null; echo $?",
        "$KUBECTL get pods none 2>&-; echo $?",
        "$KUBECTL get pods none 2> /dev/full; echo $?",
    ],
)
def test_streams_that_lead_nowhere(variables: dict[str, str], line: str) -> None:
    said = []
    for client in clients():
        given = {**variables, "KUBECTL": " ".join(client)}
        done = subprocess.run(["bash", "-c", line], env=given, capture_output=True, text=True, check=False, timeout=90)
        said.append((done.stdout, done.stderr))
    assert said[1] == said[0]


@pytest.fixture
async def echo(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """A pod whose process writes what it reads; a client's variables."""
    async with AsyncExitStack() as stack:
        http = HttpServer(Echo().app)
        await stack.enter_async_context(running("server", http.serve))
        config = {
            "current-context": "x",
            "clusters": [{"name": "x", "cluster": {"server": f"http://127.0.0.1:{http.port}"}}],
            "users": [{"name": "x", "user": {"token": "x"}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        }
        (tmp_path / "config").write_text(json.dumps(config))
        yield environment(tmp_path, tmp_path / "config", tmp_path / "cache")


def killed(client: list[str], variables: dict[str, str], line: str, number: int) -> tuple[int, bool, bool]:
    """The exit code, whether the terminal was changed meanwhile, and whether it is as it was."""
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    # Typed ahead: the terminal shows it, then, when all is joined, what comes back does.
    os.write(master, b"hello\n")
    process = subprocess.Popen([*client, *line.split()], stdin=slave, stdout=slave, stderr=slave, env=variables)
    read_until(master, b"hello", 2)
    meanwhile = termios.tcgetattr(slave)
    process.send_signal(number)
    code = process.wait(180)
    after = termios.tcgetattr(slave)
    os.close(master)
    os.close(slave)
    return code, meanwhile != before, after == before


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
async def test_a_killed_session_leaves_the_terminal_as_it_was(echo: dict[str, str], number: int) -> None:
    found = []
    for client in clients():
        found.append(await asyncio.to_thread(killed, client, echo, "exec -it web -- cat", number))
    assert found == [(1, True, True)] * 2


@pytest.mark.parametrize("line", ["exec -it web -- cat", "exec -itq web -- cat"])
async def test_without_a_terminal_none_is_asked_for(echo: dict[str, str], line: str) -> None:
    said = []
    for client in clients():
        process = await asyncio.create_subprocess_exec(
            *client, *line.split(), env=echo, stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
        async with asyncio.timeout(180):
            out, err = await process.communicate(b"typed\n")
        said.append((process.returncode, out, err))
    assert said[1] == said[0]
