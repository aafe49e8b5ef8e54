"""The three ways to run E two-layer GELU networks, each with the storage that suits it."""

import torch
import torch.nn.functional as F
from torch import nn

from moving import combine_gather, pack_gather
from routing import compact_plan, fixed_plan


class Unavailable(Exception):
    """What this version of PyTorch cannot do on this device."""


class Experts(nn.Module):
    """E experts `y = gelu(x W1 + b1) W2 + b2`; subclasses say how they are run."""

    # Our parameters, and what they are called in the files.
    NAMES = {"w1_edf": "up.weight", "b1_ef": "up.bias", "w2_efd": "down.weight", "b2_ed": "down.bias"}

    def __init__(self, shape):
        super().__init__()
        e, d, f = shape["experts"], shape["dim"], shape["hidden"]
        self.capacity = shape["capacity"]
        for name, size in zip(self.NAMES, ([e, d, f], [e, f], [e, f, d], [e, d])):
            self.store(name, size)

    def store(self, name, size):
        """One parameter for all experts."""
        setattr(self, name, nn.Parameter(torch.empty(size)))

    def write(self, name, value):
        getattr(self, name).copy_(value)

    def read(self, name, of):
        return of(getattr(self, name))

    def forward(self, x_td, routing):
        raise NotImplementedError


class Loop(Experts):
    """One expert after another over its own rows, as in the usual reference models.

    Each expert has parameters of its own, so that no gradient of the whole stack is made for each.
    """

    def store(self, name, size):
        parts = [nn.Parameter(torch.empty(size[1:])) for _ in range(size[0])]
        setattr(self, name, nn.ParameterList(parts))

    def write(self, name, value):
        for parameter, part in zip(getattr(self, name), value):
            parameter.copy_(part)

    def read(self, name, of):
        return torch.stack([of(parameter) for parameter in getattr(self, name)])

    def forward(self, x_td, routing):
        plan = compact_plan(routing, self.capacity)
        x_md = pack_gather(x_td, plan.rows_m)
        sizes = torch.diff(plan.offsets_e, prepend=plan.offsets_e.new_zeros(1)).tolist()
        parts = zip(x_md.split(sizes), self.w1_edf, self.b1_ef, self.w2_efd, self.b2_ed)
        rows = [torch.addmm(b2, F.gelu(torch.addmm(b1, x, w1)), w2) for x, w1, b1, w2, b2 in parts]
        return combine_gather(torch.cat(rows), plan.slots_tk, plan.gates_tk)


class Batched(Experts):
    """Fixed buffers `[E, C, D]` and one batched product."""

    def forward(self, x_td, routing):
        plan = fixed_plan(routing, self.capacity)
        experts, width = self.b2_ed.shape
        x_ecd = pack_gather(x_td, plan.rows_m).view(experts, self.capacity, width)
        h = F.gelu(torch.baddbmm(self.b1_ef.unsqueeze(1), x_ecd, self.w1_edf))
        y = torch.baddbmm(self.b2_ed.unsqueeze(1), h, self.w2_efd)
        return combine_gather(y.view(-1, width), plan.slots_tk, plan.gates_tk)


class Grouped(Experts):
    """Rows sorted by expert and PyTorch's grouped product."""

    def forward(self, x_td, routing):
        product = grouped_product()
        plan = compact_plan(routing, self.capacity)
        offsets_e = plan.offsets_e.to(torch.int32)
        numbers_m = torch.arange(plan.rows_m.shape[0], device=x_td.device)
        expert_m = torch.searchsorted(plan.offsets_e, numbers_m, right=True)
        dtype = working_dtype(x_td)
        x_md = pack_gather(x_td, plan.rows_m).to(dtype)
        h = product(x_md, self.w1_edf.to(dtype), offs=offsets_e)
        h = F.gelu(h + pack_gather(self.b1_ef.to(dtype), expert_m))
        y = product(h, self.w2_efd.to(dtype), offs=offsets_e)
        y = y + pack_gather(self.b2_ed.to(dtype), expert_m)
        return combine_gather(y, plan.slots_tk, plan.gates_tk)


def working_dtype(x):
    """What autocast would multiply in; the grouped product is not on its list."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def grouped_product():
    """`grouped_mm` under the name that it has in this version."""
    found = getattr(F, "grouped_mm", None) or getattr(torch, "_grouped_mm", None)
    if found is None:
        raise Unavailable(f"PyTorch {torch.__version__} has no grouped_mm")
    return found


def probe_grouped(device, dtype):
    """Raises `Unavailable` unless the grouped product runs forward and backward here."""
    product = grouped_product()
    x = torch.ones(32, 16, device=device, dtype=dtype, requires_grad=True)
    w = torch.ones(2, 16, 16, device=device, dtype=dtype, requires_grad=True)
    offsets = torch.tensor([16, 32], device=device, dtype=torch.int32)
    try:
        y = product(x, w, offs=offsets)
        # A gradient as one sum gives it, without strides, is more than some versions take.
        y.backward(torch.ones_like(y))
    except (RuntimeError, NotImplementedError) as error:
        first = str(error).splitlines()[0].split(". ")[0]
        name = f"grouped_mm of PyTorch {torch.__version__}"
        raise Unavailable(f"{name} does not take {dtype} on {device}: {first}") from error


KINDS = {"loop": Loop, "bmm": Batched, "grouped": Grouped}
