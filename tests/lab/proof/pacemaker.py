"""The three nodes with Pacemaker in place of GlusterFS: each has a service that belongs to it, and one of three copies of a replicated service."""

import hashlib
import xml.etree.ElementTree

from .case import must, until
from .nodes import NAMES, Nodes, must_run

# Nothing is fenced: there is no power to cut but the lab's own.
SERVICE = '<primitive id="{0}" class="ocf" provider="pacemaker" type="Dummy"><operations><op id="{0}-m" name="monitor" interval="10s" timeout="60s"/></operations></primitive>'
REPLICATED = """<clone id="base"><meta_attributes id="base-a"><nvpair id="base-p" name="promotable" value="true"/></meta_attributes>
<primitive id="copy" class="ocf" provider="pacemaker" type="Stateful"><operations>
<op id="copy-m" name="monitor" interval="10s" role="Master" timeout="60s"/><op id="copy-s" name="monitor" interval="11s" role="Slave" timeout="60s"/>
</operations></primitive></clone>"""
PLACE = '<rsc_location id="{0}-{1}" rsc="{0}" node="{1}" score="{2}"/>'


class Pacemaker(Nodes):
    pacemaker = True

    def __init__(self, directory):
        super().__init__(directory)
        # Of each node at the moment of each of its reboots: whether it is in standby, what runs on it, and what runs nowhere.
        self.left = []

    def _services(self):
        until(self.online, 120, "Pacemaker has its three nodes")
        self.crm("crm_attribute", "-n", "stonith-enabled", "-v", "false")
        for name in NAMES:
            self.crm("cibadmin", "-o", "resources", "-C", "-X", SERVICE.format(own(name)))
            self.place(own(name), name, "50")
        self.crm("cibadmin", "-o", "resources", "-C", "-X", REPLICATED)
        self.settled()

    def crm(self, *words, on="pve1"):
        return must_run(*self.inside(on), *words)

    def place(self, service, node, score):
        self.crm("cibadmin", "-o", "constraints", "-C", "-X", PLACE.format(service, node, score))

    def anywhere(self, service, node):
        self.crm("cibadmin", "-o", "constraints", "-D", "-X", f'<rsc_location id="{service}-{node}"/>')

    def status(self, on="pve1"):
        """None while Pacemaker does not answer there."""
        done = self.run(on, "crm_mon", "-1", "--inactive", "--output-as=xml")
        return xml.etree.ElementTree.fromstring(done.stdout) if done.returncode == 0 else None

    def online(self):
        status = self.status()
        return status is not None and {node.get("name") for node in status.find("nodes") if node.get("online") == "true" and node.get("pending") == "false"} == set(NAMES)

    def where(self, on="pve1"):
        """Of each service the nodes on which it runs; of the replicated one, too, where it is promoted."""
        found = {}
        for service in self.status(on).iter("resource"):
            nodes = [node.get("name") for node in service.findall("node")] if service.get("active") == "true" else []
            found.setdefault(service.get("id"), []).extend(nodes)
            if service.get("role") in ("Promoted", "Master"):
                found.setdefault("promoted", []).extend(nodes)
        return {service: sorted(nodes) for service, nodes in found.items()}

    def standby(self, node, on="pve1"):
        return "value=on" in self.crm("crm_standby", "-N", node, "-G", on=on)

    def settled(self, seconds=240):
        wanted = {**{own(name): [name] for name in NAMES}, "copy": sorted(NAMES)}
        until(lambda: self.online() and {**self.where(), "promoted": None} == {**wanted, "promoted": None} and "promoted" in self.where(), seconds,
              "each service runs on its node")

    def halt(self, name):
        """systemd stops Pacemaker before corosync, and that stops what runs on the node."""
        where = self.where(on=name)
        self.left.append((name, self.standby(name, on=name), sorted(service for service, nodes in where.items() if name in nodes),
                          sorted(service for service, nodes in where.items() if not nodes)))
        self.run(name, "pkill", "-TERM", "-x", "pacemakerd")
        until(lambda: self.run(name, "pgrep", "-x", "pacemakerd").returncode == 1, 60, f"Pacemaker has ended on {name}")

    def configuration(self):
        """All but what is observed; with its epoch, which counts each change."""
        root = xml.etree.ElementTree.fromstring(self.crm("cibadmin", "-Q"))
        text = xml.etree.ElementTree.tostring(root.find("configuration"))
        return [root.get("admin_epoch"), root.get("epoch"), hashlib.sha256(text).hexdigest(), self.where()]

    def pending(self):
        return 0


def own(name):
    """The service that belongs to a node."""
    must(name in NAMES, name)
    return f"service-{name[-1]}"
