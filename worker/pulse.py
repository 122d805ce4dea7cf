"""What a worker does whenever the making of a video comes up for air: after each step, before each batch of windows."""

import torch

from model.steps import Step
from worker.drain import Drain, Drained, Rest
from worker.hold import Hold
from worker.previews import Previews
from worker.resume import Points
from worker.timings import Timings


class Pulse:
    """Of one attempt. Raises LeaseLost when the job is this worker's no longer, Drained when it must be gone first."""

    def __init__(
        self,
        hold: Hold,
        timings: Timings,
        previews: Previews,
        points: Points,
        drain: Drain,
        rest: Rest,
        device: torch.device,
    ) -> None:
        self._hold, self._timings, self._previews, self._points = hold, timings, previews, points
        self._drain, self._rest, self._device = drain, rest, device
        self._last: Step | None = None

    def step(self, step: Step) -> None:
        """A step is done."""
        self._last = step
        self._wait_for_device()
        self._hold.beat(step.percent)
        self._timings.lap(step.stage)
        self._previews.offer(step)
        self._timings.lap("previews")
        self._points.offer(step, self._timings.seconds)
        self._leave_in_time()

    def look(self) -> None:
        """Some windows are next."""
        self._wait_for_device()
        self._hold.beat()
        self._points.collect()
        self._leave_in_time()

    def _wait_for_device(self) -> None:
        """Launched is not done, and what is told and measured is to be true."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def _leave_in_time(self) -> None:
        last = self._last
        if not self._drain.comes_before(self._rest.seconds(last.fraction) if last else None):
            return
        if last is not None:
            self._points.save(last, self._timings.seconds, until=lambda: self._drain.comes_before(0.0))
        raise Drained
