"""Encoders and the categorizer, against plain Python and pandas."""

import datetime
from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import millstream as ms
from millstream import col
from millstream.preprocessors import (
    Categorizer,
    LabelEncoder,
    MultiHotEncoder,
    OneHotEncoder,
    OrdinalEncoder,
    PreprocessorNotFittedException,
    SimpleImputer,
)

DAY = datetime.date(2024, 2, 29)


@pytest.fixture(scope="module")
def plain():
    """Columns as lists: texts, numbers, dates, and lists of texts, some of them empty."""
    rng = np.random.default_rng(5)
    rows = 300
    words = [f"w{i}" for i in range(12)]
    return {
        "s": [words[i] for i in rng.zipf(1.4, rows) % 12],
        "n": [int(i) for i in rng.integers(-4, 30, rows)],
        "x": [float(i) / 2 for i in rng.integers(0, 7, rows)],
        "day": [DAY + datetime.timedelta(int(i)) for i in rng.integers(0, 9, rows)],
        "tags": [[words[j] for j in rng.integers(0, 12, rng.integers(0, 5))] for _ in range(rows)],
    }


@pytest.fixture(scope="module")
def things(plain):
    return ms.from_arrow(pa.table(plain))


def numbered(values):
    return {value: number for number, value in enumerate(sorted(set(values)))}


def column(ds, name):
    return ds.to_arrow().column(name).to_pylist()


def test_ordinal_encoder(things, plain):
    encoder = OrdinalEncoder(["s", "n", "x", "day"], output_columns=["s", "n2", "x2", "day2"])
    result = encoder.fit_transform(things)
    assert result.columns() == ["s", "n", "x", "day", "tags", "n2", "x2", "day2"]
    for name, output in zip(encoder.columns, encoder.output_columns, strict=True):
        categories = numbered(plain[name])
        assert encoder.stats_[f"unique_values({name})"] == categories
        assert column(result, output) == [categories[value] for value in plain[name]]


def test_ordinal_encoder_of_lists(things, plain):
    items = OrdinalEncoder(["tags"])
    categories = numbered(tag for tags in plain["tags"] for tag in tags)
    assert column(items.fit_transform(things), "tags") == [[categories[tag] for tag in tags] for tags in plain["tags"]]
    whole = OrdinalEncoder(["tags"], encode_lists=False)
    categories = numbered(map(tuple, plain["tags"]))
    assert column(whole.fit_transform(things), "tags") == [categories[tuple(tags)] for tags in plain["tags"]]
    assert whole.stats_["unique_values(tags)"] == categories


def test_what_was_not_seen_is_null(things):
    other = ms.from_arrow(pa.table({"s": ["w1", "?"], "n": [10**12, 3], "tags": [["?", "w0"], []]}))
    result = OrdinalEncoder(["s", "n", "tags"]).fit(things).transform(other)
    assert [value is None for value in column(result, "s")] == [False, True]
    assert [value is None for value in column(result, "n")] == [True, False]
    assert column(result, "tags") == [[None, 0], []]
    texts = ms.from_arrow(pa.table({"n": ["3", "x"]}))
    assert column(OrdinalEncoder(["n"]).fit(things).transform(texts), "n") == [None, None]


def test_other_widths_and_dictionaries_are_the_same_categories(things):
    encoder = OrdinalEncoder(["s", "n"]).fit(things)
    plain = pa.table({"s": ["w1", "w3"], "n": [0, 29]})
    expected = encoder.transform(ms.from_arrow(plain)).take_all()
    for text, whole in ((pa.large_string(), pa.int8()), (pa.dictionary(pa.int32(), pa.string()), pa.uint16())):
        cast = plain.cast(pa.schema({"s": text, "n": whole}))
        assert encoder.transform(ms.from_arrow(cast)).take_all() == expected


@pytest.mark.parametrize("encoder", [OrdinalEncoder, OneHotEncoder, MultiHotEncoder])
@pytest.mark.parametrize("missing", [None, float("nan")])
def test_missing_values_are_refused(encoder, missing):
    gaps, full = ms.from_items([{"x": 1.0}, {"x": missing}]), ms.from_items([{"x": 1.0}])
    with pytest.raises(ValueError, match=f"{encoder.__name__}: column 'x' has missing values, which are no category"):
        encoder(["x"]).fit(gaps)
    with pytest.raises(ValueError, match=r"column 'x' has a missing value \(row 1 of a batch\).*on rows 0 to 1 of"):
        encoder(["x"]).fit(full).transform(gaps).take_all()
    with pytest.raises(KeyError, match="no column 'y'"):
        encoder(["y"]).fit(full)
    with pytest.raises(KeyError, match="no column 'x'"):
        encoder(["x"]).fit(full).transform(ms.from_items([{"z": 1}]))


def test_one_hot_encoder(things, plain):
    encoder = OneHotEncoder(["s", "n"], max_categories={"n": 5}, output_columns=["s", "top"])
    result = encoder.fit_transform(things).to_arrow()
    assert result.schema.field("s").type == pa.list_(pa.uint8(), 12)
    categories = numbered(plain["s"])
    assert result["s"].to_pylist() == [[int(value == word) for word in categories] for value in plain["s"]]
    by_count = sorted(Counter(plain["n"]).items(), key=lambda pair: (-pair[1], pair[0]))
    top = sorted(value for value, _ in by_count[:5])
    assert list(encoder.stats_["unique_values(n)"]) == top
    assert result["top"].to_pylist() == [[int(value == one) for one in top] for value in plain["n"]]


def test_one_hot_encoder_of_lists(things, plain):
    encoder = OneHotEncoder(["tags"])
    categories = numbered(map(tuple, plain["tags"]))
    expected = [[int(tuple(tags) == one) for one in categories] for tags in plain["tags"]]
    assert column(encoder.fit_transform(things), "tags") == expected


def test_multi_hot_encoder(things, plain):
    encoder = MultiHotEncoder(["tags", "s"], output_columns=["many", "one"])
    result = encoder.fit_transform(things).to_arrow()
    categories = numbered(tag for tags in plain["tags"] for tag in tags)
    assert result["many"].to_pylist() == [[tags.count(one) for one in categories] for tags in plain["tags"]]
    assert result["one"].to_pylist() == [[int(value == one) for one in numbered(plain["s"])] for value in plain["s"]]
    few = MultiHotEncoder(["tags"], max_categories={"tags": 0}).fit_transform(things)
    assert column(few, "tags") == [[]] * 300


def test_of_equally_frequent_categories_the_least_are_taken():
    ties = ms.from_items([{"s": value} for value in "dcbacab"])
    assert OneHotEncoder(["s"], max_categories={"s": 2}).fit(ties).stats_ == {"unique_values(s)": {"a": 0, "b": 1}}


def test_max_categories_are_checked():
    with pytest.raises(ValueError, match=r"max_categories has column 'y', which is not one of \['x'\]"):
        OneHotEncoder(["x"], max_categories={"y": 1})
    with pytest.raises(TypeError, match="max_categories takes a dict of columns and numbers"):
        MultiHotEncoder(["x"], max_categories=3)
    with pytest.raises(TypeError, match=r"max_categories\['x'\] must be a whole number, not float"):
        MultiHotEncoder(["x"], max_categories={"x": 3.5})


def test_label_encoder_and_back(things, plain):
    encoder = LabelEncoder("s", output_column="label")
    encoded = encoder.fit_transform(things)
    categories = numbered(plain["s"])
    assert column(encoded, "label") == [categories[value] for value in plain["s"]]
    assert (encoder.get_input_columns(), encoder.get_output_columns()) == (["s"], ["label"])
    back = encoder.inverse_transform(encoded.drop_columns(["s"]))
    assert column(back, "s") == plain["s"]
    assert column(encoder.inverse_transform(ms.from_items([{"label": 1.0}, {"label": 99}])), "s") == ["w1", None]
    with pytest.raises(PreprocessorNotFittedException, match="LabelEncoder is not fitted: call fit"):
        LabelEncoder("s").inverse_transform(encoded)


def test_encoders_of_no_row_and_of_one(things):
    none = OneHotEncoder(["s"]).fit(things.limit(0))
    assert none.stats_ == {"unique_values(s)": {}}
    assert column(none.transform(things.limit(2)), "s") == [[], []]
    assert OrdinalEncoder(["s"]).fit(things).transform(things.limit(0)).take_all() == []
    assert OrdinalEncoder(["s"]).fit_transform(things.limit(1)).take_all()[0]["s"] == 0


# ---- categorizer ----
def test_categorizer_finds_categories(things, plain):
    categorizer = Categorizer(["s", "n"], output_columns=["s", "c"])
    frame = categorizer.fit_transform(things).to_pandas()
    for name, output in (("s", "s"), ("n", "c")):
        assert categorizer.stats_[name] == pd.CategoricalDtype(sorted(set(plain[name])))
        assert frame[output].cat.categories.tolist() == sorted(set(plain[name]))
        assert frame[output].tolist() == plain[name]


def test_categorizer_takes_categories(things, plain):
    dtype = pd.CategoricalDtype(["w3", "w0", "none of them"], ordered=True)
    categorizer = Categorizer(["s"], dtypes={"s": dtype})
    frame = categorizer.fit_transform(things).to_pandas()
    assert categorizer.stats_ == {"s": dtype}
    assert frame["s"].cat.ordered
    assert frame["s"].astype(object).fillna("").tolist() == [s if s in ("w3", "w0") else "" for s in plain["s"]]
    gaps = ms.from_items([{"s": "b"}, {"s": None}, {"s": "a"}])
    assert column(Categorizer(["s"]).fit_transform(gaps), "s") == ["b", None, "a"]


def test_categories_are_the_same_in_every_batch():
    rows = ms.from_items([{"s": value} for value in "cbacba"]).map_batches(lambda batch: batch, batch_size=2)
    batches = Categorizer(["s"]).fit_transform(rows).iter_batches(batch_size=4, batch_format="pandas")
    assert [batch["s"].cat.categories.tolist() for batch in batches] == [["a", "b", "c"]] * 2


def test_categorizer_checks_its_dtypes():
    with pytest.raises(TypeError, match=r"dtypes\['s'\] must be a pandas.CategoricalDtype with categories, not 'int'"):
        Categorizer(["s"], dtypes={"s": "int"})
    with pytest.raises(ValueError, match="dtypes has column 't'"):
        Categorizer(["s"], dtypes={"t": pd.CategoricalDtype(["a"])})


def test_gaps_can_be_filled_before(things):
    gaps = ms.from_items([{"s": "b"}, {"s": None}, {"s": "a"}, {"s": "b"}])
    filled = SimpleImputer(["s"], strategy="most_frequent").fit_transform(gaps)
    assert column(OrdinalEncoder(["s"]).fit_transform(filled), "s") == [1, 1, 0, 1]
    assert column(OrdinalEncoder(["s"]).fit_transform(gaps.filter(expr=col("s").is_not_null())), "s") == [1, 0, 1]
