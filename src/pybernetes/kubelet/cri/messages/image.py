"""Images and the runtime itself: its version and condition."""

from typing import Annotated as A

from msgspec import field

from pybernetes.base.protobuf import Message

from .sandbox import PodSandboxConfig
from .shared import ImageSpec


class ImageFilter(Message):
    image: A[ImageSpec | None, 1] = None


class ListImagesRequest(Message):
    filter: A[ImageFilter | None, 1] = None


class Image(Message):
    id: A[str, 1] = ""
    repo_tags: A[list[str], 2] = field(default_factory=list)
    repo_digests: A[list[str], 3] = field(default_factory=list)
    size: A[int, 4] = 0
    uid: A[int | None, 5] = None
    username: A[str, 6] = ""
    spec: A[ImageSpec | None, 7] = None
    pinned: A[bool, 8] = False


class ListImagesResponse(Message):
    images: A[list[Image], 1] = field(default_factory=list)


class ImageRequest(Message):
    """Status and Remove of an image have this one shape (verbose only for Status)."""

    image: A[ImageSpec | None, 1] = None
    verbose: A[bool, 2] = False


class ImageStatusResponse(Message):
    image: A[Image | None, 1] = None
    info: A[dict[str, str], 2] = field(default_factory=dict)


class AuthConfig(Message):
    username: A[str, 1] = ""
    password: A[str, 2] = ""
    auth: A[str, 3] = ""
    server_address: A[str, 4] = ""
    identity_token: A[str, 5] = ""
    registry_token: A[str, 6] = ""


class PullImageRequest(Message):
    image: A[ImageSpec | None, 1] = None
    auth: A[AuthConfig | None, 2] = None
    sandbox_config: A[PodSandboxConfig | None, 3] = None


class PullImageResponse(Message):
    image_ref: A[str, 1] = ""


class VersionRequest(Message):
    version: A[str, 1] = ""


class VersionResponse(Message):
    version: A[str, 1] = ""
    runtime_name: A[str, 2] = ""
    runtime_version: A[str, 3] = ""
    runtime_api_version: A[str, 4] = ""


class RuntimeCondition(Message):
    type: A[str, 1] = ""
    status: A[bool, 2] = False
    reason: A[str, 3] = ""
    message: A[str, 4] = ""


class RuntimeStatus(Message):
    conditions: A[list[RuntimeCondition], 1] = field(default_factory=list)


class StatusRequest(Message):
    verbose: A[bool, 1] = False


class StatusResponse(Message):
    status: A[RuntimeStatus | None, 1] = None
    info: A[dict[str, str], 2] = field(default_factory=dict)
