"""Why something is not valid: a code for programs, and what to do for people."""

from enum import StrEnum


class Code(StrEnum):
    """Why something is not valid. The words are stable: programs may compare them and store them."""

    MALFORMED = "malformed"
    WRONG_ALGORITHM = "wrong_algorithm"
    UNKNOWN_KEY = "unknown_key"
    WRONG_SIGNATURE = "wrong_signature"
    WRONG_TENANT = "wrong_tenant"
    WRONG_HOLDER = "wrong_holder"
    WRONG_POOL = "wrong_pool"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    LICENCE_ENDED = "licence_ended"
    LICENCE_TOO_OLD = "licence_too_old"
    LEASE_TOO_LONG = "lease_too_long"
    REVOKED = "revoked"
    CLOCK_SET_BACK = "clock_set_back"


WHAT_TO_DO = {
    Code.MALFORMED: "Get it again from where it came from, and change nothing in it.",
    Code.WRONG_ALGORITHM: "Do not use it: only a forgery says so. Get it again from where it came from.",
    Code.UNKNOWN_KEY: "Get the newest public keys and the newest licence document, and try again.",
    Code.WRONG_SIGNATURE: "It was changed or forged: get it again from where it came from.",
    Code.WRONG_TENANT: "Use what was made for this customer.",
    Code.WRONG_HOLDER: "Take a seat on this machine, and use the lease that comes with it.",
    Code.WRONG_POOL: "Take a seat of the right pool, and use the lease that comes with it.",
    Code.NOT_YET_VALID: "Set the clock of this machine right, or wait until then.",
    Code.EXPIRED: "Get a newer one, or set the clock of this machine right.",
    Code.LICENCE_ENDED: "Renew the subscription, and get the new licence document.",
    Code.LICENCE_TOO_OLD: "Get the newer licence document, and try again.",
    Code.LEASE_TOO_LONG: "Do not use it: no endpoint signs such a lease. Take a seat again.",
    Code.REVOKED: "Do not use it any more: take a seat again, or get the new licence document.",
    Code.CLOCK_SET_BACK: "Set the clock of this machine right.",
}
"""What a person does about each code: one sentence, which follows the one that says what was found."""


class NotValid(Exception):
    """Something is not valid, or not now, or not here.

    ``code`` tells programs why. ``found`` is a sentence about what was found, and the text of the exception goes on with what to
    do. Neither quotes anything that a forger could have chosen freely.
    """

    def __init__(self, code: Code, found: str) -> None:
        super().__init__(f"{found} {WHAT_TO_DO[code]}")
        self.code = code
        self.found = found
