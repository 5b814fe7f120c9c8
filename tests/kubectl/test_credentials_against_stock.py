"""What a server sees of a client — tokens, passwords, certificates, who is acted as, the name that is asked for — and
what both clients say, for each scenario of `identities.py`.
"""

import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kubectl.differential import environment, in_directory, without_log
from tests.kubectl.identities import LOGGING, RAW, Scenario, base64, plugin, prints, scenarios
from tests.kubectl.recording_server import RecordingServer
from tests.kubectl.test_certificates_against_stock import Signer
from tests.support.kubectl import installed

from pybernetes.kubectl.main import run

_SIGNER = Signer("known")
SCENARIOS = scenarios(_SIGNER)


class Asked:
    """A secure server and a plain one, and clients in homes of their own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        secure = _SIGNER.server(("127.0.0.1", "named.example"), 0)
        self.servers = [RecordingServer(directory, secure, _SIGNER.pem), RecordingServer(directory)]
        for server in self.servers:
            server.refused = {"bad"}

    def close(self) -> None:
        for server in self.servers:
            server.close()

    def by(self, stock: str, scenario: Scenario) -> list[str]:
        """All that is seen when a client runs it: the stock one at that path, or ours."""
        server = self.servers[scenario.plain]
        home = self._directory / "home"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        self._write(home, scenario, server.url)
        server.asked.clear()
        server.name = ""
        path = home / "kubeconfig"
        variables = environment(home, path, home / "cache") | scenario.variables
        if scenario.user is None:
            variables["KUBECONFIG"] = ""
        words = _addressed(scenario.asks, server.url).split()
        if stock:
            done = subprocess.run(
                [stock, *words],
                input=scenario.given,
                capture_output=True,
                text=True,
                cwd=home,
                env=variables,
                check=False,
                timeout=180,
            )
            said = [
                str(done.returncode),
                done.stdout,
                without_log(done.stderr).replace(Path(stock).name, "kubectl"),
            ]
        else:
            out, err = io.StringIO(), io.StringIO()
            with in_directory(home, variables):
                code = run(words, out, err, io.StringIO(scenario.given))
            said = [str(code), out.getvalue(), err.getvalue()]
        calls = home / "calls"
        said += [calls.read_text() if calls.exists() else "not called"]
        return said + sorted("\n".join(one) for one in server.asked)

    def _write(self, home: Path, scenario: Scenario, url: str) -> None:
        cluster = {"server": url, "certificate-authority-data": base64(_SIGNER.pem), **scenario.cluster}
        if scenario.plain:
            del cluster["certificate-authority-data"]
        cluster = {key: value for key, value in cluster.items() if value is not None}
        cluster["server"] = _addressed(cluster["server"], url)
        context = {"cluster": "c", "user": "u"}
        document = {
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": scenario.user}, {"name": "second", "user": {"token": "second"}}],
            "contexts": [{"name": "x", "context": context}],
            "current-context": "x",
        }
        text = json.dumps(document)
        files = {**scenario.files, "plugin": scenario.plugin or "#!/bin/sh\n"}
        if scenario.user is not None:
            files["kubeconfig"] = text
        for name, content in files.items():
            path = home / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(content or (text if path.name == "kubeconfig" else ""))
            path.chmod(0o755 if path.name == "plugin" else 0o600)


def _addressed(text: str, url: str) -> str:
    text = text.replace("URL", url).replace("HOST", url.partition("//")[2])
    return text.replace("UPPER", url.replace("https", "HTTPS"))


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    found = Asked(tmp_path_factory.mktemp("servers"))
    yield found
    found.close()


@pytest.mark.parametrize("name", SCENARIOS)
def test_both_clients_show_the_same(asked: Asked, name: str) -> None:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    theirs = asked.by(list(stock.values())[-1], SCENARIOS[name])
    assert asked.by("", SCENARIOS[name]) == theirs


def test_a_token_that_is_over_is_asked_for_again(asked: Asked) -> None:
    """Once for each request; the answers of the servers are of no use to `api-versions`."""
    over = Scenario(plugin(), "api-versions", plugin=prints(token="t", expirationTimestamp="2020-01-01T00:00:00Z"))
    seen = asked.by("", over)
    assert seen[3].count("ExecCredential") == len(seen[4:]) == 2


def test_after_a_refusal_the_plugin_is_asked_again(asked: Asked) -> None:
    first, later = (prints(token=token).removeprefix(LOGGING) for token in ("bad", "t"))
    script = f"{LOGGING}if [ -e once ]; then {later}else touch once\n{first}fi\n"
    seen = asked.by("", Scenario(plugin(), RAW, plugin=script))
    assert seen[3].count("ExecCredential") == 2
    assert seen[2] == "error: You must be logged in to the server (Unauthorized)\n"
