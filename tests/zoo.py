"""Puts a file into a scanned folder of the package for as long as a test needs it."""

import importlib
import sys
from contextlib import contextmanager


@contextmanager
def one_more_file(package, scan, folder, name, source):
    """Add a file to a folder of the package, so that the scan of that folder finds it.

    Args:
        package: the imported package, such as posemark.models.
        scan: the cached function that collects its files.
        folder: an empty folder.
        name: the name of the module.
    """
    (folder / f"{name}.py").write_text(source)
    before = list(package.__path__)
    package.__path__.append(str(folder))
    importlib.invalidate_caches()
    scan.cache_clear()
    try:
        yield
    finally:
        package.__path__[:] = before
        scan.cache_clear()
        if sys.modules.pop(f"{package.__name__}.{name}", None):
            delattr(package, name)
