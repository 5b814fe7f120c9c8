"""Volume sources that are told by nothing but their fields.

`PLAIN` is {key of the spec: (what it is, its fields)}, in the order in which a spec is searched; a field is (title,
key, how its value is shown). `PERSISTENT` is where persistent volumes differ.
"""

from __future__ import annotations

from .words import bracketed, flag, or_unset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Field = tuple[str, str, Callable[[Any], Any]]
    Kind = tuple[str, tuple[Field, ...]]


# How a field is shown.


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _number(value: Any) -> int:
    return int(value or 0)


def _or_none(value: Any) -> Any:
    return "<none>" if value is None else value


def _limit(value: Any) -> Any:
    return value if value and str(value) != "0" else "<unset>"


def _options(value: dict[str, str] | None) -> str:
    return f"map[{' '.join(f'{key}:{text}' for key, text in sorted((value or {}).items()))}]"


def _worldwide_names(value: list[str] | None) -> str:
    return ", ".join(value or ())


def _local_reference(value: dict[str, str] | None) -> str:
    """A reference to a secret as Go prints the pointer to it."""
    return "nil" if value is None else f"&LocalObjectReference{{Name:{value.get('name', '')},}}"


def _reference(value: dict[str, str] | None) -> str:
    if value is None:
        return "nil"
    return f"&SecretReference{{Name:{value.get('name', '')},Namespace:{value.get('namespace', '')},}}"


def _secret_name(value: dict[str, str] | None) -> str:
    return (value or {}).get("name", "")


def _secret_namespace(value: dict[str, str] | None) -> str:
    return (value or {}).get("namespace", "")


# Fields and kinds that occur more than once.

_READ_ONLY: Field = ("ReadOnly", "readOnly", flag)
_FS: Field = ("FSType", "fsType", _text)
_SECRET: Field = ("SecretRef", "secretRef", _local_reference)
_FAR_SECRET: Field = ("SecretRef", "secretRef", _reference)


def _iscsi(secret: Field) -> Kind:
    return (
        "ISCSI (an ISCSI Disk resource that is attached to a kubelet's host machine and then exposed to the pod)",
        (
            ("TargetPortal", "targetPortal", _text),
            ("IQN", "iqn", _text),
            ("Lun", "lun", _number),
            ("ISCSIInterface", "iscsiInterface", _text),
            _FS,
            _READ_ONLY,
            ("Portals", "portals", bracketed),
            ("DiscoveryCHAPAuth", "chapAuthDiscovery", flag),
            ("SessionCHAPAuth", "chapAuthSession", flag),
            secret,
            ("InitiatorName", "initiatorName", _or_none),
        ),
    )


def _rbd(secret: Field) -> Kind:
    return (
        "RBD (a Rados Block Device mount on the host that shares a pod's lifetime)",
        (
            ("CephMonitors", "monitors", bracketed),
            ("RBDImage", "image", _text),
            _FS,
            ("RBDPool", "pool", _text),
            ("RadosUser", "user", _text),
            ("Keyring", "keyring", _text),
            secret,
            _READ_ONLY,
        ),
    )


def _cinder(secret: Field) -> Kind:
    words = "Cinder (a Persistent Disk resource in OpenStack)"
    return words, (("VolumeID", "volumeID", _text), _FS, _READ_ONLY, secret)


def _ceph(secret: Field) -> Kind:
    return (
        "CephFS (a CephFS mount on the host that shares a pod's lifetime)",
        (
            ("Monitors", "monitors", bracketed),
            ("Path", "path", _text),
            ("User", "user", _text),
            ("SecretFile", "secretFile", _text),
            secret,
            _READ_ONLY,
        ),
    )


def _flex(secret: Field) -> Kind:
    words = "FlexVolume (a generic volume resource that is provisioned/attached using an exec based plugin)"
    return words, (("Driver", "driver", _text), _FS, secret, _READ_ONLY, ("Options", "options", _options))


_GLUSTER = "Glusterfs (a Glusterfs mount on the host that shares a pod's lifetime)"
_AZURE_FILE = "AzureFile (an Azure File Service mount on the host and bind mount to the pod)"
_CSI = "CSI (a Container Storage Interface (CSI) volume source)"
_SCALE_IO = "ScaleIO (a persistent volume backed by a block device in ScaleIO)"
_SCALE_IO_FIELDS: tuple[Field, ...] = (
    ("Gateway", "gateway", _text),
    ("System", "system", _text),
    ("Protection Domain", "protectionDomain", _text),
    ("Storage Pool", "storagePool", _text),
    ("Storage Mode", "storageMode", _text),
    ("VolumeName", "volumeName", _text),
)

PLAIN: dict[str, Kind] = {
    "hostPath": ("HostPath (bare host directory volume)", (("Path", "path", _text), ("HostPathType", "type", _text))),
    "emptyDir": (
        "EmptyDir (a temporary directory that shares a pod's lifetime)",
        (("Medium", "medium", _text), ("SizeLimit", "sizeLimit", _limit)),
    ),
    "gcePersistentDisk": (
        "GCEPersistentDisk (a Persistent Disk resource in Google Compute Engine)",
        (("PDName", "pdName", _text), _FS, ("Partition", "partition", _number), _READ_ONLY),
    ),
    "awsElasticBlockStore": (
        "AWSElasticBlockStore (a Persistent Disk resource in AWS)",
        (("VolumeID", "volumeID", _text), _FS, ("Partition", "partition", _number), _READ_ONLY),
    ),
    "gitRepo": (
        "GitRepo (a volume that is pulled from git when the pod is created)",
        (("Repository", "repository", _text), ("Revision", "revision", _text)),
    ),
    "secret": (
        "Secret (a volume populated by a Secret)",
        (("SecretName", "secretName", _text), ("Optional", "optional", flag)),
    ),
    "configMap": (
        "ConfigMap (a volume populated by a ConfigMap)",
        (("Name", "name", _text), ("Optional", "optional", flag)),
    ),
    "nfs": (
        "NFS (an NFS mount that lasts the lifetime of a pod)",
        (("Server", "server", _text), ("Path", "path", _text), _READ_ONLY),
    ),
    "iscsi": _iscsi(_SECRET),
    "glusterfs": (_GLUSTER, (("EndpointsName", "endpoints", _text), ("Path", "path", _text), _READ_ONLY)),
    "persistentVolumeClaim": (
        "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
        (("ClaimName", "claimName", _text), _READ_ONLY),
    ),
    "rbd": _rbd(_SECRET),
    "quobyte": (
        "Quobyte (a Quobyte mount on the host that shares a pod's lifetime)",
        (("Registry", "registry", _text), ("Volume", "volume", _text), _READ_ONLY),
    ),
    "azureDisk": (
        "AzureDisk (an Azure Data Disk mount on the host and bind mount to the pod)",
        (
            ("DiskName", "diskName", _text),
            ("DiskURI", "diskURI", _text),
            ("Kind", "kind", _text),
            _FS,
            ("CachingMode", "cachingMode", _text),
            _READ_ONLY,
        ),
    ),
    "vsphereVolume": (
        "vSphereVolume (a Persistent Disk resource in vSphere)",
        (("VolumePath", "volumePath", _text), _FS, ("StoragePolicyName", "storagePolicyName", _text)),
    ),
    "cinder": _cinder(_SECRET),
    "photonPersistentDisk": (
        "PhotonPersistentDisk (a Persistent Disk resource in photon platform)",
        (("PdID", "pdID", _text), _FS),
    ),
    "portworxVolume": ("PortworxVolume (a Portworx Volume resource)", (("VolumeID", "volumeID", _text),)),
    "scaleIO": (_SCALE_IO, (*_SCALE_IO_FIELDS, _FS, _READ_ONLY)),
    "local": ("LocalVolume (a persistent volume backed by local storage on a node)", (("Path", "path", _text),)),
    "cephfs": _ceph(_SECRET),
    "storageos": (
        "StorageOS (a StorageOS Persistent Disk resource)",
        (("VolumeName", "volumeName", _text), ("VolumeNamespace", "volumeNamespace", _text), _FS, _READ_ONLY),
    ),
    "fc": (
        "FC (a Fibre Channel disk)",
        (("TargetWWNs", "targetWWNs", _worldwide_names), ("LUN", "lun", _or_none), _FS, _READ_ONLY),
    ),
    "azureFile": (_AZURE_FILE, (("SecretName", "secretName", _text), ("ShareName", "shareName", _text), _READ_ONLY)),
    "flexVolume": _flex(_SECRET),
    "flocker": (
        "Flocker (a Flocker volume mounted by the Flocker agent)",
        (("DatasetName", "datasetName", _text), ("DatasetUUID", "datasetUUID", _text)),
    ),
    "csi": (_CSI, (("Driver", "driver", _text), _FS, _READ_ONLY)),
    "image": (
        "Image (a container image or OCI artifact)",
        (("Reference", "reference", _text), ("PullPolicy", "pullPolicy", _text)),
    ),
}

PERSISTENT: dict[str, Kind] = {
    "iscsi": _iscsi(_FAR_SECRET),
    "glusterfs": (
        _GLUSTER,
        (
            ("EndpointsName", "endpoints", _text),
            ("EndpointsNamespace", "endpointsNamespace", or_unset),
            ("Path", "path", _text),
            _READ_ONLY,
        ),
    ),
    "rbd": _rbd(_FAR_SECRET),
    "cinder": _cinder(_FAR_SECRET),
    "scaleIO": (
        _SCALE_IO,
        (
            *_SCALE_IO_FIELDS,
            ("SecretName", "secretRef", _secret_name),
            ("SecretNamespace", "secretRef", _secret_namespace),
            _FS,
            _READ_ONLY,
        ),
    ),
    "cephfs": _ceph(_FAR_SECRET),
    "azureFile": (
        _AZURE_FILE,
        (
            ("SecretName", "secretName", _text),
            ("SecretNamespace", "secretNamespace", _text),
            ("ShareName", "shareName", _text),
            _READ_ONLY,
        ),
    ),
    "flexVolume": _flex(_FAR_SECRET),
    "csi": (_CSI, (("Driver", "driver", _text), _FS, ("VolumeHandle", "volumeHandle", _text), _READ_ONLY)),
}
