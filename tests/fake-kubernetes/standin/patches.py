"""JSON patch (RFC 6902), and JSON merge patch (RFC 7386), which a strategic merge patch is for the fields that are patched here."""

import copy


class Refused(Exception):
    """A patch that does not apply, such as one whose `test` does not hold."""


def merged(target, patch):
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif not key.startswith("$"):
            result[key] = merged(result.get(key), value)
    return result


def patched(target, operations):
    """All of it, or nothing of it."""
    result = copy.deepcopy(target)
    for operation in operations:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        at = result
        for step in parents:
            at = at[int(step)] if isinstance(at, list) and step.isdigit() and int(step) < len(at) else at.get(step) if isinstance(at, dict) else None
            if at is None:
                raise Refused(f"{operation['op']}: {operation['path']}: missing")
        apply(at, last, operation)
    return result


def apply(at, last, operation):
    verb = operation["op"]
    if isinstance(at, list):
        index = len(at) if last == "-" else int(last)
        if verb == "add":
            at.insert(index, operation["value"])
            return
        if index >= len(at):
            raise Refused(f"{verb}: no element {last}")
        last = index
        there = True
    else:
        there = last in at
    if verb == "test":
        if (at[last] if there else None) != operation["value"]:
            raise Refused(f"testing value {operation['path']} failed")
    elif verb == "remove":
        if not there:
            raise Refused(f"remove: {operation['path']}: missing")
        del at[last]
    elif verb in ("add", "replace"):
        if verb == "replace" and not there:
            raise Refused(f"replace: {operation['path']}: missing")
        at[last] = operation["value"]
    else:
        raise Refused(f"{verb}: not known here")
