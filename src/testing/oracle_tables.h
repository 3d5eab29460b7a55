#pragma once
/// Generated tables as plans, their rows as the oracle sees them, and the settings under which the engine must agree with it.

#include <arrow/record_batch.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "testing/test_engine.h"

namespace millstream::testing_support {

using Batches = std::vector<std::shared_ptr<arrow::RecordBatch>>;

/// One to five batches of random sizes below `rows_max` and of the shapes of ArrayShapes(); some have no rows.
Batches RandomBatches(const std::shared_ptr<arrow::Schema>& schema, std::mt19937_64* random, int64_t rows_max);

/// The batches as an in-memory source.
PlanPtr TablePlan(const std::shared_ptr<arrow::Schema>& schema, const Batches& batches);

/// All rows in order, as rows of `source` numbered from 0.
std::vector<IdentifiedRow> Identify(const Batches& batches, uint32_t source = 0);
std::vector<std::string> TextsOf(std::vector<IdentifiedRow> rows);

/// How an engine may run that must not show in its result.
struct Setting {
  int lanes;
  bool always_spill;
  bool random_block;
  bool two_passes = false;
  TestEngineOptions EngineOptions(uint64_t seed) const;
  std::string ToString() const;
};
std::vector<Setting> Settings();

/// A gtest failure naming the first row that differs.
void ExpectSameRows(const std::vector<std::string>& got, const std::vector<std::string>& expected);

}  // namespace millstream::testing_support
