"""`ciotat sweep`: one pass of the sweeper now, and its table."""

from collections.abc import Callable

from service.access.keyring import CommandFailed
from service.processes.local import StackError, redis_of
from worker.connection import StoreUnavailable, connect
from worker.settings import Settings
from worker.storage import StorageUnavailable, open_storage
from worker.sweeper import Sweeper, SweepRuns
from worker.tally import Tally


def sweep_now(settings: Settings, dry: bool, adopt: bool, show: Callable[[str], None]) -> None:
    """One pass; `show` gets its table. What cannot be accounted for is a failure, and named."""
    try:
        with redis_of(settings) as url, connect(url) as client:
            sweeper = Sweeper(client, open_storage(settings), settings.terms)
            if adopt and not dry:
                sweeper.adopt()
            tally = sweeper.sweep(dry)
    except (StackError, StoreUnavailable, StorageUnavailable, SweepRuns) as failed:
        raise CommandFailed(failed) from None
    show(table(tally, dry))
    if tally.unaccounted:
        raise CommandFailed("not accounted for: " + "; ".join(tally.named))


def table(tally: Tally, dry: bool = False) -> str:
    """A line for each kind of thing, and one for each kind of repair."""
    gone, righted = ("to remove", "to repair") if dry else ("removed", "repaired")
    lines = [f"{'':<32}{'found':>12}{gone:>12}{'bytes':>16}"]
    for kind, row in sorted(tally.rows.items()):
        lines.append(f"{kind:<32}{row.found:>12}{row.removed:>12}{row.bytes:>16}")
    lines += [f"{righted}: {what:<30}{times:>12}" for what, times in sorted(tally.repaired.items())]
    return "\n".join(lines)
