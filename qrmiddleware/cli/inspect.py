"""``qrm plugins``, ``qrm rewrite``, ``qrm explain``: look inside."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Column, Table
from rich.text import Text

from qrmiddleware.cli.asking import ask_search, proposals_for
from qrmiddleware.cli.console import ConfigOption, UpstreamOption, fail, out, settings_for
from qrmiddleware.errors import ConfigError
from qrmiddleware.hooks.manager import HOOKS
from qrmiddleware.runner.plugins import installed_plugins, load_plugin

IndexOption = Annotated[str, typer.Option("--index", "-i", help="Index to search.")]
PipelineOption = Annotated[
    str | None, typer.Option("--pipeline", "-p", help="Pipeline; else the one of the index.")
]


def plugins(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the installed plugins, their hooks and their options.

    Examples:

        qrm plugins

        qrm plugins --json
    """
    found = [_described(name) for name in installed_plugins()]
    if as_json:
        out.print_json(json.dumps(found))
        return
    for plugin in found:
        title = f"[bold]{plugin['name']}[/] {plugin['version']} · {', '.join(plugin['hooks'])}"
        table = _table("option", "type", "default", "what it does", title=title)
        table.title_justify = "left"
        for option in plugin["options"]:
            _add_row(table, *(option[key] for key in ("name", "type", "default", "help")))
        out.print(plugin["problem"] or table)
        out.print(plugin["summary"], style="dim")
        out.print()


def _described(name: str) -> dict[str, Any]:
    point = installed_plugins()[name]
    shown: dict[str, Any] = {
        "name": name,
        "version": point.dist.version if point.dist else "",
        "summary": "",
        "hooks": [],
        "options": [],
        "problem": "",
    }
    try:
        plugin = load_plugin(name)
    except ConfigError as error:
        return {**shown, "problem": str(error)}
    schema = plugin.Settings.model_json_schema()
    properties, definitions = schema.get("properties", {}), schema.get("$defs", {})
    return {
        **shown,
        "summary": (plugin.__doc__ or "").partition("\n")[0],
        "hooks": [hook for hook in HOOKS if hasattr(plugin, hook)],
        "options": [
            {
                "name": key,
                "type": _type_of(properties.get(field.alias or key, {}), definitions),
                "default": "required"
                if field.is_required()
                else _default_of(properties.get(field.alias or key, {})),
                "help": " ".join((field.description or "").split()),
            }
            for key, field in plugin.Settings.model_fields.items()
        ],
    }


def _default_of(schema: dict[str, Any]) -> str:
    """Write an option's default as it would stand in the configuration."""
    default = schema.get("default")
    return "" if default is None else json.dumps(default, ensure_ascii=False)


def _type_of(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Name a JSON Schema type in a word or two, or by the keys that it has."""
    if "$ref" in schema:
        return _type_of(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "properties" in schema:
        return f"{{{', '.join(schema['properties'])}}}"
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    for combined in ("anyOf", "oneOf"):
        if combined in schema:
            names = dict.fromkeys(_type_of(each, definitions) for each in schema[combined])
            return " | ".join(names)
    if schema.get("type") == "array":
        return f"list of {_type_of(schema.get('items', {}), definitions)}"
    return str(schema.get("format") or schema.get("type") or "any")


def rewrite(
    text: Annotated[str, typer.Argument(help="What a user would type.")],
    config: ConfigOption = None,
    index: IndexOption = "",
    pipeline: PipelineOption = None,
) -> None:
    """Show what the rewriters propose for a query, and what would be admitted. Asks no engine.

    Examples:

        qrm rewrite "red sneakers" --config qrmiddleware.yaml

        qrm rewrite "red sneakers" -c qrmiddleware.yaml --pipeline default
    """
    settings = settings_for(config)
    run, decisions = asyncio.run(proposals_for(settings, text, index, pipeline))
    out.print(_decision_table(decisions))
    out.print(_call_table(run))


def explain(
    text: Annotated[str, typer.Argument(help="What a user would type.")],
    config: ConfigOption = None,
    upstream: UpstreamOption = None,
    index: IndexOption = "",
    pipeline: PipelineOption = None,
    fields: Annotated[
        str, typer.Option(help="Fields to search, with boosts: title^2,description.")
    ] = "*",
    body: Annotated[
        Path | None,
        typer.Option(help="Search body to use instead; {{query}} stands for the text."),
    ] = None,
    size: Annotated[int, typer.Option(help="Hits to show.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole reply.")] = False,
) -> None:
    """Run one search through a pipeline, and show what happened to it and where hits come from.

    Examples:

        qrm explain "red sneakers" -c qrmiddleware.yaml --index products --fields title^2,text

        qrm explain "red sneakers" -c qrmiddleware.yaml --index products --body search.json
    """
    settings = settings_for(config, upstream__urls=upstream)
    search = _search_body(text, fields, body, size)
    reply = asyncio.run(ask_search(settings, search, index, pipeline))
    if as_json:
        out.print_json(json.dumps(reply))
        return
    section = reply.get("ext", {}).get("qrm")
    if section is None:
        fail(_why_not(reply))
        raise typer.Exit(1)
    out.print(
        f"pipeline [bold]{section['pipeline']}[/] · outcome [bold]{section['outcome']}[/]"
        f" · merge {section['policy'] or 'none'}"
        + (f" ({section['policy_note']})" if section.get("policy_note") else "")
    )
    out.print(_decision_table(section["decisions"]))
    out.print(_call_table(section))
    for sent in section["searches"]:
        pretty = json.dumps(json.loads(sent), indent=2, ensure_ascii=False)
        out.print(Panel(Syntax(pretty, "json", word_wrap=True), title="asked", title_align="left"))
    out.print(_hit_table(reply))


def _why_not(reply: dict[str, Any]) -> str:
    """Say why a reply has no debug output in it."""
    error = reply.get("error")
    if not isinstance(error, dict):
        return (
            "no pipeline serves this index: see index: in the configuration, or name a --pipeline"
        )
    causes = error.get("root_cause") or [error]
    reasons = dict.fromkeys(f"{cause.get('type')}: {cause.get('reason')}" for cause in causes)
    return f"the search was not answered: {'; '.join(reasons)}"


def _search_body(text: str, fields: str, body: Path | None, size: int) -> dict[str, Any]:
    if body is None:
        match = {"query": text, "fields": fields.split(",")}
        return {"query": {"multi_match": match}, "size": size}
    quoted = json.dumps(text)[1:-1]
    try:
        search: dict[str, Any] = json.loads(
            body.read_text(encoding="utf-8").replace("{{query}}", quoted)
        )
    except (OSError, ValueError) as error:
        problem = f"{body}: {error}"
        raise ConfigError(problem) from error
    return {**search, "size": size}


def _decision_table(decisions: list[dict[str, Any]]) -> Table:
    table = _table("plugin", "proposal", "text", "weight", "decision", "why", title="Proposals")
    for item in decisions:
        verdict = "[green]admitted[/]" if item["admitted"] else "[yellow]left out[/]"
        reason = item["note"] if item["admitted"] else item["reason"]
        text = item["text"] or json.dumps(item.get("clause"))
        weight = f"{item.get('weight', '')}"
        _add_row(
            table, item["plugin"], item["kind"], text, weight, Text.from_markup(verdict), reason
        )
    if not decisions:
        table.add_row("", "nothing was proposed", "", "", "", "")
    return table


def _table(*headers: str, title: str) -> Table:
    """Make a table that folds long words, such as paths, and cuts nothing off."""
    return Table(*(Column(header, overflow="fold") for header in headers), title=title)


def _add_row(table: Table, *cells: str | Text) -> None:
    """Add a row whose texts are shown as they are, whatever brackets are in them."""
    table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells))


def _call_table(section: dict[str, Any]) -> Table:
    table = _table("stage", "plugin", "status", "ms", title="Time")
    for call in section["processor_results"]:
        status = f"{call['status']} {call.get('error', '')}".strip()
        elapsed = f"{call['duration_millis']:.2f}"
        _add_row(table, call["processor_name"], call["tag"], status, elapsed)
    for stage, elapsed_ms in section["timings_ms"].items():
        table.add_row(stage, "", "", f"{elapsed_ms:.2f}", style="dim")
    return table


def _hit_table(reply: dict[str, Any]) -> Table:
    total = reply["hits"].get("total")
    found = total.get("value") if isinstance(total, dict) else total
    hits = [(str(place), hit) for place, hit in enumerate(reply["hits"]["hits"], start=1)]
    hits += [(_place_of(hit), {**hit, "_qrm": hit}) for hit in _off_page(reply)]
    explained = any(_why(hit.get("_qrm", {})) for _, hit in hits)
    columns = ("#", "was", "_id", "score", "found by", "document", *(["why"] if explained else []))
    table = _table(*columns, title=f"Hits of {found}")
    for place, hit in hits:
        origin = hit.get("_qrm", {})
        source = hit.get("_source", {})
        shown = source.get("title") or source.get("name") or (json.dumps(source) if source else "")
        _add_row(
            table,
            place,
            str(origin.get("upstream_rank", "")),
            hit["_id"],
            f"{hit.get('_score') or 0:.3f}",
            ", ".join(origin.get("found_by", [])),
            str(shown)[:80],
            *([_why(origin)] if explained else []),
        )
    return table


def _off_page(reply: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what filters took off the page."""
    window = reply["ext"]["qrm"].get("window", [])
    return [hit for hit in window if "flagged_by" in hit]


def _place_of(hit: dict[str, Any]) -> str:
    return "dropped" if hit["rank"] is None else str(hit["rank"])


def _why(origin: dict[str, Any]) -> str:
    """Say who flagged a hit, and what plugins say of it, a line each."""
    flagging = origin.get("flagged_by", [])
    lines = [f"flagged by {', '.join(flagging)}"] if flagging else []
    for plugin, said in origin.get("explanations", {}).items():
        lines.append(f"{plugin}: {said if isinstance(said, str) else _in_a_line(said)}")
    return "\n".join(lines)


def _in_a_line(said: dict[str, Any]) -> str:
    """Write what is said, with the innermost names and values; probabilities are for --json."""
    parts = []
    for name, value in said.items():
        if name == "aspects" and isinstance(value, dict):
            parts += [f"{aspect} {verdict}" for aspect, verdict in value.items()]
        elif not isinstance(value, dict | list):
            parts.append(f"{name} {value}")
    return ", ".join(parts)
