"""From figures to a family's record: pictures, captions, truth table, signatures."""

import numpy as np

from data_gen.drawing import png
from data_gen.drawing.canvas import Canvas
from data_gen.families.family import FamilyDraft
from data_gen.language.captions import write_caption
from data_gen.language.fact import facts_to_json
from data_gen.records.schema import COMPUTED, Family
from data_gen.truth.signatures import caption_signature, image_signatures
from data_gen.truth.truth_table import Scene, truth_table


def assemble(key: str, layout: str, draft: FamilyDraft, canvas: Canvas, source: str, difficulty: int) -> Family:
    """Puts a family into pictures and captions, with its truth table and signatures."""
    scene = Scene.from_diagrams([m.diagram for m in draft.members])
    stated = [m.facts for m in draft.members] + [member.facts for _, member in draft.text_only]
    edits = draft.edits + [(edit,) for edit, _ in draft.text_only]
    truth, margin = truth_table(stated, scene, canvas.margin_px)
    return Family(
        key=key,
        layout=layout,
        images=tuple(png.encode_png(m.pixels()) for m in draft.members),
        captions=tuple(write_caption(facts, canvas.wording) for facts in stated),
        truth=truth,
        provenance=np.full(truth.shape, COMPUTED, np.uint8),
        margin_px=margin.astype(np.float32),
        edits=tuple(tuple(edit.axis for edit in some) for some in edits),
        kinds=tuple(tuple(edit.kind for edit in some) for some in edits),
        image_signatures=image_signatures(scene, canvas.margin_px),
        caption_signatures=np.stack([caption_signature(facts) for facts in stated]),
        facts=tuple(facts_to_json(facts) for facts in stated),
        programs=tuple(m.program.to_json() for m in draft.members),
        canvas=canvas.to_json(),
        source=source,
        difficulty=difficulty,
        size_px=canvas.size_px,
        annotations=tuple(m.annotations().to_json() for m in draft.members),
    )
