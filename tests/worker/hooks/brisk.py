"""A worker that is sooner known to ask for no messages."""

from worker import warmth

warmth.SILENT = 3.0
