"""What a device lacks, as tables: members of newer Pythons and numpys, and whole libraries."""

PRELUDE = "posemark.bundle.prelude"
"""The module that defines the substitutes."""

SUBSTITUTES = {
    "builtins.zip(strict=True)": "zip_strict",
    "dataclasses.asdict": "asdict",
    "dataclasses.dataclass": "dataclass",
    "dataclasses.field": "field",
    "dataclasses.fields": "fields",
    "dataclasses.replace": "replace",
    "datetime.UTC": "UTC",
    "functools.cache": "cache",
    "functools.cached_property": "cached_property",
    "contextlib.nullcontext": "nullcontext",
    "itertools.pairwise": "pairwise",
    "math.dist": "dist",
    "math.prod": "prod",
    "numpy.array2string": "array2string",
    "numpy.take_along_axis": "take_along_axis",
    "subprocess.run": "run",
    "time.monotonic_ns": "monotonic_ns",
    "time.perf_counter_ns": "perf_counter_ns",
    "time.time_ns": "time_ns",
}
"""The name in the prelude, by the full name of a member that Python 3.6 or numpy 1.13 lacks."""

LATER_NUMPY = frozenset(
    (
        *("numpy.random.Generator", "numpy.random.PCG64", "numpy.random.default_rng"),
        *("numpy.lib.stride_tricks.sliding_window_view", "numpy.broadcast_shapes"),
        *("numpy.put_along_axis", "numpy.printoptions", "numpy.quantile", "numpy.nanquantile"),
        *("numpy.concat", "numpy.permute_dims", "numpy.matrix_transpose", "numpy.vecdot"),
        *("numpy.trapezoid", "numpy.astype", "numpy.bool", "numpy.long", "numpy.ulong"),
        *("numpy.unique_values", "numpy.unique_inverse", "numpy.unique_counts", "numpy.unique_all"),
        *("numpy.acos", "numpy.asin", "numpy.atan", "numpy.atan2", "numpy.pow", "numpy.unstack"),
        *("numpy.isdtype", "numpy.cumulative_sum", "numpy.cumulative_prod", "numpy.typing"),
        *("numpy.format_float_positional", "numpy.float128", "numpy.exceptions", "numpy.gcd"),
    )
)
"""Members of numpy that 1.13 lacks, and for which there is no substitute: code that needs them is
refused."""

LATER_ARGUMENTS: dict[str, frozenset[str]] = {
    "numpy.concatenate": frozenset(("dtype", "casting")),
    "numpy.diff": frozenset(("prepend", "append")),
    "numpy.linspace": frozenset(("axis",)),
    "numpy.stack": frozenset(("dtype", "casting")),
}
"""Arguments of numpy's functions that 1.13 lacks: code that gives them is refused."""

STAND_INS = {"cv2": "posemark.geometry.plain_opencv"}
"""Modules that replace a library where it is not installed, by the name of the library."""

LIBRARIES = frozenset(("numpy",))
"""Libraries that every device has, besides the standard library."""

RUNNER = "posemark.bundle.runner"
"""The package whose code is the main program: it may use __name__ and __file__, and its functions
may import any library, because each engine has its own."""
