#!/usr/bin/env python3
"""A folder in four bits, as `xp quantise` writes it, in Hugging Face's transformers by GPTQModel: the same text.

    pip install torch transformers optimum gptqmodel
    python3 scripts/gptq_elsewhere.py FOLDER --xp target/release/xp

Both sides continue the same prompts greedily, theirs on the CPU in half precision. Exit 0 when the texts are equal.
"""

import argparse
import os
import subprocess

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import gptqmodel  # noqa: E402  (it looks for devices when it is loaded)
import torch  # noqa: E402
import transformers  # noqa: E402

PROMPTS = ["Once upon a time", "The dog was very", "Lily and Tom went to the"]


def theirs(model, tokenizer, prompt, count):
    ids = tokenizer(prompt, return_tensors="pt").input_ids
    start = ids.shape[1]
    with torch.no_grad():
        for _ in range(count):
            following = model(ids, use_cache=False).logits[0, -1].float().argmax()
            if following == model.config.eos_token_id:
                break
            ids = torch.cat([ids, following.view(1, 1)], dim=1)
    return tokenizer.decode(ids[0, start:])


def ours(xp, folder, prompt, count):
    command = [xp, "generate", folder, "--prompt", prompt, "--max-tokens", str(count), "--temperature", "0"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", help="a Qwen2-MoE in four bits")
    parser.add_argument("--xp", default="xp", help="the program (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each text (default: %(default)s)")
    args = parser.parse_args()
    loaded = gptqmodel.GPTQModel.load(
        args.folder, device="cpu", backend=gptqmodel.BACKEND.TORCH, dtype=torch.float16
    )
    model = loaded.model.eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.folder)
    print(f"gptqmodel {gptqmodel.__version__}, transformers {transformers.__version__}, torch {torch.__version__}")
    differ = 0
    for prompt in PROMPTS:
        there = theirs(model, tokenizer, prompt, args.tokens)
        here = ours(args.xp, args.folder, prompt, args.tokens).removesuffix("\n")
        equal = there.removesuffix("\n") == here
        differ += not equal
        print(f"{'equal' if equal else 'DIFFER'}: {prompt!r} goes on with {there!r}")
        if not equal:
            print(f"  ours: {here!r}")
    raise SystemExit(1 if differ else 0)


if __name__ == "__main__":
    main()
