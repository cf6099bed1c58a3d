"""What an engine is, and what it gets to open a network."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from posemark.core.target import Target
from posemark.runtimes.model_file import RawSession


@dataclass(frozen=True)
class Wanted:
    """A network that an engine is to open.

    Attributes:
        path: the model file.
        sha256: its digest in hexadecimal digits.
        precision: the precision to run.
        threads: number of CPU threads.
        device: the engine's name of the device.
        shapes: the shapes (N, 3, H, W) of all inputs that the run will have.
        cache: a folder for what the engine builds from the file.
        say: prints a line for the user.
    """

    path: Path
    sha256: str
    precision: str
    threads: int
    device: str
    shapes: tuple[tuple[int, ...], ...]
    cache: Path
    say: Callable[[str], None]

    def target(self, runtime: str) -> Target:
        """Return the target for a session of PoseMark's own runtimes."""
        return Target(runtime, self.precision, self.device)


class Engine(ABC):
    """An inference engine.

    Attributes:
        name: its name in records and on the command line.
        modules: the Python modules of which it needs one.
        suffixes: the formats that it reads, the preferred one first.
        precisions: the precisions in which it runs a file in fp32.
        file_precisions: the precisions of the files that it runs in their own precision.
        device: the device that it uses unless another one is named.
        how_to_install: a sentence for a device without it.
    """

    name: str
    modules: tuple[str, ...]
    suffixes: tuple[str, ...]
    precisions: tuple[str, ...]
    file_precisions: tuple[str, ...]
    device: str
    how_to_install: str

    @abstractmethod
    def version(self) -> str:
        """Return the installed version.

        Raises:
            ImportError: if it is not installed, or cannot be loaded.
        """

    @abstractmethod
    def open(self, wanted: Wanted) -> RawSession:
        """Open a network.

        Raises:
            PoseMarkError: if the engine cannot run it as wanted.
        """
