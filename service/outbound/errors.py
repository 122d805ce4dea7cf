"""Why a call did not succeed, in words that are fit for the client: they say nothing about our own network."""


class OutboundError(Exception):
    """A call to an address of a client's did not succeed."""


class UrlRefused(OutboundError):
    """The address may not be called, as can be seen from how it is written."""


class Unreachable(OutboundError):
    """The host does not exist, does not answer, or may not be called: which of these is not told.

    Otherwise who asks for names of our own network would learn which exist.
    """

    def __init__(self) -> None:
        super().__init__("the host cannot be reached")


class TimedOut(OutboundError):
    """The call took longer than it may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the host did not answer in full within {seconds:g} s")


class AnswerTooLarge(OutboundError):
    """The answer has more bytes than are wanted."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"the answer is larger than {most_bytes} bytes")


class AnswerRefused(OutboundError):
    """The host answered, but not with what was asked for."""
