#include "format/parquet/flat_column.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "format/parquet/column_pages.h"
#include "format/parquet/parquet_guard.h"

namespace millstream {
namespace {

/// Levels and values are taken from the library so many at a time.
constexpr int64_t kLevelsMax = 16 << 10;

template <typename ParquetType>
class TypedFlatReader : public FlatColumnReader {
 public:
  using Value = typename ParquetType::c_type;

  TypedFlatReader(const parquet::ColumnDescriptor* column, std::unique_ptr<parquet::PageReader> pages, arrow::MemoryPool* pool, std::string where)
      : where_(std::move(where)), optional_(column->max_definition_level() == 1) {
    LeaveOutPages(pages.get(), &skip_);
    reader_ = parquet::ColumnReader::Make(column, std::move(pages), pool);
  }

  Result<int64_t> Read(int64_t count, uint8_t* values, uint8_t* valid) override {
    auto nulls = GuardParquet([&]() -> Result<int64_t> { return ReadSome(count, reinterpret_cast<Value*>(values), valid); });
    if (!nulls.ok()) return DecodeError(nulls.status(), where_);
    return nulls;
  }

  Status Skip(int64_t count) override {
    auto* typed = static_cast<parquet::TypedColumnReader<ParquetType>*>(reader_.get());
    const Status skipped = GuardParquet([&]() -> Status {
      skip_ = count;
      const bool more = typed->HasNext();
      const int64_t left = std::exchange(skip_, 0);
      if (left == 0 || (more && typed->Skip(left) == left)) return Status::OK();
      return MakeError(ErrorKind::kCorruptData, "the column chunk ends before its row group does");
    });
    return skipped.ok() ? skipped : DecodeError(skipped, where_);
  }

 private:
  Result<int64_t> ReadSome(int64_t count, Value* values, uint8_t* valid) {
    auto* typed = static_cast<parquet::TypedColumnReader<ParquetType>*>(reader_.get());
    if (optional_) levels_.resize(std::min(count, kLevelsMax));
    int64_t nulls = 0;
    for (int64_t row = 0; row < count;) {
      int64_t found = 0;
      const int64_t wanted = optional_ ? std::min(count - row, kLevelsMax) : count - row;
      const int64_t read = typed->ReadBatch(wanted, optional_ ? levels_.data() : nullptr, nullptr, values + row, &found);
      if (read == 0) return MakeError(ErrorKind::kCorruptData, "the column chunk ends before its row group does");
      if (found < read) {
        if (nulls == 0) std::memset(valid, 1, row);
        nulls += read - found;
        Spread(read, found, values + row, valid + row);
      } else if (nulls > 0) {
        std::memset(valid + row, 1, read);
      }
      row += read;
    }
    return nulls;
  }

  /// Moves `found` dense values to the rows whose level says they are there.
  void Spread(int64_t rows, int64_t found, Value* values, uint8_t* valid) const {
    int64_t from = found;
    for (int64_t row = rows - 1; row >= 0; --row) {
      const bool present = levels_[row] == 1;
      valid[row] = present;
      values[row] = present ? values[--from] : Value{};
    }
  }

  std::shared_ptr<parquet::ColumnReader> reader_;
  std::string where_;
  bool optional_;
  std::vector<int16_t> levels_;
  int64_t skip_ = 0;  // rows that whole pages may hold and be left out; not 0 only within Skip
};

}  // namespace

std::unique_ptr<FlatColumnReader> OpenFlatColumn(parquet::RowGroupReader* group, int leaf, arrow::MemoryPool* pool, std::string where) {
  return OpenPages<TypedFlatReader, FlatColumnReader>(group, leaf, pool, std::move(where));
}

}  // namespace millstream
