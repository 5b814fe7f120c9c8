"""PersistentVolumes: since when the phase is what it is (KEP-3762)."""

from typing import Any

from tests.support.api import Api, running_api

VOLUMES = "/api/v1/persistentvolumes"
SPEC = {
    "capacity": {"storage": "2Gi"},
    "accessModes": ["ReadWriteOnce"],
    "hostPath": {"path": "/tmp/x"},
    "persistentVolumeReclaimPolicy": "Retain",
}
LONG_AGO = "2020-01-01T00:00:00Z"


async def put_status(api: Api, **status: Any) -> dict[str, Any]:
    current = (await api.get(f"{VOLUMES}/v")).body
    current["status"] = status
    answer = await api.put(f"{VOLUMES}/v/status", current)
    assert answer.code == 200, answer
    found: dict[str, Any] = answer.body["status"]
    return found


async def test_a_phase_has_its_time() -> None:
    async with running_api() as api:
        made = await api.post(VOLUMES, {"metadata": {"name": "v"}, "spec": SPEC, "status": {"phase": "Bound"}})
        status = made.body["status"]
        assert status["phase"] == "Pending" and status["lastPhaseTransitionTime"] > LONG_AGO
        kept = await put_status(api, phase="Pending", message="still", lastPhaseTransitionTime=LONG_AGO)
        assert kept["lastPhaseTransitionTime"] == LONG_AGO, "who sets it knows it"
        kept = await put_status(api, phase="Pending", message="and still")
        assert kept["lastPhaseTransitionTime"] == LONG_AGO, "the phase is the same"
        for phase, sent in (("Available", {}), ("Bound", {"lastPhaseTransitionTime": LONG_AGO})):
            await api.patch(f"{VOLUMES}/v/status", {"status": {"lastPhaseTransitionTime": LONG_AGO}})
            changed = await put_status(api, phase=phase, **sent)
            assert changed["lastPhaseTransitionTime"] > LONG_AGO, phase
        named = await put_status(api, phase="Released", lastPhaseTransitionTime="2021-01-01T00:00:00Z")
        assert named["lastPhaseTransitionTime"] == "2021-01-01T00:00:00Z"
