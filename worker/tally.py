"""What a sweep has found, kind by kind: how many there are, and how many of them went, or would have."""

from dataclasses import dataclass, field

MOST_NAMED = 100


@dataclass
class Row:
    """One kind of thing; `bytes` are those of what went."""

    found: int = 0
    removed: int = 0
    bytes: int = 0


@dataclass
class Tally:
    """The rows by their names, what was put right in Redis, and what nobody can account for."""

    rows: dict[str, Row] = field(default_factory=dict)
    repaired: dict[str, int] = field(default_factory=dict)
    unaccounted: int = 0
    named: list[str] = field(default_factory=list)  # the first of those
    whole: bool = False  # whether the sweep came to its end

    def count(self, kind: str, removed: bool = False, size: int = 0) -> None:
        """One of this kind was found, and perhaps removed."""
        row = self.rows.setdefault(kind, Row())
        row.found += 1
        row.removed += removed
        row.bytes += size if removed else 0

    def repair(self, what: str, times: int = 1) -> None:
        """Something in Redis was not as the records say, and now is."""
        self.repaired[what] = self.repaired.get(what, 0) + times

    def cannot_account_for(self, what: str) -> None:
        """Something is there of which nothing says why, or until when."""
        self.unaccounted += 1
        if len(self.named) < MOST_NAMED:
            self.named.append(what)

    @property
    def removed(self) -> int:
        """All that went."""
        return sum(row.removed for row in self.rows.values())
