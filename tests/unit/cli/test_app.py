"""``qrm`` itself."""

from importlib.metadata import version

import pytest


def test_it_says_its_version(qrm):
    ran = qrm("--version")

    assert (ran.code, ran.out) == (0, f"qrmiddleware {version('qrmiddleware')}\n")


def test_help_lists_the_commands_and_those_of_plugins(qrm):
    ran = qrm("--help")

    assert ran.code == 0
    commands = "serve demo check plugins rewrite explain config-schema models rules table"
    for command in commands.split():
        assert f" {command} " in ran.out


def test_without_a_command_it_shows_help(qrm):
    ran = qrm()

    assert "Commands" in ran.out + ran.err


@pytest.mark.parametrize(
    "command", ["serve", "demo", "check", "plugins", "rewrite", "explain", "config-schema"]
)
def test_every_command_has_help_with_examples(qrm, command):
    ran = qrm(command, "--help")

    assert ran.code == 0
    assert f"qrm {command}" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100


def test_an_unknown_command_is_refused(qrm):
    ran = qrm("serv")

    assert ran.code == 2
    assert "serv" in ran.err
