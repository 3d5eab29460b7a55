"""An epoch that was prepared while another was consumed is the epoch that it would have been."""

import millstream as ms
from millstream import _core

ROWS = 20_000


def plan():
    return _core.Plan.range(ROWS, 8).random_shuffle("per_execution", 5)


def epoch_of(stream):
    rows = []
    while (batch := stream.next()) is not None:
        rows += batch.pylist(0)
    return rows


def open_pass(passes, epoch, expected, batch_size=700):
    return passes.open(
        seed=5,
        epoch=epoch,
        batch_size=batch_size,
        drop_last=False,
        prefetch_batches=2,
        preserve_order=True,
        next_pass_expected=expected,
    )


def test_a_prepared_epoch_has_the_order_of_one_begun_afresh():
    engine = _core.Engine(num_cpus=2, memory_limit=256 << 20)
    passes = _core.Passes(engine, plan())
    for epoch in range(4):
        afresh = epoch_of(open_pass(_core.Passes(engine, plan()), epoch, False))
        assert sorted(afresh) == list(range(ROWS))
        assert epoch_of(open_pass(passes, epoch, True)) == afresh


def test_what_was_prepared_for_another_epoch_or_batch_size_is_not_used():
    engine = _core.Engine(num_cpus=2, memory_limit=256 << 20)
    passes = _core.Passes(engine, plan())
    epoch_of(open_pass(passes, 0, True))
    afresh = epoch_of(open_pass(_core.Passes(engine, plan()), 7, False))
    assert epoch_of(open_pass(passes, 7, True)) == afresh
    afresh = epoch_of(open_pass(_core.Passes(engine, plan()), 8, False))
    assert epoch_of(open_pass(passes, 8, True, batch_size=300)) == afresh


def test_what_was_prepared_in_vain_is_given_back():
    engine = _core.Engine(num_cpus=2, memory_limit=256 << 20)
    passes = _core.Passes(engine, plan())
    stream = open_pass(passes, 0, True)
    stream.next()
    stream.close()
    passes.close()
    assert engine.memory_used() == 0


def test_the_passes_of_an_iterator_are_the_epochs_in_turn(tmp_path):
    ms.range(ROWS).write_parquet(str(tmp_path))
    seed = ms.RandomSeedConfig(3, reseed_after_execution=True)

    def epochs(prepared):
        iterators = [ms.read_parquet(str(tmp_path)).random_shuffle(seed=seed).iterator()]
        orders = []
        for epoch in range(4):
            if not prepared and epoch > 0:
                state = iterators[-1].state_dict()
                iterators.append(ms.read_parquet(str(tmp_path)).random_shuffle(seed=seed).iterator())
                iterators[-1].load_state_dict(state)
            orders.append([row["id"] for row in iterators[-1].iter_rows()])
        return orders

    assert epochs(prepared=True) == epochs(prepared=False)
