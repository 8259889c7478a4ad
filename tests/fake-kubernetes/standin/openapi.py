"""
What kubectl before 1.27 asks of /openapi/v2 before a server-side dry run: whether patching this kind takes the parameter `dryRun`
(DryRunVerifier in cli-runtime). It reads the document in protobuf, by gnostic's OpenAPIv2.proto; nothing else stands in it.
"""

from . import kinds

# What it asks for has an @ in its place, which is no valid media type in an answer.
TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


def varint(number):
    encoded = b""
    while number > 127:
        encoded += bytes([number & 127 | 128])
        number >>= 7
    return encoded + bytes([number])


def field(number, value):
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def path(kind):
    """Paths.path (2): name (1), value (2): PathItem.patch (8): Operation.parameters (8) and vendor_extension (13)."""
    dry_run = field(3, field(2, "query") + field(4, "dryRun"))
    parameter = field(1, field(2, dry_run))
    about = f"group: \"{kind.group}\"\nversion: \"{kind.version}\"\nkind: \"{kind.kind}\"\n"
    extension = field(1, "x-kubernetes-group-version-kind") + field(2, field(2, about))
    operation = field(8, parameter) + field(13, extension)
    where = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    inside = "/namespaces/{namespace}" if kind.namespaced else ""
    return field(2, field(1, f"{where}{inside}/{kind.plural}/{{name}}") + field(2, field(8, operation)))


def document(world):
    """Document: swagger (1), info (2), paths (8)."""
    info = field(1, "Kubernetes") + field(2, f"v1.{world.minor}.4")
    return field(1, "2.0") + field(2, info) + field(8, b"".join(path(kind) for kind in kinds.KINDS if world.served(kind)))
