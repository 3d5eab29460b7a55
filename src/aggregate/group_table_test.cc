#include "aggregate/group_table.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <cmath>

#include "column/gather.h"
#include "aggregate/ordered_bytes.h"
#include "testing/aggregate_oracle.h"
#include "testing/batch_generator.h"
#include "testing/type_catalog.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT
using arrow::field;

constexpr AggregateKind kEveryKind[] = {AggregateKind::kCount,          AggregateKind::kSum,           AggregateKind::kMin,      AggregateKind::kMax,
                                        AggregateKind::kMean,           AggregateKind::kStd,           AggregateKind::kAbsMax,   AggregateKind::kMissingPercentage,
                                        AggregateKind::kZeroPercentage, AggregateKind::kQuantile,      AggregateKind::kApproximateQuantile,
                                        AggregateKind::kApproximateTopK, AggregateKind::kUnique,       AggregateKind::kCountDistinct,
                                        AggregateKind::kValueCounter,   AggregateKind::kAsList};

AggregateSpec SpecOf(AggregateKind kind, int column, bool ignore_nulls) {
  AggregateSpec spec{kind, column, std::string(NameOf(kind)), ignore_nulls};
  spec.quantile = 0.3;
  spec.quantiles = {0, 0.25, 0.5, 0.99, 1};
  spec.k = 2;
  return spec;
}

/// Whether random values are likely not to fit the result.
bool Overflows(AggregateKind kind, const arrow::DataType& type) {
  if (kind == AggregateKind::kAbsMax) return type.id() == arrow::Type::INT8;
  return kind == AggregateKind::kSum && (type.id() == arrow::Type::INT64 || type.id() == arrow::Type::UINT64);
}

/// Every kind that the column can be aggregated by, over nulls and not.
std::vector<AggregateSpec> EverySpec(const arrow::Schema& schema, int column) {
  std::vector<AggregateSpec> specs = {{AggregateKind::kCount, -1, "rows"}};
  for (const AggregateKind kind : kEveryKind) {
    for (const bool ignore_nulls : {true, false}) {
      auto spec = SpecOf(kind, column, ignore_nulls);
      if (Overflows(kind, *StorageType(schema.field(column)->type()))) continue;
      if (ResultField(spec, schema).ok()) specs.push_back(spec);
    }
  }
  return specs;
}

/// Compares all of the table's results with the oracle's.
void ExpectOracle(const arrow::RecordBatch& batch, const std::vector<int>& keys, const std::vector<AggregateSpec>& specs, const arrow::RecordBatch& result) {
  ASSERT_TRUE(result.ValidateFull().ok()) << result.ValidateFull();
  std::vector<std::shared_ptr<arrow::Array>> key_columns;
  for (const int key : keys) key_columns.push_back(batch.column(key));
  const auto groups = GroupRows(key_columns, batch.num_rows());
  ASSERT_EQ(result.num_rows(), static_cast<int64_t>(groups.size()));
  for (int64_t group = 0; group < result.num_rows(); ++group) {
    const auto& rows = groups[group];
    for (size_t i = 0; i < keys.size(); ++i) {
      ASSERT_EQ(CompareRows(*key_columns[i], rows[0], *result.column(static_cast<int>(i)), group), 0) << result.column(static_cast<int>(i))->ToString();
    }
    for (size_t i = 0; i < specs.size(); ++i) {
      const auto column = specs[i].column < 0 ? nullptr : batch.column(specs[i].column);
      const auto wrong = WrongAggregate(specs[i], column.get(), rows, *result.column(static_cast<int>(keys.size() + i)), group);
      ASSERT_EQ(wrong, "") << NameOf(specs[i].kind) << (specs[i].ignore_nulls ? "" : " with nulls") << " of group " << group << " of "
                           << (column == nullptr ? "" : column->type()->ToString());
    }
  }
}

std::shared_ptr<arrow::RecordBatch> Aggregate(const arrow::RecordBatch& batch, const std::vector<int>& keys, const std::vector<AggregateSpec>& specs) {
  auto table = GroupTable::Make(batch.schema(), keys, specs, arrow::default_memory_pool());
  EXPECT_TRUE(table.ok()) << table.status();
  const Status consumed = (*table)->Consume(batch);
  EXPECT_TRUE(consumed.ok()) << consumed;
  auto result = (*table)->Finish();
  EXPECT_TRUE(result.ok()) << result.status();
  return *result;
}

TEST(GroupTable, GroupsByEveryTypeThatHasAnOrder) {
  for (const auto& type : EveryType()) {
    const auto schema = arrow::schema({field("key", type), field("x", arrow::int32())});
    if (!HasOrder(*StorageType(type))) {
      EXPECT_EQ(KindOf(GroupTable::Make(schema, {0}, {}, arrow::default_memory_pool()).status()), ErrorKind::kType) << type->ToString();
      continue;
    }
    for (auto options : ArrayShapes()) {
      for (const int distinct : {0, 5}) {
        options.distinct = distinct;
        const auto batch = RandomBatch(schema, options);
        const std::vector<AggregateSpec> specs = {{AggregateKind::kCount, -1, "n"}, {AggregateKind::kSum, 1, "sum"}};
        SCOPED_TRACE(type->ToString());
        ExpectOracle(*batch, {0}, specs, *Aggregate(*batch, {0}, specs));
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(GroupTable, GroupsBySeveralKeys) {
  const auto schema = arrow::schema({field("a", arrow::int16()), field("b", arrow::float32()), field("c", arrow::utf8()), field("d", arrow::list(arrow::utf8())),
                                     field("e", arrow::boolean()), field("x", arrow::float64())});
  for (auto options : ArrayShapes()) {
    options.distinct = 2;
    const auto batch = RandomBatch(schema, options);
    const std::vector<AggregateSpec> specs = {{AggregateKind::kCount, -1, "n"}, {AggregateKind::kMean, 5, "mean"}};
    for (const std::vector<int>& keys : {std::vector<int>{0, 1}, {0, 1, 4}, {1, 0, 4, 0}, {2, 0}, {0, 2}, {2, 2}, {3, 2, 1}, {2, 3}, {}}) {
      ExpectOracle(*batch, keys, specs, *Aggregate(*batch, keys, specs));
      if (HasFatalFailure()) return;
    }
  }
}

TEST(GroupTable, AggregatesEveryTypeByEveryKind) {
  for (const auto& type : EveryType()) {
    const auto schema = arrow::schema({field("key", arrow::int8()), field("x", type)});
    const auto specs = EverySpec(*schema, 1);
    for (auto options : ArrayShapes()) {
      for (const int distinct : {0, 6}) {
        options.distinct = distinct;
        auto batch = RandomBatch(schema, options);
        SCOPED_TRACE(type->ToString());
        for (const std::vector<int>& keys : {std::vector<int>{0}, {}}) {
          ExpectOracle(*batch, keys, specs, *Aggregate(*batch, keys, specs));
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

}  // namespace
}  // namespace millstream
