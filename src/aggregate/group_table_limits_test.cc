// What tables do where memory ends: each allocation is refused in turn.

#include <arrow/api.h>
#include <gtest/gtest.h>

#include "aggregate/group_table.h"
#include "memory/budget_pool.h"
#include "testing/batch_generator.h"
#include "testing/charge_faults.h"
#include "testing/column_oracle.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT
using arrow::field;
using BatchPtr = std::shared_ptr<arrow::RecordBatch>;

constexpr int64_t kMiB = 1 << 20;

struct Memory {
  explicit Memory(int64_t limit = 256 * kMiB)
      : budget(Budget::Make(limit)), arena(PageArena::Make(limit)), pool(BudgetPool::Make(*Budget::Open(budget, "groups", 0), arena)), faults(budget) {}
  std::shared_ptr<Budget> budget;
  std::shared_ptr<PageArena> arena;
  std::shared_ptr<BudgetPool> pool;
  ChargeFaults faults;
};

std::shared_ptr<arrow::Schema> Schema() {
  return arrow::schema({field("number", arrow::int16()), field("text", arrow::utf8()), field("x", arrow::float64()), field("whole", arrow::int32())});
}

BatchPtr Batch(int64_t rows, uint64_t seed) { return RandomBatch(Schema(), {.rows = rows, .null_share = 0.1, .distinct = static_cast<int>(rows / 2), .seed = seed}); }

std::vector<AggregateSpec> EverySpec() {
  std::vector<AggregateSpec> specs = {{AggregateKind::kCount, -1, "rows"}};
  for (int kind = 0; kind <= static_cast<int>(AggregateKind::kAsList); ++kind) {
    for (const int column : {1, 2, 3}) {
      AggregateSpec spec{static_cast<AggregateKind>(kind), column, "x", column != 3};
      spec.quantiles = {0.5};
      if (ResultField(spec, *Schema()).ok()) specs.push_back(spec);
    }
  }
  return specs;
}

std::vector<std::vector<std::string>> Rendered(const arrow::RecordBatch& batch) {
  std::vector<std::vector<std::string>> columns;
  for (const auto& column : batch.columns()) columns.push_back(RenderRows(*column));
  return columns;
}

/// Calls `call` with the i-th charge refused for each i, until it needs no more. Each refusal leaves results as `before` has them, and the
/// call that is not refused makes them `after`.
template <typename Call>
void ExpectRefusalsToLeaveTheTable(Memory* memory, GroupTable* table, const arrow::RecordBatch& before, const arrow::RecordBatch& after, Call call) {
  const auto wanted = Rendered(before);
  int64_t refusals = 0;
  for (;; ++refusals) {
    memory->faults.RefuseCharge(refusals);
    const Status status = call();
    memory->faults.RefuseCharge(-1);
    if (status.ok()) break;
    ASSERT_EQ(KindOf(status), ErrorKind::kBudget) << status;
    ASSERT_EQ(Rendered(*table->Finish().ValueOrDie()), wanted) << "after refusal " << refusals;
    ASSERT_LT(refusals, 10'000);
  }
  EXPECT_GT(refusals, 5);
  EXPECT_EQ(Rendered(*table->Finish().ValueOrDie()), Rendered(after));
}

BatchPtr ResultOf(const std::vector<int>& keys, const std::vector<BatchPtr>& batches) {
  auto table = GroupTable::Make(Schema(), keys, EverySpec(), arrow::default_memory_pool()).ValueOrDie();
  for (const auto& batch : batches) EXPECT_TRUE(table->Consume(*batch).ok());
  return table->Finish().ValueOrDie();
}

const std::vector<std::vector<int>> kKeySets = {{0}, {1}, {0, 3}, {1, 0}, {}};

TEST(GroupTableLimits, ARefusedBatchLeavesTheTableAndCanBeRepeated) {
  for (const auto& keys : kKeySets) {
    Memory memory;
    {
      auto table = GroupTable::Make(Schema(), keys, EverySpec(), memory.pool.get()).ValueOrDie();
      const auto first = Batch(50, 1), second = Batch(700, 2);
      ASSERT_TRUE(table->Consume(*first).ok());
      ExpectRefusalsToLeaveTheTable(&memory, table.get(), *ResultOf(keys, {first}), *ResultOf(keys, {first, second}), [&] { return table->Consume(*second); });
      if (HasFatalFailure()) return;
      EXPECT_GT(table->bytes(), 0);
      table->Clear();
    }
    EXPECT_EQ(memory.budget->used_bytes(), 0);
  }
}

TEST(GroupTableLimits, RefusedPartialsLeaveTheTableAndCanBeRepeated) {
  for (const auto& keys : kKeySets) {
    Memory memory;
    {
      auto table = GroupTable::Make(Schema(), keys, EverySpec(), memory.pool.get()).ValueOrDie();
      auto other = GroupTable::Make(Schema(), keys, EverySpec(), arrow::default_memory_pool()).ValueOrDie();
      const auto first = Batch(50, 1), second = Batch(700, 2);
      ASSERT_TRUE(table->Consume(*first).ok());
      ASSERT_TRUE(other->Consume(*second).ok());
      const auto partials = other->PartialsOf(0, 1).ValueOrDie();
      ExpectRefusalsToLeaveTheTable(&memory, table.get(), *ResultOf(keys, {first}), *ResultOf(keys, {first, second}), [&] { return table->ConsumePartials(*partials); });
      if (HasFatalFailure()) return;
    }
    EXPECT_EQ(memory.budget->used_bytes(), 0);
  }
}

TEST(GroupTableLimits, RefusedResultsAndPartialsLeaveTheTable) {
  for (const auto& keys : kKeySets) {
    Memory memory;
    {
      auto table = GroupTable::Make(Schema(), keys, EverySpec(), memory.pool.get()).ValueOrDie();
      const auto batch = Batch(60, 3), more = Batch(10, 4);
      ASSERT_TRUE(table->Consume(*batch).ok());
      const auto result = ResultOf(keys, {batch}), result_with_more = ResultOf(keys, {batch, more});
      ExpectRefusalsToLeaveTheTable(&memory, table.get(), *result, *result, [&] { return table->PartialsOf(1, 3).status(); });
      ASSERT_TRUE(table->Consume(*more).ok());
      ExpectRefusalsToLeaveTheTable(&memory, table.get(), *result_with_more, *result_with_more, [&] { return table->Finish().status(); });
      if (HasFatalFailure()) return;
    }
    EXPECT_EQ(memory.budget->used_bytes(), 0);
  }
}

TEST(GroupTableLimits, HoldsWhatItSays) {
  Memory memory;
  auto table = GroupTable::Make(Schema(), {1}, EverySpec(), memory.pool.get()).ValueOrDie();
  for (uint64_t seed = 0; seed < 20; ++seed) ASSERT_TRUE(table->Consume(*Batch(2000, seed)).ok());
  EXPECT_NEAR(static_cast<double>(table->bytes()), static_cast<double>(memory.budget->used_bytes()), 0.2 * static_cast<double>(memory.budget->used_bytes()));
  ASSERT_TRUE(table->TakePartials(4).ok());
  EXPECT_EQ(table->groups(), 0);
  EXPECT_LT(memory.budget->used_bytes(), kMiB);
}

}  // namespace
}  // namespace millstream
