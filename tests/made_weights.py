"""Makes checkpoints of a few kB that fit a model, some in formats that are no longer written."""

import io
import pickle
import struct
import tarfile
from collections import OrderedDict

import torch

from posemark.models import spec_of
from posemark.nn import formula
from posemark.weights.cache import import_file, wanted_by


def state_of(spec, tag="", value=0.0):
    """Return a state dict of the model's network (or of the tag's) with one number throughout."""
    return {
        name: torch.full((), value).to(each.dtype).expand(each.shape)
        for name, each in wanted_by(spec, tag)[0].items()
    }


def as_file(content, **how):
    """Return the bytes that torch.save writes."""
    file = io.BytesIO()
    torch.save(content, file, **how)
    return file.getvalue()


def saved(path, model, tag="", value=0.0):
    """Write a checkpoint with such a state, and return its path."""
    torch.save(state_of(spec_of(model), tag, value), path)
    return path


def by_formula(path, model):
    """Write a checkpoint of formula weights, which count as trained because they are in a file."""
    network = spec_of(model).build()
    formula.initialise(network)
    torch.save(network.state_dict(), path)
    return path


def imported(folder, model, tag, value=0.0):
    """Import such a file as MODEL.TAG; not for tags with a registered digest."""
    path = saved(folder / f"{model}.{tag}.made.pth", model, tag, value)
    return import_file(path, spec_of(model), tag)


class _Reference:
    def __init__(self, key):
        self.key = key


class _Pickler(pickle._Pickler):
    def persistent_id(self, obj):
        return obj.key if isinstance(obj, _Reference) else None


def tar(state):
    """Return the format of PyTorch before 0.1.10, which current versions no longer write."""
    storages, tensors, main, out = (io.BytesIO() for _ in range(4))
    pickle.dump(len(state), storages, 2)
    pickle.dump(len(state), tensors, 2)
    for key, tensor in enumerate(state.values()):
        kind = torch.FloatStorage if tensor.is_floating_point() else torch.LongStorage
        pickle.dump((key, "cpu", kind), storages, 2)
        storages.write(struct.pack("<q", tensor.numel()) + tensor.numpy().tobytes())
        pickle.dump((1000 + key, key, torch.FloatTensor), tensors, 2)
        sides = struct.pack(f"<{2 * tensor.dim()}q", *tensor.shape, *tensor.stride())
        tensors.write(struct.pack("<i4x", tensor.dim()) + sides + struct.pack("<q", 0))
    pickle.dump([], storages, 2)
    names = OrderedDict((k, _Reference(1000 + i)) for i, k in enumerate(state))
    _Pickler(main, 2).dump(names)
    with tarfile.open(fileobj=out, mode="w:") as archive:
        for name, file in (("storages", storages), ("tensors", tensors), ("pickle", main)):
            member = tarfile.TarInfo(name)
            member.size = len(file.getvalue())
            archive.addfile(member, io.BytesIO(file.getvalue()))
    return out.getvalue()
