#include "format/orc/orc_format.h"

#include <arrow/adapters/orc/adapter.h>

#include <algorithm>

#include "format/checked_batches.h"
#include "format/limits.h"
#include "format/schema_bytes.h"
#include "format/unify_schemas.h"
#include "task/for_each.h"

namespace millstream {
namespace {

using arrow::adapters::orc::ORCFileReader;

constexpr const char* kName = "read_orc";
constexpr const char* kForm = "ORC";
constexpr int64_t kBatchRows = 4096;
/// Row numbers stay far from the limits of int64, whatever a footer claims.
constexpr int64_t kFileRowsMax = int64_t{1} << 48;

/// Some stripes of a file, one after the other.
class StripeBatches : public arrow::RecordBatchReader {
 public:
  StripeBatches(std::unique_ptr<ORCFileReader> file, std::shared_ptr<arrow::Schema> schema, std::vector<int> columns, std::vector<int64_t> first_rows)
      : file_(std::move(file)), schema_(std::move(schema)), columns_(std::move(columns)), first_rows_(std::move(first_rows)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    out->reset();
    for (;;) {
      if (stripe_ != nullptr) ARROW_RETURN_NOT_OK(stripe_->ReadNext(out));
      if (*out != nullptr || next_ == first_rows_.size()) return Status::OK();
      ARROW_RETURN_NOT_OK(file_->Seek(first_rows_[next_++]));
      ARROW_ASSIGN_OR_RAISE(stripe_, file_->NextStripeReader(kBatchRows, columns_));
      if (stripe_ == nullptr) return Status::Invalid("it has fewer rows than its stripes tell");
    }
  }

 private:
  const std::unique_ptr<ORCFileReader> file_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::vector<int> columns_;
  const std::vector<int64_t> first_rows_;
  std::shared_ptr<arrow::RecordBatchReader> stripe_;  // which is before next_
  size_t next_ = 0;
};

}  // namespace

Result<std::shared_ptr<const OrcFormat>> OrcFormat::Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, const ReadLimits& limits,
                                                         Scheduler* scheduler, BadFiles* bad) {
  std::shared_ptr<OrcFormat> format(new OrcFormat(std::move(env), std::move(files), limits));
  format->heads_.resize(format->files_->size());
  ARROW_RETURN_NOT_OK(ForEachFile(scheduler, format->heads_.size(), bad,
                                  [&](size_t file) { return format->ReadHead(static_cast<uint32_t>(file)).Value(&format->heads_[file]); }));
  SchemaUnifier unifier;
  for (size_t file = 0; file < format->heads_.size(); ++file) {
    ARROW_RETURN_NOT_OK(unifier.AddOrNote(*format->heads_[file].schema, (*format->files_)[file].path, file, bad));
  }
  if (bad != nullptr) ARROW_RETURN_NOT_OK(bad->first());
  format->schema_ = unifier.Finish();
  ARROW_RETURN_NOT_OK(CheckSchema(*format->schema_, limits, "read_orc"));
  return format;
}

Result<OrcFormat::Head> OrcFormat::ReadHead(uint32_t file) const {
  const ListedFile& listed = (*files_)[file];
  const auto read = [&]() -> Result<Head> {
    ARROW_ASSIGN_OR_RAISE(const auto opened, OpenListed(*env_, listed, arrow::default_memory_pool(), kName));
    ARROW_ASSIGN_OR_RAISE(const auto reader, ORCFileReader::Open(opened, arrow::default_memory_pool()));
    Head head;
    ARROW_ASSIGN_OR_RAISE(head.schema, reader->ReadSchema());
    head.rows = reader->NumberOfRows();
    int64_t rows = 0, end = 0;
    for (int64_t stripe = 0; stripe < reader->NumberOfStripes(); ++stripe) {
      const auto information = reader->GetStripeInformation(stripe);
      const bool within = information.offset >= end && information.length >= 0 && information.length <= listed.size_bytes - information.offset;
      if (!within) return Status::Invalid("its stripe ", stripe, " is not in the file, or not behind the one before");
      if (information.num_rows < 0 || information.num_rows > kFileRowsMax - rows) return Status::Invalid("its stripe ", stripe, " has an impossible number of rows");
      if (information.num_rows > 0) head.stripes.push_back({information.offset, information.first_row_id});
      rows += information.num_rows;
      end = information.offset + information.length;
    }
    if (rows != head.rows) return Status::Invalid("its footer tells of ", head.rows, " rows, its stripes of ", rows);
    return head;
  };
  auto head = read();
  if (!head.ok()) return DamagedFile(kForm, listed, head.status());
  ARROW_RETURN_NOT_OK(CheckSchema(*head->schema, limits_, "file " + listed.path));
  return head;
}

int64_t OrcFormat::rows_guess() const {
  int64_t rows = 0;
  for (const Head& head : heads_) rows = std::min(rows + head.rows, kRowsGuessMax);
  return rows;
}

Result<std::shared_ptr<arrow::RecordBatchReader>> OrcFormat::Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const {
  const ListedFile& listed = (*files_)[range.file];
  const Head& head = heads_[range.file];
  std::vector<int64_t> first_rows;
  for (const Stripe& stripe : head.stripes) {
    if (stripe.begin_byte >= range.begin && stripe.begin_byte < range.end) first_rows.push_back(stripe.first_row);
  }
  if (first_rows.empty()) return arrow::RecordBatchReader::Make({}, schema_);
  std::vector<int> columns;
  for (int column = 0; column < head.schema->num_fields(); ++column) {
    if (schema_->GetFieldIndex(head.schema->field(column)->name()) >= 0) columns.push_back(column);
  }
  // Without any there would be no rows.
  if (columns.empty()) columns.push_back(0);
  ARROW_ASSIGN_OR_RAISE(const auto file, OpenListed(*env_, listed, pool, kName));
  auto reader = ORCFileReader::Open(file, pool);
  if (!reader.ok()) return DamagedFile(kForm, listed, reader.status());
  auto stripes = std::make_shared<StripeBatches>(std::move(*reader), head.schema, std::move(columns), std::move(first_rows));
  return CheckedBatches(kForm, listed, std::move(stripes), schema_, pool);
}

Result<std::shared_ptr<const FileFormat>> OrcFormat::Select(const std::vector<std::string>& names) const {
  std::shared_ptr<OrcFormat> selected(new OrcFormat(*this));
  selected->schema_ = FieldsOf(*schema_, names);
  return selected;
}

Status OrcFormat::Write(ByteWriter* out) const {
  WriteLimits(limits_, out);
  return WriteSchema(*schema_, out);
}

Result<std::shared_ptr<const OrcFormat>> OrcFormat::Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in) {
  ReadLimits limits;
  ARROW_RETURN_NOT_OK(ReadLimitsFrom(in, &limits));
  ARROW_ASSIGN_OR_RAISE(const auto schema, ReadSchema(in));
  ARROW_ASSIGN_OR_RAISE(const auto format, Make(std::move(env), std::move(files), limits, nullptr));
  std::shared_ptr<OrcFormat> given(new OrcFormat(*format));
  given->schema_ = schema;
  return given;
}

}  // namespace millstream
