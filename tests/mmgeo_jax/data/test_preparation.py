"""A published model's own preparation of pictures: what its preprocessor_config.json says, and what is not known."""

import json

import numpy as np
import pytest
from PIL import Image

from data_gen.shared.errors import UserError
from mmgeo_jax.data import preparation
from mmgeo_jax.data.published import Settings
from mmgeo_jax.evals import command as eval_command
from tests.mmgeo_jax.inference.test_encoder import published
from tests.support.fake_run import write_data

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 50), dtype=np.uint8))
CLIP = {
    "image_processor_type": "CLIPImageProcessor",
    "size": {"shortest_edge": 16},
    "crop_size": {"height": 16, "width": 16},
}
SIGLIP = {"image_processor_type": "SiglipImageProcessor", "size": {"height": 16, "width": 16}}
# what a file says -> how a picture of 50 x 30 is scaled, by which filter, and what is taken of it
KNOWN = [
    (SIGLIP, (16, 16), Image.Resampling.BICUBIC, (0, 0)),
    (SIGLIP | {"size": 16, "resample": 2}, (16, 16), Image.Resampling.BILINEAR, (0, 0)),
    (CLIP, (26, 16), Image.Resampling.BICUBIC, (5, 0)),
    (CLIP | {"size": 20, "crop_size": 16}, (33, 20), Image.Resampling.BICUBIC, (8, 2)),
    ({"feature_extractor_type": "CLIPFeatureExtractor", "size": 16, "crop_size": 16, "resample": 0}, (26, 16),
     Image.Resampling.NEAREST, (5, 0)),
    ({"size": {"shortest_edge": 16}, "do_center_crop": True, "crop_size": 16}, (26, 16),
     Image.Resampling.BICUBIC, (5, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("told", "size", "resample", "corner"), KNOWN)
def test_pictures_are_prepared_as_the_file_says(told, size, resample, corner):
    made = preparation.read(Settings(told, "x"), 16)
    x, y = corner
    wanted = np.asarray(PICTURE.resize(size, resample))[y : y + 16, x : x + 16]
    np.testing.assert_array_equal(made.apply(PICTURE, 16), wanted)
    assert made.name == "own" and resample.name.lower() in made.says


def test_a_crop_larger_than_the_picture_is_black_around_it():
    told = CLIP | {"size": {"shortest_edge": 8}}
    made = preparation.read(Settings(told, "x"), 16).apply(Image.new("L", (10, 10), 255), 16)
    assert made.shape == (16, 16) and made[4:12, 4:12].min() == 255 and made.sum() == 64 * 255


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (SIGLIP | {"size": {"height": 32, "width": 32}}, "it makes pictures of 32 x 32, and the tower takes 16"),
        (SIGLIP | {"do_rescale": False}, "do_rescale is false"),
        (SIGLIP | {"rescale_factor": 1.0}, "rescale_factor"),
        (SIGLIP | {"resample": 9}, "resample=9, and a whole number from 0 to 5"),
        (SIGLIP | {"size": []}, "a number of pixels, or an object"),
        (SIGLIP | {"size": {"longest_edge": 16}}, "size has no 'width'"),
        (CLIP | {"crop_size": {"height": 16, "width": 8}}, "crop_size is no square"),
    ],
)
def test_what_is_not_known_is_one_line(told, said):
    with pytest.raises(UserError, match=said):
        preparation.read(Settings(told, "x"), 16)


def test_eval_says_which_preparation_was_used(tmp_path, monkeypatch, capsys):
    source, _ = published(tmp_path / "mine", "siglip")
    write_data(tmp_path / "hard", {"test": 2}, n=2, c=2)
    monkeypatch.chdir(tmp_path)
    command = [f"--checkpoint={source}", "--data", "hard"]
    told = {}
    for name, folder, words in ("ours", "eval_mine_hard", "our way: aspect kept"), (
        "own", "eval_mine_hard_own", "its own way: squeezed to 16 x 16 px"
    ):  # fmt: skip
        assert eval_command.main([*command, f"--preparation={name}"]) == 0
        assert f"pictures prepared {words}" in capsys.readouterr().out
        told[name] = json.loads((tmp_path / "runs" / folder / "eval.json").read_text())["preparation"]["name"]
    assert told == {"ours": "ours", "own": "own"}
    (source / "preprocessor_config.json").unlink()
    assert eval_command.main([*command, "--preparation=own"]) == 1
    assert "has no preprocessor_config.json" in capsys.readouterr().err
