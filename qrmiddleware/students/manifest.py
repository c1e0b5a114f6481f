"""``student.json``: what a student's folder holds, and where it comes from."""

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, model_validator

MANIFEST_FILE: Final = "student.json"
TOKENIZER_FILE: Final = "tokenizer.json"
HEAD_FILE: Final = "head.safetensors"
MODEL_FOLDER: Final = "model"
"""Holds what CTranslate2 reads."""

Kind = Literal["cross_encoder", "bi_encoder", "generator"]
Pooling = Literal["pooler", "first", "mean"]
Share = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Inputs(_Part):
    """What the student was trained to read."""

    fields: Annotated[tuple[str, ...], Field(min_length=1)] = ("title",)
    """Fields of a hit whose values make its text, in order, joined by a blank."""
    max_query_tokens: Annotated[int, Field(ge=1)] = 32
    """A query's tokens beyond are cut off."""
    max_tokens: Annotated[int, Field(ge=4, le=1_000_000)] = 128
    """Of a whole input, special tokens included; a text is cut to what the query leaves."""
    token_types: bool = False
    """The model tells query and text apart by token types, as BERT does."""
    lowercase: bool = False
    """Informative: the tokenizer lower-cases by itself."""
    prompt: str = "{query}"
    """A generator's input; ``{query}`` stands for the query."""
    query_prefix: str = ""
    """What a bi-encoder reads before a query, such as E5's ``query: ``; no query token is lost."""
    text_prefix: str = ""
    """What a bi-encoder reads before a text, such as E5's ``passage: ``."""


class Architecture(_Part):
    """The network."""

    family: str
    """``model_type`` of the checkpoint, such as ``bert`` or ``qwen3``."""
    layers: int
    hidden: int
    vocabulary: int
    parameters: int
    encoder_decoder: bool = False
    pooling: Pooling | None = None
    """How an encoder's token vectors become one; ``pooler`` is BERT's tanh layer over the first."""


class Calibration(_Part):
    """Turns a single logit into the share of relevant hits: sigmoid(slope · logit + intercept)."""

    slope: FiniteFloat = 1.0
    intercept: FiniteFloat = 0.0


class Provenance(_Part):
    """Where the weights come from."""

    recipe: str = ""
    """Such as ``walmart_kd``; empty for a checkpoint that was only exported."""
    base: str = ""
    """Checkpoint that training began with, or ``scratch``."""
    teacher: str = ""
    created: str = ""
    """ISO 8601, UTC."""
    seed: int | None = None
    data: dict[str, Sha256] = {}
    """SHA-256 of the training files by name."""
    seen_folds: tuple[int, ...] = ()
    """Folds of the judged queries that training saw; evaluating on these is a leak."""
    settings: dict[str, JsonValue] = {}
    """What the recipe was told."""
    licence: str = ""
    notes: str = ""


class Parity(_Part):
    """How the export compares with the checkpoint in float32 torch, on probes."""

    probes: int
    float32_difference: float
    """Largest absolute difference of the float32 conversion, in logits or log-probabilities."""
    correlation: float | None = None
    """Spearman's, of the quantised scores; or the mean cosine of vectors."""
    equal_outputs: float | None = None
    """Share of equal greedy outputs of a quantised generator."""
    equal_verdicts: float | None = None
    """Share of equal verdicts on aspects, of the quantised student."""


class Manifest(_Part):
    """The whole of ``student.json``."""

    schema_version: Literal[1] = 1
    kind: Kind
    name: str
    description: str = ""
    languages: tuple[str, ...] = ()
    architecture: Architecture
    stored: Literal["float32", "float16", "int8", "int8_float16"] = "int8"
    """Precision of the stored weights; what they are computed in is chosen at load."""
    inputs: Inputs = Inputs()
    labels: tuple[str, ...] = ()
    """Classes of a cross-encoder in the order of its logits; empty for a single logit."""
    gains: tuple[Share, ...] = ()
    """What each class is worth, 0..1; a score is the sum over classes of probability x gain."""
    calibration: Calibration | None = None
    """Of a single logit; ``None`` where it was never measured."""
    aspects: tuple[str, ...] = ()
    """What a cross-encoder can say why of, such as category, brand; empty if it cannot."""
    verdicts: tuple[str, ...] = ()
    """What it can say of each aspect, such as match, mismatch, unspecified."""
    provenance: Provenance = Provenance()
    quality: dict[str, FiniteFloat] = {}
    """Measured figures by name, such as ``nDCG@10``; of data that training did not see."""
    parity: Parity | None = None
    """``None`` for folders that were not made by an export."""
    files: dict[str, Sha256]
    """SHA-256 of every other file of the folder, by relative path with ``/``."""

    @model_validator(mode="after")
    def _classes_fit(self) -> Self:
        if len(self.labels) != len(self.gains):
            message = f"{len(self.labels)} labels have {len(self.gains)} gains: one each"
            raise ValueError(message)
        if self.labels and self.kind != "cross_encoder":
            message = f"a {self.kind} has no labels; a cross_encoder has"
            raise ValueError(message)
        if problem := self._aspect_problem():
            raise ValueError(problem)
        if self.kind != "bi_encoder" and (self.inputs.query_prefix or self.inputs.text_prefix):
            message = f"a {self.kind} has no query_prefix or text_prefix; a bi_encoder has"
            raise ValueError(message)
        if self.kind != "generator" and self.architecture.pooling is None:
            message = f"a {self.kind} needs architecture.pooling"
            raise ValueError(message)
        return self

    def _aspect_problem(self) -> str:
        """Say why verdicts on aspects cannot be as they are named; empty if nothing is wrong."""
        aspects, verdicts = self.aspects, self.verdicts
        if not aspects and not verdicts:
            return ""
        if self.kind != "cross_encoder":
            return f"a {self.kind} has no aspects and verdicts; a cross_encoder has"
        if not aspects or len(verdicts) < 2:  # noqa: PLR2004 one verdict says nothing
            return (
                f"there are {len(aspects)} aspects and {len(verdicts)} verdicts: name at least one "
                "aspect and two verdicts, or neither"
            )
        for what, names in (("aspects", aspects), ("verdicts", verdicts)):
            if len(set(names)) < len(names) or not all(names):
                return f"{what} are {', '.join(names)}: each needs a name of its own"
        return ""
