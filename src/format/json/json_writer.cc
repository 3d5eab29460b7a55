#include "format/json/json_writer.h"

#include <arrow/array/util.h>
#include <arrow/record_batch.h>

#include "format/file_sink.h"
#include "format/json/json_text.h"
#include "format/library_writer.h"

namespace millstream {
namespace {

/// A piece of text and what a column of times takes as texts.
constexpr int64_t kTextBytes = 2 << 20;
constexpr int64_t kTimesBytes = 4 << 20;

class SinkText final : public JsonText {
 public:
  explicit SinkText(FileSink* sink) : sink_(sink) {}

 private:
  Status Write(std::string_view text) override { return sink_->Write(text); }
  FileSink* const sink_;
};

class JsonWriter final : public FileWriter {
 public:
  JsonWriter(std::unique_ptr<FileSink> sink, std::shared_ptr<BudgetPool> pool, Reservation reserved, const arrow::Schema& schema, bool lines)
      : pool_(std::move(pool)), reserved_(std::move(reserved)), sink_(std::move(sink)), text_(sink_.get()), lines_(lines) {
    for (const auto& field : schema.fields()) names_.push_back(field->name());
    if (!lines_) text_.Append('[');
  }

  Status Write(std::shared_ptr<arrow::RecordBatch> batch) override {
    std::vector<std::unique_ptr<JsonColumn>> columns;
    for (int column = 0; column < batch->num_columns(); ++column) {
      columns.emplace_back();
      const Status status = MakeJsonColumn(batch->column(column), pool_.get()).Value(&columns.back());
      ARROW_RETURN_NOT_OK(sink_->InFile(WithContext(status, "column '" + names_[static_cast<size_t>(column)] + "'")));
    }
    for (int64_t row = 0; row < batch->num_rows(); ++row) AppendRow(columns, row);
    return text_.status();
  }

  Result<WrittenRows> Close() override {
    if (!lines_) text_.Append("]\n");
    text_.Flush();
    ARROW_RETURN_NOT_OK(text_.status());
    ARROW_ASSIGN_OR_RAISE(const int64_t bytes, sink_->Close());
    return WrittenRows{rows_, bytes};
  }

 private:
  void AppendRow(const std::vector<std::unique_ptr<JsonColumn>>& columns, int64_t row) {
    if (!lines_ && rows_ > 0) text_.Append(",\n");
    ++rows_;
    for (size_t column = 0; column < columns.size(); ++column) {
      text_.Append(column == 0 ? '{' : ',');
      text_.AppendQuoted(names_[column]);
      text_.Append(':');
      columns[column]->Append(row, &text_);
    }
    text_.Append('}');
    if (lines_) text_.Append('\n');
  }

  const std::shared_ptr<BudgetPool> pool_;
  const Reservation reserved_;
  const std::unique_ptr<FileSink> sink_;
  SinkText text_;
  const bool lines_;
  std::vector<std::string> names_;
  int64_t rows_ = 0;
};

}  // namespace

Status JsonWriteFormat::Check(const arrow::Schema& schema) const {
  ARROW_RETURN_NOT_OK(CheckHasColumns(schema, "JSON"));
  for (const auto& field : schema.fields()) {
    ARROW_ASSIGN_OR_RAISE(auto none, arrow::MakeEmptyArray(field->type()));
    if (!MakeJsonColumn(std::move(none), arrow::default_memory_pool()).ok()) return NoForm(*field, "JSON");
  }
  return Status::OK();
}

int64_t JsonWriteFormat::EncodeBytes(const arrow::Schema&, int64_t, int64_t) const { return kTextBytes + kTimesBytes; }

Result<std::unique_ptr<FileWriter>> JsonWriteFormat::Open(Env& env, const FileToWrite& file) const {
  ARROW_ASSIGN_OR_RAISE(auto reserved, Reservation::Take(file.pool->ledger(), kTextBytes));
  ARROW_ASSIGN_OR_RAISE(auto sink, FileSink::Create(env, file.path, options_.compression, file.pool.get()));
  return std::make_unique<JsonWriter>(std::move(sink), file.pool, std::move(reserved), *file.schema, options_.lines);
}

}  // namespace millstream
