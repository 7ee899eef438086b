"""We-Math: problems of two and three steps, each step asked as a question of its own beside the whole problem.

Source of the rules: the paper "We-Math: Does Your Large Multimodal Model Achieve Human-like Mathematical Reasoning?"
(Qiao et al., 2024) and github We-Math/We-Math (evaluation/four_dimensional_metrics.py and accuracy.py).

- The answer is the first letter, A to H, of what follows the last "Answer" of a response, without the signs > < : and
  full stops. A response in another form gives the public script no answer, or the letter that its first word begins
  with; here only a letter that stands alone counts, two letters are none, and other forms are read by `answers`, as in
  "(B)" and "\\boxed{B}".
- Accuracies: one step (all steps), two steps and three steps (the whole problems), and of steps by knowledge concept;
  a domain's is the mean over its concepts (of those asked; the public one needs knowledge_structure_nodes.json, and so
  does this: it is left out where the file is not there).
- Each problem is in one of four states, by its steps and its whole:
      whole wrong: insufficient knowledge (IK) if a step is wrong, inadequate generalisation (IG) if all are right
      whole right: complete mastery (CM) or rote memorisation (RM); strict: CM if all steps are right, else RM;
                   loose: CM if any step is right, else RM
  Rates are of all problems, RM's of those whose whole is right (RM + CM). Score = 1 - (IG / 2 + RM + IK) / problems.

The public prompt is that of the paper's appendix.

Data: testmini.json of the repository, with 2steps/image/ and 3steps/image/ as its `image_path` says. The key of a
question is its ID and which step it is: 2steps_110_1, 2steps_110_2, 2steps_110_multi.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_gen.records.schema import LETTERS
from data_gen.shared import files
from data_gen.shared.errors import UserError
from mmgeo_jax.evals.benchmarks import rows
from mmgeo_jax.evals.benchmarks.item import Item, Verdict, count_right, judge_all, score_accuracy
from mmgeo_jax.evals.benchmarks.reading import answers, cleaning

FILES = ("testmini.json", "testmini_sample.json")
NODES = "knowledge_structure_nodes.json"
WHERE = "We-Math is at github We-Math/We-Math: testmini.json, 2steps/ and 3steps/ from data/"
PUBLIC_PROMPT = """Now, we require you to solve a multiple-choice math question. Please briefly describe your thought \
process and provide the final answer(option).
Question: {question}
Option: {option}
Regarding the format, please answer following the template below, and be sure to include two <> symbols:
<Thought process>: <<your thought process>> <Answer>: <<your option>>"""
STEPS = {"2steps": ("1", "2"), "3steps": ("1", "2", "3")}
WHOLE = "multi"


def read_items(root: Path) -> list[Item]:
    """Reads the questions. Raises UserError where the file is missing, a row is broken, or a problem lacks a step."""
    path = rows.find_file(root, FILES, WHERE)
    domains = _domains(root)
    items = rows.check_distinct([_item(root, row, where, domains) for where, row in rows.read_rows(path)], str(path))
    group_problems(items)
    return items


def _item(root: Path, row: Mapping[str, Any], where: str, domains: Mapping[str, str]) -> Item:
    name, key = rows.get_text(row, "ID", where), rows.get_text(row, "key", where)
    kind, _, part = key.partition("_")
    if part not in (*STEPS.get(kind, ()), WHOLE) or not name.startswith(f"{kind}_"):
        raise UserError(f"{where}: 'key' {key[:50]!r} and 'ID' {name[:50]!r} do not name a step: fetch the file again")
    option, question = rows.get_text(row, "option", where), rows.get_text(row, "question", where)
    choices, answer = split_options(option), rows.get_answer(row, "answer", where).strip()
    if answer and (answer not in LETTERS[: len(choices)] or len(answer) != 1):
        raise UserError(f"{where}: the answer {answer[:50]!r} is no letter of its {len(choices)} options")
    concepts = tuple(part.strip() for part in rows.get_text(row, "knowledge concept", where).split(";"))
    groups = {"steps": (kind,), "part": (part,), "problem": (name,), "concept": concepts}
    if part != WHOLE and concepts[0] in domains:
        groups["domain"] = (domains[concepts[0]],)
    return Item(
        key=f"{name}_{part}",
        question=question,
        answer=answer,
        kind="choice",
        choices=choices,
        pictures=(files.resolve_inside(root, rows.get_text(row, "image_path", where), where),),
        public_prompt=PUBLIC_PROMPT.format(question=question, option=option),
        groups=groups,
    )


def _domains(root: Path) -> dict[str, str]:
    """Reads {concept: domain} from the repository's file; empty where it is missing."""
    if not (root / NODES).is_file():
        return {}
    return {
        rows.get_text(row, "full node", where).rsplit("_", 1)[-1]: rows.get_text(row, "root2", where)
        for where, row in rows.read_rows(root / NODES)
    }


def split_options(text: str) -> tuple[str, ...]:
    """Splits options such as "A. 8;B. 6; C. 4": each letter in turn after a semicolon, or else a space."""
    starts: list[tuple[int, int]] = []
    for name in LETTERS:
        at = starts[-1][1] if starts else 0
        found = next(
            (m for lead in (r"(?:^|;)\s*", r"\s") if (m := re.compile(rf"{lead}{name}[.．、]").search(text, at))), None
        )
        if not found:
            break
        starts.append(found.span())
    ends = ([start for start, _ in starts] + [len(text)])[1:]
    return tuple(text[start:end].strip(" ;\n") for (_, start), end in zip(starts, ends, strict=True))


def extract_letter(item: Item, response: str) -> str | None:
    """Extracts the letter of a response; None where there is none."""
    text = cleaning.clean(response)
    if "Answer" in text and not answers.REFUSAL.search(text):
        rest = re.sub(r"[><:.]", "", text.rsplit("Answer", 1)[1]).strip()
        if re.match(r"[A-H](?![A-Za-z0-9])", rest) and answers.find_letter(rest.splitlines()[0], 8) != answers.TWO:
            return rest[0]
    found = answers.find_choice(response, item.choices)
    return None if found is None else LETTERS[found]


def judge_response(item: Item, response: str) -> Verdict:
    """Judges a response by the rules above."""
    parsed = extract_letter(item, response)
    return Verdict(parsed, parsed == item.answer)


def group_problems(items: Sequence[Item]) -> dict[str, tuple[list[str], str]]:
    """Returns {problem: (keys of its steps, key of the whole)}. Raises UserError where a problem lacks a part."""
    parts: dict[str, dict[str, str]] = {}
    kinds: dict[str, str] = {}
    for item in items:
        name = item.groups["problem"][0]
        parts.setdefault(name, {})[item.groups["part"][0]] = item.key
        kinds[name] = item.groups["steps"][0]
    for name, found in parts.items():
        lacking = [part for part in (*STEPS[kinds[name]], WHOLE) if part not in found]
        if lacking:
            raise UserError(f"problem {name} has no part '{lacking[0]}': fetch the file again")
    return {name: ([found[step] for step in STEPS[kinds[name]]], found[WHOLE]) for name, found in parts.items()}


def score_four_dimensions(states: Sequence[tuple[Sequence[bool], bool]]) -> dict[str, Any]:
    """Computes counts, rates and scores, strict and loose, of problems as (is each step right, is the whole right)."""
    total = len(states)
    insufficient = sum(not whole and not all(steps) for steps, whole in states)
    inadequate = sum(not whole and all(steps) for steps, whole in states)
    scores: dict[str, Any] = {"problems": total}
    for name, mastered in (("strict", all), ("loose", any)):
        complete = sum(whole and mastered(steps) for steps, whole in states)
        rote = sum(whole and not mastered(steps) for steps, whole in states)
        scores[name] = {
            "score": 1 - (inadequate / 2 + rote + insufficient) / total if total else None,
            "IK": _share(insufficient, total),
            "IG": _share(inadequate, total),
            "CM": _share(complete, total),
            "RM": _share(rote, rote + complete),
        }
    return scores


def _share(count: int, total: int) -> dict[str, Any]:
    return {"rate": count / total if total else None, "count": count}


def score_responses(items: Sequence[Item], responses: Mapping[str, str]) -> dict[str, Any]:
    """Scores responses by key, as above."""
    verdicts, by_problem = judge_all(items, responses, judge_response), group_problems(items)
    steps = [item for item in items if item.groups["part"][0] != WHOLE]
    plain = [_kept(item, ("steps",)) for item in items]
    one_step = score_accuracy([_kept(item, ("concept", "domain")) for item in steps], responses, judge_response)
    scores = score_accuracy(plain, responses, judge_response)
    scores["one_step"] = {key: one_step[key] for key in ("accuracy", "right", "count")}
    for name, kind in (("two_steps", "2steps"), ("three_steps", "3steps")):
        right = [verdicts[whole].right for problem, (_, whole) in by_problem.items() if problem.startswith(kind)]
        scores[name] = count_right(sum(right), len(right))
    scores["concepts"] = one_step["groups"].get("concept", {})
    scores["domains"] = _domain_means(steps, scores["concepts"])
    states = [([verdicts[key].right for key in parts], verdicts[whole].right) for parts, whole in by_problem.values()]
    return scores | {"four_dimensions": score_four_dimensions(states)}


def _kept(item: Item, names: Sequence[str]) -> Item:
    return Item(**{**vars(item), "groups": {name: item.groups[name] for name in names if name in item.groups}})


def _domain_means(steps: Sequence[Item], concepts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Averages the accuracies of each domain's concepts, whatever their number of questions."""
    of: dict[str, set[str]] = {}
    for item in steps:
        for domain in item.groups.get("domain", ()):
            of.setdefault(domain, set()).add(item.groups["concept"][0])
    return {
        domain: {"accuracy": sum(concepts[name]["accuracy"] for name in names) / len(names), "concepts": len(names)}
        for domain, names in sorted(of.items())
    }
