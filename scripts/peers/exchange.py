"""Files that pass between the benchmark and a peer: tensors by the paths that our program gives them.

Our linear maps are `[in, out]`, PyTorch's `[out, in]`; our layer norms say gamma and beta. Both are
translated here and nowhere else, so that the models read as PyTorch models do.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from experts import Experts
from routing import Router


class Case:
    """A case as the benchmark wrote it: its sizes, settings, weights and inputs."""

    def __init__(self, path, device):
        path = Path(path)
        spec = json.loads(path.read_text())
        self.kind = spec["case"]
        self.shape = spec["shape"]
        self.settings = spec.get("settings", {})
        self.weights = self._tensors(path, "weights.safetensors", device)
        self.inputs = self._tensors(path, "inputs.safetensors", device)

    @staticmethod
    def _tensors(case, name, device):
        file = case.with_name(name)
        return load_file(str(file), device=str(device)) if file.exists() else {}


def _own(path, module):
    """The parameters that a module holds itself: path, read, write. `read` takes a parameter or its
    gradient through `of`, so that both leave under the same name and in the same layout."""

    def plain(name, parameter):
        yield f"{path}.{name}", lambda of: of(parameter), parameter.copy_

    def transposed(name, parameter):
        yield f"{path}.{name}", lambda of: of(parameter).t(), lambda t: parameter.copy_(t.t())

    if isinstance(module, Router):
        yield from transposed("weight", module.weight)
    elif isinstance(module, nn.Linear):
        yield from transposed("weight", module.weight)
        if module.bias is not None:
            yield from plain("bias", module.bias)
    elif isinstance(module, nn.LayerNorm):
        yield from plain("gamma", module.weight)
        yield from plain("beta", module.bias)
    elif isinstance(module, nn.Embedding):
        yield from plain("weight", module.weight)
    elif isinstance(module, Experts):
        for name, given in Experts.NAMES.items():
            yield (
                f"{path}.{given}",
                lambda of, name=name: module.read(name, of),
                lambda t, name=name: module.write(name, t),
            )


def _places(module):
    for path, part in module.named_modules():
        # torch.compile wraps a module in one called _orig_mod.
        yield from _own(path.replace("_orig_mod.", "").removesuffix("._orig_mod"), part)


def load_weights(module, weights):
    """Fills a module; every tensor must be used and every parameter be given."""
    left = dict(weights)
    with torch.no_grad():
        for path, _, write in _places(module):
            if path not in left:
                raise KeyError(f"the weights lack {path}; they hold {sorted(left)}")
            write(left.pop(path))
    if left:
        raise KeyError(f"the weights hold what this model has not: {sorted(left)}")


def gradients(module):
    """The gradient of every parameter, as `gradient/<path>`."""
    return {f"gradient/{path}": read(lambda p: p.grad) for path, read, _ in _places(module)}


def save(path, tensors):
    """Writes tensors as f32 from any device and layout."""
    plain = {name: t.detach().float().cpu().contiguous().clone() for name, t in tensors.items()}
    save_file(plain, str(path))
