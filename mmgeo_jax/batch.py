"""The arrays of a batch, from the reader to the train step: names, shapes and dtypes.

The reader makes numpy arrays of a process's share of the batch, `ClipBatch[np.ndarray]`; on the devices they are
parts of global arrays, `ClipBatch[jax.Array]`.

Letters: B families (of an `LmmBatch`, rows), N images and C captions of a family, K samples of a row, L caption tokens,
T tokens of a row, H x W pixels, 8 words of a signature (`data_gen.records.schema.SIGNATURE_WORDS`).
"""

from typing import Generic, NotRequired, TypedDict, TypeVar

Array = TypeVar("Array")


class ClipArrays(TypedDict, Generic[Array]):
    """Families, cut or padded to N images and C captions; of a single one, without the leading B."""

    images: Array  # uint8[B, N, H, W], 255 is paper
    image_mask: Array  # bool[B, N], False where padded
    tokens: Array  # int32[B, C, L]
    caption_mask: Array  # bool[B, C], False where padded
    truth: Array  # int8[B, N, C]: caption is true of image 1, false 0, unknown or padded -1
    image_signatures: Array  # uint32[B, N, 8], Bloom filter of the facts that are or may be true of an image
    caption_signatures: Array  # uint32[B, C, 8], Bloom filter of the facts that a caption states
    # uint32[B, N, P, 4], classes of each patch (data_gen/records/patch_targets.py) as bits
    patch_targets: NotRequired[Array]
    annotated: NotRequired[Array]  # bool[B, N], whether it is known what stands where in an image
    asked: NotRequired[Array]  # int32[B, N, L], what the caption decoder is asked of an image, with the answer
    asked_from: NotRequired[Array]  # int32[B, N], where the answer begins; L where nothing is asked
    rivals: NotRequired[Array]  # int32[B, N, 1 + R], an image's own caption and false ones of its family; -1: none


class ClipBatch(ClipArrays[Array]):
    """A batch for the two towers."""

    family: Array  # int32[B], row over all sources, -1 where padded


class LmmBatch(TypedDict, Generic[Array]):
    """A batch for the multimodal model: each row holds up to K samples, a picture with question and answer each."""

    images: Array  # uint8[B, K, H, W]
    image_segments: Array  # int32[B, K], the sample that an image belongs to, from 1; 0 where there is none
    tokens: Array  # int32[B, T]
    segments: Array  # int32[B, T], the sample that a token belongs to, from 1; 0 where padded
    prefix: Array  # bool[B, T], tokens of questions, which attend to each other in both directions
    loss_mask: Array  # bool[B, T], tokens of answers with their end, which are learned
    family: Array  # int32[B, K], row over all sources, -1 where there is none
