from dataclasses import replace

import pytest

from qrmiddleware.distill.causal.generation import Decoding
from qrmiddleware.distill.causal.models import Size, load_causal
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import loop
from qrmiddleware.recipes.causal import Beginning, CausalFitting
from qrmiddleware_rl_qr.recipes.online import (
    World,
    learn_online,
    queries_of_round,
    read_queries,
)
from qrmiddleware_rl_qr.recipes.rewards import Rewarder, Weights
from qrmiddleware_rl_qr.recipes.tuning import teach_rewriting
from qrmiddleware_rl_qr.recipes.updating import OnlinePlan
from qrmiddleware_rl_qr.recipes.versions import (
    VERSIONS,
    VERSIONS_FILE,
    Version,
    newest_chosen,
    read_versions,
    student_folder,
    write_versions,
)

LOG = [f"query {n}" for n in range(20)]
FITTING = CausalFitting(4, 1e-3, rows=4, at_once=4)


def plan_of(folder="distilled", **told):
    return OnlinePlan(FITTING, folder, **{"queries": 8, **told})


def test_a_round_takes_the_newest_queries_and_draws_from_the_others():
    first, second = (queries_of_round(LOG, [], plan_of(), number=n) for n in (1, 2))

    assert first[:4] == second[:4] == ["query 19", "query 18", "query 17", "query 16"]
    assert len(set(first)) == len(set(second)) == 8
    assert first != second
    assert queries_of_round(LOG, [], plan_of(), number=1) == first


def test_queries_of_the_guard_are_never_learnt_from():
    told = queries_of_round(LOG, ["QUERY 19!"], plan_of(queries=30), number=1)

    assert "query 19" not in told
    assert len(told) == 19
    with pytest.raises(ConfigError, match="none that the guard"):
        queries_of_round(["Query  1"], ["query 1"], plan_of(), number=1)


def test_a_log_is_read_in_its_order(tmp_path):
    file = tmp_path / "log.txt"
    file.write_bytes(b"\xef\xbb\xbfred  sofa\n\nlamp\nred sofa\n\xff\n")

    assert read_queries(file) == ["red sofa", "lamp", "red sofa", "\ufffd"]
    file.write_text("\n")
    with pytest.raises(ConfigError, match="holds no query"):
        read_queries(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_queries(tmp_path / "none.txt")


def test_the_newest_version_that_was_chosen_is_served(tmp_path):
    versions = [
        Version(number=0, chosen=True),
        Version(number=1, chosen=True, reward=0.5),
        Version(number=2, before=1, chosen=False, reason="worse"),
    ]
    write_versions(tmp_path, versions)

    assert read_versions(tmp_path) == versions
    assert newest_chosen(versions).number == 1
    assert student_folder(tmp_path, versions[1]) == tmp_path / "versions" / "0001"
    with pytest.raises(ConfigError, match="no version was chosen"):
        newest_chosen(versions[2:])
    (tmp_path / VERSIONS / VERSIONS_FILE).write_text("{}\n")
    with pytest.raises(ConfigError, match=r"versions.jsonl:1: is no version"):
        read_versions(tmp_path)


@pytest.fixture
def distilled(shop, tmp_path):
    """A student that rewrites colours with every word for a sofa, more or less."""
    pytest.importorskip("torch")
    queries = shop.queries(("sofa",))
    pairs = [
        RewritePair(query=query, rewrite=other)
        for query in queries
        for other in queries
        if query != other and query.split()[0] == other.split()[0]
    ]
    folder = tmp_path / "distilled"
    teach_rewriting(
        pairs,
        tmp_path,
        folder,
        fitting=CausalFitting(60, 1e-2, at_once=16),
        beginning=Beginning(Size(300, 1, 32, 2)),
        what="x",
    )
    return folder


@pytest.fixture
def world(shop):
    rewarder = Rewarder(shop.search, shop, Weights(feedback=0.0))
    return World(lambda: shop.queries(("sofa",))[:15], shop.queries(("sofa",))[15:], rewarder)


@pytest.fixture
def plan(distilled):
    return replace(
        plan_of(distilled), decoding=Decoding(6, 1.0, samples=6), margin=0.001, tolerance=1.0
    )


def weights(work, version):
    checkpoint = work / "online" / version.name / "checkpoint"
    return {
        name: each.tolist()
        for name, each in load_causal(str(checkpoint)).model.state_dict().items()
    }


class KilledError(Exception):
    """A process is killed."""


@pytest.mark.students
@pytest.mark.timeout(400)
def test_a_killed_round_goes_on_to_the_same_version(world, plan, tmp_path, monkeypatch):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    expected = learn_online(whole, plan, world, rounds=1)
    monkeypatch.setattr(loop, "SAVE_EVERY", 2)
    saved = loop.save_checkpoint

    def kill(*arguments, **told):
        saved(*arguments, **told)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", kill)
        with pytest.raises(KilledError):
            learn_online(killed, plan, world, rounds=1)
    assert [each.number for each in read_versions(killed)] == [0]
    found = learn_online(killed, plan, world, rounds=1)

    assert found == expected
    assert weights(killed, found[1]) == weights(whole, expected[1])


@pytest.mark.students
@pytest.mark.timeout(400)
def test_a_version_that_is_worse_on_the_guard_is_refused(world, plan, tmp_path):
    """A negative tolerance asks for a gain that no round brings."""
    versions = learn_online(tmp_path / "w", replace(plan, tolerance=-2.0), world, rounds=2)

    assert [each.chosen for each in versions] == [True, False, False]
    assert "on the guard's queries" in versions[1].reason
    assert versions[2].before == 0
    assert newest_chosen(versions).number == 0


@pytest.mark.students
@pytest.mark.timeout(400)
def test_rewrites_that_are_all_worth_the_same_make_no_version(world, plan, tmp_path):
    versions = learn_online(tmp_path / "w", replace(plan, margin=1.0), world, rounds=1)

    assert not versions[1].chosen
    assert "of no query two rewrites differ" in versions[1].reason
    with pytest.raises(ConfigError, match="the guard has no queries"):
        learn_online(tmp_path / "w", plan, replace(world, guard=()), rounds=1)
