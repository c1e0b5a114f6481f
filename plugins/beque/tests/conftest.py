import json

import pytest

from qrmiddleware.distill.causal.models import Size
from qrmiddleware.distill.rewriting.row_files import write_rows
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.recipes.causal import Beginning, CausalFitting
from qrmiddleware.testing.engine import serve_engine
from qrmiddleware.testing.training import fresh_accelerator, one_thread  # noqa: F401 for all
from qrmiddleware_beque.prompts.tasks import SHORT, load_prompts
from qrmiddleware_beque.recipes.instructions import InstructPlan, JudgedRewrite, Lessons, instruct
from qrmiddleware_beque.recipes.sft import SFT, SftPlan, teach

WORDS = {
    "telly": "television",
    "fridge": "refrigerator",
    "cooker": "stove",
    "hoover": "vacuum",
    "couch": "sofa",
}
LOOKS = ("red", "blue", "small", "large", "cheap", "new")


def pairs_of_a_shop():
    """Every look of every thing, said in the words of the shop."""
    return [
        RewritePair(query=f"{look} {said}", rewrite=f"{look} {wanted}", source="people")
        for said, wanted in WORDS.items()
        for look in LOOKS
    ]


@pytest.fixture
def pairs():
    return pairs_of_a_shop()


@pytest.fixture
def sft_plan():
    fitting = CausalFitting(0, 1e-2, rows=10, at_once=10, max_tokens=64)
    return SftPlan(Beginning(Size(330, 1, 32, 2)), fitting, epochs=40)


@pytest.fixture(scope="session")
def taught(tmp_path_factory):
    """A work folder with instructions, and a checkpoint in it that learnt from them."""
    pytest.importorskip("torch").set_num_threads(1)
    work = tmp_path_factory.mktemp("taught")
    pairs = pairs_of_a_shop()
    write_rows(work / "pairs.jsonl", pairs)
    verdicts = [
        JudgedRewrite(query=pair.query, rewrite=other.rewrite, good=pair is other)
        for pair, other in zip(pairs, [*pairs[::2], *pairs[1::2]], strict=True)
    ]
    told = Lessons(pairs, verdicts, seen_folds=(0,))
    instruct(work, told, InstructPlan(prompts=load_prompts(SHORT)))
    fitting = CausalFitting(0, 1e-2, rows=10, at_once=10, max_tokens=64)
    teach(work, SftPlan(Beginning(Size(330, 1, 32, 2)), fitting, epochs=40), work / SFT)
    return work


TITLES = {
    "d1": "red shoe",
    "d2": "blue shoe",
    "d3": "red hat",
    "d4": "trainers",
    "d5": "shoe rack",
    "d6": "green trainers",
}


@pytest.fixture
def engine():
    """An engine with the index ``shop``, and what a command is told of it."""
    with serve_engine("shop", {key: {"title": title} for key, title in TITLES.items()}) as url:
        yield ("--url", url, "--index", "shop", "--fields", "title")


@pytest.fixture
def judged(tmp_path):
    """Judgments of three queries, two of which find nothing that is relevant."""
    folder = tmp_path / "judged"
    folder.mkdir()
    queries = [{"id": text, "query": text} for text in ("sneakers", "kicks", "trainers")]
    (folder / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in queries))
    grades = "".join(f"{q['id']}\t{d}\t3\n" for q in queries for d in ("d1", "d2", "d4", "d6"))
    (folder / "judgments.tsv").write_text(f"query_id\tproduct_id\tgrade\n{grades}")
    return folder
