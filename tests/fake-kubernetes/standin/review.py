"""
The SelfSubjectAccessReview of `kubectl auth can-i`, which kubectl sends in protobuf: after the four bytes `k8s\\0` an Unknown whose field 2 is
the review; its field 2 is the spec, whose field 1 says what is asked for (staging/src/k8s.io/api/authorization/v1/generated.proto).
"""

MAGIC = b"k8s\0"


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    """Of each field its last bytes; what is no text or message is left out."""
    at, found = 0, {}
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 2:
            length, at = varint(data, at)
            found[tag >> 3] = data[at:at + length]
            at += length
        elif tag & 7 == 0:
            _, at = varint(data, at)
        else:
            raise ValueError(f"wire type {tag & 7}")
    return found


def review(data):
    about = fields(fields(fields(fields(data[len(MAGIC):])[2])[2])[1])
    names = {"namespace": 1, "verb": 2, "group": 3, "version": 4, "resource": 5, "subresource": 6, "name": 7}
    spec = {name: about.get(number, b"").decode() for name, number in names.items()}
    return {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}, "spec": {"resourceAttributes": spec}}
