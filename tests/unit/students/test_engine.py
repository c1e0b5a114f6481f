import gc
import sys
import warnings
from concurrent.futures import CancelledError, ThreadPoolExecutor
from threading import Event
from threading import enumerate as running_threads
from types import SimpleNamespace

import numpy as np
import pytest

from qrmiddleware.errors import ConfigError, OverloadError
from qrmiddleware.students.engine import EncoderEngine, Row
from qrmiddleware.students.settings import RuntimeSettings

PATIENCE_S = 20
POISON = 39
TWO = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=2, intra_threads=1)
ONE = TWO.model_copy(update={"inter_threads": 1})


def row(*ids):
    return Row(ids, (0,) * len(ids))


@pytest.fixture
def engine(encoder_folder):
    made = EncoderEngine(encoder_folder, "pooler", TWO, name="margin")
    yield made
    made.close()


class View(np.ndarray):
    """What CTranslate2 returns, as far as it is used."""

    device = "cpu"


class FakeCTranslate2:
    """CTranslate2 on a machine with GPUs, whose models sum tokens and halt and fail as told.

    Attributes:
        asked: Rows of every batch, with the device.
        failure: Raised by a device, by its name.
        gate: Where it is set, batches with the token ``GATED`` wait for it.
    """

    GATED = 7

    def __init__(self, *, gpus=0):
        self.gpus, self.asked, self.failure = gpus, [], {}
        self.gate, self.entered = Event(), Event()
        self.Device = SimpleNamespace(cpu="cpu")
        self.loaded = []

    def get_cuda_device_count(self):
        return self.gpus

    def get_supported_compute_types(self, device, index=0):
        return {"float32", "int8"} | ({"int8_float16"} if device == "cuda" else set())

    def Encoder(self, folder, **options):  # noqa: N802 - CTranslate2's name
        self.loaded.append(options)

        def forward_batch(ids, token_type_ids):
            if any(self.GATED in each for each in ids):
                self.entered.set()
                assert self.gate.wait(PATIENCE_S)
            if error := self.failure.get(options["device"]):
                raise error
            self.asked.append((options["device"], ids))
            sums = [np.nan if POISON in each else sum(each) for each in ids]
            states = np.array(sums, dtype=np.float32).reshape(-1, 1, 1).view(View)
            return SimpleNamespace(last_hidden_state=states, pooler_output=None)

        return SimpleNamespace(forward_batch=forward_batch)


@pytest.fixture
def fake(monkeypatch, encoder_folder):
    """Make engines on a fake CTranslate2; their vectors are sums of tokens."""
    opened = []

    def make(settings=ONE, **machine):
        runtime = FakeCTranslate2(**machine)
        monkeypatch.setitem(sys.modules, "ctranslate2", runtime)
        opened.append((EncoderEngine(encoder_folder, "first", settings, name="sums"), runtime))
        return opened[-1]

    yield make
    for engine, runtime in opened:
        runtime.gate.set()
        engine.close()


@pytest.fixture
def pool():
    with ThreadPoolExecutor(16) as threads:
        yield threads


def gated_call(engine, runtime, pool):
    """Keep the one worker busy until the gate opens."""
    future = pool.submit(engine.vectors, [row(FakeCTranslate2.GATED)])
    assert runtime.entered.wait(PATIENCE_S)
    return future


def until_waiting(engine, rows):
    """Wait for callers in other threads to have lined up."""
    pause = Event()
    while engine.status().counts.waiting < rows:
        pause.wait(0.001)


def test_vectors_come_in_the_order_of_the_rows(engine):
    rows = [row(*range(1, 2 + number % 9)) for number in range(30)]

    found = engine.vectors(rows)

    alone = [engine.vectors([each])[0] for each in rows]
    np.testing.assert_allclose(found, alone, atol=1e-5)
    assert (found.shape, found.dtype) == ((30, 8), np.float32)


def test_callers_of_many_threads_get_their_own_vectors(engine, pool):
    calls = [
        [row(1 + number % 30, *range(1, 1 + place)) for place in range(9)] for number in range(48)
    ]

    found = list(pool.map(engine.vectors, calls))

    for rows, vectors in zip(calls, found, strict=True):
        np.testing.assert_allclose(vectors, engine.vectors(rows), atol=1e-5)


def test_no_rows_have_no_vectors(engine):
    assert engine.vectors([]).shape == (0, 8)


def test_rows_that_would_crash_the_model_are_refused(engine):
    with pytest.raises(ValueError, match="row 0 has token 40; the model knows 0 to 39"):
        engine.vectors([row(40)])


def test_numbers_that_are_not_finite_fail_their_caller_by_the_students_name(engine):
    message = "student margin: 1 of 1 vectors are not finite numbers"

    with pytest.raises(ValueError, match=message):
        engine.vectors([row(POISON, 3)])


def test_a_caller_that_shares_a_batch_with_broken_numbers_gets_its_vectors(fake, pool):
    engine, runtime = fake()
    gated_call(engine, runtime, pool)
    broken = pool.submit(engine.vectors, [row(POISON)])
    until_waiting(engine, 1)
    fine = pool.submit(engine.vectors, [row(2)])
    until_waiting(engine, 2)

    runtime.gate.set()

    assert fine.result().item() == 2
    with pytest.raises(ValueError, match="student sums: 1 of 1 vectors are not finite"):
        broken.result()
    assert runtime.asked[-1] == ("cpu", [(POISON,), (2,)]), "both in one batch"


def test_a_row_that_the_model_cannot_read_fails_its_caller_alone(engine, pool):
    rows = [row(*[1] * 33)]
    calls = [rows, [row(2)], rows, [row(3)], [row(4)], rows]

    futures = [pool.submit(engine.vectors, each) for each in calls]

    for future, call in zip(futures, calls, strict=True):
        if call is rows:
            with pytest.raises(RuntimeError, match="student margin: No position encodings"):
                future.result()
        else:
            assert future.result().shape == (1, 8)


def test_a_batch_of_several_callers_that_fails_is_computed_for_each_alone(fake, pool, monkeypatch):
    engine, runtime = fake()
    busy = gated_call(engine, runtime, pool)
    futures = [pool.submit(engine.vectors, [row(token)]) for token in (1, 2)]
    until_waiting(engine, 2)
    runtime.failure["cpu"] = RuntimeError("out of memory")
    encoder = engine._crew.encoder
    compute = encoder.vectors

    def vectors(rows):
        if len(rows) == 1:
            runtime.failure.clear()
        return compute(rows)

    monkeypatch.setattr(encoder, "vectors", vectors)
    runtime.gate.set()

    assert [future.result().item() for future in futures] == [1, 2]
    with pytest.raises(RuntimeError, match="student sums: out of memory"):
        busy.result()


def test_too_many_waiting_rows_are_refused_at_once(fake, pool):
    engine, runtime = fake(ONE.model_copy(update={"max_waiting": 2}))
    gated_call(engine, runtime, pool)
    waits = pool.submit(engine.vectors, [row(1), row(2)])
    until_waiting(engine, 2)

    with pytest.raises(OverloadError, match="2 rows wait for the student"):
        engine.vectors([row(3)])

    runtime.gate.set()
    assert waits.result()[:, 0].tolist() == [1, 2]
    assert engine.status().counts.refused == 1


def test_rows_of_a_search_that_gave_up_are_never_computed(fake, pool):
    engine, runtime = fake()
    gated_call(engine, runtime, pool)
    gone = pool.submit(engine.vectors, [row(3)], wanted=lambda: False)
    until_waiting(engine, 1)

    runtime.gate.set()

    with pytest.raises(CancelledError):
        gone.result()
    assert engine.vectors([row(4)]).item() == 4
    assert not any((3,) in ids for _, ids in runtime.asked)
    assert engine.status().counts.cancelled == 1


def test_closing_cancels_who_waits_finishes_what_runs_and_ends_the_threads(fake, pool):
    engine, runtime = fake()
    runs = gated_call(engine, runtime, pool)
    waits = pool.submit(engine.vectors, [row(1)])
    until_waiting(engine, 1)

    closing = pool.submit(engine.close)

    with pytest.raises(CancelledError):
        waits.result(PATIENCE_S)
    runtime.gate.set()
    closing.result(PATIENCE_S)
    assert runs.result().item() == 7
    assert not any(thread.name == "student sums" for thread in running_threads())
    with pytest.raises(RuntimeError, match="the student is closed"):
        engine.vectors([row(1)])
    engine.close()


def test_an_engine_that_nobody_holds_ends_its_threads(encoder_folder):
    engine = EncoderEngine(encoder_folder, "mean", ONE, name="forgotten")
    assert any(thread.name == "student forgotten" for thread in running_threads())

    del engine
    gc.collect()

    assert not any(thread.name == "student forgotten" for thread in running_threads())


def test_a_thread_of_the_engine_that_collects_it_does_not_wait_for_itself(fake, pool):
    engine, _ = fake(ONE)
    ended = Event()

    def ends_it():
        engine.close()
        ended.set()
        return True

    with pytest.raises(CancelledError):
        engine.vectors([row(1)], wanted=ends_it)

    assert ended.wait(PATIENCE_S)


def test_threads_are_chosen_by_measurement_where_none_are_set(encoder_folder):
    engine = EncoderEngine(encoder_folder, "first", RuntimeSettings(device="cpu"))

    team = engine.status().team
    engine.close()

    assert team.workers * team.threads >= 1


def test_several_gpus_have_workers_each(fake):
    settings = RuntimeSettings(device="cuda", device_indexes=(0, 1), inter_threads=2)

    engine, runtime = fake(settings, gpus=2)

    assert engine.vectors([row(1, 2)]).item() == 3
    assert str(engine.status().place) == "cuda 0,1, int8_float16"
    (options,) = runtime.loaded
    assert (options["device_index"], options["inter_threads"]) == ([0, 1], 2)
    assert sum(thread.name == "student sums" for thread in running_threads()) == 4


def test_a_gpu_that_does_not_work_at_start_is_left_with_a_warning_that_says_why(
    monkeypatch, encoder_folder
):
    runtime = FakeCTranslate2(gpus=1)
    runtime.failure["cuda"] = RuntimeError("Library libcublas.so.12 is not found")
    monkeypatch.setitem(sys.modules, "ctranslate2", runtime)

    with pytest.warns(RuntimeWarning, match=r"on the CPU: .*libcublas.* nvidia-cublas-cu12"):
        engine = EncoderEngine(encoder_folder, "first", RuntimeSettings(inter_threads=1))

    assert engine.vectors([row(1, 2)]).item() == 3
    assert (engine.status().place.device, engine.status().gpu_failures) == ("cpu", 1)
    engine.close()


def test_a_gpu_that_disappears_fails_that_call_and_the_next_runs_on_the_cpu(fake):
    engine, runtime = fake(RuntimeSettings(device="cuda", inter_threads=1), gpus=1)
    assert engine.vectors([row(1)]).item() == 1
    runtime.failure["cuda"] = RuntimeError("CUDA failed with error unspecified launch failure")

    with (
        pytest.warns(RuntimeWarning, match="on the CPU: CUDA failed"),
        pytest.raises(RuntimeError, match=r"student sums: the GPU failed .* on the CPU from now"),
    ):
        engine.vectors([row(1)])

    assert engine.vectors([row(5)]).item() == 5
    assert (engine.status().place.device, engine.status().gpu_failures) == ("cpu", 1)


def test_a_gpu_that_is_full_fails_the_call_and_is_kept(fake):
    engine, runtime = fake(RuntimeSettings(device="cuda"), gpus=1)
    runtime.failure["cuda"] = RuntimeError("CUDA failed with error out of memory")

    with pytest.raises(RuntimeError, match="student sums: CUDA failed with error out of memory"):
        engine.vectors([row(1)])

    runtime.failure.clear()
    assert engine.vectors([row(5)]).item() == 5
    assert engine.status().place.device == "cuda"


def test_a_machine_on_which_nothing_works_any_more_says_so_and_keeps_its_threads(fake):
    engine, runtime = fake(RuntimeSettings(device="cuda", inter_threads=1), gpus=1)
    runtime.failure.update(cuda=RuntimeError("CUDA failed"), cpu=RuntimeError("no memory"))

    for _ in range(2):
        with pytest.raises(
            RuntimeError, match=r"CUDA failed.*; nor does the CPU work: .*no memory"
        ):
            engine.vectors([row(1)])

    runtime.failure.clear()
    assert engine.vectors([row(1)]).item() == 1


@pytest.mark.parametrize("text", ["{", "3", None])
def test_a_folder_without_a_vocabulary_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "vocabulary.json").write_text(text)

    with pytest.raises(ConfigError, match=r"vocabulary\.json is no list of tokens"):
        EncoderEngine(tmp_path, "mean", TWO)


def test_a_model_that_ctranslate2_refuses_is_a_configuration_error(tmp_path):
    (tmp_path / "vocabulary.json").write_text("[]")
    (tmp_path / "model.bin").write_bytes(b"\0" * 64)

    with pytest.raises(ConfigError, match="CTranslate2 can not read its model"):
        EncoderEngine(tmp_path, "mean", TWO)


def test_opening_on_a_cpu_warns_of_nothing(encoder_folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        EncoderEngine(encoder_folder, "mean", ONE).close()
