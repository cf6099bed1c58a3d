"""A fixed workload that runs between blocks of frames.

If its time changes, the state of the machine has changed, not the model.
"""

SIDE = 768
"""Rows and columns of the square matrices."""

TIMES = 2
"""Number of matrix products in one call."""


class Sentinel:
    """Two float32 matrix products in torch, with the number of threads of the run.

    The sentinel sets this number itself. Sessions of torch set it for the whole process, but
    sessions of other runtimes have threads of their own, so that otherwise the sentinel's time
    would depend on the runtime.

    Args:
        threads: Number of CPU threads of the run.
    """

    def __init__(self, threads: int) -> None:
        import torch

        self._threads = threads
        steps = torch.arange(SIDE * SIDE, dtype=torch.float32).reshape(SIDE, SIDE)
        self._left, self._right = torch.sin(steps), torch.cos(steps)
        self._product = torch.empty(SIDE, SIDE)

    def __call__(self) -> None:
        """Do the work once; it takes about ten milliseconds on a laptop's CPU.

        The number of threads remains set. If several entries share a process, the next block of
        frames therefore runs with it, whichever entry was opened last.
        """
        import torch

        torch.set_num_threads(self._threads)
        for _ in range(TIMES):
            torch.mm(self._left, self._right, out=self._product)
