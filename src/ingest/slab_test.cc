#include "ingest/slab.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <gtest/gtest.h>

#include "column/gather.h"
#include "exchange/column_form.h"
#include "testing/batch_generator.h"
#include "testing/charge_faults.h"
#include "testing/test_engine.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

/// Fills a slab with the rows of `batch` as two writers would: flat values and validity in place, arrays in two parts.
Status Fill(const arrow::RecordBatch& batch, const std::vector<int>& widths, Slab* slab) {
  ARROW_RETURN_NOT_OK(slab->Allocate());
  const int64_t rows = batch.num_rows(), half = rows / 2;
  for (int column = 0; column < batch.num_columns(); ++column) {
    const auto& array = *batch.column(column);
    if (widths[column] > 0) {
      std::memcpy(slab->flat_values(column, 0), array.data()->buffers[1]->data(), static_cast<size_t>(rows * widths[column]));
      ARROW_ASSIGN_OR_RAISE(uint8_t* valid, slab->flat_valid(column, 0));
      for (int64_t row = 0; row < rows; ++row) valid[row] = array.IsValid(row);
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const auto stored, ToStorage(array.data(), slab->pool()));
    slab->AddArray(column, half, stored->Slice(half, rows - half));
    slab->AddArray(column, 0, stored->Slice(0, half));
  }
  slab->MarkWritten(rows);
  return Status::OK();
}

constexpr int64_t kBatchRows = 40;

TEST(Slab, AFinishThatIsRefusedAnywhereGoesOnWhereItStopped) {
  const auto schema = arrow::schema({arrow::field("n", arrow::int64()), arrow::field("s", arrow::utf8()), arrow::field("f", arrow::float32()),
                                     arrow::field("d", arrow::dictionary(arrow::int8(), arrow::utf8())), arrow::field("l", arrow::list(arrow::int32()))});
  const auto batch = RandomBatch(schema, {.rows = 90, .null_share = 0.2, .seed = 5});
  const auto widths = FlatWidths(*schema);
  const auto budget = Budget::Make(64 << 20);
  const std::shared_ptr<Ledger> ledger = *Budget::Open(budget, "batches", 0);
  ChargeFaults faults(budget);
  for (int64_t index = 0;; ++index) {
    SCOPED_TRACE("refused charge " + std::to_string(index));
    Slab slab(0, batch->num_rows(), kBatchRows, schema, &widths, HandOverPool::Make(ledger, PageArena::Make(64 << 20)));
    ASSERT_TRUE(Fill(*batch, widths, &slab).ok());
    faults.RefuseCharge(index);
    auto finished = slab.Finish();
    const bool refused = !finished.ok();
    if (refused) finished = slab.Finish();
    ASSERT_TRUE(finished.ok()) << finished.status();
    ASSERT_EQ(finished->size(), 3u);
    for (size_t part = 0; part < 3; ++part) {
      ASSERT_TRUE((*finished)[part]->ValidateFull().ok());
      EXPECT_EQ(RenderBatch(*(*finished)[part]), RenderBatch(*batch->Slice(static_cast<int64_t>(part) * kBatchRows, kBatchRows)));
    }
    if (refused) continue;
    EXPECT_GT(index, 5);
    return;
  }
}

TEST(Slab, ADictionaryHoldsTheValuesOfItsBatchByFirstAppearance) {
  const auto type = arrow::dictionary(arrow::int8(), arrow::int64());
  const auto schema = arrow::schema({arrow::field("d", type)});
  const auto widths = FlatWidths(*schema);
  const std::shared_ptr<Ledger> ledger = *Budget::Open(Budget::Make(64 << 20), "batches", 0);
  // 300 values, of which a batch of 100 rows can number its own.
  Slab slab(0, 300, 100, schema, &widths, HandOverPool::Make(ledger, PageArena::Make(64 << 20)));
  ASSERT_TRUE(slab.Allocate().ok());
  arrow::Int64Builder builder;
  for (int64_t row = 0; row < 300; ++row) ASSERT_TRUE(builder.Append(row).ok());
  slab.AddArray(0, 0, (*builder.Finish())->data());
  const auto batches = slab.Finish();
  ASSERT_TRUE(batches.ok()) << batches.status();
  ASSERT_EQ(batches->size(), 3u);
  for (const auto& batch : *batches) {
    const auto& column = static_cast<const arrow::DictionaryArray&>(*batch->column(0));
    EXPECT_EQ(column.dictionary()->length(), 100);
    EXPECT_EQ(column.GetValueIndex(99), 99);
  }
}

}  // namespace
}  // namespace millstream
