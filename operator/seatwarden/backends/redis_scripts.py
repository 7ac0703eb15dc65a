"""The Lua scripts of the seat authority and of Stripe's events, as Redis is to run them.

Each script is one file of ``lua/seats`` (or another room) with the parts of its ``lib`` that it uses put behind its first
line, which is the shebang that tells Redis what the script may do: so a read-only one cannot write, and none
that writes starts when Redis is full or a replica, to be stopped halfway. Redis knows a script by the SHA-1
of its whole text.
"""

import hashlib
from dataclasses import dataclass, field
from importlib.resources import files

_POOL = ("pool",)
_ACCOUNT = ("pool", "account")
_QUEUE = ("pool", "account", "gates", "queue")
_ENDINGS = (*_QUEUE, "endings")
_POOL_AND_GATES = ("pool", "gates")
_STREAM = ("stream",)
_STREAM_OF_GROUP = ("stream", "group")
_RETURN = ("pool", "account", "gates", "readmission")


@dataclass(frozen=True, slots=True)
class Script:
    """A script's name, its text with the parts that it uses, and what EVALSHA calls it by."""

    name: str
    text: str = field(repr=False)
    sha: str


def _read(name: str, parts: tuple[str, ...], room: str = "seats") -> Script:
    folder = files("seatwarden_lua") / room
    shebang, own = (folder / f"{name}.lua").read_text().split("\n", 1)
    library = "".join((folder / "lib" / f"{part}.lua").read_text() for part in parts)
    return _script(name, f"{shebang}\n{library}{own}")


def _script(name: str, text: str) -> Script:
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _with_a_function(script: Script, within: Script) -> Script:
    """``script`` that can call ``within`` as a function of its name, of KEYS, ARGV and what stands for `redis`."""
    shebang, own = script.text.split("\n", 1)
    body = within.text.split("\n", 1)[1]
    return _script(
        script.name, f"{shebang}\nlocal function {within.name}(KEYS, ARGV, redis)\n{body}end\n{own}"
    )


ACQUIRE = _read("acquire", _QUEUE)
ACQUIRE_ALL = _with_a_function(_read("acquire_all", ("undo",)), ACQUIRE)
HEARTBEAT = _read("heartbeat", _POOL)
RELEASE = _read("release", _ACCOUNT)
VALIDATE = _read("validate", _POOL_AND_GATES)
SESSIONS = _read("sessions", _POOL)
CONFIGURE = _read("configure", _ENDINGS)
OBSERVE = _read("observe", _ACCOUNT)
SWEEP = _read("sweep", _ENDINGS)
REMOVE = _read("remove", _QUEUE)
READMIT = _read("readmit", _RETURN)
BORROW = _read("borrow", _ACCOUNT)
RETURN = _read("return", _ACCOUNT)
BORROWS = _read("borrows", _POOL)
RESTORE = _read("restore", _RETURN)
DEVICES = _read("devices", _POOL_AND_GATES)
REMOVE_DEVICE = _read("remove_device", _POOL_AND_GATES)
ARRIVE = _read("arrive", _ACCOUNT)
TICK = _read("tick", ())

IDENTITY_READ = _read("read", (), "identity")
IDENTITY_WRITE = _read("write", (), "identity")
"""These two have no part in who holds a seat. They are loaded when they are first used."""

STRIPE_APPEND = _read("append", _STREAM, "stripe")
STRIPE_TAKE = _read("take", _STREAM_OF_GROUP, "stripe")
STRIPE_ADOPT = _read("adopt", _STREAM_OF_GROUP, "stripe")
STRIPE_KEEP = _read("keep", _STREAM_OF_GROUP, "stripe")
STRIPE_DONE = _read("done", _STREAM_OF_GROUP, "stripe")
STRIPE_BURY = _read("bury", _STREAM_OF_GROUP, "stripe")
STRIPE_BACKLOG = _read("backlog", _STREAM, "stripe")
STRIPE_DEAD = _read("dead", _STREAM, "stripe")
STRIPE_REPLAY = _read("replay", _STREAM, "stripe")
STRIPE_SCRIPTS = (
    *(STRIPE_APPEND, STRIPE_BACKLOG),
    *(STRIPE_TAKE, STRIPE_ADOPT, STRIPE_KEEP, STRIPE_DONE, STRIPE_BURY, STRIPE_DEAD, STRIPE_REPLAY),
)
"""What Stripe said, on its way to the operator. Loaded when they are first used."""

ALL_SCRIPTS = (
    *(ACQUIRE, ACQUIRE_ALL, HEARTBEAT, RELEASE, VALIDATE, SESSIONS, READMIT, ARRIVE),
    *(DEVICES, REMOVE_DEVICE),
    *(BORROW, RETURN, BORROWS, RESTORE),
    *(CONFIGURE, OBSERVE, SWEEP, REMOVE, TICK),
)
