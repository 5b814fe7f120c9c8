"""The configuration file: what it makes of the profiles, and the words for what is wrong with it."""

import pytest
from tests.support.scheduling import FakeApi, Recorder

from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.configuration.arguments import arguments_of
from pybernetes.scheduler.configuration.load import ConfigurationError, load
from pybernetes.scheduler.scheduler import Scheduler

HEAD = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"


def profiles(text):
    """The profiles of a scheduler with this configuration."""
    api = FakeApi()
    config = SchedulerConfig.of(load(HEAD + text))
    return Scheduler(api, api.informers, config, recorder=Recorder()).profiles  # type: ignore[arg-type]


def test_the_defaults_are_those_of_the_reference():
    profile = profiles("")["default-scheduler"]
    assert {plugin.name: weight for plugin, weight in profile.score} == {
        "TaintToleration": 3,
        "NodeAffinity": 2,
        "NodeResourcesFit": 1,
        "PodTopologySpread": 2,
        "InterPodAffinity": 2,
        "DynamicResources": 2,
        "NodeResourcesBalancedAllocation": 1,
        "ImageLocality": 1,
    }
    assert [plugin.name for plugin in profile.filter] == [
        "NodeUnschedulable",
        "NodeName",
        "TaintToleration",
        "NodeAffinity",
        "NodePorts",
        "NodeResourcesFit",
        "VolumeRestrictions",
        "NodeVolumeLimits",
        "VolumeBinding",
        "VolumeZone",
        "PodTopologySpread",
        "InterPodAffinity",
        "DynamicResources",
        "NodeDeclaredFeatures",
    ]
    assert [plugin.name for plugin in profile.post_filter] == ["DynamicResources", "DefaultPreemption"]
    assert [plugin.name for plugin in profile.bind] == ["DefaultBinder"]


def test_several_profiles_with_their_own_plugins():
    found = profiles("""
profiles:
- schedulerName: default-scheduler
- schedulerName: no-scoring
  plugins:
    preScore: {disabled: [{name: "*"}]}
    score: {disabled: [{name: "*"}]}
- schedulerName: packing
  plugins:
    multiPoint:
      disabled: [{name: ImageLocality}, {name: DefaultPreemption}]
      enabled: [{name: TaintToleration, weight: 7}]
    score:
      enabled: [{name: NodeResourcesFit, weight: 5}]
  pluginConfig:
  - name: NodeResourcesFit
    args:
      scoringStrategy:
        type: MostAllocated
        resources: [{name: cpu, weight: 3}]
""")
    assert not found["no-scoring"].score
    assert found["no-scoring"].filter
    weights = {plugin.name: weight for plugin, weight in found["packing"].score}
    assert weights["NodeResourcesFit"] == 5
    assert weights["TaintToleration"] == 7
    assert next(iter(weights)) == "NodeResourcesFit"
    assert "ImageLocality" not in weights
    assert [plugin.name for plugin in found["packing"].post_filter] == ["DynamicResources"]


ARGS = "profiles[0].pluginConfig[0].args"
RATIO = "scoringStrategy: {type: RequestedToCapacityRatio"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
TERM = f"addedAffinity: {{{REQUIRED}: {{nodeSelectorTerms: [{{matchExpressions: [{{key: a, operator: "
MISTAKEN_ARGUMENTS = [
    ("DefaultPreemption", "minCandidateNodesPercentage: -1", "minCandidateNodesPercentage: Invalid value: -1: not in "),
    (
        "DefaultPreemption",
        "minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0",
        "minCandidateNodesAbsolute: Invalid value: 0: cannot be zero at the same time as minCandidateNodesPercentage",
    ),
    ("NodeResourcesFit", "ignoredResourceGroups: [a/b]", 'ignoredResourceGroups[0]: Invalid value: "a/b": resource gr'),
    (
        "NodeResourcesFit",
        "scoringStrategy: {resources: [{name: cpu, weight: 101}]}",
        "scoringStrategy.resources[0].weight: Invalid value: 101: resource weight of cpu not in valid range (0, 100]",
    ),
    (
        "NodeResourcesFit",
        f"{RATIO}}}",
        "scoringStrategy.requestedToCapacityRatio: Required value: must be specified when type is Requested",
    ),
    (
        "NodeResourcesFit",
        "scoringStrategy: {requestedToCapacityRatio: {}}",
        "scoringStrategy.requestedToCapacityRatio: Forbidden: must be nil when type is not RequestedToCapacityRatio",
    ),
    (
        "NodeResourcesFit",
        f"{RATIO}, requestedToCapacityRatio: {{shape: []}}}}",
        "scoringStrategy.requestedToCapacityRatio.shape: Required value: at least one point must be specified",
    ),
    (
        "NodeResourcesFit",
        f"{RATIO}, requestedToCapacityRatio: {{shape: [{{utilization: 5, score: 11}}, {{utilization: 5}}]}}}}",
        "scoringStrategy.requestedToCapacityRatio.shape[0].score: Invalid value: 11: not in valid range [0, 10]",
    ),
    (
        "NodeResourcesBalancedAllocation",
        "resources: [{name: cpu, weight: 2}]",
        "resources[0].weight: Invalid value: 2: must be 1",
    ),
    (
        "PodTopologySpread",
        "defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]",
        'defaultingType: Invalid value: "System": when .defaultConstraints are not empty',
    ),
    (
        "PodTopologySpread",
        "defaultingType: List, defaultConstraints: [{maxSkew: 0, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]",
        "defaultConstraints[0].maxSkew: Invalid value: 0: not in valid range (0, inf)",
    ),
    (
        "NodeAffinity",
        f"{TERM}In}}]}}]}}}}",
        f"addedAffinity.{REQUIRED}.nodeSelectorTerms[0].matchExpressions[0].values: Invalid value: []: "
        "for 'in', 'notin' operators, values set can't be empty",
    ),
    (
        "NodeAffinity",
        f"{TERM}Near}}]}}]}}}}",
        f'addedAffinity.{REQUIRED}.nodeSelectorTerms[0].matchExpressions[0].operator: Unsupported value: "Near": '
        'supported values: "DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn"',
    ),
    (
        "VolumeBinding",
        "bindTimeoutSeconds: -1",
        "bindTimeoutSeconds: Invalid value: -1: invalid BindTimeout",
    ),
    ("DynamicResources", "bindingTimeout: 0s", 'bindingTimeout: Invalid value: "0s": must be at least 1 second'),
]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("profiles: [{}, {schedulerName: a}]", "profiles[0].schedulerName: Required value"),
        ("parallelism: 0", "parallelism: Invalid value: 0: should be an integer value greater than zero"),
        ("percentageOfNodesToScore: 101", "percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]"),
        ("podInitialBackoffSeconds: 0", "podInitialBackoffSeconds: Invalid value: 0: must be greater than 0"),
        (
            "podMaxBackoffSeconds: 1\npodInitialBackoffSeconds: 2",
            "podMaxBackoffSeconds: Invalid value: 1: must be greater than or equal to PodInitialBackoffSeconds",
        ),
        (
            "profiles: [{schedulerName: a}, {schedulerName: a}]",
            'profiles[1].schedulerName: Duplicate value: "profiles[0].schedulerName"',
        ),
        (
            "profiles: [{pluginConfig: [{name: InterPodAffinity, args: {hardPodAffinityWeight: 200}}]}]",
            "profiles[0].pluginConfig[0].args.hardPodAffinityWeight: Invalid value: 200: not in valid range [0, 100]",
        ),
        (
            "profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: Best}}}]}]",
            'profiles[0].pluginConfig[0].args.scoringStrategy.type: Unsupported value: "Best": supported values: '
            '"LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"',
        ),
        (
            "extenders: [{urlPrefix: 'http://x', prioritizeVerb: p}]",
            "extenders[0].weight: Invalid value: 0: must have a positive weight applied to it",
        ),
        ("extenders: [{bindVerb: b}, {bindVerb: c}]", "only one extender can implement bind"),
        (
            "extenders: [{managedResources: [{name: cpu}]}]",
            'extenders[0].managedResources[0].name: Invalid value: "cpu": cpu is an invalid extended resource name',
        ),
        *(
            (f"profiles: [{{pluginConfig: [{{name: {plugin}, args: {{{arguments}}}}}]}}]", f"{ARGS}.{message}")
            for plugin, arguments, message in MISTAKEN_ARGUMENTS
        ),
        ("nonsense: 1", "strict decoding error: Object contains unknown field `nonsense`"),
    ],
)
def test_mistakes_are_told(text, message):
    with pytest.raises(ConfigurationError) as error:
        load(HEAD + text)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("profiles: [{plugins: {filter: {enabled: [{name: Nobody}]}}}]", 'plugin "Nobody" does not exist'),
        ("profiles: [{plugins: {filter: {enabled: [{name: ImageLocality}]}}}]", "does not extend Filter plugin"),
        ("profiles: [{plugins: {queueSort: {disabled: [{name: '*'}]}}}]", "no queue sort plugin is enabled"),
        ("profiles: [{plugins: {bind: {disabled: [{name: '*'}]}}}]", "at least one bind plugin is needed"),
    ],
)
def test_plugins_that_cannot_act_are_told(text, message):
    with pytest.raises(ConfigurationError, match=message):
        profiles(text)


@pytest.mark.parametrize("text", ["[]", "{}", "kind: Pod\napiVersion: v1"])
def test_other_documents_are_refused(text):
    with pytest.raises(ConfigurationError):
        load(text)


def test_what_is_empty_has_the_defaults():
    found = load(
        HEAD
        + """
profiles:
- pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 0}]}}
  - name: NodeResourcesBalancedAllocation
    args: {resources: []}
  - name: PodTopologySpread
    args: {defaultingType: ""}
"""
    )
    arguments = arguments_of(found.profiles[0])
    assert found.profiles[0].scheduler_name == "default-scheduler"
    assert [(row.name, row.weight) for row in arguments["NodeResourcesFit"].scoring_strategy.resources] == [("cpu", 1)]
    assert [row.name for row in arguments["NodeResourcesBalancedAllocation"].resources] == ["cpu", "memory"]
    assert arguments["PodTopologySpread"].defaulting_type == "System"
    assert arguments["DefaultPreemption"].min_candidate_nodes_absolute == 100
    assert arguments["VolumeBinding"].bind_timeout_seconds == 600
    assert arguments["InterPodAffinity"].hard_pod_affinity_weight == 1
    assert [profile.scheduler_name for profile in load(HEAD + "profiles: []").profiles] == ["default-scheduler"]
