"""Seats with a token instead of a licence key: real tokens, a real Redis, a real endpoint."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from redis.asyncio import Redis
from structlog.testing import capture_logs

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.backends.redis_identities import RedisIdentities
from seatwarden.domain.identity_token import IDENTITY_KEY_ID, LEEWAY_SECONDS, identity_key_hash
from seatwarden.domain.licence_key import LicenceKey
from seatwarden.domain.seats import Millis, PoolState
from seatwarden.domain.trust import Door, Trust, TrustedIssuer
from seatwarden.endpoint import identities
from seatwarden.endpoint.settings import EndpointSettings
from tests.endpoint.conftest import Endpoint, StartEndpoint
from tests.endpoint.endpoint_client import BULK, HOLDER, POOL, SESSIONS, VALIDATE, Answer, EndpointClient
from tests.endpoint.pools import Pool, make_pool
from tests.identity_tokens import TestIssuer, assembled, encoded, pod_claims

NAME = "team-a/dev"
SIGNING = InstallationKeys([b"k" * 32])
ACCOUNT = "system:serviceaccount:team-a:builder"
KUBERNETES = TestIssuer("https://kubernetes.default.svc")
CI = TestIssuer("https://ci.example.com", algorithm="ES256", kid="ci-1")
TRUST: Trust = (KUBERNETES.trusted("system:serviceaccount:team-a:*"), CI.trusted("repo:acme/*", "job-*"))


class CountingReader(RedisIdentities):
    """The real one, which notes what is read."""

    reads: list[str]

    async def door(self, namespace: str, name: str) -> Door | None:
        self.reads.append(f"{namespace}/{name}")
        return await super().door(namespace, name)


@dataclass
class Office:
    """A pool that tokens open, and an endpoint in front of it."""

    authority: RedisSeatAuthority
    identities: CountingReader
    pool: Pool
    start: StartEndpoint
    tenant: str = field(default_factory=lambda: str(uuid4()))
    now: Callable[[], float] = time.time
    endpoint: Endpoint = field(init=False)

    async def open(self, **options: Any) -> None:
        """Say all that the operator would say, and start the endpoint."""
        await self.admit()
        await self.trust(*TRUST)
        await self.identities.open_door("team-a", "dev", Door(self.pool.uid, self.tenant), term=1)
        self.endpoint = await self.start(
            self.authority, identities=self.identities, now=self.read_clock, **options
        )

    def read_clock(self) -> float:
        """The time as the test has it."""
        return self.now()

    async def trust(self, *issuers: TrustedIssuer) -> None:
        """The Tenant trusts these issuers, and no others."""
        await self.identities.say_trust(self.tenant, issuers, term=1)

    async def admit(self, *, tokens: bool = True) -> None:
        """The pool is opened by tokens, or not any more."""
        keys = {self.pool.key.sha256: self.pool.key.key_id}
        admitted = {identity_key_hash(self.pool.uid): IDENTITY_KEY_ID} if tokens else {}
        await self.pool.configure(key_ids=keys | admitted)

    def showing(self, token: str, pool: str = NAME) -> EndpointClient:
        """A client that shows ``token``."""
        return self.endpoint.client.with_token(token, pool)

    def pod(self, uid: str = "pod-1", **changes: Any) -> EndpointClient:
        """A client in a Pod."""
        return self.showing(KUBERNETES.token(ACCOUNT, **(pod_claims(uid) | changes)))

    @property
    def with_key(self) -> EndpointClient:
        """A client with the pool's licence key."""
        return self.endpoint.client.with_key(self.pool.key.text)

    async def refusals(self) -> dict[str, float]:
        """How many tokens were refused, by reason."""
        text = (await self.endpoint.client.ask("GET", "/metrics")).body
        lines = [
            line for line in text.splitlines() if line.startswith("seatwarden_endpoint_tokens_refused_total{")
        ]
        return {line.split('"')[1]: float(line.split()[-1]) for line in lines}


@pytest.fixture
async def office(redis_url: str, start_endpoint: StartEndpoint) -> AsyncIterator[Office]:
    authority = RedisSeatAuthority.connect(redis_url, time_limit_seconds=10, keys=SIGNING)
    await authority.note_provisioned()
    reader = CountingReader(authority.identities()._runner)
    reader.reads = []
    office = Office(authority, reader, await make_pool(authority), start_endpoint)
    await office.open()
    yield office
    await authority.close()


async def acquire(client: EndpointClient, **fields: Any) -> Answer:
    """Ask for a seat without naming a holder."""
    return await client.ask("POST", "/api/v1/licenses/acquire", fields)


async def granted(client: EndpointClient, **fields: Any) -> Answer:
    """The same, and it is given."""
    answer = await acquire(client, **fields)
    assert answer.status in {200, 201}, answer.body
    return answer


async def test_a_pod_takes_keeps_looks_at_and_gives_back_a_seat(office: Office) -> None:
    pod = office.pod()
    seat = (await granted(pod, nonce="run-1", client_version="2.4")).body

    assert (await pod.heartbeat(seat["session_id"], seat["fence"])).code == "ok"
    looked = await pod.ask("POST", VALIDATE, {"session_id": seat["session_id"]})
    assert (looked.code, looked.body["session"]["session_id"]) == ("ok", seat["session_id"])
    assert (await pod.ask("GET", POOL)).body["seats"]["used"] == 1
    beats = {"sessions": [{"id": seat["session_id"], "fence": seat["fence"]}]}
    assert (await pod.ask("POST", BULK, beats)).body["sessions"][0]["code"] == "ok"
    assert (await pod.release(seat["session_id"], seat["fence"])).code == "released"


async def test_a_restarted_container_takes_over_its_own_seat(office: Office) -> None:
    """The pool has two seats; a Pod that came back as a stranger would need a third."""
    await granted(office.with_key, hardware_id=HOLDER)
    first = (await granted(office.pod(), nonce="run-1")).body
    again = await granted(office.pod(jti="refreshed"), nonce="run-1")
    restarted = (await granted(office.pod(), nonce="run-2")).body

    assert again.code == "existing"
    assert restarted["taken_over"]
    assert restarted["session_id"] == first["session_id"]
    assert (await office.pod().heartbeat(first["session_id"], first["fence"])).code == "stale_fence"


async def test_any_valid_token_of_the_same_pod_goes_on(office: Office) -> None:
    seat = (await granted(office.pod(exp=int(time.time()) + 60))).body
    beat = await office.pod(exp=int(time.time()) + 7200, jti="2").heartbeat(seat["session_id"], seat["fence"])
    assert beat.code == "ok"


async def test_two_pods_and_two_containers_are_holders_of_their_own(office: Office) -> None:
    await office.pool.configure(capacity=10)
    sessions = {
        (await granted(client, **fields)).body["session_id"]
        for client in (office.pod("pod-1"), office.pod("pod-2"))
        for fields in ({}, {"container": "worker"}, {"container": "sidecar"})
    }
    assert len(sessions) == 6


async def test_a_container_keeps_its_seat_by_naming_itself(office: Office) -> None:
    seat = (await granted(office.pod(), container="worker")).body
    path = f"{SESSIONS}/{seat['session_id']}/heartbeat"
    assert (await office.pod().ask("PATCH", path, {"fence": seat["fence"]})).code == "unknown_session"
    named = {"fence": seat["fence"], "container": "worker"}
    assert (await office.pod().ask("PATCH", path, named)).code == "ok"


async def test_machines_of_one_subject_are_holders_of_their_own(office: Office) -> None:
    ci = office.showing(CI.token("repo:acme/app:ref:main"))
    alone = (await granted(ci)).body
    machine = (await granted(ci, hardware_id=HOLDER)).body

    assert alone["session_id"] != machine["session_id"]
    rows = (await office.with_key.ask("GET", SESSIONS)).body["sessions"]
    assert HOLDER not in {row["hardware_id"] for row in rows}
    looked = await ci.ask("POST", VALIDATE, {"hardware_id": HOLDER})
    assert looked.body["session"]["session_id"] == machine["session_id"]


async def test_uses_count_under_a_key_id_of_their_own(office: Office) -> None:
    await granted(office.pod())
    [row] = (await office.with_key.ask("GET", SESSIONS)).body["sessions"]
    assert row["license_key_id"] == IDENTITY_KEY_ID
    [counts] = await office.authority.sweep([office.pool.uid])
    assert counts is not None
    assert {key: use.granted for key, use in counts.key_uses.items()} == {IDENTITY_KEY_ID: 1}


def hs256_with_the_public_key() -> str:
    pem = KUBERNETES.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "kid": KUBERNETES.kid}
    signed = assembled(header, KUBERNETES.claims(ACCOUNT), b"").removesuffix(".")
    return f"{signed}.{encoded(hmac.digest(pem, signed.encode(), hashlib.sha256))}"


NOW = int(time.time())
STRANGER = TestIssuer("https://kubernetes.default.svc", number=1)
REFUSED_TOKENS = {
    "for another audience": (KUBERNETES.token(ACCOUNT, aud="https://kubernetes.default.svc"), "not_trusted"),
    "for no audience": (KUBERNETES.token(ACCOUNT, aud=[]), "not_trusted"),
    "expired": (KUBERNETES.token(ACCOUNT, exp=NOW - LEEWAY_SECONDS - 1, iat=NOW - 3600), "out_of_time"),
    "not valid yet": (KUBERNETES.token(ACCOUNT, nbf=NOW + 3600), "out_of_time"),
    "of the future": (KUBERNETES.token(ACCOUNT, iat=NOW + 3600, exp=NOW + 7200), "out_of_time"),
    "for ever": (KUBERNETES.token(ACCOUNT, exp=None), "malformed"),
    "without a signature": (
        assembled({"alg": "none", "kid": KUBERNETES.kid}, KUBERNETES.claims(ACCOUNT), b""),
        "malformed",
    ),
    "of alg none with a signature": (KUBERNETES.token(ACCOUNT, header={"alg": "none"}), "malformed"),
    "signed with the public key": (hs256_with_the_public_key(), "malformed"),
    "with a key that is not known": (KUBERNETES.token(ACCOUNT, header={"kid": "key-2"}), "unknown_key"),
    "without a key id": (KUBERNETES.token(ACCOUNT, header={"kid": None}), "malformed"),
    "signed by a stranger": (STRANGER.token(ACCOUNT), "bad_signature"),
    "of another algorithm than the key's": (
        KUBERNETES.token(ACCOUNT, header={"alg": "ES256"}),
        "bad_signature",
    ),
    "of another issuer": (TestIssuer("https://evil.example").token(ACCOUNT), "not_trusted"),
    "of an issuer with a slash more": (CI.token("job-1", iss=f"{CI.issuer}/"), "not_trusted"),
    "of an issuer for a subject of another": (CI.token(ACCOUNT), "not_trusted"),
    "of a subject that is not listed": (
        KUBERNETES.token("system:serviceaccount:team-b:builder"),
        "not_trusted",
    ),
    "of a subject that only begins so": (CI.token("repo:acme-evil/app"), "not_trusted"),
    "huge": (CI.token("job-" + "1" * 5900), "malformed"),
    "no token at all": ("a.b.c", "malformed"),
    "of two parts": ("a.b", "malformed"),
    "one of Unicode's dots": ("a\u2024b\u2024c", "malformed"),
    "a lease": ("", "malformed"),
}


@pytest.mark.parametrize("case", REFUSED_TOKENS, ids=str)
async def test_a_token_is_refused(office: Office, case: str) -> None:
    token, reason = REFUSED_TOKENS[case]
    if case == "a lease":
        other = await office.start(office.authority, keys=SIGNING)
        answer = await acquire(other.client.with_key(office.pool.key.text), hardware_id=HOLDER)
        token = answer.body["lease"]
    before = await office.refusals()
    with capture_logs() as logs:
        answer = await acquire(office.showing(token))

    assert (answer.status, answer.code) == (401, "invalid_license")
    assert token not in str(answer.body)
    assert token not in str(logs)
    after = await office.refusals()
    assert {name for name in after if after[name] != before[name]} == {reason}


async def test_a_header_that_is_too_long_is_refused_as_such(office: Office) -> None:
    answer = await acquire(office.showing(CI.token("job-" + "1" * 9000)))
    assert (answer.status, answer.code) == (431, "headers_too_large")


async def test_an_answer_does_not_tell_which_pools_there_are(office: Office) -> None:
    """A pool that does not exist, one of another Tenant and one that lists another subject look the same."""
    other = await make_pool(office.authority)
    await office.identities.open_door("team-b", "prod", Door(other.uid, "tenant-b"), term=1)
    await office.identities.say_trust(
        "tenant-b", (KUBERNETES.trusted("system:serviceaccount:team-b:*"),), term=1
    )
    token = KUBERNETES.token(ACCOUNT)
    bodies = [(await acquire(office.showing(token, pool))).body for pool in ("team-a/none", "team-b/prod")]
    bodies.append((await acquire(office.showing(CI.token("person-1")))).body)
    assert bodies[0] == bodies[1] == bodies[2]


async def test_a_token_opens_only_the_pool_that_trusts_it(office: Office) -> None:
    """The same issuer, trusted by two Tenants for different subjects."""
    other = await make_pool(office.authority)
    await other.configure(key_ids={identity_key_hash(other.uid): IDENTITY_KEY_ID})
    await office.identities.open_door("team-b", "dev", Door(other.uid, "tenant-b"), term=1)
    await office.identities.say_trust(
        "tenant-b", (KUBERNETES.trusted("system:serviceaccount:team-b:*"),), term=1
    )
    ours, theirs = (KUBERNETES.token(f"system:serviceaccount:team-{team}:x") for team in "ab")

    assert (await acquire(office.showing(ours, "team-a/dev"))).status == 201
    assert (await acquire(office.showing(ours, "team-b/dev"))).status == 401
    assert (await acquire(office.showing(theirs, "team-b/dev"))).status == 201
    assert (await acquire(office.showing(theirs, "team-a/dev"))).status == 401


@pytest.mark.parametrize(
    "pool", ["", "dev", "team-a/", "/dev", "Team-A/dev", "a/b/c", "team-a/d ev", "a" * 400]
)
async def test_a_token_needs_the_name_of_a_pool(office: Office, pool: str) -> None:
    answer = await acquire(office.showing(KUBERNETES.token(ACCOUNT), pool))
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "Seatwarden-Pool")


async def test_a_token_without_the_header_is_told_what_is_missing(office: Office) -> None:
    answer = await acquire(office.endpoint.client.with_key(KUBERNETES.token(ACCOUNT)))
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "Seatwarden-Pool")


async def test_a_licence_key_names_its_pool_itself(office: Office) -> None:
    client = office.with_key.with_token(office.pool.key.text, "team-z/none")
    assert (await client.acquire()).status == 201
    assert office.identities.reads == []


async def test_a_licence_key_needs_a_holder(office: Office) -> None:
    answer = await acquire(office.with_key)
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "hardware_id")


async def test_a_holder_cannot_be_chosen(office: Office) -> None:
    pod = await acquire(office.pod(), hardware_id=HOLDER)
    ci = await acquire(office.showing(CI.token()), container="worker")
    assert [(answer.status, answer.body["errors"][0]["field"]) for answer in (pod, ci)] == [
        (400, "hardware_id"),
        (400, "container"),
    ]


async def test_a_token_acts_on_its_own_lease_only(office: Office) -> None:
    """Even who has learnt the id and the fence of another's lease."""
    victim, thief = office.pod("pod-1"), office.pod("pod-2")
    seat = (await granted(victim)).body
    await granted(thief)
    session, fence = seat["session_id"], seat["fence"]

    beat = await thief.heartbeat(session, fence)
    assert (beat.status, beat.code) == (404, "unknown_session")
    bulk = await thief.ask("POST", BULK, {"sessions": [{"id": session, "fence": fence}]})
    assert bulk.body["sessions"][0]["code"] == "unknown_session"
    looked = await thief.ask("POST", VALIDATE, {"session_id": session})
    assert (looked.code, looked.body["session"]) == ("unknown_session", None)
    assert (await thief.release(session, fence)).code == "already_released"

    assert (await victim.heartbeat(session, fence)).code == "ok"
    assert (await office.with_key.heartbeat(session, fence)).code == "ok"


async def test_a_token_has_its_own_among_many_renewed(office: Office) -> None:
    mine, other = office.pod("pod-1"), office.pod("pod-2")
    seats = [(await granted(client)).body for client in (other, mine)]
    beats = [{"id": seat["session_id"], "fence": seat["fence"]} for seat in seats]
    told = (await mine.ask("POST", BULK, {"sessions": [*beats, beats[0]]})).body["sessions"]

    assert [beat["code"] for beat in told] == ["unknown_session", "ok", "unknown_session"]
    assert [beat["session_id"] for beat in told] == [seats[at]["session_id"] for at in (0, 1, 0)]


async def test_a_token_takes_only_its_own_seat_away(office: Office) -> None:
    await office.pool.configure(borrow_seats=2, borrow_longest=Millis(3_600_000))
    seat = (await granted(office.pod())).body
    call, fence = f"{SESSIONS}/{seat['session_id']}", {"fence": seat["fence"]}
    for word in ("borrow", "return"):
        refused = await office.pod("pod-2").ask("POST", f"{call}/{word}", fence)
        assert (refused.status, refused.code) == (404, "unknown_session")
    assert (await office.pod().ask("POST", f"{call}/borrow", fence)).code == "borrowed"
    assert (await office.pod("pod-2").ask("POST", f"{call}/return", fence)).code == "unknown_session"
    assert (await office.pod().ask("POST", f"{call}/return", fence)).code == "returned"


async def test_another_endpoint_that_did_not_grant_the_lease_knows_whose_it_is(office: Office) -> None:
    seat = (await granted(office.pod())).body
    office.endpoint = await office.start(office.authority, identities=office.identities)

    assert (await office.pod("pod-2").heartbeat(seat["session_id"], seat["fence"])).code == "unknown_session"
    assert (await office.pod().heartbeat(seat["session_id"], seat["fence"])).code == "ok"
    assert (await office.pod().release(seat["session_id"], seat["fence"])).code == "released"


async def test_what_was_lost_is_told_to_its_own_holder(office: Office) -> None:
    seat = (await granted(office.pod())).body
    await office.pod().release(seat["session_id"], seat["fence"])
    beat = await office.pod().heartbeat(seat["session_id"], seat["fence"])
    assert (beat.status, beat.code) == (410, "released")


async def test_who_holds_the_seats_and_what_devices_there_are_is_told_to_a_licence_key_only(
    office: Office,
) -> None:
    devices = "/api/v1/licenses/devices"
    for method, path in (("GET", SESSIONS), ("GET", devices), ("DELETE", f"{devices}/{'ab' * 32}")):
        answer = await office.pod().ask(method, path)
        assert (answer.status, answer.code) == (403, "license_key_required")


async def test_two_identities_may_use_the_same_idempotency_key(office: Office) -> None:
    seats = []
    for pod in (office.pod("pod-1"), office.pod("pod-2")):
        headers = {
            "Authorization": f"Bearer {pod.key}",
            "Idempotency-Key": "wish-1",
            "Content-Type": "application/json",
        }
        for _ in range(2):
            answer = await pod.ask("POST", "/api/v1/licenses/acquire", data=b"{}", headers=headers)
            seats.append(answer.body["session_id"])
    assert seats[0] == seats[1] != seats[2] == seats[3]


async def test_a_signed_lease_brings_back_its_own_holder_only(office: Office, redis: Redis) -> None:
    await office.open(keys=SIGNING)
    seat = (await granted(office.pod("pod-1"), nonce="n")).body
    await redis.flushall()
    await office.authority.note_provisioned()
    await office.pool.configure(epoch=2)
    await office.identities.open_door("team-a", "dev", Door(office.pool.uid, office.tenant), term=1)
    await office.trust(*TRUST)

    path, shown = (
        f"{SESSIONS}/{seat['session_id']}/heartbeat",
        {"fence": seat["fence"], "lease": seat["lease"]},
    )
    assert (await office.pod("pod-2").ask("PATCH", path, shown)).code == "unknown_session"
    assert (await office.pod("pod-1").ask("PATCH", path, shown)).code == "ok"


async def test_who_is_listed_no_more_is_refused_within_seconds(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities, "FRESH_SECONDS", 0.0)
    ci = office.showing(CI.token())
    seat = (await granted(ci)).body
    await office.trust(TRUST[0])

    assert (await acquire(ci)).code == "invalid_license"
    assert (await ci.heartbeat(seat["session_id"], seat["fence"])).code == "invalid_license"
    assert (await acquire(office.pod())).status == 201


async def test_a_pool_that_tokens_do_not_open_any_more_refuses_at_once(office: Office) -> None:
    """Whatever the endpoint remembers."""
    seat = (await granted(office.pod())).body
    await office.admit(tokens=False)

    assert (await acquire(office.pod())).code == "invalid_license"
    assert (await office.pod().heartbeat(seat["session_id"], seat["fence"])).code == "invalid_license"
    assert (await office.with_key.heartbeat(seat["session_id"], seat["fence"])).code == "ok"


async def test_redis_is_read_once_for_many_requests(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "FRESH_SECONDS", 1e9)
    for uid in ("pod-1", "pod-2", "pod-1"):
        await acquire(office.pod(uid))
    assert office.identities.reads == [NAME]


async def test_a_key_that_the_issuer_has_just_begun_to_use_is_looked_for(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities, "FRESH_SECONDS", 1e9)
    monkeypatch.setattr(identities, "SOONEST_SECONDS", 0.0)
    await granted(office.showing(CI.token()))
    renewed = TestIssuer(CI.issuer, algorithm="ES256", kid="ci-2", number=2)
    await office.trust(TRUST[0], renewed.trusted("job-*"))

    assert (await acquire(office.showing(renewed.token()))).status == 200
    assert office.identities.reads == [NAME] * 2


async def test_made_up_keys_do_not_have_redis_read_at_will(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities, "FRESH_SECONDS", 1e9)
    monkeypatch.setattr(identities, "SOONEST_SECONDS", 1e9)
    await granted(office.showing(CI.token()))
    for at in range(5):
        await acquire(office.showing(CI.token(header={"kid": f"made-up-{at}"})))
    assert office.identities.reads == [NAME]


async def test_made_up_names_do_not_drive_out_those_that_somebody_has(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities, "FRESH_SECONDS", 1e9)
    monkeypatch.setattr(identities, "KEPT_POOLS", 2)
    await granted(office.pod())
    for at in range(5):
        await acquire(office.showing(KUBERNETES.token(ACCOUNT), f"team-a/made-up-{at}"))
    await granted(office.pod())
    assert office.identities.reads.count(NAME) == 1


async def test_a_redis_that_lost_its_doors_is_no_proof_that_there_is_no_pool(
    office: Office, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities, "FRESH_SECONDS", 0.0)
    await redis.flushall()
    answer = await acquire(office.pod())
    assert (answer.status, answer.code) == (503, "recovering")

    await office.authority.note_provisioned()
    assert (await acquire(office.pod())).code == "invalid_license"


async def test_redis_away_is_told_as_ever(start_endpoint: StartEndpoint) -> None:
    authority = RedisSeatAuthority.connect("redis://127.0.0.1:1/0", time_limit_seconds=0.5)
    endpoint = await start_endpoint(authority, identities=authority.identities())
    answer = await acquire(endpoint.client.with_token(CI.token(), NAME))
    assert (answer.status, answer.code) == (503, "authority_unavailable")
    await authority.close()


async def test_time_is_looked_at_with_each_request(office: Office) -> None:
    pod = office.pod()
    seat = (await granted(pod)).body
    office.now = lambda: time.time() + 3600 + LEEWAY_SECONDS + 1
    answer = await pod.heartbeat(seat["session_id"], seat["fence"])
    assert (answer.status, answer.code) == (401, "invalid_license")
    assert "Read it anew" in answer.body["detail"]


async def test_a_suspended_pool_says_so_to_tokens_too(office: Office) -> None:
    await office.pool.configure(state=PoolState.SUSPENDED)
    answer = await acquire(office.pod())
    assert (answer.status, answer.code) == (403, "suspended")


async def test_many_pods_at_once_get_what_there_is(office: Office) -> None:
    await office.pool.configure(capacity=5, lease=Millis(600_000))
    answers = await asyncio.gather(*(acquire(office.pod(f"pod-{at}")) for at in range(20)))
    assert sorted(answer.status for answer in answers) == [201] * 5 + [409] * 15


async def test_neither_token_nor_claims_are_logged(
    office: Office, start_endpoint: StartEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for a good request, not for a refused one, not where Redis is away and not in a fault."""
    token = KUBERNETES.token(ACCOUNT, **pod_claims("pod-secret"))
    with capture_logs() as logs:
        office.endpoint = await start_endpoint(
            office.authority, EndpointSettings(access_log=True), identities=office.identities
        )
        await granted(office.showing(token))
        await acquire(office.showing(token, "team-z/dev"))
        for error in (AuthorityUnavailable("away"), RuntimeError("a fault")):

            async def fail(*_: object, error: Exception = error) -> Door:
                raise error

            monkeypatch.setattr(office.identities, "door", fail)
            monkeypatch.setattr(identities, "FRESH_SECONDS", 0.0)
            assert (await acquire(office.showing(token))).status in {500, 503}
    assert len(logs) >= 5
    assert token not in str(logs)
    assert not any(part in str(logs) for part in token.split("."))
    assert "pod-secret" not in str(logs)


def test_the_key_of_all_tokens_is_no_licence_key(licence_key: LicenceKey) -> None:
    assert identity_key_hash(licence_key.pool) != licence_key.sha256
