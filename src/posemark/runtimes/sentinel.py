"""A fixed workload: when its time changes, the machine has changed, not the model."""

SIDE = 768
TIMES = 2


class Sentinel:
    """Two float32 matrix products, spread over as many threads as the networks use."""

    def __init__(self) -> None:
        import torch

        steps = torch.arange(SIDE * SIDE, dtype=torch.float32).reshape(SIDE, SIDE)
        self._left, self._right = torch.sin(steps), torch.cos(steps)
        self._product = torch.empty(SIDE, SIDE)

    def __call__(self) -> None:
        """Do the work once; some ten milliseconds on a laptop's CPU."""
        import torch

        for _ in range(TIMES):
            torch.mm(self._left, self._right, out=self._product)
