"""Evens out our own examples by kind of question: ``python -m training.balance NEW.jsonl OLD.jsonl OUT.jsonl``.

Both are written by ``training.own``, NEW with its ``--from``; what stands in NEW is taken first. Our questions were not
written evenly: of the examples with a "why" one in twenty was answered by its passage, since false premises are
easily put that way, and a reader that is trained on them all learns to refuse the word. Here each kind has a given
number of answers, and so many others for each.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from pathlib import Path

from qa.question_kind import QuestionKind, kind_of

# How many examples that a passage answers, at most, and how many others for each of them.
ANSWERS = {
    QuestionKind.WHAT: 1500,
    QuestionKind.HOW_MANY: 600,
    QuestionKind.WHO: 650,
    QuestionKind.LIST: 600,
    QuestionKind.WHEN: 800,
    QuestionKind.YES_NO: 550,
    QuestionKind.WHERE: 350,
    QuestionKind.WHY: 1600,
    QuestionKind.HOW: 950,
    QuestionKind.COMPARE: 400,
    QuestionKind.DEFINE: 250,
}
OTHERS = {QuestionKind.HOW_MANY: 4.0, QuestionKind.WHEN: 3.5, QuestionKind.WHAT: 3.0, QuestionKind.WHO: 3.0}
_OTHERS = 2.4
# Of the others: the share that was written to mislead, if there are as many, and the most that comes from NEW.
_HARD = 0.8
_NEW = 0.7


def chosen(kind: QuestionKind, answers: list[str], new: list[str], old: list[str], easy: list[str]) -> list[str]:
    """Return the lines of one kind; ``new`` and ``old`` mislead, ``easy`` are passages that were merely found."""
    kept = answers[: ANSWERS[kind]]
    room = int(OTHERS.get(kind, _OTHERS) * len(kept))
    hard = (new[: int(_NEW * room)] + old)[: int(_HARD * room)]
    return [*kept, *hard, *easy[: room - len(hard)]]


def main() -> None:
    """Write what was chosen in random order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("new", type=Path)
    parser.add_argument("old", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=2)
    a = parser.parse_args()
    rng = random.Random(a.seed)
    groups: dict[tuple[QuestionKind, str], list[str]] = defaultdict(list)
    seen: set[str] = set()
    for age, path in (("new", a.new), ("old", a.old)):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line not in seen]
        seen.update(lines)
        rng.shuffle(lines)
        for line in lines:
            example = json.loads(line)
            group = "answer" if example["start"] >= 0 else "easy" if example["made"] == "retrieved" else age
            groups[kind_of(example["question"]), group].append(line)
    out: list[str] = []
    for kind in ANSWERS:
        out += chosen(kind, *(groups[kind, group] for group in ("answer", "new", "old", "easy")))
    rng.shuffle(out)
    a.out.write_text("".join(f"{line}\n" for line in out), encoding="utf-8")
    print(f"{len(out)} examples")


if __name__ == "__main__":
    main()
