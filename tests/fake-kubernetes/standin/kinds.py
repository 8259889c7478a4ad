"""
What the stand-in serves: group, version, plural; kind, whether it is in a namespace, short names; the minor versions that have it.

Since and until when: the deprecation guide, https://kubernetes.io/docs/reference/using-api/deprecation-guide/, for what Kubernetes brings
itself; each project's own reference for custom resources.
"""

import typing


class Kind(typing.NamedTuple):
    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    short: tuple
    since: int
    until: int
    custom: bool


def built_in(group, version, plural, kind, namespaced, short=(), since=0, until=99):
    return Kind(group, version, plural, kind, namespaced, tuple(short), since, until, False)


def custom(group, version, plural, kind):
    return Kind(group, version, plural, kind, True, (), 0, 99, True)


KINDS = [
    built_in("", "v1", "namespaces", "Namespace", False, ["ns"]),
    built_in("", "v1", "nodes", "Node", False, ["no"]),
    built_in("", "v1", "pods", "Pod", True, ["po"]),
    built_in("", "v1", "events", "Event", True, ["ev"]),
    built_in("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", True, ["pvc"]),
    built_in("", "v1", "persistentvolumes", "PersistentVolume", False, ["pv"]),
    built_in("apps", "v1", "deployments", "Deployment", True, ["deploy"]),
    built_in("apps", "v1", "statefulsets", "StatefulSet", True, ["sts"]),
    built_in("apps", "v1", "replicasets", "ReplicaSet", True, ["rs"]),
    built_in("apps", "v1", "daemonsets", "DaemonSet", True, ["ds"]),
    built_in("batch", "v1", "jobs", "Job", True),
    built_in("batch", "v1", "cronjobs", "CronJob", True, ["cj"], since=21),
    built_in("batch", "v1beta1", "cronjobs", "CronJob", True, ["cj"], until=20),
    built_in("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", True, ["hpa"], since=23),
    built_in("autoscaling", "v2beta2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", True, ["hpa"], until=22),
    built_in("storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", False),
    built_in("storage.k8s.io", "v1", "csidrivers", "CSIDriver", False),
    built_in("storage.k8s.io", "v1", "csinodes", "CSINode", False),
    built_in("storage.k8s.io", "v1", "storageclasses", "StorageClass", False, ["sc"]),
    built_in("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", True, ["pdb"], since=21),
    built_in("coordination.k8s.io", "v1", "leases", "Lease", True),
    built_in("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False, ["crd", "crds"]),
    built_in("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False),
    # Argo CD, Flux, KEDA, and operators that own pods themselves.
    custom("argoproj.io", "v1alpha1", "applications", "Application"),
    custom("argoproj.io", "v1alpha1", "applicationsets", "ApplicationSet"),
    custom("argoproj.io", "v1alpha1", "rollouts", "Rollout"),
    custom("kustomize.toolkit.fluxcd.io", "v1", "kustomizations", "Kustomization"),
    custom("helm.toolkit.fluxcd.io", "v2", "helmreleases", "HelmRelease"),
    custom("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject"),
    custom("postgresql.cnpg.io", "v1", "clusters", "Cluster"),
]


def named(plural, minor=99):
    """The kind of this plural, in its newest version; of a plural that two groups have, write PLURAL.GROUP."""
    name, _, group = plural.partition(".")
    found = [kind for kind in KINDS if kind.plural == name and (not group or kind.group == group) and kind.since <= minor <= kind.until]
    return (found or [kind for kind in KINDS if kind.plural == name])[0]


def api_version(kind):
    return f"{kind.group}/{kind.version}" if kind.group else kind.version
