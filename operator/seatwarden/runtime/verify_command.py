"""`seatwarden verify`: is a licence document good, and a lease with it? Asked offline, of files."""

import json
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from seatwarden.runtime.verify_report import as_json, as_lines, refusal_as_json, refusal_as_line
from seatwarden.verify import (
    Keys,
    Lease,
    Licence,
    NotValid,
    authentic_licence,
    read_keys,
    read_revocations,
    verify_lease,
    verify_licence,
)

JWKS = "jwks.json"
LARGEST_FILE = 2 * 1024 * 1024
NOT_VALID = 1

EXAMPLES = f"""
\b
Examples:
  seatwarden verify licence.jws                         with the keys in {JWKS} beside it
  seatwarden verify --jwks keys.json licence.jws other-licence.jws
  seatwarden verify --lease lease.jws --holder "$HOLDER" licence.jws
  seatwarden verify --revocations revoked.jws --at 2027-01-31T12:00:00Z licence.jws
  seatwarden verify --json licence.jws

\b
Exit status:
  0  all is valid
  1  something is not, and the output says what and what to do
  2  the command was used wrongly, or a file cannot be read
"""


class Instant(click.ParamType[int]):
    """An instant: RFC 3339 with its offset, or seconds of Unix time."""

    name = "instant"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The seconds of Unix time that ``value`` says."""
        if isinstance(value, int):
            return value
        if value.isascii() and value.isdigit():
            return int(value)
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            instant = None
        if instant is None or instant.tzinfo is None:
            self.fail(f"{value!r} is no instant; give one such as 2027-01-31T12:00:00Z", param, ctx)
        return int(instant.timestamp())


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be verified besides the document, and as of when. The texts are those of the files."""

    now: int
    tenant: str | None
    revocations: str | None
    lease: str | None
    holder: str | None
    pool: str | None


@click.command("verify", short_help="Verify licence documents and leases offline.", epilog=EXAMPLES)
@click.argument("documents", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--jwks",
    type=click.Path(path_type=Path),
    help=f"The public keys of the tenant, a JWK Set. Without it, {JWKS} in the folder of the document.",
)
@click.option("--tenant", metavar="UID", help="The uid of the tenant that the documents must be of.")
@click.option("--lease", type=click.Path(path_type=Path), help="A lease to verify with the one document.")
@click.option(
    "--holder", metavar="HEX", help="Who shows the lease: the 64 hex characters that took the seat."
)
@click.option("--pool", metavar="UID", help="The uid of the pool that the lease must be of.")
@click.option("--revocations", type=click.Path(path_type=Path), help="The revocation list of the tenant.")
@click.option(
    "--at", type=Instant(), help="Verify as of this instant, such as 2027-01-31T12:00:00Z. [default: now]"
)
@click.option("--json", "in_json", is_flag=True, help="Print a JSON object for each document, one a line.")
def verify(
    documents: tuple[Path, ...],
    jwks: Path | None,
    tenant: str | None,
    lease: Path | None,
    holder: str | None,
    pool: str | None,
    revocations: Path | None,
    at: int | None,
    in_json: bool,
) -> None:
    """Verify the licence documents in FILE..., each a compact JWS, without asking anybody.

    With --lease, the document may have ended meanwhile: a lease is good until its own end where it was signed before the end of
    the document. Nothing is remembered of the clock, so a clock that was set back is not noticed here.
    """
    if (lease is None) != (holder is None):
        raise click.UsageError("--lease and --holder go together: a lease is good for one machine only.")
    if lease is not None and len(documents) > 1:
        raise click.UsageError("--lease goes with one document: the one that certifies its key.")
    if pool is not None and lease is None:
        raise click.UsageError("--pool says which pool a lease must be of: give --lease with it.")
    asked = Asked(
        now=int(time.time()) if at is None else at,
        tenant=tenant,
        revocations=None if revocations is None else _text(revocations),
        lease=None if lease is None else _text(lease),
        holder=holder,
        pool=pool,
    )
    texts = [(path, _text(path), _text(jwks or path.parent / JWKS)) for path in documents]
    verdicts = [_tell(path, document, keys, asked, in_json=in_json) for path, document, keys in texts]
    if not all(verdicts):
        sys.exit(NOT_VALID)


def _tell(path: Path, document: str, keys: str, asked: Asked, *, in_json: bool) -> bool:
    try:
        licence, lease = _verified(document, read_keys(keys), asked)
    except NotValid as refused:
        click.echo(json.dumps(refusal_as_json(path, refused)) if in_json else refusal_as_line(path, refused))
        return False
    if in_json:
        click.echo(json.dumps(as_json(path, licence, lease)))
    else:
        click.echo("\n".join(as_lines(path, licence, lease, asked.now)))
    return True


def _verified(document: str, keys: Keys, asked: Asked) -> tuple[Licence, Lease | None]:
    licence = authentic_licence(document, keys, tenant=asked.tenant)
    revoked = None
    if asked.revocations is not None:
        revoked = read_revocations(asked.revocations, keys, now=asked.now, tenant=licence.tenant_uid)
    if asked.lease is None or asked.holder is None:
        return verify_licence(document, keys, now=asked.now, tenant=asked.tenant, revoked=revoked), None
    lease = verify_lease(
        asked.lease, licence, holder=asked.holder, now=asked.now, pool=asked.pool, revoked=revoked
    )
    return licence, lease


def _text(path: Path) -> str:
    """The text of a file, without the line end that editors put behind it.

    Raises:
        click.UsageError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            # One byte more than any of them may have is enough for the verifier to refuse it.
            return file.read(LARGEST_FILE).decode(errors="replace").strip()
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}.") from error
