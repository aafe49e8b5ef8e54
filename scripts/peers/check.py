#!/usr/bin/env python3
"""The PyTorch programs against a plain account of what they should do, on sizes that fit a page.

    python scripts/peers/check.py        needs torch, numpy and safetensors
"""

import unittest

import torch
import torch.nn.functional as F
from torch import nn

from exchange import gradients, load_weights
from experts import KINDS, Unavailable, probe_grouped
from moving import combine_gather, combine_index, pack_gather, pack_index
from routing import Router, Routing, compact_plan, drop, fixed_plan
from tiny_moe import DenseFfn, MoeLayer, TinyMoe

SHAPE = {
    "layers": 2,
    "dim": 8,
    "heads": 2,
    "vocab": 11,
    "sequence": 6,
    "batch": 3,
    "experts": 4,
    "k": 2,
    "hidden": 16,
    "capacity": 6,
    "alpha": 0.01,
}
CPU = torch.device("cpu")


def random_weights(module, seed=17):
    """Weights under our paths, as the benchmark would send them."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_()
            parameter.grad = parameter.clone()
    return {name.removeprefix("gradient/"): g for name, g in gradients(module).items()}


def kinds():
    for kind in KINDS:
        try:
            if kind == "grouped":
                probe_grouped(CPU, torch.float32)
        except Unavailable as reason:
            print(f"note: {reason}")
            continue
        yield kind


class Queues(unittest.TestCase):
    def routed(self, choices, gates=None):
        """A routing of four experts with given choices."""
        router = Router({**SHAPE, "k": len(choices[0])})
        choices = torch.tensor(choices)
        places, load = router._queue(choices)
        gates = torch.full(choices.shape, 0.5) if gates is None else torch.tensor(gates)
        return Routing(choices, places, gates, load, torch.zeros(()))

    def test_first_choices_stand_before_second(self):
        # Expert 1 is the second choice of token 0 and the first of 1 and 2.
        routing = self.routed([[0, 1], [1, 0], [1, 3]])
        self.assertEqual(routing.places_tk.tolist(), [[0, 2], [0, 1], [1, 0]])
        self.assertEqual(routing.load_e.tolist(), [2, 3, 0, 1])

    def test_gates_that_are_kept_grow_to_the_old_sum(self):
        routing = self.routed([[0, 1], [0, 2], [0, 3]], [[0.7, 0.3], [0.6, 0.4], [0.5, 0.5]])
        kept, gates = drop(routing, 1)
        self.assertEqual(kept.tolist(), [[True, True], [False, True], [False, True]])
        torch.testing.assert_close(gates, torch.tensor([[0.7, 0.3], [0.0, 1.0], [0.0, 1.0]]))

    def test_rows_of_both_plans_belong_to_who_points_at_them(self):
        routing = self.routed([[0, 1], [0, 2], [0, 1], [3, 0]])
        kept, gates = drop(routing, 2)
        tokens = torch.arange(4).unsqueeze(1).expand(4, 2)
        for plan in (fixed_plan(routing, 2), compact_plan(routing, 2)):
            torch.testing.assert_close(plan.gates_tk, gates)
            self.assertEqual(plan.rows_m[plan.slots_tk][kept].tolist(), tokens[kept].tolist())
        self.assertEqual(fixed_plan(routing, 2).offsets_e.tolist(), [2, 4, 6, 8])
        # Expert 0 keeps two of its four.
        self.assertEqual(compact_plan(routing, 2).offsets_e.tolist(), [2, 4, 5, 6])


class Layers(unittest.TestCase):
    def reference(self, layer, bank, x):
        """Every expert on every token, weighted."""
        routing = layer.router(x)
        _, gates = drop(routing, SHAPE["capacity"])
        w1, b1, w2, b2 = (bank.read(name, lambda p: p) for name in bank.NAMES)
        h = F.gelu(torch.einsum("td,edf->etf", x, w1) + b1.unsqueeze(1))
        y = torch.einsum("etf,efd->etd", h, w2) + b2.unsqueeze(1)
        weights = torch.zeros(x.shape[0], SHAPE["experts"])
        weights = weights.scatter_add(1, routing.experts_tk, gates)
        return torch.einsum("te,etd->td", weights, y), routing.auxiliary

    def test_every_way_is_every_expert_weighted(self):
        torch.manual_seed(3)
        x, dy = torch.randn(2, 13, SHAPE["dim"])
        weights = random_weights(MoeLayer(SHAPE, "bmm"))
        oracle = MoeLayer(SHAPE, "bmm")
        load_weights(oracle, weights)
        leaf = x.clone().requires_grad_()
        y, auxiliary = self.reference(oracle, oracle.experts, leaf)
        ((y * dy).sum() + auxiliary).backward()
        expected = {"y": y, "x": leaf.grad, **gradients(oracle)}
        for kind in kinds():
            layer = MoeLayer(SHAPE, kind)
            load_weights(layer, weights)
            leaf = x.clone().requires_grad_()
            y, auxiliary = layer(leaf)
            ((y * dy).sum() + auxiliary).backward()
            found = {"y": y, "x": leaf.grad, **gradients(layer)}
            self.assertEqual(found.keys(), expected.keys())
            for name, value in expected.items():
                torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-4, msg=f"{kind} {name}")

    def test_given_choices_are_taken(self):
        layer = MoeLayer(SHAPE, "bmm")
        load_weights(layer, random_weights(layer))
        x = torch.randn(5, SHAPE["dim"])
        choices = torch.tensor([[3, 1]]).expand(5, 2)
        self.assertEqual(layer.router(x, choices).experts_tk.tolist(), choices.tolist())

    def test_uniform_routing_costs_alpha(self):
        router = Router({**SHAPE, "k": 1})
        nn.init.zeros_(router.weight)
        choices = torch.arange(8).remainder(4).unsqueeze(1)
        auxiliary = router(torch.randn(8, SHAPE["dim"]), choices).auxiliary
        self.assertAlmostEqual(auxiliary.item(), SHAPE["alpha"], places=6)


class Models(unittest.TestCase):
    def test_an_untrained_model_is_causal_and_gives_every_gradient(self):
        for kind in kinds():
            model = TinyMoe({**SHAPE, "capacity": 36}, kind)
            load_weights(model, {k: 0.1 * v for k, v in random_weights(model).items()})
            model.zero_grad(set_to_none=True)
            ids = torch.randint(0, SHAPE["vocab"], (3, 6))
            logits, loss = model(ids, ids.flatten())
            loss.backward()
            self.assertTrue(all(g.isfinite().all() for g in gradients(model).values()))
            later = ids.clone()
            later[:, -1] = (ids[:, -1] + 1) % SHAPE["vocab"]
            changed, _ = model(later, ids.flatten())
            before = [rows.view(3, 6, -1)[:, :-1] for rows in (logits, changed)]
            torch.testing.assert_close(*before)

    def test_weights_of_another_model_are_refused(self):
        weights = random_weights(DenseFfn(SHAPE))
        with self.assertRaisesRegex(KeyError, "has not"):
            load_weights(DenseFfn(SHAPE), {**weights, "more": torch.zeros(1)})
        weights.pop("up.bias")
        with self.assertRaisesRegex(KeyError, "up.bias"):
            load_weights(DenseFfn(SHAPE), weights)


class Moving(unittest.TestCase):
    def test_both_ways_give_the_same_rows_sums_and_gradients(self):
        x = torch.randn(3, 4, requires_grad=True)
        rows, slots = torch.tensor([2, 0, 2, 1]), torch.tensor([[1, 0], [3, 0], [0, 2]])
        gates = torch.tensor([[0.5, 0.0], [1.0, 0.0], [0.2, 0.8]])
        by_row = torch.tensor([0.2, 0.5, 0.8, 1.0])
        results = []
        for pack, combine in (
            (pack_index, lambda y: combine_index(y, rows, by_row, 3)),
            (pack_gather, lambda y: combine_gather(y, slots, gates)),
        ):
            x.grad = None
            y = combine(pack(x, rows))
            (y * torch.arange(12.0).view(3, 4)).sum().backward()
            results.append((y.detach(), x.grad))
        torch.testing.assert_close(results[0][0], x.detach() * torch.tensor([[0.5], [1.0], [1.0]]))
        for a, b in zip(*results):
            torch.testing.assert_close(a, b)


if __name__ == "__main__":
    unittest.main()
