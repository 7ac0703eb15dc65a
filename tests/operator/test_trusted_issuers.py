"""Whom a Tenant trusts: what is put into Redis, what stays when an issuer is away, and what the Tenant is told."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from seatwarden.backends.authority import StaleTerm
from seatwarden.backends.issuer_keys import FAILED_SECONDS, FRESH_SECONDS, IssuerKeys
from seatwarden.domain.seats import PoolUid
from seatwarden.domain.trust import CLUSTER, Door
from seatwarden.reconcilers.engine import NotLeading, ObjectKey
from seatwarden.reconcilers.identities import REFRESH_SECONDS, RETRY_SECONDS, Identities, IdentityRun
from seatwarden.resources.conditions import ConditionStatus, merge_conditions
from seatwarden.resources.names import Kind
from seatwarden.resources.reasons import Reason
from seatwarden.resources.tenant import Tenant
from tests.domain.objects import NOON, tenant_body
from tests.identity_tokens import TestIssuer
from tests.issuer_server import DISCOVERY, KEYS, IssuerServer, issuer_server
from tests.reconcilers.identities_in_memory import IdentitiesInMemory
from tests.reconcilers.kubernetes_in_memory import KubernetesInMemory

CLUSTER_ISSUES = TestIssuer("https://kubernetes.default.svc", algorithm="ES256")
SUBJECTS = ["system:serviceaccount:team-a:*"]
POOL = ObjectKey(Kind.SEAT_POOL, "shop", "dev")


class Setting:
    """Identities over an issuer's real server, an API server in memory, and a clock that a test moves."""

    def __init__(self, server: IssuerServer) -> None:
        self.server = server
        self.now = 1000.0
        self.api = KubernetesInMemory()
        self.api.objects[DISCOVERY] = {"issuer": CLUSTER_ISSUES.issuer}
        self.api.objects["/openid/v1/jwks"] = CLUSTER_ISSUES.key_set()
        self.said = IdentitiesInMemory()
        self.term = 1
        self.identities = Identities(
            issuers=IssuerKeys(self.api, tls=server.trusting, clock=lambda: self.now),
            said=self.said,
            term=lambda: self.term,
            confirm_term=self._confirm,
        )

    async def _confirm(self, stale: StaleTerm) -> None:
        if self.term == 0:
            raise NotLeading(str(stale)) from stale
        self.term = stale.held + 1

    def tenant(self, told: IdentityRun | None = None, **identity: Any) -> Tenant:
        """A Tenant that lists ``identity``, and in whose status is what the run before found."""
        tenant = Tenant.parse(tenant_body(spec={"identity": identity}))
        if told is None:
            return tenant
        conditions = merge_conditions((), told.found, generation=1, now=NOON)
        return tenant.model_copy(
            update={"status": tenant.status.model_copy(update={"conditions": conditions})}
        )

    def listing(self, *subjects: str, **issuer: Any) -> dict[str, Any]:
        """The issuer of the server, as a Tenant lists it."""
        return {"issuers": [{"issuer": self.server.issues.issuer, "subjects": list(subjects)} | issuer]}

    def fail(self) -> None:
        """From now on the issuer is away, and what was read before is old."""
        self.server.answers = {path: web.Response(status=503) for path in (DISCOVERY, KEYS)}
        self.now += FRESH_SECONDS


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Setting]:
    async with issuer_server(tmp_path) as server:
        yield Setting(server)


def said_of(run: IdentityRun) -> tuple[ConditionStatus, Reason, str]:
    [found] = run.found
    return found.status, found.reason, found.message


async def test_who_lists_nobody_has_nothing_written_and_nothing_said(here: Setting) -> None:
    here.said.away = True
    assert await here.identities.ensure(here.tenant()) == IdentityRun()


async def test_issuers_are_trusted_with_their_keys(here: Setting) -> None:
    tenant = here.tenant(**here.listing("job-*", audience="seats"), cluster={"subjects": SUBJECTS})
    run = await here.identities.ensure(tenant)

    cluster, issuer = here.said.trusts[tenant.metadata.uid]
    assert (cluster.issuer, cluster.source, cluster.keys) == (
        CLUSTER_ISSUES.issuer,
        CLUSTER,
        CLUSTER_ISSUES.trusted("a").keys,
    )
    assert (cluster.audience, cluster.subjects) == ("seatwarden", tuple(SUBJECTS))
    assert (issuer.audience, issuer.subjects) == ("seats", ("job-*",))
    assert issuer.keys == here.server.issues.trusted("a").keys
    assert said_of(run) == (
        ConditionStatus.TRUE,
        Reason.SUCCEEDED,
        "Tokens of 2 issuers can be verified.",
    )
    assert (run.problem, run.again_in) == (None, REFRESH_SECONDS)


async def test_a_run_that_finds_the_same_writes_nothing(here: Setting) -> None:
    tenant = here.tenant(**here.listing("job-*"))
    before = await here.identities.ensure(tenant)
    here.now += FRESH_SECONDS
    assert await here.identities.ensure(tenant) == before
    assert here.said.writes == 1
    assert here.server.heard == [DISCOVERY, KEYS] * 2


async def test_keys_follow_their_issuer(here: Setting) -> None:
    tenant = here.tenant(**here.listing("job-*"))
    await here.identities.ensure(tenant)
    here.server.issues.kid = "key-2"
    here.now += FRESH_SECONDS
    await here.identities.ensure(tenant)
    assert [key.kid for key in here.said.trusts[tenant.metadata.uid][0].keys] == ["key-2"]


async def test_an_issuer_that_is_away_keeps_the_keys_that_it_had_and_the_tenant_says_so(
    here: Setting,
) -> None:
    tenant = here.tenant(**here.listing("job-*"))
    await here.identities.ensure(tenant)
    before = here.said.trusts[tenant.metadata.uid]
    here.fail()
    run = await here.identities.ensure(tenant)

    status, reason, message = said_of(run)
    assert (status, reason) == (ConditionStatus.FALSE, Reason.ISSUER_UNAVAILABLE)
    assert here.server.issues.issuer in message
    assert message.endswith("Those that were read last are used.")
    assert here.said.trusts[tenant.metadata.uid] == before
    assert (run.problem, run.again_in) == (None, RETRY_SECONDS)


async def test_what_is_listed_counts_at_once_also_while_the_issuer_is_away(here: Setting) -> None:
    """Who takes a subject off the list must not have to wait for a stranger's server."""
    await here.identities.ensure(here.tenant(**here.listing("job-*", "person-1")))
    here.fail()
    tenant = here.tenant(**here.listing("job-*", audience="seats"))
    await here.identities.ensure(tenant)

    [trusted] = here.said.trusts[tenant.metadata.uid]
    assert (trusted.subjects, trusted.audience) == (("job-*",), "seats")
    assert trusted.keys == here.server.issues.trusted("a").keys


async def test_an_issuer_that_never_answered_keeps_the_tenant_from_being_ready(here: Setting) -> None:
    here.fail()
    tenant = here.tenant(**here.listing("job-*"), cluster={"subjects": SUBJECTS})
    run = await here.identities.ensure(tenant)

    assert run.problem is not None
    assert run.problem[0] is Reason.ISSUER_UNAVAILABLE
    assert run.problem[1].endswith("no token of it is accepted.")
    assert [trusted.source for trusted in here.said.trusts[tenant.metadata.uid]] == [CLUSTER]

    here.server.answers.clear()
    here.now += FAILED_SECONDS
    assert (await here.identities.ensure(tenant)).problem is None


async def test_keys_of_another_place_are_not_kept(here: Setting) -> None:
    """An administrator who changes where the keys are may do so because the old place is not to be trusted."""
    await here.identities.ensure(here.tenant(**here.listing("job-*")))
    here.fail()
    tenant = here.tenant(**here.listing("job-*", jwksURL=f"{here.server.issues.issuer}/elsewhere"))
    run = await here.identities.ensure(tenant)

    assert run.problem is not None
    assert here.said.trusts == {}


async def test_the_cluster_keeps_its_keys_while_the_api_server_is_away(here: Setting) -> None:
    tenant = here.tenant(cluster={"subjects": SUBJECTS})
    await here.identities.ensure(tenant)
    before = here.said.trusts[tenant.metadata.uid]
    here.api.objects.clear()
    run = await here.identities.ensure(tenant)

    assert said_of(run)[1] is Reason.ISSUER_UNAVAILABLE
    assert here.said.trusts[tenant.metadata.uid] == before


async def test_who_is_listed_no_more_is_trusted_no_more(here: Setting) -> None:
    run = await here.identities.ensure(here.tenant(**here.listing("job-*")))
    assert here.said.trusts != {}

    assert await here.identities.ensure(here.tenant(told=run)) == IdentityRun()
    assert here.said.trusts == {}


async def test_redis_away_is_told_and_tried_again(here: Setting) -> None:
    tenant = here.tenant(**here.listing("job-*"))
    run = await here.identities.ensure(tenant)
    here.said.away = True

    for listed in (tenant, here.tenant(told=run)):
        away = await here.identities.ensure(listed)
        assert said_of(away)[:2] == (ConditionStatus.FALSE, Reason.REDIS_UNAVAILABLE)
        assert (away.problem, away.again_in) == (None, RETRY_SECONDS)


async def test_a_tenant_that_goes_takes_its_trust_along(here: Setting) -> None:
    tenant = here.tenant(**here.listing("job-*"))
    await here.identities.ensure(tenant)
    await here.identities.forget(tenant)
    assert here.said.trusts == {}


async def test_a_tenant_goes_also_while_redis_is_away(here: Setting) -> None:
    tenant = here.tenant(**here.listing("job-*"))
    here.said.away = True
    await here.identities.forget(tenant)
    here.said.away = False
    assert here.said.writes == 0


async def test_a_pool_is_found_by_its_name_until_it_goes(here: Setting) -> None:
    tenant = here.tenant(**here.listing("job-*"))
    await here.identities.open_door(POOL, PoolUid("pool-1"), tenant)
    assert here.said.doors == {("shop", "dev"): Door(PoolUid("pool-1"), tenant.metadata.uid)}
    await here.identities.close_door(POOL)
    assert here.said.doors == {}


async def test_a_term_that_went_back_is_confirmed_and_a_lost_one_ends_the_work(here: Setting) -> None:
    tenant = here.tenant(**here.listing("job-*"))
    here.said.held = 7
    await here.identities.ensure(tenant)
    assert here.term == 8
    assert here.said.writes == 1

    here.term = 0
    with pytest.raises(NotLeading):
        await here.identities.ensure(tenant)


async def test_slow_issuers_are_asked_side_by_side(here: Setting) -> None:
    """All of them, before the first has answered."""
    url = here.server.issues.issuer
    issuers = [{"issuer": f"{url}/{at}", "jwksURL": f"{url}/keys-{at}", "subjects": ["a"]} for at in range(5)]
    here.server.held = True
    running = asyncio.create_task(here.identities.ensure(here.tenant(issuers=issuers)))
    async with asyncio.timeout(10):
        while len(here.server.heard) < len(issuers):  # noqa: ASYNC110  # seen from outside only
            await asyncio.sleep(0.01)
    here.server.released.set()
    await running
