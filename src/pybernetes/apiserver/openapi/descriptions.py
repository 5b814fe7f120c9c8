"""What types and fields are for, as `kubectl explain` and editors show it.

There are the fields that every object has, and the types that people write by hand most. Others have no description.
"""

_CONVENTIONS = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
_CONCEPTS = "https://kubernetes.io/docs/concepts/"

_EVERY_OBJECT = {
    "apiVersion": f"APIVersion is the group and version of this object. More info: {_CONVENTIONS}#resources",
    "kind": f"Kind is the type of this object, in CamelCase. More info: {_CONVENTIONS}#types-kinds",
    "metadata": f"Standard object's metadata. More info: {_CONVENTIONS}#metadata",
    "spec": f"What is wanted. More info: {_CONVENTIONS}#spec-and-status",
    "status": f"What was last observed; the system writes it. More info: {_CONVENTIONS}#spec-and-status",
}
_EVERY_LIST = {
    "apiVersion": _EVERY_OBJECT["apiVersion"],
    "kind": _EVERY_OBJECT["kind"],
    "metadata": f"Standard list metadata. More info: {_CONVENTIONS}#types-kinds",
    "items": "The objects found.",
}

TYPES = {
    "meta/v1.ObjectMeta": "ObjectMeta is metadata that all persisted objects have.",
    "meta/v1.ListMeta": "ListMeta is metadata that all lists have.",
    "core/v1.Pod": "Pod is a group of containers that run together on one node and share its address and volumes.",
    "core/v1.PodSpec": "PodSpec is what a pod consists of and how it shall run.",
    "core/v1.Container": "A single application container that is to run within a pod.",
    "core/v1.Service": "Service is one stable address and name for the pods that its selector finds.",
    "core/v1.ServiceSpec": "ServiceSpec tells which pods a service leads to, and how it is reached.",
    "core/v1.ConfigMap": "ConfigMap holds configuration for pods to consume.",
    "core/v1.Secret": "Secret holds secret data, such as passwords and keys, of at most 1 MiB.",
    "core/v1.Namespace": "Namespace is a scope for names; what is in it goes when it is deleted.",
    "core/v1.Node": "Node is a machine that runs pods.",
    "core/v1.Event": "Event reports something that happened to an object. Events are kept for a short time only.",
    "core/v1.ServiceAccount": "ServiceAccount is an identity for processes that run in pods.",
    "core/v1.PersistentVolume": "PersistentVolume is storage that an administrator or a driver has provided.",
    "core/v1.PersistentVolumeClaim": "PersistentVolumeClaim is a user's request for storage.",
    "core/v1.LimitRange": "LimitRange bounds, and gives defaults to, the resources of a namespace's objects.",
    "core/v1.ResourceQuota": "ResourceQuota bounds what a namespace may use together.",
    "apps/v1.Deployment": "Deployment keeps replicas of a pod running and replaces them step by step when it changes.",
    "apps/v1.DeploymentSpec": "DeploymentSpec is the pods that a Deployment keeps running, and how it replaces them.",
    "apps/v1.ReplicaSet": "ReplicaSet keeps a number of equal pods running.",
    "apps/v1.StatefulSet": "StatefulSet keeps pods with names and storage of their own running, in order.",
    "apps/v1.DaemonSet": "DaemonSet keeps one pod on each chosen node.",
    "batch/v1.Job": "Job runs pods until enough of them have succeeded.",
    "batch/v1.CronJob": "CronJob makes Jobs at the times of a schedule.",
    "networking/v1.Ingress": "Ingress leads HTTP requests from outside to services, by host and path.",
    "networking/v1.NetworkPolicy": "NetworkPolicy tells which traffic the pods it selects may have.",
    "autoscaling/v2.HorizontalPodAutoscaler": "HorizontalPodAutoscaler sets the replicas of a workload by its metrics.",
    "policy/v1.PodDisruptionBudget": "PodDisruptionBudget bounds how many pods evictions may take away at a time.",
    "rbac/v1.Role": "Role is a set of permissions within its namespace.",
    "rbac/v1.ClusterRole": "ClusterRole is a set of permissions for the whole cluster, or for any namespace.",
    "rbac/v1.RoleBinding": "RoleBinding grants a role's permissions within its namespace.",
    "rbac/v1.ClusterRoleBinding": "ClusterRoleBinding grants a ClusterRole's permissions in the whole cluster.",
}

FIELDS = {
    "meta/v1.ObjectMeta": {
        "name": "Name must be unique within a namespace. It is given at creation and cannot be changed.",
        "generateName": "GenerateName is the beginning of a name that the server completes when `name` is not given.",
        "namespace": "Namespace is the scope within which the name is unique. It cannot be changed.",
        "selfLink": "Deprecated: no longer set by the system.",
        "uid": "UID tells this object from all others, also earlier ones of the same name. The server sets it.",
        "resourceVersion": "ResourceVersion changes with each write. Clients send it back so that no write is lost, "
        "and watch from it; they must not interpret it.",
        "generation": "Generation counts the changes of what is wanted. The server sets it.",
        "creationTimestamp": "CreationTimestamp is a timestamp: the server's time when this object was created.",
        "deletionTimestamp": "DeletionTimestamp is the time at which the object will be deleted; it is set when a "
        "graceful deletion is asked for, and cannot be taken back.",
        "deletionGracePeriodSeconds": "How many seconds the object has to end gracefully. Set with deletionTimestamp.",
        "labels": "Labels are keys and values by which selectors find objects.",
        "annotations": "Annotations are keys and values for tools, which no selector looks at.",
        "ownerReferences": "OwnerReferences lists what this object belongs to: it goes when all of them are gone.",
        "finalizers": "Finalizers must all be removed, by whom they name, before the object is gone.",
        "managedFields": "ManagedFields tells which manager has set which fields.",
    },
    "meta/v1.ListMeta": {
        "selfLink": "Deprecated: no longer set by the system.",
        "resourceVersion": "The version of the collection that the list shows; a watch may begin there.",
        "continue": "A token that asks for the next page of the same list; empty on the last one.",
        "remainingItemCount": "How many objects follow on later pages, where that is known.",
    },
    "core/v1.PodSpec": {
        "volumes": f"Volumes that containers may mount. More info: {_CONCEPTS}storage/volumes",
        "initContainers": "Containers that run to their end, one after the other, before the others start; those with "
        "restartPolicy Always start before the others and go on beside them.",
        "containers": "The containers of the pod, at least one. They cannot be added or removed later.",
        "ephemeralContainers": "Containers added to a running pod to look at it; set through a path of its own.",
        "restartPolicy": "When containers start again: Always (the default), OnFailure or Never.",
        "terminationGracePeriodSeconds": "Seconds between asking the processes to end and killing them; 30 by default.",
        "activeDeadlineSeconds": "Seconds after its start at which the pod is ended as failed.",
        "dnsPolicy": "How names are resolved: ClusterFirst (the default), ClusterFirstWithHostNet, Default or None.",
        "nodeSelector": "Labels that a node must have to run the pod.",
        "serviceAccountName": "The ServiceAccount that the pod's processes act as.",
        "automountServiceAccountToken": "Whether the account's token is mounted.",
        "nodeName": "The node that the pod is bound to; the scheduler sets it.",
        "hostNetwork": "Whether the pod uses the node's network.",
        "hostPID": "Whether the pod sees the node's processes.",
        "hostIPC": "Whether the pod shares the node's IPC.",
        "shareProcessNamespace": "Whether the containers see each other's processes.",
        "securityContext": "Users, groups and privileges of all containers; a container's own settings come first.",
        "imagePullSecrets": "Secrets with credentials for the images' registries.",
        "hostname": "The host name in the pod; its own name by default.",
        "subdomain": "With it the pod's full name is hostname.subdomain.namespace.svc and the cluster's domain.",
        "affinity": "Which nodes, and the company of which pods, the pod needs, likes or shuns.",
        "schedulerName": "Who chooses the node; default-scheduler by default.",
        "tolerations": "Taints of nodes that do not keep the pod away.",
        "hostAliases": "Further lines of /etc/hosts.",
        "priorityClassName": "The PriorityClass that gives the pod's priority.",
        "priority": "Pods of a higher priority are scheduled first and may displace others.",
        "runtimeClassName": "The RuntimeClass that runs the containers.",
        "topologySpreadConstraints": "How evenly pods are spread over zones, nodes or other domains.",
    },
    "core/v1.Container": {
        "name": "The container's name, a DNS label that is unique in the pod.",
        "image": "The container's image.",
        "command": "What is run instead of the image's entry point. $(NAME) stands for a variable's value.",
        "args": "Arguments instead of the image's command. $(NAME) stands for a variable's value.",
        "workingDir": "The working directory; the image's by default.",
        "ports": "Ports that are told about. A port that is not listed can be reached as well.",
        "envFrom": "Sources whose keys all become variables; those of `env` come first.",
        "env": "Variables of the container's environment.",
        "resources": "What the container needs (requests) and may use at most (limits).",
        "volumeMounts": "Where the pod's volumes are in the container.",
        "volumeDevices": "Block devices of claims in the container.",
        "livenessProbe": "The container is started again when this probe fails.",
        "readinessProbe": "Services lead to the pod only while this probe succeeds.",
        "startupProbe": "The other probes begin when this one has succeeded.",
        "lifecycle": "What is done right after the start and before the end.",
        "imagePullPolicy": "When the image is pulled: Always, IfNotPresent or Never.",
        "securityContext": "Users and privileges of this container; they come before the pod's.",
        "stdin": "Whether the container has a stdin that clients can attach to.",
        "tty": "Whether the container has a terminal; it needs stdin.",
    },
    "core/v1.ServiceSpec": {
        "ports": "The ports of the service.",
        "selector": "Labels of the pods that the service leads to. Without it somebody else writes the endpoints.",
        "clusterIP": "The service's address within the cluster, chosen if not given; None for a headless service.",
        "type": "How the service is reached: ClusterIP (the default), NodePort, LoadBalancer or ExternalName.",
        "externalIPs": "Further addresses for which nodes accept traffic.",
        "sessionAffinity": "ClientIP leads a client to the same pod each time; None by default.",
        "externalName": "The name that DNS answers with, for the type ExternalName.",
        "externalTrafficPolicy": "Whether traffic from outside goes to all pods (Cluster) or the node's own (Local).",
        "internalTrafficPolicy": "The same for traffic from within the cluster.",
    },
    "apps/v1.DeploymentSpec": {
        "replicas": "How many pods are wanted; 1 by default.",
        "selector": "Which pods belong to the Deployment; the template's labels must match. It cannot be changed.",
        "template": "The pods that are made.",
        "strategy": "How pods are replaced: RollingUpdate (the default) or Recreate.",
        "minReadySeconds": "How long a pod must be ready to count as available.",
        "revisionHistoryLimit": "How many old ReplicaSets are kept to go back to; 10 by default.",
        "paused": "Whether changes of the template wait.",
        "progressDeadlineSeconds": "Seconds without progress after which a rollout counts as failed; 600 by default.",
    },
}


def of_type(name: str) -> str:
    """What a type such as `core/v1.Pod` is; "" for one without a description."""
    return TYPES.get(name, "")


def of_field(type_name: str, field: str, *, is_object: bool = False, is_list: bool = False) -> str:
    """What a field of a type is for; "" for one without a description."""
    own = FIELDS.get(type_name, {}).get(field, "")
    if own or not is_object:
        return own
    return (_EVERY_LIST if is_list else _EVERY_OBJECT).get(field, "")
