"""How the volumes and instances of the lab's cloud are called at each provider whose command-line tool is faked."""

import pathlib
import re

ZONE = "europe-west3-a"
GROUP = "/subscriptions/0d0d0d0d-0000-4000-8000-000000000000/resourceGroups/mc_lab/providers/Microsoft.Compute"
NAMES = {
    # driver, a volume's CSI handle, a node's providerID
    "linode": ("linodebs.csi.linode.com", "{number}-{label}", "linode://{instance}"),
    "aws": ("ebs.csi.aws.com", "vol-{number:017d}", "aws:///eu-central-1a/i-{instance:017d}"),
    "gcp": ("pd.csi.storage.gke.io", f"projects/lab/zones/{ZONE}/disks/pd-{{label}}-{{number}}", f"gce://lab/{ZONE}/{{name}}"),
    "azure": ("disk.csi.azure.com", f"{GROUP}/disks/pvc-{{label}}-{{number}}", f"azure://{GROUP}/virtualMachineScaleSets/pool/virtualMachines/{{instance}}"),
    "openstack": ("cinder.csi.openstack.org", "0a0a0a0a-0000-4000-8000-{number:012d}", "openstack:///0b0b0b0b-0000-4000-8000-{instance:012d}"),
}


class Flavour:
    def __init__(self, lab):
        self.name = pathlib.Path(lab, "flavour").read_text().strip()
        self.driver, self._handle, self._provider = NAMES[self.name]

    def handle(self, number, label):
        return self._handle.format(number=int(number), label=label)

    def provider_id(self, instance, name):
        return self._provider.format(instance=int(instance), name=name)


def number(handle):
    """The number of a volume or an instance in the cloud, from any of its names."""
    linode = re.fullmatch(r"(\d+)(-.*)?", handle)
    return linode.group(1) if linode else str(int(re.search(r"(\d+)$", handle).group(1)))


def directory(handle):
    """Where the data of a volume is kept."""
    return handle.rsplit("/", 1)[-1]
