"""Processes several items at the same time, in threads, and returns the results in order.

The threads run at the same time because OpenCV, numpy and the runtimes let go of Python's
interpreter lock while they compute. Nothing here knows what an item is: it may be a frame of a
camera or a prepared frame of a benchmark.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

from posemark.core.errors import UsageError
from posemark.core.frame import Encoded
from posemark.pipelines.people import People

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

WAITING = 4
"""Items per stream whose results may wait for the oldest one: with fewer, the other streams would
often have to stop while one item takes long, and each further one needs memory."""


@dataclass(frozen=True)
class _Task(Generic[ItemT, ResultT]):
    item: ItemT
    result: Future[ResultT] = field(default_factory=Future[ResultT])


class Streams(Generic[ItemT, ResultT]):
    """Threads that process items, each one whole item at a time.

    Use it in a `with` statement, which ends the threads.

    Args:
        count: the number of threads.
        process: called in one of the threads with the number of the thread, from 0, and an item.
    """

    def __init__(self, count: int, process: Callable[[int, ItemT], ResultT]) -> None:
        self._process = process
        self._tasks: SimpleQueue[_Task[ItemT, ResultT] | None] = SimpleQueue()
        # A daemon does not keep the program alive if a second Ctrl-C interrupts close().
        self._threads = [
            Thread(target=self._work, args=(number,), name=f"stream {number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self, number: int) -> None:
        while task := self._tasks.get():
            if not task.result.set_running_or_notify_cancel():
                continue
            try:
                task.result.set_result(self._process(number, task.item))
            except BaseException as error:  # it belongs to the thread that takes the result
                task.result.set_exception(error)

    def run(self, items: Iterable[ItemT]) -> Iterator[ResultT]:
        """Process items, and yield the results in the order of the items.

        Items are taken when there is room for them: at most WAITING per thread are accepted whose
        results were not taken yet. The first error ends the iteration; items that no thread has
        begun are then left out.

        Args:
            items: the items; the calling thread iterates over them.

        Raises:
            Exception: what `items` or `process` raise.
        """
        results: deque[Future[ResultT]] = deque()
        try:
            for item in items:
                if len(results) == WAITING * len(self._threads):
                    yield results.popleft().result()
                task = _Task[ItemT, ResultT](item)
                results.append(task.result)
                self._tasks.put(task)
            while results:
                yield results.popleft().result()
        finally:
            for result in results:
                result.cancel()

    def close(self) -> None:
        """Wait until the threads have finished the items that they have begun, and end them."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> "Streams[ItemT, ResultT]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def require_any_order(people: People) -> None:
    """Check that the people stage of a pipeline allows several frames at the same time.

    Raises:
        UsageError: if what it finds in a frame depends on the frames before.
    """
    if people.remembers:
        raise UsageError(
            "people are followed from frame to frame, so each frame needs the poses of the one "
            "before, and several frames cannot be processed at the same time. Use --mode burst, "
            "or a detector that looks at every frame."
        )


def require_own_image(encoded: Encoded) -> None:
    """Check that the image of a frame can be decoded without those of other frames.

    Raises:
        UsageError: if it is the next picture of a video.
    """
    if not isinstance(encoded, bytes):
        raise UsageError(
            "the pictures of a video are decoded one after the other, each from those before, so "
            "several frames cannot be processed at the same time. Use --mode burst, or images in "
            "files of their own."
        )
