"""Type checking of policies against the kinds they are about."""

from typing import Any

from tests.apiserver.admission.policies import VALIDATING, policy, rules
from tests.apiserver.crds.definitions import DEFINITIONS, definition
from tests.controllers.test_custom_resources import send
from tests.support.control_plane import World, control_plane

ONLY = "validatingadmissionpolicy-status-controller"


async def checked(world: World, obj: dict[str, Any]) -> list[dict[str, str]]:
    """The warnings on a policy, once it is checked."""
    assert (await send(world, "POST", VALIDATING, obj))[0] == 201
    url = f"{VALIDATING}/{obj['metadata']['name']}"

    async def done() -> bool:
        _, found = await send(world, "GET", url)
        return bool(found["status"].get("observedGeneration") == found["metadata"]["generation"])

    await world.until(done)
    _, found = await send(world, "GET", url)
    warnings: list[dict[str, str]] = (found["status"].get("typeChecking") or {}).get("expressionWarnings") or []
    return warnings


async def test_expressions_are_checked_against_the_kinds() -> None:
    good = [
        "object.spec.replicas > 1 && object.metadata.name.startsWith('x')",
        "object.spec.template.spec.containers.all(c, has(c.resources.limits) && c.image != '')",
        "object.metadata.labels['a'] == 'b' && object.spec.strategy.rollingUpdate.maxSurge == 1",
        "object.metadata.creationTimestamp < timestamp('2030-01-01T00:00:00Z')",
    ]
    validations: list[dict[str, str]] = [{"expression": text} for text in good]
    validations.append({"expression": "object.foo > 1"})
    variables = [{"name": "count", "expression": "object.spec.replicas"}]
    async with control_plane(ONLY) as world:
        made = policy(match=rules("deployments", "apps"), variables=variables, validations=validations)
        assert await checked(world, made) == [
            {
                "fieldRef": "spec.validations[4].expression",
                "warning": "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'foo'\n | object.foo > 1\n"
                " | ......^\n",
            }
        ]
        message = {"expression": "variables.count > 1", "messageExpression": "string(object.spec.bar)"}
        typed = policy("q", match=rules("deployments", "apps"), variables=variables, validations=[message])
        assert [found["fieldRef"] for found in await checked(world, typed)] == ["spec.validations[0].messageExpression"]


async def test_custom_resources_are_checked_by_their_schema() -> None:
    async with control_plane(ONLY) as world:
        assert (await send(world, "POST", DEFINITIONS, definition()))[0] == 201
        expressions = ["object.spec.replicas > 1", "object.spec.replica > 1"]
        made = policy(
            match=rules("crontabs", "stable.example.com"), validations=[{"expression": text} for text in expressions]
        )
        (warning,) = await checked(world, made)
        assert warning["fieldRef"] == "spec.validations[1].expression"
        assert warning["warning"].startswith(
            "stable.example.com/v1, Kind=CronTab: ERROR: <input>:1:12: undefined field"
        )


async def test_wildcards_and_unknown_resources_are_not_checked() -> None:
    async with control_plane(ONLY) as world:
        assert await checked(world, policy(match=rules("*", "*"), validations=[{"expression": "object.x == 1"}])) == []
        unknown = policy("u", match=rules("x", "y.example.com"), validations=[{"expression": "object.x == 1"}])
        assert await checked(world, unknown) == []
