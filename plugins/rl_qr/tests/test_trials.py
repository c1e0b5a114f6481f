import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from itertools import cycle

import pytest

from qrmiddleware import ConfigError, Query, Trace, patience
from qrmiddleware.hooks.patience import Patience
from qrmiddleware.model import Decision
from qrmiddleware.rewriting import RewritingOptions
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.testing.generators import make_generator
from qrmiddleware_rl_qr.versions.choosing import chosen_version
from qrmiddleware_rl_qr.versions.evidence import Evidence, Seen
from qrmiddleware_rl_qr.versions.folder import STATE_FILE
from qrmiddleware_rl_qr.versions.state import promote, roll_back, try_out
from qrmiddleware_rl_qr.versions.trials import TrialOptions, VersionedRewriter

QUICK = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=1, intra_threads=1)
ASKING = RewritingOptions(runtime=QUICK, n=1)
SELDOM = TrialOptions(watch_s=3600, min_queries=20)
QUERIES = [Query(f"red shoe {n}", query_id=str(n)) for n in range(200)]


@pytest.fixture
def start(versions):
    started = []

    def start(options=SELDOM):
        rewriter = VersionedRewriter(versions.path, ASKING, options)
        rewriter.qrm_startup()
        started.append(rewriter)
        return rewriter

    yield start
    for rewriter in started:
        rewriter.qrm_shutdown()


def word(rewriter, query=QUERIES[0]):
    (rewrite,) = rewriter.qrm_rewrite(query)
    (only,) = set(rewrite.text.split())
    return only


def answer(rewriter, query, *, total=1, found=0):
    """Serve one search as the middleware does."""
    rewrites = rewriter.qrm_rewrite(query) or ()
    decisions = tuple(Decision("rl_qr", each, True, "admitted") for each in rewrites)
    rewriter.observe(
        Trace(query, "shop", "handled", "dis_max", decisions, total=total, found_by_rewrites=found)
    )


def test_follows_the_state_without_a_restart(start, versions):
    rewriter = start()
    assert word(rewriter) == "sneaker"

    versions.change(lambda state: promote(state, "0002"))
    assert word(rewriter) == "sneaker"
    rewriter.look()
    assert word(rewriter) == "boot"

    versions.change(lambda state: roll_back(state, "by hand"))
    rewriter.look()
    assert word(rewriter) == "sneaker"


def test_the_watch_follows_by_itself(start, versions):
    rewriter = start(TrialOptions(watch_s=0.05))

    versions.change(lambda state: promote(state, "0002"))

    deadline = time.monotonic() + 10
    while word(rewriter) != "boot" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert word(rewriter) == "boot"


def test_each_query_is_answered_by_the_version_it_is_dealt_and_the_note_says_which(start, versions):
    state = versions.change(lambda state: try_out(state, "0002", 0.5))
    rewriter = start()

    notes = {query: rewriter.qrm_rewrite(query)[0].note for query in QUERIES}

    for query, note in notes.items():
        assert note.startswith(f"version {chosen_version(state, query.text)}, ")
    assert len({note.partition(",")[0] for note in notes.values()}) == 2


def test_no_call_fails_while_versions_are_exchanged(start, versions):
    rewriter = start()
    heard, ended = [], threading.Event()

    def ask():
        for query in cycle(QUERIES[:20]):
            if ended.is_set():
                return
            heard.append(word(rewriter, query))

    def exchange(version, its_word):
        versions.change(lambda state: promote(state, version))
        rewriter.look()
        deadline = time.monotonic() + 10
        while heard[-1:] != [its_word] and time.monotonic() < deadline:
            time.sleep(0.001)
        return heard[-1:] == [its_word]

    exchanges = [("0002", "boot"), ("0003", "sock"), ("0001", "sneaker"), ("0002", "boot")]
    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask) for _ in range(3)]
        followed = [exchange(*each) for each in exchanges]
        ended.set()
        for each in asking:
            each.result(30)

    assert all(followed)
    assert set(heard) == {"sneaker", "boot", "sock"}


def test_a_canary_that_finds_nothing_is_rolled_back_and_the_state_says_why(start, versions):
    versions.change(lambda state: try_out(state, "0002", 0.3))
    rewriter = start()

    for query in QUERIES:
        answer(rewriter, query, total=0 if word(rewriter, query) == "boot" else 5)
    rewriter.look()

    state = versions.read()
    assert (state.serving, state.canary) == ("0001", "")
    assert state.events[-1].what == "rolled back"
    assert state.events[-1].reason.startswith("found nothing: ")
    assert {word(rewriter, query) for query in QUERIES} == {"sneaker"}


def test_a_canary_that_is_as_good_stays_on_trial(start, versions):
    versions.change(lambda state: try_out(state, "0002", 0.3))
    rewriter = start(TrialOptions(watch_s=3600, min_queries=20, alpha=1e-6))

    for n, query in enumerate(QUERIES):
        answer(rewriter, query, total=n % 5, found=n % 3)
    rewriter.look()

    status = rewriter.qrm_status()
    assert status["canary"] == "0002"
    assert sum(each["queries"] for each in status["trial"].values()) == len(QUERIES)
    assert status["trial"]["0002"]["rewritten"] == status["trial"]["0002"]["queries"]
    assert sum(each["helped"] for each in status["trial"].values()) == 133


def test_who_forbids_it_gets_no_roll_back(start, versions):
    versions.change(lambda state: try_out(state, "0002", 0.3))
    rewriter = start(TrialOptions(watch_s=3600, min_queries=20, roll_back=False))

    for query in QUERIES:
        answer(rewriter, query, total=0 if word(rewriter, query) == "boot" else 5)
    rewriter.look()

    assert versions.read().canary == "0002"


def test_a_query_counts_once_whoever_serves_it_and_however_often(start, versions):
    versions.change(lambda state: try_out(state, "0002", 0.5))
    one, other = start(), start()

    for rewriter in (one, other, one):
        for query in QUERIES[:40]:
            answer(rewriter, query)
        rewriter.look()

    trial = one.qrm_status()["trial"]
    assert sum(each["queries"] for each in trial.values()) == 40
    assert other.qrm_status()["trial"] == trial


def test_what_one_process_rolls_back_all_follow(start, versions):
    versions.change(lambda state: try_out(state, "0002", 0.3))
    one, other = start(), start()

    for query in QUERIES:
        answer(one, query, total=0 if word(one, query) == "boot" else 5)
    one.look()
    other.look()

    assert other.qrm_status()["canary"] == ""
    assert {word(other, query) for query in QUERIES[:40]} == {"sneaker"}


def test_lateness_counts_against_the_version_that_was_late(start, versions):
    state = versions.change(lambda state: try_out(state, "0002", 0.5))
    rewriter = start()
    late = next(q for q in QUERIES if chosen_version(state, q.text) == "0002")

    with pytest.raises(CancelledError):
        Patience(0.0).call(lambda: rewriter.qrm_rewrite(late))
    rewriter.observe(Trace(late, "shop", "handled"))
    rewriter.look()

    assert patience().wanted()
    assert rewriter.qrm_status()["trial"] == {
        "0002": {
            "queries": 1,
            "found_nothing": 0,
            "failed": 1,
            "rewritten": 0,
            "helped": 0,
            "mean_ms": 0.0,
        }
    }


def test_a_canary_that_breaks_leaves_its_queries_to_what_serves(start, versions, monkeypatch):
    versions.change(lambda state: try_out(state, "0002", 0.5))
    rewriter = start()
    broken = rewriter._fleet._open["0002"].rewriting
    monkeypatch.setattr(broken.generator, "_find", lambda *_: (_ for _ in ()).throw(RuntimeError))

    assert {word(rewriter, query) for query in QUERIES[:120]} == {"sneaker"}
    for query in QUERIES[:120]:
        answer(rewriter, query)
    rewriter.look()

    assert versions.read().events[-1].reason.startswith("failed: ")


def test_a_version_that_cannot_be_opened_is_refused_and_the_old_one_serves_on(
    start, versions, tmp_path
):
    versions.add(make_generator(tmp_path / "broken", terms=("a",), broken=True))
    rewriter = start()

    versions.change(lambda state: try_out(state, "0004", 0.5))
    rewriter.look()
    assert versions.read().canary == ""
    assert versions.read().events[-1].what == "refused"
    assert "cannot compute" in versions.read().events[-1].reason

    versions.change(lambda state: promote(state, "0004"))
    with pytest.raises(ConfigError, match="cannot compute"):
        rewriter.look()
    rewriter.look()

    assert versions.read().serving == "0001"
    assert word(rewriter) == "sneaker"


def test_a_tampered_canary_keeps_no_proxy_from_starting(start, versions):
    versions.change(lambda state: try_out(state, "0002", 0.5))
    (versions.path / "0002" / "tokenizer.json").write_text("{}")

    rewriter = start()

    assert {word(rewriter, query) for query in QUERIES[:20]} == {"sneaker"}
    rewriter.look()
    assert "tokenizer.json" in versions.read().events[-1].reason


def test_what_serves_must_be_there_at_the_start(start, versions):
    (versions.path / "0001" / "tokenizer.json").write_text("{}")

    with pytest.raises(ConfigError, match=r"tokenizer\.json"):
        start()


def test_a_state_file_that_breaks_changes_nothing_and_is_told(start, versions):
    rewriter = start(TrialOptions(watch_s=0.02))

    (versions.path / STATE_FILE).write_text("{")

    deadline = time.monotonic() + 10
    while "last_problem" not in rewriter.qrm_status() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "state.json" in rewriter.qrm_status()["last_problem"]
    assert word(rewriter) == "sneaker"


def test_searches_that_the_pipeline_left_alone_count_for_nothing(start, versions):
    versions.change(lambda state: try_out(state, "0002", 0.5))
    rewriter = start()

    rewriter.observe(Trace(QUERIES[0], "shop", "the text is empty"))
    rewriter.look()

    assert rewriter.qrm_status()["trial"] == {}


def test_evidence_of_an_earlier_trial_is_forgotten(tmp_path):
    evidence = Evidence(tmp_path / "evidence.sqlite")
    seen = Seen(b"q", "0002", True, False, False, False, 1.0)

    evidence.add("first", [seen])
    assert evidence.counts("first")["0002"].found_nothing == 1
    evidence.add("second", [seen])

    assert evidence.counts("first") == {}


def test_evidence_that_cannot_be_kept_says_where(tmp_path):
    (tmp_path / "evidence.sqlite").write_text("no database, but long enough to look like a file")

    with pytest.raises(ConfigError, match=r"evidence\.sqlite"):
        Evidence(tmp_path / "evidence.sqlite").counts("first")
