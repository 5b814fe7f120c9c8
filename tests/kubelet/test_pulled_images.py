"""Who may use an image that is on the node already."""

from pathlib import Path

import pytest

from pybernetes.kubelet.cri.messages import AuthConfig
from pybernetes.kubelet.pulled_images import ALWAYS, LISTED, NEVER, PRELOADED, PulledImages, repository

ALICE, BOB = AuthConfig(username="alice", password="a"), AuthConfig(username="bob", password="b")
APP = "reg.test/app:1"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("nginx", "nginx"),
        ("nginx:1", "nginx"),
        ("localhost:5000/a/b:2", "localhost:5000/a/b"),
        ("localhost:5000/a/b", "localhost:5000/a/b"),
        ("reg.test/a@sha256:00", "reg.test/a"),
        ("reg.test/a:1@sha256:00", "reg.test/a"),
    ],
)
def test_a_repository_has_neither_tag_nor_digest(image: str, expected: str) -> None:
    assert repository(image) == expected


@pytest.mark.parametrize(
    ("policy", "preloaded", "of_alice", "of_everybody"),
    [
        (NEVER, False, False, False),
        (PRELOADED, False, True, False),
        (LISTED, True, True, False),
        (ALWAYS, True, True, False),
    ],
)
def test_for_which_images_credentials_are_needed(
    tmp_path: Path, policy: str, preloaded: bool, of_alice: bool, of_everybody: bool
) -> None:
    images = PulledImages(str(tmp_path), policy, ["reg.test/listed", "localhost/*"])
    images.pulled("private", APP, ALICE)
    images.pulled("public", APP, None)
    assert images.needs_credentials("preloaded", APP) == preloaded
    assert images.needs_credentials("private", APP) == of_alice
    assert images.needs_credentials("public", APP) == of_everybody
    assert not (policy == LISTED and images.needs_credentials("preloaded", "reg.test/listed:1"))
    assert not (policy == LISTED and images.needs_credentials("preloaded", "localhost/web:1"))


def test_those_it_was_pulled_with_are_known_again(tmp_path: Path) -> None:
    images = PulledImages(str(tmp_path))
    images.pulled("id", APP, ALICE)
    for known in (images, PulledImages(str(tmp_path))):
        assert known.accessible("id", "reg.test/app:2", [BOB, ALICE])
        assert not known.accessible("id", APP, [BOB])
        assert not known.accessible("id", APP, [])
        assert not known.accessible("id", "reg.test/other:1", [ALICE]), "the same image by another name"
    images.prune({"other"})
    assert not PulledImages(str(tmp_path)).needs_credentials("id", APP), "what comes back later was put there"


def test_no_password_is_kept(tmp_path: Path) -> None:
    PulledImages(str(tmp_path)).pulled("id", APP, AuthConfig(username="alice", password="geheimnis"))
    (file,) = (tmp_path / "image_manager").iterdir()
    assert b"geheimnis" not in file.read_bytes() and file.stat().st_mode & 0o777 == 0o600


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "image_manager").mkdir()
    (tmp_path / "image_manager" / "pulled.json").write_text("{")
    assert not PulledImages(str(tmp_path)).needs_credentials("id", APP)
