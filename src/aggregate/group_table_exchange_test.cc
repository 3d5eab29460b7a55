// Tables that exchange partials give what one table gives, bit for bit.

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "aggregate/group_table.h"
#include "column/gather.h"
#include "testing/aggregate_oracle.h"
#include "testing/batch_generator.h"
#include "testing/column_oracle.h"
#include "testing/type_catalog.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT
using arrow::field;
using BatchPtr = std::shared_ptr<arrow::RecordBatch>;
using TablePtr = std::unique_ptr<GroupTable>;

/// Every kind that the column can be aggregated by.
std::vector<AggregateSpec> EverySpec(const arrow::Schema& schema, int column) {
  std::vector<AggregateSpec> specs = {{AggregateKind::kCount, -1, "rows"}};
  for (int kind = 0; kind <= static_cast<int>(AggregateKind::kAsList); ++kind) {
    for (const bool ignore_nulls : {true, false}) {
      AggregateSpec spec{static_cast<AggregateKind>(kind), column, std::string(NameOf(static_cast<AggregateKind>(kind))), ignore_nulls};
      spec.quantiles = {0.1, 0.5, 0.9};
      const auto id = StorageType(schema.field(column)->type())->id();
      const bool overflows = (spec.kind == AggregateKind::kSum && (id == arrow::Type::INT64 || id == arrow::Type::UINT64)) || spec.kind == AggregateKind::kAbsMax;
      if (!overflows && ResultField(spec, schema).ok()) specs.push_back(spec);
    }
  }
  return specs;
}

TablePtr NewTable(const BatchPtr& batch, const std::vector<int>& keys, const std::vector<AggregateSpec>& specs) {
  return GroupTable::Make(batch->schema(), keys, specs, arrow::default_memory_pool()).ValueOrDie();
}

void ExpectSame(const arrow::RecordBatch& left, const arrow::RecordBatch& right) {
  ASSERT_TRUE(left.ValidateFull().ok()) << left.ValidateFull();
  ASSERT_EQ(left.num_rows(), right.num_rows());
  for (int i = 0; i < left.num_columns(); ++i) {
    ASSERT_EQ(RenderRows(*left.column(i)), RenderRows(*right.column(i))) << left.schema()->field(i)->ToString();
  }
}

/// Rows of the batch in random order, cut at random.
std::vector<BatchPtr> Cut(const BatchPtr& batch, std::mt19937_64& random) {
  std::vector<uint32_t> order(static_cast<size_t>(batch->num_rows()));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  for (const auto& column : batch->column_data()) {
    auto stored = ToStorage(column, arrow::default_memory_pool()).ValueOrDie();
    columns.push_back(FromStorage(Gather(*stored, order.data(), batch->num_rows(), arrow::default_memory_pool()).ValueOrDie(), column->type, arrow::default_memory_pool()).ValueOrDie());
  }
  const auto shuffled = arrow::RecordBatch::Make(batch->schema(), batch->num_rows(), std::move(columns));
  std::vector<BatchPtr> pieces;
  for (int64_t begin = 0; begin < batch->num_rows();) {
    const auto rows = static_cast<int64_t>(random() % 40);
    pieces.push_back(shuffled->Slice(begin, rows));
    begin += rows;
  }
  return pieces;
}

/// Results of tables that took the pieces at random and exchanged partials in partitions, some of which went through another table.
BatchPtr Exchanged(const BatchPtr& batch, const std::vector<int>& keys, const std::vector<AggregateSpec>& specs, std::mt19937_64& random) {
  std::vector<TablePtr> tables;
  for (int i = 0; i < 3; ++i) tables.push_back(NewTable(batch, keys, specs));
  const int partitions = 1 + static_cast<int>(random() % 4);
  std::vector<BatchPtr> partials;
  for (const auto& piece : Cut(batch, random)) {
    auto& table = tables[random() % 3];
    EXPECT_TRUE(table->Consume(*piece).ok());
    if (random() % 4 != 0) continue;
    for (auto& taken : table->TakePartials(partitions).ValueOrDie()) partials.push_back(std::move(taken));
  }
  for (auto& table : tables) {
    for (auto& taken : table->TakePartials(partitions).ValueOrDie()) partials.push_back(std::move(taken));
    EXPECT_LE(table->bytes(), 1 << 20);
  }
  std::shuffle(partials.begin(), partials.end(), random);
  auto last = NewTable(batch, keys, specs);
  for (const auto& each : partials) {
    EXPECT_TRUE(each->ValidateFull().ok()) << each->ValidateFull();
    const Status consumed = (random() % 2 == 0 ? last : tables[0])->ConsumePartials(*each);
    EXPECT_TRUE(consumed.ok()) << consumed;
  }
  for (const auto& each : tables[0]->TakePartials(2, 1).ValueOrDie()) EXPECT_TRUE(last->ConsumePartials(*each).ok());
  return last->Finish().ValueOrDie();
}

void ExpectOrderDoesNotMatter(const BatchPtr& batch, const std::vector<int>& keys, const std::vector<AggregateSpec>& specs, uint64_t seed) {
  std::mt19937_64 random(seed);
  auto table = NewTable(batch, keys, specs);
  ASSERT_TRUE(table->Consume(*batch).ok());
  const auto wanted = table->Finish().ValueOrDie();
  for (int repeat = 0; repeat < 2; ++repeat) {
    ExpectSame(*wanted, *Exchanged(batch, keys, specs, random));
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(GroupTableExchange, GivesTheSameForEveryTypeAndKind) {
  for (const auto& type : EveryType()) {
    const auto schema = arrow::schema({field("key", arrow::int8()), field("text", arrow::utf8()), field("x", type)});
    const auto specs = EverySpec(*schema, 2);
    for (auto options : ArrayShapes()) {
      options.distinct = 12;
      SCOPED_TRACE(type->ToString());
      for (const std::vector<int>& keys : {std::vector<int>{0}, {1, 0}, {}}) {
        ExpectOrderDoesNotMatter(RandomBatch(schema, options), keys, specs, options.seed);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(GroupTableExchange, GivesTheSameForDoublesOfAllMagnitudes) {
  const auto schema = arrow::schema({field("key", arrow::uint8()), field("x", arrow::float64())});
  const auto specs = EverySpec(*schema, 1);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random(seed);
    arrow::UInt8Builder keys;
    arrow::DoubleBuilder numbers;
    for (int i = 0; i < 2000; ++i) {
      ASSERT_TRUE(keys.Append(static_cast<uint8_t>(random() % 20)).ok());
      // Magnitudes that cancel, of ever more different sizes with the seed.
      const double number = std::ldexp(static_cast<double>(random() >> 11), static_cast<int>(random() % (1 + seed * 50)) - static_cast<int>(25 * seed) - 53);
      ASSERT_TRUE(numbers.Append(random() % 2 == 0 ? number : -number).ok());
    }
    const auto batch = arrow::RecordBatch::Make(schema, 2000, {keys.Finish().ValueOrDie(), numbers.Finish().ValueOrDie()});
    ExpectOrderDoesNotMatter(batch, {0}, specs, seed);
    if (HasFatalFailure()) return;
  }
}

/// The partials of one sum of doubles with other bytes for the sum.
Status ConsumeForged(const std::string& sum) {
  const auto schema = arrow::schema({field("x", arrow::float64())});
  auto table = GroupTable::Make(schema, {}, {{AggregateKind::kStd, 0, "std"}}, arrow::default_memory_pool()).ValueOrDie();
  auto columns = table->PartialsOf(0, 1).ValueOrDie()->columns();
  arrow::BinaryBuilder builder;
  EXPECT_TRUE(builder.Append(sum).ok());
  columns[2] = builder.Finish().ValueOrDie();
  const Status status = table->ConsumePartials(*arrow::RecordBatch::Make(table->partial_schema(), 1, columns));
  EXPECT_TRUE(table->Finish().ok());
  return status;
}

std::string SumBytes(int32_t base, std::vector<uint64_t> limbs) {
  return std::string(reinterpret_cast<const char*>(&base), 4) + std::string(reinterpret_cast<const char*>(limbs.data()), limbs.size() * 8);
}

TEST(GroupTableExchange, RefusesPartialSumsThatNoTableWrites) {
  EXPECT_TRUE(ConsumeForged(SumBytes(960, {1, 2, 3})).ok());
  EXPECT_TRUE(ConsumeForged(SumBytes(0, std::vector<uint64_t>(35, UINT64_MAX))).ok());
  for (const auto& forged : {std::string(), std::string("abc"), std::string(13, 'x'), SumBytes(-64, {1}), SumBytes(7, {1}), SumBytes(0, {}), SumBytes(INT32_MAX / 64 * 64, {1}),
                             SumBytes(0, std::vector<uint64_t>(40, 1)), SumBytes(2304, {1})}) {
    EXPECT_EQ(KindOf(ConsumeForged(forged)), ErrorKind::kCorruptData) << forged.size();
  }
}

}  // namespace
}  // namespace millstream
