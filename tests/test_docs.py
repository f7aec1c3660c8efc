"""What the docs say of names, files, commands, settings and fields is so."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from gateway.cli import main
from gateway.quantities import BY_NAME, COMMODITIES, QUANTITIES

ROOT = Path(__file__).parents[1]
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
each = pytest.mark.parametrize("doc", DOCS, ids=lambda path: path.name)
_PLACE = re.compile(
    r"`((?:gateway|tests|config|systemd|examples)/[\w./-]+?\.(?:py|sql|toml|cfg))(?::([\w.]+))?`"
)
_SETTING = re.compile(r"`(meter|history|broker|page|panel|log)\.((?!(?:py|db)`)[a-z_]+)`")
_COMMAND = re.compile(r"^p1-gateway ([a-z-]+)(?: ([a-z-]+(?: \| [a-z-]+)*))?", re.MULTILINE)


def names_in(path: Path) -> set[str]:
    """What a module defines: its functions, classes, constants and the classes' methods."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        if isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


@each
def test_every_file_and_function_that_is_named_exists(doc: Path) -> None:
    for path, name in _PLACE.findall(doc.read_text()):
        assert (ROOT / path).is_file(), path
        assert not name or name in names_in(ROOT / path), f"{path}:{name}"


def test_the_four_ways_are_told_hop_by_hop() -> None:
    ways = (ROOT / "docs/architecture.md").read_text().split("\n## ")[1:5]
    assert [way.splitlines()[0] for way in ways] == [
        "The telegram's way", "The way of a consent", "The way of a key", "The way of a question",
    ]  # fmt: skip
    for way in ways:
        assert len([name for _, name in _PLACE.findall(way) if name]) >= 5


@each
def test_every_link_leads_somewhere(doc: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", doc.read_text()):
        assert (doc.parent / target).exists(), target


def test_every_command_of_the_readme_exists_and_none_is_left_out() -> None:
    text = (ROOT / "README.md").read_text()
    told: set[tuple[str, ...]] = set()
    for command, below in _COMMAND.findall(text[text.index("## Commands") :]):
        told |= {(command, one) for one in below.split(" | ") if one} or {(command,)}
    context = click.Context(main)
    known: set[tuple[str, ...]] = set()
    for name in main.list_commands(context):
        found = main.get_command(context, name)
        if isinstance(found, click.Group):
            known |= {(name, one) for one in found.list_commands(context)}
        else:
            known.add((name,))
    said = {one[:2] if one[0] in ("consent", "history", "key") else one[:1] for one in told}
    assert said == known


def test_every_section_of_settings_that_is_named_exists() -> None:
    settings = tomllib.loads((ROOT / "config/gateway.toml").read_text())
    for doc in DOCS:
        for section, name in _SETTING.findall(doc.read_text()):
            assert name in settings[section], f"{doc.name}: {section}.{name}"


def test_the_fields_of_messages_are_those_of_the_table() -> None:
    text = (ROOT / "docs/messages.md").read_text()
    for category in ("electricity", "power", "phases", "demand", "quality"):
        row = next(line for line in text.splitlines() if line.startswith(f"| {category} |"))
        said = set(re.findall(r"`([a-z][a-z0-9_]+)`", row))
        own = {one.shown_name for one in QUANTITIES if one.category == category}
        signed = {"power_w", *(f"power_l{n}_w" for n in (1, 2, 3))}
        assert said <= own | signed, said - own - signed
    types = set(re.findall(r"`([a-z_]+_meter)`", text))
    assert types == {one.called for one in COMMODITIES if BY_NAME[one.register].category}


def test_the_example_reads_an_export(tmp_path: Path) -> None:
    export = tmp_path / "usage.csv"
    export.write_text(
        "starts_at,ends_at,import_kwh,export_kwh,complete,simulated\n"
        "2026-01-01T00:00:00+01:00,2026-01-02T00:00:00+01:00,5.25,0.0,True,False\n"
        "2026-01-02T00:00:00+01:00,2026-01-03T00:00:00+01:00,7.5,0.0,True,False\n"
        "2026-01-03T00:00:00+01:00,2026-01-04T00:00:00+01:00,99.0,0.0,False,False\n"
    )
    command = [sys.executable, str(ROOT / "examples/read_export.py"), str(export)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == "2 whole days, 12.8 kWh in all\nmost on 2026-01-02: 7.5 kWh\n"
