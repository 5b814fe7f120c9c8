"""Where volumes come from: one rule per kind of source (core/v1 VolumeSource, PersistentVolumeSource).

`SOURCES` and `PERSISTENT_SOURCES` list the kinds in upstream's order; an object names exactly one of them. Kinds whose
drivers are gone are only checked for the fields they need.
"""

import re
from collections.abc import Callable, Mapping

from .. import field
from .environment import VOLUME_FIELDS, field_selector, resource_selector
from .object_meta import validate_template_meta
from .paths import descending, descending_unreserved, file_mode, no_backsteps
from .resources import quantity_of
from .selectors import label_selector
from .values import Errors, Object, Passed, each, in_range, label, named, one_of, subdomain

Check = Callable[[Object, str], Errors]

_HOST_PATH_TYPES = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
_ISCSI = {
    "iqn": re.compile(r"iqn\.\d{4}-\d{2}\.([a-zA-Z0-9-.]+)(:[^,;*&$|\s]+)").fullmatch,
    "eui": re.compile(r"eui\.[a-zA-Z0-9]{16}").fullmatch,
    "naa": re.compile(r"naa\.[a-zA-Z0-9]{32}").fullmatch,
}
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_RESERVED_DOMAINS = (".kubernetes.io", ".k8s.io")


def one_source(spec: Object, path: str, sources: Mapping[str, Check]) -> Errors:
    """Exactly one of the sources, and that one good."""
    found = [key for key in spec if key in sources and spec[key] is not None]
    if len(found) == 1:
        return sources[found[0]](spec[found[0]], f"{path}.{found[0]}")
    if not found:
        return [field.required(path, "must specify a volume type")]
    first, *others = [key for key in sources if key in found]
    errors = sources[first](spec[first], f"{path}.{first}")
    return errors + [field.forbidden(f"{path}.{key}", "may not specify more than 1 volume type") for key in others]


def _needs(*names: str) -> Check:
    def check(source: Object, path: str) -> Errors:
        return [field.required(f"{path}.{name}") for name in names if not source.get(name)]

    return check


def _empty_dir(source: Object, path: str) -> Errors:
    limit = source.get("sizeLimit")
    if limit is not None and quantity_of(limit).nanos < 0:
        return [field.forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")]
    return []


def _host_path(source: Object, path: str) -> Errors:
    where = source.get("path") or ""
    if not where:
        return [field.required(f"{path}.path")]
    errors = no_backsteps(where, f"{path}.path")
    kind = source.get("type")
    if kind is not None and kind not in _HOST_PATH_TYPES:
        errors.append(field.not_supported(f"{path}.type", kind, _HOST_PATH_TYPES))
    return errors


def _git_repo(source: Object, path: str) -> Errors:
    errors = _needs("repository")(source, path)
    return errors + descending(source.get("directory") or "", f"{path}.directory")


def _disk(name: str, shown_as: str = "") -> Check:
    def check(source: Object, path: str) -> Errors:
        path = path.rpartition(".")[0] + "." + shown_as if shown_as else path
        errors = _needs(name)(source, path)
        partition = source.get("partition") or 0
        if not 0 <= partition <= 255:
            errors.append(field.invalid(f"{path}.partition", partition, "must be between 1 and 255, inclusive"))
        return errors

    return check


def _items(source: Object, path: str) -> Errors:
    errors: Errors = []
    for index, item in enumerate(source.get("items") or ()):
        where = f"{path}.items[{index}]"
        for name in ("key", "path"):
            if not item.get(name):
                errors.append(field.required(f"{where}.{name}"))
        errors += descending_unreserved(item.get("path") or "", f"{where}.path")
        errors += file_mode(item.get("mode"), f"{where}.mode")
    return errors


def _secret(source: Object, path: str) -> Errors:
    errors = _needs("secretName")(source, path)
    return errors + file_mode(source.get("defaultMode"), f"{path}.defaultMode") + _items(source, path)


def _config_map(source: Object, path: str) -> Errors:
    errors = _needs("name")(source, path)
    return errors + file_mode(source.get("defaultMode"), f"{path}.defaultMode") + _items(source, path)


def _downward_file(file: Object, path: str) -> Errors:
    errors: Errors = []
    if not file.get("path"):
        errors.append(field.required(f"{path}.path"))
    errors += descending_unreserved(file.get("path") or "", f"{path}.path")
    if (reference := file.get("fieldRef")) is not None:
        errors += field_selector(reference, VOLUME_FIELDS, f"{path}.fieldRef")
        if file.get("resourceFieldRef") is not None:
            words = "fieldRef and resourceFieldRef can not be specified simultaneously"
            errors.append(field.invalid(path, "resource", words))
    elif (reference := file.get("resourceFieldRef")) is not None:
        errors += resource_selector(reference, f"{path}.resourceFieldRef", volume=True)
    else:
        errors.append(field.required(path, "one of fieldRef and resourceFieldRef is required"))
    return errors + file_mode(file.get("mode"), f"{path}.mode")


def _downward_api(source: Object, path: str) -> Errors:
    errors = file_mode(source.get("defaultMode"), f"{path}.defaultMode")
    for file in source.get("items") or ():
        errors += _downward_file(file, path)
    return errors


def _projected(source: Object, path: str) -> Errors:
    errors = file_mode(source.get("defaultMode"), f"{path}.defaultMode")
    taken: set[str] = set()

    def take(wanted: str, shown: str) -> None:
        if wanted:
            if wanted in taken:
                errors.append(field.invalid(path, shown, "conflicting duplicate paths"))
            taken.add(wanted)

    for index, part in enumerate(source.get("sources") or ()):
        where = f"{path}.sources[{index}]"
        count = 0
        for key in ("secret", "configMap"):
            if (inner := part.get(key)) is not None:
                count += 1
                errors.extend(_needs("name")(inner, f"{where}.{key}"))
                errors.extend(_items(inner, f"{where}.{key}"))
                for item in inner.get("items") or ():
                    take(item.get("path") or "", inner.get("name") or "")
        if (inner := part.get("downwardAPI")) is not None:
            count += 1
            for file in inner.get("items") or ():
                errors.extend(_downward_file(file, f"{where}.downwardAPI"))
                take(file.get("path") or "", file.get("path") or "")
        if (inner := part.get("serviceAccountToken")) is not None:
            count += 1
            errors.extend(_token(inner, path, f"{where}.serviceAccountToken"))
        if (inner := part.get("clusterTrustBundle")) is not None:
            count += 1
            errors.extend(_trust_bundle(inner, f"{where}.clusterTrustBundlePEM"))
            take(inner.get("path") or "", inner.get("path") or "")
        if count > 1:
            errors.append(field.forbidden(where, "may not specify more than 1 volume type"))
    return errors


def _token(token: Object, path: str, where: str) -> Errors:
    errors: Errors = []
    seconds = token.get("expirationSeconds") or 0
    if seconds < 600:
        words = "may not specify a duration less than 10 minutes"
        errors.append(field.invalid(f"{where}.expirationSeconds", seconds, words))
    if seconds > 1 << 32:
        words = "may not specify a duration larger than 2^32 seconds"
        errors.append(field.invalid(f"{where}.expirationSeconds", seconds, words))
    if not token.get("path"):
        errors.append(field.required(f"{path}.path"))
    else:
        errors += descending_unreserved(token["path"], f"{path}.path")
    return errors


def _trust_bundle(bundle: Object, path: str) -> Errors:
    errors: Errors = []
    name, signer = bundle.get("name"), bundle.get("signerName")
    if name is not None and signer is not None:
        errors.append(field.invalid(path, bundle, "only one of name and signerName may be used"))
    elif name is not None:
        if not name:
            errors.append(field.required(f"{path}.name", "must be a valid object name"))
        if bundle.get("labelSelector") is not None:
            words = "labelSelector must be unset if name is specified"
            errors.append(field.invalid(f"{path}.labelSelector", bundle["labelSelector"], words))
    elif signer is not None:
        if not signer:
            errors.append(field.required(f"{path}.signerName", "must be a valid signer name"))
        errors += label_selector(bundle.get("labelSelector"), f"{path}.labelSelector")
    else:
        errors.append(field.required(path, "either name or signerName must be specified"))
    if not bundle.get("path"):
        errors.append(field.required(f"{path}.path"))
    return errors + descending_unreserved(bundle.get("path") or "", f"{path}.path")


def _nfs(source: Object, path: str) -> Errors:
    errors = _needs("server", "path")(source, path)
    if not (source.get("path") or "").startswith("/"):
        errors.append(field.invalid(f"{path}.path", source.get("path") or "", "must be an absolute path"))
    return errors


def _iscsi(source: Object, path: str) -> Errors:
    errors = _needs("targetPortal", "iqn")(source, path)
    iqn = source.get("iqn") or ""
    if iqn:
        good = _ISCSI.get(iqn[:3])
        if good is None:
            errors.append(field.invalid(f"{path}.iqn", iqn, "must be valid format starting with iqn, eui, or naa"))
        elif good(iqn) is None:
            errors.append(field.invalid(f"{path}.iqn", iqn, "must be valid format"))
    errors += in_range(source.get("lun") or 0, 0, 255, f"{path}.lun")
    if (source.get("chapAuthDiscovery") or source.get("chapAuthSession")) and source.get("secretRef") is None:
        errors.append(field.required(f"{path}.secretRef"))
    return errors


def _fibre_channel(source: Object, path: str) -> Errors:
    names, ids = source.get("targetWWNs") or [], source.get("wwids") or []
    errors: Errors = []
    if not names and not ids:
        words = "must specify either targetWWNs or wwids, but not both"
        errors.append(field.required(f"{path}.targetWWNs", words))
    if names and ids:
        words = "targetWWNs and wwids can not be specified simultaneously"
        errors.append(field.invalid(f"{path}.targetWWNs", names, words))
    if names:
        if source.get("lun") is None:
            errors.append(field.required(f"{path}.lun", "lun is required if targetWWNs is specified"))
        errors += in_range(source.get("lun"), 0, 255, f"{path}.lun")
    return errors


def _flocker(source: Object, path: str) -> Errors:
    name, uuid = source.get("datasetName") or "", source.get("datasetUUID") or ""
    errors: Errors = []
    if not name and not uuid:
        errors.append(field.required(path, "one of datasetName and datasetUUID is required"))
    if name and uuid:
        words = "datasetName and datasetUUID can not be specified simultaneously"
        errors.append(field.invalid(path, "resource", words))
    if "/" in name:
        errors.append(field.invalid(f"{path}.datasetName", name, "must not contain '/'"))
    return errors


def _flex(source: Object, path: str) -> Errors:
    errors = _needs("driver")(source, path)
    for key in source.get("options") or ():
        if f".{key.partition('/')[0].lower()}".endswith(_RESERVED_DOMAINS):
            words = "kubernetes.io and k8s.io namespaces are reserved"
            errors.append(field.invalid(f"{path}.options[{key}]", key, words))
    return errors


def _image(source: Object, path: str) -> Errors:
    return one_of(source.get("pullPolicy"), _PULL_POLICIES, f"{path}.pullPolicy")


def csi_driver_name(name: str, path: str) -> Errors:
    if not name:
        return [field.required(path)]
    errors: Errors = [field.too_long(path, 63)] if len(name) > 63 else []
    return errors + each(path, name, subdomain(name.lower()))


def _csi(source: Object, path: str) -> Errors:
    errors = csi_driver_name(source.get("driver") or "", f"{path}.driver")
    reference = source.get("nodePublishSecretRef")
    if reference is not None:
        if not reference.get("name"):
            errors.append(field.required(f"{path}.nodePublishSecretRef.name"))
        else:
            errors += each(f"{path}.name", reference["name"], subdomain(reference["name"]))
    return errors


def _persistent_csi(source: Object, path: str) -> Errors:
    errors = csi_driver_name(source.get("driver") or "", f"{path}.driver") + _needs("volumeHandle")(source, path)
    for key in (
        "controllerPublishSecretRef",
        "controllerExpandSecretRef",
        "nodePublishSecretRef",
        "nodeExpandSecretRef",
    ):
        reference = source.get(key)
        if reference is not None:
            errors += named(f"{path}.{key}.name", reference.get("name") or "", subdomain)
            errors += named(f"{path}.{key}.namespace", reference.get("namespace") or "", label)
    return errors


def _ephemeral(source: Object, path: str) -> Errors:
    template = source.get("volumeClaimTemplate")
    if template is None:
        return [field.required(f"{path}.volumeClaimTemplate")]
    from .persistent_volume_claim import claim_spec

    errors = validate_template_meta(template.get("metadata"), f"{path}.volumeClaimTemplate.metadata")
    return errors + claim_spec(template.get("spec") or {}, f"{path}.volumeClaimTemplate.spec")


def _local(source: Object, path: str) -> Errors:
    where = source.get("path") or ""
    if not where:
        return [field.required(f"{path}.path")]
    return no_backsteps(where, f"{path}.path")


_GONE: dict[str, Check] = {
    "glusterfs": _needs("endpoints", "path"),
    "flocker": _flocker,
    "rbd": _needs("monitors", "image"),
    "cinder": _needs("volumeID"),
    "cephfs": _needs("monitors"),
    "quobyte": _needs("registry", "volume"),
    "azureFile": _needs("secretName", "shareName"),
    "vsphereVolume": _needs("volumePath"),
    "photonPersistentDisk": _needs("pdID"),
    "portworxVolume": _needs("volumeID"),
    "azureDisk": _needs("diskName", "diskURI"),
    "storageos": _needs("volumeName"),
    "scaleIO": _needs("gateway", "system", "volumeName"),
    "gcePersistentDisk": _disk("pdName", "persistentDisk"),
    "awsElasticBlockStore": _disk("volumeID"),
    "flexVolume": _flex,
}

SOURCES: dict[str, Check] = {
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "gitRepo": _git_repo,
    "secret": _secret,
    "nfs": _nfs,
    "iscsi": _iscsi,
    "persistentVolumeClaim": _needs("claimName"),
    "downwardAPI": _downward_api,
    "fc": _fibre_channel,
    "configMap": _config_map,
    "projected": Passed(_projected),
    "csi": _csi,
    "ephemeral": _ephemeral,
    "image": _image,
    **_GONE,
}
"""The sources of a pod's volumes."""

PERSISTENT_SOURCES: dict[str, Check] = {
    "hostPath": _host_path,
    "nfs": _nfs,
    "iscsi": _iscsi,
    "fc": _fibre_channel,
    "local": _local,
    "csi": _persistent_csi,
    **_GONE,
}
"""The sources of a PersistentVolume."""
