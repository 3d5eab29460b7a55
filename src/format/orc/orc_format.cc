#include "format/orc/orc_format.h"

#include <arrow/adapters/orc/adapter.h>

#include <algorithm>

#include "format/checked_batches.h"
#include "format/limits.h"
#include "format/orc/orc_stripe.h"
#include "format/schema_bytes.h"
#include "format/unify_schemas.h"
#include "task/for_each.h"

namespace millstream {
namespace {

using arrow::adapters::orc::ORCFileReader;

constexpr const char* kName = "read_orc";
constexpr const char* kForm = "ORC";

/// A file and what it tells of itself; `reader` reads it by what was checked.
struct OpenedOrc {
  std::shared_ptr<arrow::io::RandomAccessFile> file;
  OrcTail tail;
  std::unique_ptr<ORCFileReader> reader;
};

Result<OpenedOrc> OpenOrc(Env& env, const ListedFile& listed, const ReadLimits& limits, arrow::MemoryPool* pool) {
  OpenedOrc opened;
  ARROW_ASSIGN_OR_RAISE(opened.file, OpenListed(env, listed, pool, kName));
  ARROW_ASSIGN_OR_RAISE(opened.tail, OrcTail::Read(opened.file.get(), listed, limits));
  ARROW_ASSIGN_OR_RAISE(opened.reader, ORCFileReader::Open(opened.tail.FileWith(opened.file), pool));
  return opened;
}

/// Those of a file's stripes that begin in a range and have rows, one after the other.
class StripeBatches : public arrow::RecordBatchReader {
 public:
  /// `listed` outlives it.
  StripeBatches(OpenedOrc opened, const ListedFile& listed, const FileRange& range, const ReadLimits& limits, std::shared_ptr<arrow::Schema> schema, std::vector<int> columns)
      : listed_(listed), range_(range), limits_(limits), opened_(std::move(opened)), schema_(std::move(schema)), columns_(std::move(columns)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    out->reset();
    for (;;) {
      if (stripe_ != nullptr) ARROW_RETURN_NOT_OK(stripe_->ReadNext(out));
      if (*out != nullptr) return Status::OK();
      const auto& stripes = opened_.tail.stripes();
      while (next_ < stripes.size() && !IsWanted(stripes[next_])) ++next_;
      if (next_ == stripes.size()) return Status::OK();
      const OrcTail::Stripe& stripe = stripes[next_++];
      ARROW_ASSIGN_OR_RAISE(const OrcStripe checked, OrcStripe::Read(opened_.tail, opened_.file.get(), listed_, limits_, stripe));
      ARROW_ASSIGN_OR_RAISE(const int64_t rows_at_once, checked.RowsAtOnce(columns_));
      ARROW_RETURN_NOT_OK(opened_.reader->Seek(stripe.first_row));
      ARROW_ASSIGN_OR_RAISE(stripe_, opened_.reader->NextStripeReader(rows_at_once, columns_));
      if (stripe_ == nullptr) return Status::Invalid("it has fewer rows than its stripes tell");
    }
  }

 private:
  bool IsWanted(const OrcTail::Stripe& stripe) const { return stripe.rows > 0 && stripe.begin >= range_.begin && stripe.begin < range_.end; }

  const ListedFile& listed_;
  const FileRange range_;
  const ReadLimits limits_;
  const OpenedOrc opened_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::vector<int> columns_;
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
    ARROW_ASSIGN_OR_RAISE(const OpenedOrc opened, OpenOrc(*env_, listed, limits_, arrow::default_memory_pool()));
    Head head;
    ARROW_ASSIGN_OR_RAISE(head.schema, opened.reader->ReadSchema());
    for (const OrcTail::Stripe& stripe : opened.tail.stripes()) head.stripe_begins.push_back(stripe.begin);
    head.rows = opened.tail.rows();
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
  const auto first = std::lower_bound(head.stripe_begins.begin(), head.stripe_begins.end(), range.begin);
  if (first == head.stripe_begins.end() || *first >= range.end) return arrow::RecordBatchReader::Make({}, schema_);
  std::vector<int> columns;
  for (int column = 0; column < head.schema->num_fields(); ++column) {
    if (schema_->GetFieldIndex(head.schema->field(column)->name()) >= 0) columns.push_back(column);
  }
  // Without any there would be no rows.
  if (columns.empty()) columns.push_back(0);
  auto opened = OpenOrc(*env_, listed, limits_, pool);
  if (!opened.ok()) return DamagedFile(kForm, listed, opened.status());
  auto stripes = std::make_shared<StripeBatches>(std::move(*opened), listed, range, limits_, head.schema, std::move(columns));
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
