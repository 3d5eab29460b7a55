#include "format/csv/csv_reader.h"

#include <algorithm>

namespace millstream {
namespace {

class TextReader : public arrow::RecordBatchReader {
 public:
  TextReader(FileText text, std::shared_ptr<arrow::Schema> schema, CsvRows rows) : text_(std::move(text)), schema_(std::move(schema)), rows_(std::move(rows)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    int64_t parsed = 0;
    out->reset();
    ARROW_RETURN_NOT_OK(rows_.Next(text_.text, /*is_last=*/true, &parsed).Value(out));
    text_.text.remove_prefix(*out == nullptr ? text_.text.size() : static_cast<size_t>(parsed));
    return Status::OK();
  }

 private:
  FileText text_;
  const std::shared_ptr<arrow::Schema> schema_;
  CsvRows rows_;
};

class PieceReader : public arrow::RecordBatchReader {
 public:
  PieceReader(TextPieces pieces, int64_t rows_begin, std::shared_ptr<arrow::Schema> schema, CsvRows rows)
      : pieces_(std::move(pieces)), rows_begin_(rows_begin), schema_(std::move(schema)), rows_(std::move(rows)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    for (;;) {
      int64_t parsed = 0;
      out->reset();
      if (pieces_.begin() < rows_begin_) pieces_.Take(std::min(pieces_.text().size(), static_cast<size_t>(rows_begin_ - pieces_.begin())));
      ARROW_RETURN_NOT_OK(rows_.Next(pieces_.text(), pieces_.at_end(), &parsed).Value(out));
      pieces_.Take(static_cast<size_t>(parsed));
      if (*out != nullptr || pieces_.at_end()) return Status::OK();
      ARROW_RETURN_NOT_OK(pieces_.Grow());
    }
  }

 private:
  TextPieces pieces_;
  const int64_t rows_begin_;
  const std::shared_ptr<arrow::Schema> schema_;
  CsvRows rows_;
};

}  // namespace

std::unique_ptr<arrow::RecordBatchReader> OpenCsvText(FileText text, std::shared_ptr<arrow::Schema> schema, CsvRows rows) {
  return std::make_unique<TextReader>(std::move(text), std::move(schema), std::move(rows));
}

std::unique_ptr<arrow::RecordBatchReader> OpenCsvPieces(TextPieces pieces, int64_t rows_begin, std::shared_ptr<arrow::Schema> schema, CsvRows rows) {
  return std::make_unique<PieceReader>(std::move(pieces), rows_begin, std::move(schema), std::move(rows));
}

}  // namespace millstream
