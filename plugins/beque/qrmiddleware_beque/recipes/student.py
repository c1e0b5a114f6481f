"""From a checkpoint that rewrites to the folder of a generator, which is served."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from qrmiddleware.distill.causal.models import CausalLm, load_causal
from qrmiddleware.distill.causal.rows import prompt_ids, prompt_text
from qrmiddleware.distill.exporting.describing import Stored
from qrmiddleware.distill.exporting.export import export_student
from qrmiddleware.distill.exporting.probes import LEAST, Probe, default_probes
from qrmiddleware.distill.rewriting.rewrite_form import RewriteForm, write_rewrite_form
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.generator.prompts import Prompts as ServedPrompts
from qrmiddleware.students.manifest import Inputs, Manifest, Provenance
from qrmiddleware_beque.recipes.instructions import INSTRUCTIONS, read_instructions
from qrmiddleware_beque.recipes.rewriter import Rewriter, read_rewriter, write_rewriter

PROBES: Final = 200
"""Queries on which an export is compared with its checkpoint, at most."""
_MARK: Final = "{query}"
_SAMPLE: Final = "red 42 cm sofa"
_ROOM: Final = 8
"""Tokens between what was taught and what fits, for longer rewrites."""


def export(
    work: Path,
    checkpoint: Path,
    target: Path,
    *,
    stored: Stored = "int8",
    replace: bool = False,
    licence: str = "",
    description: str = "",
    languages: Sequence[str] = (),
) -> Manifest:
    """Make a generator of a checkpoint, if it says what the checkpoint says.

    Args:
        work: Folder of the training, whose instructions are what both are asked.
        checkpoint: Of ``qrm beque sft`` or ``align``.
        target: Folder of the student.
        stored: Precision of its weights.
        replace: Whether a student that lies there gives way.
        licence: Of the weights.
        description: For people.
        languages: Codes, such as ``en``.

    Raises:
        ConfigError: If the student would be asked otherwise than the checkpoint was taught, or
            does not say what it says.
    """
    rewriter = read_rewriter(checkpoint)
    lm = load_causal(str(checkpoint))
    probes = list(islice(_probes(work), PROBES))
    inputs = inputs_of(lm, rewriter, [query for query, _ in probes])
    probes += default_probes()[: max(0, LEAST - len(probes))]
    return export_student(
        checkpoint,
        target,
        kind="generator",
        description=description,
        languages=languages,
        stored=stored,
        inputs=inputs,
        provenance=_provenance(rewriter, licence),
        probes=probes,
        replace=replace,
    )


def write_forms(folder: Path, lm: CausalLm, rewriter: Rewriter) -> None:
    """Write how a checkpoint is asked: for this recipe, and as others read it that learn from it.

    The latter is left out where what serves the checkpoint would read other tokens than it was
    taught.
    """
    write_rewriter(folder, rewriter)
    with suppress(ConfigError):
        inputs = inputs_of(lm, rewriter, [_SAMPLE])
        form = RewriteForm(inputs.prompt, inputs.max_query_tokens, inputs.max_tokens)
        write_rewrite_form(folder, form)


def inputs_of(lm: CausalLm, rewriter: Rewriter, queries: Iterable[str]) -> Inputs:
    """Say how a generator is asked, so that it reads the tokens that were taught.

    Args:
        lm: The checkpoint.
        rewriter: How it is asked.
        queries: To compare both on.

    Raises:
        ConfigError: If it would read others.
    """
    text = prompt_text(lm, rewriter.messages(_MARK))
    begin = lm.tokenizer.bos_token or ""
    if lm.tokenizer.chat_template is not None and begin:
        first = lm.tokenizer("")["input_ids"][:1]
        if first == [lm.tokenizer.bos_token_id]:  # the student's tokenizer writes it by itself
            text = text.removeprefix(begin)
    frame = len(prompt_ids(lm, rewriter.messages("")))
    inputs = Inputs(
        prompt=text,
        max_query_tokens=max(1, rewriter.prompt_tokens - frame),
        max_tokens=rewriter.prompt_tokens + rewriter.rewrite_tokens + _ROOM,
    )
    served = ServedPrompts(lm.tokenizer.backend_tokenizer, inputs)
    for query in queries:
        read = served.tokens(served.clean(query))
        if read[-1:] == (lm.tokenizer.eos_token,):
            read = read[:-1]  # as the generator does
        taught = prompt_ids(lm, rewriter.messages(served.clean(query)))
        if tuple(lm.tokenizer.convert_tokens_to_ids(list(read))) != taught:
            message = (
                f"{lm.base}: asked for {query!r}, the student would read {' '.join(read)!r}, "
                "which is not what the checkpoint was taught: give a checkpoint with another "
                "tokenizer or chat template"
            )
            raise ConfigError(message)
    return inputs


def _probes(work: Path) -> Iterator[Probe]:
    """Yield queries of the training with what was taught as their rewrite, each query once."""
    if not (work / INSTRUCTIONS).is_file():
        return
    seen: set[str] = set()
    for each in read_instructions(work):
        if each.task == "rewrite" and each.query not in seen:
            seen.add(each.query)
            yield each.query, each.answer


def _provenance(rewriter: Rewriter, licence: str) -> Provenance:
    first, last = rewriter.stages[0], rewriter.stages[-1]
    return Provenance(
        recipe="beque",
        base=first.base,
        teacher="; ".join(dict.fromkeys(stage.teacher for stage in rewriter.stages)),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=last.seed,
        data={name: told for stage in rewriter.stages for name, told in stage.data.items()},
        seen_folds=rewriter.seen_folds,
        settings={
            "stages": [
                {"command": stage.command, "base": stage.base, **stage.settings}
                for stage in rewriter.stages
            ],
            "prompts": rewriter.prompts.version,
        },
        licence=licence,
    )
