"""The runtimes, each used as its own documentation says, behind one protocol."""

import json
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from qrmiddleware_benchmarks.students.arms import CTRANSLATE2, ONNXRUNTIME, QRMIDDLEWARE, Arm
from qrmiddleware_benchmarks.students.costs import Precision
from qrmiddleware_benchmarks.students.libraries import library
from qrmiddleware_benchmarks.students.models import Model
from qrmiddleware_benchmarks.students.parity import Numbers
from qrmiddleware_benchmarks.students.shapes import Task
from qrmiddleware_benchmarks.students.workloads import NEW_TOKENS, Batch

Ids = npt.NDArray[np.int64]
_SERVING = ("engine", "settings")


class Student(Protocol):
    """A loaded model; token ids in, numbers out."""

    def answer(self, batch: Batch) -> Numbers:
        """Do the student's task.

        Returns:
            Logits (rows, labels) of a cross-encoder, unit vectors (rows, hidden) of a
            bi-encoder, or the ids (rows, NEW_TOKENS) that a generator chose greedily.
        """
        ...

    def logits(self, batch: Batch) -> Numbers:
        """Return a generator's logits for every position of the prompts."""
        ...


def load(model: Model, arm: Arm, *, device: str, workers: int, threads: int) -> Student:
    """Load a student; ``workers`` threads may ask it at the same time."""
    if arm.runtime == CTRANSLATE2:
        return CTranslate2Student(model, arm, device, workers, threads)
    if arm.runtime == ONNXRUNTIME:
        return OnnxStudent(model, arm, threads)
    if arm.runtime == QRMIDDLEWARE:
        return ServedStudent(model, arm, device)
    return TorchStudent(model, arm, device, threads)


class CTranslate2Student:
    """The model on CTranslate2, and the last layer of a cross-encoder in numpy."""

    def __init__(self, model: Model, arm: Arm, device: str, workers: int, threads: int) -> None:
        ctranslate2 = library("ctranslate2")
        self._task = model.shape.task
        stored = Precision.INT8 if arm.precision is Precision.INT8 else Precision.FLOAT32
        folder = model.ctranslate2 / stored
        kind = "Generator" if self._task is Task.GENERATOR else "Encoder"
        self._model = getattr(ctranslate2, kind)(
            str(folder),
            device=device,
            compute_type=str(arm.precision),
            inter_threads=workers,
            intra_threads=threads,
        )
        if self._task is Task.CROSS_ENCODER:
            head = np.load(model.head)
            self._weight, self._bias = head["weight"].T, head["bias"]
        if self._task is Task.GENERATOR:
            text = (folder / "vocabulary.json").read_text(encoding="utf-8")
            self._tokens: list[str] = json.loads(text)
            self._ends = [self._tokens[each] for each in model.eos_ids]

    def answer(self, batch: Batch) -> Numbers:
        """See ``Student``."""
        if self._task is Task.GENERATOR:
            return self._generated(batch)
        found = self._model.forward_batch(batch.ids, token_type_ids=batch.types)
        if self._task is Task.BI_ENCODER:
            return unit_means(np.asarray(_on_cpu(found.last_hidden_state)), batch.lengths)
        pooled: Numbers = np.asarray(_on_cpu(found.pooler_output))
        scores: Numbers = pooled @ self._weight + self._bias
        return scores

    def logits(self, batch: Batch) -> Numbers:
        """See ``Student``."""
        return np.asarray(_on_cpu(self._model.forward_batch(batch.ids)))

    def _generated(self, batch: Batch) -> Numbers:
        prompts = [[self._tokens[each] for each in ids] for ids in batch.ids]
        found = self._model.generate_batch(
            prompts,
            max_length=NEW_TOKENS,
            min_length=NEW_TOKENS,
            include_prompt_in_result=False,
            end_token=self._ends,
        )
        return np.array([each.sequences_ids[0] for each in found], dtype=np.float32)


class ServedStudent:
    """The model on the engine that serving uses, which chooses threads and batches by itself."""

    def __init__(self, model: Model, arm: Arm, device: str) -> None:
        engine, settings = (library(f"qrmiddleware.students.{name}") for name in _SERVING)
        self._row, self._crosses = engine.Row, model.shape.task is Task.CROSS_ENCODER
        self._engine = engine.EncoderEngine(
            model.ctranslate2 / arm.precision,
            "pooler" if self._crosses else "mean",
            settings.RuntimeSettings(device=device, compute_type=str(arm.precision)),
            name=model.shape.name,
        )
        if self._crosses:
            head = np.load(model.head)
            self._weight, self._bias = head["weight"].T, head["bias"]

    def answer(self, batch: Batch) -> Numbers:
        """See ``Student``."""
        pairs = zip(batch.ids, batch.types, strict=True)
        found: Numbers = self._engine.vectors([self._row(tuple(i), tuple(t)) for i, t in pairs])
        if self._crosses:
            scores: Numbers = found @ self._weight + self._bias
            return scores
        units: Numbers = found / np.linalg.norm(found, axis=1, keepdims=True)
        return units

    def logits(self, batch: Batch) -> Numbers:
        """Not asked: it generates with CTranslate2 as it is."""
        message = f"qrmiddleware's engine has no logits for {len(batch.ids)} prompts"
        raise NotImplementedError(message)


class TorchStudent:
    """The model as transformers runs it, with torch's dynamic quantisation for int8."""

    def __init__(self, model: Model, arm: Arm, device: str, threads: int) -> None:
        torch = self._torch = library("torch")
        self._task, self._device, self._threads = model.shape.task, device, threads
        self._ends = model.eos_ids
        kind = {
            Task.CROSS_ENCODER: "AutoModelForSequenceClassification",
            Task.BI_ENCODER: "AutoModel",
            Task.GENERATOR: "AutoModelForCausalLM",
        }[self._task]
        narrow = arm.precision is Precision.FLOAT16
        dtype = torch.float16 if narrow else torch.float32
        loaded = getattr(library("transformers"), kind).from_pretrained(
            model.checkpoint, dtype=dtype
        )
        loaded = loaded.eval().to(device)
        if arm.precision is Precision.INT8:
            loaded = torch.ao.quantization.quantize_dynamic(
                loaded, {torch.nn.Linear}, dtype=torch.qint8
            )
        self._model = loaded

    def answer(self, batch: Batch) -> Numbers:
        """See ``Student``."""
        with self._ready():
            if self._task is Task.GENERATOR:
                return self._generated(batch)
            ids, mask, types = map(self._tensor, padded(batch))
            outputs = self._model(input_ids=ids, attention_mask=mask, token_type_ids=types)
            if self._task is Task.CROSS_ENCODER:
                return self._numbers(outputs.logits)
            sums = (outputs.last_hidden_state * mask[:, :, None]).sum(1)
            return self._numbers(self._torch.nn.functional.normalize(sums))

    def logits(self, batch: Batch) -> Numbers:
        """See ``Student``."""
        with self._ready():
            ids = self._tensor(np.array(batch.ids, dtype=np.int64))
            return self._numbers(self._model(input_ids=ids).logits)

    def _ready(self) -> Any:  # noqa: ANN401 - a context manager of torch
        """Set the threads, which torch keeps for every calling thread by itself."""
        if self._torch.get_num_threads() != self._threads:
            self._torch.set_num_threads(self._threads)
        return self._torch.inference_mode()

    def _generated(self, batch: Batch) -> Numbers:
        """Take the likeliest token, again and again; less work than transformers' own loop."""
        ids, past, chosen = self._tensor(np.array(batch.ids, dtype=np.int64)), None, []
        for _ in range(NEW_TOKENS):
            outputs = self._model(
                input_ids=ids, past_key_values=past, use_cache=True, logits_to_keep=1
            )
            past, last = outputs.past_key_values, outputs.logits[:, -1]
            last[:, self._ends] = float("-inf")
            ids = last.argmax(-1, keepdim=True)
            chosen.append(ids)
        return self._numbers(self._torch.cat(chosen, 1))

    def _tensor(self, array: Ids) -> Any:  # noqa: ANN401 - torch's
        return self._torch.from_numpy(array).to(self._device)

    def _numbers(self, tensor: Any) -> Numbers:  # noqa: ANN401 - torch's
        found: Numbers = tensor.float().cpu().numpy()
        return found


class OnnxStudent:
    """The exported graph on ONNX Runtime's default provider for processors."""

    def __init__(self, model: Model, arm: Arm, threads: int) -> None:
        onnxruntime = library("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._task = model.shape.task
        self._session = onnxruntime.InferenceSession(
            model.onnx / f"{arm.precision}.onnx", options, providers=["CPUExecutionProvider"]
        )

    def answer(self, batch: Batch) -> Numbers:
        """See ``Student``."""
        ids, mask, types = padded(batch)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        outputs: Numbers = self._session.run(None, inputs)[0]
        return unit_means(outputs, batch.lengths) if self._task is Task.BI_ENCODER else outputs

    def logits(self, batch: Batch) -> Numbers:
        """Not asked: ONNX Runtime generates with another library."""
        message = f"ONNX Runtime has no logits for {len(batch.ids)} prompts"
        raise NotImplementedError(message)


def padded(batch: Batch) -> tuple[Ids, Ids, Ids]:
    """Pad a batch with zeros to its longest row; returns ids, mask and types."""
    lengths = batch.lengths
    size = (len(lengths), max(lengths))
    ids, mask, types = (np.zeros(size, dtype=np.int64) for _ in range(3))
    for row, length in enumerate(lengths):
        ids[row, :length] = batch.ids[row]
        mask[row, :length] = 1
        types[row, :length] = batch.types[row]
    return ids, mask, types


def unit_means(hidden: Numbers, lengths: Sequence[int]) -> Numbers:
    """Average the hidden states of a row's own tokens, and scale to length 1.

    Args:
        hidden: Shape (rows, longest, width).
        lengths: Of the rows; what lies beyond is padding.
    """
    mask = np.arange(hidden.shape[1]) < np.asarray(lengths)[:, None]
    sums = np.einsum("rtw,rt->rw", hidden, mask.astype(np.float32))
    found: Numbers = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return found


def _on_cpu(view: Any) -> Any:  # noqa: ANN401 - CTranslate2's
    return view.to_device(library("ctranslate2").Device.cpu) if view.device == "cuda" else view
