"""A language model that was taught a few chains by heart, and one that knows nothing."""

import math
from dataclasses import replace

import pytest

from qrmiddleware.asking.endpoint import EndpointOptions
from qrmiddleware.distill.causal.models import Size, load_causal, tiny_causal
from qrmiddleware.distill.causal.rows import prompt_ids, response_row
from qrmiddleware.distill.causal.scoring import response_logits
from qrmiddleware.distill.classes import ESCI
from qrmiddleware.distill.labels import Label, Pair, Unlabelled
from qrmiddleware.distill.sequence_losses import response_cross_entropy
from qrmiddleware.distill.teachers import table_server
from qrmiddleware.distill.teachers.chain_form import ChainForm, write_form
from qrmiddleware.distill.teachers.llm import LlmOptions, LlmTeacher
from qrmiddleware.distill.teachers.local import LocalOptions, LocalTeacher
from qrmiddleware.distill.teachers.prompt import SHORT, load_prompt
from qrmiddleware.errors import ConfigError

pytestmark = pytest.mark.students
FORM = ChainForm(load_prompt(SHORT, chain=True), longest_text=60)
STEPS = "brand: unspecified\nmodel: unspecified\nattribute: unspecified"
LEARNT = {
    Pair("kettle", "1", "Acme kettle"): f"category: match (a kettle)\n{STEPS}\nconclusion: E",
    Pair("kettle", "2", "Filter"): f"category: mismatch (a filter)\n{STEPS}\nconclusion: C",
    Pair("kettle", "3", "Sofa"): "It is a sofa.",
}
PAIRS = list(LEARNT)


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """The folder of a model that has learnt these answers until it makes no mistake."""
    torch = pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("taught") / "teacher"
    texts = [m["content"] for pair in PAIRS for m in FORM.messages(pair)]
    lm = tiny_causal([*texts, *LEARNT.values()] * 3, Size(420, 1, 32, 2))
    rows = [
        response_row(lm, prompt_ids(lm, FORM.messages(pair)), text) for pair, text in LEARNT.items()
    ]
    optimizer = torch.optim.Adam(lm.model.parameters(), lr=1e-2)
    for _ in range(120):
        loss = response_cross_entropy(*response_logits(lm.model, rows, pad=lm.pad))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    lm.save(folder)
    write_form(folder, FORM)
    return folder


def options(folder, **told):
    return LocalOptions(str(folder), **{"device": "cpu", "most_tokens": 60} | told)


def by_document(outcomes):
    return {each.doc_id if isinstance(each, Label) else each.pair.doc_id: each for each in outcomes}


@pytest.fixture
def said(taught):
    return by_document(LocalTeacher(options(taught)).label(PAIRS))


def test_its_chain_is_the_reason_and_the_conclusion_the_class(said):
    assert said["1"].reason == LEARNT[PAIRS[0]]
    assert (said["1"].grade, said["2"].grade) == ("E", "C")
    assert said["1"].pair == PAIRS[0].key
    assert said["1"].target > 0.8
    assert said["2"].target < 0.2
    assert said["1"].prompt_tokens > 20
    assert said["1"].completion_tokens > 10


def test_probabilities_are_the_softmax_over_the_classes_tokens_behind_its_own_chain(taught, said):
    import torch

    lm = load_causal(str(taught))
    before, _, _ = said["2"].reason.rpartition(" ")
    ids = lm.tokenizer(before, add_special_tokens=False)["input_ids"]
    codes = [lm.tokenizer(f" {code}")["input_ids"] for code in ESCI.codes]
    prompt = (*prompt_ids(lm, FORM.messages(PAIRS[1])), *ids)
    logs = []
    for spelled in codes:  # codes that were never learnt may be two tokens
        row = torch.tensor([[*prompt, *spelled]])
        with torch.no_grad():
            logits = lm.model(row).logits[0].log_softmax(-1)
        places = range(len(prompt) - 1, len(prompt) + len(spelled) - 1)
        logs.append(sum(logits[n, row[0, n + 1]].item() for n in places))
    wanted = torch.tensor(logs).softmax(0).tolist()

    told = said["2"].probabilities
    assert list(told) == ["E", "S", "C", "I"]
    assert list(told.values()) == pytest.approx(wanted, abs=1e-4)
    assert math.fsum(told.values()) == pytest.approx(1)
    assert said["2"].target == pytest.approx(told["E"] + told["S"] / 2, abs=1e-4)


def test_what_is_no_chain_after_all_attempts_is_no_label(said):
    assert isinstance(said["3"], Unlabelled)
    assert said["3"].reason == "no chain"
    assert "sofa" in said["3"].detail


def test_every_attempt_is_paid_and_a_chain_that_is_cut_off_is_none(taught):
    once, thrice = (
        by_document(LocalTeacher(options(taught, attempts=n, most_tokens=5)).label(PAIRS))
        for n in (1, 3)
    )

    assert once["1"].reason == "cut off"
    assert (once["1"].completion_tokens, thrice["1"].completion_tokens) == (5, 15)


def test_later_attempts_draw_other_answers_and_repeat(taught):
    """At a high temperature the pair that was learnt without a chain may get one by chance."""
    told = options(taught, attempts=3, temperature=3.0)

    found, again = (by_document(LocalTeacher(told).label(PAIRS)) for _ in range(2))

    assert found == again
    assert found["1"].reason == LEARNT[PAIRS[0]]  # the first attempt is the likeliest answer
    assert "sofa" not in found["3"].detail  # the last one was drawn


def test_batches_change_no_label(taught, said):
    apart = by_document(LocalTeacher(options(taught, batch_tokens=1)).label(PAIRS))

    for key in ("1", "2"):
        assert apart[key].reason == said[key].reason
        assert apart[key].target == pytest.approx(said[key].target, abs=1e-4)


def test_another_model_prompt_or_option_is_another_teacher(taught, tmp_path):
    import torch

    changed = load_causal(str(taught))
    with torch.no_grad():
        next(changed.model.parameters()).add_(0.01)
    changed.save(tmp_path / "teacher")
    write_form(tmp_path / "teacher", FORM)
    told = [
        LocalTeacher(options(taught)),
        LocalTeacher(options(taught), replace(FORM, longest_text=61)),
        LocalTeacher(options(taught), replace(FORM, classes=ESCI.with_gains({"S": 0.1}))),
        LocalTeacher(options(taught), ChainForm()),
        LocalTeacher(options(taught, attempts=2)),
        LocalTeacher(options(tmp_path / "teacher")),
    ]

    names = [teacher.name for teacher in told]
    assert len(set(names)) == len(names)
    assert names[0].startswith("local:teacher:chain-short-1:")
    assert names[3].startswith("local:teacher:chain-1:")
    assert LocalTeacher(options(taught)).name == names[0]


def test_without_an_attempt_there_is_nothing_to_ask(taught):
    with pytest.raises(ConfigError, match="0 attempts at a chain"):
        LocalTeacher(options(taught, attempts=0))


class ModelServer(table_server.TableServer):
    """The endpoint of the tests, with the local model in the place of its table."""

    def __init__(self, folder):
        super().__init__({})
        self.teacher = LocalTeacher(options(folder))

    def reply(self, body):
        (query,) = table_server._QUERY.findall(body["messages"][-1]["content"])
        ((_, text),) = table_server._PRODUCT.findall(body["messages"][-1]["content"])
        (said,) = self.teacher.label([Pair(query, "any", text)])
        content = said.reason if isinstance(said, Label) else said.detail
        return table_server._choice(content)


def test_behind_an_endpoint_it_says_the_same(taught, said):
    with ModelServer(taught) as server:
        asked = LlmOptions("teacher", mode="chain", prompt=FORM.prompt, concurrency=1)
        through = by_document(LlmTeacher(EndpointOptions(server.url), asked).label(PAIRS))

    for key in ("1", "2"):
        assert (through[key].grade, through[key].reason) == (said[key].grade, said[key].reason)
    assert isinstance(through["3"], Unlabelled)
