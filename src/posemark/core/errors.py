"""The error tree. Every message names what was expected, what came, and what to do.

The command line prints these as one paragraph and exits with code 2; a traceback
therefore always means a bug in PoseMark itself.
"""

from collections.abc import Mapping


class PoseMarkError(Exception):
    """Base of every error that a user can cause and mend."""


class UsageError(PoseMarkError):
    """A name, option or combination of options that does not exist or contradicts itself."""


class DataError(PoseMarkError):
    """Annotations or boxes that are missing, broken, or belong to other images."""


class FrameError(PoseMarkError):
    """One frame that cannot be used. The run records it, counts it and goes on."""


class CheckpointError(PoseMarkError):
    """A weights file that is unsafe, unreadable, or made for another network."""


class DownloadError(PoseMarkError):
    """A file that could not be fetched, or is not the one that was meant.

    reasons: by address that was tried, why it did not give the file.
    """

    def __init__(self, message: str, reasons: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reasons = dict(reasons or {})


class RecordError(PoseMarkError):
    """A run record that is unreadable, of another schema, or of another run."""


class RunError(PoseMarkError):
    """A measurement that could not be finished: its process died, its memory ran out."""


class ExportError(PoseMarkError):
    """An exported network that does not give what the original gives."""


class CardError(PoseMarkError):
    """A card of an exported model that is unreadable, or says what cannot be."""
