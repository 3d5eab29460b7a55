"""Scalers, normalizers, power transforms, imputers and bins, against plain numpy and pandas."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import millstream as ms
from millstream import col
from millstream.preprocessors import (
    CustomKBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PowerTransformer,
    RobustScaler,
    SimpleImputer,
    StandardScaler,
    UniformKBinsDiscretizer,
)

NAN = float("nan")


@pytest.fixture(scope="module")
def frame():
    """Doubles with nulls and NaN, whole numbers, a constant, zeros, and a column without a value."""
    rng = np.random.default_rng(17)
    rows = 400
    return pd.DataFrame(
        {
            "x": np.where(rng.random(rows) < 0.2, NAN, rng.normal(3, 5, rows)),
            "n": rng.integers(-50, 90, rows),
            "one": np.full(rows, 7.5),
            "zero": np.zeros(rows),
            "none": np.full(rows, NAN),
        }
    )


@pytest.fixture(scope="module")
def numbers(frame, tmp_path_factory):
    """The frame in Parquet; half of what is missing in x is null, half NaN. n has nulls of its own."""
    missing = np.flatnonzero(frame["x"].isna())
    x = [None if row in set(missing[::2]) else value for row, value in enumerate(frame["x"])]
    columns = {"x": pa.array(x, pa.float64()), "n": pa.array(frame["n"]), "one": pa.array(frame["one"])}
    table = pa.table({**columns, "zero": pa.array(frame["zero"]), "none": pa.nulls(len(frame), pa.float64())})
    path = tmp_path_factory.mktemp("numbers")
    pq.write_table(table, path / "a.parquet", row_group_size=90)
    return ms.read_parquet(path)


def values(ds, name):
    return np.array([NAN if value is None else value for value in ds.to_arrow().column(name).to_pylist()], float)


def scaled(frame, name, shift, scale):
    return ((frame[name] - shift) / scale).to_numpy()


def test_standard_scaler(numbers, frame):
    scaler = StandardScaler(["x", "n", "one", "none"])
    result = scaler.fit_transform(numbers)
    assert result.columns() == ["x", "n", "one", "zero", "none"]
    for name in ("x", "n"):
        assert scaler.stats_[f"mean({name})"] == pytest.approx(frame[name].mean())
        assert scaler.stats_[f"std({name})"] == pytest.approx(frame[name].std(ddof=0))
        expected = scaled(frame, name, frame[name].mean(), frame[name].std(ddof=0))
        np.testing.assert_allclose(values(result, name), expected, atol=1e-12)
    assert set(values(result, "one")) == {0.0}
    assert scaler.stats_["mean(none)"] is None
    assert result.to_arrow().column("none").null_count == 400


def test_min_max_scaler(numbers, frame):
    scaler = MinMaxScaler(["x", "n", "one", "none"], output_columns=["a", "b", "c", "d"])
    result = scaler.fit_transform(numbers)
    assert result.columns() == ["x", "n", "one", "zero", "none", "a", "b", "c", "d"]
    for name, output in (("x", "a"), ("n", "b")):
        least, greatest = frame[name].min(), frame[name].max()
        assert (scaler.stats_[f"min({name})"], scaler.stats_[f"max({name})"]) == (least, greatest)
        np.testing.assert_allclose(values(result, output), scaled(frame, name, least, greatest - least))
    assert set(values(result, "c")) == {0.0}
    assert np.isnan(values(result, "d")).all()
    np.testing.assert_array_equal(values(result, "n"), frame["n"])


def test_max_abs_scaler(numbers, frame):
    scaler = MaxAbsScaler(["x", "n", "zero", "none"])
    result = scaler.fit_transform(numbers)
    assert scaler.stats_["abs_max(n)"] == frame["n"].abs().max()
    np.testing.assert_allclose(values(result, "x"), frame["x"] / frame["x"].abs().max())
    assert set(values(result, "zero")) == {0.0}
    assert np.isnan(values(result, "none")).all()


@pytest.mark.parametrize("quantiles", [(0.25, 0.75), (0.1, 0.95)])
def test_robust_scaler(numbers, frame, quantiles):
    scaler = RobustScaler(["x", "n", "one", "none"], quantile_range=quantiles)
    result = scaler.fit_transform(numbers)
    for name in ("x", "n"):
        low, median, high = frame[name].quantile([quantiles[0], 0.5, quantiles[1]])
        assert scaler.stats_[f"low_quantile({name})"] == pytest.approx(low)
        assert scaler.stats_[f"high_quantile({name})"] == pytest.approx(high)
        np.testing.assert_allclose(values(result, name), scaled(frame, name, median, high - low), atol=1e-12)
    assert set(values(result, "one")) == {0.0}
    assert np.isnan(values(result, "none")).all()


def test_a_scaler_reaches_into_the_plan(numbers, capsys):
    def bytes_read(ds):
        ds.explain()
        plan = capsys.readouterr().out
        assert "MapBatches" not in plan
        return re.search(r"\((\d+) bytes\) to be read", plan)[1]

    few = StandardScaler(["n"]).fit_transform(numbers).filter(expr=col("x") > 0).select_columns(["n"])
    assert bytes_read(few) == bytes_read(numbers.filter(expr=col("x") > 0).select_columns(["n"]))
    assert int(bytes_read(few)) < int(bytes_read(numbers))


def test_what_one_data_set_taught_is_applied_to_another(numbers, frame):
    other = ms.from_items([{"x": 1.0, "n": 2**60}, {"x": None, "n": -4}])
    result = StandardScaler(["x", "n"]).fit(numbers).transform(other)
    mean, std = frame["n"].mean(), frame["n"].std(ddof=0)
    np.testing.assert_allclose(values(result, "n"), [(2**60 - mean) / std, (-4 - mean) / std])


@pytest.mark.parametrize("kind", [StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler])
def test_scalers_of_no_row_and_of_one(numbers, kind):
    empty = kind(["x", "n"]).fit(numbers.limit(0))
    assert empty.fit_status() is kind.FitStatus.FITTED
    assert np.isnan(values(empty.transform(numbers), "n")).all()
    assert kind(["n"]).fit(numbers).transform(numbers.limit(0)).to_arrow().num_rows == 0
    one = kind(["one"]).fit_transform(numbers.limit(1)).take_all()
    assert one[0]["one"] == (1.0 if kind is MaxAbsScaler else 0.0)


@pytest.mark.parametrize("kind", [StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler])
def test_scalers_say_which_column_is_wrong(numbers, rows, kind):
    with pytest.raises(KeyError, match="no column 'nn'; did you mean 'n'"):
        kind(["nn"]).fit(numbers)
    with pytest.raises(TypeError, match=f"{kind.__name__}: column 'name' of type string does not hold numbers"):
        kind(["name"]).fit(rows)
    with pytest.raises(TypeError, match="column 'n' of type string does not hold numbers"):
        kind(["n"]).fit(numbers).transform(ms.from_items([{"n": "7"}]))
    with pytest.raises(KeyError, match="no column 'n'"):
        kind(["n"]).fit(numbers).transform(rows)


def test_arguments_of_scalers_are_checked():
    with pytest.raises(TypeError, match=r"columns takes a list of names: \['x'\]"):
        StandardScaler("x")
    with pytest.raises(ValueError, match="columns has the name 'x' twice"):
        MinMaxScaler(["x", "x"])
    with pytest.raises(ValueError, match="output_columns has 1 names and columns has 2"):
        MaxAbsScaler(["x", "y"], output_columns=["z"])
    with pytest.raises(ValueError, match="quantile_range must be from 0 to 1, the lower one first"):
        RobustScaler(["x"], quantile_range=(0.9, 0.1))
    with pytest.raises(TypeError, match="quantile_range takes two numbers"):
        RobustScaler(["x"], quantile_range=0.5)


NORMS = {
    "l1": lambda part: part.abs().sum(axis=1),
    "l2": lambda part: np.sqrt((part**2).sum(axis=1)),
    "max": lambda part: part.abs().max(axis=1),
}


@pytest.mark.parametrize("norm", NORMS)
def test_normalizer(numbers, frame, norm):
    part = frame[["x", "n", "one"]]
    result = Normalizer(["x", "n", "one"], norm=norm, output_columns=["a", "n", "b"]).transform(numbers)
    for name, output in (("x", "a"), ("n", "n"), ("one", "b")):
        np.testing.assert_allclose(values(result, output), part[name] / NORMS[norm](part))


def test_normalizer_of_zeros_and_of_an_unknown_norm(numbers):
    assert np.isnan(values(Normalizer(["zero"]).fit_transform(numbers), "zero")).all()
    with pytest.raises(ValueError, match="norm must be 'l1', 'l2', 'max', got 'l3'"):
        Normalizer(["x"], norm="l3")


@pytest.mark.parametrize("power", [-1, 0, 0.5, 2, 2.5])
def test_power_transformer(numbers, frame, power):
    def yeo_johnson(x):
        if x >= 0:
            return np.log1p(x) if power == 0 else ((x + 1) ** power - 1) / power
        return -np.log1p(-x) if power == 2 else -((1 - x) ** (2 - power) - 1) / (2 - power)

    result = PowerTransformer(["x", "n"], power=power).transform(numbers)
    for name in ("x", "n"):
        np.testing.assert_allclose(values(result, name), [yeo_johnson(x) for x in frame[name]])
    box = PowerTransformer(["one"], power=power, method="box-cox").transform(numbers)
    assert values(box, "one")[0] == pytest.approx(np.log(7.5) if power == 0 else (7.5**power - 1) / power)


def test_power_transformer_checks_its_arguments():
    with pytest.raises(ValueError, match="method must be 'yeo-johnson' or 'box-cox', got 'log'"):
        PowerTransformer(["x"], power=1, method="log")
    with pytest.raises(TypeError, match="power must be a number, not str"):
        PowerTransformer(["x"], power="1")


# ---- imputer ----
def test_imputer_of_means(numbers, frame):
    imputer = SimpleImputer(["x", "n"])
    result = imputer.fit_transform(numbers)
    assert imputer.stats_ == {"mean(x)": pytest.approx(frame["x"].mean()), "mean(n)": frame["n"].mean()}
    np.testing.assert_allclose(values(result, "x"), frame["x"].fillna(frame["x"].mean()))
    whole = ms.from_items([{"n": 1}, {"n": None}, {"n": 4}])
    assert [row["n"] for row in SimpleImputer(["n"]).fit_transform(whole).take_all()] == [1.0, 2.5, 4.0]


def test_imputer_of_most_frequent_values():
    texts = [*"bbaacc", None, "c", None]
    table = pa.table({"s": texts, "d": pa.array(texts).dictionary_encode(), "t": [*"bbaa", None, None, None, "c", "d"]})
    imputer = SimpleImputer(["s", "d", "t"], strategy="most_frequent", output_columns=["s2", "d2", "t2"])
    result = imputer.fit_transform(ms.from_arrow(table)).to_arrow()
    assert imputer.stats_ == {"most_frequent(s)": "c", "most_frequent(d)": "c", "most_frequent(t)": "a"}
    assert result["s2"].to_pylist() == result["d2"].to_pylist() == [*"bbaaccccc"]
    assert result["t2"].to_pylist() == [*"bbaaaaacd"]
    assert result["s"].null_count == 2


def test_imputer_of_constants(numbers, frame):
    imputer = SimpleImputer(["x", "none", "more"], strategy="constant", fill_value=0)
    assert imputer.fit_status() is imputer.FitStatus.NOT_FITTABLE
    result = imputer.transform(numbers)
    np.testing.assert_allclose(values(result, "x"), frame["x"].fillna(0))
    assert set(values(result, "none")) == set(values(result, "more")) == {0.0}
    table = pa.table({"f": pa.array([1.5, None], pa.float32()), "i": pa.array([1, None], pa.int32())})
    filled = SimpleImputer(["f", "i"], strategy="constant", fill_value=0.25).transform(ms.from_arrow(table)).to_arrow()
    assert filled.schema.types == [pa.float32(), pa.float64()]
    assert filled.to_pydict() == {"f": [1.5, 0.25], "i": [1.0, 0.25]}


def test_imputer_says_what_is_wrong(numbers):
    with pytest.raises(ValueError, match="strategy must be 'mean', 'most_frequent', 'constant', got 'median'"):
        SimpleImputer(["x"], strategy="median")
    with pytest.raises(ValueError, match="strategy='constant' needs a fill_value"):
        SimpleImputer(["x"], strategy="constant")
    for strategy in ("mean", "most_frequent"):
        with pytest.raises(ValueError, match="column 'none' had no value in the data set that fit"):
            SimpleImputer(["none"], strategy=strategy).fit_transform(numbers)
    with pytest.raises(TypeError, match=r"'\?' cannot fill the gaps of column 'n', which holds numbers \(int64\)"):
        SimpleImputer(["n"], strategy="constant", fill_value="?").transform(numbers)


# ---- bins ----
@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("lowest", [True, False])
def test_custom_bins_are_those_of_pandas(numbers, frame, right, lowest):
    edges = {"x": [-5, -1.5, 0, 2, 3, 3.5, 9], "n": [-40, -3, 0, 50, 51]}
    made = CustomKBinsDiscretizer(["x", "n"], edges, right=right, include_lowest=lowest).transform(numbers)
    for name, bins in edges.items():
        expected = pd.cut(frame[name], bins, right=right, include_lowest=lowest, labels=False)
        np.testing.assert_array_equal(values(made, name), expected)
    assert made.schema().types[1] == pa.int64()


@pytest.mark.parametrize("right", [True, False])
def test_uniform_bins_are_those_of_pandas(numbers, frame, right):
    discretizer = UniformKBinsDiscretizer(["x", "n", "one"], {"x": 7, "n": 3, "one": 4}, right=right)
    made = discretizer.fit_transform(numbers)
    for name, bins in (("x", 7), ("n", 3), ("one", 4)):
        expected, edges = pd.cut(frame[name], bins, right=right, labels=False, retbins=True)
        np.testing.assert_array_equal(values(made, name), expected)
        np.testing.assert_array_equal(discretizer.stats_[name], edges)
    beyond = discretizer.transform(ms.from_items([{"x": 1e9, "n": 0, "one": None}])).take_all()
    assert beyond == [{"x": None, "n": 1, "one": None}]


def test_bins_with_names(numbers, frame):
    dtype = pd.CategoricalDtype(["low", "middle", "high"], ordered=True)
    bins, dtypes = [-60, 0, 30, 90], {"n": dtype, "x": np.int8}
    discretizer = CustomKBinsDiscretizer(["n", "x"], bins, dtypes=dtypes, output_columns=["a", "b"])
    made = discretizer.transform(numbers).to_pandas()
    assert made["a"].cat.ordered
    expected = pd.cut(frame["n"], bins, labels=["low", "middle", "high"])
    assert made["a"].astype(object).tolist() == expected.astype(object).tolist()
    with pytest.raises(ValueError, match=r"dtypes\['n'\] has 3 categories for 2 bins"):
        CustomKBinsDiscretizer(["n"], [0, 1, 2], dtypes={"n": dtype}).transform(numbers)


@pytest.mark.parametrize("closed", ["left", "right"])
def test_bins_of_intervals(numbers, frame, closed):
    intervals = pd.IntervalIndex.from_tuples([(-50, -20), (0, 10), (10, 40)], closed=closed)
    made = CustomKBinsDiscretizer(["n"], intervals).transform(numbers)
    codes = pd.cut(frame["n"], intervals).cat.codes.to_numpy().astype(float)
    np.testing.assert_array_equal(values(made, "n"), np.where(codes < 0, NAN, codes))


def test_bins_say_what_is_wrong(numbers):
    with pytest.raises(ValueError, match="bins has an edge twice"):
        CustomKBinsDiscretizer(["n"], [0, 1, 1, 2])
    assert CustomKBinsDiscretizer(["n"], [-60, 0, 0, 90], duplicates="drop").transform(numbers).max("n") == 1
    with pytest.raises(ValueError, match="bins must increase"):
        CustomKBinsDiscretizer(["n"], [2, 1])
    with pytest.raises(ValueError, match="bins is a dict without column 'x'"):
        UniformKBinsDiscretizer(["n", "x"], {"n": 3})
    with pytest.raises(TypeError, match="bins must be a whole number, not float"):
        UniformKBinsDiscretizer(["n"], 3.0).fit(numbers)
    with pytest.raises(ValueError, match="column 'none' has no value in this data set"):
        UniformKBinsDiscretizer(["none"], 3).fit(numbers)
    with pytest.raises(ValueError, match="column 'x' holds infinity"):
        UniformKBinsDiscretizer(["x"], 3).fit(ms.from_items([{"x": 1.0}, {"x": float("inf")}]))
