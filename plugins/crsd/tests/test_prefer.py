from dataclasses import replace

import msgspec
import pytest

from qrmiddleware.distill.causal.generation import Decoding, Response
from qrmiddleware.distill.causal.models import Size, load_causal
from qrmiddleware.distill.labels import Pair
from qrmiddleware.distill.teachers.chain_form import ChainForm, read_form
from qrmiddleware.distill.teachers.prompt import SHORT, load_prompt
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import loop
from qrmiddleware.recipes.causal import Beginning, CausalFitting
from qrmiddleware.recipes.draws import Drawn
from qrmiddleware.recipes.tuning import TuningPlan, tune
from qrmiddleware_crsd.recipes.prefer import (
    DRAWS,
    PREFERENCES,
    Preference,
    PreferPlan,
    prefer,
    preferences_of,
)
from qrmiddleware_crsd.recipes.rewards import Rewards

PAIR = Pair("kettle", "1", "Acme kettle")
FORM = ChainForm(load_prompt(SHORT, chain=True), longest_text=40)
FITTING = CausalFitting(4, 1e-4, rows=4, at_once=4)
ONLY_CORRECT = Rewards(1.0, 0.0, 0.0, 0.0)


def plan_of(**told):
    return PreferPlan(FITTING, Beginning("base"), weights=ONLY_CORRECT, **told)


def drawn(*worth, ended=True):
    return [
        (Response(f"chain {n}", (5, n, 1), ended), Rewards(each, 0.0, 0.0, 0.0))
        for n, each in enumerate(worth)
    ]


def chosen(found, **told):
    return [
        (each.chosen, each.rejected) for each in preferences_of(PAIR, found, plan=plan_of(**told))
    ]


def test_the_best_chain_is_preferred_to_the_worst_ones():
    found = drawn(0.5, 0.9, 0.1, 0.3)

    assert chosen(found) == [("chain 1", "chain 2")]
    assert chosen(found, most=2) == [("chain 1", "chain 2"), ("chain 1", "chain 3")]
    assert len(chosen(found, most=9)) == 3


def test_a_small_difference_is_none():
    found = drawn(0.50, 0.52)

    assert chosen(found) == []
    assert chosen(found, least_margin=0.01) == [("chain 1", "chain 0")]


def test_a_chain_alone_or_drawn_twice_is_preferred_to_nothing():
    one = drawn(0.5)

    assert chosen(one) == chosen([*one, *one]) == chosen([]) == []


def test_what_was_cut_off_may_be_rejected_and_never_chosen():
    whole, cut = drawn(0.5), [(Response("cut", (7,), ended=False), Rewards(0.1, 0.0, 0.0, 0.0))]
    better = [(said, Rewards(0.9, 0.0, 0.0, 0.0)) for said, _ in cut]

    assert chosen([*whole, *cut]) == [("chain 0", "cut")]
    assert chosen([*whole, *better]) == chosen([*cut, *better]) == []


def test_a_preference_tells_why():
    (told,) = preferences_of(PAIR, drawn(0.5, 0.9), plan=plan_of())

    assert (told.query, told.doc_id, told.pair) == ("kettle", "1", PAIR.key)
    assert (told.reward_chosen, told.reward_rejected) == (0.9, 0.5)
    assert told.components["chosen"]["correct"] == 0.9
    assert told.components["rejected"]["correct"] == 0.5


@pytest.fixture(scope="module")
def tuned(gathered, tmp_path_factory):
    """A work folder, and a model in it that has learnt a little."""
    pytest.importorskip("torch").set_num_threads(1)
    work = gathered(tmp_path_factory.mktemp("shop"))
    fitting = CausalFitting(150, 1e-2, rows=16, at_once=16)
    tune(
        work,
        TuningPlan("crsd", fitting, Beginning(Size(400, 1, 32, 2)), form=FORM),
        work / "tuned",
    )
    return work


@pytest.fixture
def plan(tuned):
    return PreferPlan(
        FITTING,
        Beginning(str(tuned / "tuned")),
        questions=6,
        decoding=Decoding(70, 1.0, samples=4),
        least_margin=0.01,
    )


def weights(folder):
    return {
        name: weight.tolist()
        for name, weight in load_causal(str(folder)).model.state_dict().items()
    }


@pytest.mark.students
def test_chains_are_drawn_compared_and_learnt(tuned, plan, tmp_path):
    made = prefer(tuned, plan, tmp_path / "preferred")

    assert made.questions == 6
    assert 0 < made.reward < 1
    lines = (tuned / PREFERENCES).read_bytes().splitlines()
    found = [msgspec.json.decode(line, type=Preference) for line in lines]
    assert len(found) == made.preferences > 0
    assert all(each.reward_chosen > each.reward_rejected for each in found)
    assert len((tuned / DRAWS).read_bytes().splitlines()) == 6
    assert read_form(str(tmp_path / "preferred")) == FORM
    assert weights(tmp_path / "preferred") != weights(tuned / "tuned")


class KilledError(Exception):
    """A process is killed."""


@pytest.mark.students
@pytest.mark.parametrize("when", ["drawing", "learning"])
def test_a_killed_run_goes_on_to_the_same_weights(tuned, plan, tmp_path, monkeypatch, when):
    (tuned / DRAWS).unlink(missing_ok=True)
    prefer(tuned, plan, tmp_path / f"{when}-whole")
    (tuned / DRAWS).unlink()
    target = tmp_path / f"{when}-killed"
    monkeypatch.setattr(loop, "SAVE_EVERY", 2)
    saved = loop.save_checkpoint

    def killed(*arguments, **told):
        saved(*arguments, **told)
        raise KilledError

    def tell(done, total):
        if when == "drawing":
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", killed)
        with pytest.raises(KilledError):
            prefer(tuned, plan, target, tell=tell)
    assert not target.exists()
    prefer(tuned, plan, target)

    assert weights(target) == weights(tmp_path / f"{when}-whole")


@pytest.mark.students
def test_chains_that_are_all_alike_teach_nothing(tuned, plan, tmp_path):
    with pytest.raises(ConfigError, match="draw more of each"):
        prefer(tuned, replace(plan, least_margin=1.0, weights=ONLY_CORRECT), tmp_path / "x")


@pytest.mark.students
def test_a_model_that_was_not_taught_to_reason_is_told(tuned, plan, tmp_path):
    with pytest.raises(ConfigError, match="was not taught to reason: `qrm crsd sft`"):
        prefer(tuned, replace(plan, beginning=Beginning("a/model")), tmp_path / "x")


def test_rewards_that_all_weigh_nothing_are_refused():
    with pytest.raises(ConfigError, match="at least one has to weigh"):
        PreferPlan(FITTING, Beginning("base"), weights=Rewards(0.0, 0.0, 0.0, 0.0))


@pytest.mark.students
def test_what_is_learnt_is_split_as_it_was_drawn(monkeypatch, tuned, plan, tmp_path):
    seen = []
    monkeypatch.setattr(
        "qrmiddleware_crsd.recipes.prefer.learn_preferences",
        lambda lm, pairs, **told: seen.extend(pairs) or 0,
    )

    prefer(tuned, plan, tmp_path / "preferred")

    lines = (tuned / DRAWS).read_bytes().splitlines()
    drawn = {said.ids for line in lines for said in msgspec.json.decode(line, type=Drawn).responses}
    assert seen
    for row in (row for pair in seen for row in pair.rows):
        assert row.ids[row.prompt :] in drawn
