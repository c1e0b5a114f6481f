"""``qrm rules``: check rule files, and try them on a query."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qrmiddleware import Boost, ConfigError, Proposal, Restriction, Rewrite
from qrmiddleware_rules.checks import check_rules
from qrmiddleware_rules.parsing import parse_rules
from qrmiddleware_rules.problems import Problem, errors, excerpt, headline
from qrmiddleware_rules.replacements import Replacement, Replacer, parse_replacements
from qrmiddleware_rules.rule import Rule
from qrmiddleware_rules.ruleset import Selection, fold_of, read_rule_set, read_text
from qrmiddleware_rules.words import split_lines

app = typer.Typer(
    help="Check rule files, and try them on a query.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

_ReplaceOption = Annotated[
    list[Path] | None,
    typer.Option("--replace", "-r", metavar="FILE", help="A file of replace rules; repeatable."),
]
_CaseOption = Annotated[
    bool, typer.Option("--ignore-case/--match-case", help="As the setting ignore_case.")
]


@dataclass(frozen=True, slots=True)
class _Report:
    """What was found in one file."""

    path: Path
    lines: Sequence[str]
    problems: Sequence[Problem]
    rules: Sequence[Rule] = ()
    replacements: Sequence[Replacement] = ()


@app.command()
def check(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE...", help="Files in rules.txt format.")
    ] = None,
    replace: _ReplaceOption = None,
    *,
    ignore_case: _CaseOption = True,
) -> None:
    """Read rule files; say what is wrong with them, and where.

    The exit code is 1 if there are errors, 0 if there are only warnings or nothing to say.

    For example:

    * `qrm rules check rules.txt`

    * `qrm rules check shop.txt brands.txt --replace spelling.txt`
    """
    if not files and not replace:
        message = "name a rule file, or a file of replace rules with --replace"
        raise typer.BadParameter(message)
    reports = _collect(files or (), replace or (), ignore_case=ignore_case)
    console = Console(highlight=False, soft_wrap=True)
    for report in reports:
        _print_problems(console, report)
    Console(highlight=False).print(_summary(reports))
    if any(errors(report.problems) for report in reports):
        raise typer.Exit(1)


@app.command("test")
def try_query(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file in rules.txt format.")],
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What a user would type.")],
    replace: _ReplaceOption = None,
    *,
    ignore_case: _CaseOption = True,
    limit: Annotated[int, typer.Option(min=1, max=100, help="As the setting limit.")] = 10,
) -> None:
    """Show what the rules propose for a query.

    For example:

    * `qrm rules test rules.txt "cheap notebook"`

    * `qrm rules test rules.txt "ombile case" --replace spelling.txt`
    """
    try:
        rules = read_rule_set(
            [file], replace or [], ignore_case=ignore_case, selection=Selection({})
        )
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    proposals = rules.propose(query, limit=limit)
    console = Console(highlight=False)
    if proposals:
        console.print(_proposal_table(query, proposals))
    else:
        console.print(f"No rule matches {escape(repr(query))}.", soft_wrap=True)


def _collect(files: Iterable[Path], replace: Iterable[Path], *, ignore_case: bool) -> list[_Report]:
    fold = fold_of(ignore_case=ignore_case)
    replaced = []
    for path in replace:
        text, unreadable = _read(path)
        found = parse_replacements(text, name=path.name, fold=fold)
        problems = [*unreadable, *found.problems]
        report = _Report(path, split_lines(text), problems, replacements=found.replacements)
        replaced.append(report)
    replacer = Replacer([one for report in replaced for one in report.replacements], fold)
    reports = []
    for path in files:
        text, unreadable = _read(path)
        parsed = parse_rules(text, name=path.name)
        found_here = [*unreadable, *parsed.problems, *check_rules(parsed.rules, replacer)]
        found_here.sort(key=lambda problem: (problem.line, problem.column))
        reports.append(_Report(path, split_lines(text), found_here, rules=parsed.rules))
    return reports + replaced


def _read(path: Path) -> tuple[str, list[Problem]]:
    try:
        return read_text(path), []
    except ConfigError as error:
        return "", [Problem(1, 1, str(error).removeprefix(f"{path}:").strip())]


def _print_problems(console: Console, report: _Report) -> None:
    for problem in report.problems:
        style = "bold red" if problem.is_error else "yellow"
        console.print(headline(problem, str(report.path)), style=style, markup=False)
        line, caret = excerpt(problem, report.lines)
        if line:
            console.print(f"    {line}\n    {caret}", markup=False)


def _summary(reports: Iterable[_Report]) -> Table:
    table = Table(box=SIMPLE)
    table.add_column("file", overflow="fold")
    for title in ("rules", "synonyms", "boosts", "filters", "deletes", "errors", "warnings"):
        table.add_column(title, justify="right", no_wrap=True)
    for report in reports:
        effects = [effect for rule in report.rules for effect in rule.effects]
        boosts = sum(isinstance(effect, Boost) for effect in effects)
        counts = (
            len(report.rules) + len(report.replacements),
            sum(len(rule.synonyms) for rule in report.rules),
            boosts,
            len(effects) - boosts,
            sum(bool(rule.deletions) for rule in report.rules),
            len(errors(report.problems)),
            len(report.problems) - len(errors(report.problems)),
        )
        table.add_row(escape(str(report.path)), *map(str, counts))
    return table


def _proposal_table(query: str, proposals: Iterable[Proposal]) -> Table:
    table = Table(title=escape(query))
    table.add_column("proposal")
    table.add_column("what", overflow="fold")
    table.add_column("weight", justify="right")
    table.add_column("why", overflow="fold")
    for proposal in proposals:
        kind, what, weight = _describe(proposal)
        table.add_row(kind, escape(what), weight, escape(proposal.note))
    return table


def _describe(proposal: Proposal) -> tuple[str, str, str]:
    if isinstance(proposal, Rewrite):
        if proposal.replaces:
            return "search instead", proposal.text, ""
        return "search also", proposal.text, f"{proposal.weight:g}"
    what = json.dumps(proposal.clause) if proposal.clause is not None else proposal.text
    if isinstance(proposal, Restriction):
        return "exclude" if proposal.excludes else "require", what, ""
    return "raise" if proposal.weight > 0 else "lower", what, f"{proposal.weight:g}"
