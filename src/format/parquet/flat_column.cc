#include "format/parquet/flat_column.h"

#include <arrow/buffer.h>
#include <parquet/column_reader.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include "format/parquet/parquet_guard.h"

namespace millstream {
namespace {

/// Levels and values are taken from the library so many at a time.
constexpr int64_t kLevelsMax = 16 << 10;
/// Where few rows of them are wanted: they stay in the nearest cache.
constexpr int64_t kCellsMax = 4 << 10;

Status EndsEarly() { return MakeError(ErrorKind::kCorruptData, "the column chunk ends before its row group does"); }

/// Moves `found` dense values to the rows whose level says they are there.
template <typename T>
void Spread(const int16_t* levels, int64_t rows, int64_t found, T* values, uint8_t* valid) {
  int64_t from = found;
  for (int64_t row = rows - 1; row >= 0; --row) {
    const bool present = levels[row] == 1;
    valid[row] = present;
    values[row] = present ? values[--from] : T{};
  }
}

/// What pages keep: the values.
template <typename ParquetType>
class ValueCells {
 public:
  using Value = typename ParquetType::c_type;
  using Cell = Value;

  ValueCells(parquet::RowGroupReader* group, int leaf, arrow::MemoryPool* pool) {
    auto pages = group->GetColumnPageReader(leaf);
    // Pages that are left out as a whole need not be decompressed.
    pages->set_data_page_filter([this](const parquet::DataPageStats& page) {
      if (page.num_values > skip_) return false;
      skip_ -= page.num_values;
      return true;
    });
    reader_ = parquet::ColumnReader::Make(group->metadata()->schema()->Column(leaf), std::move(pages), pool);
  }

  int64_t Take(int64_t wanted, int16_t* levels, Cell* cells, int64_t* found) { return typed()->ReadBatch(wanted, levels, nullptr, cells, found); }
  static bool ToValue(Cell cell, Value* value) {
    *value = cell;
    return true;
  }
  Status Skip(int64_t count) {
    skip_ = count;
    const bool more = typed()->HasNext();
    const int64_t left = std::exchange(skip_, 0);
    return left == 0 || (more && typed()->Skip(left) == left) ? Status::OK() : EndsEarly();
  }

 private:
  parquet::TypedColumnReader<ParquetType>* typed() { return static_cast<parquet::TypedColumnReader<ParquetType>*>(reader_.get()); }

  std::shared_ptr<parquet::ColumnReader> reader_;
  int64_t skip_ = 0;  // rows that whole pages may hold and be left out; not 0 only within Skip
};

/// What pages keep: numbers of values in a dictionary.
template <typename ParquetType>
class CodeCells {
 public:
  using Value = typename ParquetType::c_type;
  using Cell = int32_t;

  explicit CodeCells(std::shared_ptr<parquet::ColumnReader> reader) : reader_(std::move(reader)) {}

  int64_t Take(int64_t wanted, int16_t* levels, Cell* cells, int64_t* found) {
    return typed()->ReadBatchWithDictionary(wanted, levels, nullptr, cells, found, &dictionary_, &dictionary_size_);
  }
  bool ToValue(Cell code, Value* value) const {
    if (static_cast<uint32_t>(code) >= static_cast<uint32_t>(dictionary_size_)) return false;
    *value = dictionary_[code];
    return true;
  }
  Status Skip(int64_t count) {
    std::vector<int16_t> levels(static_cast<size_t>(std::min(count, kCellsMax)));
    std::vector<Cell> cells(levels.size());
    for (int64_t found = 0; count > 0;) {
      const int64_t read = Take(std::min(count, kCellsMax), levels.data(), cells.data(), &found);
      if (read == 0) return EndsEarly();
      count -= read;
    }
    return Status::OK();
  }

 private:
  parquet::TypedColumnReader<ParquetType>* typed() { return static_cast<parquet::TypedColumnReader<ParquetType>*>(reader_.get()); }

  std::shared_ptr<parquet::ColumnReader> reader_;
  const Value* dictionary_ = nullptr;
  int32_t dictionary_size_ = 0;
};

template <typename Cells>
class FlatReader : public FlatColumnReader {
 public:
  using Value = typename Cells::Value;
  using Cell = typename Cells::Cell;

  FlatReader(std::unique_ptr<Cells> cells, bool optional, arrow::MemoryPool* pool, std::string where)
      : cells_(std::move(cells)), optional_(optional), pool_(pool), where_(std::move(where)) {}

  Result<int64_t> Read(int64_t count, uint8_t* values, uint8_t* valid) override {
    return Named(GuardParquet([&] { return ReadAll(count, reinterpret_cast<Value*>(values), valid); }));
  }
  Result<int64_t> ReadKept(int64_t count, std::span<const uint32_t> kept, uint8_t* values, uint8_t* valid) override {
    return Named(GuardParquet([&] { return ReadSome(count, kept, reinterpret_cast<Value*>(values), valid); }));
  }
  Status Skip(int64_t count) override {
    const Status skipped = GuardParquet([&] { return cells_->Skip(count); });
    return skipped.ok() ? skipped : DecodeError(skipped, where_);
  }

 private:
  Result<int64_t> Named(Result<int64_t> read) const {
    if (!read.ok()) return DecodeError(read.status(), where_);
    return read;
  }

  Result<int64_t> ReadAll(int64_t count, Value* values, uint8_t* valid) {
    if constexpr (!std::is_same_v<Cell, Value>) {
      std::vector<uint32_t> all(static_cast<size_t>(count));
      std::iota(all.begin(), all.end(), 0);
      return ReadSome(count, all, values, valid);
    } else {
      int64_t nulls = 0;
      for (int64_t row = 0; row < count;) {
        int64_t found = 0;
        ARROW_ASSIGN_OR_RAISE(const int64_t read, Take(optional_ ? std::min(count - row, kLevelsMax) : count - row, values + row, &found));
        if (found < read) {
          if (nulls == 0) std::memset(valid, 1, row);
          nulls += read - found;
          Spread(levels_.data(), read, found, values + row, valid + row);
        } else if (nulls > 0) {
          std::memset(valid + row, 1, read);
        }
        row += read;
      }
      return nulls;
    }
  }

  Result<int64_t> ReadSome(int64_t count, std::span<const uint32_t> kept, Value* values, uint8_t* valid) {
    if (chunk_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(chunk_, arrow::AllocateBuffer(kCellsMax * static_cast<int64_t>(sizeof(Cell) + 1), pool_));
    }
    auto* cells = reinterpret_cast<Cell*>(chunk_->mutable_data());
    uint8_t* cell_valid = chunk_->mutable_data() + kCellsMax * sizeof(Cell);
    int64_t nulls = 0;
    size_t given = 0;
    for (int64_t row = 0; row < count;) {
      int64_t found = 0;
      ARROW_ASSIGN_OR_RAISE(const int64_t read, Take(std::min(count - row, kCellsMax), cells, &found));
      const size_t begin = given;
      given = static_cast<size_t>(std::lower_bound(kept.begin() + static_cast<int64_t>(given), kept.end(), row + read) - kept.begin());
      if (found < read) {
        Spread(levels_.data(), read, found, cells, cell_valid);
        if (nulls == 0) std::memset(valid, 1, begin);
        for (size_t i = begin; i < given; ++i) nulls += (valid[i] = cell_valid[kept[i] - row]) == 0;
      } else if (nulls > 0) {
        std::memset(valid + begin, 1, given - begin);
      }
      bool known = true;
      for (size_t i = begin; i < given; ++i) {
        const int64_t cell = kept[i] - row;
        if (found < read && cell_valid[cell] == 0) values[i] = Value{};
        else known &= cells_->ToValue(cells[cell], values + i);
      }
      if (!known) return MakeError(ErrorKind::kCorruptData, "a page has codes of values that its dictionary does not hold");
      row += read;
    }
    return nulls;
  }

  /// 1 to `wanted` rows: their levels, and the cells of those that are not null.
  Result<int64_t> Take(int64_t wanted, Cell* cells, int64_t* found) {
    if (optional_ && static_cast<int64_t>(levels_.size()) < wanted) levels_.resize(static_cast<size_t>(wanted));
    const int64_t read = cells_->Take(wanted, optional_ ? levels_.data() : nullptr, cells, found);
    if (read == 0) return EndsEarly();
    return read;
  }

  const std::unique_ptr<Cells> cells_;
  const bool optional_;
  arrow::MemoryPool* const pool_;
  const std::string where_;
  std::vector<int16_t> levels_;
  std::unique_ptr<arrow::Buffer> chunk_;  // cells, and whether they are there
};

template <typename ParquetType>
std::unique_ptr<FlatColumnReader> Open(parquet::RowGroupReader* group, int leaf, RowsWanted wanted, arrow::MemoryPool* pool, std::string where) {
  const bool optional = group->metadata()->schema()->Column(leaf)->max_definition_level() == 1;
  if (wanted == RowsWanted::kFew) {
    auto reader = group->ColumnWithExposeEncoding(leaf, parquet::ExposedEncoding::DICTIONARY);
    if (reader->GetExposedEncoding() == parquet::ExposedEncoding::DICTIONARY) {
      return std::make_unique<FlatReader<CodeCells<ParquetType>>>(std::make_unique<CodeCells<ParquetType>>(std::move(reader)), optional, pool, std::move(where));
    }
  }
  return std::make_unique<FlatReader<ValueCells<ParquetType>>>(std::make_unique<ValueCells<ParquetType>>(group, leaf, pool), optional, pool, std::move(where));
}

}  // namespace

std::unique_ptr<FlatColumnReader> OpenFlatColumn(parquet::RowGroupReader* group, int leaf, RowsWanted wanted, arrow::MemoryPool* pool, std::string where) {
  switch (group->metadata()->schema()->Column(leaf)->physical_type()) {
    case parquet::Type::INT32:
      return Open<parquet::Int32Type>(group, leaf, wanted, pool, std::move(where));
    case parquet::Type::INT64:
      return Open<parquet::Int64Type>(group, leaf, wanted, pool, std::move(where));
    case parquet::Type::FLOAT:
      return Open<parquet::FloatType>(group, leaf, wanted, pool, std::move(where));
    default:
      return Open<parquet::DoubleType>(group, leaf, wanted, pool, std::move(where));
  }
}

}  // namespace millstream
