"""UUIDs from a supply."""

import os
import uuid

from pybernetes.base.random_ids import uuid4_text


def test_they_are_random_uuids_of_version_4():
    made = [uuid4_text() for _ in range(1000)]
    assert len(set(made)) == 1000
    for text in made:
        parsed = uuid.UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 4, uuid.RFC_4122)


def test_a_forked_process_has_a_supply_of_its_own():
    uuid4_text()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, uuid4_text().encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, 100).decode()
    os.close(reader)
    os.close(writer)
    assert theirs not in {uuid4_text() for _ in range(300)}
