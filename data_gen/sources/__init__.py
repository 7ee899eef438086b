"""Where families come from: one folder for each kind of source, and what all of them offer."""

import importlib
from typing import Protocol, cast

from ml_collections import ConfigDict

from data_gen.records.schema import Family

# Name in a spec -> module, imported where it is used: one source needs no library of another.
SOURCES = {
    "synthetic": "data_gen.sources.templates.source",
    "composed": "data_gen.sources.composed.source",
    "formalgeo": "data_gen.sources.formalgeo.source",
    "alphageometry": "data_gen.sources.alphageometry.source",
    "mmgeolm": "data_gen.sources.external.mmgeolm",
    "jsonl": "data_gen.sources.external.jsonl",
    "redrawn": "data_gen.sources.redrawn.source",
    "problems": "data_gen.sources.problems.source",
    "exams": "data_gen.sources.formalgeo.exams",
    "conversations": "data_gen.sources.external.conversations",
}


class Source(Protocol):
    """What a module of `SOURCES` offers: families by number, each made without the others.

    Any process may make any family, in any order, and as often as it likes: the same (spec, split, index) and the same
    files give the same bytes. All functions raise UserError for a spec or a file that does not do.

    A source that reads files also offers `content(spec) -> str`, their hash; one that does not take all items of its
    files, `left_out(spec) -> {reason: [a line about each]}`; one that splits them by a rule, `describe(spec) -> str`,
    which says so; and one of others' captions, of which several splits may have the same, CAPTIONS_RECUR = True.
    """

    def rows(self, spec: ConfigDict, split: str) -> int:
        """Returns how many families a split has, `spec.families[split]` at most."""
        ...

    def family(self, spec: ConfigDict, split: str, index: int) -> Family:
        """Makes family `index` of a split, 0 <= index < rows(spec, split).

        No caption of one split is a caption of another, and keys ascend with the index.
        """
        ...


def load_source(module: str) -> Source:
    """Imports a source by the name of its module."""
    return cast(Source, importlib.import_module(module))
