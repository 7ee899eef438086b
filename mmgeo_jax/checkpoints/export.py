"""Exports a run as a checkpoint that others load: a Hugging Face folder, or big_vision's `.npz`.

`transformers` takes the folder as it is: AutoModel, AutoProcessor and pipeline("zero-shot-image-classification") of an
encoder, PaliGemmaForConditionalGeneration of a multimodal model (LoRA merged). What the other side cannot express is
refused, naming the setting.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import jax
from flax import traverse_util
from ml_collections import ConfigDict

from data_gen.shared import cli
from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints import gemma, manager, writers
from mmgeo_jax.checkpoints.mapping import Arrays
from mmgeo_jax.checkpoints.tokenizer_export import write_tokenizer
from mmgeo_jax.models.vit import kept_patches

EXAMPLE = """mmgeo export --run=runs/clip_b16                               # runs/clip_b16/hf
  mmgeo export --run=runs/clip_b16 --out=FOLDER --format=npz     # FOLDER/model.npz"""
TOKENS = "text/token"  # the table of a text tower
FORMATS = ("hf", "npz")
PIPELINE_LENGTH = 64  # tokens to which transformers' pipeline fills the texts of any SigLIP


def export(run: str | Path, out: str | Path, format: str = "hf") -> list[str]:
    """Writes the newest checkpoint of a run into the folder `out`, with its tokenizer; returns notes for the user.

    Args:
      format: "hf", a folder of Hugging Face, or "npz", a big_vision checkpoint `model.npz` (encoders only).

    Raises UserError, naming the settings, where the format cannot express the model.
    """
    if format not in FORMATS:
        raise UserError(f"--format={format} is not known: choose one of {', '.join(FORMATS)}")
    trained, folder = manager.restore_run(Path(run).expanduser()), Path(out).expanduser()
    params: Arrays = traverse_util.flatten_dict(jax.device_get(trained.params), sep="/")
    if manager.kind_of(trained.config.model) == "lmm":
        if format == "npz":
            raise UserError(f"{run} is a multimodal model, which has no .npz: give --format=hf")
        _write_paligemma(folder, trained, params)
        return []
    folder.mkdir(parents=True, exist_ok=True)
    model, used = ConfigDict(trained.config.model), trained.tokenizer.vocab_size
    # Rows beyond the tokenizer's ids stand for nothing, and a reader would take the tokenizer for another model's.
    model.text.vocab_size, params[TOKENS] = used, params[TOKENS][:used]
    if format == "npz":
        writers.write_npz(folder / "model.npz", model, params)
    else:
        writers.write_hugging_face(folder, model, params)
    write_tokenizer(folder, trained.tokenizer, trained.config.data.max_tokens, used)
    return _notes(trained, format)


def _write_paligemma(folder: Path, trained: manager.Trained, params: Arrays) -> None:
    """Writes weights, tokenizer and processor of a multimodal model. Raises UserError where it is no PaliGemma."""
    config, tokenizer = trained.config, trained.tokenizer
    wanted = {"data.prompt_end": "\n", "data.show_images": True}
    if different := {key: value for key, value in wanted.items() if config.data[key[5:]] != value}:
        remedy = " ".join(f"--config.{key}={value!r}" for key, value in different.items())
        raise UserError(
            f"Hugging Face's PaliGemma has pictures and ends questions with a new line; train with {remedy}"
        )
    gemma.write_hugging_face(folder, config.model, params)
    image, processor = config.model.image, {"image_seq_length": kept_patches(config.model.image)}
    look = writers.image_processor_json(image, "SiglipImageProcessor") | processor
    writers.write_json(folder / "preprocessor_config.json", look | {"processor_class": "PaliGemmaProcessor"})
    writers.write_json(folder / "processor_config.json", processor | {"processor_class": "PaliGemmaProcessor"})
    ends = {"eos_token_id": tokenizer.eos_id, "pad_token_id": tokenizer.pad_id}
    writers.write_json(folder / "generation_config.json", ends | {"max_new_tokens": config.eval.max_tokens})
    write_tokenizer(folder, tokenizer, config.data.max_tokens, config.model.decoder.vocab_size, image=True)


def _notes(trained: manager.Trained, format: str) -> list[str]:
    """Returns what a user of an encoder's folder has to know."""
    config = trained.config
    notes: list[str] = []
    if config.model.image.class_token:
        return notes
    if format == "hf" and (length := config.data.max_tokens) != PIPELINE_LENGTH:
        notes.append(
            f"transformers' pipeline pads texts to {PIPELINE_LENGTH} tokens, but this model was trained at {length}: "
            f"call it with tokenizer_kwargs={{'max_length': {length}}}"
        )
    if config.model.captioner.depth:
        notes.append("the caption decoder is left out, for which neither format has a place")
    if config.loss.name == "softmax":
        notes.append("this model was trained with the softmax loss: take the softmax of its logits, not the sigmoid")
    return notes


@cli.command
def main(arguments: Sequence[str]) -> int:
    parser = cli.parser("export", __doc__, EXAMPLE)
    parser.add_argument("--run", required=True, help="a run of train-clip or train-lmm: its newest checkpoint")
    parser.add_argument("--out", help="the folder to write (default: RUN/hf or RUN/npz)")
    parser.add_argument("--format", choices=FORMATS, default="hf", help="Hugging Face, or big_vision (default: hf)")
    options = parser.parse_args(arguments)
    out = options.out or Path(options.run) / options.format
    for note in export(options.run, out, options.format):
        print(f"note: {note}", file=sys.stderr)
    print(out)
    return 0
