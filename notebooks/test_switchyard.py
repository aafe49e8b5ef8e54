"""Tests of the module `switchyard`, with values worked by hand: python -m unittest discover notebooks."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import polars as pl
from report_numbers import differences as not_the_same
from switchyard import ResultsError, cells, columns, family, load, paired, plot, plus_minus, table
from switchyard.comparing import leaves
from switchyard.plot.look import MARKERS, PALETTE, looks
from switchyard.plot.training import spread
from switchyard.statistics import Interval, holm, paired_p, t95, two_sided

ROOT = Path(__file__).resolve().parent.parent
UNIFIED = ROOT / "results/unified/cpu-cpu"


def results(folder: Path, perplexities: dict[str, dict[int, float]], **changes: object) -> Path:
    """A results folder of training trials: of each strategy its perplexity by seed."""
    rows = [
        {
            "trial_id": f"{strategy}-{seed}",
            "cell_id": strategy,
            "cell": strategy,
            "strategy": strategy,
            "seed": seed,
            "job": "train",
            "status": "done",
            "perplexity": value,
            "causal": strategy != "expert-choice",
            "settings": json.dumps({"settings": {"moe": {"k": 2}}}),
        }
        for strategy, values in perplexities.items()
        for seed, value in values.items()
    ]
    about = {"perplexity": {"unit": "per token", "doc": "exp of the loss."}}
    metadata = {"switchyard.schema": "trials/1.8", "switchyard.columns": json.dumps(about)}
    others = [pl.lit(None, pl.Float64).alias(name) for name in ("tokens_per_s", "drop_rate", "load_cv_before")]
    pl.DataFrame(rows).with_columns(others).write_parquet(folder / "trials.parquet", metadata=metadata | changes)
    names = pl.DataFrame(
        {"cell_id": list(perplexities), "cell": list(perplexities), "axis_strategy": list(perplexities)}
    )
    names.write_parquet(folder / "cells.parquet")
    baseline = {"strategy": "soft-top-k", "settings.moe.k": "2"}
    (folder / "manifest.json").write_text(json.dumps({"baseline": baseline}))
    return folder


class Statistics(unittest.TestCase):
    def test_student_t_is_that_of_tables(self):
        # 0.975 quantiles at 1, 2, 4, 9 and 29 degrees of freedom.
        known = {2: 12.7062, 3: 4.30265, 5: 2.77645, 10: 2.26216, 30: 2.04523}
        for n, value in known.items():
            self.assertAlmostEqual(t95(n), value, places=4 if n == 2 else 5)
        # With many values it is the normal distribution's.
        self.assertAlmostEqual(t95(100_000), 1.95998, places=4)

    def test_two_sided_p_by_hand(self):
        # One degree of freedom is Cauchy's distribution: P(|t| > 1) = 1/2. Two: 1 - t / sqrt(2 + t^2) = 1 - 1/2 at
        # t = sqrt(2/3). Three: 1 - 2/pi (60 degrees + sin 60 cos 60) at t = tan(60 degrees) sqrt(3) = 3.
        self.assertAlmostEqual(two_sided(1.0, 1), 0.5)
        self.assertAlmostEqual(two_sided((2 / 3) ** 0.5, 2), 0.5)
        self.assertAlmostEqual(two_sided(-3.0, 3), 1 - 2 / 3 - 3**0.5 / (2 * 3.14159265358979))

    def test_interval_by_hand(self):
        # s = 1, n = 3: 4.30265 / sqrt(3).
        mean, half, n = Interval.of([9.0, 10.0, 11.0])
        self.assertEqual((mean, n), (10.0, 3))
        self.assertAlmostEqual(half, 2.48414, places=5)
        self.assertEqual(Interval.of([4.0]), (4.0, None, 1))

    def test_paired_p_by_hand(self):
        # Differences 1, 2, 3: t = 2 sqrt(3), p = 1 - t / sqrt(2 + t^2) = 1 - sqrt(12 / 14).
        self.assertAlmostEqual(paired_p([1.0, 2.0, 3.0]), 1 - (12 / 14) ** 0.5)
        self.assertIsNone(paired_p([1.0, 2.0]))
        self.assertIsNone(paired_p([1.0, 1.0, 1.0]))

    def test_holm_steps_down(self):
        # In rising order 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.04, which may not fall again.
        corrected = holm([0.01, 0.04, None, 0.03, 0.02])
        for own, expected in zip(corrected, [0.04, 0.06, None, 0.06, 0.06]):
            self.assertEqual(own is None, expected is None)
            if own is not None:
                self.assertAlmostEqual(own, expected)
        self.assertEqual(holm([0.6, 0.7]), [1.0, 1.0])


class Cells(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name)
        perplexities = {
            "soft-top-k": {17: 9.0, 18: 10.0, 19: 11.0},
            "expert-choice": {17: 7.0, 18: 8.01, 19: 8.99},
            "hash": {17: 9.5},
            "top1": {17: 10.0, 18: 12.0, 19: 14.0},
        }
        self.run_ = load(results(self.path, perplexities))

    def test_means_and_intervals_are_of_the_seeds(self):
        own = {row["cell"]: row for row in cells(self.run_).iter_rows(named=True)}
        self.assertEqual(list(own), ["soft-top-k", "expert-choice", "hash", "top1"])
        self.assertEqual((own["soft-top-k"]["perplexity"], own["soft-top-k"]["seeds"]), (10.0, 3))
        self.assertAlmostEqual(own["soft-top-k"]["perplexity_ci95"], 2.48414, places=5)
        self.assertIsNone(own["hash"]["perplexity_ci95"])
        self.assertFalse(own["expert-choice"]["causal"])

    def test_ranking_is_paired_by_seed(self):
        rows = {row["cell"]: row for row in paired(self.run_).iter_rows(named=True)}
        self.assertEqual(list(rows), ["expert-choice", "hash", "soft-top-k", "top1"])
        self.assertIsNone(rows["soft-top-k"]["less_baseline"])
        # expert-choice less soft-top-k: -2, -1.99, -2.01, so s = 0.01 and t = -200 sqrt(3): told apart, and better.
        self.assertAlmostEqual(rows["expert-choice"]["less_baseline"], -2.0)
        self.assertAlmostEqual(rows["expert-choice"]["less_baseline_ci95"], 0.0248414, places=6)
        self.assertEqual(rows["expert-choice"]["beside_baseline"], "better")
        # p = 1 - t / sqrt(2 + t^2) with t^2 = 120,000, doubled by Holm: of the three comparisons two have a p.
        self.assertAlmostEqual(rows["expert-choice"]["p_baseline"] / (2 / 120_000), 1.0, places=4)
        # top1: 1, 2, 3, p = 1 - sqrt(12 / 14), the largest of its family.
        self.assertAlmostEqual(rows["top1"]["p_baseline"], 1 - (12 / 14) ** 0.5)
        self.assertEqual(rows["top1"]["beside_baseline"], "not told apart")
        # hash shares one seed.
        self.assertAlmostEqual(rows["hash"]["less_baseline"], 0.5)
        self.assertEqual(rows["hash"]["beside_baseline"], "too few common seeds")
        self.assertIsNone(rows["expert-choice"]["less_best"])

    def test_another_baseline_and_direction(self):
        rows = paired(self.run_, baseline="top1", lower_is_better=False)
        self.assertEqual(rows["cell"][0], "top1")
        self.assertIsNone(rows["less_baseline"][0])
        with self.assertRaisesRegex(ResultsError, "no finished cell `top2`, but expert-choice; hash"):
            paired(self.run_, baseline="top2")

    def test_trials_of_ones_own(self):
        trials = self.run_["trials"].filter(pl.col("cell") != "hash").with_columns(twice=2 * pl.col("perplexity"))
        own = cells(self.run_.with_trials(trials), ["twice"])
        self.assertEqual(own["twice"].to_list(), [20.0, 16.0, 24.0])

    def test_what_is_not_measured_is_said(self):
        with self.assertRaisesRegex(ResultsError, "has measured `drop_rate`"):
            cells(self.run_, ["drop_rate"])
        with self.assertRaisesRegex(ResultsError, "`preplexity` is no numeric column"):
            paired(self.run_, "preplexity")

    def test_two_trials_of_a_seed_are_an_error(self):
        twice = pl.concat([self.run_["trials"], self.run_["trials"].head(1)])
        with self.assertRaisesRegex(ResultsError, "two finished trials of soft-top-k have seed 17"):
            paired(self.run_.with_trials(twice))

    def test_table_merges_intervals_and_marks(self):
        lines = table(paired(self.run_)).splitlines()
        self.assertIn("| expert-choice (not causal) |", lines[2])
        self.assertIn(" 10.0 ± 2.5 ", lines[4])
        self.assertNotIn("ci95", lines[0])


class Families(unittest.TestCase):
    def test_verdicts(self):
        rows = family({"a": [1.0, 1.01, 0.99], "b": [1.0, 2.0], "c": [-1.0, 0.0, 1.5], "d": []})
        words = ["worse", "too few common seeds", "not told apart", "too few common seeds"]
        self.assertEqual(rows["verdict"].to_list(), words)
        self.assertEqual(rows["seeds"].to_list(), [3, 2, 3, 0])
        self.assertEqual(family({"a": [1.0, 1.01, 0.99]}, lower_is_better=False)["verdict"][0], "better")

    def test_numbers_show_what_their_interval_bears_out(self):
        self.assertEqual(plus_minus(20.7254, 0.2803), "20.73 ± 0.28")
        self.assertEqual(plus_minus(-1.584, 0.731, signed=True), "-1.58 ± 0.73")
        self.assertEqual(plus_minus(15880.6, 4462.2), "15881 ± 4462")
        self.assertEqual(plus_minus(0.0), "0")
        self.assertEqual(plus_minus(2.0, 1e-15), "2.000")

    def test_leaves_of_settings(self):
        settings = {"moe": {"k": 2}, "router": {"balancers": [{"switch": {"alpha": 0.01}}]}}
        self.assertEqual(leaves(settings), {"moe.k": 2, "router.balancers.0.switch.alpha": 0.01})


class Folders(unittest.TestCase):
    def refused(self, path: Path, words: str, code: int) -> None:
        with self.assertRaisesRegex(ResultsError, words) as caught:
            load(path)
        self.assertEqual(caught.exception.exit_code, code)

    def test_wrong_folders_say_what_was_meant(self):
        self.refused(ROOT / "nowhere", "there is no folder", 3)
        self.refused(ROOT / "results/unified", "did you mean .*unified/cpu-cpu", 3)
        self.refused(ROOT / "results/peers/cpu-cpu", "is of `xp bench peers`", 3)
        self.refused(ROOT / "scripts", "name one such as results/unified/cpu-cpu", 3)

    def test_damaged_and_other_folders(self):
        with tempfile.TemporaryDirectory() as name:
            folder = results(Path(name), {"top1": {17: 1.0}}, **{"switchyard.schema": "trials/2.0"})
            self.refused(folder, "schema trials/2.0, and this module reads trials/1", 7)
            (folder / "trials.parquet").write_bytes(b"PAR1 and nothing more")
            self.refused(folder, "trials.parquet cannot be read", 7)
            run = load(results(folder, {"top1": {17: 1.0}}))
            with self.assertRaisesRegex(ResultsError, "no table `steps`, but cells, trials"):
                run["steps"]

    def test_columns_have_unit_and_meaning(self):
        self.assertEqual(columns(load(UNIFIED), "trials")["perplexity"]["unit"], "per token")

    def test_the_script_prints_and_says_what_is_wrong(self):
        script = [sys.executable, str(ROOT / "scripts/load_results.py")]
        said = {"capture_output": True, "text": True, "encoding": "utf-8"}
        done = subprocess.run([*script, str(UNIFIED)], **said)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("| hash, CF 1.25 ", done.stdout)
        wrong = subprocess.run([*script, str(ROOT / "results/peers/cpu-cpu")], **said)
        self.assertEqual((wrong.returncode, wrong.stdout), (3, ""))
        self.assertTrue(wrong.stderr.startswith("error: "), wrong.stderr)
        wrong = subprocess.run([*script, str(UNIFIED), "--out", "a.xyz"], **said)
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("error: a.xyz cannot be written: Format 'xyz'", wrong.stderr)


class Plots(unittest.TestCase):
    def test_a_strategy_keeps_its_colour(self):
        names = ["hash", "soft-top-k", "lsh", "dense-total"]
        own = looks(pl.DataFrame({"cell": names, "strategy": names}))
        self.assertEqual([own[name].colour for name in names[:2]], [PALETTE[3], PALETTE[2]])
        # The first strategy without a colour of its own takes the seventh.
        self.assertEqual((own["lsh"].colour, own["lsh"].marker), (PALETTE[6], MARKERS[6]))
        self.assertNotIn(own["dense-total"].marker, MARKERS)

    def test_a_crossed_axis_is_told_by_the_fill(self):
        rows = {
            "cell": ["a", "b", "c", "d"],
            "strategy": ["top1", "top1", "hash", "hash"],
            "capacity_factor": [1.0, 1.25, 1.0, 1.25],
        }
        own = looks(pl.DataFrame(rows))
        self.assertEqual([own[name].fill for name in "abcd"], ["open", "solid", "open", "solid"])
        self.assertEqual(own["a"].colour, own["b"].colour)

    def test_names_are_spread_and_stay_inside(self):
        # Two names that want one place part to both sides of it.
        self.assertEqual(spread([0.5, 0.5, 0.9], 0.1), [0.45, 0.55, 0.9])
        for own, expected in zip(spread([0.0, 0.0], 0.2), [0.1, 0.3]):
            self.assertAlmostEqual(own, expected)

    def test_every_figure_is_drawn(self):
        run, zoo = load(UNIFIED), load(ROOT / "results/zoo/cpu-cpu")
        packing, layers = load(ROOT / "results/capacity/cpu-cpu"), load(ROOT / "results/scaling/cpu-cpu")
        figures = {
            "ranking": plot.ranking(run),
            "differences": plot.differences(run),
            "curves": plot.curves(run),
            "over a number": plot.over(run, "capacity_factor"),
            "over names": plot.over(run, "strategy"),
            "over in panels": plot.over(packing, "capacity_factor", "drop_rate"),
            "over one thing at a time": plot.over(layers, "experts", "step_ms_median"),
            "against": plot.against(zoo, "load_cv_before", "perplexity"),
            "classes": plot.classes(zoo, ["random, no balancer"]),
        }
        for name, figure in figures.items():
            with self.subTest(name):
                self.assertTrue(figure._repr_png_().startswith(b"\x89PNG"))
        # 13 cells, best above; nine panels of three expert counts and three shapes of load; six expert counts.
        self.assertEqual(len(figures["ranking"].axes[0].get_yticks()), 13)
        self.assertEqual(figures["ranking"].axes[0].get_yticklabels()[0].get_text(), "expert-choice, CF 1 (not causal)")
        self.assertEqual(len(figures["over in panels"].axes), 9)
        self.assertEqual(len(figures["over one thing at a time"].axes[0].get_xticks()), 6)

    def test_what_does_not_vary_is_said(self):
        with self.assertRaisesRegex(ResultsError, "`experts` does not vary .*strategy, capacity_factor"):
            plot.over(load(UNIFIED), "experts")


class Numbers(unittest.TestCase):
    PAGE = """<table><tr><th>place</th><th>cell</th><th>validation perplexity<br>(per token)</th>
    <th>less the<br>baseline's</th><th>p</th><th>beside it</th></tr>
    <tr><td>1</td><td>hash</td><td>20.73 ± 0.28</td><td>-1.584 ± 0.731</td><td>0.039</td><td>better</td></tr></table>"""
    HEAD = "| place | cell | perplexity | less baseline | p baseline | beside baseline |\n| - | - | - | - | - | - |\n"

    def test_agreement_is_as_far_as_digits_go(self):
        row = "| 1 | hash | 20.7 ± 0.3 | -1.58 ± 0.73 | 0.039 | better |"
        self.assertEqual(not_the_same(self.HEAD + row, self.PAGE), [])

    def test_any_other_number_or_word_is_found(self):
        row = "| 1 | hash | 20.7 ± 0.3 | -1.56 ± 0.73 | 0.039 | worse |"
        wrong = not_the_same(self.HEAD + row, self.PAGE)
        self.assertEqual([line.split(":")[0] for line in wrong], ["hash, less baseline", "hash, beside baseline"])

    def test_nothing_to_compare_is_no_agreement(self):
        self.assertEqual(not_the_same("", self.PAGE), ["no ranking was found in the notebook"])
        self.assertEqual(
            not_the_same(self.HEAD + "| 1 | hash | 1 | 1 | 1 | better |", ""), ["no ranking was found in the report"]
        )


if __name__ == "__main__":
    unittest.main()
