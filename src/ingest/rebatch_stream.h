#pragma once
/// A stream cut into batches of one size.

#include "exec/polled_stream.h"
#include "ingest/scan_stream.h"

namespace millstream {

struct RebatchOptions {
  int64_t batch_rows = 1024;
  bool within_source = false;  // no batch has rows of two sources
  bool drop_last = false;
  int64_t joined_bytes = 0;    // reserved for batches that are joined of several; 0: a small share of the limit
};

/// Slices where the input's batches have rows enough, joined copies where a batch spans several.
Result<PolledStreamPtr> OpenRebatchStream(const std::shared_ptr<Engine>& engine, PolledStreamPtr input, const RebatchOptions& options);

}  // namespace millstream
