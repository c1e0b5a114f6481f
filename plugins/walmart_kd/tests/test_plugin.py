import json
import subprocess
import sys
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from statistics import median

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import load_file, save_file

from qrmiddleware import ConfigError, Hit, OverloadError, Query
from qrmiddleware.hooks.manager import Hooks
from qrmiddleware.hooks.patience import Patience
from qrmiddleware.students.folder import write_student
from qrmiddleware.students.manifest import Manifest
from qrmiddleware.students.opening import open_student
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.testing import check_plugin, make_hits
from qrmiddleware.testing.students import make_student
from qrmiddleware_walmart_kd import WalmartKd

QUERY = Query("red shoe")
TITLES = ("red shoe", "blue shoe", "phone case", "a phone", "shoe red", "laptop", "wool sock")
HITS = make_hits(*TITLES)
QUICK = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=2, intra_threads=1)


def scores_of(folder, texts=TITLES, **how):
    """What the student says by itself."""
    student = open_student(folder, QUICK)
    try:
        return student.scores(QUERY.text, list(texts), **how).tolist()
    finally:
        student.close()


def order(numbers):
    return sorted(range(len(numbers)), key=lambda place: -numbers[place])


@pytest.mark.parametrize("kind", ["cross", "classes", "bi"])
def test_keeps_the_plugin_contract(students, make, kind):
    check_plugin(make(students[kind], start=False, min_score=0.5), queries=["red shoe"])


def test_keeps_the_plugin_contract_as_a_cascade(students, make):
    plugin = make(students["cross"], start=False, first=students["bi"], keep=3, min_score=0.5)

    check_plugin(plugin, queries=["red shoe"])


@pytest.mark.parametrize("kind", ["cross", "classes", "bi"])
def test_rewards_are_the_students_scores(students, make, kind):
    plugin = make(students[kind])

    rewards = plugin.qrm_reward(QUERY, HITS)

    assert rewards == pytest.approx(scores_of(students[kind]), abs=1e-6)
    assert len(set(rewards)) == len(HITS)


def test_rewards_can_be_the_logits_that_margins_were_trained_in(students, make):
    score, logit = (make(students["cross"], reward=kind) for kind in ("score", "logit"))

    logits = np.array(logit.qrm_reward(QUERY, HITS))

    assert 1 / (1 + np.exp(-logits)) == pytest.approx(score.qrm_reward(QUERY, HITS), abs=1e-6)


@pytest.mark.parametrize(("kind", "found"), [("classes", "3 classes"), ("bi", "a bi_encoder")])
def test_logits_need_a_single_one(students, make, kind, found):
    with pytest.raises(ConfigError, match=rf"`reward: logit` needs .* {found}"):
        make(students[kind], reward="logit")


def test_the_filter_flags_what_scores_below_the_floor(students, make):
    scores = scores_of(students["cross"])
    floor = median(scores)

    flags = make(students["cross"], min_score=floor - 1e-4).qrm_filter(QUERY, HITS)

    assert flags == [score >= floor - 1e-4 for score in scores]
    assert flags.count(False) == 3


def test_the_floor_is_in_scores_whatever_a_reward_is(students, make):
    options = {"min_score": median(scores_of(students["cross"])) - 1e-4}

    flags = [
        make(students["cross"], reward=kind, **options).qrm_filter(QUERY, HITS)
        for kind in ("score", "logit")
    ]

    assert flags[0] == flags[1]


def test_without_a_floor_the_filter_has_no_opinion(students, make):
    assert make(students["cross"]).qrm_filter(QUERY, HITS) is None


@pytest.mark.parametrize("text", ["", " ", "\t\n"])
def test_without_a_text_in_the_query_there_is_no_opinion(students, make, text):
    plugin = make(students["cross"], min_score=0.5)

    assert plugin.qrm_reward(Query(text), HITS) is None
    assert plugin.qrm_filter(Query(text), HITS) is None


def test_an_empty_window_gets_no_opinion(students, make):
    plugin = make(students["cross"], min_score=0.5)

    assert plugin.qrm_reward(QUERY, ()) is None
    assert plugin.qrm_filter(QUERY, ()) is None


def test_a_hit_without_text_is_rewarded_as_the_middle_and_never_flagged(students, make):
    hits = (Hit("bare", 9.0), *HITS, Hit("other", 0.1, {"title": " ", "name": "x"}))
    plugin = make(students["cross"], min_score=1.0)

    rewards = plugin.qrm_reward(QUERY, hits)
    flags = plugin.qrm_filter(QUERY, hits)

    assert rewards[1:-1] == plugin.qrm_reward(QUERY, HITS)
    assert rewards[0] == rewards[-1] == median(rewards[1:-1])
    assert flags == [True, *[False] * len(HITS), True]


def test_a_window_in_which_no_hit_has_a_text_is_left_as_it_is_and_warned_of(students, make):
    plugin = make(students["cross"], min_score=0.5)
    hits = (Hit("a", 1.0, {"name": "red shoe"}),)

    with pytest.warns(UserWarning, match="no hit of a search has a text in title"):
        assert plugin.qrm_reward(QUERY, hits) is None
    with pytest.warns(UserWarning, match="does the pipeline's `fields` name them"):
        assert plugin.qrm_filter(QUERY, hits) is None


def test_fields_are_those_of_the_manifest_or_those_configured(students, make):
    hits = [Hit("a", 1.0, {"title": "red shoe", "brand": {"name": "acme"}})]

    by_manifest = make(students["cross"]).qrm_reward(QUERY, hits)
    configured = make(students["cross"], fields=("brand.name", "title")).qrm_reward(QUERY, hits)

    assert by_manifest == pytest.approx(scores_of(students["cross"], ["red shoe"]), abs=1e-6)
    assert configured == pytest.approx(scores_of(students["cross"], ["acme red shoe"]), abs=1e-6)


@pytest.mark.parametrize(
    "text", ["x" * 100_000, "word " * 20_000, "👟" * 50, "赤い靴", "\x00\ud800"]
)
def test_awkward_texts_are_scored(students, make, text):
    (reward,) = make(students["cross"]).qrm_reward(QUERY, make_hits(text))

    assert 0 <= reward <= 1


# cascades


def test_a_cascade_ranks_the_firsts_best_by_the_second_above_all_others(students, make):
    early, late = scores_of(students["bi"]), scores_of(students["cross"])
    plugin = make(students["cross"], first=students["bi"], keep=3)

    rewards = plugin.qrm_reward(QUERY, HITS)

    best = order(early)[:3]
    assert order(rewards)[:3] == sorted(best, key=lambda place: -late[place])
    assert order(rewards)[3:] == order(early)[3:]
    assert [rewards[n] for n in best] == pytest.approx([late[n] for n in best], abs=1e-6)


def test_a_cascades_floor_judges_only_what_the_second_student_saw(students, make):
    best = set(order(scores_of(students["bi"]))[:3])
    plugin = make(students["cross"], first=students["bi"], keep=3, min_score=1.0)

    flags = plugin.qrm_filter(QUERY, HITS)

    assert {place for place, stays in enumerate(flags) if not stays} == best


def test_two_cross_encoders_make_a_cascade_too(students, make):
    plugin = make(students["cross"], first=students["small"], keep=2, reward="logit")

    best = order(plugin.qrm_reward(QUERY, HITS))[:2]

    assert set(best) == set(order(scores_of(students["small"]))[:2])


def test_students_of_a_cascade_that_read_different_fields_need_to_be_told(students, make):
    with pytest.raises(ConfigError, match=r"read title, the one in .* title, brand: say with"):
        make(students["cross"], first=students["branded"])

    assert make(students["cross"], first=students["branded"], fields=("title",)).qrm_reward(
        QUERY, HITS
    )


# vectors


def with_vectors(vectors, hits=HITS):
    return [
        Hit(hit.doc_id, hit.score, {**hit.source, "vector": vector})
        for hit, vector in zip(hits, vectors, strict=True)
    ]


@pytest.fixture
def vectors(students):
    student = open_student(students["bi"], QUICK)
    yield [vector.tolist() for vector in student.vectors(list(reversed(TITLES)))]
    student.close()


def test_a_bi_encoder_uses_the_vectors_that_hits_have(students, make, vectors):
    plugin = make(students["bi"], vector_field="vector")
    some = [*vectors[:3], None, *vectors[4:]]

    rewards = plugin.qrm_reward(QUERY, with_vectors(some))

    own = scores_of(students["bi"])
    assert rewards == pytest.approx(own[::-1][:3] + own[3:4] + own[::-1][4:], abs=1e-5)


def test_with_vectors_no_text_is_needed(students, make, vectors):
    plugin = make(students["bi"], vector_field="doc.vector")
    hits = [Hit(f"d{n}", 1.0, {"doc": {"vector": vector}}) for n, vector in enumerate(vectors)]

    assert plugin.qrm_reward(QUERY, hits) == pytest.approx(
        scores_of(students["bi"])[::-1], abs=1e-5
    )


def test_in_a_cascade_vectors_are_for_the_first_student_and_texts_for_the_second(
    students, make, vectors
):
    plugin = make(students["cross"], first=students["bi"], keep=2, vector_field="vector")
    hits = [*with_vectors(vectors), Hit("no text", 1.0, {"vector": vectors[0]})]

    rewards = plugin.qrm_reward(QUERY, hits)

    by_vector = scores_of(students["bi"])[::-1]
    assert set(order(rewards)[:2]) == set(order(by_vector)[:2])
    assert rewards[-1] == median(rewards[:-1])


@pytest.mark.parametrize("vector", [[1.0, 2.0], "none", [float("nan")] * 16])
def test_a_vector_that_is_not_the_students_is_an_error(students, make, vector):
    plugin = make(students["bi"], vector_field="vector")

    with pytest.raises(ValueError, match="vector 0"):
        plugin.qrm_reward(QUERY, with_vectors([vector], HITS[:1]))


# starting


def test_to_list_the_plugin_no_library_for_students_is_loaded():
    code = (
        "import sys, qrmiddleware_walmart_kd; "
        "print(*{'numpy', 'tokenizers', 'ctranslate2', 'safetensors'} & set(sys.modules))"
    )

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert loaded.stdout.split() == []


@pytest.mark.parametrize("option", ["model", "first"])
def test_does_not_start_without_a_student(students, make, tmp_path, option):
    folders = {"model": students["cross"], option: tmp_path / "none"}

    with pytest.raises(ConfigError, match=r"there is no .*none: a student's folder is needed"):
        make(**folders)


def test_does_not_start_with_a_tampered_student(make, tmp_path):
    folder = make_student(tmp_path / "student")
    weights = bytearray((folder / "model" / "model.bin").read_bytes())
    weights[-1] ^= 1
    (folder / "model" / "model.bin").write_bytes(weights)

    with pytest.raises(ConfigError, match=r"model/model.bin has .* SHA-256"):
        make(folder)


def test_does_not_start_with_a_generator(make, tmp_path):
    folder = make_student(tmp_path / "student")
    manifest = json.loads((folder / "student.json").read_text())
    (folder / "student.json").write_text(json.dumps({**manifest, "kind": "generator"}))

    with pytest.raises(ConfigError, match=r"holds the generator .* is needed"):
        make(folder)


def test_what_does_not_start_keeps_nothing_open(students, make):
    threads = threading.active_count()

    with pytest.raises(ConfigError):
        make(students["cross"], vector_field="vector")

    assert threading.active_count() == threads


def test_a_start_and_a_stop_leave_nothing_behind_and_can_be_repeated(students, make):
    threads = threading.active_count()
    plugin = make(students["cross"], start=False)

    for _ in range(2):
        plugin.qrm_startup()
        assert plugin.qrm_reward(QUERY, HITS)
        plugin.qrm_shutdown()

    assert threading.active_count() == threads
    with pytest.raises(RuntimeError, match="asked before qrm_startup"):
        plugin.qrm_reward(QUERY, HITS)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "model"),
        ({"model": "m", "min_score": 1.5}, "min_score"),
        ({"model": "m", "batch": 3}, "batch"),
    ],
)
def test_wrong_options_are_named(options, problem):
    with pytest.raises(ValidationError, match=problem):
        WalmartKd.Settings(**options)


# asked by many, and given up


def test_a_filter_and_a_reward_with_the_same_student_score_a_hit_once(students, make):
    (as_filter, as_reward) = (make(students["cross"], min_score=0.5), make(students["cross"]))

    as_filter.qrm_filter(QUERY, HITS)
    as_reward.qrm_reward(QUERY, HITS[:4])

    assert as_filter._scoring.model is as_reward._scoring.model
    assert as_reward._scoring.model.counters.scored == len(HITS)


def test_its_status_says_what_is_open_where_and_what_it_did(students, make):
    plugin = make(students["cross"], first=students["bi"], keep=3)
    plugin.qrm_reward(QUERY, HITS)

    status = Hooks({"kd": plugin}).status("kd")

    assert status["model"]["device"] == "cpu, float32"
    assert (status["model"]["kind"], status["model"]["texts"]["scored"]) == ("cross_encoder", 3)
    assert status["first"]["cache"]["entries"] == len(HITS) + 1
    assert status["first"]["queue"]["waiting"] == 0


def test_without_students_there_is_no_status(students, make):
    assert make(students["cross"], start=False).qrm_status() is None


def test_many_threads_get_the_answers_that_one_gets(students, make):
    plugin = make(students["cross"], first=students["bi"], keep=3)
    queries = [Query(f"{word} {n}") for n in range(10) for word in ("red", "phone", "sock")]
    alone = [plugin.qrm_reward(query, HITS) for query in queries]
    plugin.qrm_shutdown()
    plugin.qrm_startup()  # with empty caches

    with ThreadPoolExecutor(16) as threads:
        together = list(threads.map(lambda query: plugin.qrm_reward(query, HITS), queries))

    for one, other in zip(alone, together, strict=True):
        assert other == pytest.approx(one, abs=1e-5)


def test_a_search_that_has_given_up_costs_nothing_more(students, make):
    plugin = make(students["cross"])
    lost = Patience()
    lost.lose()

    with pytest.raises(CancelledError):
        lost.call(lambda: plugin.qrm_reward(QUERY, HITS))

    assert plugin._scoring.model.counters.scored == 0


def test_a_search_that_gives_up_midway_is_not_computed_to_its_end(students, make):
    plugin = make(students["cross"], runtime=QUICK.model_copy(update={"batch_tokens": 64}))
    asked = []

    def wanted():
        asked.append(True)
        return len(asked) < 5

    with pytest.raises(CancelledError):
        plugin._scoring.judge("red shoe", make_hits(*map(str, range(500))), wanted=wanted)

    assert plugin._scoring.model.counters.scored == 0
    assert plugin.qrm_reward(QUERY, HITS)


def test_who_comes_while_more_waits_than_may_is_refused_and_others_are_answered(students, make):
    narrow = QUICK.model_copy(update={"max_waiting": 1, "batch_tokens": 64})
    plugin = make(students["cross"], runtime=narrow)
    gate = threading.Barrier(8)

    def ask(number):
        gate.wait(5)
        try:
            return len(plugin.qrm_reward(Query(f"q{number}"), make_hits(*map(str, range(500)))))
        except OverloadError as error:
            return str(error)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))

    assert 500 in answers
    assert any("would exceed max_waiting = 1" in str(answer) for answer in answers)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy says it too
def test_a_head_that_gives_no_number_is_an_error(make, tmp_path):
    folder = make_student(tmp_path / "student")
    head = load_file(folder / "head.safetensors")
    head["out.weight"][:] = np.float32(3e38)
    save_file(head, folder / "head.safetensors")
    manifest = Manifest.model_validate_json((folder / "student.json").read_bytes())
    write_student(folder, manifest, replace=True)

    with pytest.raises((ConfigError, ValueError), match="not finite"):
        make(folder).qrm_reward(QUERY, HITS)
