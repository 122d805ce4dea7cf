"""What processes log: from the level that was asked for on, what is ours; of libraries warnings alone.

HTTP and S3 clients log what they send at DEBUG: keys, signatures of links, what stands in headers. No setting of ours
makes them.
"""

import logging

OURS = ("ciotat", "service", "worker", "model")


def configure(level: str) -> None:
    """To standard error, from now on."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger().setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(level)


class WithoutQuery(logging.Filter):
    """For uvicorn's log of requests: a signature stands in the query of a link."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Cut the third of its arguments, the path, before the query."""
        if isinstance(record.args, tuple) and len(record.args) > 2:
            cut = (*record.args[:2], str(record.args[2]).partition("?")[0], *record.args[3:])
            record.args = cut
        return True
