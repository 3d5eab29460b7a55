#pragma once
/// One epoch in its global order: scan → scatter → gather → batches.
///
/// Phase one (ScatterPhase) runs until the scan is used up. Phase two (GatherPhase) rebuilds the partitions in order, straight into slabs; the consumer
/// takes slabs in order and cuts them into batches. Gathering runs ahead of the consumer by the plan's `slabs_ahead`.

#include "exec/polled_stream.h"
#include "exec/engine.h"
#include "ingest/held_stream.h"
#include "ingest/scatter_phase.h"

namespace millstream {

struct ShuffleStreamOptions {
  uint64_t seed = 0;
  uint64_t epoch = 0;
  int64_t batch_rows = 1024;
  bool drop_last = false;
  int prefetch_batches = 1;
  StreamPosition resume;       // ties > 0: go on after this position
  bool has_resume = false;
  std::string source_name = "ReadParquet";
  int64_t memory_kept_bytes = 0;  // of the limit: the plan must do with the rest
  std::vector<int> sort_columns;  // where rows are sorted: of the program's output
  bool sorts = false;
  bool splitters_guessed = false;
  int64_t first_pass_bytes = 0;  // ShuffleSizes
  std::vector<int64_t> row_bytes = {};  // StreamSizes; empty: not known
};

Result<PolledStreamPtr> OpenShuffleStream(std::shared_ptr<Engine> engine, std::shared_ptr<const ScanSource> source,
                                                       std::shared_ptr<const RowProgram> program, const ShuffleStreamOptions& options);

/// The same over a stream of about `rows_guess` rows: the first ones are held to see how large rows are.
Result<PolledStreamPtr> OpenShuffleStream(std::shared_ptr<Engine> engine, PolledStreamPtr input, std::shared_ptr<const RowProgram> program, int64_t rows_guess,
                                          const ShuffleStreamOptions& options);

/// What a phase over a source, or over a stream of about `rows_guess` rows, starts from, planned. The stream is to be set.
Result<ScatterPhase::Inputs> ShuffleInputs(std::shared_ptr<Engine> engine, std::shared_ptr<const ScanSource> source, std::shared_ptr<const RowProgram> program,
                                           const ShuffleStreamOptions& options);
Result<ScatterPhase::Inputs> ShuffleInputs(std::shared_ptr<Engine> engine, std::shared_ptr<const RowProgram> program, const HeldStream& held,
                                           int64_t rows_guess, const ShuffleStreamOptions& options);
/// Opens the stream and starts its lanes.
Result<PolledStreamPtr> OpenShuffleStream(ScatterPhase::Inputs inputs, const ShuffleStreamOptions& options);

/// The two halves of the above: a phase that can be started ahead of time, and the stream over it.
Result<std::shared_ptr<ScatterPhase>> MakeScatterPhase(std::shared_ptr<Engine> engine, std::shared_ptr<const ScanSource> source,
                                                       std::shared_ptr<const RowProgram> program, const ShuffleStreamOptions& options,
                                                       ScatterPhase::Earlier earlier = {});
Result<PolledStreamPtr> OpenShuffleStream(std::shared_ptr<ScatterPhase> scatter, const ShuffleStreamOptions& options);

}  // namespace millstream
