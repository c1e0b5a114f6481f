"""A BERT as ONNX graphs, in float32 and dynamically quantised to int8."""

import warnings
from pathlib import Path

from qrmiddleware_benchmarks.students.libraries import library
from qrmiddleware_benchmarks.students.shapes import Shape, Task

_INPUTS = ["input_ids", "attention_mask", "token_type_ids"]
_OPSET = 17


def export_onnx(checkpoint: Path, folder: Path, shape: Shape) -> None:
    """Write ``float32.onnx`` and ``int8.onnx``; both take rows and tokens of any number.

    The output of a cross-encoder is its logits, that of a bi-encoder the last hidden states.
    The exporter that traces is used: of the two that torch has, the graph it writes was the
    faster one here. ONNX Runtime's offline fusions made the graphs slower here, so the ones of
    session start are all.
    """
    torch = library("torch")
    folder.mkdir(parents=True, exist_ok=True)
    plain = folder / "float32.onnx"
    lengths = torch.tensor([12, 7, 9])
    mask = (torch.arange(12) < lengths[:, None]).long()
    ids = torch.randint(5, shape.vocabulary, mask.shape) * mask
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter is deprecated, and tells so three times
        torch.onnx.export(
            _positional(checkpoint, shape),
            (ids, mask, torch.zeros_like(ids)),
            plain,
            input_names=_INPUTS,
            output_names=["outputs"],
            dynamic_axes={name: {0: "rows", 1: "tokens"} for name in _INPUTS},
            opset_version=_OPSET,
            dynamo=False,
        )
    quantization = library("onnxruntime.quantization")
    quantization.quantize_dynamic(
        plain, folder / "int8.onnx", weight_type=quantization.QuantType.QInt8, per_channel=True
    )


def _positional(checkpoint: Path, shape: Shape) -> object:
    """Load the model as a module that takes the inputs in order and returns one tensor."""
    torch, transformers = library("torch"), library("transformers")
    classifies = shape.task is Task.CROSS_ENCODER
    kind = "BertForSequenceClassification" if classifies else "BertModel"
    model = getattr(transformers, kind).from_pretrained(checkpoint, attn_implementation="eager")

    class Positional(torch.nn.Module):  # type: ignore[name-defined,misc] # imported lazily
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: object, mask: object, types: object) -> object:
            outputs = self.model(input_ids=ids, attention_mask=mask, token_type_ids=types)
            return outputs.logits if classifies else outputs.last_hidden_state

    return Positional().eval()
