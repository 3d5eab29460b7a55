#include "aggregate/group_table.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <optional>
#include <set>

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
      options.distinct = options.seed % 2 == 0 ? 0 : 6;
      const auto batch = RandomBatch(schema, options);
      SCOPED_TRACE(type->ToString());
      for (const std::vector<int>& keys : {std::vector<int>{0}, {}}) {
        ExpectOracle(*batch, keys, specs, *Aggregate(*batch, keys, specs));
        if (HasFatalFailure()) return;
      }
    }
  }
}

/// A batch of one key column of int64 and one of doubles.
std::shared_ptr<arrow::RecordBatch> Doubles(const std::vector<std::optional<int64_t>>& keys, const std::vector<std::optional<double>>& numbers) {
  arrow::Int64Builder key_builder;
  arrow::DoubleBuilder number_builder;
  for (const auto& key : keys) EXPECT_TRUE((key.has_value() ? key_builder.Append(*key) : key_builder.AppendNull()).ok());
  for (const auto& number : numbers) EXPECT_TRUE((number.has_value() ? number_builder.Append(*number) : number_builder.AppendNull()).ok());
  return arrow::RecordBatch::Make(arrow::schema({field("key", arrow::int64()), field("x", arrow::float64())}), static_cast<int64_t>(keys.size()),
                                  {key_builder.Finish().ValueOrDie(), number_builder.Finish().ValueOrDie()});
}

double DoubleAt(const arrow::RecordBatch& batch, int column, int64_t row) { return static_cast<const arrow::DoubleArray&>(*batch.column(column)).Value(row); }

const std::vector<AggregateSpec> kNumbers = {{AggregateKind::kSum, 1, "sum"},   {AggregateKind::kMean, 1, "mean"}, {AggregateKind::kMin, 1, "min"},
                                             {AggregateKind::kMax, 1, "max"},   {AggregateKind::kStd, 1, "std"},   {AggregateKind::kQuantile, 1, "median"},
                                             {AggregateKind::kCount, 1, "count"}};

TEST(GroupTable, SumsAreTheNearestDoublesOfWhatIsExact) {
  const auto result = Aggregate(*Doubles({1, 1, 1, 1, 1}, {1e300, 1, 1e-300, -1e300, 0x1p-53}), {0}, kNumbers);
  EXPECT_EQ(DoubleAt(*result, 1, 0), 1 + 0x1p-52) << "just above the tie";
  EXPECT_EQ(DoubleAt(*result, 2, 0), (1 + 0x1p-53) / 5);
}

TEST(GroupTable, AMeanIsFiniteWhereTheSumIsNot) {
  const auto result = Aggregate(*Doubles({1, 1, 2}, {1.7e308, 1.7e308, 5e-324}), {0}, kNumbers);
  EXPECT_EQ(DoubleAt(*result, 1, 0), INFINITY);
  EXPECT_EQ(DoubleAt(*result, 2, 0), 1.7e308);
  EXPECT_EQ(DoubleAt(*result, 5, 0), 0);
  EXPECT_EQ(DoubleAt(*result, 2, 1), 5e-324);
}

TEST(GroupTable, ADeviationDoesNotSufferFromALargeMean) {
  const auto result = Aggregate(*Doubles({1, 1, 1}, {1e15 + 1, 1e15 + 2, 1e15 + 3}), {0}, kNumbers);
  EXPECT_EQ(DoubleAt(*result, 5, 0), 1);
  const auto large = Aggregate(*Doubles({1, 1}, {1e200, -1e200}), {0}, kNumbers);
  EXPECT_DOUBLE_EQ(DoubleAt(*large, 5, 0), std::sqrt(2.0) * 1e200);
}

TEST(GroupTable, PassesOverNanInExtremesAndNotInSums) {
  const auto result = Aggregate(*Doubles({1, 1, 1, 2, 3, 3, 3}, {NAN, 2, 3, NAN, INFINITY, 1, -INFINITY}), {0}, kNumbers);
  EXPECT_TRUE(std::isnan(DoubleAt(*result, 1, 0)) && std::isnan(DoubleAt(*result, 2, 0)) && std::isnan(DoubleAt(*result, 5, 0)));
  EXPECT_EQ(DoubleAt(*result, 3, 0), 2);
  EXPECT_EQ(DoubleAt(*result, 4, 0), 3);
  EXPECT_EQ(DoubleAt(*result, 6, 0), 2.5);
  EXPECT_TRUE(std::isnan(DoubleAt(*result, 3, 1)) && std::isnan(DoubleAt(*result, 4, 1)));
  EXPECT_TRUE(result->column(6)->IsNull(1)) << "a quantile of nothing but NaN";
  EXPECT_TRUE(std::isnan(DoubleAt(*result, 1, 2))) << "infinities cancel";
  EXPECT_EQ(DoubleAt(*result, 3, 2), -INFINITY);
}

TEST(GroupTable, NegativeZeroAndEveryNanAreOneGroupAndComeBeforeNull) {
  arrow::DoubleBuilder builder;
  const double other_nan = std::bit_cast<double>(uint64_t{0xfff8000000000123});
  ASSERT_TRUE(builder.AppendValues({0.0, NAN, -0.0, other_nan, -NAN, INFINITY, -1}).ok());
  ASSERT_TRUE(builder.AppendNulls(2).ok());
  const auto batch = arrow::RecordBatch::Make(arrow::schema({field("key", arrow::float64())}), 9, {builder.Finish().ValueOrDie()});
  const auto result = Aggregate(*batch, {0}, {{AggregateKind::kCount, -1, "n"}});
  const auto& counts = static_cast<const arrow::Int64Array&>(*result->column(1));
  ASSERT_EQ(result->num_rows(), 5);
  EXPECT_EQ(std::vector<int64_t>(counts.raw_values(), counts.raw_values() + 5), (std::vector<int64_t>{1, 2, 1, 3, 2}));
  EXPECT_EQ(DoubleAt(*result, 0, 1), 0);
  EXPECT_FALSE(std::signbit(DoubleAt(*result, 0, 1)));
  EXPECT_TRUE(std::isnan(DoubleAt(*result, 0, 3)));
  EXPECT_TRUE(result->column(0)->IsNull(4));
}

TEST(GroupTable, WithoutKeysNoRowsGiveOneRow) {
  const auto result = Aggregate(*Doubles({}, {}), {}, kNumbers);
  ASSERT_EQ(result->num_rows(), 1);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(result->column(i)->IsNull(0)) << result->schema()->field(i)->name();
  EXPECT_EQ(static_cast<const arrow::Int64Array&>(*result->column(6)).Value(0), 0);
  EXPECT_EQ(Aggregate(*Doubles({}, {}), {0}, kNumbers)->num_rows(), 0);
}

TEST(GroupTable, SumsWholeNumbersBeyondWhatFitsOnTheWay) {
  arrow::Int64Builder builder;
  ASSERT_TRUE(builder.AppendValues({INT64_MAX, INT64_MAX, INT64_MIN, INT64_MIN, 5}).ok());
  const auto batch = arrow::RecordBatch::Make(arrow::schema({field("x", arrow::int64())}), 5, {builder.Finish().ValueOrDie()});
  const auto result = Aggregate(*batch, {}, {{AggregateKind::kSum, 0, "sum"}, {AggregateKind::kMean, 0, "mean"}});
  EXPECT_EQ(static_cast<const arrow::Int64Array&>(*result->column(0)).Value(0), 3);
  EXPECT_EQ(DoubleAt(*result, 1, 0), 0.6);
}

TEST(GroupTable, SaysWhichSumDoesNotFit) {
  const auto sum_of = [](const std::shared_ptr<arrow::Array>& column) {
    const auto schema = arrow::schema({field("price", column->type())});
    auto table = GroupTable::Make(schema, {}, {{AggregateKind::kSum, 0, "sum"}, {AggregateKind::kMean, 0, "mean"}}, arrow::default_memory_pool()).ValueOrDie();
    EXPECT_TRUE(table->Consume(*arrow::RecordBatch::Make(schema, column->length(), {column})).ok());
    return table->Finish().status();
  };
  arrow::Int64Builder integers;
  arrow::UInt64Builder naturals;
  arrow::Decimal128Builder decimals(arrow::decimal128(38, 2));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(integers.Append(INT64_MIN).ok() && naturals.Append(UINT64_MAX).ok());
    ASSERT_TRUE(decimals.Append(arrow::Decimal128::FromString("999999999999999999999999999999999999.99").ValueOrDie()).ok());
  }
  for (const auto& column : {integers.Finish().ValueOrDie(), naturals.Finish().ValueOrDie(), decimals.Finish().ValueOrDie()}) {
    const Status status = sum_of(column);
    EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument);
    EXPECT_NE(status.message().find("'price'"), std::string::npos) << status;
    EXPECT_NE(status.message().find("cast"), std::string::npos) << status;
  }
}

TEST(GroupTable, SaysWhichColumnCannotBeAggregatedSo) {
  const auto schema = arrow::schema({field("name", arrow::utf8()), field("attributes", arrow::map(arrow::utf8(), arrow::utf8()))});
  const auto made = [&](AggregateSpec spec) { return GroupTable::Make(schema, {0}, {std::move(spec)}, arrow::default_memory_pool()).status(); };
  for (const AggregateKind kind : {AggregateKind::kSum, AggregateKind::kMean, AggregateKind::kStd, AggregateKind::kAbsMax, AggregateKind::kZeroPercentage,
                                   AggregateKind::kQuantile, AggregateKind::kApproximateQuantile}) {
    EXPECT_EQ(KindOf(made({kind, 0, "x"})), ErrorKind::kType);
    EXPECT_NE(made({kind, 0, "x"}).message().find("of column 'name' (string)"), std::string::npos) << made({kind, 0, "x"});
  }
  EXPECT_EQ(KindOf(made({AggregateKind::kMin, 1, "x"})), ErrorKind::kType);
  EXPECT_EQ(KindOf(made({AggregateKind::kUnique, 1, "x"})), ErrorKind::kType);
  EXPECT_TRUE(made({AggregateKind::kCount, 1, "x"}).ok());
  EXPECT_EQ(KindOf(made({AggregateKind::kSum, 7, "x"})), ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindOf(GroupTable::Make(schema, {2}, {}, arrow::default_memory_pool()).status()), ErrorKind::kInvalidArgument);
}

TEST(GroupTable, RefusesBatchesOfOtherTypes) {
  auto table = GroupTable::Make(arrow::schema({field("key", arrow::int32())}), {0}, {}, arrow::default_memory_pool()).ValueOrDie();
  EXPECT_EQ(KindOf(table->Consume(*Doubles({1}, {1}))), ErrorKind::kType);
  EXPECT_EQ(KindOf(table->ConsumePartials(*Doubles({1}, {1}))), ErrorKind::kType);
}

TEST(GroupTable, ListsAreInTheOrderOfRowNumbers) {
  const auto batch = Doubles({1, 2, 1, 1}, {5, 6, 4, std::nullopt});
  auto table = GroupTable::Make(batch->schema(), {0}, {{AggregateKind::kAsList, 1, "list"}, {AggregateKind::kAsList, 1, "all", false}}, arrow::default_memory_pool()).ValueOrDie();
  ASSERT_TRUE(table->Consume(*batch, std::vector<uint64_t>{30, 20, 12, 11}.data()).ok());
  ASSERT_TRUE(table->Consume(*batch, std::vector<uint64_t>{3, 2, 1, 0}.data()).ok());
  const auto result = table->Finish().ValueOrDie();
  EXPECT_EQ(result->column(1)->GetScalar(0).ValueOrDie()->ToString(), "list<item: double>[4, 5, 4, 5]");
  EXPECT_EQ(result->column(2)->GetScalar(0).ValueOrDie()->ToString(), "list<item: double>[null, 4, 5, null, 4, 5]");
}

TEST(GroupTable, GivesResultsInSlices) {
  const auto schema = arrow::schema({field("key", arrow::utf8()), field("x", arrow::int32())});
  const auto batch = RandomBatch(schema, {.rows = 1000, .null_share = 0.05, .seed = 4});
  const std::vector<AggregateSpec> specs = {{AggregateKind::kSum, 1, "sum"}, {AggregateKind::kUnique, 1, "unique"}, {AggregateKind::kMax, 0, "max"}};
  auto table = GroupTable::Make(schema, {0}, specs, arrow::default_memory_pool()).ValueOrDie();
  ASSERT_TRUE(table->Consume(*batch).ok());
  const auto whole = table->Finish().ValueOrDie();
  for (int64_t begin = 0; begin < table->groups(); begin += 7) {
    const auto slice = table->FinishSlice(begin, 7).ValueOrDie();
    EXPECT_TRUE(slice->Equals(*whole->Slice(begin, 7)));
  }
  ASSERT_TRUE(table->Consume(*batch).ok()) << "rows may come after results";
  EXPECT_EQ(table->Finish().ValueOrDie()->num_rows(), whole->num_rows());
}

TEST(GroupTable, NamesItsColumns) {
  const auto batch = Doubles({1}, {1});
  auto table = GroupTable::Make(batch->schema(), {0}, kNumbers, arrow::default_memory_pool()).ValueOrDie();
  EXPECT_EQ(table->result_schema()->field_names(), (std::vector<std::string>{"key", "sum", "mean", "min", "max", "std", "median", "count"}));
  const auto names = table->partial_schema()->field_names();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
}

}  // namespace
}  // namespace millstream
