"""From hidden states to experts, and from experts to places in their buffers."""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Routing:
    """Who wants whom: experts and gates `[T, k]`, the loads `[E]`, the balancing loss."""

    experts_tk: torch.Tensor
    places_tk: torch.Tensor
    gates_tk: torch.Tensor
    load_e: torch.Tensor
    auxiliary: torch.Tensor


class Router(nn.Module):
    """Soft top-k: gates are the softmax over the k largest logits.

    It stays in f32 under autocast, as ours does: the order of two close experts is not a matter of
    rounding. The balancing loss is the Switch Transformer's, alpha * E * sum_e f_e P_e.
    """

    def __init__(self, shape):
        super().__init__()
        self.experts, self.k = shape["experts"], shape["k"]
        self.alpha = shape["alpha"]
        self.weight = nn.Parameter(torch.empty(self.experts, shape["dim"]))
        self.register_buffer("numbers_e", torch.arange(self.experts), persistent=False)

    def forward(self, x_td, choices_tk=None):
        with torch.autocast(x_td.device.type, enabled=False):
            logits_te = nn.functional.linear(x_td.float(), self.weight)
            probs_te = logits_te.softmax(1)
            if choices_tk is None:
                choices_tk = logits_te.topk(self.k, dim=1).indices
            gates_tk = logits_te.gather(1, choices_tk).softmax(1)
            places_tk, load_e = self._queue(choices_tk)
            share_e = load_e / choices_tk.numel()
            auxiliary = (share_e * probs_te.mean(0)).sum() * (self.alpha * self.experts)
        return Routing(choices_tk, places_tk, gates_tk, load_e, auxiliary)

    def _queue(self, choices_tk):
        """Places in the experts' queues, all first choices before any second; and the loads."""
        tokens, k = choices_tk.shape
        choices_a = choices_tk.t().reshape(1, -1)
        chosen_ea = (choices_a == self.numbers_e.unsqueeze(1)).to(torch.int32)
        running_ea = chosen_ea.cumsum(1, dtype=torch.int32)
        places_a = running_ea.gather(0, choices_a).squeeze(0) - 1
        return places_a.view(k, tokens).t().long(), running_ea[:, -1]


@dataclass
class Plan:
    """Who goes where after drops: the row of every assignment, and the token of every row.

    `slots_tk` is 0 and its gate zero where an assignment was dropped; `rows_m` is 0 for a row that
    holds no token, which no gate points at.
    """

    rows_m: torch.Tensor
    slots_tk: torch.Tensor
    gates_tk: torch.Tensor
    offsets_e: torch.Tensor


def drop(routing, capacity):
    """Cuts the queues at the capacity. Gates that a token keeps grow to their old sum."""
    kept_tk = routing.places_tk < capacity
    gates_tk = routing.gates_tk * kept_tk
    kept_sum = gates_tk.sum(1, keepdim=True)
    whole = routing.gates_tk.sum(1, keepdim=True)
    return kept_tk, gates_tk * (whole / torch.where(kept_sum == 0, 1.0, kept_sum))


def fixed_plan(routing, capacity):
    """Buffers of `capacity` rows per expert."""
    kept_tk, gates_tk = drop(routing, capacity)
    packed = routing.load_e.shape[0] * capacity
    slots_tk = routing.experts_tk * capacity + routing.places_tk
    rows_m = _owners(slots_tk, kept_tk, packed)
    ends_e = torch.arange(1, routing.load_e.shape[0] + 1, device=rows_m.device) * capacity
    return Plan(rows_m, slots_tk.masked_fill(~kept_tk, 0), gates_tk, ends_e)


def compact_plan(routing, capacity):
    """Rows without gaps. `offsets_e` is where each expert's rows end.

    On the CPU dropped assignments get no row, which needs the number of those kept. A GPU would
    have to be waited for to know it, so there they keep a row and lose only their gate.
    """
    kept_tk, gates_tk = drop(routing, capacity)
    on_host = gates_tk.device.type == "cpu"
    load_e = routing.load_e.clamp(max=capacity) if on_host else routing.load_e
    ends_e = load_e.cumsum(0)
    starts_e = ends_e - load_e
    slots_tk = starts_e[routing.experts_tk] + routing.places_tk
    if on_host:
        rows_m = _owners(slots_tk, kept_tk, int(ends_e[-1]))
        return Plan(rows_m, slots_tk.masked_fill(~kept_tk, 0), gates_tk, ends_e)
    rows_m = _owners(slots_tk, torch.ones_like(kept_tk), slots_tk.numel())
    return Plan(rows_m, slots_tk, gates_tk, ends_e)


def _owners(slots_tk, kept_tk, packed):
    """The token of each row; dropped assignments write to a row of their own, behind the others."""
    tokens, k = slots_tk.shape
    tokens_tk = torch.arange(tokens, device=slots_tk.device).unsqueeze(1).expand(tokens, k)
    rows_m = torch.zeros(packed + 1, dtype=torch.long, device=slots_tk.device)
    rows_m.scatter_(0, slots_tk.masked_fill(~kept_tk, packed).reshape(-1), tokens_tk.reshape(-1))
    return rows_m[:packed]
