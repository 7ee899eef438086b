"""Batches of samples: what stands where, packed or not, the same for any number of processes; and the loss of them."""

import functools

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from mmgeo_jax.data import images, tokenizer
from mmgeo_jax.data import lmm as lmm_data
from mmgeo_jax.models import lmm
from mmgeo_jax.train import lmm as train_lmm
from tests.support import lmm_runs
from tests.support.fake_source import make

COUNT = 12


@functools.cache
def words():
    texts = [text for family in source() for text in lmm_data.tokenizer_corpus(family)]
    return tokenizer.Tokenizer(tokenizer.train_tokenizer(texts, 512, lmm_data.PHRASES))


@functools.cache
def source():
    return [lmm_runs.family("train", i) for i in range(COUNT)]


def data(**changes):
    keys = dict(
        task="problems",
        show_images=True,
        show_choices_prob=1.0,
        worked_solution_prob=1.0,
        prompt_end="",
        samples_per_row=1,
        max_tokens=70,
        size_px=lmm_runs.SIZE_PX,
    )
    return ConfigDict(keys | changes)


def first(settings, rows=4, *place, seed=0, start=0):
    return next(lmm_data.train_batches([source()], words(), settings, seed, start, rows, *place))


def texts_of(batch):
    """family -> (question, answer), as the tokens of a batch have them."""
    found = {}
    for row in range(len(batch["tokens"])):
        for k, family in enumerate(batch["family"][row]):
            if family >= 0:
                its = batch["segments"][row] == batch["image_segments"][row, k]
                parts = (its & batch["prefix"][row], its & batch["loss_mask"][row])
                assert (parts[0] ^ parts[1])[its].all()
                found[int(family)] = tuple(batch["tokens"][row, part].tolist() for part in parts)
    return found


def test_a_row_is_question_answer_and_end():
    batch = first(data())
    for number, (question, answer) in texts_of(batch).items():
        asked = source()[number].question
        assert words().decode(question) == lmm_data.format_prompt(asked.question, asked.choices)
        assert answer[-1] == words().end_id and words().decode(answer) == asked.solution
        np.testing.assert_array_equal(batch["images"][list(batch["family"][:, 0]).index(number), 0],
                                      images.decode_member(source()[number], 0, lmm_runs.SIZE_PX))  # fmt: skip
    ended = texts_of(first(data(prompt_end="\n")))  # as PaliGemma ends its questions
    assert {n: words().decode(question) for n, (question, _) in ended.items()} == {
        n: words().decode(question) + "\n" for n, (question, _) in texts_of(batch).items()
    }
    padding = batch["segments"] == 0
    assert not batch["prefix"][padding].any() and not batch["loss_mask"][padding].any()


@pytest.mark.parametrize("pack", [1, 2, 3])
def test_processes_together_read_what_one_reads(pack):
    settings = data(samples_per_row=pack, max_tokens=70 * pack)
    whole: dict = {}
    parts: dict = {}
    for step in range(3):
        whole |= {(step, k): v for k, v in texts_of(first(settings, 4, start=step)).items()}
        for process in range(2):
            parts |= {(step, k): v for k, v in texts_of(first(settings, 4, (process, 2), start=step)).items()}
    assert whole == parts and len(whole) >= 3 * 4 * pack - 3 * 2  # a family may be twice in a batch of two epochs


def test_choices_are_shown_by_chance_and_pictures_can_be_blank():
    hidden = texts_of(first(data(show_choices_prob=0.0)))
    assert all("(A)" not in words().decode(question) for question, _ in hidden.values())
    blank = first(data(show_images=False))
    assert (blank["images"] == 255).all() and texts_of(blank) == texts_of(first(data()))


def test_an_answer_may_be_wanted_at_once():
    for number, (question, answer) in texts_of(first(data(worked_solution_prob=0.0))).items():
        assert words().decode(question).endswith(f"\n{lmm_data.AT_ONCE}")
        assert words().decode(answer) == f"The answer is \\boxed{{{source()[number].question.answer}}}."


def test_numbers_are_those_of_the_caption_in_order():
    family = make(n=1, c=1, caption="AB = 12 and ∠ABC = 9.5°, {}")
    assert lmm_data.sample_numbers(family, np.random.default_rng(0), data())[1:] == (lmm_data.NUMBERS, "0, 9.5, 12")
    family = make(n=1, c=1, caption="AB is a chord.")
    assert lmm_data.sample_numbers(family, np.random.default_rng(0), data()).answer == "none"


def test_captions_are_of_their_own_picture():
    family = make(n=3, c=4, size_px=8)
    for seed in range(20):
        sample = lmm_data.sample_caption(family, np.random.default_rng(seed), data())
        assert sample.answer == family.captions[sample.image] and family.truth[sample.image, sample.image] == 1
    assert {lmm_data.sample_caption(family, np.random.default_rng(s), data()).image for s in range(20)} == {0, 1, 2}


def test_every_problem_is_validated_once():
    batches = list(lmm_data.eval_batches([source()], words(), data(samples_per_row=3), 5))
    numbers = [number for batch in batches for number in batch["family"].ravel().tolist()]
    assert numbers == [*range(COUNT), -1, -1, -1] and all(batch["images"].shape[:2] == (5, 1) for batch in batches)


@given(st.lists(st.integers(1, 60), min_size=12, max_size=12), st.sampled_from([1, 2, 3, 4]), st.integers(20, 200))
def test_dealing_keeps_to_the_room(lengths, pack, room):
    rows = lmm_data.pack_rows(lengths, pack, room)
    assert len(rows) == 12 // pack
    placed = [number for row in rows for number in row]
    assert len(set(placed)) == len(placed)
    for row in rows:
        assert len(row) <= pack and sum(lengths[number] for number in row) <= room
    for number in set(range(12)) - set(placed):  # nowhere was room for what is left out
        assert all(len(row) == pack or sum(lengths[n] for n in row) + lengths[number] > room for row in rows)


def test_what_does_not_fit_is_one_line():
    lmm_data.check_lengths(source(), words(), data(), 4)
    with pytest.raises(UserError, match="raise it to"):
        lmm_data.check_lengths(source(), words(), data(max_tokens=30), 4)
    with pytest.raises(UserError, match="raise it to"):
        lmm_data.check_lengths(source(), words(), data(samples_per_row=2, max_tokens=60), 4)
    with pytest.raises(UserError, match="has no problem to solve"):
        next(lmm_data.train_batches([[make()]], words(), data(), 0, 0, 1))
    with pytest.raises(UserError, match="captions, numbers, problems"):
        first(data(task="riddles"))


# ---------------------------------------------------------------- the loss


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """(config, graphdef, params), the parameters moved off their zeros."""
    path = tmp_path_factory.mktemp("samples") / "config.py"
    path.write_text(lmm_runs.CONFIG)
    config = configs.load(path)
    graphdef, params = lmm.init(config.model, 0)
    noisy = jax.tree.map(lambda x: x + 0.1 * jax.random.normal(jax.random.key(1), x.shape), params)
    return config, graphdef, noisy


def test_packed_and_unpacked_losses_agree(model):
    config, graphdef, params = model
    loss = jax.jit(functools.partial(train_lmm.loss_of, config, graphdef))
    whole, found = loss(params, first(data(), 12))
    for pack in 2, 3:
        packed, counted = loss(params, first(data(samples_per_row=pack, max_tokens=60 * pack), 12 // pack))
        assert counted["tokens"] == found["tokens"] > 100
        np.testing.assert_allclose(packed, whole, rtol=1e-5)


def test_micro_batches_have_the_gradient_of_the_whole(model):
    config, graphdef, params = model
    batch = first(data(samples_per_row=2, max_tokens=120), 4)
    batch["loss_mask"][:2, :40] = False  # parts of different weight
    found = []
    for count in 1, 2, 4:
        with config.unlocked():
            config.train.micro_batches = count
        found.append(jax.jit(train_lmm.make_gradients(config, graphdef, None))(params, batch))
    for (value, metrics), slope in found[1:]:
        np.testing.assert_allclose(value, found[0][0][0], rtol=1e-5)
        for name, each in metrics.items():
            np.testing.assert_allclose(each, found[0][0][1][name], rtol=1e-5)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), slope, found[0][1])
