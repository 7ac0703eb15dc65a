"""Under the chart's rights, and no others: the operator does all that it does, and people what their role says."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatwarden.local.identities import Identity
from seatwarden.local.plane_access import KubectlError, PlaneAccess
from seatwarden.resources.names import API_VERSION, FINALIZER
from seatwarden.resources.permissions import ELECTION_RULES, OPERATOR_RULES
from tests.chart.rendering import RELEASE, render
from tests.chart.rights import account_kubeconfig, installed_rights, may
from tests.operator.world import World, condition

TRIAL: dict[str, Any] = {"redis": {"valkey": {"enabled": True}}}
AGGREGATION_SECONDS = 30.0
KINDS = ("tenants", "subscriptions", "seatpools")


def rules(*roles: dict[str, Any]) -> list[str]:
    """The rules of roles, comparable and in no order."""
    return sorted(yaml.safe_dump(rule) for role in roles for rule in role["rules"])


def test_the_operator_has_the_rights_that_the_code_lists_and_no_other() -> None:
    rendered = render(TRIAL)
    assert rules(rendered.one("ClusterRole", f"{RELEASE}-operator")) == rules({"rules": OPERATOR_RULES})
    assert rules(rendered.one("Role")) == rules({"rules": ELECTION_RULES})
    assert set(rendered.of("ClusterRoleBinding")) == {f"{RELEASE}-operator"}


def test_no_rule_has_a_star_and_secrets_are_never_listed() -> None:
    for values in (TRIAL, {**TRIAL, "namespaces": ["a"]}, {**TRIAL, "rbac": {"secrets": "ByNamespace"}}):
        rendered = render(values)
        for role in [*rendered.of("ClusterRole").values(), *rendered.of("Role").values()]:
            for rule in role["rules"]:
                said = [word for words in rule.values() for word in words]
                assert "*" not in said
                assert "secrets" not in said or not {"list", "watch", "delete"} & {*rule["verbs"]}


def test_in_some_namespaces_only_there_is_no_right_in_the_others() -> None:
    rendered = render({**TRIAL, "namespaces": ["acme", "beta"], "rbac": {"aggregateRoles": False}})
    assert not rendered.of("ClusterRole")
    assert not rendered.of("ClusterRoleBinding")
    places = {
        (one["metadata"]["namespace"], one["metadata"]["name"])
        for one in rendered.objects
        if one["kind"] == "RoleBinding"
    }
    assert places == {
        ("acme", f"{RELEASE}-operator"),
        ("beta", f"{RELEASE}-operator"),
        ("seatwarden-system", f"{RELEASE}-operator-election"),
    }


def test_roles_made_elsewhere_are_left_alone() -> None:
    rendered = render({**TRIAL, "rbac": {"create": False, "aggregateRoles": False}})
    assert not {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"} & {
        one["kind"] for one in rendered.objects
    }


@pytest.mark.parametrize("where", ["everywhere", "by namespace", "in one namespace"])
async def test_the_operator_does_all_its_work_with_a_token_of_its_account(
    idle_world: World, cluster: PlaneAccess, tmp_path: Path, where: str
) -> None:
    world = idle_world
    settings = {
        "everywhere": (),
        "by namespace": ("rbac.secrets=ByNamespace", f"rbac.secretsNamespaces={{{world.namespace}}}"),
        "in one namespace": (f"namespaces={{{world.namespace}}}",),
    }[where]
    async with installed_rights(cluster, world.namespace, *settings) as (release, _):
        kubeconfig = await account_kubeconfig(cluster, world.namespace, f"{release}-operator", tmp_path)
        # It takes the Lease in the release's namespace, as in a pod.
        await world.start_operator(kubeconfig=kubeconfig, election_namespace=world.namespace)
        tenant = await world.tenant(
            identity={"cluster": {"subjects": [f"system:serviceaccount:{world.namespace}:*"]}},
            deletionPolicy="Delete",
        )
        await world.subscription()
        pool = await world.pool()
        await world.until_ready(pool)
        await world.until_ready(tenant)

        # It has read the cluster's public keys, written Secrets and a ConfigMap, put its finalizer on and told an Event.
        found = await world.until(tenant, lambda one: condition(one, "IdentityReady").get("status") == "True")
        assert FINALIZER in found["metadata"]["finalizers"]
        await world.secret("dev-licence")
        await world.pool("lost", subscription="nowhere")
        await world.until_told("SubscriptionNotFound")
        await world.delete(pool)
        await world.until_gone(pool)
        await world.delete(tenant)
        await world.until_gone(tenant)
        await world.stop_operator()


async def test_without_the_right_to_secrets_the_operator_says_so_and_goes_on_once_it_has_it(
    idle_world: World, cluster: PlaneAccess, tmp_path: Path
) -> None:
    world = idle_world
    async with installed_rights(cluster, world.namespace, "rbac.secrets=ByNamespace") as (release, _):
        kubeconfig = await account_kubeconfig(cluster, world.namespace, f"{release}-operator", tmp_path)
        await world.start_operator(kubeconfig=kubeconfig)
        await world.tenant()
        await world.subscription()
        pool = await world.pool()
        waiting = await world.until(pool, lambda one: condition(one).get("status") == "False")
        assert "secret" in condition(waiting)["message"].lower()
        await cluster.kubectl(
            *("create", "rolebinding", "seatwarden-secrets", "--namespace", world.namespace),
            *("--clusterrole", f"{release}-operator-secrets"),
            *("--serviceaccount", f"{world.namespace}:{release}-operator"),
        )
        await world.until_ready(pool)
        await world.stop_operator()


@pytest.mark.parametrize(
    ("settings", "here", "elsewhere"),
    [
        ((), True, True),
        (("rbac.secrets=ByNamespace",), False, False),
        (("namespaces={NAMESPACE}",), True, False),
    ],
    ids=["everywhere", "by namespace", "in one namespace"],
)
async def test_secrets_are_in_reach_where_the_values_say(
    cluster: PlaneAccess, namespace: str, settings: tuple[str, ...], here: bool, elsewhere: bool
) -> None:
    told = [setting.replace("NAMESPACE", namespace) for setting in settings]
    async with installed_rights(cluster, namespace, *told) as (release, _):
        user = f"system:serviceaccount:{namespace}:{release}-operator"
        assert await may(cluster, user, namespace, "get", "secrets") is here
        assert await may(cluster, user, "default", "get", "secrets") is elsewhere
        for place in (namespace, "default"):
            assert not await may(cluster, user, place, "list", "secrets")
            assert not await may(cluster, user, place, "delete", "secrets")
            assert not await may(cluster, user, place, "create", "pods")
            assert not await may(cluster, user, place, "delete", "seatpools.seatwarden.dev")
        assert await may(cluster, user, namespace, "list", "seatpools.seatwarden.dev")
        everywhere = not told or "ByNamespace" in told[0]
        assert await may(cluster, user, "", "list", "seatpools.seatwarden.dev") is everywhere


async def test_the_endpoint_s_account_may_nothing(cluster: PlaneAccess, namespace: str) -> None:
    async with installed_rights(cluster, namespace) as (release, _):
        user = f"system:serviceaccount:{namespace}:{release}-serve"
        for verb in ("get", "list", "watch", "create", "update", "patch", "delete"):
            for what in ("secrets", "pods", "configmaps", *(f"{kind}.seatwarden.dev" for kind in KINDS)):
                assert not await may(cluster, user, namespace, verb, what)


class Person:
    """Somebody with a role in the test's namespace, who types kubectl commands."""

    def __init__(self, cluster: PlaneAccess, namespace: str, role: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.identity = Identity(f"{role}-of-{namespace}")
        self.role = role

    async def appoint(self) -> None:
        """Bind the role."""
        words = ("create", "rolebinding", f"{self.role}-person", "--clusterrole", self.role)
        await self.cluster.kubectl(*words, "--user", self.identity.user, "-n", self.namespace)

    async def types(self, *words: str, stdin: str = "") -> str:
        """What kubectl says."""
        return await self.cluster.kubectl(*words, "-n", self.namespace, identity=self.identity, stdin=stdin)

    async def is_refused(self, *words: str, stdin: str = "") -> None:
        """Kubectl is told that this is forbidden."""
        with pytest.raises(KubectlError, match=r"(?i)forbidden"):
            await self.types(*words, stdin=stdin)


TENANT = {"apiVersion": API_VERSION, "kind": "Tenant", "metadata": {"name": "other"}, "spec": {}}


async def until_aggregated(cluster: PlaneAccess, role: str) -> None:
    """Wait until the controller has added the chart's rules to a role of Kubernetes."""
    async with asyncio.timeout(AGGREGATION_SECONDS):
        while "seatpools/scale" not in await cluster.kubectl("get", "clusterrole", role, "-o", "yaml"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_with_the_role_view_one_reads_everything_and_changes_nothing(
    idle_world: World, cluster: PlaneAccess
) -> None:
    world = idle_world
    for make in (world.tenant, world.subscription, world.pool):
        await make()
    async with installed_rights(cluster, world.namespace):
        await until_aggregated(cluster, "view")
        person = Person(cluster, world.namespace, "view")
        await person.appoint()
        listed = await person.types("get", "seatwarden", "-o", "name")
        assert [line.partition(".")[0] for line in listed.split()] == ["seatpool", "subscription", "tenant"]
        assert "Seats" in await person.types("describe", "seatpool", "dev")
        await person.types("get", "seatpool", "dev", "--subresource=scale")

        text = yaml.safe_dump(TENANT)
        await person.is_refused("create", "-f", "-", stdin=text)
        await person.is_refused("apply", "--server-side", "-f", "-", stdin=text)
        await person.is_refused("scale", "seatpool", "dev", "--replicas=1")
        for kind, name in (("tenant", "acme"), ("subscription", "team"), ("seatpool", "dev")):
            await person.is_refused("delete", kind, name)
            await person.is_refused("annotate", kind, name, "a=b")
            await person.is_refused("patch", kind, name, "--subresource=status", "--type=merge", "-p", "{}")
        await person.is_refused("delete", "seatpools", "--all")
        await person.is_refused("get", "secrets")


@pytest.mark.parametrize("role", ["the chart's", "admin"])
async def test_with_edit_one_changes_resources_and_no_status(
    idle_world: World, cluster: PlaneAccess, role: str
) -> None:
    world = idle_world
    for make in (world.tenant, world.subscription, world.pool):
        await make()
    async with installed_rights(cluster, world.namespace) as (release, _):
        if role == "admin":
            await until_aggregated(cluster, "admin")
        person = Person(cluster, world.namespace, "admin" if role == "admin" else f"{release}-edit")
        await person.appoint()
        await person.types("create", "-f", "-", stdin=yaml.safe_dump(TENANT))
        await person.types("scale", "seatpool", "dev", "--replicas=3")
        await person.types("annotate", "subscription", "team", "a=b")
        await person.types("delete", "tenant", "other")
        assert (await person.types("get", "seatpool", "dev", "-o", "jsonpath={.spec.seats}")) == "3"
        await person.is_refused(
            "patch", "seatpool", "dev", "--subresource=status", "--type=merge", "-p", '{"status":{}}'
        )
        if role != "admin":
            for words in (("get", "secrets"), ("get", "secret", "dev-licence"), ("delete", "secret", "x")):
                await person.is_refused(*words)
            await person.is_refused("create", "secret", "generic", "mine", "--from-literal=a=b")
            await person.is_refused("get", "pods")
