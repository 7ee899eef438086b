"""The report of a multimodal run, from its files alone: no model is trained for it."""

import json

import pytest

from data_gen.records.tfrecords import RecordSource
from mmgeo_jax import config as configs
from mmgeo_jax.evals import lmm as lmm_eval
from mmgeo_jax.report import lmm as lmm_report
from tests.support import lmm_runs
from tests.support.browser import check_page

EVIL = '<script>alert("1")</script>'


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> str:
    """The report of a run whose model answers 20° to every problem, and once not at all."""
    folder = tmp_path_factory.mktemp("lmm")
    lmm_runs.write(folder, test=9)
    source = RecordSource(folder / "data", "test")
    families = [source[row] for row in range(9)]
    responses = [EVIL, *["So x is 20.\nThe answer is \\boxed{20°}."] * 8]
    verdicts = [
        lmm_eval.judge_response(family.question, response)
        for family, response in zip(families, responses, strict=True)
        if family.question
    ]
    results = {
        "scores": lmm_eval.score_groups(families, verdicts),
        "checkpoint_step": 1200,
        "tokens_per_s": 1234.5,
        "run": {"evaluated_with": EVIL},
    }
    run = folder / "run <1>"
    run.mkdir()
    lmm_eval._write_results(run, families, responses, verdicts, results)
    (run / "config.json").write_text(
        configs.to_json(configs.load("lmm_tiny", [f"--config.data.dir={folder / 'data'}"]))
    )
    rows = [{"step": step, "loss": 3 / step, "val_loss": 4 / step} for step in range(1, 9)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert lmm_report.write_report(run) == run / "report.html"
    return (run / "report.html").read_text()


def test_scores_problems_and_curves_are_shown_and_escaped(text):
    assert "run &lt;1&gt;" in text and "<script" not in text and text.count("&lt;script&gt;alert(&#34;1") == 2
    assert "9 unseen problems, checkpoint of step 1,200" in text and "For\n11.1 % of the problems" in text
    assert ">1,234<" in text and "All problems" in text and "Given in the picture" in text
    assert text.index("Wrong: 7 of 9") < text.index("Right: 2 of 9") < text.index("How it was run")
    assert text.count("<article") == 9 and text.count('<li class="good">') == 9 and text.count('<li class="bad">') == 6
    assert text.count("<polyline") == 2 and '<span class="key c2">' in text


@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_shows_it(text, tmp_path, width):
    check = check_page(text, tmp_path, width)["check"]
    assert check["faults"] == [] and check["asked"] == [] and check["overflow"] <= 0
    assert len(check["widths"]) == 9 and min(check["widths"]) > 0
