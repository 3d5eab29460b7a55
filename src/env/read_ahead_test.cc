#include "env/read_ahead.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

namespace millstream {
namespace {

constexpr int64_t kMegabyte = 1 << 20;

uint8_t ByteAt(int64_t position) { return static_cast<uint8_t>(position * 31 + position / 4096); }

/// Files of any length whose bytes are known, and what was fetched of them.
class Source {
 public:
  ReadAhead::Fetch fetch() {
    return [this](const std::string& path, int64_t begin, int64_t bytes, uint8_t* out) -> Result<int64_t> {
      ++under_way;
      most = std::max(most.load(), under_way.load());
      std::this_thread::sleep_for(delay);
      --under_way;
      ++requests;
      if (path == "missing") return MakeError(ErrorKind::kFileNotFound, "not there");
      for (int64_t i = 0; i < bytes; ++i) out[i] = ByteAt(begin + i);
      return path == "short" ? bytes - 1 : bytes;
    };
  }
  std::chrono::milliseconds delay{0};
  std::atomic<int> under_way{0}, most{0}, requests{0};
};

ReadAheadMemory Memory(int64_t bytes) { return {std::shared_ptr<arrow::MemoryPool>(arrow::default_memory_pool(), [](arrow::MemoryPool*) {}), bytes}; }

/// Stops it at the end, as its owner does.
struct Running {
  explicit Running(Source* source, int64_t bytes = 64 * kMegabyte) : ahead(std::make_shared<ReadAhead>(Memory(bytes), source->fetch(), [this](const std::string&) { ++done; }, RealEnv())) {}
  ~Running() { ahead->Stop(); }
  bool Take(const std::string& path, int64_t begin, int64_t bytes) {
    std::vector<uint8_t> out(static_cast<size_t>(bytes));
    if (!ahead->Take(path, begin, bytes, out.data())) return false;
    for (int64_t i = 0; i < bytes; ++i) {
      if (out[static_cast<size_t>(i)] != ByteAt(begin + i)) ADD_FAILURE() << "byte " << begin + i << " is another";
    }
    return true;
  }
  /// Until a part of the file is no longer waiting, so that its reader waits for it.
  bool TakeOnceBegun(Source* source, const std::string& path, int64_t begin, int64_t bytes) {
    while (source->requests + source->under_way == 0) std::this_thread::yield();
    return Take(path, begin, bytes);
  }
  std::atomic<int> done{0};
  std::shared_ptr<ReadAhead> ahead;
};

TEST(ReadAhead, WhatWasToldIsThereOnceAndWhatWasNotIsNot) {
  Source source;
  Running running(&source);
  EXPECT_FALSE(running.Take("a", 0, 10));
  running.ahead->WillRead("a", {{100, 400}});
  EXPECT_TRUE(running.TakeOnceBegun(&source, "a", 100, 200));
  EXPECT_FALSE(running.Take("b", 100, 10));
  EXPECT_FALSE(running.Take("a", 350, 100));  // beyond it
  EXPECT_EQ(running.done, 0);
  EXPECT_TRUE(running.Take("a", 300, 100));
  EXPECT_EQ(running.done, 1);
  EXPECT_FALSE(running.Take("a", 100, 10));  // all of it was read
  EXPECT_EQ(source.requests, 1);
}

TEST(ReadAhead, NearRangesAreOneRequestAndLongOnesSeveralAtATime) {
  Source source;
  source.delay = std::chrono::milliseconds(30);
  Running running(&source);
  running.ahead->WillRead("near", {{0, 1000}, {50'000, 60'000}, {60'000, 61'000}});
  EXPECT_TRUE(running.TakeOnceBegun(&source, "near", 50'500, 10'000));
  EXPECT_EQ(source.requests, 1);
  running.ahead->WillRead("long", {{7, 7 + 40 * kMegabyte}});
  while (source.requests < 11) std::this_thread::yield();
  EXPECT_GE(source.most, 4);
  EXPECT_TRUE(running.Take("long", 7, 40 * kMegabyte));
}

TEST(ReadAhead, NoMoreIsHeldThanThereIsMemoryForAndItGoesOnAsPartsAreRead) {
  Source source;
  Running running(&source, 2 * kMegabyte);  // parts of 256 KiB
  running.ahead->WillRead("a", {{0, 16 * kMegabyte}});
  while (source.requests < 8) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(source.requests, 8);
  const int64_t part = kMegabyte / 4;
  for (int64_t begin = 0; begin < 16 * kMegabyte; begin += part) {
    const int wanted = static_cast<int>(begin / part) + 1;
    while (source.requests < wanted) std::this_thread::yield();
    while (!running.Take("a", begin, part)) FAIL() << begin;
  }
  EXPECT_EQ(source.requests, 64);
}

TEST(ReadAhead, WhatIsNotBegunIsLeftToItsReader) {
  Source source;
  Running running(&source, kMegabyte);  // four parts
  running.ahead->WillRead("a", {{0, 4 * kMegabyte}});
  while (source.requests < 4) std::this_thread::yield();
  EXPECT_FALSE(running.Take("a", 2 * kMegabyte, kMegabyte));
  EXPECT_TRUE(running.Take("a", 0, kMegabyte));
  while (source.requests < 8) std::this_thread::yield();
  EXPECT_TRUE(running.Take("a", kMegabyte, kMegabyte));
  while (source.requests < 12) std::this_thread::yield();
  EXPECT_TRUE(running.Take("a", 3 * kMegabyte, kMegabyte));
}

TEST(ReadAhead, WhatCannotBeFetchedOrIsForgottenIsNotThere) {
  Source source;
  Running running(&source);
  for (const char* path : {"missing", "short"}) {
    const int before = source.requests;
    running.ahead->WillRead(path, {{0, 1000}});
    while (source.requests == before) std::this_thread::yield();
    EXPECT_FALSE(running.Take(path, 0, 1000)) << path;
  }
  running.ahead->WillRead("a", {{0, 1000}});
  while (source.requests < 3) std::this_thread::yield();
  running.ahead->Forget("a");
  EXPECT_FALSE(running.Take("a", 0, 1000));
}

TEST(ReadAhead, ManyReadersAtOnceGetTheirBytes) {
  Source source;
  Running running(&source);
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 4; ++reader) {
    readers.emplace_back([&, reader] {
      const std::string path = "file " + std::to_string(reader % 2);
      for (int64_t begin = reader * 64 * kMegabyte; begin < (reader * 64 + 32) * kMegabyte; begin += kMegabyte) {
        running.ahead->WillRead(path, {{begin, begin + 3 * kMegabyte}});
        (void)running.Take(path, begin, kMegabyte);
        if (begin % (8 * kMegabyte) == 0) running.ahead->Forget("file 1");
      }
      const int64_t last = (reader * 64 + 40) * kMegabyte;
      do {
        running.ahead->WillRead(path, {{last, last + kMegabyte}});
      } while (!running.Take(path, last, kMegabyte));
    });
  }
  for (std::thread& reader : readers) reader.join();
}

TEST(ReadAhead, ItStopsWhileThereIsMuchToDo) {
  Source source;
  source.delay = std::chrono::milliseconds(5);
  Running running(&source);
  running.ahead->WillRead("a", {{0, 1000 * kMegabyte}});
  while (source.requests == 0) std::this_thread::yield();
  running.ahead->Stop();
  const int requests = source.requests;
  running.ahead->WillRead("b", {{0, kMegabyte}});
  EXPECT_FALSE(running.Take("b", 0, 10));
  EXPECT_EQ(source.requests, requests);
}

}  // namespace
}  // namespace millstream
