"""Evaluation: what the scores say of scorers whose worth is known."""

import numpy as np
import pytest

from mmgeo_jax.evals import probes, ranking, runs
from mmgeo_jax.evals import scores as eval_scores
from mmgeo_jax.evals.embed import Embedded, Split, pad_with_zero
from mmgeo_jax.evals.ranking import CAPTIONS, PICTURES

FAMILIES, MEMBERS, TEXTS, WIDTH = 512, 8, 12, 32
STAR = ((), *((kind,) for kind in ("order", "shape", "relation", "value", "order", "shape", "relation")))
CUBE = ((), ("order",), ("shape",), ("order", "shape"), ("value",), ("order", "value"), ("shape", "value"),
        ("order", "shape", "value"))  # fmt: skip
TEXT_ONLY = (("order",), ("shape",), ("relation",), ("value",))


def unit(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


def members(rng: np.random.Generator, layout: str) -> np.ndarray:
    """Random embeddings f32[C, D]: each edit of a star, and each axis of a cube, is a step of its own."""
    anchor, steps = rng.normal(size=WIDTH), rng.normal(size=(TEXTS, WIDTH))
    corners = np.array([[i >> bit & 1 for bit in range(3)] for i in range(MEMBERS)])
    inside = corners @ steps[:3] if layout == "cube" else np.r_[np.zeros((1, WIDTH)), steps[: MEMBERS - 1]]
    return unit(anchor + 0.5 * np.r_[inside, steps[MEMBERS:]])


def split_of(layout: str, families: int = FAMILIES, seed: int = 0) -> Split:
    """A test set without files: pictures and captions embed alike, so a perfect scorer is at hand."""
    rng = np.random.default_rng(seed)
    texts = np.stack([members(rng, layout) for _ in range(families)])
    truth = np.zeros((families, MEMBERS, TEXTS), np.int8)
    truth[:, np.arange(MEMBERS), np.arange(MEMBERS)] = 1
    signatures = np.zeros((families, 8), np.uint32)
    signatures[np.arange(families), np.arange(families) % 8] = 1 << (np.arange(families) // 8 % 32)
    return Split(
        rows=np.arange(families, dtype=np.int32),
        truth=truth,
        edits=[(STAR if layout == "star" else CUBE) + TEXT_ONLY] * families,
        kinds=[(STAR if layout == "star" else CUBE) + TEXT_ONLY] * families,
        layouts=np.full(families, layout),
        difficulties=np.arange(families) % 3,
        anchor_captions=np.array([f"caption {row}" for row in range(families)]),
        image_signatures=signatures,
        caption_signatures=signatures,
        captioned=np.ones((families, TEXTS), bool),
        tokens=rng.integers(1, 50, (families, TEXTS, 6)).astype(np.int32),
        thumbnails=rng.integers(0, 255, (families, MEMBERS, 8, 8)).astype(np.uint8),
        embedded=(Embedded(texts[:, :MEMBERS], texts),),
    )


def flat(split: Split) -> eval_scores.UnimodalScores:
    """Leak probes that find nothing."""
    captions, pictures = np.zeros(split.tokens.shape[:2]), np.zeros(split.thumbnails.shape[:2])
    same = probes.ProbeScores(captions, captions)
    return eval_scores.UnimodalScores(same, probes.ProbeScores(pictures, pictures), same)


def test_a_perfect_scorer_gets_everything_and_a_flat_one_nothing():
    split = split_of("star")
    perfect = split.embedded[0]
    level = Embedded(np.ones_like(perfect.images), np.ones_like(perfect.texts))
    section = eval_scores.compute_scores(split, perfect, level, flat(split)).to_json()
    ours = [
        section[name] for name in ("image_hit1", "text_hit1", "anchor_image_hit1", "anchor_text_hit1", "random_hit1")
    ]
    assert ours == [1.0] * 5
    assert section["by_kind"] == dict.fromkeys(ranking.KINDS, 1.0)
    ties = [
        section[name]
        for name in ("untrained_image_hit1", "untrained_text_hit1", "unimodal_text_hit1", "unimodal_image_hit1")
    ]
    assert ties == [0.0] * 4
    assert section["chance"] == pytest.approx(1 / 8) and section["families"] == FAMILIES
    assert section["details"]["queries"]["text_hit1"] == FAMILIES * MEMBERS
    flat_kinds = eval_scores.compute_scores(split, level, level, flat(split)).to_json()["by_kind"]
    assert flat_kinds == dict.fromkeys(ranking.KINDS, 0.0)


def test_a_random_scorer_is_at_chance_and_its_interval_holds_it():
    split, rng = split_of("star"), np.random.default_rng(1)
    noise = Embedded(unit(rng.normal(size=(FAMILIES, MEMBERS, WIDTH))), unit(rng.normal(size=(FAMILIES, TEXTS, WIDTH))))
    section = eval_scores.compute_scores(split, noise, noise, flat(split)).to_json()
    for name in ("image_hit1", "text_hit1"):
        low, high = section["intervals"][name]
        assert low < 1 / 8 < high and high - low < 0.03
    assert section["random_hit1"] < 0.02
    assert section["details"]["chance"]["random_hit1"] == pytest.approx(1 / 500, rel=0.05)
    assert all(abs(score - 0.5) < 0.06 for score in section["by_kind"].values())


def test_the_medoid_leak_shows_for_anchors_of_stars_alone():
    def leak(layout: str) -> list[float]:
        split = split_of(layout)
        medoid = eval_scores.rank_captions(
            probes.medoid_scores(split.embedded[0].texts[:, :MEMBERS]), split.truth[:, :, :8]
        )
        truth = split.truth[:, :, :8]
        return [
            ranking.hit1(medoid, truth, CAPTIONS, queries).mean or 0 for queries in (slice(None), eval_scores.ANCHORS)
        ]

    everyone, anchors = leak("star")
    assert everyone == pytest.approx(1 / 8) and anchors > 0.9
    everyone, anchors = leak("cube")
    assert everyone == pytest.approx(1 / 8) and anchors < 0.25


def test_a_trained_leak_probe_finds_the_medoid_and_a_giveaway():
    rng = np.random.default_rng(2)
    captions = np.repeat(rng.integers(2, 40, (900, 1, 10)), MEMBERS, axis=1).astype(np.int32)
    places = rng.integers(0, 10, (900, MEMBERS))
    captions[np.arange(900)[:, None], np.arange(MEMBERS), places] = rng.integers(2, 40, (900, MEMBERS))
    captions[:, 0] = np.where(captions[:, 0] == captions[:, 1], captions[:, 0], captions[:, 2])  # the majority's
    targets = np.zeros((900, MEMBERS), np.int8)
    targets[:, 0] = 1
    found = probes.score_captions(captions[:600], targets[:600], captions[600:], vocab_size=50, steps=180)
    truth = np.broadcast_to(targets[600:, None], (300, 1, MEMBERS))
    assert (ranking.hit1(found.in_set[:, None], truth, CAPTIONS).mean or 0) > 0.5
    assert (ranking.pairwise_accuracy(found.alone, targets[600:]).mean or 1) < 0.6

    pictures = rng.integers(200, 255, (400, 4, 56, 56)).astype(np.uint8)
    pictures[:, 0, 20:36, 20:36] = 0
    found = probes.score_pictures(pictures[:300], targets[:300, :4], pictures[300:], steps=40)
    assert (ranking.pairwise_accuracy(found.alone, targets[300:400, :4]).mean or 0) > 0.95


def test_unknown_and_padded_entries_are_no_candidates():
    truth = np.array([[[1, 0, -1], [0, 1, 0], [-1, -1, -1]]], np.int8)
    scores = np.array([[[1.0, 0.5, 9.0], [0.9, 0.8, 0.1], [5.0, 5.0, 5.0]]])
    metric = ranking.hit1(scores, truth, CAPTIONS)
    assert (metric.hits.sum(), metric.query_count) == (1, 2)  # row 0 hits, row 1 misses, row 2 asks nothing
    assert metric.mean_chance == pytest.approx((1 / 2 + 1 / 3) / 2)
    metric = ranking.hit1(scores, truth, PICTURES)
    assert (metric.hits.sum(), metric.query_count) == (2, 2)  # columns 0 and 1 hit, column 2 has no true picture
    assert ranking.hit1(scores[:, :1], np.array([[[1, -1, -1]]], np.int8), CAPTIONS).mean is None


def test_by_kind_of_a_star_by_hand():
    edits = ((), ("order",), ("shape",), ("order",))
    pairs = ranking.single_edit_pairs(edits, 4)
    assert pairs == [(0, 1, "order"), (0, 2, "shape"), (0, 3, "order")]
    truth = np.eye(4, dtype=np.int8)[None]
    scores = np.array([[[5, 6, 1, 5], [0, 7, 9, 9], [0, 9, 2, 9], [0, 9, 9, 4]]], float)
    text = ranking.accuracy_by_kind(scores, truth, [pairs], CAPTIONS)
    # (0, 1): picture 0 prefers caption 1, picture 1 its own; (0, 3): picture 0 ties, picture 3 its own.
    assert (text["order"].mean, text["shape"].mean, text["value"].mean) == (2 / 4, 1.0, None)
    image = ranking.accuracy_by_kind(scores, truth, [pairs], PICTURES)
    # caption 0: 5 beats every 0; caption 1: 7 > 6; caption 2: 2 > 1; caption 3: 4 < 5.
    assert (image["order"].mean, image["shape"].mean) == (3 / 4, 1.0)


def test_by_kind_of_a_cube_by_hand():
    edits = ((), ("order",), ("value",), ("order", "value"))
    pairs = ranking.single_edit_pairs(edits, 4)
    assert pairs == [(0, 1, "order"), (0, 2, "value"), (1, 3, "value"), (2, 3, "order")]
    truth = np.eye(4, dtype=np.int8)[None]
    scores = np.eye(4)[None].copy()
    scores[0, 3, 2] = 2.0
    text = ranking.accuracy_by_kind(scores, truth, [pairs], CAPTIONS)
    assert (text["order"].mean, text["value"].mean) == (3 / 4, 1.0)
    truth[0, 3, 2] = -1
    assert ranking.accuracy_by_kind(scores, truth, [pairs], CAPTIONS)["order"].mean == 1.0


def test_one_picture_has_its_captions_ranked():
    split = split_of("star")
    one = split._replace(
        truth=split.truth[:, :1],
        layouts=np.full(FAMILIES, "product"),
        edits=[((), ("order",), ("shape",), ("order", "shape"), *TEXT_ONLY, *TEXT_ONLY)] * FAMILIES,
        thumbnails=split.thumbnails[:, :1],
    )
    perfect = Embedded(split.embedded[0].images[:, :1], split.embedded[0].texts)
    unimodal = eval_scores.UnimodalScores(flat(split).captions, None, None)
    section = eval_scores.compute_scores(one, perfect, perfect, unimodal).to_json()
    assert [
        section[name] for name in ("image_hit1", "anchor_image_hit1", "unimodal_image_hit1", "untrained_image_hit1")
    ] == [None] * 4
    assert section["text_hit1"] == section["anchor_text_hit1"] == 1.0 and section["chance"] == pytest.approx(1 / 12)
    assert section["by_kind"]["order"] == 1.0
    assert section["details"]["by_kind"]["text"]["order"]["queries"] == 3 * FAMILIES


def test_random_negatives_that_may_be_true_are_left_out():
    split = split_of("star", families=40)
    everything = np.full_like(split.image_signatures, 2**32 - 1)
    metric = eval_scores.random_negatives_hit1(split._replace(image_signatures=everything), split.embedded[0])
    assert metric.query_count == 0
    alike = split._replace(anchor_captions=np.full(40, "the same"))
    assert eval_scores.random_negatives_hit1(alike, split.embedded[0]).query_count == 0
    assert eval_scores.random_negatives_hit1(split, split.embedded[0]).query_count == 40
    groups = ranking.random_negative_groups(1200)
    assert groups.shape == (1200, 501) and all(len(set(row)) == 501 for row in groups[:5])
    assert (groups[:, 0] == np.arange(1200)).all()


def test_padding_becomes_zero_and_no_two_texts_become_one():
    tokens = np.array([[4, 0, 3, 3], [4, 3, 3, 3]])
    assert pad_with_zero(tokens, 3).tolist() == [[4, 3, 0, 0], [4, 0, 0, 0]]
    np.testing.assert_array_equal(pad_with_zero(tokens, 0), tokens)


def test_scores_of_two_checkpoints_or_sets_of_one_name_lie_apart(tmp_path):
    pairs = [("one/model.npz", "x/data"), ("two/model.npz", "x/data"), ("two/model.npz", "y/data")]
    pairs += [("m-v1.0", "x/data"), ("m-v1.1", "x/data")]
    folders = [runs.make_folder(tmp_path / a, tmp_path / b, tmp_path / "runs") for a, b in pairs]
    assert len(set(folders)) == len(pairs) and folders[0].name == "eval_model_data"
    assert folders == [runs.make_folder(tmp_path / a, tmp_path / b, tmp_path / "runs") for a, b in pairs]
