#!/usr/bin/env python3
"""What each heavy dependency costs to build: reads cargo's newest timing report.

    cargo build --release -p xp --timings --target-dir target/cold
    python3 scripts/build_costs.py target/cold

The first command builds everything anew, beside what is there. A dependency's cost is the sum of
the compile times of the crates that nothing else brings: what the build would be spared without it.
Crates compile side by side, so the costs add up to more than the time on the clock.
"""

import argparse
import json
import subprocess
from collections import defaultdict
from pathlib import Path


def units(report: Path) -> tuple[dict[str, float], int, int]:
    """Seconds by `name version`; how many units there are; how many of them were not built."""
    text = report.read_text()
    start = text.index("UNIT_DATA = ") + len("UNIT_DATA = ")
    listed = json.loads(text[start : text.index("\n];", start) + 2])
    seconds: dict[str, float] = defaultdict(float)
    for unit in listed:
        seconds[f"{unit['name']} {unit['version'].split('+')[0]}"] += unit["duration"]
    return seconds, len(listed), sum(1 for unit in listed if unit["duration"] == 0)


def graph() -> tuple[dict[str, set[str]], dict[str, str], str]:
    """Package id to what it depends on outside tests, package id to `name version`, the id of xp."""
    host = next(
        line.split()[1]
        for line in subprocess.check_output(["rustc", "-vV"], text=True).splitlines()
        if line.startswith("host:")
    )
    command = ["cargo", "metadata", "--offline", "--format-version", "1", "--filter-platform", host]
    metadata = json.loads(subprocess.check_output(command))
    names = {p["id"]: f"{p['name']} {p['version'].split('+')[0]}" for p in metadata["packages"]}
    edges = {
        node["id"]: {d["pkg"] for d in node["deps"] if any(k["kind"] != "dev" for k in d["dep_kinds"])}
        for node in metadata["resolve"]["nodes"]
    }
    root = next(p["id"] for p in metadata["packages"] if p["name"] == "xp" and not p["source"])
    return edges, names, root


def reach(edges: dict[str, set[str]], root: str, without: str = "") -> set[str]:
    """Everything below `root`, as if no package named `without` were asked for."""
    found, stack = set(), [root]
    while stack:
        node = stack.pop()
        if node not in found and node != without:
            found.add(node)
            stack.extend(edges[node])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path, nargs="?", default=Path("target"))
    parser.add_argument("--least", type=float, default=2.0, help="seconds below which to say nothing")
    arguments = parser.parse_args()
    reports = sorted((arguments.target / "cargo-timings").glob("cargo-timing-*.html"))
    if not reports:
        parser.exit(3, f"no timings in {arguments.target}: run `cargo build --release -p xp --timings`\n")
    seconds, total, idle = units(reports[-1])
    edges, names, root = graph()
    everything = reach(edges, root)
    ours = {node for node in everything if node.startswith("path+")}
    direct = {dependency for node in ours for dependency in edges[node]} - ours

    rows = []
    for dependency in direct:
        alone = everything - reach(edges, root, without=dependency)
        cost = sum(seconds.get(names[node], 0.0) for node in alone)
        users = sorted(names[node].split()[0] for node in ours if dependency in edges[node])
        rows.append((cost, names[dependency], len(alone), ", ".join(users)))
    print("| dependency | crates it alone brings | compile seconds | used by |\n|---|---|---|---|")
    for cost, name, crates, users in sorted(rows, reverse=True):
        if cost >= arguments.least:
            print(f"| {name} | {crates} | {cost:.0f} | {users} |")
    own = sum(seconds.get(names[node], 0.0) for node in ours)
    print(f"\nOur own {len(ours)} crates: {own:.0f} s. All units: {sum(seconds.values()):.0f} s of compiling.")
    print(f"{reports[-1].name}: {total} units, {idle} of them took no time (a cold build has few).")


if __name__ == "__main__":
    main()
