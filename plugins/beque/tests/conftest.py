import pytest

from qrmiddleware.distill.causal.models import Size
from qrmiddleware.distill.rewriting.row_files import write_rows
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.recipes.causal import Beginning, CausalFitting
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
