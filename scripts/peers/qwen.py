"""Qwen2-MoE in four bits of GPTQ as a PyTorch user would run it where there is no kernel for it: each map is
unpacked to floats when it is needed and multiplied then, expert by expert.

Only what `xp bench qwen` asks: reading token ids behind those in a cache, and the likeliest next ones.
"""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from torch.nn import functional as F

SHIFTS = torch.arange(0, 32, 4, dtype=torch.int32)


class Packed:
    """Words [K / 8, N] and scales [K / g, N]; symmetric, so that a number stands for itself less 8."""

    def __init__(self, tensors, name, dtype):
        self.words, self.scales = tensors[f"{name}.qweight"], tensors[f"{name}.scales"]
        groups = tensors[f"{name}.g_idx"].long()
        size = groups.numel() // self.scales.shape[0]
        if not torch.equal(groups, torch.arange(groups.numel()) // size):
            raise ValueError(f"{name}: groups that are not in order")
        if not (tensors[f"{name}.qzeros"] == 0x77777777).all():
            raise ValueError(f"{name}: zeros that are not 8")
        self.size, self.dtype = size, dtype

    def __call__(self, x):
        outputs = self.words.shape[1]
        numbers = (self.words.unsqueeze(1) >> SHIFTS.view(1, 8, 1)) & 15
        numbers = numbers.view(-1, self.size, outputs).to(self.dtype) - 8
        weight = numbers * self.scales.to(self.dtype).unsqueeze(1)
        return x @ weight.view(-1, outputs)


class Network:
    def __init__(self, map_of, name):
        self.gate, self.up, self.down = (map_of(f"{name}.{part}_proj") for part in ("gate", "up", "down"))

    def __call__(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Layer:
    def __init__(self, tensors, map_of, number, config, dtype):
        name = f"model.layers.{number}"
        self.config = config
        self.norms = [tensors[f"{name}.{part}.weight"].float() for part in ("input_layernorm", "post_attention_layernorm")]
        self.maps = [map_of(f"{name}.self_attn.{part}_proj") for part in "qkvo"]
        bias = [tensors.get(f"{name}.self_attn.{part}_proj.bias") for part in "qkv"]
        self.biases = [0 if one is None else one.to(dtype) for one in bias]
        self.router = tensors[f"{name}.mlp.gate.weight"].float().t()
        self.experts = [Network(map_of, f"{name}.mlp.experts.{one}") for one in range(config["num_experts"])]
        self.shared = Network(map_of, f"{name}.mlp.shared_expert")
        self.shared_gate = tensors[f"{name}.mlp.shared_expert_gate.weight"].float().t()

    def __call__(self, x, turn, cache, dtype):
        epsilon = self.config["rms_norm_eps"]
        x = x + self.attend(rms(x, self.norms[0], epsilon).to(dtype), turn, cache).float()
        h = rms(x, self.norms[1], epsilon)
        return x + self.mix(h.flatten(0, 1), dtype).view_as(x)

    def attend(self, x, turn, cache):
        batch, length, _ = x.shape
        heads, key_heads = self.config["num_attention_heads"], self.config["num_key_value_heads"]
        def split(value, heads):
            return value.view(batch, length, heads, -1).transpose(1, 2)
        q, k, v = (own(x) + bias for own, bias in zip(self.maps, self.biases))
        q, k, v = turn(split(q, heads)), turn(split(k, key_heads)), split(v, key_heads)
        if cache:
            k, v = torch.cat([cache[0], k], 2), torch.cat([cache[1], v], 2)
        cache[:] = [k, v]
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=length > 1, enable_gqa=True)
        return self.maps[3](attended.transpose(1, 2).reshape(batch, length, -1))

    def mix(self, x, dtype):
        scores = F.softmax(x @ self.router, -1)
        gates, chosen = scores.topk(self.config["num_experts_per_tok"], -1)
        if self.config.get("norm_topk_prob"):
            gates = gates / gates.sum(-1, keepdim=True)
        half = x.to(dtype)
        y = torch.sigmoid(x @ self.shared_gate) * self.shared(half).float()
        for expert in chosen.unique().tolist():
            token, choice = (chosen == expert).nonzero(as_tuple=True)
            y.index_add_(0, token, self.experts[expert](half[token]).float() * gates[token, choice].unsqueeze(1))
        return y


def rms(x, gamma, epsilon):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon) * gamma


class Qwen:
    """The model in a folder; a request reads `ids` [B, S] behind the cache of the last one."""

    def __init__(self, folder, dtype):
        folder = Path(folder)
        config = json.loads((folder / "config.json").read_text())
        tensors = {}
        for file in sorted(folder.glob("*.safetensors")):
            with safe_open(str(file), "pt") as opened:
                tensors.update({name: opened.get_tensor(name) for name in opened.keys()})
        def map_of(name):
            return Packed(tensors, name, dtype)
        self.config, self.dtype = config, dtype
        self.tokens, self.head = tensors["model.embed_tokens.weight"], tensors["lm_head.weight"].to(dtype)
        self.norm = tensors["model.norm.weight"].float()
        numbers = range(config["num_hidden_layers"])
        self.layers = [Layer(tensors, map_of, number, config, dtype) for number in numbers]
        self.caches = None

    @torch.no_grad()
    def read(self, ids, before):
        """Logits [B, V] of what follows; `before` tokens of each text are in the cache, and 0 empties it."""
        if before == 0:
            self.caches = [[] for _ in self.layers]
        x = self.tokens[ids].float()
        turn = self.turns(before, ids.shape[1])
        for layer, cache in zip(self.layers, self.caches):
            x = layer(x, turn, cache, self.dtype)
        last = rms(x[:, -1], self.norm, self.config["rms_norm_eps"])
        return (last.to(self.dtype) @ self.head.t()).float()

    def turns(self, before, length):
        width = self.config["hidden_size"] // self.config["num_attention_heads"]
        rates = self.config["rope_theta"] ** (-torch.arange(0, width, 2).float() / width)
        angles = torch.arange(before, before + length).float().unsqueeze(1) * rates
        cos, sin = (part(torch.cat([angles, angles], -1)).to(self.dtype) for part in (torch.cos, torch.sin))
        def turn(x):
            low, high = x.chunk(2, -1)
            return x * cos + torch.cat([-high, low], -1) * sin
        return turn
