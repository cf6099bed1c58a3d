"""One error for whatever exporters, compilers and runtimes say of a network they cannot take."""

from collections.abc import Iterator
from contextlib import contextmanager

from posemark.core.errors import ExportError, PoseMarkError
from posemark.runtimes import Target


@contextmanager
def making(name: str, target: Target) -> Iterator[None]:
    """Around the carrying over of a network.

    Raises:
        ExportError: naming the network and where it was to run.
    """
    try:
        yield
    except PoseMarkError:
        raise
    except Exception as error:  # every runtime has its own kinds
        raise ExportError(
            f"{name} cannot be carried over to {target.runtime} at {target.precision} on "
            f"{target.device}: {type(error).__name__}, {first_line(error)}. Another version of "
            "that package may do it; or use another runtime."
        ) from error


def first_line(error: Exception) -> str:
    """Of what an error says, or its kind if it says nothing: runtimes say pages."""
    return next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)
