"""What the arguments of plugins change about decisions."""

from random import Random

import pytest
from tests.support.scheduling import FakeApi, Recorder, node, pod

from pybernetes.api.core import Affinity, PodAffinity, PodAffinityTerm, Service, ServiceSpec, WeightedPodAffinityTerm
from pybernetes.api.meta import LabelSelector, ObjectMeta
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.configuration.load import load
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.scheduler import Scheduler

ZONE = "topology.kubernetes.io/zone"
HEAD = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nprofiles:\n- pluginConfig:\n"
SERVICE = Service(metadata=ObjectMeta(name="s", namespace="default", uid="s"), spec=ServiceSpec(selector={"app": "a"}))
APP = {"app": "a"}


def decide(config, wanted, *objects):
    """(the node chosen, the message when there is none)."""
    api = FakeApi()
    api.put(*objects)
    scheduler = Scheduler(
        api, api.informers, SchedulerConfig.of(load(HEAD + config)), recorder=Recorder(), random=Random(0)
    )
    scheduler._nodes.add_handler(scheduler.intake.node_changed)
    scheduler._pods.add_handler(scheduler.intake.pod_changed)
    info = PodInfo(wanted)
    decision = scheduler.cycle_of(info).decide(info)
    return decision.node_name, decision.diagnosis.message()


def zoned(name, zone, **more):
    return node(name, labels={ZONE: zone}, **more)


SPREAD = """
  - name: PodTopologySpread
    args:
      defaultingType: List
      defaultConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: %s}]
"""


def test_default_constraints_that_must_hold():
    objects = [SERVICE, zoned("a", "1"), zoned("b", "2", pods="0"), pod("r", on="a", labels=APP)]
    name, message = decide(SPREAD % "DoNotSchedule", pod("p", labels=APP), *objects)
    assert not name
    assert message == (
        "0/2 nodes are available: 1 Too many pods, 1 node(s) didn't match pod topology spread constraints."
    )
    assert decide(SPREAD % "DoNotSchedule", pod("p"), *objects)[0] == "a", "a pod that no service selects"


def test_default_constraints_that_weigh():
    """The zone with fewer of the service's pods wins over the emptier node."""
    objects = [SERVICE, zoned("a", "1", cpu="64"), zoned("b", "2"), pod("r", on="a", labels=APP)]
    objects += [pod(f"x{i}", cpu="500m", on="b") for i in range(2)]
    assert decide(SPREAD % "ScheduleAnyway", pod("p", cpu="1", labels=APP), *objects)[0] == "b"
    none = SPREAD.split("      defaultConstraints")[0]
    assert decide(none, pod("p", cpu="1", labels=APP), *objects)[0] == "a"


ADDED = """
  - name: NodeAffinity
    args:
      addedAffinity:
        %s
"""
REQUIRED = (
    "requiredDuringSchedulingIgnoredDuringExecution: "
    "{nodeSelectorTerms: [{matchExpressions: [{key: kind, operator: In, values: [fast]}]}]}"
)
PREFERRED = (
    "preferredDuringSchedulingIgnoredDuringExecution: "
    "[{weight: 5, preference: {matchExpressions: [{key: kind, operator: In, values: [fast]}]}}]"
)


def test_added_affinity_that_must_hold():
    nodes = [node("a"), node("b", labels={"kind": "fast"})]
    assert decide(ADDED % REQUIRED, pod("p"), *nodes)[0] == "b"
    assert decide(ADDED % REQUIRED, pod("p"), nodes[0])[1] == (
        "0/1 nodes are available: 1 node(s) didn't match scheduler-enforced node affinity."
    )
    both = pod("p", node_selector={"absent": "x"})
    assert "1 node(s) didn't match Pod's node affinity/selector" in decide(ADDED % REQUIRED, both, *nodes)[1]


def test_added_affinity_that_weighs():
    nodes = [node("a", cpu="64"), node("b", labels={"kind": "fast"})]
    assert decide(ADDED % PREFERRED, pod("p", cpu="1"), *nodes)[0] == "b"


def near(weight=0):
    term = PodAffinityTerm(topology_key="kubernetes.io/hostname", label_selector=LabelSelector(match_labels=APP))
    if weight:
        rows = [WeightedPodAffinityTerm(weight=weight, pod_affinity_term=term)]
        return Affinity(pod_affinity=PodAffinity(preferred_during_scheduling_ignored_during_execution=rows))
    return Affinity(pod_affinity=PodAffinity(required_during_scheduling_ignored_during_execution=[term]))


NEIGHBOURS = "  - name: InterPodAffinity\n    args: {%s}\n"


@pytest.mark.parametrize(("weight", "chosen"), [(100, "a"), (1, "b")])
def test_the_weight_of_running_pods_required_affinity(weight, chosen):
    """Pod r requires pods of the app near it, s prefers them near itself with weight 50."""
    objects = [node("a"), node("b"), pod("r", on="a", affinity=near()), pod("s", on="b", affinity=near(50))]
    config = NEIGHBOURS % f"hardPodAffinityWeight: {weight}"
    assert decide(config, pod("p", labels=APP), *objects)[0] == chosen


def test_preferences_of_running_pods_can_be_ignored():
    objects = [node("a", cpu="64"), node("b"), pod("s", on="b", affinity=near(50))]
    wanted = pod("p", cpu="1", labels=APP)
    assert decide(NEIGHBOURS % "", wanted, *objects)[0] == "b"
    assert decide(NEIGHBOURS % "ignorePreferredTermsOfExistingPods: true", wanted, *objects)[0] == "a"


@pytest.mark.parametrize("absolute", [1, 2])
def test_how_many_candidates_preemption_looks_for(absolute):
    from pybernetes.scheduler.configuration.types import DefaultPreemptionArgs
    from pybernetes.scheduler.preemption import candidates_wanted

    args = DefaultPreemptionArgs(min_candidate_nodes_percentage=0, min_candidate_nodes_absolute=absolute)
    assert candidates_wanted(50, args) == absolute
    assert candidates_wanted(5000) == 500
    assert candidates_wanted(200) == 100
    assert candidates_wanted(7) == 7
