"""`kubectl api-resources`."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure, UsageError
from ..output.printers import unmatched
from ..output.table import Columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..discovery import Resource
    from ..session import Session

FLAGS = (
    "api-group='' cached=false categories=[] namespaced=true no-headers=false -o,output='' show-managed-fields=false "
    "sort-by='' verbs=[]"
)


_FORMATS = ("json", "kyaml", "name", "wide", "yaml")


def run(session: Session) -> int:
    flags = session.flags
    if session.args:
        raise UsageError(f"unexpected arguments: [{' '.join(session.args)}]", "api-resources")
    output = flags.text("output")
    if output not in ("", *_FORMATS):
        raise unmatched(output, _FORMATS)
    sort = flags.text("sort-by")
    if sort not in ("", "name", "kind"):
        raise CommandError("--sort-by accepts only name or kind")
    try:
        discovery = session.mapper.discovery if flags.on("cached") else session.mapper.refresh()
    except (CommandError, StatusFailure):
        if output in ("", "wide"):
            _table(session, [], wide=output == "wide")
        raise
    chosen = [resource for resource in preferred(session) if _wanted(session, resource)]
    if sort == "kind":
        chosen.sort(key=lambda resource: (resource.kind, resource.group, resource.name))
    elif sort == "name":
        chosen.sort(key=lambda resource: (resource.name, resource.group))
    else:
        chosen.sort(key=lambda resource: (resource.group, resource.name))
    if output == "name":
        session.print(*(resource.full_name for resource in chosen))
    elif output in ("json", "kyaml", "yaml"):
        _as_list(session, chosen)
    else:
        _table(session, chosen, wide=output == "wide")
    failed = {version: why for version, why in discovery.failed.items() if why}
    if failed:
        shown = ", ".join(f"{version}: {why}" for version, why in sorted(failed.items()))
        raise CommandError(f"unable to retrieve the complete list of server APIs: {shown}")
    return 0


def preferred(session: Session) -> list[Resource]:
    """Each resource once, in its group's preferred version where it has it."""
    found: dict[tuple[str, str], Resource] = {}
    discovery = session.mapper.discovery
    order = {(group, version): place for group, versions in discovery.groups for place, version in enumerate(versions)}
    for resource in discovery.resources:
        known = found.get((resource.group, resource.name))
        if known is None or order.get((resource.group, resource.version), 99) < order.get(
            (known.group, known.version), 99
        ):
            found[resource.group, resource.name] = resource
    return list(found.values())


def _wanted(session: Session, resource: Resource) -> bool:
    flags = session.flags
    if not resource.verbs:
        return False
    if flags.changed("api-group") and resource.group != flags.text("api-group"):
        return False
    if flags.changed("namespaced") and resource.namespaced != flags.on("namespaced"):
        return False
    if not set(flags.many("verbs")) <= set(resource.verbs):
        return False
    return set(flags.many("categories")) <= set(resource.categories)


def _table(session: Session, resources: list[Resource], *, wide: bool) -> None:
    columns = Columns(session.out.write)
    if not session.flags.on("no-headers"):
        header = ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"]
        columns.add([*header, "VERBS", "CATEGORIES"] if wide else header)
    for r in resources:
        row = [r.name, ",".join(r.short_names), r.api_version, "true" if r.namespaced else "false", r.kind]
        columns.add([*row, ",".join(r.verbs), ",".join(r.categories)] if wide else row)
    columns.flush()


def _as_list(session: Session, resources: list[Resource]) -> None:
    from ..output.printers import printer_for

    rows = []
    for r in resources:
        row = {
            "name": r.name,
            "singularName": r.singular,
            "namespaced": r.namespaced,
            "group": r.group,
            "version": r.version,
            "kind": r.kind,
            "verbs": r.verbs,
            "shortNames": r.short_names,
            "categories": r.categories,
        }
        rows.append(
            {key: value for key, value in row.items() if value or key in ("namespaced", "singularName", "verbs")}
        )
    printer_for(session).print(
        {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "", "resources": rows or None}, True
    )
