# Short forms of commands that work without `just` too; `just sweep capacity --scale smoke` passes options on.

xp := "cargo run --release -p xp --"

# Lists the recipes.
help:
    @just --list --unsorted

# Runs what is not done of a sweep, then writes tables, figures and the report.
sweep NAME *ARGS:
    {{xp}} sweep {{NAME}} {{ARGS}}

# Shows every trial of a sweep and whether it would run.
plan NAME *ARGS:
    {{xp}} plan {{NAME}} {{ARGS}}

# Says how far a sweep is.
status NAME *ARGS:
    {{xp}} status {{NAME}} {{ARGS}}

# Writes tables, figures and the report again from the finished trials.
report NAME *ARGS:
    {{xp}} report {{NAME}} {{ARGS}}

# Draws figures, reports and the page of claims again from all committed results.
figures:
    cargo run --release -p xp -- figures results/*/*/
    cargo run --release -p xp -- claims --page

# Every sweep that is not done, then figures and the ledger of claims: `just reproduce --scale cpu`.
reproduce *ARGS:
    scripts/reproduce.sh {{ARGS}}

# PNG beside the SVG of results folders: `just png results/unified/cpu-cpu`, `just png --dark ...`.
png *ARGS:
    scripts/png.sh {{ARGS}}

# Makes docs/book of the pages in docs/; needs mdBook.
book:
    mdbook build docs

# Draws docs/diagrams/ again.
diagrams:
    python3 scripts/diagrams.py

# Lists, fetches or checks text: `just data list`, `just data fetch tinystories`.
data *ARGS:
    {{xp}} data {{ARGS}}

# Speed beside PyTorch: outputs and gradients compared, then both timed in turn.
bench-peers *ARGS:
    {{xp}} bench peers {{ARGS}}

# Looks at this machine: processor, devices, data, folders.
doctor *ARGS:
    {{xp}} doctor {{ARGS}}

# Formatting, lines, words, links, spelling, lints; cheapest first.
check:
    cargo fmt --all --check
    python3 scripts/check_lines.py
    scripts/check_words.sh
    python3 scripts/check_links.py
    if command -v typos >/dev/null; then typos; fi
    cargo clippy --release --workspace --all-targets -- -D warnings

# Runs all tests, or those that are named.
test *ARGS:
    cargo test --release --workspace {{ARGS}}

# Follows docs/first-router.md and "Adding a scorer" of crates/README.md in a copy of the tree.
recipe:
    python3 scripts/recipe.py

# Runs the smoke sweeps in a temporary folder and looks at what they leave.
smoke:
    cargo build --release -p xp
    scripts/smoke.sh "${CARGO_TARGET_DIR:-target}/release/xp"

# Facts, tests, sweeps and bench of a GPU in ten minutes: `just gpu --device cuda:0`.
gpu *ARGS:
    scripts/gpu.sh {{ARGS}}

# Executes the notebook in a fresh environment and compares; `UPDATE=1 just notebook` writes its outputs anew.
notebook:
    scripts/notebook.sh

# Everything that must hold before a change is taken.
ci:
    .ci/run

# What each heavy dependency costs to build (a build from nothing, beside the one in use).
build-costs:
    cargo build --release -p xp --timings --target-dir target/cold
    python3 scripts/build_costs.py target/cold
