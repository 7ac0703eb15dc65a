"""The calls with which a seat is taken away and brought back."""

from aiohttp import web

from seatwarden.domain.borrowing import Borrow, BorrowRefusal, Return
from seatwarden.domain.seats import Beat, BeatVerdict, Code, Fence, Millis
from seatwarden.endpoint import borrow_verdicts
from seatwarden.endpoint.handlers import Handlers
from seatwarden.endpoint.parameters import session_parameter
from seatwarden.endpoint.problems import Outcome
from seatwarden.endpoint.request_models import BorrowBody, ReturnBody


class BorrowHandlers(Handlers):
    """The handlers of borrows."""

    async def borrow(self, request: web.Request) -> Outcome:
        """POST /api/v1/licenses/sessions/{id}/borrow."""
        lease_id = session_parameter(request)
        body = await self._body(request, BorrowBody)
        credential = await self._credentials.of(request, body)
        beat = Beat(lease_id, Fence(body.fence))
        length = Millis(0 if body.seconds is None else round(body.seconds * 1000))
        verdict: Borrow | BorrowRefusal = BorrowRefusal(code=Code.UNKNOWN_SESSION)
        if await self._own.among(credential, (lease_id,)) == [True]:
            verdict = await self._seats.borrow(credential.pool, credential.key_hash, beat, length)
        lease = None
        if isinstance(verdict, Borrow):
            lease = self._proofs.of_borrow(credential.pool, lease_id, verdict)
        return borrow_verdicts.borrow_outcome(
            lease_id, verdict, wanted=length, lease=lease, spread=self._spread()
        )

    async def give_back(self, request: web.Request) -> Outcome:
        """POST /api/v1/licenses/sessions/{id}/return."""
        lease_id = session_parameter(request)
        body = await self._body(request, ReturnBody)
        credential = await self._credentials.of(request, body)
        beat = Beat(lease_id, Fence(body.fence))
        if await self._own.among(credential, (lease_id,)) == [False]:
            return borrow_verdicts.not_returned(BeatVerdict(code=Code.UNKNOWN_SESSION))
        verdict = await self._seats.take_back(credential.pool, credential.key_hash, beat)
        if not isinstance(verdict, Return):
            return borrow_verdicts.not_returned(verdict)
        lease = self._proofs.of_return(credential.pool, beat, verdict)
        return borrow_verdicts.return_outcome(verdict, lease=lease, spread=self._spread())
