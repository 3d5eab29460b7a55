#pragma once
/// What the stages of an execution did, for Python.

#include <nanobind/nanobind.h>

#include <vector>

#include "exec/stage_statistics.h"

namespace millstream {

/// One dict a stage, in order; the GIL must be held.
nanobind::list StageDicts(const std::vector<const StageStatistics*>& stages);

/// One tuple a dead letter, stage by stage: stage, source, first and last row, error, traceback. The GIL must be held.
nanobind::list DeadLetterTuples(const std::vector<const StageStatistics*>& stages);

}  // namespace millstream
