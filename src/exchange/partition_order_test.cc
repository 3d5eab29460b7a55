#include "exchange/partition_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

#include "memory/page_arena.h"

namespace millstream {
namespace {

constexpr EpochKey kEpoch = MakeEpochKey(5, 7);
constexpr int64_t kBudgetBytes = 64 << 20;

/// Rows whose identities it owns.
class SomeRows {
 public:
  void AddRun(uint32_t source, int64_t first_row, std::vector<uint32_t> numbers) {
    Add({source, first_row, 4, nullptr}, runs_.emplace_back(std::move(numbers)));
  }
  void AddPacked(std::vector<uint64_t> packed) { Add({0, 0, 8, nullptr}, packed_.emplace_back(std::move(packed))); }
  const PartitionRows& rows() const { return rows_; }

 private:
  template <typename T>
  void Add(RowIdentities identities, const std::vector<T>& values) {
    identities.data = reinterpret_cast<const uint8_t*>(values.data());
    rows_.pieces.push_back({static_cast<int64_t>(values.size()), identities, {}});
    rows_.count += static_cast<int64_t>(values.size());
  }

  std::deque<std::vector<uint32_t>> runs_;
  std::deque<std::vector<uint64_t>> packed_;
  PartitionRows rows_;
};

struct Row {
  uint64_t key;
  uint64_t identity;
  uint32_t position;
  bool operator<(const Row& other) const { return std::pair(key, identity) < std::pair(other.key, other.identity); }
};

std::vector<Row> InOrder(const PartitionRows& rows) {
  std::vector<Row> out;
  KeyMaker maker(kEpoch);
  for (const PartitionPiece& piece : rows.pieces) {
    std::vector<uint64_t> keys(static_cast<size_t>(piece.count));
    maker.Make(piece.identities, piece.count, keys.data());
    for (int64_t row = 0; row < piece.count; ++row) out.push_back({keys[row], piece.identities.Packed(row), static_cast<uint32_t>(out.size())});
  }
  std::sort(out.begin(), out.end());
  return out;
}

void ExpectInOrder(const PartitionRows& rows, uint32_t partitions) {
  const auto pool = BudgetPool::Make(*Budget::Open(Budget::Make(kBudgetBytes), "order", 0), PageArena::Make(0));
  const auto order = PartitionOrder::Make(ShuffleKeys::All(kEpoch, partitions, 0), rows, pool);
  ASSERT_TRUE(order.ok()) << order.status();
  const auto expected = InOrder(rows);
  ASSERT_EQ(order->count(), static_cast<int64_t>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(order->positions()[i], expected[i].position) << "at " << i << " of " << expected.size();
    ASSERT_EQ(order->KeyOf(static_cast<int64_t>(i)), expected[i].key) << "at " << i;
  }
}

uint64_t Inverse(uint64_t odd) {
  uint64_t inverse = odd;
  for (int step = 0; step < 6; ++step) inverse *= 2 - odd * inverse;
  return inverse;
}

uint64_t Unmixed(uint64_t x) {
  const uint64_t inverse = Inverse(0xe9846af9b1a615dULL);
  x ^= x >> 28 ^ x >> 56;
  x *= inverse;
  x ^= x >> 32;
  x *= inverse;
  return x ^ x >> 32;
}

/// The row of a source that has this key; not one that a file can have.
int64_t RowOfKey(uint32_t source, uint64_t key) {
  const SourceKey of = MakeSourceKey(kEpoch, source);
  const uint64_t row = (Unmixed(Unmixed(key) ^ of.second) - of.first) * Inverse(0x9e3779b97f4a7c15ULL);
  EXPECT_EQ(of.KeyOfRow(row), key);
  return static_cast<int64_t>(row);
}

TEST(PartitionOrder, IsByKeyWhateverTheFormOfIdentities) {
  std::mt19937_64 random(1);
  for (const uint32_t partitions : {1U, 2U, 7U, 1000U}) {
    for (const size_t count : {0, 1, 2, 3, 4, 5, 1000, 33000}) {
      SomeRows some;
      std::vector<std::vector<uint32_t>> runs(3);
      std::vector<uint64_t> packed;
      for (uint64_t row = 0; packed.size() < count; ++row) {
        const uint32_t source = row % 4;
        if (PartitionOfKey(MakeSourceKey(kEpoch, source).KeyOfRow(row), partitions) != partitions / 2) continue;
        if (source < 3) runs[source].push_back(static_cast<uint32_t>(row));
        else packed.push_back(PackIdentity(source, static_cast<int64_t>(row)));
      }
      std::shuffle(packed.begin(), packed.end(), random);
      for (uint32_t source = 0; source < 3; ++source) some.AddRun(source, 0, std::move(runs[source]));
      some.AddPacked(std::move(packed));
      ExpectInOrder(some.rows(), partitions);
    }
  }
}

TEST(PartitionOrder, LooksAtAllOfKeysThatAreNearlyEqual) {
  std::mt19937_64 random(2);
  for (const uint32_t partitions : {1U, 3U}) {
    std::vector<uint64_t> keys;
    for (uint64_t near : {uint64_t{0}, uint64_t{1} << 40, uint64_t{5} << 60}) {
      for (uint64_t step = 0; step < 20; ++step) keys.push_back(near + step);
    }
    std::erase_if(keys, [&](uint64_t key) { return PartitionOfKey(key, partitions) != 0; });
    std::shuffle(keys.begin(), keys.end(), random);
    ASSERT_GE(keys.size(), 40U);
    SomeRows some;
    for (const uint64_t key : keys) some.AddRun(2, RowOfKey(2, key), {0});
    ExpectInOrder(some.rows(), partitions);
  }
}

TEST(PartitionOrder, RowsOfOneKeyAreInTheOrderOfTheirIdentities) {
  SomeRows some;
  for (const uint64_t key : {uint64_t{3}, uint64_t{2}, uint64_t{5}}) {
    for (const uint32_t source : {9, 1, 4}) some.AddRun(source, RowOfKey(source, key), {0});
  }
  ExpectInOrder(some.rows(), 1);
}

}  // namespace
}  // namespace millstream
