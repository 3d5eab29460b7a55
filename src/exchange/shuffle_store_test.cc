/// What the exchange remembers of rows that it has spilled: frames, however many pieces they came in.

#include "exchange/shuffle_store.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "env/env.h"
#include "testing/temporary_directory.h"

namespace millstream {
namespace {

constexpr uint32_t kPartitions = 16;
constexpr int64_t kPieceRows = 64;

/// A store of numbers and texts, and its only writer.
class Exchange {
 public:
  Exchange() {
    ShuffleOptions options;
    options.schema = arrow::schema({arrow::field("n", arrow::int64()), arrow::field("t", arrow::utf8())});
    options.keys = ShuffleKeys::All(EpochKey{}, kPartitions, 0);
    options.staging_bytes = 64 << 10;
    options.spill = *SpillArea::Open({.directory = directory_.path()}, RealEnv());
    store = std::make_unique<ShuffleStore>(std::move(options));
    writer = std::make_unique<ShuffleWriter>(store.get(), 0, pool, pool);
  }

  /// A piece of rows that go to partitions [first, end) in turn.
  size_t AddPiece(uint32_t first, uint32_t end) {
    const auto assign = [&](uint32_t* partition) {
      for (uint32_t row = 0; row < kPieceRows; ++row) partition[row] = first + row % (end - first);
      return Status::OK();
    };
    const auto order = *PieceOrder::MakeBy(kPieceRows, kPartitions, pool, assign);
    const size_t piece = *writer->BeginPiece({0, rows_, kPieceRows, nullptr}, order);
    arrow::StringBuilder texts;
    std::vector<int64_t> numbers(kPieceRows);
    for (int64_t& number : numbers) {
      number = rows_++;
      EXPECT_TRUE(texts.Append("text " + std::to_string(number)).ok());
    }
    EXPECT_TRUE(writer->BeginFlat(piece, 0, 8, 0).ok());
    EXPECT_TRUE(writer->AddFlat(piece, 0, order, 0, kPieceRows, reinterpret_cast<const uint8_t*>(numbers.data()), nullptr).ok());
    EXPECT_TRUE(writer->AddArray(piece, 1, order, (*texts.Finish())->data()).ok());
    return piece;
  }

  /// All texts of the partition, each of which must be that of the number beside it.
  int64_t RowsRead(uint32_t partition) {
    const auto rows = store->Load(partition, pool);
    EXPECT_TRUE(rows.ok()) << rows.status();
    int64_t seen = 0;
    for (const PartitionPiece& piece : rows->pieces) {
      const arrow::StringArray texts(piece.columns[1].array);
      for (int64_t row = 0; row < piece.count; ++row, ++seen) {
        int64_t number;
        std::memcpy(&number, piece.columns[0].values + row * 8, 8);
        EXPECT_EQ(texts.GetString(row), "text " + std::to_string(number));
      }
    }
    EXPECT_EQ(seen, rows->count);
    return seen;
  }

 private:
  TemporaryDirectory directory_;
  int64_t rows_ = 0;

 public:
  const std::shared_ptr<BudgetPool> pool = BudgetPool::Make(*Budget::Open(Budget::Make(64 << 20), "exchange", 0), PageArena::Make(0));
  std::unique_ptr<ShuffleStore> store;
  std::unique_ptr<ShuffleWriter> writer;
};

TEST(ShuffleStore, ForgetsPiecesThatAreAllOnDisk) {
  constexpr int64_t kPieces = 50;
  Exchange exchange;
  for (int64_t piece = 0; piece < kPieces; ++piece) {
    exchange.AddPiece(0, kPartitions);
    EXPECT_EQ(exchange.writer->pieces_held(), 1U);
    ASSERT_TRUE(exchange.writer->Evict(1 << 30).ok());
  }
  ASSERT_TRUE(exchange.writer->Finish().ok());
  const std::vector<int64_t> even(kPartitions, kPieces * kPieceRows / kPartitions);
  EXPECT_EQ(exchange.store->PartitionCounts(), even);
  for (uint32_t partition = 0; partition < kPartitions; ++partition) {
    EXPECT_EQ(exchange.store->RowsOf(partition), even[partition]);
    EXPECT_EQ(exchange.RowsRead(partition), even[partition]);
  }
}

TEST(ShuffleStore, KeepsPiecesThatHaveRowsInMemory) {
  Exchange exchange;
  for (int round = 0; round < 20; ++round) {
    exchange.AddPiece(0, 1);
    for (int more = 0; more < 2; ++more) exchange.AddPiece(kPartitions - 1, kPartitions);
  }
  ASSERT_TRUE(exchange.writer->Evict(1).ok());
  EXPECT_GT(exchange.store->watermark(), 0U);
  exchange.AddPiece(0, kPartitions);
  EXPECT_EQ(exchange.writer->pieces_held(), 20U + 1);
  ASSERT_TRUE(exchange.writer->Finish().ok());
  const auto counts = exchange.store->PartitionCounts();
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), int64_t{0}), 61 * kPieceRows);
  for (uint32_t partition = 0; partition < kPartitions; ++partition) EXPECT_EQ(exchange.RowsRead(partition), counts[partition]);
}

TEST(ShuffleStore, AGroupWithoutRowsHasNoArray) {
  Exchange exchange;
  const size_t piece = exchange.AddPiece(3, 4);
  int64_t arrays = 0;
  for (const auto& group : exchange.writer->piece(piece).columns[1].groups) arrays += group != nullptr;
  EXPECT_EQ(arrays, 1);
  ASSERT_TRUE(exchange.writer->Finish().ok());
  EXPECT_EQ(exchange.RowsRead(3), kPieceRows);
  EXPECT_EQ(exchange.RowsRead(15), 0);
}

}  // namespace
}  // namespace millstream
