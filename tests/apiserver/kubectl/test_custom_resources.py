"""Custom resources through the stock kubectl."""

from pathlib import Path

import pytest
from tests.support.kubectl import installed
from tests.support.kubectl_api import kubectl_api

pytestmark = pytest.mark.skipif(not installed(), reason="needs kubectl")

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: crontabs.stable.example.com
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct], categories: [jobs]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    - {name: Image, type: string, jsonPath: .spec.image, priority: 1}
    schema:
      openAPIV3Schema:
        type: object
        description: CronTab runs a command at given times.
        properties:
          spec:
            type: object
            description: What is wanted.
            required: [cronSpec]
            properties:
              cronSpec:
                type: string
                description: When the command runs.
                pattern: '^(\\S+ ){4}\\S+$'
              image: {type: string}
              replicas: {type: integer, default: 1, minimum: 0}
            x-kubernetes-validations:
            - rule: self.replicas <= 5
              messageExpression: "'at most 5 replicas, not ' + string(self.replicas)"
          status:
            type: object
            properties:
              replicas: {type: integer}
"""
OBJECT = """
apiVersion: stable.example.com/v1
kind: CronTab
metadata: {name: mine}
spec: {cronSpec: "* * * * */5", image: my-image}
"""


async def test_a_definition_and_its_objects(tmp_path: Path) -> None:
    async with kubectl_api(tmp_path) as k:
        assert "created" in await k("apply", "-f", "-", given=DEFINITION)
        await k("wait", "--for=condition=Established", "crd/crontabs.stable.example.com", "--timeout=20s")
        assert await k("apply", "-f", "-", given=OBJECT) == "crontab.stable.example.com/mine created"
        assert await k("apply", "-f", "-", given=OBJECT) == "crontab.stable.example.com/mine unchanged"
        lines = [line.split() for line in (await k("get", "ct")).splitlines()]
        assert lines == [["NAME", "SPEC", "REPLICAS"], ["mine", "*", "*", "*", "*", "*/5", "1"]]
        wide = (await k("get", "crontabs.stable.example.com", "-o", "wide")).splitlines()
        assert wide[0].split() == ["NAME", "SPEC", "REPLICAS", "IMAGE"] and wide[1].endswith("my-image")
        assert "crontab.stable.example.com/mine" in await k("get", "jobs", "-o", "name")
        explained = await k("explain", "crontab.spec.cronSpec")
        assert "When the command runs." in explained and "CronTab" in explained
        assert "CronTab runs a command at given times." in await k("explain", "ct")
        assert await k("scale", "ct/mine", "--replicas=3") == "crontab.stable.example.com/mine scaled"
        assert await k("get", "ct", "mine", "-o", "jsonpath={.spec.replicas}") == "3"
        assert "my-image" in await k("describe", "ct", "mine")
        patched = await k("patch", "ct", "mine", "--type=merge", "-p", '{"spec":{"image":"new"}}')
        assert patched == "crontab.stable.example.com/mine patched"
        await k("label", "ct", "mine", "a=b")
        assert await k("get", "ct", "-l", "a=b", "-o", "name") == "crontab.stable.example.com/mine"
        assert "serverside-applied" in await k("apply", "--server-side", "--force-conflicts", "-f", "-", given=OBJECT)
        names = await k("api-resources", "--api-group=stable.example.com", "-o", "name")
        assert names == "crontabs.stable.example.com"
        assert "deleted" in await k("delete", "crd", "crontabs.stable.example.com", "--timeout=30s")
        assert (await k.run("get", "ct")).code == 1


async def test_mistakes_are_explained(tmp_path: Path) -> None:
    async with kubectl_api(tmp_path) as k:
        await k("apply", "-f", "-", given=DEFINITION)
        await k("wait", "--for=condition=Established", "crd/crontabs.stable.example.com", "--timeout=20s")
        ran = await k.run("apply", "-f", "-", given=OBJECT.replace("image: my-image", "imag: x"))
        assert ran.code == 1
        assert 'strict decoding error: unknown field "spec.imag"' in ran.err
        ran = await k.run("apply", "-f", "-", given=OBJECT.replace("* * * * */5", "often"))
        assert "spec.cronSpec in body should match" in ran.err
        ran = await k.run("apply", "-f", "-", given=OBJECT.replace("image: my-image", "replicas: 7"))
        assert (
            'The CronTab "mine" is invalid: spec: Invalid value: "object": at most 5 replicas, not 7' in ran.err
            or 'spec: Invalid value: "at most 5 replicas, not 7"' in ran.err
        )
