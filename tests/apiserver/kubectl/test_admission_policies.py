"""The example of docs/admission-policies.md, as it stands there, through the stock kubectl."""

import re
from pathlib import Path

import pytest
from tests.support.kubectl import installed
from tests.support.kubectl_api import kubectl_api

pytestmark = pytest.mark.skipif(not installed(), reason="needs kubectl")
PAGE = Path(__file__).parents[3] / "docs" / "admission-policies.md"


async def test_the_documented_example(tmp_path: Path) -> None:
    text = PAGE.read_text()
    manifest = re.search(r"<<'POLICY'\n(.*?)\nPOLICY\n", text, re.DOTALL)
    shown = re.search(r"^error: (.*?)\n```", text, re.DOTALL | re.MULTILINE)
    assert manifest is not None and shown is not None
    async with kubectl_api(tmp_path) as k:
        await k("apply", "-f", "-", given=manifest[1])
        ran = await k.run("create", "deployment", "web", "--image=x", "--replicas=9")
        assert ran.code == 1
        assert ran.err.strip() == "error: " + shown[1].replace("\n", " ")
        assert "created" in await k("create", "deployment", "web", "--image=x", "--replicas=5")
        await k("label", "namespace", "default", "prod=yes")
        assert "created" in await k("create", "deployment", "more", "--image=x", "--replicas=40")
        lines = (await k("get", "validatingadmissionpolicies,validatingadmissionpolicybindings")).splitlines()
        assert [line.split()[0].rpartition("/")[2] for line in lines if "/" in line] == ["replicas", "replicas"]
