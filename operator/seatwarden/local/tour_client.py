"""A client program as a customer might write one: takes a seat, keeps it by heartbeats, gives it back when it ends.

`python -m seatwarden.local.tour_client [--keep-asking] URL KEY_FILE NAME` prints one JSON line for each thing that
happens. Refused, it ends, or asks again every second where it is told to keep asking. On SIGTERM, or when its standard
input ends (its owner is gone), it releases its seat and ends. Only the standard library is used, so that it can be
read as an example.
"""

import argparse
import hashlib
import http.client
import json
import os
import secrets
import signal
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

_CALL_SECONDS = 5.0
_AGAIN_SECONDS = 1.0
_UNREACHABLE = "unreachable"

Answer = dict[str, Any]


class Seat:
    """The seat of this run of the program on the machine ``name``."""

    def __init__(self, url: str, key: str, name: str) -> None:
        self._url = url
        self._key = key
        self._holder = {
            # What identifies a machine is the client's business; the server sees 64 hex characters.
            "hardware_id": hashlib.sha256(name.encode()).hexdigest(),
            # Repeating a call whose answer was lost gives the same lease; another run has another nonce.
            "nonce": secrets.token_hex(8),
            "metadata": {"hostname": name},
        }
        self._path = ""
        self._fence: Answer = {}

    def acquire(self) -> Answer:
        """Ask for the seat; it is ours where the answer has a session_id."""
        answer = self._call("POST", "/api/v1/licenses/acquire", self._holder)
        if "session_id" in answer:
            self._path = f"/api/v1/licenses/sessions/{answer['session_id']}"
            self._fence = {"fence": answer["fence"]}
        return answer

    def renew(self) -> Answer:
        """Send one heartbeat."""
        return self._call("PATCH", f"{self._path}/heartbeat", self._fence)

    def release(self) -> Answer:
        """Give the seat back."""
        return self._call("DELETE", self._path, self._fence)

    def _call(self, method: str, path: str, body: Answer) -> Answer:
        request = urllib.request.Request(  # noqa: S310  the URL is the one that our owner gave
            self._url + path,
            method=method,
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_CALL_SECONDS) as response:  # noqa: S310  as above
                answer: Answer = json.load(response)
        except urllib.error.HTTPError as refusal:
            with refusal:
                answer = json.load(refusal)
        except (OSError, http.client.HTTPException, ValueError) as error:
            answer = {"code": _UNREACHABLE, "detail": str(error)}
        return answer


def run(seat: Seat, *, keep_asking: bool, told_to_end: threading.Event) -> None:
    """Take the seat and keep it, until told to end or refused."""
    refused = ""
    while not told_to_end.is_set():
        answer = seat.acquire()
        if "session_id" in answer:
            refused = ""
            _say(answer)
            _keep(seat, answer, told_to_end)
            continue
        if answer["code"] != refused:
            refused = answer["code"]
            _say(answer)
        if not keep_asking:
            return
        told_to_end.wait(_AGAIN_SECONDS)


def _keep(seat: Seat, granted: Answer, told_to_end: threading.Event) -> None:
    """Renew until told to end, and then release; or until the seat is lost."""
    ends = time.monotonic() + granted["expires_in"]
    pause = granted["next_heartbeat_in"]
    while not told_to_end.wait(pause):
        beat = seat.renew()
        if beat["code"] == "ok":
            ends = time.monotonic() + beat["expires_in"]
            pause = beat["next_heartbeat_in"]
        elif beat["code"] in {_UNREACHABLE, "authority_unavailable"} and time.monotonic() < ends:
            # The lease goes on without us for as long as was promised.
            pause = _AGAIN_SECONDS
        else:
            _say(beat)
            return
    _say(seat.release())


def _say(answer: Answer) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201  this is how it speaks to its owner


def _until_input_ends(told_to_end: threading.Event) -> None:
    # Not sys.stdin: Python cannot end while a thread waits inside its buffer.
    while os.read(0, 4096):
        pass
    told_to_end.set()


def main() -> None:
    """Read the arguments and the key, and hold a seat."""
    parser = argparse.ArgumentParser(description="Hold a seat of a pool.")
    parser.add_argument("--keep-asking", action="store_true", help="ask again after a refusal")
    parser.add_argument("url", help="the seat endpoint, such as http://127.0.0.1:8080")
    parser.add_argument("key_file", type=Path, help="the file with the licence key")
    parser.add_argument("name", help="what this machine is called")
    arguments = parser.parse_args()
    told_to_end = threading.Event()
    # In a thread of its own: the handler may interrupt the very wait whose lock `set` needs.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=told_to_end.set).start())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_until_input_ends, args=(told_to_end,), daemon=True).start()
    seat = Seat(arguments.url, arguments.key_file.read_text().strip(), arguments.name)
    run(seat, keep_asking=arguments.keep_asking, told_to_end=told_to_end)


if __name__ == "__main__":
    main()
