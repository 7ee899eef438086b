"""The report, in a browser where there is one, and what it says where something is missing."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mmgeo_jax.evals import clip as clip_eval
from mmgeo_jax.evals import command as eval_command
from mmgeo_jax.evals import probes
from mmgeo_jax.evals import scores as eval_scores
from mmgeo_jax.report import charts, gallery, parts
from mmgeo_jax.report import clip as clip_report
from mmgeo_jax.report import command as report_command
from tests.support.browser import check_page
from tests.support.fake_run import STEP, make_run, write_data
from tests.support.fake_source import make


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Iterator[Path]:
    """An evaluated run with its report."""
    made, trained = make_run(tmp_path_factory.mktemp("report"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clip_eval.checkpoints, "restore_run", lambda *_: trained)
        patch.setattr(clip_eval, "unimodal_scores", level)
        clip_eval.evaluate_run(made)
        clip_report.write_report(made)
        yield made


def level(train, test, vocab_size) -> eval_scores.UnimodalScores:
    """Blind scorers that say nothing, at once."""
    captions, pictures = np.zeros(test.tokens.shape[:2]), np.zeros(test.thumbnails.shape[:2])
    scores = probes.ProbeScores(captions, captions)
    if test.truth.shape[1] == 1:
        return eval_scores.UnimodalScores(scores, None, None)
    return eval_scores.UnimodalScores(scores, probes.ProbeScores(pictures, pictures), scores)


def test_eval_json_has_what_is_promised(run):
    results = json.loads((run / "eval.json").read_text())
    promised = {"image_hit1", "text_hit1", "anchor_image_hit1", "anchor_text_hit1", "random_hit1", "chance", "families",
                "unimodal_text_hit1", "unimodal_image_hit1", "untrained_image_hit1", "untrained_text_hit1",
                "by_kind"}  # fmt: skip
    for name in ("synthetic", "real"):
        assert set(results[name]) == promised | {"intervals", "details", "split"}
        assert set(results[name]["by_kind"]) == {"order", "shape", "relation", "value"}
    assert results["synthetic"]["split"] == "test" and results["real"]["split"] in ("test", "val")
    assert results["synthetic"]["families"] == 10 and results["synthetic"]["chance"] == 1 / 4
    assert results["real"]["chance"] == pytest.approx(1 / 5) and results["real"]["image_hit1"] is None
    assert results["real"]["details"]["queries"]["text_hit1"] == 5
    with np.load(run / "scores.npz", allow_pickle=False) as saved:
        assert saved["synthetic_scores"].shape == (10, 4, 6) and saved["real_scores"].shape == (5, 1, 5)


def test_an_evaluation_is_made_once_for_a_checkpoint_and_its_data(run, monkeypatch, capsys):
    before = (run / "eval.json").read_bytes()
    monkeypatch.setattr(clip_eval, "_score_with_controls", lambda *_: pytest.fail("measured again"))
    assert clip_eval.evaluate_run(run)["checkpoint_step"] == STEP
    assert eval_command.main([f"--run={run}"]) == 0 and "image_hit1" in capsys.readouterr().out
    with pytest.raises(pytest.fail.Exception):
        clip_eval.evaluate_run(run, force=True)
    write_data(run.parent / "real", {"train": 12, "val": 6}, n=1, c=5)
    with pytest.raises(pytest.fail.Exception):
        clip_eval.evaluate_run(run)
    write_data(run.parent / "real", {"train": 12, "val": 5}, n=1, c=5)
    assert clip_eval.evaluate_run(run) and (run / "eval.json").read_bytes() == before


def test_the_report_is_one_file_that_asks_for_nothing(run):
    text = (run / "report.html").read_text()
    assert "<script" not in text
    assert not re.search(r"""(src|href)=["'](?!data:)""", text) and "url(" not in text and "@import" not in text
    assert "AB &lt; CD &amp; &lt;script&gt;alert(&#34;" in text
    assert "<title>tiny &lt;run&gt;" in text
    assert text.count("<article") == 15 and text.count("<img") == 10 * 4 + 5
    assert text.index("Generated families") < text.index("Real exam figures, one by one") < text.index("How it was run")


@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_shows_every_picture_and_has_no_fault(run, tmp_path, width):
    check = check_page((run / "report.html").read_text(), tmp_path, width)["check"]
    assert check["faults"] == [] and check["asked"] == []
    assert len(check["widths"]) == 45 and min(check["widths"]) > 0
    assert check["overflow"] <= 0


def test_mistakes_come_first():
    families = [make(key, n=3, c=4, truth=np.eye(3, 4, dtype=np.int8)) for key in ("right", "wrong", "tied")]
    right = np.eye(3, 4)
    scores = [right, 1 - right, np.zeros((3, 4))]
    assert [gallery.mistakes(family, block) for family, block in zip(families, scores, strict=True)] == [0, 6, 6]
    cards = gallery.cards(families, scores, 10.0)
    assert [card.family.key for card in cards] == ["wrong", "tied", "right"]
    template = '{% from "families.html.jinja" import article %}{{ article(card) }}'
    text = parts.templates().from_string(template).render(card=cards[0])
    assert text.count('class="cell yes"') == 3 and text.count("✓") == 0 and text.count("→") == 3


def test_what_is_missing_or_broken_is_one_line(run, tmp_path, capsys):
    def fails(change) -> str:
        copy = tmp_path / f"copy{len(list(tmp_path.iterdir()))}"
        shutil.copytree(run, copy)
        change(copy)
        assert report_command.main([f"--run={copy}"]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and lines[0].startswith("error: ")
        return lines[0]

    assert "evaluate the run first" in fails(lambda copy: (copy / "eval.json").unlink())
    assert "eval.json" in fails(lambda copy: (copy / "eval.json").write_text('{"synthetic": '))
    assert "eval.json" in fails(lambda copy: (copy / "eval.json").write_text('{"synthetic": {"families": 3}}'))
    assert "scores.npz" in fails(lambda copy: (copy / "scores.npz").write_bytes(b"PK"))
    assert "no/such" in fails(lambda copy: edit(copy / "config.json", str(run.parent / "generated"), "no/such"))
    assert "config.json" in fails(shutil.rmtree)


def test_a_broken_line_of_a_log_is_left_out_with_a_warning(run, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    with (copy / "metrics.jsonl").open("ab") as file:
        file.write(b'{\n[1]\n{"step": "3"}\n\xff\n{"step": 5, "loss": NaN}\n')
    assert report_command.main([f"--run={copy}"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: a line is left out (and 4 more lines)") and "metrics.jsonl line 31" in line


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


def test_a_broken_shard_is_named_and_leaves_the_old_scores(run, capsys):
    before = (run / "eval.json").read_bytes()
    shard = next((run.parent / "generated").glob("*-test*00001"))
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-9])
    assert eval_command.main([f"--run={run}", "--force"]) == 1
    assert shard.name in capsys.readouterr().err.splitlines()[-1]
    assert (run / "eval.json").read_bytes() == before
    shard.write_bytes(whole)


def test_ticks_are_round_and_inside():
    assert charts.ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert charts.ticks(0.013, 0.061) == [0.02, 0.03, 0.04, 0.05, 0.06]
    assert charts.ticks(3, 3) == [3]
    assert charts.line_chart("Loss", [charts.Series("loss", [(1, float("nan"))], "c1")], "step") is None
