"""What the handlers of client programs' calls have in common."""

from collections.abc import Callable
from typing import TypeVar

from aiohttp import web

from seatwarden.backends.authority import SeatPath
from seatwarden.endpoint.bodies import read_json_body
from seatwarden.endpoint.credentials import Credentials
from seatwarden.endpoint.own_leases import OwnLeases
from seatwarden.endpoint.proofs import Proofs
from seatwarden.endpoint.request_models import RequestBody
from seatwarden.endpoint.settings import EndpointSettings

Body = TypeVar("Body", bound=RequestBody)


class Handlers:
    """Over one authority. ``spread`` gives a number from 0 up to 1 (see `verdicts`)."""

    def __init__(
        self,
        *,
        seats: SeatPath,
        settings: EndpointSettings,
        credentials: Credentials,
        own: OwnLeases,
        proofs: Proofs,
        spread: Callable[[], float],
    ) -> None:
        self._seats = seats
        self._credentials = credentials
        self._own = own
        self._proofs = proofs
        self._settings = settings
        self._spread = spread

    async def _body(self, request: web.Request, model: type[Body]) -> Body:
        return await read_json_body(request, model, seconds=self._settings.body_seconds)
