"""What the caption decoder is asked: places are where augmentation puts them, and answers are the picture's."""

import numpy as np
import pytest
from ml_collections import ConfigDict

from data_gen.records.annotations import Annotations
from data_gen.shared.errors import UserError
from mmgeo_jax.data import asked, augment
from mmgeo_jax.data import clip as clip_data
from tests.support.fake_source import make

FOUND = Annotations(characters=(("7", (10, 40, 20, 60)),), points=(("A", (0, 100)), ("B", (150, 20))))
CAPTION = "In triangle ABC, AB is 7; D lies on BC."


def picture(matrix=None):  # of 200 px
    return asked.Picture(CAPTION, FOUND, np.diag([0.005, 0.005, 1.0]) if matrix is None else matrix)


def all_of(task, of=None):
    return {asked.TASKS[task](of or picture(), np.random.default_rng(seed)) for seed in range(60)}


def test_places_and_what_stands_there():
    assert all_of("place") == {("A at", "00 50"), ("B at", "75 10")}
    assert all_of("point") == {("at 00 50", "A"), ("at 75 10", "B")}
    assert all_of("character") == {("written at 07 25", "7")}
    assert all_of("caption") == {("", CAPTION)}
    turned = picture(np.array([[0, -0.005, 1.0], [0.005, 0, 0], [0, 0, 1]]))  # by a quarter
    assert all_of("place", turned) == {("A at", "50 00"), ("B at", "90 75")}


def test_what_is_not_shown_is_not_asked():
    far = picture(np.diag([0.01, 0.005, 1.0]))
    assert all_of("place", far) == {("A at", "00 50"), None}
    nothing = asked.Picture("a circle", Annotations(), np.eye(3))
    for task in asked.TASKS:
        found = asked.choose(nothing, {task: 1.0}, np.random.default_rng(0))
        assert found == ("", "a circle")


def test_gaps_are_of_one_clause_and_of_names_or_numbers():
    assert all_of("gap") == {
        ("In triangle _,", "ABC"), ("_ is 7;", "AB"), ("AB is _;", "7"), ("_ lies on BC.", "D"), ("D lies on _.", "BC")
    }  # fmt: skip


def test_shares_are_kept_and_wrong_ones_named():
    rng = np.random.default_rng(0)
    drawn = [asked.choose(picture(), {"caption": 0.2, "place": 0.6}, rng).prompt == "" for _ in range(2000)]
    assert np.mean(drawn) == pytest.approx(0.25, abs=0.03)
    with pytest.raises(UserError, match=r"data\.asked\.places is not known: there are caption, place"):
        asked.check_shares({"places": 1.0})
    with pytest.raises(UserError, match="asks for nothing"):
        asked.check_shares({"caption": 0.0})


class Characters:
    """A tokenizer of single characters, 1 the end and 0 padding."""

    def encode_batch(self, texts, length):
        rows = [([*map(ord, text), 1] + [0] * length)[:length] for text in texts]
        return np.array(rows, np.int32)


def test_a_batch_has_prompt_and_answer_and_where_it_begins():
    """Every answer is true of the augmented picture, and a batch is a pure function of seed and position."""
    family = make(n=3, c=4, size_px=200, annotations=(FOUND.to_json(),) * 3)
    settings = {"max_images": 3, "max_captions": 4, "max_tokens": 30, "size_px": 100}
    chances = dict.fromkeys(augment.AUGMENTATIONS, 0.0) | {"rotate": 1.0}
    data = ConfigDict(settings | {"asked": {"place": 1.0, "caption": 0.0}, "augment": chances})
    made = [clip_data.make_batch([[family]], Characters(), data, [0], [5], 3) for _ in range(2)]
    np.testing.assert_array_equal(made[0]["asked"], made[1]["asked"])
    images = clip_data.load_family(family, Characters(), data)["images"]
    _, matrix = augment.augment(images, data.augment, (3, 5))
    assert abs(matrix[0, 1]) > 0.01
    for tokens, start in zip(made[0]["asked"][0], made[0]["asked_from"][0], strict=True):
        text = "".join(map(chr, tokens[tokens > 1]))
        name, place = text[:start].strip(), text[start:].strip()
        x, y = dict(FOUND.points)[name[0]]
        moved = matrix @ (x / 2, y / 2, 1)
        assert name.endswith(" at") and place == "{:02} {:02}".format(*(int(v // 1) for v in moved[:2]))
    plain = ConfigDict(data.to_dict() | {"asked": {"caption": 1.0}})
    assert "asked" not in clip_data.make_batch([[family]], Characters(), plain, [0], [5], 3)
