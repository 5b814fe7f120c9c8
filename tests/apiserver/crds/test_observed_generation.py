"""Conditions of definitions tell for which generation they hold (`CRDObservedGenerationTracking`)."""

from tests.apiserver.crds.definitions import DEFINITIONS, cron_tab, definition, path, version
from tests.support.api import Answer, running_api

PATH = f"{DEFINITIONS}/crontabs.stable.example.com"


def observed(answer: Answer) -> dict[str, int | None]:
    assert answer.code < 300, answer
    status = answer.body["status"]
    found = {one["type"]: one.get("observedGeneration") for one in status["conditions"]}
    return {**found, "": status.get("observedGeneration")}


async def test_conditions_follow_the_generation() -> None:
    async with running_api() as api:
        made = await api.post(DEFINITIONS, definition())
        assert observed(made) == {"NamesAccepted": 1, "Established": 1, "": 1}
        labelled = await api.patch(PATH, {"metadata": {"labels": {"a": "b"}}})
        assert observed(labelled) == {"NamesAccepted": 1, "Established": 1, "": 1}
        changed = await api.patch(PATH, {"spec": {"versions": [version(), version("v2", storage=False)]}})
        assert changed.body["metadata"]["generation"] == 2
        assert observed(changed) == {"NamesAccepted": 2, "Established": 2, "": 2}
        times = {one["type"]: one["lastTransitionTime"] for one in made.body["status"]["conditions"]}
        assert {one["type"]: one["lastTransitionTime"] for one in changed.body["status"]["conditions"]} == times


async def test_a_definition_that_goes_tells_it_too() -> None:
    async with running_api() as api:
        assert (await api.post(DEFINITIONS, definition())).code == 201
        held = {"name": "held", "finalizers": ["example.com/hold"]}
        assert (await api.post(path(), {**cron_tab("held"), "metadata": held})).code == 201
        gone = await api.delete(PATH)
        assert gone.code == 200
        found = observed(await api.get(PATH))
        assert found["Terminating"] == found["Established"]


async def test_nothing_is_told_without_the_gate() -> None:
    async with running_api(feature_gates={"CRDObservedGenerationTracking": False}) as api:
        body = {**definition(), "status": {"observedGeneration": 7, "conditions": []}}
        made = await api.post(DEFINITIONS, body)
        assert observed(made) == {"NamesAccepted": None, "Established": None, "": None}
        made.body["status"]["observedGeneration"] = 7
        condition = {"type": "Other", "status": "True", "observedGeneration": 7}
        status = {**made.body["status"], "observedGeneration": 7, "conditions": [condition]}
        written = await api.put(f"{PATH}/status", {**made.body, "status": status})
        assert observed(written) == {"Other": None, "NamesAccepted": None, "Established": None, "": None}
