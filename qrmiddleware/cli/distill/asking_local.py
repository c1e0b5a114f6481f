"""``qrm label local``: a language model on this machine labels pairs."""

from pathlib import Path
from typing import Annotated

import typer

from qrmiddleware.cli.distill.asking_models import (
    DeviceChoice,
    DeviceOption,
    PrecisionChoice,
    PrecisionOption,
)
from qrmiddleware.cli.distill.labelling import (
    FailureLimitOption,
    GainOption,
    LabelsOption,
    PairsArgument,
    labels_file,
    run_teacher,
)
from qrmiddleware.distill.classes import read_gains
from qrmiddleware.distill.teachers.chain_form import ChainForm, read_form
from qrmiddleware.distill.teachers.prompt import load_prompt


def label_by_local(
    pairs: PairsArgument,
    model: Annotated[
        str, typer.Option(help="Folder of a language model's checkpoint, or its name at the hub.")
    ],
    labels: LabelsOption = None,
    gain: GainOption = None,
    prompt: Annotated[
        str, typer.Option(help="Another prompt than the checkpoint was taught with.")
    ] = "",
    attempts: Annotated[
        int, typer.Option(min=1, help="At a chain; the first is the likeliest answer.")
    ] = 3,
    temperature: Annotated[
        float, typer.Option(min=0.01, help="At which the others are drawn.")
    ] = 0.3,
    chain_tokens: Annotated[int, typer.Option(min=16, help="Of a chain at most.")] = 160,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
    device: DeviceOption = DeviceChoice.AUTO,
    precision: PrecisionOption = PrecisionChoice.AUTO,
    batch_tokens: Annotated[
        int, typer.Option(min=16, help="Tokens of a batch, padding and answers included.")
    ] = 16384,
    failure_limit: FailureLimitOption = 0.2,
) -> None:
    """Label pairs with a language model on this machine, which writes its reasons.

    A label has the class that the chain concludes, the chain, and the probability of every class
    where the conclusion stands. `qrm crsd sft` and `qrm ellm-rele sft` make such models; any other
    is asked with the packaged prompt. Needs the extra `distill`.

    Examples:

        qrm label local ./work/pairs.jsonl --model ./work/preferred --out ./work/llm.labels.jsonl

        qrm label local pairs.jsonl --model Qwen/Qwen3-4B --device cuda
    """
    from qrmiddleware.distill.teachers.local import (  # noqa: PLC0415 loads tokenizers
        LocalOptions,
        LocalTeacher,
    )

    options = LocalOptions(
        model,
        attempts,
        temperature,
        chain_tokens,
        seed,
        device.value,
        precision.value,
        batch_tokens,
    )
    form = read_form(model) or ChainForm()
    if prompt:
        form = ChainForm(load_prompt(Path(prompt), chain=True), form.classes, form.longest_text)
    classes = form.classes.with_gains(read_gains(gain or ()))
    teacher = LocalTeacher(options, ChainForm(form.prompt, classes, form.longest_text))
    run_teacher(teacher, pairs, labels_file(pairs, labels), failure_limit)
