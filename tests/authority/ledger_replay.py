"""The ledger alone, read as an auditor would."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass
class LedgerReplay:
    """What a reader of the ledger alone knows: who holds a seat, and how long each was held."""

    held: dict[str, int] = field(default_factory=dict)
    fences: list[int] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    charged: int = 0
    marks: dict[str, int] = field(default_factory=dict)
    """The fences of leases that were granted above the capacity and still are."""

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
                self.held[entry["lease"]] = int(entry["at"])
                self.fences.append(int(entry["fence"]))
                self._mark(entry)
            case "taken_over":
                assert entry["lease"] in self.held, "a lease that nobody holds is taken over"
                self.fences.append(int(entry["fence"]))
            case "readmitted":
                # The grant that was lost is charged from the instant of its return: a loss is not invented.
                self.held.setdefault(entry["lease"], int(entry["at"]))
                self._mark(entry)
            case "converted":
                assert self.above[0] == entry["lease"], "not the oldest of the leases above the capacity"
                del self.marks[entry["lease"]]
            case "released" | "expired":
                self.charged += int(entry["at"]) - self.held.pop(entry["lease"])
                self.marks.pop(entry["lease"], None)
            case _:
                pass
        assert int(entry["used"]) == len(self.held), "the ledger miscounts the seats in use"

    @property
    def above(self) -> list[str]:
        """The leases above the capacity, oldest first."""
        return sorted(self.marks, key=lambda lease: self.marks[lease])

    def _mark(self, entry: Mapping[str, str]) -> None:
        if entry.get("above") == "overage":
            self.marks[entry["lease"]] = int(entry["fence"])
            self.totals["overage_granted"] = self.totals.get("overage_granted", 0) + 1


def ledger_seat_milliseconds(ledger: Iterable[Mapping[str, str]]) -> int:
    """What a reader of the ledger alone counts where no lease is held any more: each seat from its grant to its end."""
    replay = LedgerReplay.of(ledger)
    assert not replay.held, "leases are still held"
    return replay.charged
