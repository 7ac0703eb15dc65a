"""A client program as a customer might write one: takes a seat, keeps it by heartbeats, gives it back when it is told to end.

`python -m seatwarden.local.tour_client URL KEY_FILE NAME` prints one JSON line for each thing that happens. It ends when it is
refused, when its standard input ends (its owner is gone), or on SIGTERM; in the latter two cases it releases its seat first.
Only the standard library is used, so that it can be read as an example.
"""

import hashlib
import json
import signal
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

_CALL_SECONDS = 5.0


def main(url: str, key_file: str, name: str) -> None:
    """Hold a seat for the machine ``name``."""
    told_to_end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told_to_end.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_until_input_ends, args=(told_to_end,), daemon=True).start()
    key = Path(key_file).read_text().strip()
    # What identifies a machine is the client's business; the server sees 64 hex characters.
    hardware_id = hashlib.sha256(name.encode()).hexdigest()
    seat = _call(
        url,
        key,
        "POST",
        "/api/v1/licenses/acquire",
        {"hardware_id": hardware_id, "metadata": {"hostname": name}},
    )
    _say(seat)
    if "session_id" not in seat:
        return
    session = f"/api/v1/licenses/sessions/{seat['session_id']}"
    pause = seat["next_heartbeat_in"]
    while not told_to_end.wait(pause):
        beat = _call(url, key, "PATCH", f"{session}/heartbeat", {"fence": seat["fence"]})
        if beat["code"] != "ok":
            _say(beat)
            return
        pause = beat["next_heartbeat_in"]
    _say(_call(url, key, "DELETE", session, {"fence": seat["fence"]}))


def _call(url: str, key: str, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310  the URL is the one that our owner gave
        url + path,
        method=method,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_CALL_SECONDS) as response:  # noqa: S310  as above
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as refusal:
        with refusal:
            answer = json.load(refusal)
    return answer


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201  this is how it speaks to its owner


def _until_input_ends(told_to_end: threading.Event) -> None:
    sys.stdin.read()
    told_to_end.set()


if __name__ == "__main__":
    main(*sys.argv[1:])
