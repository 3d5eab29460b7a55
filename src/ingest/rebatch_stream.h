#pragma once
/// A stream cut into batches of one size.

#include "exec/polled_stream.h"
#include "ingest/scan_stream.h"

namespace millstream {

struct RebatchOptions {
  int64_t batch_rows = 1024;
  bool within_source = false;  // no batch has rows of two sources
  bool drop_last = false;
  std::shared_ptr<Ledger> ledger;  // of ReserveBatches; null: reserved now
};

/// For batches that are joined of several: `bytes`, or a small share of the limit where that is 0. Before the input is opened, which may take all that is free.
Result<std::shared_ptr<Ledger>> ReserveBatches(const Engine& engine, int64_t bytes = 0);

/// Slices where the input's batches have rows enough, joined copies where a batch spans several.
Result<PolledStreamPtr> OpenRebatchStream(const std::shared_ptr<Engine>& engine, PolledStreamPtr input, const RebatchOptions& options);

}  // namespace millstream
