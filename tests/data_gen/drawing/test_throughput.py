"""The benchmark of figures per second: its rivals draw our figures, and its command tells where the time goes."""

import importlib
import io
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageFilter

from data_gen.constructions.program import Program
from data_gen.constructions.step import Step
from data_gen.drawing import raster
from data_gen.drawing.canvas import Canvas
from data_gen.drawing.draw import draw
from data_gen.geometry.diagram import Style
from data_gen.language.fact import Fact
from tests.support.paths import ROOT


@pytest.fixture
def bench():
    return importlib.import_module("perf.data_throughput")


@pytest.mark.parametrize("fresh", [False, True])
def test_matplotlib_draws_our_figure(bench, tmp_path, fresh):
    triangle = Step("isosceles_triangle", (), ("A", "B", "C"), (70.0, 0.0))
    canvas = Canvas(
        size_px=256, border_px=30.0, rotation_deg=20.0, mirror=False, style=Style(2.0, "serif", 24.0), marks=True,
        wording=0, margin_px=10.0, gap_px=20.0,
    )  # fmt: skip
    member = draw(Program((triangle,), (Fact("length", ("A", "B"), "7"),)), canvas)
    assert member is not None and member.labels
    figure = bench.shapes(member)
    png = bench.fresh(figure, tmp_path) if fresh else bench.matplotlib_figure.png(figure)
    theirs = Image.open(io.BytesIO(png)).convert("L")
    ours = Image.fromarray(raster.to_pixels(member.diagram, member.labels))
    assert theirs.size == ours.size == (256, 256)
    # All ink of each lies within 2 px of the other's; anti-aliasing and hints of letters differ.
    for some, other in ((ours, theirs), (theirs, ours)):
        near = np.asarray(other.filter(ImageFilter.MinFilter(5)))
        assert (near[np.asarray(some) < 100] < 160).mean() > 0.995


def test_the_command_prints_ratios_and_stages():
    command = [sys.executable, "-m", "perf.data_throughput", "--figures=8", "--size=112", "--fresh=3"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert result.returncode in (0, 1) and "Traceback" not in result.stderr, result.stderr
    rows = dict(re.findall(r"^(ours, program|matplotlib in|fresh Python)\D+(\d+)", result.stdout, re.M))
    assert rows == {"ours, program": "24", "matplotlib in": "24", "fresh Python": "3"}
    shares = [int(share) for share in re.findall(r"(\d+)%$", result.stdout, re.M)]
    assert len(shares) == 11 and abs(sum(shares) - 100) <= 6


@pytest.mark.parametrize("module", ["data_throughput", "reader_throughput"])
def test_stages_are_functions_that_exist(module):
    for place, function in importlib.import_module(f"perf.{module}").STAGES.values():
        assert callable(getattr(place, function))
