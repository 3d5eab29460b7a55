#include "testing/oracle_tables.h"

#include <gtest/gtest.h>

#include "ops/table_source.h"
#include "testing/batch_generator.h"

namespace millstream::testing_support {

Batches RandomBatches(const std::shared_ptr<arrow::Schema>& schema, std::mt19937_64* random, int64_t rows_max) {
  Batches batches;
  const auto shapes = ArrayShapes();
  for (uint64_t count = 1 + (*random)() % 5; count > 0; --count) {
    ArrayOptions options = shapes[(*random)() % shapes.size()];
    options.rows = (*random)() % 5 == 0 ? 0 : static_cast<int64_t>((*random)() % static_cast<uint64_t>(rows_max));
    options.seed = (*random)();
    batches.push_back(RandomBatch(schema, options));
  }
  return batches;
}

PlanPtr TablePlan(const std::shared_ptr<arrow::Schema>& schema, const Batches& batches) {
  return SourcePlan("FromArrow", *MakeTableSource(schema, batches));
}

std::vector<IdentifiedRow> Identify(const Batches& batches, uint32_t source) {
  std::vector<IdentifiedRow> rows;
  for (const auto& batch : batches) {
    for (auto& text : RenderBatch(*batch)) rows.push_back({source, static_cast<int64_t>(rows.size()), std::move(text)});
  }
  return rows;
}

std::vector<std::string> TextsOf(std::vector<IdentifiedRow> rows) {
  std::vector<std::string> texts;
  for (auto& row : rows) texts.push_back(std::move(row.text));
  return texts;
}

TestEngineOptions Setting::EngineOptions(uint64_t seed) const {
  return {.lanes = lanes, .always_spill = always_spill, .always_two_passes = two_passes, .random_block = random_block, .seed = seed};
}

std::string Setting::ToString() const {
  return "lanes " + std::to_string(lanes) + (always_spill ? ", spilled" : "") + (random_block ? ", blocked at random" : "") + (two_passes ? ", two passes" : "");
}

std::vector<Setting> Settings() {
  return {{1, false, false}, {2, false, false}, {8, false, false}, {1, true, false},
          {2, true, false},  {8, true, false},  {2, true, true},   {3, false, true},
          {2, false, false, true}, {3, true, false, true}, {2, false, true, true}};
}

void ExpectSameRows(const std::vector<std::string>& got, const std::vector<std::string>& expected) {
  for (size_t row = 0; row < std::min(got.size(), expected.size()); ++row) {
    ASSERT_EQ(got[row], expected[row]) << "row " << row << " of " << got.size();
  }
  ASSERT_EQ(got.size(), expected.size());
}

}  // namespace millstream::testing_support
