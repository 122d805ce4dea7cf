"""A server told to stop waits for its open streams first; so they have to hear of it before the server does."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def before_stopping(act: Callable[[], None]) -> Iterator[None]:
    """Within this block INT and TERM run `act` in the event loop, then do what they did before.

    Only the main thread can listen to signals: elsewhere, as in tests, whoever ends the server has to act.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def told(number: int, frame: object) -> None:
        loop.call_soon_threadsafe(act)
        then = before[signal.Signals(number)]
        if callable(then):
            then(number, frame)  # type: ignore[arg-type]

    for number in before:
        signal.signal(number, told)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
