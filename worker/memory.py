"""The memory of a job that has failed or was cancelled is given back, whoever keeps its error."""

import traceback
from types import TracebackType
from typing import Self

import torch


class GivenBack:
    """A block that an error leaves with its traceback as a note: as text.

    A traceback refers to the frames that the error went through, and they to their variables and closures: the tensors
    of a whole generation, for as long as a log record or a debugger keeps the error. Clearing the frames would leave
    the closures.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while error is not None and error.__traceback__ is not None:
            error.add_note("".join(traceback.format_tb(error.__traceback__)).rstrip())
            error.__traceback__ = None
            error = error.__cause__ or error.__context__
        if kind is not None:
            del trace
            torch.cuda.empty_cache()  # does nothing where CUDA was never used
