"""``qrm label judgments`` and ``reasoner``: what is known already becomes labels."""

from pathlib import Path
from typing import Annotated

import typer

from qrmiddleware.cli.distill.labelling import (
    GainOption,
    LabelsOption,
    PairsArgument,
    labels_file,
    run_teacher,
)
from qrmiddleware.distill.catalogue import read_records
from qrmiddleware.distill.classes import read_gains
from qrmiddleware.distill.phrases import Floors
from qrmiddleware.distill.teachers.judgments import JudgmentTeacher
from qrmiddleware.distill.teachers.reasoner import Reasoner
from qrmiddleware.evaluation import formats
from qrmiddleware.evaluation.collection import JudgedQueries
from qrmiddleware.recipes.command_options import CatalogueFieldsOption, fields_of


def label_by_judgments(
    pairs: PairsArgument,
    data: Annotated[
        Path,
        typer.Option("--data", "-d", help="Folder or file with judgments, as `qrm eval` reads."),
    ],
    labels: LabelsOption = None,
    gain: GainOption = None,
) -> None:
    """Label pairs with judgments, by the query's words and doc_id; others stay without a label.

    Without `--gain` the grades of the scale are worth 0 to 1, evenly apart: of four, 0, 1/3, 2/3
    and 1.

    Examples:

        qrm label judgments pairs.jsonl --data ./judged

        qrm label judgments pairs.jsonl --data ./esci --gain 3=1 --gain 2=0.5 --gain 1=0 --gain 0=0
    """
    judged = formats.load_judged(data)
    texts = {query.query_id: query.text for query in judged.queries}
    grades = {
        (texts[query_id], doc_id): str(grade)
        for query_id, found in judged.qrels.items()
        for doc_id, grade in found.items()
        if query_id in texts
    }
    targets = read_gains(gain) if gain else _evenly_apart(judged)
    teacher = JudgmentTeacher(grades, targets, source=data.resolve().name)
    run_teacher(teacher, pairs, labels_file(pairs, labels), 1.0)


def label_by_reasoner(
    pairs: PairsArgument,
    data: Annotated[
        Path, typer.Option("--data", "-d", help="Folder or file of the catalogue, likewise.")
    ],
    labels: LabelsOption = None,
    catalogue_fields: CatalogueFieldsOption = "",
    least_products: Annotated[
        int, typer.Option(min=1, help="Products that a kind must have; lower for a small shop.")
    ] = 5,
) -> None:
    """Label pairs with classes and reasons, by rules over the catalogue's own fields.

    No language model: kind, brand, article numbers and other words of a query are looked up in
    the product. Pairs whose query names nothing that the catalogue has stay without a label.

    Examples:

        qrm label reasoner pairs.jsonl --data ./icecat --out reasons.labels.jsonl

        qrm label reasoner pairs.jsonl --data ./shop --catalogue-fields product_type=category
    """
    fields = fields_of(catalogue_fields)
    documents = (
        {fields.doc_id: document.doc_id, **document.source}
        for document in formats.load_catalogue(data)
    )
    records = list(read_records(documents, fields))
    teacher = Reasoner(records, floors=Floors(products=least_products))
    run_teacher(teacher, pairs, labels_file(pairs, labels), 1.0)


def _evenly_apart(judged: JudgedQueries) -> dict[str, float]:
    """Return what each grade is worth; 0 and whatever is below is worth nothing."""
    highest = max(*judged.gains, 1)
    return {str(grade): max(grade, 0) / highest for grade in judged.gains}
