"""Every command: its module, its usage line, one line about it. Data only; nothing here is imported by a command.

`find` walks the words of a command line the way cobra does: flags (and the values they take) are skipped, words are
matched against the tree until one of them is no command.
"""

from __future__ import annotations

from .flags import GLOBAL, parse_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .flags import Flag

_O = " [options]"
_F = "(-f FILENAME | TYPE NAME)"

COMMANDS: dict[str, tuple[str, str, str]] = {
    "create": ("create", "-f FILENAME", "Create a resource from a file or from stdin"),
    "create clusterrole": (
        "create_rbac",
        "NAME --verb=verb --resource=resource.group [--resource-name=resourcename] [--dry-run=server|client|none]",
        "Create a cluster role",
    ),
    "create clusterrolebinding": (
        "create_rbac",
        "NAME --clusterrole=NAME [--user=username] [--group=groupname] "
        "[--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]",
        "Create a cluster role binding for a particular cluster role",
    ),
    "create configmap": (
        "create_config",
        "NAME [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none]",
        "Create a config map from a local file, directory or literal value",
    ),
    "create cronjob": (
        "create_workloads",
        "NAME --image=image --schedule='0/5 * * * ?' -- [COMMAND] [args...] [flags]",
        "Create a cron job with the specified name",
    ),
    "create deployment": (
        "create_workloads",
        "NAME --image=image -- [COMMAND] [args...]",
        "Create a deployment with the specified name",
    ),
    "create ingress": (
        "create_ingress",
        "NAME --rule=host/path=service:port[,tls[=secret]] ",
        "Create an ingress with the specified name",
    ),
    "create job": (
        "create_workloads",
        "NAME --image=image [--from=cronjob/name] -- [COMMAND] [args...]",
        "Create a job with the specified name",
    ),
    "create namespace": (
        "create_small",
        "NAME [--dry-run=server|client|none]",
        "Create a namespace with the specified name",
    ),
    "create poddisruptionbudget": (
        "create_small",
        "NAME --selector=SELECTOR --min-available=N [--dry-run=server|client|none]",
        "Create a pod disruption budget with the specified name",
    ),
    "create priorityclass": (
        "create_small",
        "NAME --value=VALUE --global-default=BOOL [--dry-run=server|client|none]",
        "Create a priority class with the specified name",
    ),
    "create quota": (
        "create_small",
        "NAME [--hard=key1=value1,key2=value2] [--scopes=Scope1,Scope2] [--dry-run=server|client|none]",
        "Create a quota with the specified name",
    ),
    "create role": (
        "create_rbac",
        "NAME --verb=verb --resource=resource.group/subresource [--resource-name=resourcename] "
        "[--dry-run=server|client|none]",
        "Create a role with single rule",
    ),
    "create rolebinding": (
        "create_rbac",
        "NAME --clusterrole=NAME|--role=NAME [--user=username] [--group=groupname] "
        "[--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]",
        "Create a role binding for a particular role or cluster role",
    ),
    "create secret": ("", "(docker-registry | generic | tls)", "Create a secret using a specified subcommand"),
    "create secret docker-registry": (
        "create_config",
        "NAME --docker-username=user --docker-password=password --docker-email=email [--docker-server=string] "
        "[--from-file=[key=]source] [--dry-run=server|client|none]",
        "Create a secret for use with a Docker registry",
    ),
    "create secret generic": (
        "create_config",
        "NAME [--type=string] [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none]",
        "Create a secret from a local file, directory, or literal value",
    ),
    "create secret tls": (
        "create_config",
        "NAME --cert=path/to/cert/file --key=path/to/key/file [--dry-run=server|client|none]",
        "Create a TLS secret",
    ),
    "create service": ("", "[flags]", "Create a service using a specified subcommand"),
    "create service clusterip": (
        "create_service",
        "NAME [--tcp=<port>:<targetPort>] [--dry-run=server|client|none]",
        "Create a ClusterIP service",
    ),
    "create service externalname": (
        "create_service",
        "NAME --external-name external.name [--dry-run=server|client|none]",
        "Create an ExternalName service",
    ),
    "create service loadbalancer": (
        "create_service",
        "NAME [--tcp=port:targetPort] [--dry-run=server|client|none]",
        "Create a LoadBalancer service",
    ),
    "create service nodeport": (
        "create_service",
        "NAME [--tcp=port:targetPort] [--dry-run=server|client|none]",
        "Create a NodePort service",
    ),
    "create serviceaccount": (
        "create_small",
        "NAME [--dry-run=server|client|none]",
        "Create a service account with the specified name",
    ),
    "create token": ("create_token", "SERVICE_ACCOUNT_NAME", "Request a service account token"),
    "expose": (
        "expose",
        "(-f FILENAME | TYPE NAME) [--port=port] [--protocol=TCP|UDP|SCTP] [--target-port=number-or-name] "
        "[--name=name] [--external-ip=external-ip-of-service] [--type=type]",
        "Take a replication controller, service, deployment or pod and expose it as a new Kubernetes service",
    ),
    "run": (
        "run",
        'NAME --image=image [--env="key=value"] [--port=port] [--dry-run=server|client] [--overrides=inline-json] '
        "[--command] -- [COMMAND] [args...]",
        "Run a particular image on the cluster",
    ),
    "set": ("", "SUBCOMMAND", "Set specific features on objects"),
    "set env": (
        "set_env",
        "RESOURCE/NAME KEY_1=VAL_1 ... KEY_N=VAL_N",
        "Update environment variables on a pod template",
    ),
    "set image": (
        "set_image",
        f"{_F} CONTAINER_NAME_1=CONTAINER_IMAGE_1 ... CONTAINER_NAME_N=CONTAINER_IMAGE_N",
        "Update the image of a pod template",
    ),
    "set resources": (
        "set_resources",
        f"{_F}  ([--limits=LIMITS & --requests=REQUESTS]",
        "Update resource requests/limits on objects with pod templates",
    ),
    "set selector": (
        "set_selector",
        f"{_F} EXPRESSIONS [--resource-version=version]",
        "Set the selector on a resource",
    ),
    "set serviceaccount": (
        "set_serviceaccount",
        f"{_F} SERVICE_ACCOUNT",
        "Update the service account of a resource",
    ),
    "set subject": (
        "set_subject",
        f"{_F} [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] "
        "[--dry-run=server|client|none]",
        "Update the user, group, or service account in a role binding or cluster role binding",
    ),
    "explain": (
        "explain",
        "TYPE [--recursive=FALSE|TRUE] [--api-version=api-version-group] [-o|--output=plaintext|plaintext-openapiv2]",
        "Get documentation for a resource",
    ),
    "get": (
        "get",
        "[(-o|--output=)json|yaml|kyaml|name|go-template|go-template-file|template|templatefile|jsonpath|"
        "jsonpath-as-json|jsonpath-file|custom-columns|custom-columns-file|wide] (TYPE[.VERSION][.GROUP] "
        "[NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...) [flags]",
        "Display one or many resources",
    ),
    "edit": ("edit", "(RESOURCE/NAME | -f FILENAME)", "Edit a resource on the server"),
    "delete": (
        "delete",
        "([-f FILENAME] | [-k DIRECTORY] | TYPE [(NAME | -l label | --all)])",
        "Delete resources by file names, stdin, resources and names, or by resources and label selector",
    ),
    "rollout": ("", "SUBCOMMAND", "Manage the rollout of a resource"),
    "rollout history": ("rollout_history", "(TYPE NAME | TYPE/NAME) [flags]", "View rollout history"),
    "rollout pause": ("rollout", "RESOURCE", "Mark the provided resource as paused"),
    "rollout restart": ("rollout", "RESOURCE", "Restart a resource"),
    "rollout resume": ("rollout", "RESOURCE", "Resume a paused resource"),
    "rollout status": ("rollout_status", "(TYPE NAME | TYPE/NAME) [flags]", "Show the status of the rollout"),
    "rollout undo": ("rollout_history", "(TYPE NAME | TYPE/NAME) [flags]", "Undo a previous rollout"),
    "scale": (
        "scale",
        "[--resource-version=version] [--current-replicas=count] --replicas=COUNT (-f FILENAME | TYPE NAME)",
        "Set a new size for a deployment, replica set, or replication controller",
    ),
    "autoscale": (
        "autoscale",
        "(-f FILENAME | TYPE NAME | TYPE/NAME) [--min=MINPODS] --max=MAXPODS [--cpu-percent=CPU]",
        "Auto-scale a deployment, replica set, stateful set, or replication controller",
    ),
    "certificate": ("", "SUBCOMMAND", "Modify certificate resources"),
    "certificate approve": ("certificate", "(-f FILENAME | NAME)", "Approve a certificate signing request"),
    "certificate deny": ("certificate", "(-f FILENAME | NAME)", "Deny a certificate signing request"),
    "cluster-info": ("cluster_info", "[flags]", "Display cluster information"),
    "cluster-info dump": ("cluster_dump", "[flags]", "Dump relevant information for debugging and diagnosis"),
    "top": ("", "[flags]", "Display resource (CPU/memory) usage"),
    "top node": ("top", "[NAME | -l label]", "Display resource (CPU/memory) usage of nodes"),
    "top pod": ("top", "[NAME | -l label]", "Display resource (CPU/memory) usage of pods"),
    "cordon": ("cordon", "NODE", "Mark node as unschedulable"),
    "uncordon": ("cordon", "NODE", "Mark node as schedulable"),
    "drain": ("drain", "NODE", "Drain node in preparation for maintenance"),
    "taint": (
        "taint",
        "NODE NAME KEY_1=VAL_1:TAINT_EFFECT_1 ... KEY_N=VAL_N:TAINT_EFFECT_N",
        "Update the taints on one or more nodes",
    ),
    "describe": (
        "describe",
        "(-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME)",
        "Show details of a specific resource or group of resources",
    ),
    "logs": ("logs", "[-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]", "Print the logs for a container in a pod"),
    "attach": ("attach", "(POD | TYPE/NAME) -c CONTAINER", "Attach to a running container"),
    "exec": (
        "exec",
        "(POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...]",
        "Execute a command in a container",
    ),
    "port-forward": (
        "port_forward",
        "TYPE/NAME [options] [LOCAL_PORT:]REMOTE_PORT [...[LOCAL_PORT_N:]REMOTE_PORT_N]",
        "Forward one or more local ports to a pod",
    ),
    "proxy": (
        "proxy",
        "[--port=PORT] [--www=static-dir] [--www-prefix=prefix] [--api-prefix=prefix]",
        "Run a proxy to the Kubernetes API server",
    ),
    "cp": ("cp", "<file-spec-src> <file-spec-dest>", "Copy files and directories to and from containers"),
    "auth": ("", "[flags]", "Inspect authorization"),
    "auth can-i": (
        "auth_can_i",
        "VERB [TYPE | TYPE/NAME | NONRESOURCEURL]",
        "Check whether an action is allowed",
    ),
    "auth reconcile": (
        "auth_reconcile",
        "-f FILENAME",
        "Reconciles rules for RBAC role, role binding, cluster role, and cluster role binding objects",
    ),
    "auth whoami": ("auth_whoami", "", "Experimental: Check self subject attributes"),
    "debug": (
        "debug",
        "(POD | TYPE[[.VERSION].GROUP]/NAME) [ -- COMMAND [args...] ]",
        "Create debugging sessions for troubleshooting workloads and nodes",
    ),
    "events": (
        "events",
        "[(-o|--output=)json|yaml|kyaml|name|go-template|go-template-file|template|templatefile|jsonpath|"
        "jsonpath-as-json|jsonpath-file] [--for TYPE/NAME] [--watch] [--types=Normal,Warning]",
        "List events",
    ),
    "diff": ("diff", "-f FILENAME", "Diff the live version against a would-be applied version"),
    "apply": ("apply", "(-f FILENAME | -k DIRECTORY)", "Apply a configuration to a resource by file name or stdin"),
    "apply edit-last-applied": (
        "edit",
        "(RESOURCE/NAME | -f FILENAME)",
        "Edit latest last-applied-configuration annotations of a resource/object",
    ),
    "apply set-last-applied": (
        "apply_last_applied",
        "-f FILENAME",
        "Set the last-applied-configuration annotation on a live object to match the contents of a file",
    ),
    "apply view-last-applied": (
        "apply_last_applied",
        "(TYPE [NAME | -l label] | TYPE/NAME | -f FILENAME)",
        "View the latest last-applied-configuration annotations of a resource/object",
    ),
    "patch": ("patch", f"{_F} [-p PATCH|--patch-file FILE]", "Update fields of a resource"),
    "replace": ("replace", "-f FILENAME", "Replace a resource by file name or stdin"),
    "wait": (
        "wait",
        "([-f FILENAME] | resource.group/resource.name | resource.group [(-l label | --all)]) [--for=create|"
        "--for=delete|--for condition=available|--for=jsonpath='{}'[=value]]",
        "Experimental: Wait for a specific condition on one or many resources",
    ),
    "kustomize": ("kustomize", "DIR [flags]", "Build a kustomization target from a directory or URL"),
    "label": (
        "label",
        "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]",
        "Update the labels on a resource",
    ),
    "annotate": (
        "label",
        "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]",
        "Update the annotations on a resource",
    ),
    "completion": (
        "completion",
        "SHELL",
        "Output shell completion code for the specified shell (bash, zsh, fish, or powershell)",
    ),
    "api-resources": ("api_resources", "[flags]", "Print the supported API resources on the server"),
    "api-versions": (
        "api_versions",
        "",
        'Print the supported API versions on the server, in the form of "group/version"',
    ),
    "config": ("", "SUBCOMMAND", "Modify kubeconfig files"),
    "config current-context": ("config_show", "[flags]", "Display the current-context"),
    "config delete-cluster": ("config_change", "NAME", "Delete the specified cluster from the kubeconfig"),
    "config delete-context": ("config_change", "NAME", "Delete the specified context from the kubeconfig"),
    "config delete-user": ("config_change", "NAME", "Delete the specified user from the kubeconfig"),
    "config get-clusters": ("config_show", "[flags]", "Display clusters defined in the kubeconfig"),
    "config get-contexts": ("config_show", "[(-o|--output=)name)]", "Describe one or many contexts"),
    "config get-users": ("config_show", "[flags]", "Display users defined in the kubeconfig"),
    "config rename-context": ("config_change", "CONTEXT_NAME NEW_NAME", "Rename a context from the kubeconfig file"),
    "config set": ("config_set", "PROPERTY_NAME PROPERTY_VALUE", "Set an individual value in a kubeconfig file"),
    "config set-cluster": (
        "config_entries",
        "NAME [--server=server] [--certificate-authority=path/to/certificate/authority] "
        "[--insecure-skip-tls-verify=true] [--tls-server-name=example.com]",
        "Set a cluster entry in kubeconfig",
    ),
    "config set-context": (
        "config_entries",
        "[NAME | --current] [--cluster=cluster_nickname] [--user=user_nickname] [--namespace=namespace]",
        "Set a context entry in kubeconfig",
    ),
    "config set-credentials": (
        "config_entries",
        "NAME [--client-certificate=path/to/certfile] [--client-key=path/to/keyfile] [--token=bearer_token] "
        "[--username=basic_user] [--password=basic_password] [--auth-provider=provider_name] "
        "[--auth-provider-arg=key=value] [--exec-command=exec_command] [--exec-api-version=exec_api_version] "
        "[--exec-arg=arg] [--exec-env=key=value]",
        "Set a user entry in kubeconfig",
    ),
    "config unset": ("config_set", "PROPERTY_NAME", "Unset an individual value in a kubeconfig file"),
    "config use-context": ("config_change", "CONTEXT_NAME", "Set the current-context in a kubeconfig file"),
    "config view": ("config_show", "[flags]", "Display merged kubeconfig settings or a specified kubeconfig file"),
    "kuberc": ("", "SUBCOMMAND", "Manage kuberc configuration files"),
    "kuberc set": (
        "kuberc",
        "--section (defaults|aliases) --command COMMAND",
        "Set values in the kuberc configuration",
    ),
    "kuberc view": ("kuberc", "", "Display the current kuberc configuration"),
    "plugin": ("", "[flags]", "Provides utilities for interacting with plugins"),
    "plugin list": ("plugin", "[flags]", "List all visible plugin executables on a user's PATH"),
    "version": ("version", "[flags]", "Print the client and server version information"),
    "options": ("options", "[flags]", "Print the list of flags inherited by all commands"),
    "help": ("options", "[command] [flags]", "Help about any command"),
    "__complete": ("complete", "", "What a shell may complete"),
    "__completeNoDesc": ("complete", "", "What a shell may complete, without descriptions"),
}
"""Path: module below `commands` (empty for a group of commands), usage after the path, one line."""

GROUPS = (
    ("Basic Commands (Beginner):", "create expose run set"),
    ("Basic Commands (Intermediate):", "explain get edit delete"),
    ("Deploy Commands:", "rollout scale autoscale"),
    ("Cluster Management Commands:", "certificate cluster-info top cordon uncordon drain taint"),
    (
        "Troubleshooting and Debugging Commands:",
        "describe logs attach exec port-forward proxy cp auth debug events",
    ),
    ("Advanced Commands:", "diff apply patch replace wait kustomize"),
    ("Settings Commands:", "label annotate completion"),
    ("Subcommands provided by plugins:", ""),
    ("Other Commands:", "api-resources api-versions config kuberc plugin version"),
)
"""How `kubectl --help` orders the commands."""

ALIASES = {
    "create cm": "create configmap",
    "create cj": "create cronjob",
    "create deploy": "create deployment",
    "create ing": "create ingress",
    "create ns": "create namespace",
    "create pdb": "create poddisruptionbudget",
    "create pc": "create priorityclass",
    "create resourcequota": "create quota",
    "create sa": "create serviceaccount",
    "create svc": "create service",
    "set sa": "set serviceaccount",
    "config use": "config use-context",
    "top nodes": "top node",
    "top no": "top node",
    "top pods": "top pod",
    "top po": "top pod",
}


def children(path: str) -> list[str]:
    """The names of the commands directly below, in order."""
    prefix = f"{path} " if path else ""
    return [name[len(prefix) :] for name in COMMANDS if name.startswith(prefix) and " " not in name[len(prefix) :]]


def is_parent(path: str) -> bool:
    """Has it commands below?"""
    prefix = path + " "
    return any(name.startswith(prefix) for name in COMMANDS)


def find(words: list[str]) -> tuple[str, list[str]]:
    """The command's path and the words without those that named it."""
    path = ""
    rest = list(words)
    table = parse_table(GLOBAL)
    while True:
        position = _first_argument(rest, table)
        if position < 0:
            return path, rest
        longer = f"{path} {rest[position]}" if path else rest[position]
        longer = ALIASES.get(longer, longer)
        if longer not in COMMANDS:
            return path, rest
        path = longer
        del rest[position]
        if not is_parent(path):
            return path, rest
        if path in ("create", "apply", "cluster-info"):
            table = parse_table(GLOBAL + " " + _flags_of(path))


def _flags_of(path: str) -> str:
    """The flags of a command that also has commands below it; its values are no commands."""
    return (
        "-f,filename='' -k,kustomize='' -o,output='' -l,selector='' raw='' template='' field-manager=''" if path else ""
    )


def _first_argument(words: list[str], table: dict[str, Flag]) -> int:
    """The place of the first word that is neither a flag nor the value of one; -1 when there is none."""
    position = 0
    while position < len(words):
        word = words[position]
        if word == "--":
            return -1
        if word[:1] != "-" or word == "-":
            return position if word else -1
        takes = False
        if "=" not in word:
            name = word[2:] if word[:2] == "--" else word[1:2]
            flag = table.get(name if word[:2] == "--" else "-" + name)
            takes = (word[:2] == "--" or len(word) == 2) and (flag is None or flag.without_value() is None)
        position += 2 if takes else 1
    return -1


def similar(word: str, path: str) -> list[str]:
    """Commands that a mistyped word may mean."""
    found = []
    for name in children(path):
        if not name.startswith("__") and (_distance(word.lower(), name) <= 2 or name.startswith(word.lower())):
            found.append(name)
    return found


def _distance(left: str, right: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(right) + 1))
    for number, letter in enumerate(left, 1):
        diagonal, row[0] = row[0], number
        for column, other in enumerate(right, 1):
            diagonal, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, diagonal + (letter != other))
    return row[-1]
