"""What importing and a first look cost."""

import pytest

import millstream as ms

HEAVY = "('numpy', 'pyarrow', 'pandas', 'torch', 'rich', 'cloudpickle')"


def test_importing_loads_nothing_else(run_python):
    source = (
        f"import sys, millstream\nprint([m for m in {HEAVY} if m in sys.modules], 'millstream._core' in sys.modules)"
    )
    assert run_python(source) == "[] False\n"


def test_reading_and_looking_needs_none_of_the_heavy_packages(run_python, data):
    source = f"""
import sys, millstream as ms
rows = ms.read_parquet(sys.argv[1]).filter(expr=(ms.col("key") > 2) & ms.col("name").is_not_null())
print([row["key"] for row in rows.take(5)], rows.count(), rows.columns(), repr(rows.schema())[:6])
rows.random_shuffle(seed=1).with_column("b", ms.col("key") % 3).take_all()
repr(rows), rows.materialize().count(), ms.col("key").is_in([1, 2]).to_core()
print([m for m in {HEAVY} if m in sys.modules])
"""
    first, second = run_python(source, str(data)).splitlines()
    assert first.startswith("[3, 4, 5, 6, 7] ")
    assert second == "[]"


def test_every_public_name_is_there():
    assert {name for name in ms.__all__ if getattr(ms, name) is None} == set()
    assert set(ms.__all__) <= set(dir(ms))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="read_parkay"):
        _ = ms.read_parkay
