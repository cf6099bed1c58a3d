"""The few functions of CUDA's runtime library that move data to a GPU and back.

Source: NVIDIA's CUDA Runtime API reference. ctypes suffices for them, so that a device needs
neither pycuda nor cuda-python.
"""

import ctypes
from ctypes.util import find_library
from typing import Any

from numpy.typing import NDArray

from posemark.core.errors import RunError, UsageError

_NAMES = (
    *("libcudart.so", "libcudart.so.10.2", "libcudart.so.11.0", "libcudart.so.12"),
    *("libcudart.so.13", "/usr/local/cuda/lib64/libcudart.so"),
)
"""Names of the library: on JetPack 4 it is in a folder that the loader may not search."""

_TO_DEVICE, _TO_HOST = 1, 2
"""cudaMemcpyHostToDevice and cudaMemcpyDeviceToHost."""

_MAJOR, _MINOR = 75, 76
"""cudaDevAttrComputeCapabilityMajor and cudaDevAttrComputeCapabilityMinor."""


class CudaLibrary:
    """CUDA's runtime library, with one stream.

    Attributes:
        stream: the handle of the stream.

    Args:
        library: the library as ctypes loads it; None searches for it.

    Raises:
        UsageError: if the library is not found.
        RunError: if the GPU cannot be used.
    """

    def __init__(self, library: Any = None) -> None:
        self._library = _loaded() if library is None else library
        self._library.cudaGetErrorString.restype = ctypes.c_char_p
        stream = ctypes.c_void_p()
        self._do("cudaStreamCreate", ctypes.byref(stream))
        self.stream = int(stream.value or 0)

    def _do(self, name: str, *arguments: Any) -> None:
        status = int(getattr(self._library, name)(*arguments))
        if status:
            text: Any = self._library.cudaGetErrorString(ctypes.c_int(status))
            why = text.decode() if isinstance(text, bytes) else f"error {status}"
            raise RunError(
                f"the GPU cannot be used: {name} says {why}. Close other programs that use the "
                "GPU, or run with another engine (--engine)."
            )

    def allocate(self, size: int) -> int:
        """Return the address of new memory of the GPU, with this size in bytes."""
        address = ctypes.c_void_p()
        self._do("cudaMalloc", ctypes.byref(address), ctypes.c_size_t(size))
        return int(address.value or 0)

    def free(self, address: int) -> None:
        """Give memory back."""
        self._do("cudaFree", ctypes.c_void_p(address))

    def to_device(self, address: int, array: NDArray[Any]) -> None:
        """Begin to copy a contiguous array to memory of the GPU."""
        source = ctypes.c_void_p(array.ctypes.data)
        self._copy(ctypes.c_void_p(address), source, array.nbytes, _TO_DEVICE)

    def to_host(self, array: NDArray[Any], address: int) -> None:
        """Begin to copy memory of the GPU into a contiguous array."""
        target = ctypes.c_void_p(array.ctypes.data)
        self._copy(target, ctypes.c_void_p(address), array.nbytes, _TO_HOST)

    def _copy(self, target: Any, source: Any, size: int, kind: int) -> None:
        stream = ctypes.c_void_p(self.stream)
        self._do("cudaMemcpyAsync", target, source, ctypes.c_size_t(size), kind, stream)

    def finish(self) -> None:
        """Wait until everything that was begun is done."""
        self._do("cudaStreamSynchronize", ctypes.c_void_p(self.stream))

    def capability(self) -> str:
        """Return the compute capability of the GPU, such as sm53 for a Jetson Nano."""
        found = [ctypes.c_int(), ctypes.c_int()]
        for value, attribute in zip(found, (_MAJOR, _MINOR), strict=True):
            self._do("cudaDeviceGetAttribute", ctypes.byref(value), attribute, 0)
        return f"sm{found[0].value}{found[1].value}"


def _loaded() -> Any:
    found = find_library("cudart")
    # The first name is that which LD_LIBRARY_PATH decides about.
    for name in (_NAMES[0], *((found,) if found else ()), *_NAMES[1:]):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise UsageError(
        "TensorRT needs CUDA's runtime library, but none of these was found: "
        f"{', '.join(_NAMES)}. Install the package cuda-cudart of JetPack, or use another engine "
        "(--engine)."
    )
