#!/usr/bin/env python3
"""A PyTorch process that `xp bench` drives: one JSON request a line in, one answer a line out.

    {"op": "hello"}                                       -> versions
    {"op": "load", "case": PATH, "variant": "bmm",
     "compile": false, "precision": "f32"}                -> {} or {"unavailable": REASON}
    {"op": "check", "outputs": PATH}                      -> {}, outputs and gradients in the file
    {"op": "time"}                                        -> {"seconds": S}, one sample
    {"op": "unload"}                                      -> {}
    {"op": "qwen", "folder": PATH, "dtype": "float32"}    -> {}, a model in four bits for `read`
    {"op": "read", "ids": [[1, 2]], "before": 0,
     "logits": PATH or null}                              -> {"seconds": S, "next": [IDS]}

Whatever goes wrong is answered as {"error": TEXT}. The end of the input ends the process.
"""

import argparse
import gc
import json
import os
import platform
import sys
import time

# Compiling in this process alone: idle compiler processes would use the cores that are measured.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")


def answers():
    """A private copy of stdout: what libraries print goes to stderr."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return channel


class Peer:
    def __init__(self, device, threads):
        import torch

        self.torch = torch
        torch.set_num_threads(threads)
        self.device = torch.device(device)
        self.loaded = None

    def hello(self, _):
        torch = self.torch
        cuda = self.device.type == "cuda"
        return {
            "torch": torch.__version__,
            "python": platform.python_version(),
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name(self.device) if cuda else "cpu",
        }

    def load(self, job):
        from cases import KINDS
        from exchange import Case
        from experts import Unavailable

        self.unload(job)
        case = Case(job["case"], self.device)
        try:
            self.loaded = KINDS[case.kind](case, job, self.device)
        except Unavailable as reason:
            return {"unavailable": str(reason)}
        return {}

    def check(self, job):
        from exchange import save

        save(job["outputs"], self.loaded.check())
        return {}

    def time(self, _):
        self.wait()
        start = time.perf_counter()
        self.loaded.work()
        self.wait()
        return {"seconds": time.perf_counter() - start}

    def qwen(self, job):
        from qwen import Qwen

        self.unload(job)
        self.loaded = Qwen(job["folder"], getattr(self.torch, job["dtype"]))
        return {}

    def read(self, job):
        ids = self.torch.tensor(job["ids"])
        start = time.perf_counter()
        logits = self.loaded.read(ids, job["before"])
        following = logits.argmax(-1).tolist()
        seconds = time.perf_counter() - start
        if job["logits"]:
            from safetensors.torch import save_file

            save_file({"logits": logits.contiguous()}, job["logits"])
        return {"seconds": seconds, "next": following}

    def unload(self, _):
        self.loaded = None
        gc.collect()
        self.torch.compiler.reset()
        if self.device.type == "cuda":
            self.torch.cuda.empty_cache()
        return {}

    def wait(self):
        if self.device.type == "cuda":
            self.torch.cuda.synchronize(self.device)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    channel = answers()
    peer = None
    for line in sys.stdin:
        try:
            job = json.loads(line)
            peer = peer or Peer(options.device, options.threads)
            if job["op"] not in ("hello", "load", "check", "time", "unload", "qwen", "read"):
                raise ValueError(f"unknown request {job['op']!r}")
            answer = getattr(peer, job["op"])(job)
        except Exception as error:  # The benchmark decides what a failure means.
            text = str(error).strip().splitlines()
            answer = {"error": f"{type(error).__name__}: {text[0] if text else ''}"}
            if isinstance(error, ModuleNotFoundError):
                answer["missing"] = error.name
        channel.write(json.dumps(answer) + "\n")
        channel.flush()


if __name__ == "__main__":
    main()
