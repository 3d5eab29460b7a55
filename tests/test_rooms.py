"""The rooms of src/ include only what src/ROOMS.md allows."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PUBLIC = "millstream"
ROOMS = sorted(path.name for path in SOURCE.iterdir() if path.is_dir())
PUBLIC_HEADERS_OF_ROOMS = {"base": {"error.h"}, "format": {"on_bad.h", "partitioning.h", "read_limits.h"}, "plan": {"join_type.h"}, "commit": {"save_mode.h"}}


def allowed_edges() -> dict[str, set[str]]:
    rows = re.findall(r"^\| (\w+) \|([\w, ]*)\|$", (SOURCE / "ROOMS.md").read_text(), re.MULTILINE)
    edges = {room: {name.strip() for name in names.split(",")} - {""} for room, names in rows}
    edges.pop("room")
    return edges


def files_of(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.suffix in {".h", ".cc"})


def included_rooms(path: Path) -> set[str]:
    return set(re.findall(r'^#include "(\w+)/', path.read_text(), re.MULTILINE))


def test_the_table_names_every_room():
    assert set(ROOMS) <= set(allowed_edges())
    assert all(names <= set(allowed_edges()) for names in allowed_edges().values())


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_includes_only_what_it_may(room):
    allowed = allowed_edges()[room] | {room} | ({PUBLIC} if room == "api" or room in PUBLIC_HEADERS_OF_ROOMS else set())
    wrong = [
        f"{path.relative_to(ROOT)} includes {other}"
        for path in files_of(SOURCE / room)
        if not path.name.endswith("_test.cc")
        for other in sorted(included_rooms(path) - allowed)
    ]
    assert wrong == []


@pytest.mark.parametrize("room", PUBLIC_HEADERS_OF_ROOMS)
def test_a_room_below_the_public_api_includes_only_its_own_part_of_it(room):
    texts = [path.read_text() for path in files_of(SOURCE / room) if not path.name.endswith("_test.cc")]
    included = {name for text in texts for name in re.findall(rf'^#include "{PUBLIC}/([^"]+)"', text, re.MULTILINE)}
    assert included == PUBLIC_HEADERS_OF_ROOMS[room]


def test_only_tests_include_what_is_for_tests():
    assert not any("testing" in names for names in allowed_edges().values())


@pytest.mark.parametrize("header", files_of(ROOT / "include"), ids=lambda path: path.name)
def test_a_public_header_includes_only_arrow_the_standard_library_and_public_headers(header):
    included = re.findall(r'^#include ([<"])([^>"]+)[>"]', header.read_text(), re.MULTILINE)
    assert included or header.name == "export.h"
    for bracket, name in included:
        if bracket == '"':
            assert name.startswith(PUBLIC + "/"), f"{header.name} includes {name}"
        elif "/" in name:
            assert name.startswith("arrow/"), f"{header.name} includes {name}"
            assert "internal" not in name
