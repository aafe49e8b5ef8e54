#!/usr/bin/env python3
"""Draws docs/diagrams/*.svg: how a MoE layer, its strategies, capacity, PERFT and this workspace work.

    python3 scripts/diagrams.py            # writes them
    python3 scripts/diagrams.py --check    # fails where a file is not what this script draws

Colours are those of the figures (crates/report/src/figures/theme.rs), light and dark.
"""

import argparse
import sys
from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "diagrams"

INK, MUTED, LINE, PAPER = "#1f242b", "#4a525c", "#c3c9d0", "#ffffff"
BLUE, RED, GREEN, PURPLE, ORANGE, SKY = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
)
EXPERTS = [BLUE, RED, GREEN, PURPLE]
DARK = (
    ("fill", INK, "#e6e9ed"), ("fill", MUTED, "#a9b1ba"), ("fill", PAPER, "#16191d"),
    ("stroke", INK, "#e6e9ed"), ("stroke", MUTED, "#a9b1ba"), ("stroke", LINE, "#4a525c"),
)
STYLE = "@media (prefers-color-scheme:dark){%s}" % "".join(
    f'svg [{what}="{old}"]{{{what}:{new}}}' for what, old, new in DARK
)


class Sheet:
    """One drawing; y runs downwards, all lengths are in pixels."""

    def __init__(self, name, title, width, height):
        self.name, self.title, self.size, self.parts = name, title, (width, height), []
        self.text(20, 28, title, size=18, bold=True)

    def add(self, tag, **attributes):
        pairs = " ".join(f'{key.replace("_", "-")}="{value}"' for key, value in attributes.items())
        self.parts.append(f"<{tag} {pairs}/>")

    def text(self, x, y, words, size=13, color=INK, anchor="start", bold=False):
        weight = ' font-weight="bold"' if bold else ""
        for line, part in enumerate(words.split("\n")):
            self.parts.append(
                f'<text x="{x:g}" y="{y + line * (size + 4):g}" font-size="{size}" fill="{color}"'
                f' text-anchor="{anchor}"{weight}>{escape(part)}</text>'
            )

    def box(self, x, y, width, height, words="", color=MUTED, strength=0.12, size=13, dashed=False):
        """A box with its words in the middle."""
        dash = {"stroke_dasharray": "5 4"} if dashed else {}
        self.add("rect", x=f"{x:g}", y=f"{y:g}", width=f"{width:g}", height=f"{height:g}", rx=5,
                 fill=color, fill_opacity=strength, stroke=color, stroke_width=1.5, **dash)
        lines = words.split("\n")
        top = y + height / 2 - (len(lines) - 1) * (size + 4) / 2 + size * 0.36
        for line, part in enumerate(lines if words else []):
            self.text(x + width / 2, top + line * (size + 4), part, size=size, anchor="middle")

    def line(self, points, color=MUTED, width=1.5, dashed=False):
        dash = {"stroke_dasharray": "5 4"} if dashed else {}
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.add("polyline", points=path, fill="none", stroke=color, stroke_width=width, **dash)

    def arrow(self, points, color=MUTED, width=1.5, dashed=False):
        """A line through points with a head at its end."""
        (ax, ay), (bx, by) = points[-2], points[-1]
        length = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5 or 1
        ux, uy = (bx - ax) / length, (by - ay) / length
        back = (bx - 8 * ux, by - 8 * uy)
        self.line([*points[:-1], back], color, width, dashed)
        corners = [(bx, by), (back[0] - 4 * uy, back[1] + 4 * ux), (back[0] + 4 * uy, back[1] - 4 * ux)]
        self.add("polygon", points=" ".join(f"{x:.4g},{y:.4g}" for x, y in corners), fill=color)

    def disc(self, x, y, radius, color, words="", opacity=1):
        self.add("circle", cx=f"{x:g}", cy=f"{y:g}", r=radius, fill=color, fill_opacity=opacity,
                 stroke=color, stroke_width=1.5)
        if words:
            self.text(x, y + 4.5, words, anchor="middle")

    def svg(self):
        width, height = self.size
        body = "\n".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
            f' viewBox="0 0 {width} {height}" role="img" font-family="sans-serif">\n'
            f"<title>{escape(self.title)}</title>\n<style>{STYLE}</style>\n"
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>\n{body}\n</svg>\n'
        )


def moe_layer():
    """A token's way through the layer."""
    s = Sheet("moe_layer", "A Mixture-of-Experts layer", 900, 400)
    s.text(20, 52, "Here E = 4 experts, and k = 2 of them a token. What the router does and what the experts do are "
                   "two crates,\nand one value passes between them.", color=MUTED)
    s.box(20, 190, 96, 50, "token x_t\n(D numbers)")
    s.box(160, 100, 230, 230, color=BLUE, strength=0.05, dashed=True)
    s.text(170, 120, "router", color=MUTED)
    s.box(175, 132, 200, 40, "scorer: logits over E", BLUE)
    s.box(175, 192, 200, 40, "strategy: which experts", BLUE)
    s.box(175, 252, 200, 58, "gates g_te: how much of each;\nbalancers: losses, biases", BLUE, size=12)
    s.arrow([(275, 172), (275, 192)])
    s.arrow([(275, 232), (275, 252)])
    s.arrow([(116, 215), (140, 215), (140, 152), (175, 152)])
    s.box(430, 130, 110, 180, "capacity:\nevery expert\nhas C places\n\ndispatch:\ntokens to\ntheir places", ORANGE)
    s.arrow([(375, 215), (430, 215)])
    for index, color in enumerate(EXPERTS):
        y = 108 + index * 58
        chosen = index in (1, 2)
        s.box(590, y, 120, 40, f"expert {index}", color, 0.25 if chosen else 0.06)
        ends = [(540, 215), (590, y + 20)]
        (s.arrow if chosen else s.line)(ends, color if chosen else LINE, 2 if chosen else 1)
        out = [(710, y + 20), (760, 215)]
        if chosen:
            s.arrow(out, color, 2)
            s.text(728, y + (14 if index == 1 else 40), f"× g_t{index}", size=12)
        else:
            s.line(out, LINE, 1)
    s.disc(773, 215, 13, MUTED, "+", 0.15)
    s.arrow([(786, 215), (810, 215)])
    s.box(810, 190, 70, 50, "y_t")
    s.arrow([(68, 240), (68, 362), (773, 362), (773, 228)], dashed=True)
    s.text(420, 354, "residual connection: a token that every expert dropped passes through here alone",
           size=12, color=MUTED, anchor="middle")
    return s


def tokens_and_experts(s, x, y, title, words, edges, experts=4, tokens=4):
    """One strategy: tokens above, experts below, a line a choice with its weight as width."""
    s.text(x, y, title, bold=True)
    s.text(x, y + 18, words, size=12, color=MUTED)
    top, bottom, step = y + 76, y + 152, 58
    for token, expert, weight, dashed in edges:
        start, end = (x + 20 + token * step, top + 11), (x + 20 + expert * step, bottom - 12)
        s.line([start, end], EXPERTS[expert], 1 + 4 * weight, dashed)
    for token in range(tokens):
        s.disc(x + 20 + token * step, top, 11, MUTED, f"t{token}", 0.15)
    for expert in range(experts):
        s.box(x + 4 + expert * step, bottom - 12, 32, 24, str(expert), EXPERTS[expert], 0.3)


def strategies():
    """Who chooses whom."""
    s = Sheet("strategies", "Routing strategies: who chooses whom, and with what weight", 900, 700)
    s.text(20, 52, "Above four tokens, below four experts. A line is an assignment, its width the gate.", color=MUTED)
    one, two = 0.9, 0.45
    rows = [
        ("top1", "a token takes its likeliest expert;\nits output times the probability",
         [(0, 1, one, 0), (1, 1, one * 0.6, 0), (2, 3, one * 0.8, 0), (3, 0, one, 0)]),
        ("soft-top-k", "the k likeliest, weighted by their\nprobabilities, which sum to 1",
         [(0, 1, .7, 0), (0, 2, .2, 0), (1, 1, .5, 0), (1, 0, .4, 0), (2, 3, .8, 0), (2, 2, .1, 0),
          (3, 0, .6, 0), (3, 3, .3, 0)]),
        ("hard-top-k", "the k likeliest, each with 1 / k; the\ngradient goes straight through",
         [(t, e, two, 0) for t, e in ((0, 1), (0, 2), (1, 1), (1, 0), (2, 3), (2, 2), (3, 0), (3, 3))]),
        ("hash", "a table of the token's number in the\nvocabulary; nothing is learned",
         [(0, 2, two, 0), (0, 3, two, 0), (1, 0, two, 0), (1, 1, two, 0), (2, 2, two, 0), (2, 3, two, 0),
          (3, 0, two, 0), (3, 1, two, 0)]),
        ("expert-choice", "an expert takes its C likeliest tokens;\nt2 has none, and later tokens count",
         [(0, 0, .5, 0), (1, 0, .6, 0), (0, 1, .7, 0), (3, 1, .3, 0), (1, 2, .4, 0), (3, 2, .5, 0),
          (0, 3, .3, 0), (3, 3, .6, 0)]),
        ("soft-moe", "slots take weighted means of all\ntokens; later tokens count",
         [(t, e, 0.05 + 0.08 * ((t * 3 + e) % 4), 0) for t in range(4) for e in range(4)]),
        ("random", "drawn, by a seed; the line\nthat learning has to beat",
         [(0, 3, two, 0), (0, 0, two, 0), (1, 2, two, 0), (1, 3, two, 0), (2, 0, two, 0), (2, 1, two, 0),
          (3, 1, two, 0), (3, 2, two, 0)]),
        ("dense", "all experts for each token, weighted:\nwhat choosing saves is not saved",
         [(t, e, 0.08 + 0.15 * ((t + e) % 4 == 1), 0) for t in range(4) for e in range(4)]),
        ("top-p", "as many as reach the probability p\ntogether: t0 is sure, t2 is not",
         [(0, 1, .9, 0), (1, 1, .5, 0), (1, 0, .4, 0), (2, 3, .3, 0), (2, 2, .3, 0), (2, 1, .25, 0), (3, 0, .8, 0)]),
    ]
    for index, (title, words, edges) in enumerate(rows):
        tokens_and_experts(s, 30 + index % 3 * 292, 92 + index // 3 * 206, title, words, edges)
    return s


def token_dropping():
    """What capacity does with too many tokens."""
    s = Sheet("token_dropping", "Capacity and dropped tokens", 900, 416)
    s.text(20, 52, "Capacity C = ceil(CF · T · k / E) places an expert: here T = 8 tokens, k = 1, E = 4, CF = 1, so C = 2. "
                   "Expert 1 is asked\nfor by five tokens and keeps two. Which two is the drop policy; dropped tokens "
                   "pass through the residual connection.", color=MUTED)
    asked = [1, 1, 0, 1, 2, 1, 1, 3]
    chance = [.41, .58, .77, .92, .63, .49, .88, .70]
    for row, (title, order) in enumerate([
        ("by position: who comes first", list(range(8))),
        ("by probability: who is likeliest", sorted(range(8), key=lambda token: -chance[token])),
    ]):
        top = 118 + row * 146
        s.text(20, top, title, bold=True)
        kept, free = set(), [2] * 4
        for token in order:
            if free[asked[token]]:
                free[asked[token]] -= 1
                kept.add(token)
        for token in range(8):
            x = 34 + token * 56
            color = EXPERTS[asked[token]]
            s.disc(x, top + 32, 15, color, f"t{token}", 0.3 if token in kept else 0.0)
            s.text(x, top + 64, f"{chance[token]:.2f}", size=12, color=MUTED, anchor="middle")
            if token not in kept:
                s.line([(x - 12, top + 44), (x + 12, top + 20)], INK, 2)
        s.arrow([(466, top + 32), (500, top + 32)])
        for expert in range(4):
            x = 516 + expert * 94
            s.text(x + 40, top + 2, f"expert {expert}", size=12, anchor="middle")
            own = sorted(token for token in kept if asked[token] == expert)
            for place in range(2):
                there = place < len(own)
                s.box(x + place * 42, top + 14, 38, 36, f"t{own[place]}" if there else "", EXPERTS[expert],
                      0.3 if there else 0.0, dashed=not there)
    s.text(20, 382, "Colour: the expert asked for. Below a token: its probability. Struck out: dropped. Dashed: places that "
                    "stay empty, which padded\nbuffers compute all the same. In the evaluation of the sweeps nothing is "
                    "dropped, unless asked for.", size=12, color=MUTED)
    return s


def block(s, x, y, title, words):
    """A frozen mixture: router and four experts; returns the middles of the experts."""
    s.text(x, y, title, bold=True)
    s.text(x, y + 18, words, size=12, color=MUTED)
    s.box(x, y + 66, 250, 26, "router (the base's)", MUTED, 0.08, 12)
    middles = []
    for expert in range(4):
        s.box(x + expert * 64, y + 112, 56, 40, f"expert {expert}", MUTED, 0.08, 11)
        middles.append(x + expert * 64 + 28)
        s.line([(x + 125, y + 92), (middles[-1], y + 112)], LINE, 1)
    return middles


def perft():
    """Where adapters stand."""
    s = Sheet("perft_variants", "PERFT: where the adapters of a mixture stand", 900, 560)
    s.text(20, 52, "Grey is the pretrained model and frozen; what has a colour is trained. An adapter is W_up · W_down of "
                   "rank r.", color=MUTED)
    x, y = 30, 92
    block(s, x, y, "R: routed", "adapters of its own beside the experts,\nand a router that picks K of N of them")
    s.box(x + 262, y + 66, 130, 26, "router of adapters", RED, 0.2, 12)
    for index in range(2):
        s.box(x + 262 + index * 68, y + 112, 60, 40, f"adapter {index}", GREEN, 0.25, 11)
        s.line([(x + 327, y + 92), (x + 292 + index * 68, y + 112)], RED, 2 if index == 0 else 1)
    x = 480
    middles = block(s, x, y, "E: embedded", "one adapter in every expert, used when\nthe base's router picks that expert")
    for index, middle in enumerate(middles):
        s.box(middle - 28, y + 158, 56, 22, "adapter", GREEN, 0.25, 11)
    x, y = 30, 322
    block(s, x, y, "D: dense", "N adapters beside the experts,\nall of them for every token")
    for index in range(2):
        s.box(x + 262 + index * 68, y + 112, 60, 40, f"adapter {index}", GREEN, 0.25, 11)
        s.line([(x + 327, y + 92), (x + 292 + index * 68, y + 112)], GREEN, 2)
    s.text(x + 262, y + 84, "(no router)", size=12, color=MUTED)
    x = 480
    block(s, x, y, "S: single", "one adapter beside the experts,\nfor every token")
    s.box(x + 262, y + 112, 80, 40, "adapter", GREEN, 0.25, 11)
    s.line([(x + 302, y + 92), (x + 302, y + 112)], GREEN, 2)
    s.text(x + 262, y + 84, "(no router)", size=12, color=MUTED)
    s.text(20, 524, "All outputs are summed with that of the mixture. As published, R weights its adapters with the base's "
                    "gates instead of its own\nrouter's: that is `routed-as-published`.", size=12, color=MUTED)
    return s


def data_flow():
    """From a TOML file to tables, figures and verdicts."""
    s = Sheet("data_flow", "From a sweep file to tables and figures", 900, 470)
    s.text(20, 52, "Solid: what a command writes. Every arrow can be taken again and gives the same.", color=MUTED)
    s.box(20, 90, 150, 62, "experiments/*.toml\nsettings, axes, seeds", BLUE)
    s.box(20, 230, 150, 62, "text, tokenizers,\npretrained models", BLUE)
    s.box(220, 90, 150, 62, "xp plan\ntrials, each with an id", ORANGE)
    s.arrow([(170, 121), (220, 121)])
    s.text(220, 172, "id = digest of settings, seed and data", size=12, color=MUTED)
    s.box(420, 90, 150, 62, "xp sweep\nruns what is missing", ORANGE)
    s.arrow([(370, 121), (420, 121)])
    s.arrow([(170, 261), (495, 261), (495, 152)])
    s.text(190, 253, "checked by digest", size=12, color=MUTED)
    s.box(620, 72, 260, 98, "", MUTED, 0.05, dashed=True)
    s.text(632, 90, "a job", size=12, color=MUTED)
    for index, name in enumerate(["train", "pack", "layer", "router", "quantise", "finetune"]):
        s.box(632 + index % 3 * 82, 98 + index // 3 * 34, 76, 28, name, GREEN, 0.2, 12)
    s.arrow([(570, 121), (620, 121)])
    s.box(620, 230, 260, 62, ".xp/ the working folder: parts and\ncheckpoints of each trial, atomic", SKY, 0.25)
    s.arrow([(750, 170), (750, 230)])
    s.line([(620, 261), (534, 261), (534, 160)], MUTED, 1.5, True)
    s.arrow([(534, 175), (534, 152)], dashed=True)
    s.text(546, 222, "resume", size=12, color=MUTED)
    s.box(620, 350, 260, 78, "results/<sweep>/<scale>-<device>/\n*.parquet and manifest.json:\na row a trial, step, expert, token", SKY, 0.25)
    s.arrow([(750, 292), (750, 350)])
    s.box(420, 350, 150, 78, "crate report\ncells, comparisons,\nfigures", ORANGE)
    s.arrow([(620, 389), (570, 389)])
    s.box(220, 318, 150, 46, "figures/*.svg", PURPLE, 0.25)
    s.box(220, 378, 150, 46, "report.html", PURPLE, 0.25)
    s.arrow([(420, 375), (396, 375), (396, 341), (370, 341)])
    s.arrow([(420, 401), (370, 401)])
    s.box(20, 350, 150, 78, "Polars, DuckDB,\npandas: one row,\none question", PURPLE, 0.25)
    s.arrow([(750, 428), (750, 452), (95, 452), (95, 428)])
    s.text(420, 446, "the tables are the interface", size=12, color=MUTED, anchor="middle")
    return s


def main():
    """Writes the drawings, or says which differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file differs")
    check = parser.parse_args().check
    stale = []
    for sheet in (moe_layer(), strategies(), token_dropping(), perft(), data_flow()):
        path, svg = FOLDER / f"{sheet.name}.svg", sheet.svg()
        if check:
            if not path.is_file() or path.read_text() != svg:
                stale.append(path.name)
            continue
        FOLDER.mkdir(parents=True, exist_ok=True)
        path.write_text(svg)
    if stale:
        sys.exit(f"docs/diagrams: {', '.join(stale)} not as scripts/diagrams.py draws; run it")


if __name__ == "__main__":
    main()
