"""The objects of a cluster with volumes: what is in them, and how they are made."""

import hashlib
import re

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


def controller(entry):
    """The reference to the controller of an object, or nothing."""
    return next((reference for reference in entry["metadata"].get("ownerReferences", []) if reference.get("controller")), {})


def has_ended(pod):
    return pod["status"]["phase"] in ("Failed", "Succeeded")


def is_ready(pod):
    return pod["status"]["phase"] == "Running" and any(entry["type"] == "Ready" and entry["status"] == "True" for entry in pod["status"].get("conditions", []))


def claims_of(pod):
    return [volume["persistentVolumeClaim"]["claimName"] for volume in pod["spec"].get("volumes", []) if "persistentVolumeClaim" in volume]


def handle(volume):
    """The volume at its provider: a CSI handle, or what an in-tree volume is called there."""
    spec = volume["spec"]
    if "csi" in spec:
        return spec["csi"]["volumeHandle"]
    return re.sub("^.*/", "", spec["awsElasticBlockStore"]["volumeID"])


def driver(volume):
    """An in-tree volume belongs to the CSI driver that it was migrated to: pv.kubernetes.io/migrated-to (KEP-625)."""
    return volume["spec"]["csi"]["driver"] if "csi" in volume["spec"] else volume["metadata"]["annotations"]["pv.kubernetes.io/migrated-to"]


def unique_name(volume):
    """As a node lists it in status.volumesInUse: GetUniqueVolumeName in pkg/volume/util."""
    return f"kubernetes.io/csi/{driver(volume)}^{handle(volume)}"


def attachment(volume, node, attached=True):
    """Named by handle, driver and node: getAttachmentName in pkg/volume/csi/csi_attacher.go."""
    seed = f"{handle(volume)}{driver(volume)}{node}"
    return {"metadata": {"name": "csi-" + hashlib.sha256(seed.encode()).hexdigest(), "finalizers": ["external-attacher/" + driver(volume).replace(".", "-")],
                         "annotations": {"csi.alpha.kubernetes.io/node-id": node}},
            "spec": {"attacher": driver(volume), "nodeName": node, "source": {"persistentVolumeName": volume["metadata"]["name"]}},
            "status": {"attached": attached}}


def claim_volumes(names):
    return [{"name": name, "persistentVolumeClaim": {"claimName": claim}} for name, claim in names.items()]


def owner(entry):
    return {"apiVersion": entry["apiVersion"], "kind": entry["kind"], "name": entry["metadata"]["name"], "uid": entry["metadata"]["uid"], "controller": True,
            "blockOwnerDeletion": True}
