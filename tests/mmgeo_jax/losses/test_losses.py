"""Labels, weights and losses against plain loops over pairs in float64."""

import itertools
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_gen.shared.errors import UserError
from mmgeo_jax.losses import pairs as pair_losses
from mmgeo_jax.losses.pairs import LOSSES, PAIR_MASKS, CaptionMeta, ImageMeta, contrastive_loss, label_block

may_be_true = jax.jit(pair_losses.may_be_true)
rows_and_columns = jax.jit(pair_losses.pair_metadata)
jitted_block = jax.jit(label_block, static_argnums=2)
value_and_gradient = jax.jit(jax.value_and_grad(contrastive_loss, has_aux=True), static_argnums=3)

B, N, C, WORDS = 4, 3, 5, 2
HARD, IN_BATCH = 1.5, 0.25


@partial(jax.jit, static_argnames="mask")
def pair_labels(mask, hard_negative_weight=1.0, in_batch_weight=1.0, **parts):
    """Labels int8[B*N, B*C] and weights f32[B*N, B*C] of a whole batch."""
    return label_block(*pair_losses.pair_metadata(**parts), mask, hard_negative_weight, in_batch_weight)


def make_batch(seed: int = 0) -> dict[str, np.ndarray]:
    """Families of unequal sizes, the last one all padding; captions that may be true across families."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([0, 0, 0, 1, -1], size=(B, N, C)).astype(np.int8)
    truth[:, range(N), range(N)] = 1
    image_mask = np.arange(N) < np.array([3, 2, 3, 0])[:, None]
    caption_mask = np.arange(C) < np.array([5, 3, 4, 0])[:, None]
    truth[~image_mask] = -1
    truth.swapaxes(1, 2)[~caption_mask] = -1
    bits, more = rng.integers(0, 2**32, (2, B, N, WORDS), dtype=np.uint64)
    return {
        "truth": truth,
        "image_mask": image_mask,
        "caption_mask": caption_mask,
        "image_signatures": (bits | more).astype(np.uint32),
        # Few bits: about a third of them lie inside the signature of another family.
        "caption_signatures": (np.uint32(1) << rng.integers(0, 32, (B, C, WORDS)).astype(np.uint32)),
    }


def wanted(mask: str, same: bool, image: int, caption: int) -> bool:
    """Does a pair count? Written out from the paper's definitions, one part of a hybrid at a time."""
    parts = {
        "in_batch": image == 0 and caption == 0,
        "mm_text": same and image == 0,
        "mm_image": same and caption == 0,
        "mm": same and 0 in (image, caption),
        "siblings": same,
        "family": True,
    }
    return any(parts[part] for part in mask.split("+"))


def loop_labels(batch: dict[str, np.ndarray], mask: str) -> tuple[np.ndarray, np.ndarray]:
    labels, weights = np.zeros((B * N, B * C), np.int8), np.zeros((B * N, B * C))
    for f, i, g, j in itertools.product(range(B), range(N), range(B), range(C)):
        if not (batch["image_mask"][f, i] and batch["caption_mask"][g, j] and wanted(mask, f == g, i, j)):
            continue
        if f == g:
            label = {1: 1, 0: -1, -1: 0}[int(batch["truth"][f, i, j])]
        else:
            words = zip(batch["caption_signatures"][g, j], batch["image_signatures"][f, i], strict=True)
            label = 0 if all(int(c) & ~int(s) == 0 for c, s in words) else -1
        row, column = f * N + i, g * C + j
        labels[row, column] = label
        weights[row, column] = {1: 1.0, 0: 0.0, -1: HARD if f == g else IN_BATCH}[label]
    return labels, weights


def loop_loss(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray, name: str) -> tuple[float, np.ndarray]:
    """The loss and its gradient, pair by pair, in float64."""
    return {"sigmoid": loop_sigmoid, "softmax": loop_softmax}[name](scores.astype(np.float64), labels, weights)


def loop_sigmoid(scores, labels, weights):
    loss, gradient, true = 0.0, np.zeros_like(scores), 0
    for at in np.ndindex(*scores.shape):
        sign = int(labels[at])
        if sign == 0:
            continue
        true += sign == 1
        loss += weights[at] * math.log1p(math.exp(-sign * scores[at]))
        gradient[at] = -sign * weights[at] / (1 + math.exp(sign * scores[at]))
    return loss / max(true, 1), gradient / max(true, 1)


def loop_softmax(scores, labels, weights):
    means, gradients = [], []
    for transposed in (False, True):
        s, y, w = (a.T if transposed else a for a in (scores, labels, weights))
        loss, gradient, terms = 0.0, np.zeros_like(s), 0
        for i, j in np.ndindex(*s.shape):
            false = [k for k in range(s.shape[1]) if y[i, k] == -1 and w[i, k] > 0]
            if y[i, j] != 1 or not false:
                continue
            terms += 1
            total = math.exp(s[i, j]) + sum(w[i, k] * math.exp(s[i, k]) for k in false)
            loss -= math.log(math.exp(s[i, j]) / total)
            gradient[i, j] += math.exp(s[i, j]) / total - 1
            for k in false:
                gradient[i, k] += w[i, k] * math.exp(s[i, k]) / total
        if terms:
            means.append(loss / terms)
            gradients.append((gradient.T if transposed else gradient) / terms)
    if not means:
        return 0.0, np.zeros_like(scores)
    return sum(means) / len(means), sum(gradients) / len(means)


def make_scores(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, (B * N, B * C)).astype(np.float32)


def loss_and_gradient(scores, labels_and_weights, name):
    (loss, _), gradient = value_and_gradient(scores, *labels_and_weights, name)
    return float(loss), np.asarray(gradient)


@pytest.mark.parametrize("mask", PAIR_MASKS)
def test_labels_and_weights_are_those_of_the_loop(mask):
    batch = make_batch()
    labels, weights = pair_labels(**batch, mask=mask, hard_negative_weight=HARD, in_batch_weight=IN_BATCH)
    expected_labels, expected_weights = loop_labels(batch, mask)
    assert labels.dtype == jnp.int8 and weights.dtype == jnp.float32
    np.testing.assert_array_equal(labels, expected_labels)
    np.testing.assert_array_equal(weights, expected_weights.astype(np.float32))
    assert (expected_labels == 1).any() and (expected_labels == -1).any()


def test_in_batch_pairs_that_may_be_true_occur_in_the_batch():
    batch = make_batch()
    labels, _ = loop_labels(batch, "family")
    present = batch["image_mask"].reshape(-1)[:, None] & batch["caption_mask"].reshape(-1)[None]
    across = np.repeat(np.arange(B), N)[:, None] != np.repeat(np.arange(B), C)[None]
    ignored = (labels == 0) & present & across
    assert 0.05 < ignored.sum() / (present & across).sum() < 0.6


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("mask", PAIR_MASKS)
def test_losses_and_gradients_are_those_of_the_loop(mask, name):
    batch, scores = make_batch(), make_scores()
    labels, weights = pair_labels(**batch, mask=mask, hard_negative_weight=HARD, in_batch_weight=IN_BATCH)
    loss, gradient = loss_and_gradient(scores, (labels, weights), name)
    expected, expected_gradient = loop_loss(scores, *loop_labels(batch, mask), name)
    np.testing.assert_allclose(loss, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_of_the_loop_is_that_of_finite_differences(name):
    labels, weights = loop_labels(make_batch(), "family")
    scores, step = make_scores().astype(np.float64), 1e-5
    _, gradient = loop_loss(scores, labels, weights, name)
    for at in [(0, 0), (0, 1), (1, 1), (3, 12), (6, 2), (11, 19)]:
        bump = np.zeros_like(scores)
        bump[at] = step
        up, down = (loop_loss(scores + sign * bump, labels, weights, name)[0] for sign in (1, -1))
        assert abs((up - down) / (2 * step) - gradient[at]) < 1e-8


@pytest.mark.parametrize("mask", ["mm_text", "mm_image", "mm"])
def test_softmax_is_the_paper_s_loss_over_hard_negatives(mask):
    """-log(exp s(I,T+) / (exp s(I,T+) + sum_i exp s(I,T-_i))), and the same for a caption and its images."""
    batch, scores = make_batch(), make_scores()
    batch["truth"] = np.where(batch["truth"] == -1, -1, np.eye(N, C, dtype=np.int8)[None])
    labels, weights = pair_labels(**batch, mask=mask)
    blocks = np.exp(scores.reshape(B, N, B, C).astype(np.float64))
    text, image = [], []
    for f in range(B - 1):
        block, known = blocks[f, :, f], batch["truth"][f] >= 0
        text.append(-math.log(block[0, 0] / (block[0, 0] + block[0, 1:][known[0, 1:]].sum())))
        image.append(-math.log(block[0, 0] / (block[0, 0] + block[1:, 0][known[1:, 0]].sum())))
    means = {"mm_text": [np.mean(text)], "mm_image": [np.mean(image)], "mm": [np.mean(text), np.mean(image)]}
    loss, _ = loss_and_gradient(scores, (labels, weights), "softmax")
    np.testing.assert_allclose(loss, np.mean(means[mask]), rtol=1e-6)


def test_in_batch_softmax_is_clip_s_and_sigmoid_siglip_s():
    scores = make_scores()
    batch = make_batch()
    batch |= {"image_mask": np.ones((B, N), bool), "caption_mask": np.ones((B, C), bool)}
    batch["truth"][:, 0, 0] = 1
    batch["image_signatures"][:] = 0
    labels, weights = pair_labels(**batch, mask="in_batch")
    anchors = jnp.asarray(scores[::N, ::C])
    log_rows, log_columns = (jnp.diag(jax.nn.log_softmax(anchors, axis)) for axis in (1, 0))
    clip = -(log_rows.mean() + log_columns.mean()) / 2
    siglip = -jax.nn.log_sigmoid(anchors * (2 * jnp.eye(B) - 1)).sum() / B
    for name, expected in (("softmax", clip), ("sigmoid", siglip)):
        loss, _ = loss_and_gradient(scores, (labels, weights), name)
        np.testing.assert_allclose(loss, float(expected), rtol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_padding_changes_nothing(name):
    """Two families, then the same two with a padded one, an absent sibling and absent captions full of garbage."""
    batch = {name: part[:2] for name, part in make_batch().items()}
    scores = make_scores().reshape(B, N, B, C)
    loss, gradient = loss_and_gradient(
        scores[:2, :, :2].reshape(2 * N, 2 * C), pair_labels(**batch, mask="family"), name
    )

    def pad(part: np.ndarray, members: int) -> np.ndarray:
        widths = [(0, 1), (0, members - part.shape[1])] + [(0, 0)] * (part.ndim - 2)
        return np.pad(part, widths, constant_values=1 if part.dtype != bool else 0)

    wide = {name: pad(part, N + 1 if name.startswith("image") else C + 2) for name, part in batch.items()}
    wide["truth"] = np.pad(batch["truth"], ((0, 1), (0, 1), (0, 2)), constant_values=1)
    wide_scores = np.full((3, N + 1, 3, C + 2), 80.0, np.float32)
    wide_scores[:2, :N, :2, :C] = scores[:2, :, :2]
    labels, weights = pair_labels(**wide, mask="family")
    wide_loss, wide_gradient = loss_and_gradient(wide_scores.reshape(3 * (N + 1), -1), (labels, weights), name)
    np.testing.assert_allclose(wide_loss, loss, rtol=1e-6)
    kept = wide_gradient.reshape(wide_scores.shape)[:2, :N, :2, :C].reshape(gradient.shape)
    np.testing.assert_allclose(kept, gradient, atol=1e-6)
    np.testing.assert_allclose(np.abs(wide_gradient).sum(), np.abs(gradient).sum(), rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_an_empty_batch_and_huge_scores_stay_finite(name, size):
    batch, scores = make_batch(), make_scores() * size
    loss, gradient = loss_and_gradient(scores, pair_labels(**batch, mask="family"), name)
    assert np.isfinite(loss) and np.isfinite(gradient).all()
    batch["image_mask"][:] = False
    loss, gradient = loss_and_gradient(scores, pair_labels(**batch, mask="family"), name)
    assert loss == 0 and not gradient.any()


@pytest.mark.parametrize("name", LOSSES)
def test_in_batch_negatives_of_weight_zero_are_as_good_as_absent(name):
    batch, scores = make_batch(), make_scores()
    without = loss_and_gradient(scores, pair_labels(**batch, mask="siblings"), name)
    weightless = loss_and_gradient(scores, pair_labels(**batch, mask="family", in_batch_weight=0.0), name)
    np.testing.assert_allclose(weightless[0], without[0], rtol=1e-6)
    np.testing.assert_allclose(weightless[1], without[1], atol=1e-7)


def test_a_repeated_caption_is_no_false_pair():
    """Two families with the same facts: what is true of one picture is not held against the other."""
    batch = make_batch()
    for name in ("image_signatures", "caption_signatures", "truth", "image_mask", "caption_mask"):
        batch[name][1] = batch[name][0]
    batch["caption_signatures"][0, 0] = batch["caption_signatures"][1, 0] = batch["image_signatures"][0, 0]
    labels, _ = pair_labels(**batch, mask="family")
    blocks = np.asarray(labels).reshape(B, N, B, C)
    assert blocks[0, 0, 1, 0] == blocks[1, 0, 0, 0] == 0
    assert blocks[0, 0, 0, 0] == 1


def test_what_is_not_known_may_be_true():
    none, every = np.zeros((1, WORDS), np.uint32), np.full((1, WORDS), 2**32 - 1, np.uint32)
    some = np.array([[4, 1]], np.uint32)
    assert bool(may_be_true(none, some)) and bool(may_be_true(some, every)) and bool(may_be_true(some, some))
    assert not bool(may_be_true(some, none)) and not bool(may_be_true(some, np.array([[4, 2]], np.uint32)))


def test_the_matrix_may_be_made_in_slices():
    batch = make_batch()
    whole = pair_labels(**batch, mask="in_batch+mm", hard_negative_weight=HARD, in_batch_weight=IN_BATCH)
    family = np.arange(B, dtype=np.int32)
    halves = [
        rows_and_columns(**{k: v[at] for k, v in batch.items()}, family=family[at])
        for at in (slice(0, 1), slice(1, None))
    ]
    grid = [[jitted_block(rows, columns, "in_batch+mm", HARD, IN_BATCH) for _, columns in halves] for rows, _ in halves]
    for part in (0, 1):
        np.testing.assert_array_equal(np.block([[cell[part] for cell in line] for line in grid]), whole[part])
    assert isinstance(halves[0][0], ImageMeta) and isinstance(halves[0][1], CaptionMeta)


@pytest.mark.parametrize("name", LOSSES)
def test_metrics_count_a_tie_as_a_miss(name):
    labels = np.array([[1, -1], [-1, 1]], np.int8)
    for scores, hits in (
        ([[2, 1], [0, 1]], (1, 0.5)),
        ([[1, 1], [0, 1]], (0.5, 0.5)),
        ([[0, 0], [0, 0]], (0, 0)),
    ):
        (_, metrics), _ = value_and_gradient(jnp.array(scores, jnp.float32), labels, np.ones((2, 2)), name)
        assert (metrics["hit_image_to_text"], metrics["hit_text_to_image"]) == hits
        assert metrics["true_pairs"] == 2 and metrics["false_pairs"] == 2


def test_unknown_settings_name_the_choices():
    with pytest.raises(UserError, match="family"):
        pair_labels(**make_batch(), mask="famly")
    with pytest.raises(UserError, match="softmax"):
        loss_and_gradient(make_scores(), pair_labels(**make_batch(), mask="family"), "hinge")
