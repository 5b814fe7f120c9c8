"""The policies in force: those that have bindings, by name, compiled when first needed."""

from typing import TYPE_CHECKING, Any

from ....api.resource import ResourceInfo
from ...reader import ObjectReader
from .matching import Constraints

if TYPE_CHECKING:
    from ....api.policy_expressions import PolicyExpressions

Object = dict[str, Any]


class Binding:
    """One binding."""

    __slots__ = ("actions", "constraints", "name", "param_ref", "policy")

    def __init__(self, obj: Object) -> None:
        spec = obj["spec"]
        self.name: str = obj["metadata"]["name"]
        self.policy: str = spec.get("policyName") or ""
        self.param_ref: Object | None = spec.get("paramRef")
        self.actions: list[str] = spec.get("validationActions") or []
        self.constraints = Constraints.of(spec.get("matchResources"))


class Policy:
    """One policy."""

    __slots__ = ("_expressions", "_mutating", "constraints", "fail", "name", "param_kind", "reinvoke", "spec")

    def __init__(self, obj: Object, mutating: bool) -> None:
        self.spec: Object = obj["spec"]
        self.name: str = obj["metadata"]["name"]
        self.fail = self.spec.get("failurePolicy") != "Ignore"
        self.param_kind: Object | None = self.spec.get("paramKind")
        self.constraints = Constraints.of(self.spec.get("matchConstraints"))
        self.reinvoke = self.spec.get("reinvocationPolicy") == "IfNeeded"
        self._mutating = mutating
        self._expressions: PolicyExpressions | None = None

    @property
    def expressions(self) -> "PolicyExpressions":
        if self._expressions is None:
            from ....api.policy_expressions import PolicyExpressions  # CEL is loaded with the first policy

            self._expressions = PolicyExpressions(self.spec, mutating=self._mutating)
        return self._expressions


Hook = tuple[Policy, list[Binding]]


class Policies:
    """Kept up to date from the watch cache."""

    def __init__(
        self, reader: ObjectReader, policies: ResourceInfo, bindings: ResourceInfo, *, mutating: bool = False
    ) -> None:
        self._policies: dict[str, Policy] = {}
        self._bindings: dict[str, Binding] = {}
        self._hooks: list[Hook] | None = []
        self._mutating = mutating
        reader.subscribe(policies, self._policy_changed)
        reader.subscribe(bindings, self._binding_changed)

    def _policy_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            assert old is not None
            self._policies.pop(old["metadata"]["name"], None)
        elif old is None or old.get("spec") != new.get("spec"):
            self._policies[new["metadata"]["name"]] = Policy(new, self._mutating)
        self._hooks = None

    def _binding_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            assert old is not None
            self._bindings.pop(old["metadata"]["name"], None)
        else:
            self._bindings[new["metadata"]["name"]] = Binding(new)
        self._hooks = None

    def hooks(self) -> list[Hook]:
        """Policies with their bindings, both in the order of names."""
        if self._hooks is None:
            bound: dict[str, list[Binding]] = {}
            for name in sorted(self._bindings):
                binding = self._bindings[name]
                bound.setdefault(binding.policy, []).append(binding)
            self._hooks = [(self._policies[name], bound[name]) for name in sorted(bound) if name in self._policies]
        return self._hooks
