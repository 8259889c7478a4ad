"""The API server: HTTP on loopback, as kubectl speaks it. https://kubernetes.io/docs/reference/using-api/api-concepts/"""

import copy
import http.server
import json
import re
import ssl
import sys
import threading
import traceback
import urllib.parse

from . import kinds, openapi, patches, review, selectors
from .store import OWN, Refusal, qualified

VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
NOT_FOUND = "the server could not find the requested resource"
REVIEW = "selfsubjectaccessreviews"
SCALED = ("deployments", "statefulsets", "replicasets")


def serve(world, certificate=None):
    """Begins to listen on a free port of loopback, and returns the server. `certificate`: a file with key and certificate, for TLS."""
    server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"world": world}))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        # A client that is ended while it reads is no fault of the server's.
        if not isinstance(sys.exception() if hasattr(sys, "exception") else sys.exc_info()[1], ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body in two small packets would wait for each other (Nagle, delayed acknowledgement).
    disable_nagle_algorithm = True
    world = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.carry_out("GET")

    def do_PATCH(self):
        self.carry_out("PATCH")

    def do_DELETE(self):
        self.carry_out("DELETE")

    def do_POST(self):
        self.carry_out("POST")

    def do_PUT(self):
        self.carry_out("PUT")

    def carry_out(self, verb):
        raw = self.body()
        try:
            self.answer(verb, urllib.parse.urlsplit(self.path), raw)
        except Refusal as refusal:
            self.say(refusal.code, refusal.status())
        except ConnectionError:
            pass
        except Exception:
            traceback.print_exc()
            self.say(500, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "the stand-in failed", "code": 500})

    def body(self):
        """What stands behind the headers; `kubectl delete --raw -f -` sends it in chunks, as it does not know its length."""
        if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def say(self, code, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if self.world.warning:
            # https://kubernetes.io/blog/2020/09/03/warnings/
            self.send_header("Warning", f'299 - "{self.world.warning}"')
        self.end_headers()
        self.wfile.write(data)

    def answer(self, verb, url, raw):
        world, path = self.world, url.path.rstrip("/")
        query = {key: values[0] for key, values in urllib.parse.parse_qs(url.query).items()}
        if world.trouble and (why := world.trouble(verb, path)):
            raise Refusal(500, "InternalError", why)
        if path == "/version":
            self.say(200, {"major": "1", "minor": str(world.minor), "gitVersion": f"v1.{world.minor}.4", "platform": "linux/amd64"})
            return
        if path == "/openapi/v2":
            self.say(200, openapi.document(world), openapi.TYPE)
            return
        if path in ("/api", "/apis"):
            self.discover(path)
            return
        found = re.fullmatch(r"/(?:api/(v1)|apis/([^/]+)/([^/]+))(?:/(.*))?", path)
        if not found:
            raise Refusal(404, "NotFound", NOT_FOUND)
        group, version, rest = found[2] or "", found[1] or found[3], found[4]
        if group and group == world.away:
            raise Refusal(503, "ServiceUnavailable", "the server is currently unable to handle the request")
        if not rest:
            self.list_resources(group, version)
            return
        words = rest.split("/")
        namespace = None
        if words[0] == "namespaces" and len(words) > 2:
            namespace, words = words[1], words[2:]
        kind = next((kind for kind in kinds.KINDS if (kind.group, kind.version, kind.plural) == (group, version, words[0]) and world.served(kind)), None)
        if kind is None or len(words) > 3 or (len(words) == 3 and (words[2] != "scale" or kind.plural not in SCALED)):
            raise Refusal(404, "NotFound", NOT_FOUND)
        if kind.plural == REVIEW:
            self.judge(raw)
            return
        body = json.loads(raw) if raw and not raw.startswith(review.MAGIC) else None
        name = words[1] if len(words) > 1 else None
        self.permitted(verb, kind, namespace, name)
        if len(words) == 3:
            self.scale(verb, path, self.found(kind, namespace, name), query, body)
        elif verb == "GET":
            self.read(kind, namespace, name, query)
        else:
            self.write(verb, path, kind, namespace, name, query, body)

    # What there is

    def discover(self, path):
        """All kinds at one go (KEP-3352: on by default from 1.27, v2 from 1.30), or one group after the other."""
        world = self.world
        core = path == "/api"
        served = [kind for kind in kinds.KINDS if world.served(kind) and (not kind.group) == core]
        groups = {}
        for kind in served:
            groups.setdefault(kind.group, {}).setdefault(kind.version, []).append(kind)
        accept = self.headers.get("Accept") or ""
        version = next((version for version, since in (("v2", 30), ("v2beta1", 27)) if world.minor >= since and f"apidiscovery.k8s.io;v={version};" in accept), None)
        if version:
            items = [{"metadata": {"name": group} if group else {}, "versions": [
                {"version": name, "freshness": "Current", "resources": [self.aggregated(kind) for kind in members]} for name, members in versions.items()]}
                for group, versions in groups.items()]
            if world.away and not core:
                items.append({"metadata": {"name": world.away}, "versions": [{"version": "v1beta1", "freshness": "Stale"}]})
            self.say(200, {"kind": "APIGroupDiscoveryList", "apiVersion": f"apidiscovery.k8s.io/{version}", "metadata": {}, "items": items},
                     f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList")
        elif core:
            self.say(200, {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
        else:
            if world.away:
                groups[world.away] = {"v1beta1": []}
            shown = [[{"groupVersion": f"{group}/{name}", "version": name} for name in versions] for group, versions in groups.items()]
            self.say(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
                {"name": group, "versions": versions, "preferredVersion": versions[0]} for group, versions in zip(groups, shown, strict=True)]})

    @staticmethod
    def aggregated(kind):
        return {"resource": kind.plural, "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind}, "shortNames": kind.short,
                "scope": "Namespaced" if kind.namespaced else "Cluster", "singularResource": kind.kind.lower(), "verbs": VERBS}

    def list_resources(self, group, version):
        served = [kind for kind in kinds.KINDS if (kind.group, kind.version) == (group, version) and self.world.served(kind)]
        if not served:
            raise Refusal(404, "NotFound", NOT_FOUND)
        self.say(200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/{version}" if group else version, "resources": [
            {"name": kind.plural, "singularName": "", "namespaced": kind.namespaced, "kind": kind.kind, "verbs": VERBS, "shortNames": kind.short} for kind in served]})

    # Who may what

    def allowed(self, verb, plural):
        return not {(verb, plural), ("*", plural)} & self.world.denied

    def judge(self, raw):
        if self.world.review_fails:
            raise Refusal(500, "InternalError", f"Internal error occurred: {self.world.review_fails}")
        asked = review.review(raw) if raw.startswith(review.MAGIC) else json.loads(raw)
        about = asked["spec"]["resourceAttributes"]
        asked["status"] = {"allowed": self.allowed(about["verb"], about["resource"])}
        self.say(201, asked)

    def permitted(self, method, kind, namespace, name):
        verb = {"GET": "get" if name else "list", "PATCH": "patch", "DELETE": "delete", "PUT": "update", "POST": "create"}[method]
        if not self.allowed(verb, kind.plural):
            about = f'{kind.plural}{"." + kind.group if kind.group else ""}{f" {json.dumps(name)}" if name else ""}'
            where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
            raise Refusal(403, "Forbidden", f'{about} is forbidden: User "operator" cannot {verb} resource "{kind.plural}" in API group "{kind.group}" {where}')

    # Read and write

    def found(self, kind, namespace, name):
        entry = self.world.objects[kind].get(self.world.place(kind, namespace, name))
        if entry is None:
            raise Refusal(404, "NotFound", f'{kind.plural}{"." + kind.group if kind.group else ""} "{name}" not found')
        return entry

    def read(self, kind, namespace, name, query):
        """A list comes in pieces of `limit`: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks"""
        world = self.world
        with world.lock:
            if name:
                self.say(200, world.text(self.found(kind, namespace, name)))
                return
            entries = [entry for (where, _), entry in sorted(world.objects[kind].items()) if not namespace or where == namespace]
            try:
                chosen = [entry for entry in entries if selectors.labels_match(query.get("labelSelector", ""), entry["metadata"].get("labels", {}))
                          and selectors.fields_match(query.get("fieldSelector", ""), kind.kind, entry)]
            except selectors.Unsupported as fault:
                raise Refusal(400, "BadRequest", str(fault)) from None
            at, limit = int(query.get("continue") or 0), int(query.get("limit") or 0)
            meta = {"resourceVersion": str(world.version)}
            if limit and len(chosen) > at + limit:
                meta["continue"] = str(at + limit)
                meta["remainingItemCount"] = len(chosen) - at - limit
            head = {"kind": kind.kind + "List", "apiVersion": kinds.api_version(kind), "metadata": meta}
            texts = [world.text(entry) for entry in (chosen[at:at + limit] if limit else chosen)]
        self.say(200, json.dumps(head).encode()[:-1] + b', "items": [' + b",".join(texts) + b"]}")

    def scale(self, verb, path, entry, query, body):
        """The subresource that `kubectl scale` asks and patches: autoscaling/v1, Scale."""
        world, meta = self.world, entry["metadata"]
        with world.lock:
            if verb != "GET":
                tried = query.get("dryRun") == "All"
                world.writes.append((world.now(), verb, path, body, tried))
                if world.webhook and (why := world.webhook(verb.lower(), path.split("/")[-3], meta["name"], body)):
                    raise Refusal(403, "Forbidden", why)
                if not tried:
                    world.note(f"{verb} {path} {json.dumps(body)}")
                    entry["spec"]["replicas"] = body["spec"]["replicas"]
                    world.bump(entry)
            shown = {key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")}
            self.say(200, {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": shown, "spec": {"replicas": entry["spec"]["replicas"]},
                           "status": {"replicas": entry.get("status", {}).get("replicas", 0)}})

    def write(self, verb, path, kind, namespace, name, query, body):
        """With `dryRun=All` all of it but the last step: https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run"""
        world = self.world
        tried = query.get("dryRun") == "All"
        with world.lock:
            world.writes.append((world.now(), verb, path, body, tried))
            if not tried:
                world.note(f"{verb} {path} {json.dumps(body)[:300] if body else ''}")
            if not name:
                raise Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
            entry = self.found(kind, namespace, name)
            # NewDryRunUnsupportedErr of apiserver/pkg/admission/plugin/webhook/errors/statuserror.go
            if tried and world.no_trial:
                raise Refusal(400, "BadRequest", f'admission webhook "{world.no_trial}" does not support dry run')
            if world.webhook and verb != "DELETE" and (why := world.webhook(verb.lower(), kind.plural, name, body)):
                raise Refusal(403, "Forbidden", why)
            if verb == "DELETE":
                options = body or {}
                if tried:
                    conditions = options.get("preconditions") or {}
                    world.held_to(entry, conditions.get("uid"), conditions.get("resourceVersion"))
                else:
                    world.delete(entry, options, "kubectl")
                self.say(200, world.text(entry))
                return
            if verb != "PATCH":
                raise Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
            new = self.patched(entry, body)
            if tried:
                self.say(200, {key: value for key, value in new.items() if not key.startswith(OWN)})
            else:
                world.replace(entry, new)
                self.say(200, world.text(entry))

    def patched(self, entry, body):
        seen = {key: value for key, value in copy.deepcopy(entry).items() if not key.startswith(OWN)}
        if "json-patch" in self.headers["Content-Type"]:
            try:
                new = patches.patched(seen, body)
            except patches.Refused:
                raise Refusal(422, "Invalid", "the server rejected our request due to an error in our request") from None
        else:
            new = patches.merged(seen, body)
        asked, have = new["metadata"], entry["metadata"]
        # Another uid than there is makes a patch invalid (ValidateObjectMetaUpdate; what controller_ref_manager.go says of PatchPod), another version is a
        # conflict.
        if asked.get("uid") != have["uid"]:
            text = f'Invalid value: "{asked.get("uid")}": field is immutable'
            raise Refusal(422, "Invalid", f'{qualified(entry["kind"], entry)} "{have["name"]}" is invalid: metadata.uid: {text}', kind=entry["kind"], name=have["name"],
                          causes=[{"reason": "FieldValueInvalid", "message": text, "field": "metadata.uid"}])
        if asked.get("resourceVersion") != have["resourceVersion"]:
            about = f'Operation cannot be fulfilled on {qualified(entry["kind"].lower() + "s", entry)} "{have["name"]}"'
            raise Refusal(409, "Conflict", f"{about}: the object has been modified; please apply your changes to the latest version and try again")
        # Of one key and effect a node has one taint: validateNodeTaints of pkg/apis/core/validation/validation.go.
        taints = [(taint["key"], taint["effect"]) for taint in (new["spec"].get("taints") or [] if entry["kind"] == "Node" else [])]
        if len(set(taints)) < len(taints):
            raise Refusal(422, "Invalid", f'Node "{have["name"]}" is invalid: metadata.taints[{len(taints) - 1}]: Duplicate value', kind="Node", name=have["name"])
        return new
