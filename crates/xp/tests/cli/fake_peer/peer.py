"""A peer without PyTorch: it packs and combines rows in plain Python, and misbehaves on request.

What it does is decided by the program that it is asked to be: `gather` is right, `index` is wrong,
`gather+compile` is not available, and `index+compile` ends itself. With FAKE_PEER=bare it has no
torch, with FAKE_PEER=slow it never answers a check.
"""

import array
import json
import os
import struct
import sys
import time

MODE = os.environ.get("FAKE_PEER", "")
KINDS = {"F32": "f", "I32": "i"}


def read(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        body = file.read()
    tensors = {}
    for name, facts in header.items():
        start, end = facts["data_offsets"]
        tensors[name] = array.array(KINDS[facts["dtype"]], body[start:end])
        tensors[name + " shape"] = facts["shape"]
    return tensors


def write(path, name, shape, values):
    body = array.array("f", values).tobytes()
    facts = {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, len(body)]}}
    header = json.dumps(facts).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + body)


def round_trip(case):
    """Token t is the sum over its slots of gate times the packed row's token."""
    inputs = read(case.replace("case.json", "inputs.safetensors"))
    tokens, width = inputs["x shape"]
    _, k = inputs["slots_tk shape"]
    y = [0.0] * (tokens * width)
    for assignment, (slot, gate) in enumerate(zip(inputs["slots_tk"], inputs["gates_tk"])):
        to, start = assignment // k * width, inputs["rows_m"][slot] * width
        for column in range(width):
            y[to + column] += gate * inputs["x"][start + column]
    return [tokens, width], y


def answer(job, loaded):
    if job["op"] == "hello":
        if MODE == "bare":
            return {"error": "ModuleNotFoundError: no torch", "missing": "torch"}
        threads = int(sys.argv[sys.argv.index("--threads") + 1])
        return {"torch": "0.fake", "python": "3", "device": "cpu", "threads": threads}
    if job["op"] == "load":
        loaded.update(job)
        if job["compile"] and job["variant"] == "gather":
            return {"unavailable": "this fake compiles nothing"}
        if job["compile"]:
            sys.exit(3)
        return {}
    if job["op"] == "check":
        if MODE == "slow":
            time.sleep(600)
        shape, y = round_trip(loaded["case"])
        if loaded["variant"] == "index":
            y[0] += 1.0
        write(job["outputs"], "y", shape, y)
        return {}
    return {"seconds": 0.5} if job["op"] == "time" else {}


loaded = {}
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line), loaded)), flush=True)
