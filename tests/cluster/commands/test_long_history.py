"""`pybernetes history` of a busy cluster: the answer comes in pieces."""

import argparse
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from pybernetes.base.http.message import Request, Response
from pybernetes.cluster import clients
from pybernetes.cluster.commands import history


def test_an_answer_that_comes_in_pieces_is_read_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    operation = {"revision": 7, "time": "now", "user": "u", "verb": "patch", "resource": "pods", "name": "a"}
    body = msgspec.json.encode({"items": [{**operation, "group": "", "namespace": "shop", "changes": ["x: 1"]}] * 50})

    async def app(request: Request) -> Response:
        async def pieces():
            for start in range(0, len(body), 1000):
                yield body[start : start + 1000]

        return Response(200, [], pieces())

    monkeypatch.setattr(clients, "from_kubeconfig", lambda path, name: SimpleNamespace(app=app))
    wanted = {"object": "pods/a", "namespace": "shop", "since": "", "limit": 500, "output": "table"}
    assert history.main(argparse.Namespace(data_dir=tmp_path, kubeconfig=tmp_path / "config", **wanted)) == 0
    assert len(capsys.readouterr().out.splitlines()) == 51
