#pragma once
/// What the readers of one column chunk of flat values share.

#include <parquet/column_reader.h>
#include <parquet/file_reader.h>

#include <memory>
#include <string>
#include <utility>

namespace millstream {

/// Pages that hold no more than `*rows` rows are left out, and need not be decompressed; their rows are taken off. `rows` must outlive the reader.
inline void LeaveOutPages(parquet::PageReader* pages, int64_t* rows) {
  pages->set_data_page_filter([rows](const parquet::DataPageStats& page) {
    if (page.num_values < 0 || page.num_values > *rows) return false;
    *rows -= page.num_values;
    return true;
  });
}

/// Reader<Type> of column `leaf`, of the 4- or 8-byte type that it has.
template <template <typename> class Reader, typename Base>
std::unique_ptr<Base> OpenPages(parquet::RowGroupReader* group, int leaf, arrow::MemoryPool* pool, std::string where) {
  const parquet::ColumnDescriptor* column = group->metadata()->schema()->Column(leaf);
  auto pages = group->GetColumnPageReader(leaf);
  switch (column->physical_type()) {
    case parquet::Type::INT32:
      return std::make_unique<Reader<parquet::Int32Type>>(column, std::move(pages), pool, std::move(where));
    case parquet::Type::INT64:
      return std::make_unique<Reader<parquet::Int64Type>>(column, std::move(pages), pool, std::move(where));
    case parquet::Type::FLOAT:
      return std::make_unique<Reader<parquet::FloatType>>(column, std::move(pages), pool, std::move(where));
    default:
      return std::make_unique<Reader<parquet::DoubleType>>(column, std::move(pages), pool, std::move(where));
  }
}

}  // namespace millstream
