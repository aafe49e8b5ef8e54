"""What is timed: each case has a `check`, which leaves outputs and gradients, and a `work`."""

import torch

from exchange import gradients, load_weights
from experts import Unavailable, probe_grouped
from moving import combine_gather, combine_index, pack_gather, pack_index
from tiny_moe import DenseFfn, MoeLayer, TinyMoe


class ModelCase:
    """A module with weights, run under autocast when the precision asks for it."""

    def __init__(self, case, job, device):
        self.case, self.device = case, device
        self.bf16 = job["precision"] == "bf16"
        if job["variant"] == "grouped":
            probe_grouped(device, torch.bfloat16 if self.bf16 else torch.float32)
        self.model = self.build(case.shape, job["variant"]).to(device)
        load_weights(self.model, case.weights)
        if job["compile"]:
            self.model.compile()

    def autocast(self):
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)


class Step(ModelCase):
    """One update of TinyMoE: forward, backward, clipping by the global norm, AdamW."""

    def __init__(self, case, job, device):
        super().__init__(case, job, device)
        settings = case.settings
        self.clip = settings["clip"]
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(),
            lr=settings["rate"],
            betas=(settings["beta1"], settings["beta2"]),
            eps=settings["epsilon"],
            weight_decay=settings["weight_decay"],
            fused=True,
        )
        self.ids = case.inputs["ids"].long()
        self.targets = case.inputs["targets"].long().flatten()

    def build(self, shape, variant):
        return TinyMoe(shape, variant)

    def backward(self, choices=None):
        self.optimiser.zero_grad(set_to_none=True)
        with self.autocast():
            logits, loss = self.model(self.ids, self.targets, choices)
        loss.backward()
        return logits, loss.detach()

    def work(self):
        _, loss = self.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimiser.step()
        return loss

    def check(self):
        """The gradient under our choices of experts; then updates under its own, and their losses.

        Whom a router prefers by less than rounding would otherwise change whole rows; the choices
        are given for the gradient alone, and how many agree is reported.
        """
        layers = range(self.case.shape["layers"])
        choices = [self.case.inputs[f"choices/{number}"].long() for number in layers]
        logits, loss = self.backward(choices)
        found = {"logits": logits, "loss": loss.view(1), **gradients(self.model)}
        losses = [self.work() for _ in range(self.case.settings["updates"])]
        return {**found, "losses": torch.stack(losses)}


class Layer(ModelCase):
    """The MoE layer alone, forward and backward of <y, dy> plus the balancing loss."""

    def __init__(self, case, job, device):
        super().__init__(case, job, device)
        self.x = case.inputs["x"].requires_grad_()
        self.dy = case.inputs["dy"]

    def build(self, shape, variant):
        return MoeLayer(shape, variant)

    def work(self, choices=None):
        self.x.grad = None
        self.model.zero_grad(set_to_none=True)
        with self.autocast():
            y, auxiliary = self.model(self.x, choices)
        ((y * self.dy).sum() + auxiliary).backward()
        return y

    def check(self):
        y = self.work(self.case.inputs["choices/0"].long())
        return {"y": y, "gradient/x": self.x.grad, **gradients(self.model)}


class Ffn(ModelCase):
    """The dense network, forward and backward of <y, dy>."""

    def __init__(self, case, job, device):
        super().__init__(case, job, device)
        self.x = case.inputs["x"].requires_grad_()
        self.dy = case.inputs["dy"]

    def build(self, shape, variant):
        return DenseFfn(shape)

    def work(self):
        self.x.grad = None
        self.model.zero_grad(set_to_none=True)
        with self.autocast():
            y = self.model(self.x)
        (y * self.dy).sum().backward()
        return y

    def check(self):
        y = self.work()
        return {"y": y, "gradient/x": self.x.grad, **gradients(self.model)}


class Rows:
    """Pack and combine without experts in between, from given rows and gates."""

    def __init__(self, case, job, device):
        if job["precision"] != "f32":
            raise Unavailable("moving rows does not multiply: there is no autocast of it")
        self.backward = case.settings["backward"]
        self.tokens = case.shape["tokens"]
        inputs = case.inputs
        self.x, self.dy = inputs["x"], inputs.get("dy")
        self.rows_m, self.slots_tk = inputs["rows_m"].long(), inputs["slots_tk"].long()
        self.kept_tk = inputs["kept_tk"]
        gathers = job["variant"] == "gather"
        self.gates = inputs["gates_tk"] if gathers else inputs["gates_m"]
        self.run = self.gather if gathers else self.index
        if job["compile"]:
            self.run = torch.compile(self.run)
        if self.backward:
            self.x.requires_grad_()
            self.gates.requires_grad_()

    def index(self, x, gates):
        packed = pack_index(x, self.rows_m)
        return combine_index(packed, self.rows_m, gates, self.tokens)

    def gather(self, x, gates):
        packed = pack_gather(x, self.rows_m)
        return combine_gather(packed, self.slots_tk, gates)

    def work(self):
        if not self.backward:
            with torch.no_grad():
                return self.run(self.x, self.gates)
        self.x.grad = self.gates.grad = None
        # From ones, as ours: a product with a given gradient would be a third of the whole.
        y = self.run(self.x, self.gates)
        y.backward(torch.ones_like(y))
        return y

    def check(self):
        if not self.backward:
            return {"y": self.work()}
        self.x.grad = self.gates.grad = None
        y = self.run(self.x, self.gates)
        y.backward(self.dy)
        dgates = self.gates.grad
        if dgates.dim() == 1:
            dgates = dgates[self.slots_tk]
        return {"y": y, "gradient/x": self.x.grad, "gradient/gates": dgates * self.kept_tk}


KINDS = {"step": Step, "layer": Layer, "ffn": Ffn, "rows": Rows}
