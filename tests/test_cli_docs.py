"""docs/cli.md holds the help text of every command. `python tests/test_cli_docs.py` writes it anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner

from speechkit.cli import app

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
MARK = "The help texts below are those of the commands; a test compares them.\n"


def help_text(*command: str) -> str:
    """What a command says with --help, 100 columns wide."""
    result = CliRunner().invoke(
        app,
        [*command, "--help"],
        prog_name="speechkit",
        terminal_width=100,
        env={"NO_COLOR": "1", "TERM": "dumb"},
    )
    assert result.exit_code == 0, result.output
    return "\n".join(line.rstrip() for line in result.output.strip().splitlines())


def commands(group: Any = None, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every command by its name, those of a group after it: `runs`, `runs show`."""
    group = group or get_command(app)
    for name, command in group.commands.items():
        yield before + name, command
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")


def page_text() -> str:
    """The part of the page that is made of help texts."""
    parts = [f"```text\n{help_text()}\n```\n"]
    for name, _ in commands():
        parts.append(f"## speechkit {name}\n\n```text\n{help_text(*name.split())}\n```\n")
    return "\n".join(parts)


def test_the_help_texts_of_the_page_are_those_of_the_commands() -> None:
    written = PAGE.read_text().partition(MARK)[2].strip()
    assert written == page_text().strip(), "run: python tests/test_cli_docs.py"


def test_every_command_and_option_has_help() -> None:
    for name, command in commands():
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"


if __name__ == "__main__":
    PAGE.write_text(f"{PAGE.read_text().partition(MARK)[0]}{MARK}\n{page_text()}")
