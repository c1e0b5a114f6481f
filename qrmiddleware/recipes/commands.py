"""The commands ``gather`` and ``wordings``, which several systems with recipes have."""

# `qrm --help` reads this file, and gathering loads numpy: it is imported when it is asked for.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated, Final

import typer

from qrmiddleware.recipes.command_options import (
    CatalogueFieldsOption,
    SeedOption,
    counting,
    fields_of,
    folds,
    names,
    say,
)

_HELP: Final = """Gather judged pairs, and many more from manufactured queries and engine hits.

Writes WORK/pairs.jsonl and what judgments and catalogue say of them; nothing of held-out
folds, and no query that equals one of theirs.

Examples:

    qrm {system} gather ./icecat --to ./work --url http://localhost:9200 --index icecat
    --search-fields title,description --text-fields title,description --hold-out 3

    qrm {system} gather ./judged --to ./work --url http://localhost:9200 --index products
    --log queries.txt --queries 20000

    qrm {system} gather ./shop --to ./work --url http://localhost:9250 --index qrm-demo
    --catalogue-fields product_type=category,attributes=details --hold-out 3
"""


def add_gather(app: typer.Typer, system: str) -> None:
    """Give a system's commands the one that gathers.

    Args:
        app: Of the system.
        system: Its name among the commands of ``qrm``, for the examples.
    """
    app.command("gather", no_args_is_help=True, help=_HELP.replace("{system}", system))(_gather)


def _gather(
    data: Annotated[Path, typer.Argument(help="Judgments and catalogue, as `qrm eval` reads.")],
    work: Annotated[Path, typer.Option("--to", metavar="WORK", help="Folder of the training.")],
    url: Annotated[str, typer.Option(help="Engine that holds the catalogue, or a proxy.")],
    index: Annotated[str, typer.Option(help="Index that holds the catalogue.")],
    search_fields: Annotated[
        str, typer.Option(help="Fields that are searched, with boosts: title^2,description.")
    ] = "title",
    body: Annotated[
        Path | None, typer.Option(help="Search body with {{query}} in it, instead of fields.")
    ] = None,
    text_fields: Annotated[
        str, typer.Option(help="Fields whose values teacher and student read, in order.")
    ] = "title",
    catalogue: Annotated[Path | None, typer.Option(help="Catalogue, if it lies elsewhere.")] = None,
    catalogue_fields: CatalogueFieldsOption = "",
    hold_out: Annotated[
        str, typer.Option(help="Folds to keep out of the training, for measuring: 3,4.")
    ] = "",
    queries: Annotated[
        int, typer.Option(min=1, help="Queries to manufacture from the catalogue, at most.")
    ] = 2000,
    log: Annotated[
        Path | None,
        typer.Option(help="Queries that shoppers typed, one a line, repeats and all."),
    ] = None,
    least_products: Annotated[
        int, typer.Option(min=1, help="Products that a kind must have; lower for a small shop.")
    ] = 5,
    seed: SeedOption = 0,
) -> None:
    from qrmiddleware.distill.phrases import Floors
    from qrmiddleware.evaluation.templates import body_template, fields_template
    from qrmiddleware.recipes import gathering

    template = body_template(body) if body else fields_template(names(search_fields))
    source = gathering.Source(data, catalogue, fields_of(catalogue_fields), names(text_fields))
    making = gathering.Making(
        queries,
        gathering.read_log(log) if log else (),
        seed,
        floors=Floors(products=least_products),
    )
    material = gathering.Material(source)
    with counting("searching") as bar, gathering.searching(url, index, template) as search:
        task = bar.tasks[0].id
        gathered = gathering.gather(
            material,
            work,
            held_out=folds(hold_out),
            making=making,
            search=search,
            tell=lambda done, total: bar.update(task, completed=done, total=total),
        )
    say(
        f"{work / gathering.PAIRS}: {gathered.pairs:,} pairs of {gathered.judged_queries:,} judged "
        f"queries, {gathered.manufactured:,} manufactured and {gathered.logged:,} logged ones; "
        f"{gathered.dropped:,} more were left "
        "out, for they equal a held-out one"
    )


_WORDINGS_HELP: Final = """Make pairs of a query and another wording out of the catalogue.

Queries are manufactured, and read from a log if there is one. Their other wordings have words in
another form that the catalogue has, joined or parted as it writes them, misspellings mended, and
the kind of product that is meant. Which of them find more is for `qrm feedback` to tell. Neither
queries nor wordings equal a query of held-out folds.

Examples:

    qrm {system} wordings ./icecat --to ./work/pairs.jsonl --hold-out 3 --nearest ./models/minilm

    qrm {system} wordings ./shop --to ./work/pairs.jsonl --log queries.txt --least-products 2
    --catalogue-fields product_type=category,attributes=details
"""


def add_wordings(app: typer.Typer, system: str) -> None:
    """Give a system's commands the one that makes wordings; arguments are those of add_gather."""
    help_text = _WORDINGS_HELP.replace("{system}", system)
    app.command("wordings", no_args_is_help=True, help=help_text)(_wordings)


def _wordings(
    data: Annotated[Path, typer.Argument(help="Judgments and catalogue, as `qrm eval` reads.")],
    to: Annotated[Path, typer.Option(help="File of the pairs, one a line.")],
    catalogue: Annotated[Path | None, typer.Option(help="Catalogue, if it lies elsewhere.")] = None,
    catalogue_fields: CatalogueFieldsOption = "",
    hold_out: Annotated[
        str, typer.Option(help="Folds to keep out of the training, for measuring: 3,4.")
    ] = "",
    queries: Annotated[
        int, typer.Option(min=1, help="Queries to manufacture from the catalogue, at most.")
    ] = 5000,
    log: Annotated[
        Path | None,
        typer.Option(help="Queries that shoppers typed, one a line, repeats and all."),
    ] = None,
    nearest: Annotated[
        Path | None,
        typer.Option(help="Student that tells which kinds are meant: a bi-encoder's folder."),
    ] = None,
    nearness: Annotated[
        float, typer.Option(min=-1, max=1, help="Cosine that a kind must have, to be meant.")
    ] = 0.5,
    slips: Annotated[int, typer.Option(min=0, help="Misspellings to make of each query.")] = 1,
    language: Annotated[str, typer.Option(help="Of the catalogue, for word forms.")] = "english",
    least_products: Annotated[
        int, typer.Option(min=1, help="Products that a word, or kind, must have.")
    ] = 3,
    seed: SeedOption = 0,
) -> None:
    from qrmiddleware.distill.phrases import Floors
    from qrmiddleware.distill.rewriting.wordings import Usage
    from qrmiddleware.recipes import gathering
    from qrmiddleware.recipes.wordings import WordingPlan, make_wordings

    plan = WordingPlan(
        queries,
        gathering.read_log(log) if log else (),
        tuple(folds(hold_out)),
        language,
        nearest,
        Usage(products=least_products, slips=slips, nearness=nearness),
        Floors(products=least_products),
        seed=seed,
    )
    material = gathering.Material(gathering.Source(data, catalogue, fields_of(catalogue_fields)))
    made = make_wordings(material, to, plan)
    found = ", ".join(f"{count:,} {source}" for source, count in sorted(made.pairs.items()))
    say(
        f"{to}: {sum(made.pairs.values()):,} pairs of {made.queries:,} queries "
        f"({found or 'none'}); {made.dropped:,} were left out, for they equal a held-out query"
    )
