import json

import yaml

from qrmiddleware.config.load import load_settings
from qrmiddleware.config.settings import PipelineSettings, Settings
from qrmiddleware.runner.plugins import installed_plugins, load_plugin


def as_configuration(tree):
    """Put a part of a configuration where it belongs."""
    if set(tree) <= set(Settings.model_fields):
        return tree
    if set(tree) <= set(PipelineSettings.model_fields):
        return {"pipelines": {"default": tree}}
    return None


def check_plugin_options(settings):
    for pipeline in settings.pipelines.values():
        for slot in (*pipeline.rewriters, *pipeline.filters, *pipeline.rewards):
            if slot.plugin in installed_plugins():
                load_plugin(slot.plugin).Settings.model_validate(slot.options)


def test_json_blocks_are_json(page):
    for block in page.blocks("json"):
        json.loads(block.text)


def test_ndjson_blocks_are_lines_of_json(page):
    for block in page.blocks("ndjson"):
        for line in block.text.splitlines():
            json.loads(line)


def test_yaml_blocks_are_valid_configurations(page, tmp_path):
    for block in page.blocks("yaml"):
        tree = yaml.safe_load(block.text)
        if block.name not in {"", "qrmiddleware.yaml"}:
            continue
        configuration = as_configuration(tree)
        assert configuration is not None, f"{page.name}:{block.line}: no part of a configuration"
        file = tmp_path / "qrmiddleware.yaml"
        file.write_text(yaml.safe_dump(configuration))
        check_plugin_options(load_settings(file, environment={}))
