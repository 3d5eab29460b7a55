#include "memory/hand_over_pool.h"

#include <arrow/buffer.h>
#include <gtest/gtest.h>

#include <thread>

namespace millstream {
namespace {

struct Host {
  std::shared_ptr<Budget> budget = Budget::Make(64 << 20);
  std::shared_ptr<PageArena> arena = PageArena::Make(64 << 20);
  std::shared_ptr<Ledger> ledger = *Budget::Open(budget, "batches", 0);
  std::shared_ptr<HandOverPool> pool = HandOverPool::Make(ledger, arena);
};

TEST(HandOverPool, ABufferOfAnySizeOutlivesThePoolItsLedgerAndItsBudget) {
  for (const int64_t bytes : {int64_t{0}, int64_t{1}, int64_t{100}, int64_t{32 << 10}, int64_t{3 << 20}}) {
    SCOPED_TRACE(bytes);
    std::unique_ptr<arrow::Buffer> buffer;
    {
      Host host;
      buffer = *arrow::AllocateBuffer(bytes, host.pool.get());
      if (bytes > 0) buffer->mutable_data()[bytes - 1] = 7;
      host.pool->EndCharge();
    }
    EXPECT_TRUE(bytes == 0 || buffer->data()[bytes - 1] == 7);
    std::thread([&] { buffer.reset(); }).join();
  }
}

TEST(HandOverPool, AResizeBetweenAllSizesKeepsContentsAndChargesWhatIsHeld) {
  Host host;
  auto buffer = *arrow::AllocateResizableBuffer(0, host.pool.get());
  for (const int64_t bytes : {int64_t{10}, int64_t{0}, int64_t{40000}, int64_t{50}, int64_t{0}, int64_t{1 << 20}}) {
    ASSERT_TRUE(buffer->Resize(bytes, /*shrink_to_fit=*/true).ok());
    EXPECT_GE(host.ledger->used_bytes(), bytes);
    if (bytes > 0) buffer->mutable_data()[0] = 9;
  }
  EXPECT_EQ(buffer->data()[0], 9);
  buffer.reset();
  EXPECT_EQ(host.ledger->used_bytes(), 0);
}

TEST(HandOverPool, EndOfChargeReleasesEverythingOnce) {
  Host host;
  auto first = *arrow::AllocateBuffer(5000, host.pool.get());
  auto second = *arrow::AllocateBuffer(100000, host.pool.get());
  EXPECT_GE(host.ledger->used_bytes(), 105000);
  second.reset();
  host.pool->EndCharge();
  EXPECT_EQ(host.ledger->used_bytes(), 0);
  first.reset();
  EXPECT_EQ(host.ledger->used_bytes(), 0);
}

}  // namespace
}  // namespace millstream
