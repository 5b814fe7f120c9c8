"""The messages of the Container Runtime Interface v1 (`runtime.v1`) that the kubelet uses, as Structs.

Names are the proto's own; numbers are checked by a test against the descriptor inside containerd. Windows and SELinux
fields are left out: an absent field is simply not sent. Instants are nanoseconds since the epoch.

One file a concept: `sandbox.py`, `container.py`, `image.py`, `stats.py`, and `shared.py` for what several need.
"""

# Every name of the five files is a message or an enumeration of the interface.
from .container import *  # noqa: F403
from .image import *  # noqa: F403
from .sandbox import *  # noqa: F403
from .shared import *  # noqa: F403
from .stats import *  # noqa: F403
