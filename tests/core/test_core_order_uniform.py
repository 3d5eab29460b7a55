"""Orders that the engine gives are uniform: positions by chi-square, neighbours and epochs by correlation.

Seeds are fixed, so a pass stays a pass; had they been drawn, each bound would fail a truly uniform shuffle with the
probability that `FALSE_ALARM` states (two-sided: too even is as wrong as too uneven). Forty-two bounds are checked,
so all of them together would fail it about once in 24,000 runs.
"""

import math
from statistics import NormalDist

import numpy as np
import pytest
from millstream import _core

FALSE_ALARM = 1e-6
DEVIATIONS = NormalDist().inv_cdf(1 - FALSE_ALARM / 2)  # 4.9
ENGINE = _core.Engine(num_cpus=1, memory_limit=256 << 20)

# rows, and how many (seed, epoch) pairs: 2^k - 1, 2^k, 2^k + 1
SIZES = [(15, 640), (16, 640), (17, 640), (1023, 120), (1024, 120), (1025, 120), (65535, 10), (65536, 10), (65537, 10)]


def order_of(rows, seed, epoch):
    """The row at each position."""
    plan = _core.Plan.range(rows, 1).random_shuffle("per_execution", seed)
    stream = _core.execute(
        ENGINE, plan, seed=seed, epoch=epoch, batch_size=rows, drop_last=False, prefetch_batches=1, preserve_order=True
    )
    return np.array(stream.next().numpy(0))


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: f"{size[0]} rows")
def orders(request):
    """One order a line: seeds 0, 1, 2, … with ten epochs each, as users choose them."""
    rows, count = request.param
    return np.stack([order_of(rows, pair // 10, pair % 10) for pair in range(count)])


def chi_square_deviation(statistic, freedom):
    """Standard deviations from what is to be expected (Wilson and Hilferty's cube root, good from 100 degrees on)."""
    spread = 2 / (9 * freedom)
    return ((statistic / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)


def position_counts(orders, bins):
    """How often rows of each bin came at positions of each bin, and how often they should."""
    count, rows = orders.shape
    bin_of = np.arange(rows) * bins // rows
    sizes = np.bincount(bin_of, minlength=bins)
    positions = np.broadcast_to(bin_of, orders.shape)
    seen = np.bincount((bin_of[orders] * bins + positions).ravel(), minlength=bins * bins).reshape(bins, bins)
    return seen, count * np.outer(sizes, sizes) / rows


def position_deviation(orders):
    rows = orders.shape[1]
    bins = min(rows, 16)
    seen, wanted = position_counts(orders, bins)
    # Drawn without replacement: the sum is (n / (n - 1)) times a chi-square of (bins - 1)^2 degrees of freedom.
    statistic = ((seen - wanted) ** 2 / wanted).sum() * (rows - 1) / rows
    return chi_square_deviation(statistic, (bins - 1) ** 2)


def serial_deviation(orders, lag):
    """Circular serial correlation, averaged; mean -1/(n-1), variance near n^2 / ((n-1)^2 (n-2)) (Wald, Wolfowitz)."""
    count, rows = orders.shape
    centred = orders - (rows - 1) / 2
    correlation = (centred * np.roll(centred, lag, axis=1)).sum(axis=1) / (centred**2).sum(axis=1)
    expected = -1 / (rows - 1)
    spread = rows / ((rows - 1) * math.sqrt(rows - 2))
    return (correlation.mean() - expected) / (spread / math.sqrt(count))


def pair_deviation(first, second):
    """Correlation between the ranks that rows have in two orders, averaged: mean 0, variance 1/(n-1) each."""
    count, rows = first.shape
    ranks = [np.argsort(orders, axis=1) - (rows - 1) / 2 for orders in (first, second)]
    correlation = (ranks[0] * ranks[1]).sum(axis=1) / (ranks[0] ** 2).sum(axis=1)
    return correlation.mean() * math.sqrt(rows - 1) * math.sqrt(count)


def test_every_order_is_a_permutation(orders):
    assert (np.sort(orders, axis=1) == np.arange(orders.shape[1])).all()


def test_each_row_is_as_often_at_each_position(orders):
    assert abs(position_deviation(orders)) < DEVIATIONS


@pytest.mark.parametrize("lag", [1, 2])
def test_neighbours_are_not_correlated(orders, lag):
    assert abs(serial_deviation(orders, lag)) < DEVIATIONS


def test_epochs_and_seeds_that_follow_each_other_are_not_correlated(orders):
    assert abs(pair_deviation(orders[:-1:2], orders[1::2])) < DEVIATIONS  # epochs e and e + 1
    assert len(orders) < 20 or abs(pair_deviation(orders[:-10], orders[10:])) < DEVIATIONS  # seeds s and s + 1


def test_the_bounds_catch_what_is_not_uniform():
    random = np.random.default_rng(3)
    shuffled = np.stack([random.permutation(64) for _ in range(300)])
    assert abs(position_deviation(shuffled)) < DEVIATIONS
    windowed = np.stack(
        [np.concatenate([random.permutation(16) + 16 * block for block in range(4)]) for _ in range(300)]
    )
    rotated = (np.arange(64) + random.integers(64, size=300)[:, None]) % 64
    for orders in (windowed, rotated):
        assert abs(position_deviation(orders)) > DEVIATIONS or abs(serial_deviation(orders, 1)) > DEVIATIONS
    near_copies = shuffled.copy()
    near_copies[:, :32] = shuffled[:, 31::-1]
    assert abs(pair_deviation(shuffled, near_copies)) > DEVIATIONS
