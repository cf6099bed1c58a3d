"""What the registry needs to know of a runtime before its libraries are loaded."""

from dataclasses import dataclass
from typing import get_args

from posemark.core.target import Precision

PRECISIONS: tuple[str, ...] = get_args(Precision)

CHANNELS_LAST = "channels-last"


@dataclass(frozen=True)
class Runtime:
    """One runtime. A module of this folder adds those that it has in ROWS.

    Modules whose names begin with an underscore are not searched: they load torch.

    Attributes:
        name: what --runtime calls it.
        module: full name of the module that opens its sessions (registry.Module).
        packages: the packages that it imports.
        extra: PoseMark's extra that installs them.
        convert_packages: the packages that convert a torch network for it.
        convert_extra: PoseMark's extra that installs those.
        reads: suffixes of the model files that it opens unchanged.
        opens: those among them that it opens where no runtime is named.
        converts: whether a network is converted for it, so that an exception on the way says
            something about the network. False for torch itself.
        layouts: layouts of maps that may be chosen, in float32 on the CPU.
        recasts: the precisions in which it can run any file of floats; by default a file runs in
            its own precision only.
        runs_other_files: whether files run in precisions that no built-in network can be converted
            to.
        distributions: its packages as their index names them, for the record of versions.
        one_stream: why several of its sessions cannot infer at the same time on the CPU; "" if
            they can.
    """

    name: str
    module: str
    packages: tuple[str, ...] = ()
    extra: str = ""
    convert_packages: tuple[str, ...] = ()
    convert_extra: str = ""
    reads: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    converts: bool = True
    layouts: tuple[str, ...] = ()
    recasts: tuple[str, ...] = ()
    runs_other_files: bool = False
    distributions: tuple[str, ...] = ()
    one_stream: str = "it is not known whether it lets go of the interpreter while it runs"
