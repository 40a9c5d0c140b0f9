"""The folders of the package have an order: imports run downward only, and in no circle."""

import pytest

from docs.architecture import HARMLESS, ORDER, PACKAGE, PURE, REASONS, SHARED, folder, imports, others

STARTS = {"__init__", "cli"}
EDGES = sorted(set(imports()))


def test_every_folder_has_its_place_in_the_order() -> None:
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(ORDER)


def test_imports_run_downward_only() -> None:
    rank = {name: at for at, name in enumerate(ORDER)} | {"": len(ORDER)}
    upward = [
        f"{importer} imports {imported}"
        for importer, imported in EDGES
        if importer.rpartition(".")[2] not in STARTS and rank[folder(imported)] < rank[folder(importer)]
    ]

    assert upward == []


def test_folders_import_only_the_shared_ones_of_the_packages_own_modules() -> None:
    found = {imported for importer, imported in EDGES if folder(importer) and not folder(imported)}

    assert found == set(SHARED)


@pytest.mark.parametrize("name", PURE)
def test_what_is_pure_imports_nothing_that_touches_the_world(name: str) -> None:
    allowed = {name, *SHARED, *PURE[name]}
    found = [(a, b) for a, b in EDGES if folder(a) == name and not {folder(b), b} & allowed]

    assert [(a, b) for a, b in found if not reason(a, f"tagship.{b}")] == []


@pytest.mark.parametrize("name", PURE)
def test_what_is_pure_has_no_module_with_which_to_touch_the_world(name: str) -> None:
    found = {(importer, module) for importer, module in others() if folder(importer) == name}

    assert {(a, b) for a, b in found if b not in HARMLESS and not reason(a, b)} == set()


def test_each_exception_is_still_needed() -> None:
    every = {*others(), *((importer, f"tagship.{imported}") for importer, imported in EDGES)}

    assert {reason(importer, module) for importer, module in every} - {None} == set(REASONS)


def reason(importer: str, module: str) -> tuple[str, str] | None:
    """The exception that allows an import."""
    for who, what in REASONS:
        if who in {importer, folder(importer)} and (module == what or module.startswith(f"{what}.")):
            return who, what
    return None


def test_no_modules_import_each_other_in_a_circle() -> None:
    below: dict[str, set[str]] = {}
    for importer, imported in EDGES:
        below.setdefault(importer, set()).add(imported)
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join((*path[path.index(module) :], module))
        if module not in done:
            for other in sorted(below.get(module, ())):
                visit(other, (*path, module))
            done.add(module)

    for module in sorted(below):
        visit(module, ())
