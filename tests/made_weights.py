"""Checkpoints for tests: every name and shape right, one number throughout, a few kB each."""

import torch

from posemark.models import spec_of
from posemark.weights.cache import import_file, wanted_by


def state_of(spec, tag="", value=0.0):
    """The state of a model's network, or of what else the tag is."""
    return {
        name: torch.full((), value).to(each.dtype).expand(each.shape)
        for name, each in wanted_by(spec, tag)[0].items()
    }


def saved(path, model, tag="", value=0.0):
    """A file of such a state."""
    torch.save(state_of(spec_of(model), tag, value), path)
    return path


def imported(folder, model, tag, value=0.0):
    """What is kept of such a file as MODEL.TAG; not for tags with a registered digest."""
    path = saved(folder / f"{model}.{tag}.made.pth", model, tag, value)
    return import_file(path, spec_of(model), tag)
