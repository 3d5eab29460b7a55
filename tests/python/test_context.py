"""Settings under ray.data's names."""

import copy
import pickle

import pytest

import millstream as ms
from millstream.ray_settings import RAY_SETTINGS


@pytest.fixture(autouse=True)
def _own_context():
    before = ms.DataContext._set_current(None)
    yield
    ms.DataContext._set_current(before)


def test_there_is_one_context_a_process_and_it_deep_copies():
    context = ms.DataContext.get_current()
    assert ms.DataContext.get_current() is context
    copied = copy.deepcopy(context)
    copied.execution_options.preserve_order = False
    assert context.execution_options.preserve_order is True
    assert pickle.loads(pickle.dumps(copied)).execution_options == copied.execution_options


def test_every_field_of_ray_data_can_be_read_and_set():
    context = ms.DataContext.get_current()
    for name in RAY_SETTINGS:
        getattr(context, name)
        setattr(context, name, "anything")
        assert getattr(context, name) == "anything"
    context.issue_detectors_config = None
    context.target_max_block_size = 1 << 20
    assert "target_max_block_size=1048576" in repr(context)


def test_defaults_are_not_shared_between_contexts():
    ms.DataContext().issue_detectors_config.hanging = 1
    ms.DataContext().retried_io_errors.append("mine")
    assert not hasattr(ms.DataContext().issue_detectors_config, "hanging")
    assert "mine" not in ms.DataContext().retried_io_errors


def test_a_field_that_is_not_there_is_named():
    with pytest.raises(AttributeError, match="no field 'preserve_odor'"):
        _ = ms.DataContext().preserve_odor
    with pytest.raises(TypeError, match="no field 'preserve_odor'"):
        ms.DataContext(preserve_odor=True)


def test_a_set_keeps_the_settings_it_was_made_with():
    ms.DataContext.get_current().enable_progress_bars = False
    early = ms.range(3)
    ms.DataContext.get_current().enable_progress_bars = True
    assert early.context.enable_progress_bars is False
    assert early.limit(1).context.enable_progress_bars is False
    assert ms.range(3).context.enable_progress_bars is True


def test_a_with_block_borrows_a_context():
    context = ms.DataContext()
    outer = ms.DataContext.get_current()
    with ms.DataContext.current(context):
        assert ms.DataContext.get_current() is context
    assert ms.DataContext.get_current() is outer


def test_own_settings_are_kept():
    context = ms.DataContext()
    context.set_config("mine", 3)
    assert context.copy().get_config("mine") == 3
    context.remove_config("mine")
    assert context.get_config("mine", "gone") == "gone"


def test_execution_options_hold_ray_datas_fields():
    options = ms.ExecutionOptions(
        resource_limits=ms.ExecutionResources(cpu=2), preserve_order=False, verbose_progress=False
    )
    assert options.resource_limits.cpu == 2
    assert options == copy.deepcopy(options)
    assert options != ms.ExecutionOptions()
