"""Who puts replicas back by profession: autoscalers, KEDA, Flux."""

from field import case, patches, shown
from proof.case import must, until
from shop import NEVER
from standin import cluster


@case
def two_of_flux_with_one_name(cases, new):
    """A Kustomization and a HelmRelease of one name, each with a workload."""
    def play():
        shop = new()
        shop.world.define("kustomizations.kustomize.toolkit.fluxcd.io", "helmreleases.helm.toolkit.fluxcd.io")
        shop.stuck("web")["metadata"]["labels"] = {"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
        shop.stuck("redis")["metadata"]["labels"] = {"helm.toolkit.fluxcd.io/name": "shop", "helm.toolkit.fluxcd.io/namespace": "shop"}
        shop.world.put("kustomizations", {"metadata": {"name": "shop", "namespace": "flux-system"}, "spec": {"interval": "10m0s", "prune": True}})
        shop.world.put("helmreleases", {"metadata": {"name": "shop", "namespace": "shop"}, "spec": {"interval": "5m0s"}})
        return shop.played("deployment/web", "deployment/redis")

    def check(shop):
        shop.completed()
        shop.as_before(web=1, redis=1)
        for name in ("kustomizations/shop", "helmreleases/shop"):
            said = [body["spec"]["suspend"] for body in patches(shop, name)]
            must(said and said[0] is True, f"{name} was not suspended")
            must(not said[-1], f"{name} was not resumed")

    shown(cases, "27 a Kustomization and a HelmRelease of one name: both suspended, both resumed", play, check, planted="and somebody suspends one again",
          plant=lambda shop: shop.kubectl("-n", "shop", "patch", "helmrelease", "shop", "--type=merge", "-p", '{"spec": {"suspend": true}}'),
          finds="helmreleases/shop was not resumed")


@case
def flux_parent(cases, new):
    """The Kustomization flux-system applies apps, with spec.suspend: false in Git; apps applies web: fluxcd/kustomize-controller, «Controlling the
    apply behavior»; aenix-io/cozystack#101, giantswarm/backstage#2004."""
    def play():
        shop = new()
        world, label = shop.world, "kustomize.toolkit.fluxcd.io/"
        world.define("kustomizations.kustomize.toolkit.fluxcd.io", "helmreleases.helm.toolkit.fluxcd.io")
        web = shop.stuck("web")
        web["metadata"]["labels"] = {label + "name": "apps", label + "namespace": "flux-system"}
        labels = {label + "name": "flux-system", label + "namespace": "flux-system"}
        for name in ("apps", "flux-system"):
            world.put("kustomizations", {"metadata": {"name": name, "namespace": "flux-system", "labels": labels}, "spec": {"interval": "10m0s"}})
        apps, parent = (world.get("kustomizations", name, "flux-system") for name in ("apps", "flux-system"))

        def reconcile():
            if not parent["spec"].get("suspend") and apps["spec"].get("suspend"):
                apps["spec"]["suspend"] = False
                world.bump(apps)
                world.note("flux-system puts spec.suspend: false of apps back")
            elif not apps["spec"].get("suspend") and web["spec"]["replicas"] == 0:
                world.scale("deployments", "web", 1)
        world.hands.append(reconcile)
        return shop.played("deployment/web")

    def check(shop):
        shop.completed()
        shop.as_before(web=1)
        must(not any(entry["spec"].get("suspend") for entry in shop.world.all("kustomizations")), "not resumed")

    shown(cases, "26 Flux: what applies the Kustomization is suspended, too", play, check, planted="and one stays suspended",
          plant=lambda shop: shop.kubectl("-n", "flux-system", "patch", "kustomization", "flux-system", "--type=merge", "-p", '{"spec": {"suspend": true}}'),
          finds="not resumed")


@case
def autoscaler_at_the_end(cases, new):
    """Released, an autoscaler scales from 3 to 6, as it is there for."""
    def held(shop):
        entry = shop.world.get("horizontalpodautoscalers", "web", "shop")
        return ((entry["spec"].get("behavior") or {}).get("scaleUp") or {}).get("selectPolicy") == "Disabled"

    def play():
        shop = new()
        entry = shop.workload("deployment", "web", 3, claims=["web"])
        shop.volume("web", "node-c")
        for name in ("old42", "old43", "old44"):
            shop.pod(f"web-7475d86696-{name}", entry, "node-c", ready="False", claims=["web"], ending=True)
        shop.world.put("horizontalpodautoscalers", {"metadata": {"name": "web", "namespace": "shop"}, "spec": {
            "minReplicas": 3, "maxReplicas": 6, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}})
        shop.held = shop.once(lambda: held(shop), lambda: None)
        shop.once(lambda: shop.held and not held(shop), lambda: shop.world.scale("deployments", "web", 6))
        return shop.played("deployment/web")

    def check(shop):
        must(shop.held, "the autoscaler was not held")
        shop.completed()
        until(lambda: shop.world.get("deployments", "web", "shop")["spec"]["replicas"] == 6, NEVER, "it has scaled up")
        must(not held(shop), "the autoscaler stays held")

    shown(cases, "15 an autoscaler scales up once it is released: no failure", play, check, planted="and it stays held",
          plant=lambda shop: shop.kubectl("-n", "shop", "patch", "hpa", "web", "--type=merge", "-p", '{"spec": {"behavior": {"scaleUp": {"selectPolicy": "Disabled"}}}}'),
          finds="the autoscaler stays held")


@case
def keda(cases, new):
    """KEDA scales up from 0, and puts its autoscaler back as soon as somebody edits it: kedacore/keda#944, #903, #1392."""
    def paused(shop):
        notes = shop.world.get("scaledobjects", "worker", "shop")["metadata"].get("annotations") or {}
        return any(key.startswith("autoscaling.keda.sh/paused") for key in notes)

    def play():
        shop = new()
        world = shop.world.define("scaledobjects.keda.sh")
        worker = shop.stuck("worker")
        scaled = world.put("scaledobjects", {"metadata": {"name": "worker", "namespace": "shop"}, "spec": {
            "minReplicaCount": 1, "maxReplicaCount": 5, "scaleTargetRef": {"name": "worker"}}})
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"}
        autoscaler = world.put("horizontalpodautoscalers", {
            "metadata": {"name": "keda-hpa-worker", "namespace": "shop", "ownerReferences": [cluster.owner(scaled)]},
            "spec": {"minReplicas": 1, "maxReplicas": 5, "scaleTargetRef": target}})

        def operate():
            if paused(shop):
                return
            if autoscaler["spec"].pop("behavior", None):
                world.bump(autoscaler)
                world.note("KEDA puts its autoscaler back")
            if worker["spec"]["replicas"] == 0:
                world.scale("deployments", "worker", 1)
        world.hands.append(operate)
        return shop.played("deployment/worker")

    def check(shop):
        shop.completed()
        shop.as_before(worker=1)
        must(not paused(shop), "KEDA stays paused")

    shown(cases, "16 KEDA is paused, and resumed", play, check, planted="and it stays paused",
          plant=lambda shop: shop.kubectl("-n", "shop", "annotate", "scaledobject", "worker", "autoscaling.keda.sh/paused=true"), finds="KEDA stays paused")


def argo(shop, **about):
    """An Application that restores what it applies, made by an ApplicationSet. Its values hold a secret."""
    world = shop.world.define("applications.argoproj.io", "applicationsets.argoproj.io")
    every = world.put("applicationsets", {"metadata": {"name": "all", "namespace": "argocd"}, "spec": {"generators": []}})
    return every, world.put("applications", {
        "metadata": {"name": "shop", "namespace": "argocd", "ownerReferences": [cluster.owner(every)]},
        "spec": {"source": {"helm": {"valuesObject": {"password": SECRET}}}, "syncPolicy": {"automated": {"selfHeal": True}}},
        "status": {"resources": [{"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "web"}]}, **about})


SECRET = "swordfish-of-helm"


@case
def application_set(cases, new):
    """An ApplicationSet restores the policy of its Applications, and they restore replicas: argo-cd, «Controlling Resource Modification». What is
    in their specs is nobody's business: it does not enter the journal."""
    def play():
        shop = new()
        world, web = shop.world, shop.stuck("web")
        every, application = argo(shop)

        def reconcile():
            policy = application["spec"].setdefault("syncPolicy", {})
            if not policy.get("automated") and (every["spec"].get("syncPolicy") or {}).get("applicationsSync") != "create-only":
                policy["automated"] = {"selfHeal": True}
                world.bump(application)
                world.note("the ApplicationSet restores its Application")
            elif policy.get("automated") and web["spec"]["replicas"] == 0:
                world.scale("deployments", "web", 1)
        world.hands.append(reconcile)
        return shop.played("deployment/web")

    def check(shop):
        shop.completed()
        shop.as_before(web=1)
        must(shop.world.get("applications", "shop", "argocd")["spec"]["syncPolicy"].get("automated") == {"selfHeal": True}, "the Application was not resumed")
        must(not (shop.world.get("applicationsets", "all", "argocd")["spec"].get("syncPolicy") or {}).get("applicationsSync"), "the ApplicationSet was not resumed")
        kept = "".join(path.read_text(errors="replace") for path in shop.halligan.journal.rglob("*") if path.is_file())
        must(SECRET not in kept, "a secret of the Application's is in the journal")

    shown(cases, "argo: an ApplicationSet and its Application are suspended and resumed, and none of their values is kept", play, check,
          planted="and the secret is written there", plant=lambda shop: (shop.halligan.journal / "planted").write_text(SECRET), finds="is in the journal")


@case
def from_another_cluster(cases, new):
    """Argo CD or Flux of another cluster applies the workload: nothing here could be suspended, and it would put the replicas back. What they
    write on it names them: https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/"""
    def test(here):
        shop = new()
        shop.stuck("web")["metadata"].update(annotations={"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"},
                                             labels={"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"})
        if here:
            argo(shop)
            shop.world.define("kustomizations.kustomize.toolkit.fluxcd.io")
            shop.world.put("kustomizations", {"metadata": {"name": "apps", "namespace": "flux-system"}, "spec": {"interval": "10m0s"}})
        shop.begin()
        shop.told("deployment/web", "Application shop, which is not in this cluster", "Kustomization apps, which is not in this cluster")

    cases.case("ours: Argo CD and Flux of another cluster apply it: named beforehand", test, False)
    cases.control("ours: they are here", test, True, finds="does not say 'Application shop, which is not in this cluster'")
