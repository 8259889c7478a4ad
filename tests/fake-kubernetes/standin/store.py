"""The objects, and how an API server changes them: versions, uids, preconditions, finalizers, graceful deletion."""

import copy
import hashlib
import json
import threading
import time
import uuid

from . import kinds

# What the stand-in keeps for itself in an object, and shows to nobody.
OWN = "_"


def stamp(moment=None):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def micro_time(moment=None):
    """A MicroTime, as leases have it."""
    return stamp(moment)[:-1] + ".000000Z"


class Refusal(Exception):
    """A Status with which an API server refuses: code, reason, message, and details where kubectl shows those."""

    def __init__(self, code, reason, message, **details):
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details

    def status(self):
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message, "reason": self.reason, "code": self.code,
                **({"details": self.details} if self.details else {})}


def qualified(name, entry):
    """With its group, as messages name a resource or a kind."""
    group, slash, _ = entry["apiVersion"].rpartition("/")
    return f"{name}.{group}" if slash else name


class Store:
    def __init__(self, minor):
        self.minor = minor
        self.lock = threading.RLock()
        self.version = 1000
        self.objects = {kind: {} for kind in kinds.KINDS}
        self.texts = {}
        self.began = time.monotonic()
        # What happened, in words and with its second; for whoever reads why a case failed.
        self.notes = []
        # Custom resources that are served, as PLURAL.GROUP.
        self.defined = set()

    def note(self, text):
        self.notes.append(f"{time.monotonic() - self.began:6.1f} s  {text}")

    def now(self):
        """Seconds since it began."""
        return time.monotonic() - self.began

    def served(self, kind):
        if kind.custom:
            return f"{kind.plural}.{kind.group}" in self.defined
        return kind.since <= self.minor <= kind.until

    @staticmethod
    def place(kind, namespace, name):
        return (namespace or "" if kind.namespaced else "", name)

    def bump(self, entry):
        self.version += 1
        entry["metadata"]["resourceVersion"] = str(self.version)

    def put(self, plural, entry):
        """A new object as somebody who may do anything makes it, or one changed."""
        kind = kinds.named(plural, self.minor)
        with self.lock:
            entry = copy.deepcopy(entry)
            entry.setdefault("apiVersion", kinds.api_version(kind))
            entry.setdefault("kind", kind.kind)
            meta = entry.setdefault("metadata", {})
            seed = f"{plural}/{meta.get('namespace')}/{meta['name']}/{self.version}/{id(self)}"
            meta.setdefault("uid", str(uuid.UUID(hashlib.md5(seed.encode()).hexdigest())))
            meta.setdefault("creationTimestamp", stamp())
            self.bump(entry)
            self.objects[kind][self.place(kind, meta.get("namespace"), meta["name"])] = entry
            return entry

    def get(self, plural, name, namespace=None):
        kind = kinds.named(plural, self.minor)
        return self.objects[kind].get(self.place(kind, namespace, name))

    def all(self, plural, namespace=None):
        with self.lock:
            found = list(self.objects[kinds.named(plural, self.minor)].values())
        return [entry for entry in found if namespace in (None, entry["metadata"].get("namespace"))]

    def drop(self, entry):
        kind = next(kind for kind in kinds.KINDS if kind.kind == entry["kind"] and kinds.api_version(kind) == entry["apiVersion"])
        meta = entry["metadata"]
        with self.lock:
            self.objects[kind].pop(self.place(kind, meta.get("namespace"), meta["name"]), None)
            self.texts.pop(meta["uid"], None)

    @staticmethod
    def ends(entry):
        return "deletionTimestamp" in entry["metadata"]

    def mark(self, entry, by, seconds=0):
        """It is to go: from now on it has a deletionTimestamp, and its resourceVersion is another."""
        if not self.ends(entry):
            entry["metadata"].update(deletionTimestamp=stamp(time.time() + seconds), deletionGracePeriodSeconds=seconds)
            entry[OWN + "told"] = self.now()
            self.bump(entry)
            self.note(f"{entry['kind']} {entry['metadata']['name']} is to go, says {by}")

    def replace(self, entry, new):
        """The object becomes what it was changed to. Without its last finalizer one that is to go is gone:
        https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/"""
        kept = {key: value for key, value in entry.items() if key.startswith(OWN)}
        entry.clear()
        entry.update(new, **kept)
        self.bump(entry)
        if self.ends(entry) and entry["kind"] != "Pod" and not entry["metadata"].get("finalizers"):
            self.drop(entry)
            self.note(f"{entry['kind']} {entry['metadata']['name']} is gone")

    @staticmethod
    def held_to(entry, uid, version):
        """Preconditions of a deletion: only this very object, only as it was seen. BeforeDelete of apiserver/pkg/registry/rest/delete.go."""
        meta = entry["metadata"]
        about = f'Operation cannot be fulfilled on {qualified(entry["kind"], entry)} "{meta["name"]}"'
        for name, wanted, have, why in (("UID", uid, meta["uid"], "deleted and then recreated"), ("ResourceVersion", version, meta["resourceVersion"], "modified")):
            if wanted and wanted != have:
                text = f"the {name} in the precondition ({wanted}) does not match the {name} in record ({have}). The object might have been {why}"
                raise Refusal(409, "Conflict", f"{about}: {text}")

    def delete(self, entry, options, by):
        """With a grace of 0 a pod goes at once, and its node is not asked:
        https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-forced"""
        conditions = options.get("preconditions") or {}
        self.held_to(entry, conditions.get("uid"), conditions.get("resourceVersion"))
        if entry["kind"] == "Pod" and not entry["metadata"].get("finalizers"):
            seconds = options.get("gracePeriodSeconds")
            if seconds == 0:
                self.drop(entry)
                self.note(f"Pod {entry['metadata']['name']} is gone by force, says {by}")
                return
            self.mark(entry, by, entry["spec"].get("terminationGracePeriodSeconds", 30) if seconds is None else seconds)
        elif entry["metadata"].get("finalizers"):
            self.mark(entry, by)
        else:
            self.drop(entry)
            self.note(f"{entry['kind']} {entry['metadata']['name']} is gone, says {by}")

    def text(self, entry):
        """As it is sent; the same words for the same version."""
        meta = entry["metadata"]
        known = self.texts.get(meta["uid"])
        if known is None or known[0] != meta["resourceVersion"]:
            shown = {key: value for key, value in entry.items() if not key.startswith(OWN)}
            known = self.texts[meta["uid"]] = (meta["resourceVersion"], json.dumps(shown).encode())
        return known[1]
