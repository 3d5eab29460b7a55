/// Writes a small made-up set of flights as three Parquet files, so that shuffle_flights can be tried without data: make_flights DIRECTORY

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/writer.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

namespace {

constexpr int kFiles = 3;
constexpr int kRowsOfFile = 1000;

/// Every tenth flight was cancelled: no departure, no arrival.
arrow::Result<std::shared_ptr<arrow::Table>> MakeFlights(int file) {
  arrow::Int64Builder flight;
  arrow::StringBuilder carrier;
  arrow::Int32Builder distance;
  arrow::DoubleBuilder departure_delay, arrival_delay;
  const char* carriers[] = {"AA", "B6", "DL", "UA"};
  for (int i = 0; i < kRowsOfFile; ++i) {
    const int number = file * kRowsOfFile + i;
    const bool cancelled = number % 10 == 9;
    ARROW_RETURN_NOT_OK(flight.Append(number));
    ARROW_RETURN_NOT_OK(carrier.Append(carriers[number % 4]));
    ARROW_RETURN_NOT_OK(distance.Append(100 + number * 37 % 2400));
    ARROW_RETURN_NOT_OK(cancelled ? departure_delay.AppendNull() : departure_delay.Append(number * 13 % 90 - 10));
    ARROW_RETURN_NOT_OK(cancelled ? arrival_delay.AppendNull() : arrival_delay.Append(number * 29 % 120 - 30));
  }
  const auto schema = arrow::schema({arrow::field("flight", arrow::int64()), arrow::field("carrier", arrow::utf8()), arrow::field("distance", arrow::int32()),
                                     arrow::field("dep_delay", arrow::float64()), arrow::field("arr_delay", arrow::float64())});
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (arrow::ArrayBuilder* builder : std::initializer_list<arrow::ArrayBuilder*>{&flight, &carrier, &distance, &departure_delay, &arrival_delay}) {
    ARROW_ASSIGN_OR_RAISE(columns.emplace_back(), builder->Finish());
  }
  return arrow::Table::Make(schema, std::move(columns));
}

arrow::Status WriteFlights(const std::string& directory) {
  std::filesystem::create_directories(directory);
  for (int file = 0; file < kFiles; ++file) {
    ARROW_ASSIGN_OR_RAISE(const auto table, MakeFlights(file));
    ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::FileOutputStream::Open(directory + "/flights-" + std::to_string(file) + ".parquet"));
    ARROW_RETURN_NOT_OK(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), sink, /*chunk_size=*/250));
    ARROW_RETURN_NOT_OK(sink->Close());
  }
  return arrow::Status::OK();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: make_flights DIRECTORY\n";
    return EXIT_FAILURE;
  }
  const arrow::Status status = WriteFlights(arguments[1]);
  if (!status.ok()) std::cerr << status.message() << '\n';
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
