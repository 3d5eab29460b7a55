// Measures how fast rows can be moved into a random order in two passes, and prints one line of JSON.
//
//   permutation_limit [THREADS]
//
// 8 M rows in 30 columns of 8 bytes, between warm buffers. First pass: each block of rows is grouped by partition.
// Second: each partition's runs are put together and permuted. Blocks and partitions fit the second-level cache. The
// order is drawn before the clock starts, so that only the moving of the rows is measured: a limit, not a shuffle.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

namespace {

constexpr int64_t kRows = 8'000'000;
constexpr int64_t kColumns = 30;
constexpr int64_t kBlocks = 250;
constexpr int64_t kPartitions = 250;
constexpr int64_t kBlockRows = kRows / kBlocks;

using Column = std::vector<int64_t>;

struct Block {
  std::vector<uint32_t> order;                       // rows of the block, grouped by partition
  std::vector<uint32_t> starts = std::vector<uint32_t>(kPartitions + 1);  // of each partition's run
};

Block DrawBlock(std::mt19937_64& random) {
  std::vector<uint16_t> partition(kBlockRows);
  for (auto& each : partition) each = static_cast<uint16_t>(random() % kPartitions);
  Block block;
  block.order.resize(kBlockRows);
  std::iota(block.order.begin(), block.order.end(), 0);
  std::stable_sort(block.order.begin(), block.order.end(),
                   [&](uint32_t left, uint32_t right) { return partition[left] < partition[right]; });
  for (auto each : partition) ++block.starts[each + 1];
  std::partial_sum(block.starts.begin(), block.starts.end(), block.starts.begin());
  return block;
}

std::vector<uint32_t> DrawPermutation(int64_t rows, std::mt19937_64& random) {
  std::vector<uint32_t> order(rows);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  return order;
}

void Gather(const int64_t* source, const std::vector<uint32_t>& order, int64_t* target) {
  for (size_t row = 0; row < order.size(); ++row) target[row] = source[order[row]];
}

double SecondsOnThreads(int64_t tasks, int threads, const std::function<void(int64_t)>& task) {
  std::atomic<int64_t> next{0};
  const auto started = std::chrono::steady_clock::now();
  std::vector<std::thread> running;
  for (int thread = 0; thread < threads; ++thread) {
    running.emplace_back([&] {
      for (int64_t index = next++; index < tasks; index = next++) task(index);
    });
  }
  for (auto& thread : running) thread.join();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

class Permutation {
 public:
  Permutation() {
    std::mt19937_64 random(0);
    for (int64_t block = 0; block < kBlocks; ++block) blocks_.push_back(DrawBlock(random));
    for (int64_t partition = 0; partition < kPartitions; ++partition) {
      int64_t rows = 0;
      for (const Block& block : blocks_) rows += block.starts[partition + 1] - block.starts[partition];
      orders_.push_back(DrawPermutation(rows, random));
      firsts_.push_back(firsts_.back() + rows);
    }
  }

  double Run(int threads) {
    return SecondsOnThreads(kBlocks, threads, [this](int64_t block) { GroupBlock(block); }) +
           SecondsOnThreads(kPartitions, threads, [this](int64_t partition) { PermutePartition(partition); });
  }

 private:
  void GroupBlock(int64_t block) {
    const int64_t first = block * kBlockRows;
    for (int64_t column = 0; column < kColumns; ++column) {
      Gather(&source_[column][first], blocks_[block].order, &grouped_[column][first]);
    }
  }

  void PermutePartition(int64_t partition) {
    Column together(orders_[partition].size());
    for (int64_t column = 0; column < kColumns; ++column) {
      int64_t* end = together.data();
      for (int64_t block = 0; block < kBlocks; ++block) {
        const auto& starts = blocks_[block].starts;
        const int64_t rows = starts[partition + 1] - starts[partition];
        std::memcpy(end, &grouped_[column][block * kBlockRows + starts[partition]], rows * sizeof(int64_t));
        end += rows;
      }
      Gather(together.data(), orders_[partition], &source_[column][firsts_[partition]]);
    }
  }

  std::vector<Block> blocks_;
  std::vector<std::vector<uint32_t>> orders_;
  std::vector<int64_t> firsts_{0};
  std::vector<Column> source_ = std::vector<Column>(kColumns, Column(kRows, 1));
  std::vector<Column> grouped_ = std::vector<Column>(kColumns, Column(kRows, 1));
};

}  // namespace

int main(int count, char** arguments) {
  const int threads = count > 1 ? std::max(1, std::atoi(arguments[1])) : 2;
  std::printf("{\"permutation_seconds\": %.6f, \"permutation_bytes\": %lld}\n", Permutation().Run(threads),
              static_cast<long long>(kRows * kColumns * 8));
}
