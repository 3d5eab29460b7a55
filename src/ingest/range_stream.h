#pragma once
/// The ranges that files are read in, one a batch, in order. They are known before anything is read, so no lane is asked for them: of a small file that would take longer
/// than reading it.

#include "exec/polled_stream.h"
#include "ops/scan_columns.h"

namespace millstream {

/// `ranges`: of MakeFileRanges.
PolledStreamPtr OpenRangeStream(const Engine& engine, std::shared_ptr<const ScanSource> ranges);

}  // namespace millstream
