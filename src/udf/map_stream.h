#pragma once
/// A function applied to the batches of a stream, in their order, several calls at a time.
///
/// The rows that come out are numbered through within the source of their input batch (docs/order.md). The schema is that of the first results: those of the
/// first few calls where the first has columns of nulls only. Later results are brought to it. Without results it is what the function says of the input's.

#include <memory>
#include <string>
#include <vector>

#include "exec/polled_stream.h"
#include "plan/batch_function.h"
#include "udf/function_calls.h"

namespace millstream {

/// Reserves memory for the batches that are under way, under this name. Before the input is opened, which may take all that is free.
Result<std::shared_ptr<Ledger>> ReserveCalls(const Engine& engine, const std::string& name);

/// Each batch of `input` is one call. `epoch`: what random numbers of its calls come from. `ledger`: of ReserveCalls; null: reserved now.
Result<PolledStreamPtr> OpenMapStream(std::shared_ptr<Engine> engine, PolledStreamPtr input, const BatchFunction& function, NameSource name_source,
                                      const EpochKey& epoch = EpochKey{}, std::shared_ptr<Ledger> ledger = nullptr);

struct NamedFunction {
  std::shared_ptr<const BatchFunction> function;
  NameSource name_source;  // of the rows that it is given
};
/// The same with functions that are called one after the other with each batch: several only of those that fuse (function_chain.h).
Result<PolledStreamPtr> OpenFusedStream(std::shared_ptr<Engine> engine, PolledStreamPtr input, std::vector<NamedFunction> functions, const EpochKey& epoch,
                                        std::shared_ptr<Ledger> ledger);

}  // namespace millstream
