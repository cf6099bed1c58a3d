"""A connection to a Ray cluster that Ctrl-C cannot leave half made."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from posemark.cli.interrupt import delayed

if TYPE_CHECKING:
    from posemark.scale.cluster import Cluster


@contextmanager
def connected(address: str | None) -> Generator["Cluster"]:
    """Connect to a cluster as posemark.scale.cluster.connected() does.

    Ctrl-C waits until the connection is made: otherwise Ray may end with a segmentation fault.

    Raises:
        PoseMarkError: As that function does.
    """
    from posemark.scale import cluster

    with ExitStack() as stack:
        with delayed():
            found = stack.enter_context(cluster.connected(address))
        yield found
