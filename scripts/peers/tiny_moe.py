"""The MoE layer and TinyMoE as a PyTorch user would write them."""

import torch
import torch.nn.functional as F
from torch import nn

from experts import KINDS
from routing import Router


class MoeLayer(nn.Module):
    """Router and experts: `[T, D]` to `[T, D]`, with the balancing loss and who was chosen."""

    def __init__(self, shape, kind):
        super().__init__()
        self.router = Router(shape)
        self.experts = KINDS[kind](shape)

    def forward(self, x_td, choices_tk=None):
        routing = self.router(x_td, choices_tk)
        return self.experts(x_td, routing), routing.auxiliary


class DenseFfn(nn.Module):
    """A feed-forward network of the same active arithmetic: hidden width k * F."""

    def __init__(self, shape):
        super().__init__()
        self.up = nn.Linear(shape["dim"], shape["hidden"])
        self.down = nn.Linear(shape["hidden"], shape["dim"])

    def forward(self, x_td):
        return self.down(F.gelu(self.up(x_td)))


class Attention(nn.Module):
    """Causal multi-head attention by PyTorch's fused kernel."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.output = nn.Linear(dim, dim)

    def forward(self, x):
        batch, sequence, dim = x.shape
        joint = self.query_key_value(x).view(batch, sequence, 3, self.heads, dim // self.heads)
        query, key, value = joint.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.output(mixed.transpose(1, 2).reshape(batch, sequence, dim))


class Block(nn.Module):
    def __init__(self, shape, kind):
        super().__init__()
        self.attention_norm = nn.LayerNorm(shape["dim"])
        self.attention = Attention(shape["dim"], shape["heads"])
        self.moe_norm = nn.LayerNorm(shape["dim"])
        self.moe = MoeLayer(shape, kind)

    def forward(self, x, choices_tk):
        x = x + self.attention(self.attention_norm(x))
        y_td, auxiliary = self.moe(self.moe_norm(x).flatten(0, 1), choices_tk)
        return x + y_td.view_as(x), auxiliary


class TinyMoe(nn.Module):
    """Learned positions, pre-norm blocks, an untied head."""

    def __init__(self, shape, kind):
        super().__init__()
        dim = shape["dim"]
        self.tokens = nn.Embedding(shape["vocab"], dim)
        self.positions = nn.Embedding(shape["sequence"], dim)
        self.blocks = nn.ModuleList(Block(shape, kind) for _ in range(shape["layers"]))
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, shape["vocab"], bias=False)

    def forward(self, ids_bs, targets_t, choices=None):
        """Logits, and the whole loss: cross-entropy plus the mean over blocks of the balancing loss."""
        x = self.tokens(ids_bs) + self.positions.weight[: ids_bs.shape[1]]
        auxiliary = []
        for number, block in enumerate(self.blocks):
            x, loss = block(x, None if choices is None else choices[number])
            auxiliary.append(loss)
        logits = self.head(self.norm(x)).flatten(0, 1).float()
        return logits, F.cross_entropy(logits, targets_t) + torch.stack(auxiliary).mean()
