"""A fixed workload: when its time changes, the machine has changed, not the model."""

SIDE = 768
TIMES = 2


class Sentinel:
    """Two float32 matrix products of torch, spread over the run's own number of threads.

    Sessions of torch set that number for the process, those of other runtimes keep threads of
    their own: the sentinel sets it itself, or its time would depend on the runtime.
    """

    def __init__(self, threads: int) -> None:
        import torch

        self._threads = threads
        steps = torch.arange(SIDE * SIDE, dtype=torch.float32).reshape(SIDE, SIDE)
        self._left, self._right = torch.sin(steps), torch.cos(steps)
        self._product = torch.empty(SIDE, SIDE)

    def __call__(self) -> None:
        """Do the work once; some ten milliseconds on a laptop's CPU.

        The number of threads stays set: in a process that entries share, the block of frames
        that follows runs on it, too, whichever entry was opened last.
        """
        import torch

        torch.set_num_threads(self._threads)
        for _ in range(TIMES):
            torch.mm(self._left, self._right, out=self._product)
