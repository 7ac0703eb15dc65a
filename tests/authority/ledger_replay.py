"""The ledger alone, read as an auditor would."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass
class LedgerReplay:
    """What a reader of the ledger alone knows: who holds a seat, and how long each was held."""

    held: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Since when each lease has so many seats, and how many."""
    fences: list[int] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    charged: int = 0
    marks: dict[tuple[str, int], int] = field(default_factory=dict)
    """The fences of seats, by lease and number, that were granted above the capacity and still are."""
    borrowed: dict[str, int] = field(default_factory=dict)
    """Until when each lease was last said to be borrowed."""

    @classmethod
    def of(cls, ledger: Iterable[Mapping[str, str]]) -> "LedgerReplay":
        replay = cls()
        for entry in ledger:
            replay._read(entry)
        return replay

    def _read(self, entry: Mapping[str, str]) -> None:
        event = entry["event"]
        self.totals[event] = self.totals.get(event, 0) + 1
        match event:
            case "granted":
                assert entry["lease"] not in self.held, "a lease that is held is granted again"
                self._hold(entry)
                self.fences.append(int(entry["fence"]))
            case "taken_over":
                assert entry["lease"] in self.held, "a lease that nobody holds is taken over"
                self._hold(entry)
                self.fences.append(int(entry["fence"]))
            case "readmitted":
                # The grant that was lost is charged from the instant of its return: a loss is not invented.
                self._hold(entry)
            case "converted":
                lease, number = min(self.marks, key=lambda seat: (self.marks[seat], seat))
                assert (lease, 1) == (entry["lease"], _quantity(entry)), (
                    "not the oldest seat above the capacity"
                )
                del self.marks[lease, number]
            case "borrowed":
                self.borrowed[entry["lease"]] = int(entry["until"])
            case "returned":
                del self.borrowed[entry["lease"]]
            case "lingering":
                assert self.held[entry["lease"]][1] == _quantity(entry), "seats linger that nobody had"
                self.borrowed.pop(entry["lease"], None)
            case "released" | "expired" | "evicted" | "suspended":
                self.borrowed.pop(entry["lease"], None)
                self._charge(entry)
                assert self.held.pop(entry["lease"])[1] == _quantity(entry)
                self._keep_marks(entry["lease"], 0)
            case _:
                pass
        assert int(entry["used"]) == sum(seats for _, seats in self.held.values()), "the ledger miscounts"

    @property
    def above(self) -> list[str]:
        """The lease of each seat above the capacity, oldest first."""
        return [lease for lease, _ in sorted(self.marks, key=lambda seat: (self.marks[seat], seat))]

    def _hold(self, entry: Mapping[str, str]) -> None:
        lease, seats, overage = entry["lease"], _quantity(entry), int(entry.get("overage", 0))
        held_since, held = self.held.get(lease, (int(entry["at"]), 0))
        if seats != held:
            self._charge(entry)
            held_since = int(entry["at"])
        self.held[lease] = (held_since, seats)
        self._keep_marks(lease, seats)
        self.marks |= {(lease, seats - at): int(entry["fence"]) for at in range(overage)}
        assert overage > 0 or "overage" not in entry
        self.totals["overage_granted"] = self.totals.get("overage_granted", 0) + overage

    def _charge(self, entry: Mapping[str, str]) -> None:
        since, seats = self.held.get(entry["lease"], (0, 0))
        self.charged += seats * (int(entry["at"]) - since)

    def _keep_marks(self, lease: str, seats: int) -> None:
        self.marks = {
            seat: fence for seat, fence in self.marks.items() if seat[0] != lease or seat[1] <= seats
        }


def _quantity(entry: Mapping[str, str]) -> int:
    return int(entry.get("quantity", 1))


def ledger_seat_milliseconds(ledger: Iterable[Mapping[str, str]]) -> int:
    """What a reader of the ledger alone counts where no lease is held any more: each seat from its grant to its end."""
    replay = LedgerReplay.of(ledger)
    assert not replay.held, "leases are still held"
    return replay.charged
