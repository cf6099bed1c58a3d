"""The exceptions of PoseMark. Every message says what was expected, what came and what to do.

The command line prints these as one paragraph and exits with code 2. A traceback therefore
always means a bug in PoseMark itself.
"""

from collections.abc import Mapping


class PoseMarkError(Exception):
    """Base of all errors that a user can cause and correct."""


class UsageError(PoseMarkError):
    """A name or option does not exist, or options contradict each other."""


class DataError(PoseMarkError):
    """Annotations or boxes are missing, damaged, or belong to other images."""


class FrameError(PoseMarkError):
    """One frame cannot be used. The run records and counts it, and continues."""


class CheckpointError(PoseMarkError):
    """A weights file is unsafe, unreadable, or made for another network."""


class DownloadError(PoseMarkError):
    """A file could not be downloaded, or its digest or size is not the expected one.

    Attributes:
        reasons: for every address that was tried, why it did not give the file.
    """

    def __init__(self, message: str, reasons: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reasons = dict(reasons or {})


class RecordError(PoseMarkError):
    """A run record is unreadable, has another schema, or belongs to another run."""


class RunError(PoseMarkError):
    """A measurement did not finish, because its process died or its memory ran out."""


class ExportError(PoseMarkError):
    """The outputs of an exported network differ from those of the original."""


class CardError(PoseMarkError):
    """The card of an exported model is unreadable or contradicts itself."""
