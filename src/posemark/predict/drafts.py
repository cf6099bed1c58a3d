"""Files that get their name when they are complete."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from posemark.core.drafts import draft_of
from posemark.core.durable import place
from posemark.core.errors import UsageError


class Draft:
    """A text file under a temporary name beside its own, which it gets when it is complete.

    If the system refuses a part of it, it never gets its name and is removed, and what is added
    afterwards is dropped.

    Args:
        path: the name of the complete file. A file that was there is replaced then, not before.

    Raises:
        UsageError: if the file or its folder cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._failed = path, False
        self._draft = draft_of(path)
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # names of files need not be UTF-8; what is not is written as \\udcff
            self._file = self._draft.open(
                "w", encoding="utf-8", errors="backslashreplace", newline=""
            )

    def write(self, text: str) -> None:
        """Add text.

        Raises:
            UsageError: if the system refuses, because the disk is full.
        """
        if not self._failed:
            with self._removed_on_failure():
                self._file.write(text)

    def finish(self) -> None:
        """Give the file its name.

        Raises:
            UsageError: if the system refuses.
        """
        if not self._failed:
            with self._removed_on_failure():
                self._file.close()
                place(self._draft, self._path)

    @contextmanager
    def _removed_on_failure(self) -> Generator[None]:
        try:
            with explained(self._path):
                yield
        except UsageError:
            self._failed = True
            with suppress(OSError):  # it writes what is left once more
                self._file.close()
            self._draft.unlink(missing_ok=True)
            raise


@contextmanager
def explained(path: Path) -> Generator[None]:
    """Explain why the system refuses to write a file.

    Raises:
        UsageError: in place of an OSError in the block.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written ({error.strerror}). Choose another place, or free some "
            "space."
        ) from error
