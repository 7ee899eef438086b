"""The command that finds retrieval negatives: a second pass over a data set, which writes sidecars beside its shards.

For the anchor's caption of each family: the most similar ones of other families of the same split, by the cosine of
TF-IDF over their words with roles in the place of letters (see `nearest`), and of these what is false of the anchor's
picture once it speaks of the anchor's points. What is false is decided by evaluation on the diagram, drawn again from
the stored program. Where there is none, only what contradicts the source's facts is false, and often nothing does.

Captions that speak of more points or circles than the anchor's are passed over: they would be false for that alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from etils import epath
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from tqdm import tqdm

from data_gen.constructions.program import program_from_json
from data_gen.drawing.canvas import canvas_from_json
from data_gen.drawing.draw import draw
from data_gen.language import numbers as number_texts
from data_gen.language.captions import write_caption
from data_gen.language.fact import Fact, canonical, facts_from_json, facts_to_json
from data_gen.records import tfrecords
from data_gen.records.schema import Family
from data_gen.retrieval import sidecar
from data_gen.shared import cli
from data_gen.shared.errors import UserError
from data_gen.shared.parallel import map_in_pool
from data_gen.truth import contradictions
from data_gen.truth.truth_table import Scene, evaluate

KEPT = 100  # negatives of a caption
POOL = 200  # similar captions, of which those that are false are kept
BLOCK = 64  # captions compared with all others at a time: 64 * D * 8 bytes
STEPS = 10_000  # of similarity: what rounds to the same one is equally similar
TOKEN = r"[^\s.,]+(?:\.\d+)?"
EXAMPLE = """mmgeo retrieval --data=data/tiny --splits=train,test --workers=2

Sidecars that belong to the shards are kept. Read them with data_gen.retrieval.sidecar.nearest(data, split, row)."""


class SidecarTask(NamedTuple):
    """A shard: all of it plain values, so that a fresh process needs nothing else."""

    directory: str
    split: str
    file: str
    families: int
    digest: str  # of the split

    @property
    def shard(self) -> epath.Path:
        return epath.Path(self.directory) / self.file


def tasks_of(directory: str, split: str) -> list[SidecarTask]:
    """Returns the shards of a split."""
    digest = sidecar.split_digest(directory, split)
    rows = tfrecords.read_manifest(directory)["splits"][split]
    return [SidecarTask(directory, split, row["file"], row["families"], digest) for row in rows]


# ---- the captions of a split --------------------------------------------------------------------------------------


def anchor_statements(task: SidecarTask) -> list[str]:
    """Returns what the anchor of each family states, as JSON of facts in roles; "" where its source lists nothing."""
    found = []
    for family in tfrecords.read_shard(task.shard):
        facts = sidecar.anchor_facts(family)
        names = sidecar.roles(facts)
        found.append(facts_to_json([fact.rename(names) for fact in facts]) if facts else "")
    return found


def captions_of_split(tasks: Sequence[SidecarTask], workers: int) -> sidecar.Captions:
    """Returns the different captions of a split, in the order of the families that have them first."""
    first: dict[str, int] = {}
    statements = (text for _, some in _in_pool(anchor_statements, tasks, workers, "captions") for text in some)
    for row, text in enumerate(statements):
        if text:
            first.setdefault(text, row)
    return sidecar.Captions(np.array(list(first.values()), np.int32), list(first))


class Index(NamedTuple):
    """The D different captions of a split, ready to be compared, and the F different facts that they state."""

    captions: sidecar.Captions
    numbers: dict[str, int]  # JSON of a caption -> its number
    weights: sparse.csr_matrix  # float32[D, V]: TF-IDF, rows of length 1
    sizes: np.ndarray  # int32[D, 2]: how many points and how many circles it speaks of
    facts: list[Fact]  # F, canonical
    uses: list[np.ndarray]  # D times int64: numbers of the facts that it states
    meanings: dict[frozenset[Fact], int]  # the lowest number of the captions that state these facts
    meaning: np.ndarray  # int64[D]: the lowest number of a caption that says the same


@cache
def _index(directory: str, split: str, digest: str) -> Index:
    corpus = sidecar.read_captions(sidecar.captions_path(directory, split), digest)
    captions = [facts_from_json(text) for text in corpus.texts]
    vectorizer = TfidfVectorizer(token_pattern=TOKEN, dtype=np.float32)
    texts = (write_caption(facts) for facts in captions)
    weights = vectorizer.fit_transform(texts) if captions else sparse.csr_matrix((0, 0))
    roles = [sidecar.roles(facts).values() for facts in captions]
    sizes = np.array([[sum(r[0] == kind for r in some) for kind in "pc"] for some in roles], np.int32).reshape(-1, 2)
    found: dict[Fact, int] = {}
    uses = [np.array([found.setdefault(canonical(f), len(found)) for f in facts]) for facts in captions]
    meanings: dict[frozenset[Fact], int] = {}
    meaning = np.array([meanings.setdefault(_meaning(facts), i) for i, facts in enumerate(captions)], np.int64)
    numbers = {text: i for i, text in enumerate(corpus.texts)}
    return Index(corpus, numbers, weights, sizes, list(found), uses, meanings, meaning)


def _meaning(facts: Iterable[Fact]) -> frozenset[Fact]:
    return frozenset(map(canonical, facts))


def most_similar(index: Index, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finds for each caption int[Q] the POOL most similar others that speak of no more points or circles, best first.
    Returns numbers int64[Q, POOL] (-1 where there are no more) and cosines float32[Q, POOL]. Of equally similar
    captions those come first that follow the query in the corpus, so that none is everybody's."""
    total, (points, circles) = len(index.uses), index.sizes.T.copy()
    numbers, cosines = np.full((len(queries), POOL), -1, np.int64), np.zeros((len(queries), POOL), np.float32)
    for start in range(0, len(queries), BLOCK):
        block = queries[start : start + BLOCK]
        found = index.weights @ np.ascontiguousarray(index.weights[block].T.toarray())  # float32[D, BLOCK]
        for row, (query, cosine) in enumerate(zip(block, np.ascontiguousarray(found.T), strict=True), start):
            fits = (points <= points[query]) & (circles <= circles[query])
            fits[query] = False
            # Whole numbers, so that ties are ties on every machine, counted instead of sorted.
            steps = np.where(fits, np.rint(cosine * STEPS), -1).astype(np.int64)
            pool = min(POOL, int(fits.sum()))
            at_least = np.bincount(steps + 1, minlength=STEPS + 2)[::-1].cumsum()[::-1]
            near = np.flatnonzero(steps >= max(0, int(np.flatnonzero(at_least >= pool)[-1]) - 1))
            best = near[np.lexsort(((near - query) % total, -steps[near]))[:pool]]
            numbers[row, :pool], cosines[row, :pool] = best, cosine[best]
    return numbers, cosines


# ---- what is false ------------------------------------------------------------------------------------------------


def anchor_refuter(family: Family) -> Callable[[Sequence[Fact]], np.ndarray]:
    """Returns a function that tells of facts, in the roles of a family's anchor, which are surely false of it: bool[K].
    Raises UserError where the family cannot be drawn again."""
    facts = sidecar.anchor_facts(family)
    names = sidecar.roles(facts)
    if not family.programs:
        return refuter([fact.rename(names) for fact in facts])
    canvas = canvas_from_json(family.canvas)
    member = draw(program_from_json(family.programs[0]).rename(names), canvas)
    if member is None:
        raise UserError(f"family '{family.key}' cannot be drawn again from its program: make its data again")
    scene = Scene.from_diagrams([member.diagram])
    return lambda facts: np.array([evaluate(fact, scene, canvas.margin_px)[0][0] == 0 for fact in facts], bool)


def refuter(known: Sequence[Fact]) -> Callable[[Sequence[Fact]], np.ndarray]:
    """Returns a function that tells which facts contradict `known`: a rule says so, or a measure has another number."""
    context = contradictions.Context(names=sorted({name for fact in known for name in fact.args}))
    edits = {canonical(edit) for fact in known for _, edit in contradictions.contradictions(fact, context=context)}
    values = {_measure(fact): fact.value for fact in known if fact.value is not None}

    def refuted(fact: Fact) -> bool:
        if fact.value is None:
            return canonical(fact) in edits
        value = values.get(_measure(fact), "")
        numbers = None not in (number_texts.parse_value(value or ""), number_texts.parse_value(fact.value))
        return numbers and not number_texts.same_value(value or "", fact.value)

    return lambda facts: np.array([refuted(fact) for fact in facts], bool)


def _measure(fact: Fact) -> Fact:
    return canonical(Fact(fact.predicate, fact.args))


@cache
def _test_captions(directory: str, split: str) -> frozenset[str]:
    """Returns what must not be retrieved: training never sees a caption of test, not even as a negative."""
    if split == "test" or "test" not in tfrecords.read_manifest(directory)["splits"]:
        return frozenset()
    source = tfrecords.RecordSource(directory, "test")
    return frozenset(text for row in range(len(source)) for text in source[row].captions)


def choose_negatives(family: Family, index: Index, pool: np.ndarray, held_out: frozenset[str]) -> list[int]:
    """Finds the places in `pool`, int64[POOL] numbers of captions, of the first KEPT negatives of a family's anchor.
    They are false of it, no two say the same, and none says what a caption of the family or a held-out one says."""
    names = sidecar.roles(sidecar.anchor_facts(family))
    false_facts, false = anchor_refuter(family), np.zeros(len(index.facts), bool)
    said = {index.meanings.get(_meaning(f.rename(names) for f in facts_from_json(text)), -1) for text in family.facts}
    found: list[int] = []
    # Mostly the first of the pool are enough.
    for part in np.split(np.flatnonzero(pool >= 0), [KEPT + KEPT // 8]):
        asked = np.unique(np.concatenate([np.zeros(0, np.int64), *(index.uses[pool[place]] for place in part)]))
        if len(asked):
            false[asked] = false_facts([index.facts[i] for i in asked])
        for place in part.tolist():
            meaning = int(index.meaning[pool[place]])
            if len(found) == KEPT:
                return found
            if false[index.uses[pool[place]]].any() and meaning not in said:
                said.add(meaning)
                facts = sidecar.in_letters_of(index.captions.facts(pool[place]), family) if held_out else ()
                if not held_out or sidecar.caption_for(facts, family) not in held_out:
                    found.append(place)
    return found


# ---- sidecars -----------------------------------------------------------------------------------------------------


def make_sidecar(task: SidecarTask) -> tuple[int, int]:
    """Writes the sidecar of a shard; returns (negatives, families without any)."""
    index = _index(task.directory, task.split, task.digest)
    held_out = _test_captions(task.directory, task.split)
    own = np.array([index.numbers.get(text, -1) for text in anchor_statements(task)], np.int64)
    queries = np.unique(own[own >= 0])
    pools, cosines = most_similar(index, queries)
    shape = len(own), KEPT
    number, similarity, rank = np.full(shape, -1, np.int32), np.zeros(shape, np.float16), np.zeros(shape, np.uint8)
    for i, family in enumerate(tfrecords.read_shard(task.shard)):
        if own[i] >= 0:
            pool = int(np.searchsorted(queries, own[i]))
            found = choose_negatives(family, index, pools[pool], held_out)
            row = i, slice(len(found))
            number[row], similarity[row], rank[row] = pools[pool, found], cosines[pool, found], found
    path = sidecar.sidecar_path(task.shard)
    sidecar.write_arrays(path, task.digest, number=number, similarity=similarity, rank=rank)
    return int((number >= 0).sum()), int((number < 0).all(1).sum())


def is_whole(task: SidecarTask) -> bool:
    """Returns whether the sidecar of a shard is there and belongs to the data."""
    try:
        (number,) = sidecar.read_arrays(sidecar.sidecar_path(task.shard), task.digest, ("number",))
    except UserError:
        return False
    return number.shape == (task.families, KEPT)


def retrieve(directory: str, split: str, workers: int) -> str:
    """Makes the sidecars of a split that are missing or stale; returns a line that tells how it went."""
    tasks = tasks_of(directory, split)
    path = sidecar.captions_path(directory, split)
    missing = [task for task in tasks if not is_whole(task)]
    try:
        sidecar.read_captions(path, sidecar.split_digest(directory, split))
    except UserError:
        missing = tasks
        sidecar.write_captions(path, sidecar.split_digest(directory, split), captions_of_split(tasks, workers))
    if not missing:
        return f"{directory} {split}: whole already, nothing to do"
    count = empty = 0
    for _, (more, none) in _in_pool(make_sidecar, missing, workers, f"retrieval {split}"):
        count, empty = count + more, empty + none
    total = sum(task.families for task in missing)
    return f"{directory} {split}: {count / max(1, total):.1f} negatives a caption, {empty} of {total} have none"


def _in_pool(
    function: Callable[[SidecarTask], Any], tasks: Sequence[SidecarTask], workers: int, what: str
) -> Iterator[tuple[SidecarTask, Any]]:
    """Yields (task, function(task)) in order, in a pool of processes, or in this one for a single worker."""
    total = sum(task.families for task in tasks)
    with tqdm(total=total, desc=what, unit=" families", dynamic_ncols=True) as bar:
        for task, result in zip(tasks, map_in_pool(function, tasks, workers, ordered=True), strict=True):
            bar.update(task.families)
            yield task, result


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit status."""
    what = "Find, for each anchor's caption, similar captions of other families that are false of it."
    parser = cli.parser("retrieval", what, EXAMPLE)
    parser.add_argument("--data", required=True, help="folder of a data set")
    parser.add_argument("--splits", default="", help="some of its splits, with commas between (default: all)")
    cli.add_workers(parser)
    options = parser.parse_args(arguments)
    splits = options.splits.split(",") if options.splits else list(tfrecords.read_manifest(options.data)["splits"])
    for split in splits:
        print(retrieve(options.data, split, options.workers))
    return 0
