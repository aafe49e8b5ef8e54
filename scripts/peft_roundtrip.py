#!/usr/bin/env python3
"""An adapter from Hugging Face's PEFT to Switchyard and back: the same logits on both sides, both ways.

    pip install torch transformers "peft>=0.17" safetensors
    python3 scripts/peft_roundtrip.py MODEL

MODEL is a folder of a Qwen2-MoE in full, its config.json of the installed major version of transformers: version 4
passes over the `rope_parameters` of version 5, and computes another model. PEFT makes adapters of random matrices and writes them; the example
`peft_roundtrip` of `crates/peft-lora` reads each, computes logits and writes the adapter again; PEFT reads that
into a model without, and must find a place for every tensor. With transformers 4 experts are modules of their own
and have a pair each; since version 5 they are parameters and have one for all.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import warnings

import peft
import torch
import transformers
from safetensors.torch import load_file

CLOSE = 1e-4
FUSED = int(transformers.__version__.split(".")[0]) >= 5

ATTENTION = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]}
if FUSED:
    EXPERTS = {
        "r": 3,
        "lora_alpha": 6,
        "target_modules": ["q_proj"],
        "target_parameters": ["mlp.experts.gate_up_proj", "mlp.experts.down_proj", "mlp.gate.weight"],
    }
else:
    EXPERTS = {
        "r": 3,
        "lora_alpha": 6,
        "use_rslora": True,
        "target_modules": ["gate_proj", "up_proj", "down_proj", "gate"],
        "rank_pattern": {"down_proj": 2},
        "alpha_pattern": {"gate_proj": 5},
    }
ROUTER = {"r": 2, "lora_alpha": 4, "target_modules": ["v_proj"], "modules_to_save": ["mlp.gate"]}


def base(model):
    return transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()


def logits(model):
    ids = torch.arange(24).reshape(2, 12) * 5 + 1
    with torch.no_grad():
        return model(input_ids=ids).logits


def adapter(model, settings):
    """The model with an adapter whose every matrix is random."""
    torch.manual_seed(1)
    config = peft.LoraConfig(task_type="CAUSAL_LM", **settings)
    adapted = peft.get_peft_model(base(model), config).eval()
    for name, parameter in adapted.named_parameters():
        if "lora_" in name or "modules_to_save" in name:
            parameter.data = torch.randn_like(parameter) * 0.1
    return adapted


def built():
    """The example, built with the features that the whole workspace has."""
    root = pathlib.Path(__file__).resolve().parents[1]
    build = ["cargo", "build", "--release", "--quiet", "--workspace", "--example", "peft_roundtrip"]
    subprocess.run(build, check=True, cwd=root)
    metadata = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
    told = subprocess.run(metadata, check=True, cwd=root, capture_output=True).stdout
    return pathlib.Path(json.loads(told)["target_directory"]) / "release/examples/peft_roundtrip"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="the folder of a Qwen2-MoE in full")
    model = str(pathlib.Path(parser.parse_args().model).resolve())
    program = built()
    print(f"peft {peft.__version__}, transformers {transformers.__version__}, torch {torch.__version__}")
    worst = 0.0
    for name, settings in [("attention", ATTENTION), ("experts", EXPERTS), ("router", ROUTER)]:
        with tempfile.TemporaryDirectory() as folder:
            theirs, ours = f"{folder}/theirs", f"{folder}/ours"
            adapted = adapter(model, settings)
            adapted.save_pretrained(theirs)
            expected = logits(adapted)
            moved = (expected - logits(base(model))).abs().max().item()
            layout = "fused" if FUSED else "per-expert"
            subprocess.run([program, model, theirs, ours, layout], check=True)
            there = (load_file(f"{ours}/logits.safetensors")["logits"] - expected).abs().max().item()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                back = peft.PeftModel.from_pretrained(base(model), ours).eval()
            lost = [str(one.message) for one in caught if "missing" in str(one.message).lower()]
            again = (logits(back) - expected).abs().max().item()
            tensors = len(load_file(f"{ours}/adapter_model.safetensors"))
            written = json.loads(pathlib.Path(f"{ours}/adapter_config.json").read_text())
            print(
                f"{name:10} {tensors:4} tensors, r {written['r']}: the adapter moves logits by {moved:.3f}; "
                f"PEFT to Switchyard {there:.1e}, and back to PEFT {again:.1e}"
            )
            if lost:
                raise SystemExit(f"{name}: PEFT says {lost}")
            worst = max(worst, there, again)
    if worst > CLOSE:
        raise SystemExit(f"off by {worst:.1e}, allowed {CLOSE:.0e}")
    print(f"all within {CLOSE:.0e}")


if __name__ == "__main__":
    main()
