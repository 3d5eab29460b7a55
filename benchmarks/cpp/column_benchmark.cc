// The shuffle's inner loops beside the plain copy that bounds them; bytes a second count what is read and written.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include "column/narrow.h"

namespace millstream {
namespace {

// Positions as a scatter into partitions meets them: 64 ascending streams, the stream at random.
std::vector<uint32_t> StreamPositions(int64_t count) {
  constexpr int64_t kStreams = 64;
  std::vector<uint32_t> next(kStreams), positions(count);
  std::mt19937_64 random(1);
  std::vector<uint8_t> stream(count);
  std::vector<uint32_t> sizes(kStreams);
  for (auto& s : stream) ++sizes[s = random() % kStreams];
  std::exclusive_scan(sizes.begin(), sizes.end(), next.begin(), 0u);
  for (int64_t i = 0; i < count; ++i) positions[i] = next[stream[i]]++;
  return positions;
}

std::vector<uint32_t> RandomPositions(int64_t count) {
  std::vector<uint32_t> positions(count);
  std::iota(positions.begin(), positions.end(), 0u);
  std::shuffle(positions.begin(), positions.end(), std::mt19937_64(2));
  return positions;
}

void Count(benchmark::State& state, int64_t count, int64_t bytes_a_row) {
  state.SetItemsProcessed(state.iterations() * count);
  state.SetBytesProcessed(state.iterations() * count * bytes_a_row);
}

template <typename T>
void Scatter(benchmark::State& state) {
  const int64_t count = state.range(0);
  const int width = static_cast<int>(state.range(1));
  const auto positions = state.range(2) ? RandomPositions(count) : StreamPositions(count);
  const std::vector<T> values(count, 7);
  std::vector<uint8_t> out(count * width);
  for (auto _ : state) {
    benchmark::DoNotOptimize(ScatterNarrow<T>(values.data(), positions.data(), count, width, 7, out.data()));
  }
  Count(state, count, sizeof(T) + 4 + width);
}
BENCHMARK(Scatter<int64_t>)->ArgsProduct({{1 << 16, 1 << 20, 1 << 23}, {1, 2, 4, 8}, {0, 1}});
BENCHMARK(Scatter<int32_t>)->ArgsProduct({{1 << 20}, {1, 4}, {0, 1}});

template <typename T>
void Gather(benchmark::State& state) {
  const int64_t count = state.range(0);
  const int width = static_cast<int>(state.range(1));
  const auto indices = RandomPositions(count);
  const std::vector<uint8_t> values(count * width, 7);
  std::vector<T> out(count);
  for (auto _ : state) {
    GatherWiden<T>(values.data(), width, 7, indices.data(), count, out.data());
    benchmark::ClobberMemory();
  }
  Count(state, count, sizeof(T) + 4 + width);
}
BENCHMARK(Gather<int64_t>)->ArgsProduct({{1 << 16, 1 << 20, 1 << 23}, {1, 2, 4, 8}});

template <typename T>
void MinMaxOf(benchmark::State& state) {
  const std::vector<T> values(state.range(0), 7);
  for (auto _ : state) benchmark::DoNotOptimize(MinMax(values.data(), state.range(0)));
  Count(state, state.range(0), sizeof(T));
}
BENCHMARK(MinMaxOf<int64_t>)->Arg(1 << 14)->Arg(1 << 20);
BENCHMARK(MinMaxOf<int32_t>)->Arg(1 << 14)->Arg(1 << 20);

void Copy(benchmark::State& state) {
  const std::vector<uint64_t> values(state.range(0), 7);
  std::vector<uint64_t> out(state.range(0));
  for (auto _ : state) {
    std::memcpy(out.data(), values.data(), values.size() * 8);
    benchmark::ClobberMemory();
  }
  Count(state, state.range(0), 16);
}
BENCHMARK(Copy)->Arg(1 << 14)->Arg(1 << 20)->Arg(1 << 23);

}  // namespace
}  // namespace millstream

BENCHMARK_MAIN();
