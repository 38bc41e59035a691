"""The shape of the tree: source roots hold packages only, and none of them shadows anything."""

import ast
import importlib.metadata
import platform
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = {
    "platform": {"fondaco_api", "fondaco_core", "fondaco_ops"},
    "tenants": {"fondaco_tenants"},
    "workers": {"fondaco_workers"},
}


def children_of(root: Path) -> set[str]:
    """What lies in a source root, but for its own page of explanation."""
    return {path.name for path in root.iterdir() if path.name not in {"README.md", "__pycache__"}}


def test_platform_is_the_standard_library() -> None:
    assert platform.__file__ is not None
    assert not Path(platform.__file__).is_relative_to(ROOT)


@pytest.mark.parametrize("root", SOURCE_ROOTS)
def test_a_source_root_holds_its_packages_and_nothing_else(root: str) -> None:
    assert children_of(ROOT / root) == SOURCE_ROOTS[root]


@pytest.mark.parametrize("stray", ["__init__.py", "utils.py"])
@pytest.mark.parametrize("root", SOURCE_ROOTS)
def test_a_stray_file_in_a_source_root_is_seen(root: str, stray: str, tmp_path: Path) -> None:
    for package in SOURCE_ROOTS[root]:
        (tmp_path / package).mkdir()

    (tmp_path / stray).touch()

    assert children_of(tmp_path) != SOURCE_ROOTS[root]


def test_no_other_distribution_provides_our_names() -> None:
    providers = importlib.metadata.packages_distributions()

    for names in SOURCE_ROOTS.values():
        for name in names:
            assert set(providers.get(name, ["fondaco"])) == {"fondaco"}, name


def test_assertions_run() -> None:
    assert __debug__


# What one reads in a sitting, and on a screen.
FILE_LINES_MAX, FUNCTION_LINES_MAX = 400, 70


def sources() -> dict[str, str]:
    """Every file of ours by its path; migrations are written out in full and never read as a whole."""
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for root in SOURCE_ROOTS
        for path in (ROOT / root).rglob("*.py")
        if "versions" not in path.parts
    }


def test_a_file_is_read_in_a_sitting() -> None:
    assert {path: text.count("\n") for path, text in sources().items() if text.count("\n") > FILE_LINES_MAX} == {}


def test_a_function_fits_on_a_screen() -> None:
    long = [
        f"{path}: {node.name}"
        for path, text in sources().items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES_MAX
    ]

    assert long == []
