"""Looking at pods of a real cluster through kubectl."""

from collections.abc import Callable
from typing import Any

from tests.support.kubectl import Kubectl
from tests.support.waiting import until


class Pods:
    """The pods of one namespace."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self.kubectl = kubectl
        self.namespace = namespace

    def __call__(self, *words: str, **options: Any) -> str:
        """A kubectl command in the namespace; its output."""
        return self.kubectl("-n", self.namespace, *words, **options)

    def ready(self, *names: str) -> None:
        """Wait until these pods are ready."""
        self("wait", "--for=condition=Ready", "--timeout=120s", *(f"pod/{name}" for name in names))

    def seen(self, name: str, script: str, of: str = "c") -> str:
        """What a shell script prints in a container."""
        return self.kubectl("exec", "-n", self.namespace, name, "-c", of, "--", "sh", "-c", script)

    def said(self, name: str, last: str, of: str = "c") -> list[str]:
        """The lines of a container's log, once one of them is this. A container is ready before it says anything."""
        words = ("logs", name, "-c", of)
        until(lambda: last in self(*words).splitlines(), show=lambda: self(*words))
        return self(*words).splitlines()

    def answers(self, name: str, url: str, of: str = "c") -> None:
        """Wait until a server in the pod answers."""
        words = ("exec", name, "-c", of, "--", "wget", "-qO-", url)
        until(lambda: self.kubectl.run("-n", self.namespace, *words, check=False).returncode == 0)

    def get(self, name: str) -> Any:
        return self.kubectl.json("get", f"pod/{name}", "-n", self.namespace)

    def until(self, name: str, holds: Callable[[Any], bool], timeout: float = 120.0) -> Any:
        """The pod, once this holds."""
        return self.kubectl.until(holds, "get", f"pod/{name}", "-n", self.namespace, timeout=timeout)

    def phase(self, name: str, phase: str) -> Any:
        """The pod, once it is in this phase."""
        self("wait", f"--for=jsonpath={{.status.phase}}={phase}", "--timeout=120s", f"pod/{name}")
        return self.get(name)

    def waiting(self, name: str, reason: str) -> str:
        """What the pod's first container waits for, once it does for this reason; one that comes and goes is missed."""
        return waiting_message(self.until(name, lambda found: waits(found, reason)))

    def shown(self, name: str, status: str) -> None:
        """Wait until the STATUS column says this."""
        until(lambda: self("get", f"pod/{name}", "--no-headers").split()[2] == status)

    def restarted(self, name: str, times: int = 1) -> Any:
        """The pod, once its first container runs again after this many restarts."""
        return self.until(
            name,
            lambda found: first(found).get("restartCount", 0) >= times and "running" in first(found)["state"],
        )

    def address(self, name: str) -> str:
        return self("get", f"pod/{name}", "-o", "jsonpath={.status.podIP}")

    def events(self, name: str, reason: str = "") -> list[str]:
        """`REASON message` of a pod's events so far, in the order in which they happened; only the messages when a
        reason is given. They are written a while after what they tell of."""
        selector = f"involvedObject.name={name}" + (f",reason={reason}" if reason else "")
        found = self.kubectl.json("get", "events", "-n", self.namespace, "--field-selector", selector)["items"]
        found.sort(key=lambda item: (item["firstTimestamp"], item["metadata"]["name"]))  # that ends in a finer time
        return [item["message"] if reason else f"{item['reason']} {item['message']}" for item in found]

    def told(self, name: str, reason: str, message: str = "") -> None:
        """Wait for an event whose message contains this."""
        words = ("events", "-n", self.namespace, "--field-selector", f"involvedObject.name={name},reason={reason}")
        self.kubectl.until(lambda found: any(message in item["message"] for item in found["items"]), "get", *words)


def first(pod: Any) -> Any:
    """The status of the pod's first container; empty while there is none."""
    statuses = pod["status"].get("containerStatuses") or [{"state": {}}]
    return statuses[0]


def waiting_message(pod: Any) -> str:
    """What the pod's first container waits for."""
    text: str = first(pod)["state"]["waiting"].get("message", "")
    return text


def waits(pod: Any, reason: str) -> bool:
    found: bool = first(pod)["state"].get("waiting", {}).get("reason") == reason
    return found


def status_of(pod: Any, container: str, field: str = "containerStatuses") -> Any:
    """The status of one container by name."""
    return next(status for status in pod["status"][field] if status["name"] == container)
