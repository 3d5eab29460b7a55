/// Partitions that do not fit are parted again: results are those of one table that has all rows, however deep, and errors leave nothing behind.

#include <gtest/gtest.h>

#include <arrow/api.h>

#include <algorithm>
#include <random>

#include "ingest/partition_groups.h"
#include "testing/charge_faults.h"
#include "testing/test_engine.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT
using BatchPtr = std::shared_ptr<arrow::RecordBatch>;

constexpr int64_t kKiB = 1 << 10;

std::shared_ptr<arrow::Schema> RowSchema() { return arrow::schema({arrow::field("k", arrow::int64()), arrow::field("v", arrow::int64())}); }

const std::vector<AggregateSpec>& Specs() {
  static const std::vector<AggregateSpec> specs = {{AggregateKind::kCount, -1, "rows"}, {AggregateKind::kSum, 1, "sum"}, {AggregateKind::kUnique, 1, "values"}};
  return specs;
}

Result<std::unique_ptr<GroupTable>> NewTable(arrow::MemoryPool* pool) { return GroupTable::Make(RowSchema(), {0}, Specs(), pool); }

/// `of_one_key` of the rows have the key -1.
std::vector<BatchPtr> Rows(int64_t count, int64_t keys, double of_one_key, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<BatchPtr> batches;
  for (int64_t begin = 0; begin < count; begin += 500) {
    arrow::Int64Builder key, value;
    for (int64_t row = begin; row < std::min(begin + 500, count); ++row) {
      const bool one = static_cast<double>(random() % 1000) < of_one_key * 1000;
      EXPECT_TRUE(key.Append(one ? -1 : static_cast<int64_t>(random() % static_cast<uint64_t>(keys))).ok());
      EXPECT_TRUE(value.Append(row).ok());
    }
    const int64_t rows = key.length();
    batches.push_back(arrow::RecordBatch::Make(RowSchema(), rows, {*key.Finish(), *value.Finish()}));
  }
  return batches;
}

std::vector<std::string> LinesOf(const std::vector<BatchPtr>& batches) {
  std::vector<std::string> lines;
  for (const auto& batch : batches) {
    const auto rows = RenderBatch(*batch);
    lines.insert(lines.end(), rows.begin(), rows.end());
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<std::string> Expected(const std::vector<BatchPtr>& rows) {
  auto table = *NewTable(arrow::default_memory_pool());
  for (const auto& batch : rows) EXPECT_TRUE(table->Consume(*batch).ok());
  return LinesOf({*table->Finish()});
}

/// A lane whose pools have their floors and no more, and what it aggregated.
class LaneOfGroups {
 public:
  LaneOfGroups(Engine& engine, int64_t groups_bytes) : engine_(engine), memory_(std::make_shared<LedgerGroup>(0)), groups_bytes_(groups_bytes) {}

  Status Run(const std::vector<BatchPtr>& rows) {
    ARROW_RETURN_NOT_OK(OpenPools());
    std::shared_ptr<ShuffleStore> store;
    ARROW_RETURN_NOT_OK(Move(rows).Value(&store));
    const auto make_table = [this] { return NewTable(pools_.groups->for_libraries()); };
    PartitionGroups groups({&engine_, &cancellation_, make_table, pools_, 0, 1, &written_, &read_back_});
    groups.Begin({store, 0, 0});
    ARROW_RETURN_NOT_OK(Drain(&groups));
    for (auto& part : groups.TakeLarge()) {
      ++left_for_last_;
      if (alone_bytes_ > 0 && !pools_.groups->ledger()->TrySetFloor(alone_bytes_)) return MakeError(ErrorKind::kBudget, "no floor for the test");
      groups.Begin(std::move(part), /*alone=*/true);
      ARROW_RETURN_NOT_OK(Drain(&groups));
    }
    return Status::OK();
  }

  std::vector<std::string> lines() const { return LinesOf(results_); }
  int parts() const { return parts_; }
  int left_for_last() const { return left_for_last_; }
  int64_t written() const { return written_; }
  int64_t read_back() const { return read_back_; }
  /// The floor for those that are left for last.
  void GiveWhenAlone(int64_t bytes) { alone_bytes_ = bytes; }

 private:
  Status OpenPools() {
    ARROW_RETURN_NOT_OK(engine_.OpenPool("groups", groups_bytes_).Value(&pools_.groups));
    ARROW_RETURN_NOT_OK(engine_.OpenPool("exchange", 512 * kKiB).Value(&pools_.exchange));
    ARROW_RETURN_NOT_OK(engine_.OpenPool("spill", ShuffleWriter::FixedBytes(StagingBytes(engine_.options().memory_limit_bytes), /*has_arrays=*/true)).Value(&pools_.spill));
    for (const auto& pool : {pools_.groups, pools_.exchange, pools_.spill}) pool->ledger()->JoinGroup(memory_);
    return Status::OK();
  }

  /// All rows into one partition, a batch's groups at a time.
  Result<std::shared_ptr<ShuffleStore>> Move(const std::vector<BatchPtr>& rows) {
    ARROW_ASSIGN_OR_RAISE(const auto table, NewTable(pools_.groups->for_libraries()));
    ARROW_ASSIGN_OR_RAISE(auto store, MakeGroupStore(engine_, table->partial_schema(), 1, 32 * kKiB));
    GroupWriter writer(store.get(), 0, 0, pools_);
    for (const auto& batch : rows) {
      ARROW_RETURN_NOT_OK(table->Consume(*batch));
      ARROW_RETURN_NOT_OK(writer.Part(*table));
    }
    ARROW_RETURN_NOT_OK(writer.Finish(128 * kKiB));
    return store;
  }

  Status Drain(PartitionGroups* groups) {
    while (!groups->at_end()) {
      ARROW_ASSIGN_OR_RAISE(const auto results, groups->Next());
      results_.insert(results_.end(), results.begin(), results.end());
      ++parts_;
    }
    return Status::OK();
  }

  Engine& engine_;
  const std::shared_ptr<LedgerGroup> memory_;
  const int64_t groups_bytes_;
  GroupWriter::Pools pools_;
  Cancellation cancellation_;
  std::atomic<int64_t> written_{0}, read_back_{0};
  std::vector<BatchPtr> results_;
  int64_t alone_bytes_ = 0;
  int parts_ = 0;
  int left_for_last_ = 0;
};

TEST(PartitionGroupsTest, APartitionThatFitsIsNotParted) {
  TestEngine host;
  const auto rows = Rows(5000, 300, 0, TestSeed());
  LaneOfGroups lane(*host.engine(), 8 << 20);
  const Status status = lane.Run(rows);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(lane.lines(), Expected(rows));
  if (host.engine()->options().always_spill) return;
  EXPECT_EQ(lane.parts(), 1);
  EXPECT_EQ(lane.written(), 0);
}

TEST(PartitionGroupsTest, AsDeepAsNeedBe) {
  SCOPED_TRACE(ReplayNote());
  TestEngine host;
  const auto rows = Rows(60'000, 20'000, 0, TestSeed());
  for (const int64_t bytes : {2048 * kKiB, 256 * kKiB}) {
    LaneOfGroups lane(*host.engine(), bytes);
    const Status status = lane.Run(rows);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(lane.lines(), Expected(rows));
    EXPECT_GT(lane.parts(), bytes < 1024 * kKiB ? 200 : 16);
    EXPECT_GT(lane.written(), 0);
    EXPECT_GT(lane.read_back(), 0);
    EXPECT_LE(lane.read_back(), lane.written());
  }
  EXPECT_EQ(host.Leftovers(), "");
}

TEST(PartitionGroupsTest, OneKeyWithHalfTheRowsIsLeftForLastAndTakesTheMemoryOfAll) {
  SCOPED_TRACE(ReplayNote());
  TestEngine host;
  const auto rows = Rows(40'000, 3000, 0.5, TestSeed());
  LaneOfGroups lane(*host.engine(), 512 * kKiB);
  lane.GiveWhenAlone(8 << 20);
  const Status status = lane.Run(rows);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(lane.lines(), Expected(rows));
  EXPECT_EQ(lane.left_for_last(), 1);
}

TEST(PartitionGroupsTest, AGroupThatIsTooLargeIsNamed) {
  TestEngine host;
  {
    LaneOfGroups lane(*host.engine(), 512 * kKiB);
    const Status status = lane.Run(Rows(40'000, 3000, 0.5, 7));
    EXPECT_EQ(KindOf(status), ErrorKind::kBudget) << status;
    EXPECT_NE(status.message().find("k = -1"), std::string::npos) << status;
    EXPECT_NE(status.message().find("memory_limit"), std::string::npos) << status;
  }
  EXPECT_EQ(host.Leftovers(), "");
}

/// Runs a small job that is parted twice with fault number 0, `stride`, … until a run meets none.
template <typename Inject>
int64_t FailEach(Inject inject, ErrorKind kind, int64_t stride = 1) {
  const auto rows = Rows(40, 24, 0.3, 5);
  const auto expected = Expected(rows);
  for (int64_t index = 0;; index += stride) {
    SCOPED_TRACE("fault number " + std::to_string(index));
    TestEngine host({.lanes = 1, .always_spill = true});
    bool met = false;
    {
      LaneOfGroups lane(*host.engine(), 512 * kKiB);
      lane.GiveWhenAlone(1024 * kKiB);
      auto struck = inject(host, index);
      const Status status = lane.Run(rows);
      met = struck();
      if (status.ok()) {
        EXPECT_EQ(lane.lines(), expected);
      } else {
        EXPECT_EQ(KindOf(status), kind) << status;
      }
      EXPECT_TRUE(met || status.ok()) << status;
      host.env().ClearFaults();
    }
    EXPECT_EQ(host.Leftovers(), "");
    if (!met || ::testing::Test::HasFailure()) return index;
  }
}

TEST(PartitionGroupsTest, EveryFailedCallIsTheRightAnswerOrACleanError) {
  for (const EnvCall call : {EnvCall::kRead, EnvCall::kWrite, EnvCall::kCreate}) {
    const int64_t struck = FailEach(
        [&](TestEngine& host, int64_t index) {
          const int64_t before = host.env().faults();
          host.env().FailCall(call, index, ErrorKind::kIo);
          return [&host, before] { return host.env().faults() > before; };
        },
        ErrorKind::kIo);
    EXPECT_GT(struck, 2) << NameOf(call) << " " << struck;
  }
}

TEST(PartitionGroupsTest, EveryRefusedChargeIsTheRightAnswerOrACleanError) {
  const int64_t struck = FailEach(
      [](TestEngine& host, int64_t index) {
        auto faults = std::make_shared<ChargeFaults>(host.engine()->budget());
        faults->RefuseCharge(index);
        return [faults, index]() mutable {
          const bool met = faults->charges() > index;
          faults.reset();
          return met;
        };
      },
      ErrorKind::kBudget, /*stride=*/11);
  EXPECT_GT(struck, 200);
}

}  // namespace
}  // namespace millstream
