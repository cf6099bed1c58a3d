"""The runtimes of PyTorch itself. Their modules load torch, so what is known of them is here."""

from posemark.runtimes.row import CHANNELS_LAST, Runtime

ROWS = (
    Runtime(
        "torch",
        "posemark.runtimes._torch_eager",
        converts=False,
        layouts=(CHANNELS_LAST,),
        one_stream="",
    ),
    Runtime(
        "torch-compile",
        "posemark.runtimes._torch_compile",
        one_stream="a compiled network holds Python's interpreter lock until it has finished",
    ),
)
