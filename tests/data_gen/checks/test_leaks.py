"""Leak probes find nothing where there is nothing, and what leaks where something does, in which kind."""

import numpy as np
import pytest
from scipy import sparse

from data_gen.checks import leak_features, leaks
from data_gen.records import tfrecords
from tests.data_gen.records.test_records import write_set
from tests.support.fake_source import make, png


def leaky(tmp_path, caption, ink):
    """Families of a star of four and a caption without a picture, in train and test, that leak as told.

    caption(j, rng): the words; ink(j, rng): how many black pixels.
    """
    rng, rows = np.random.default_rng(0), {}
    for split, count in (("train", 320), ("test", 120)):
        path = tmp_path / tfrecords.shard_name("leaky", split, 0, 1)
        with tfrecords.ShardWriter(path, "spec") as writer:
            for i in range(count):
                images = []
                for j in range(4):
                    pixels = np.full(1024, 255, np.uint8)
                    pixels[rng.choice(1024, ink(j, rng), replace=False)] = 0
                    images.append(png(pixels.reshape(32, 32)))
                kinds = ((), ("swap",), ("swap", "grow"), ("turn",), ("turn",))
                writer.write(make(
                    f"leaky/{split}/{i:06d}", n=4, c=5, images=tuple(images), kinds=kinds,
                    captions=tuple(caption(j, rng) for j in range(5)), edits=((), *4 * (("order",),)),
                    programs=(), canvas="",
                ))  # fmt: skip
        index = tfrecords.read_index(path)
        rows[split] = [{"file": path.name, "families": count, **{k: index[k] for k in ("bytes", "sha256")}}]
    tfrecords.write_manifest(tmp_path, {"name": "leaky", "splits": rows})
    return leaks.measure(str(tmp_path), 1000, workers=1)


def words(j, rng):
    return " ".join(f"{'ABCD'[rng.integers(4)]}{'EFGH'[rng.integers(4)]} is {rng.integers(9)} long." for _ in range(3))


def test_scorers_find_nothing_where_there_is_nothing(tmp_path):
    report = leaky(tmp_path, words, lambda j, rng: int(rng.integers(80, 120)))
    assert (report["trained on"], report["tested on"]) == (320, 120)
    for what in ("captions", "pictures", "pictures, by trees"):
        row = report[what]["overall"]
        assert row["pairs"] == 360
        assert row["families"] == 120
        assert row["low"] <= row["accuracy"] <= row["high"]
        # 360 pairs of 120 families: a standard error of about 3.5 points.
        assert abs(row["accuracy"] - 50) < 13
    assert report["captions"]["hit@1"]["chance"] == 25
    assert report["captions"]["kinds"]["swap"]["pairs"] == 240
    assert "without a picture" not in report["pictures"]["kinds"]


def test_scorers_find_what_leaks_and_in_which_kind(tmp_path):
    """Edits of one kind sound other than anchors; those of the other kind have more ink."""
    report = leaky(
        tmp_path,
        lambda j, rng: words(j, rng) + (" It is plain." if j in (1, 2) else " It is so." if j == 4 else " It is thus."),
        lambda j, rng: int(rng.integers(80, 120)) + 90 * (j == 3),
    )
    captions, pictures = report["captions"]["kinds"], report["pictures"]["kinds"]
    assert captions["swap"]["accuracy"] > 99
    assert captions["grow"]["accuracy"] > 99
    assert captions["grow"]["pairs"] == 120
    assert captions["turn"]["accuracy"] < 70
    assert captions["without a picture"]["own scorer"]["accuracy"] > 80
    assert pictures["turn"]["accuracy"] > 90
    assert pictures["swap"]["accuracy"] < 70
    assert report["pictures, by trees"]["kinds"]["turn"]["accuracy"] > 90
    text = "\n".join(leaks.report_lines(report))
    assert "too few to count" in text


def test_intervals_count_families_not_pairs():
    """100 families of ten equal answers: the interval is that of 100 answers, not of 1,000."""
    right = np.repeat(np.arange(100) % 2, 10).astype(float)
    row = leaks._accuracy(right, np.repeat(np.arange(100), 10), seed=0)
    assert row["accuracy"] == 50
    # 1.96 standard errors of a mean of 100 answers: 9.8 points.
    assert row["high"] - row["low"] == pytest.approx(2 * 9.8, rel=0.1)


def test_a_figure_too_far_from_chance_is_called_so():
    row = {"accuracy": 54.5, "low": 54.0, "high": 55.0, "pairs": 5000, "families": 700}
    assert "MORE THAN 4 POINTS" in leaks._line(row, leaks.KIND_POINTS)
    assert "MORE" not in leaks._line(row | {"accuracy": 46.2}, leaks.KIND_POINTS)
    assert "too few" in leaks._line(row | {"pairs": 50}, leaks.KIND_POINTS)


def test_without_a_split_to_ask_about_nothing_is_measured(tmp_path):
    write_set(tmp_path, [make() for _ in range(4)])
    assert leaks.measure(str(tmp_path), 100, 1) == {}
    assert "not measured" in leaks.report_lines({})[0]


def test_a_name_is_heard_by_the_order_of_its_letters():
    assert {"order 0213", "in order 0213", "words 5"} <= set(leak_features.caption_features("It is in ACBD."))


def test_captions_without_a_picture_are_compared_with_each_that_has_one():
    kinds = [
        "",
        "a",
        "a+b",
        leak_features.TEXT_ONLY,
        leak_features.TEXT_ONLY,
        leak_features.TEXT_ONLY,
        leak_features.TEXT_ONLY,
        "",
        "b",
    ]
    nothing = np.zeros((9, 1))
    some = leak_features.Features(nothing, nothing, np.array([4] * 7 + [9] * 2), np.array(kinds))
    pairs = leaks.pairs_of(some, pictures=False)
    assert list(zip(pairs.right, pairs.left, strict=True)) == [(0, 1), (0, 2), (0, 3), (1, 4), (2, 5), (0, 6), (7, 8)]
    assert leaks.pairs_of(some, pictures=True).left.tolist() == [1, 2, 8]
    assert leaks._has(pairs.kind, "b").tolist() == [False, True, False, False, False, False, True]


def test_a_word_of_few_anchors_is_found():
    pairs, words, every = 20000, 4000, 500
    rng = np.random.default_rng(0)
    noise = sparse.csr_matrix((np.full(8 * pairs, 0.3), (rng.integers(0, 2 * pairs, 8 * pairs),
                               rng.integers(1, words, 8 * pairs))), (2 * pairs, words))  # fmt: skip
    anchors = np.arange(0, 2 * pairs, 2)
    leak = sparse.csr_matrix((np.full(pairs // every, 0.3), (anchors[::every], np.zeros(pairs // every, int))),
                             (2 * pairs, words))  # fmt: skip
    learnt = leaks.Pairs(anchors, anchors + 1, np.arange(pairs), np.full(pairs, "a"))
    features = (noise + leak).tocsr()
    scores = leaks._linear(features, learnt, seed=0)(features)
    assert (scores[anchors[::every]] > scores[anchors[::every] + 1]).mean() > 0.9
