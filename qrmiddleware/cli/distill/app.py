"""Puts ``qrm label`` together."""

import typer

from qrmiddleware.cli.distill import (
    agreeing,
    asking_llm,
    asking_local,
    asking_models,
    joining,
    looking_up,
)


def build_label_app() -> typer.Typer:
    """Put the sub-commands together: teachers, and what joins or sifts labels."""
    app = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode="markdown",
        help=(
            "Label pairs of query and document by a teacher, for training a student.\n\n"
            'Pairs are JSON lines: `{"query": "…", "doc_id": "…", "text": "…"}`. Labels are kept '
            "as they come: a run that is interrupted goes on where it ended."
        ),
    )
    app.command("llm")(asking_llm.label_by_llm)
    app.command("local")(asking_local.label_by_local)
    app.command("classifier")(asking_models.label_by_classifier)
    app.command("student")(asking_models.label_by_student)
    app.command("judgments")(looking_up.label_by_judgments)
    app.command("reasoner")(looking_up.label_by_reasoner)
    app.command("join")(joining.join)
    app.command("agree")(agreeing.agree)
    app.command("gate")(agreeing.gate)
    return app
