"""One error class for all exceptions of exporters, compilers and runtimes during conversion."""

from collections.abc import Generator
from contextlib import contextmanager

from posemark.core.errors import ExportError, PoseMarkError
from posemark.core.target import Target


@contextmanager
def conversion_errors(name: str, target: Target) -> Generator[None, None, None]:
    """Turn exceptions during the conversion of a network into one error.

    Args:
        name: name of the model.
        target: the runtime, precision and device that it is converted for.

    Raises:
        ExportError: if the block raises anything but PoseMark's own errors.
    """
    try:
        yield
    except PoseMarkError:
        raise
    except Exception as error:  # every runtime has its own kinds
        raise ExportError(
            f"{name} cannot be converted for {target.runtime} at {target.precision} on "
            f"{target.device}: {type(error).__name__}, {first_line(error)}. Try another version "
            "of that package, or another runtime."
        ) from error


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its class name if the message is empty.

    The messages of runtimes can be pages long.
    """
    lines = (line.strip() for line in str(error).splitlines())
    return next((line for line in lines if line), type(error).__name__)
