"""The two files with which `tfds.builder_from_directory` reads a data set: what TFDS itself would write."""

import json
from collections.abc import Iterable
from typing import Any

from etils import epath

from data_gen.records.schema import SCHEMA, SCHEMA_VERSION, Field, fields_of, stored_raw
from data_gen.records.tfrecords import read_shard
from data_gen.shared.files import open_atomic

_CLASSES = {
    "text": "text_feature.Text", "images": "image_feature.Image", "int": "scalar.Scalar",
    "array": "tensor_feature.Tensor", "sequence": "sequence_feature.Sequence", "dict": "features_dict.FeaturesDict",
}  # fmt: skip


def write_metadata(directory: epath.PathLike, name: str, splits: dict[str, list[dict[str, Any]]]) -> None:
    """Writes dataset_info.json and features.json of a folder with all its shards. `splits`: as in the manifest."""
    for file_name, content in _metadata(directory, name, splits).items():
        with open_atomic(epath.Path(directory) / file_name) as file:
            file.write(content)


def is_written(directory: epath.PathLike, name: str, splits: dict[str, list[dict[str, Any]]]) -> bool:
    """Returns whether both files are in the folder, as `write_metadata` writes them."""
    paths = {epath.Path(directory) / name: content for name, content in _metadata(directory, name, splits).items()}
    return all(not path.is_dir() and path.exists() and path.read_bytes() == content for path, content in paths.items())


def _metadata(directory: epath.PathLike, name: str, splits: dict[str, list[dict[str, Any]]]) -> dict[str, bytes]:
    """Returns what each file holds. An optional field is a feature if the first record has it: TFDS wants every feature
    in every record."""
    info = {
        "name": name,
        "version": f"{SCHEMA_VERSION}.0.0",
        "description": "Families of geometry diagrams and captions, with the truth of each pair.",
        "fileFormat": "tfrecord",
        "splits": [
            {
                "name": split,
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                "shardLengths": [str(row["families"]) for row in rows],
                "numBytes": str(sum(row["bytes"] for row in rows)),
            }
            for split, rows in splits.items()
            if rows
        ],
    }
    first = next((rows[0]["file"] for rows in splits.values() if rows), "")
    family = next(read_shard(epath.Path(directory) / first), None) if first else None
    fields = fields_of(family) if family else SCHEMA
    contents = {"dataset_info.json": info, "features.json": features(fields)}
    return {file_name: json.dumps(content, indent=1).encode() for file_name, content in contents.items()}


def features(fields: Iterable[Field] = SCHEMA) -> dict[str, Any]:
    """Returns fields of the schema as TFDS's JSON; a field named "a/b" is the field b of a dictionary a."""
    tree: dict[str, Any] = {}
    for field in fields:
        group, _, leaf = field.name.rpartition("/")
        (tree.setdefault(group, {}) if group else tree)[leaf] = _feature(field)
    rows = {
        key: row if "pythonClassName" in row else _typed("dict", featuresDict={"features": row})
        for key, row in tree.items()
    }
    return {
        "type": _typed("dict")["pythonClassName"],
        "content": {"features": rows},
        "proto_cls": "tensorflow_datasets.FeaturesDict",
    }


def _feature(field: Field) -> dict[str, Any]:
    if field.kind == "int":
        return _typed("int", tensor={"shape": {}, "dtype": "int64", "encoding": "none"})
    if field.kind == "array":
        sizes = ["-1" if isinstance(size, str) else str(size) for size in field.shape]
        encoding = "bytes" if stored_raw(field) else "none"
        shape = {"dimensions": sizes}
        return _typed("array", tensor={"shape": shape, "dtype": field.dtype, "encoding": encoding})
    if field.kind == "images":
        shape = {"dimensions": ["-1", "-1", "1"]}
        return _list(_typed("images", image={"shape": shape, "dtype": "uint8", "encodingFormat": "png"}))
    text = _typed("text", text={})
    return _list(text) if field.kind == "texts" else text


def _list(feature: dict[str, Any]) -> dict[str, Any]:
    return _typed("sequence", sequence={"feature": feature, "length": "-1"})


def _typed(kind: str, **content: Any) -> dict[str, Any]:
    return {"pythonClassName": f"tensorflow_datasets.core.features.{_CLASSES[kind]}", **content}
