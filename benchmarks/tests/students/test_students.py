"""With the real libraries: models made, converted, exported, and run to the same answers."""

import json

import pytest

from qrmiddleware_benchmarks.students.arms import REFERENCE, Plan, arms_on, can_run, plans
from qrmiddleware_benchmarks.students.costs import Precision, parameters
from qrmiddleware_benchmarks.students.errors import StudentsError
from qrmiddleware_benchmarks.students.libraries import library, need_libraries
from qrmiddleware_benchmarks.students.models import prepare, read_shape
from qrmiddleware_benchmarks.students.parity import agreement
from qrmiddleware_benchmarks.students.runtimes import load
from qrmiddleware_benchmarks.students.shapes import TINY, Task
from qrmiddleware_benchmarks.students.worker import Worker
from qrmiddleware_benchmarks.students.workloads import NEW_TOKENS, Workload, draw_batch

pytestmark = [
    pytest.mark.students,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore"),  # the libraries' own
]
WHOLE = Plan(1, 1, 1)


@pytest.fixture(scope="module", params=TINY, ids=lambda shape: shape.task)
def model(request, tmp_path_factory):
    try:
        need_libraries()
    except StudentsError as error:
        pytest.skip(str(error))
    return prepare(request.param, tmp_path_factory.mktemp("model"), None, 0)


@pytest.fixture
def batch(model):
    return draw_batch(model.shape, Workload(40, 12), seed=0)


def answers(model, arm, batch, plan):
    worker = Worker(arm, "cpu")
    worker.open(model)
    method = worker.logits if model.shape.task is Task.GENERATOR else worker.answer
    return method(batch, plan)


@pytest.mark.parametrize("arm", arms_on("cpu"), ids=str)
@pytest.mark.parametrize("plan", plans(40, 2), ids=str)
def test_every_runtime_answers_like_torch_however_the_batch_is_cut(model, batch, arm, plan):
    if not can_run(arm, model.shape.task):
        pytest.skip("ONNX Runtime does not generate")
    reference = answers(model, REFERENCE, batch, WHOLE)

    found = agreement(str(arm), arm.precision, answers(model, arm, batch, plan), reference)

    assert arm.precision is Precision.INT8 or found.difference < 1e-4
    assert found.correlation > 0.95


def test_generators_choose_the_same_tokens_and_never_the_end(model, batch):
    if model.shape.task is not Task.GENERATOR:
        pytest.skip("encoders do not generate")
    exact = [arm for arm in arms_on("cpu") if str(arm) in {"ctranslate2 float32", str(REFERENCE)}]
    converted, torch = (
        load(model, arm, device="cpu", workers=1, threads=1).answer(batch) for arm in exact
    )

    assert torch.shape == (40, NEW_TOKENS)
    assert (converted == torch).all()
    assert not set(model.eos_ids) & set(torch.ravel().astype(int).tolist())


def test_a_made_checkpoint_reads_back_with_its_shape(model):
    read = read_shape(model.checkpoint)

    assert {field: getattr(read, field) for field in ("task", "layers", "hidden", "labels")} == {
        field: getattr(model.shape, field) for field in ("task", "layers", "hidden", "labels")
    }


def test_parameters_are_those_that_torch_counts_in_matrices(model):
    loaded = library("transformers").AutoModel.from_pretrained(model.checkpoint)
    counted = sum(each.numel() for each in loaded.parameters() if each.dim() == 2)

    # The embeddings of positions and types, the pooler, and the head, which AutoModel lacks.
    hidden = model.shape.hidden
    extra = 0 if model.shape.task is Task.GENERATOR else (512 + 2 + hidden) * hidden
    head = (hidden + 1) * hidden if model.shape.task is Task.CROSS_ENCODER else 0
    assert counted - extra == parameters(model.shape) - head


def test_an_old_checkpoint_without_the_key_that_the_converter_asks_for_converts(model, tmp_path):
    config = json.loads((model.checkpoint / "config.json").read_text())
    assert "position_embedding_type" not in config

    again = prepare(model.shape, tmp_path, model.checkpoint, 0)

    assert (again.ctranslate2 / "int8" / "model.bin").is_file()


def test_a_checkpoint_whose_weights_are_broken_is_an_error_naming_it(model, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in model.checkpoint.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    (broken / "model.safetensors").write_bytes(b"nothing")

    with pytest.raises(StudentsError, match=f"{model.shape.name} cannot be converted: "):
        prepare(model.shape, tmp_path / "out", broken, 0)
