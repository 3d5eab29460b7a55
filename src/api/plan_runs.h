#pragma once
/// One run of a plan for a result, apart from any iterator: always epoch 0.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ingest/execute.h"

namespace millstream {

/// The seed, or one that is drawn now.
uint64_t SeedOrDrawn(const std::optional<uint64_t>& seed);
/// What ExecuteOptions wants as its seed; 0 where nothing is shuffled.
uint64_t SeedOf(const PlanNode& plan);

/// Calls `use` with every batch, in order, and gives the schema. Blocks.
Result<std::shared_ptr<arrow::Schema>> ForEachBatch(const std::shared_ptr<Engine>& engine, const PlanPtr& plan,
                                                    const std::function<void(std::shared_ptr<arrow::RecordBatch>)>& use);
Result<std::shared_ptr<arrow::Table>> TableOf(const std::shared_ptr<Engine>& engine, const PlanPtr& plan);
/// Rows, by the cheapest way.
Result<int64_t> CountRows(const std::shared_ptr<Engine>& engine, const PlanPtr& plan);
/// The plan's schema; where functions decide it, that of the first batch.
Result<std::shared_ptr<arrow::Schema>> SchemaOf(const std::shared_ptr<Engine>& engine, const PlanPtr& plan);
/// What each stage of a run did, as a table.
Result<std::string> AnalyzeRun(const std::shared_ptr<Engine>& engine, const PlanPtr& plan, int64_t batch_rows);

}  // namespace millstream
