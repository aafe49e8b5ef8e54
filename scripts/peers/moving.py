"""Rows of tokens to the order of experts, and back.

Two ways, because which is faster depends on the device and on whether there is a backward pass:

- `index`: `index_select` and `index_add_`, the usual pair;
- `gather`: `gather` with an expanded index, whose backward pass PyTorch runs in parallel on the
  CPU, and `embedding_bag`, which adds a token's k weighted rows without storing them.

A row that holds no token points at token 0, and an assignment that was dropped at row 0, each with
a gate of zero: no row of zeros need be appended, which would copy everything.
"""

import torch
import torch.nn.functional as F


def pack_index(x_td, rows_m):
    """Row m is token `rows_m[m]`."""
    return x_td.index_select(0, rows_m)


def combine_index(y_md, rows_m, gates_m, tokens):
    """Adds each weighted row to its token."""
    out = y_md.new_zeros(tokens, y_md.shape[1])
    return out.index_add_(0, rows_m, y_md * gates_m.to(y_md.dtype).unsqueeze(1))


def pack_gather(x_td, rows_m):
    """Row m is token `rows_m[m]`."""
    return x_td.gather(0, rows_m.unsqueeze(1).expand(-1, x_td.shape[1]))


def combine_gather(y_md, slots_tk, gates_tk):
    """Token t is the sum over its k rows `slots_tk[t]`, weighted."""
    if y_md.dtype == torch.float32:
        return F.embedding_bag(slots_tk, y_md, mode="sum", per_sample_weights=gates_tk)
    tokens, k = slots_tk.shape
    rows = pack_gather(y_md, slots_tk.reshape(-1)).view(tokens, k, -1)
    return torch.bmm(gates_tk.to(y_md.dtype).unsqueeze(1), rows).squeeze(1)
