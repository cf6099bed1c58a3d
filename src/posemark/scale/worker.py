"""What a worker process does: it opens the session of a job once, and then measures shards.

It knows nothing of Ray. What goes wrong is returned, so that an exception of Ray always means that
the process or its machine is lost.
"""

import platform
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from posemark.core.errors import PoseMarkError
from posemark.run.prepare import Prepared
from posemark.scale.layout import Part
from posemark.scale.node_inputs import Expected, Fetch, at_this_node
from posemark.scale.session import Measured, ShardSession

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Task:
    """What a worker is started with.

    Attributes:
        prepared: the job, without the work.
        expected: what it depends on.
        ceiling: the ids of the images whose perfect outputs are decoded.
    """

    prepared: Prepared = field(repr=False)
    expected: Expected
    ceiling: frozenset[int]


@dataclass(frozen=True)
class Failure:
    """What a worker could not do.

    Attributes:
        why: the reason in words.
    """

    why: str


def attempted(work: Callable[[], ResultT]) -> ResultT | Failure:
    """Return what a function returns, or why it failed."""
    try:
        return work()
    except (PoseMarkError, OSError) as error:  # a system error names the file, and the reason
        return Failure(str(error))
    except Exception:  # a bug; the caller shows where it is
        return Failure(traceback.format_exc())


class Worker:
    """A worker of a job.

    Args:
        task: the job.
        fetch: returns the content of a file that this machine lacks.
    """

    def __init__(self, task: Task, fetch: Fetch) -> None:
        self._task, self._fetch = task, fetch
        self._session: ShardSession | None = None

    def open(self) -> Failure | None:
        """Open the session; return why it cannot be opened on this machine."""
        return attempted(self._open)

    def _open(self) -> None:
        task = self._task
        prepared = at_this_node(task.prepared, task.expected, self._fetch, platform.node())
        self._session = ShardSession(prepared, task.ceiling)

    def work(self, part: Part) -> Measured | Failure:
        """Measure a shard, or return why it could not be measured."""
        if self._session is None:
            raise RuntimeError("work() needs an open session: call open() first")
        return attempted(partial(self._session.measure, part))
