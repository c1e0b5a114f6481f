"""Candidates: the rewrites that a model proposes, for an engine to tell which find more.

Source: BEQUE, arXiv:2311.03758: by beam search from the fine-tuned model, five of each query.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

import msgspec

from qrmiddleware.asking.growing_file import GrowingFile
from qrmiddleware.distill.causal.generation import Decoding, respond
from qrmiddleware.distill.causal.models import CausalLm, load_causal
from qrmiddleware.distill.causal.rows import TokenRow, prompt_ids
from qrmiddleware.distill.causal.scoring import log_probabilities
from qrmiddleware.distill.rewriting.row_files import read_rows
from qrmiddleware.distill.rewriting.rows import Candidate, CandidateSet
from qrmiddleware.distill.weights import add_files
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.generator import DecodingOptions, Generator
from qrmiddleware.students.generator.texts import normalised
from qrmiddleware.students.manifest import MANIFEST_FILE
from qrmiddleware_beque.recipes.rewriter import Rewriter, read_rewriter

_GROUP: Final = 16
"""Queries that are answered together, always the same ones: padding may tip a balance."""
_BUDGET: Final = 16384
"""Tokens of a pass, padding and rewrites included."""
_STUDENT_TOKENS: Final = 32
_MOST: Final = 64
"""Rewrites that a student writes of one query."""


@dataclass(frozen=True, slots=True)
class Proposing:
    """How candidates are found.

    Attributes:
        count: Candidates of a query at most.
        spare: So many times as many are written, since repeats and echoes are left out.
        temperature: At which they are drawn; 0 takes the likeliest of a beam search.
        seed: Of the draws.
        tokens: Of a rewrite at most; as long as a checkpoint was taught, or 32, if ``None``.
    """

    count: int = 5
    spare: int = 2
    temperature: float = 0.0
    seed: int = 0
    tokens: int | None = None

    @property
    def written(self) -> int:
        """How many are written for each query."""
        return min(self.count * self.spare, _MOST)


class Proposer(Protocol):
    """Proposes rewrites."""

    @property
    def by(self) -> str:
        """Name and hash of the model, and how it proposes."""

    def propose(self, queries: Sequence[str]) -> list[list[Candidate]]:
        """Return what is written for each query: repeats and echoes may be among it."""


class CheckpointProposer:
    """A checkpoint of ``qrm beque sft`` or ``align``.

    Args:
        folder: Of the checkpoint.
        proposing: How candidates are found.
        device: That computes, such as ``cuda``.

    Raises:
        ConfigError: If it is none, or was not taught to rewrite.
    """

    def __init__(self, folder: Path, proposing: Proposing, *, device: str = "cpu") -> None:
        self._rewriter: Rewriter = read_rewriter(folder)
        self._lm: CausalLm = load_causal(str(folder))
        self._lm.model.to(device)
        self._decoding = Decoding(
            proposing.tokens or self._rewriter.rewrite_tokens,
            proposing.temperature,
            samples=proposing.written,
            seed=proposing.seed,
            beams=0 if proposing.temperature else proposing.written,
        )
        told = sha256(repr(self._decoding).encode())
        add_files(told, folder)
        self.by = f"{folder.resolve().name}:{told.hexdigest()[:8]}"

    def propose(self, queries: Sequence[str]) -> list[list[Candidate]]:
        """Write rewrites; what was cut off is left out, for it ends in the middle of a word."""
        prompts = [prompt_ids(self._lm, self._rewriter.messages(query)) for query in queries]
        said = respond(self._lm, prompts, self._decoding, budget=_BUDGET)
        whole = [[each for each in group if each.ended] for group in said]
        rows = [
            TokenRow((*prompt, *each.ids), len(prompt))
            for prompt, group in zip(prompts, whole, strict=True)
            for each in group
        ]
        likely = iter(log_probabilities(self._lm, rows, budget=_BUDGET, normalised=True))
        return [
            [Candidate(text=each.text, log_probability=next(likely)) for each in group]
            for group in whole
        ]


class StudentProposer:
    """A student that is served: a generator's folder.

    Args:
        folder: Of the student.
        proposing: How candidates are found.
    """

    def __init__(self, folder: Path, proposing: Proposing) -> None:
        self._student = Generator.open(folder)
        written = proposing.written
        self._options = DecodingOptions(
            n=written,
            beams=written,
            method="sampling" if proposing.temperature else "beams",
            temperature=proposing.temperature or 1.0,
            seed=proposing.seed,
            max_new_tokens=proposing.tokens or _STUDENT_TOKENS,
        )
        files = json.dumps(dict(self._student.manifest.files), sort_keys=True)
        told = sha256(f"{self._options!r} {files}".encode())
        self.by = f"{self._student.manifest.name}:{told.hexdigest()[:8]}"

    def propose(self, queries: Sequence[str]) -> list[list[Candidate]]:
        """Write rewrites."""
        return [
            [
                Candidate(text=each.text, log_probability=each.log_probability)
                for each in self._student.generate(query, self._options)
            ]
            for query in queries
        ]

    def close(self) -> None:
        """Free the model."""
        self._student.close()


@contextmanager
def proposer_in(folder: Path, proposing: Proposing, *, device: str = "cpu") -> Iterator[Proposer]:
    """Open a checkpoint or a student, whichever lies there.

    Raises:
        ConfigError: If neither does.
    """
    if not (folder / MANIFEST_FILE).is_file():
        yield CheckpointProposer(folder, proposing, device=device)
        return
    student = StudentProposer(folder, proposing)
    try:
        yield student
    finally:
        student.close()


def propose_all(
    proposer: Proposer,
    queries: Sequence[str],
    file: Path,
    *,
    count: int,
    tell: Callable[[int, int], object] = lambda _, __: None,
) -> int:
    """Write the candidates of all queries to a file, but for those that it has.

    Queries go in groups, and a group of which some are missing is answered as a whole: a run
    that was killed ends with the same candidates as one that was not.

    Args:
        proposer: Who proposes.
        queries: Each once.
        file: Grows by a line a query.
        count: Candidates of a query at most.
        tell: Called with the queries that are done and all of them.

    Returns:
        How many queries have no candidate.

    Raises:
        ConfigError: If the file holds candidates of somebody else, or of something else.
    """
    found: dict[str, CandidateSet] = {}
    store = GrowingFile(file, "candidates", _is_set)
    store.open(lambda: found.update(_known(file, proposer.by)))
    try:
        for start in range(0, len(queries), _GROUP):
            group = queries[start : start + _GROUP]
            if any(query not in found for query in group):
                for query, said in zip(group, proposer.propose(group), strict=True):
                    if query not in found:
                        made = CandidateSet(
                            query=query,
                            candidates=distinct(query, said, count=count),
                            by=proposer.by,
                        )
                        found[query] = made
                        store.add(msgspec.json.encode(made))
            tell(min(start + _GROUP, len(queries)), len(queries))
    finally:
        store.close()
    return sum(not found[query].candidates for query in queries)


def distinct(query: str, said: Iterable[Candidate], *, count: int) -> tuple[Candidate, ...]:
    """Keep the likeliest candidates that differ by more than case, blanks and width.

    Echoes of the query are none. Equal likelihoods keep the order in which they came.
    """
    kept: dict[str, Candidate] = {}
    for each in sorted(said, key=_likely, reverse=True):
        key = normalised(each.text)
        if key and key != normalised(query):
            kept.setdefault(
                key,
                Candidate(text=" ".join(each.text.split()), log_probability=each.log_probability),
            )
    return tuple(kept.values())[:count]


def _likely(candidate: Candidate) -> float:
    likely = candidate.log_probability
    return float("-inf") if likely is None else likely


def _known(file: Path, by: str) -> Iterator[tuple[str, CandidateSet]]:
    for each in read_rows(file, CandidateSet):
        if each.by != by:
            message = (
                f"{file} holds candidates by {each.by!r}, and these are by {by!r}: name another "
                "file (--to)"
            )
            raise ConfigError(message)
        yield each.query, each


def _is_set(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=CandidateSet)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True


class _Asked(msgspec.Struct):
    query: str


def read_queries(path: Path) -> list[str]:
    """Read queries, one a line as text, or as JSON lines with a ``query``; each comes once.

    Raises:
        ConfigError: If the file cannot be read, or holds no query.
    """
    if path.suffix in {".jsonl", ".gz"}:
        found = [each.query for each in read_rows(path, _Asked)]
    else:
        try:
            found = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            message = f"{path}: queries, one a line, cannot be read: {error}"
            raise ConfigError(message) from error
    queries = list(dict.fromkeys(text for query in found if (text := query.strip())))
    if not queries:
        message = f"{path} holds no query: one a line is wanted"
        raise ConfigError(message)
    return queries
