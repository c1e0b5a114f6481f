"""Tables and quotations that are read off the code."""

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from qrmiddleware import errors as errors_module
from qrmiddleware import model as model_module
from qrmiddleware.config import settings as settings_module
from qrmiddleware.hooks import specs
from qrmiddleware.proxy.metrics import Metrics
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.upstream.embedded.support import supported

_SECTIONS: Final = (
    ("", settings_module.Settings),
    ("listen", settings_module.ListenSettings),
    ("admin", settings_module.AdminSettings),
    ("upstream", settings_module.UpstreamSettings),
    ("pipelines.NAME", settings_module.PipelineSettings),
    ("pipelines.NAME.rewriters[]", settings_module.PluginSlot),
    ("pipelines.NAME.filters[]", settings_module.FilterSlot),
    ("pipelines.NAME.rewards[]", settings_module.RewardSlot),
    ("pipelines.NAME.merge", settings_module.MergeSettings),
    ("limits", settings_module.LimitSettings),
    ("debug", settings_module.DebugSettings),
    ("log", settings_module.LogSettings),
)
_HOOK_ORDER: Final = (
    "qrm_startup",
    "qrm_rewrite",
    "qrm_filter",
    "qrm_reward",
    "qrm_explain",
    "qrm_observe",
    "qrm_status",
    "qrm_shutdown",
)
_VALUES: Final = ("Query", "Rewrite", "Boost", "Restriction", "Hit", "Decision", "Call", "Trace")


def table(*rows: tuple[str, ...]) -> str:
    """Write a table; the first row is its head."""
    head, *body = (" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows)
    return "\n".join([f"| {head} |", "|---" * len(rows[0]) + "|", *(f"| {row} |" for row in body)])


def single_ticks(text: str) -> str:
    """Turn ``code`` into `code`, and run lines together."""
    return " ".join(text.replace("``", "`").split())


def settings() -> str:
    """List every key of the configuration file."""
    parts = []
    for path, section in _SECTIONS:
        rows = [row for key in section.model_fields if (row := _setting(section, key))]
        title = f"### `{path}`" if path else "### The file"
        parts.append(f"{title}\n\n{table(('key', 'value', 'default', 'meaning'), *rows)}")
    return "\n\n".join(parts)


def student_runtime() -> str:
    """List the keys of a plugin's ``runtime``."""
    rows = [_setting(RuntimeSettings, key) for key in RuntimeSettings.model_fields]
    return table(("key", "value", "default", "meaning"), *rows)


def _setting(section: type[BaseModel], key: str) -> tuple[str, ...]:
    schema = section.model_json_schema()
    definition = schema["properties"][key]
    field = section.model_fields[key]
    if _names_a_section(definition, schema.get("$defs", {})):
        return ()
    default = "required" if field.is_required() else _shown(definition.get("default"))
    meaning = single_ticks(field.description or "")
    return (f"`{key}`", _kind(definition, schema), default, meaning)


def _names_a_section(definition: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    """Whether a key holds a section, which has a table of its own."""
    reference = definition.get("$ref") or (definition.get("additionalProperties") or {}).get("$ref")
    return bool(reference) and bool(definitions)


def _shown(default: object) -> str:
    match default:
        case None:
            return "null"
        case bool():
            return f"`{str(default).lower()}`"
        case []:
            return "none"
        case [*items]:
            return ", ".join(f"`{item}`" for item in items)
        case _:
            return f"`{default}`"


def _kind(definition: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Say what a key may hold, with its bounds."""
    if "$ref" in definition:
        return "plugins"
    if "anyOf" in definition:
        return " or ".join(_kind(option, schema) for option in definition["anyOf"])
    if "enum" in definition:
        return ", ".join(f"`{value}`" for value in definition["enum"])
    if definition.get("type") == "array":
        inner = _kind(definition["items"], schema)
        if inner == "plugins":
            return inner
        return f"list of {inner}" if " " in inner else f"list of {inner}s"
    name = definition.get("format") or definition["type"]
    words = {"string": "text", "boolean": "`true`, `false`", "password": "secret text"}
    bounds = [
        f"{sign} {definition[key]}"
        for key, sign in (
            ("exclusiveMinimum", ">"),
            ("minimum", "≥"),
            ("exclusiveMaximum", "<"),
            ("maximum", "≤"),
        )
        if key in definition
    ]
    return " ".join([words.get(name, name), ", ".join(bounds)]).strip()


def hooks() -> str:
    """Quote every hook's specification."""
    parts = []
    for name in _HOOK_ORDER:
        hook = getattr(specs, name)
        signature = inspect.signature(hook)
        source = (
            inspect.getsource(hook).removeprefix("@hookspec\n").removesuffix("    return None\n")
        )
        parts.append(f"### `{name}({', '.join(signature.parameters)})`\n\n```py\n{source}```")
    return "\n\n".join(parts)


def values() -> str:
    """Describe the values that hooks are given and give."""
    parts = []
    for name in _VALUES:
        value = getattr(model_module, name)
        summary, _, attributes = inspect.getdoc(value).partition("\n\nAttributes:\n")
        meanings = dict(_arguments(attributes))
        rows = [
            (
                f"`{field.name}`",
                f"`{_annotation(field.type)}`",
                _default(field),
                meanings[field.name],
            )
            for field in dataclasses.fields(value)
        ]
        head = ("attribute", "type", "default", "meaning")
        parts.append(f"### `{name}`\n\n{single_ticks(summary)}\n\n{table(head, *rows)}")
    return "\n\n".join(parts)


def _annotation(annotation: Any) -> str:
    name = (
        annotation.__name__ if isinstance(annotation, type) and not _is_generic(annotation) else ""
    )
    return name or re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", str(annotation)).replace("NoneType", "None")


def _is_generic(annotation: Any) -> bool:
    return bool(getattr(annotation, "__args__", ()))


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f"`{field.default!r}`"
    if field.default_factory is not dataclasses.MISSING:
        return f"`{field.default_factory()!r}`"
    return ""


def _arguments(section: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of a docstring's list of attributes."""
    for item in re.split(r"\n(?=    \w+: )", "\n" + section.rstrip())[1:]:
        name, _, text = item.strip().partition(": ")
        yield name, single_ticks(text)


def errors() -> str:
    """Quote the tree of exceptions."""
    tree = inspect.getdoc(errors_module).split("\n\n")[1]
    return f"```text\n{inspect.cleandoc(tree)}\n```"


def metrics() -> str:
    """List what the admin port counts."""
    rows = []
    for metric in Metrics().registry.collect():
        collector = vars(Metrics())
        labels = next(
            (c._labelnames for c in collector.values() if getattr(c, "_name", "") == metric.name),
            (),
        )
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        shown = ", ".join(f"`{label}`" for label in labels)
        rows.append((f"`{name}`", metric.type, shown, metric.documentation))
    return table(("metric", "type", "labels", "meaning"), *rows)


def embedded_engine() -> str:
    """List what the embedded engine supports."""
    rows = [
        (
            kind,
            "<br>".join(f"`{name}`" for name in names) if kind == "endpoints" else _listed(names),
        )
        for kind, names in supported().items()
    ]
    return table(("kind", "supported"), *rows)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
