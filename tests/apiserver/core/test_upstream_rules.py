"""Rules of every group, in upstream's words: what is asked for, and the whole of the answer's message.

The cases (`rules/`) are those that people meet: a mistake in a manifest, a change of what cannot be changed. Each
begins with an object that is sound.
"""

import pytest
from tests.apiserver.core.rules import others, pods  # noqa: F401 (they tell their cases)
from tests.apiserver.core.rules.sound import BASES, CREATES, UPDATES, Object, made, merged
from tests.support.api import Answer, running_api


def told(answer: Answer) -> str:
    _, _, words = answer.message.partition(" is invalid: ")
    return words or answer.message


@pytest.fixture(scope="module")
def plain() -> Object:
    return {"disable_admission": ("ServiceAccount", "LimitRanger", "ResourceQuota")}


def case_id(case: tuple[str, Object, str]) -> str:
    return f"{case[0]}: {case[2][:60]}"


@pytest.mark.parametrize("case", CREATES, ids=case_id)
async def test_what_cannot_be_created(case: tuple[str, Object, str], plain: Object) -> None:
    kind, change, message = case
    async with running_api(**plain) as api:
        path, obj = made(kind, change)
        answer = await api.post(path, obj)
        assert (answer.code, told(answer)) == (422, message)


@pytest.mark.parametrize("case", UPDATES, ids=case_id)
async def test_what_cannot_be_changed(case: tuple[str, Object, str], plain: Object) -> None:
    kind, change, message = case
    async with running_api(**plain) as api:
        path, obj = made(kind, {})
        first = await api.post(path, obj)
        assert first.code == 201, first
        answer = await api.put(f"{path}/{obj['metadata']['name']}", merged(first.body, change))
        assert (answer.code, told(answer)) == (422, message)


@pytest.mark.parametrize("kind", BASES)
async def test_the_objects_without_a_fault_are_sound(kind: str, plain: Object) -> None:
    async with running_api(**plain) as api:
        path, obj = made(kind, {})
        answer = await api.post(path, obj)
        assert answer.code == 201, answer
