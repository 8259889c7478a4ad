"""Label and field selectors, as an API server takes them: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/"""

import re


def labels_match(selector, labels):
    return all(one_matches(part.strip(), labels) for part in re.split(r",(?![^(]*\))", selector) if part.strip())


def one_matches(part, labels):
    if absent := re.fullmatch(r"!\s*(\S+)", part):
        return absent[1] not in labels
    if among := re.fullmatch(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)", part):
        inside = labels.get(among[1]) in [value.strip() for value in among[3].split(",")]
        return inside == (among[2] == "in")
    if equal := re.fullmatch(r"([^=!\s]+)\s*(!=|==|=)\s*(.*)", part):
        return (labels.get(equal[1]) == equal[3]) == (equal[2] != "!=")
    return part in labels


# Which fields may be selected by, each kind's own list (pkg/apis/core/v1/conversion.go); all have metadata.name and metadata.namespace.
FIELDS = {
    "Pod": {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase", "status.podIP",
            "status.nominatedNodeName"},
    "Node": {"spec.unschedulable"},
    "Namespace": {"status.phase"},
    "Event": {"involvedObject.kind", "involvedObject.name", "involvedObject.namespace", "involvedObject.uid", "reason", "type", "source"},
}


class Unsupported(Exception):
    """A field that this kind cannot be selected by."""


def fields_match(selector, kind, entry):
    for part in filter(None, selector.split(",")):
        name, unequal, wanted = re.fullmatch(r"([^=!]+)(!=|==|=)(.*)", part).groups()
        if name not in FIELDS.get(kind, set()) | {"metadata.name", "metadata.namespace"}:
            raise Unsupported(f"field label not supported: {name}")
        value = entry
        for step in name.split("."):
            value = value.get(step, "") if isinstance(value, dict) else ""
        if (str(value) == wanted) == (unequal == "!="):
            return False
    return True
