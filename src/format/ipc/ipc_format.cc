#include "format/ipc/ipc_format.h"

#include <arrow/ipc/reader.h>

#include <algorithm>

#include "format/checked_batches.h"
#include "format/limits.h"
#include "format/schema_bytes.h"
#include "format/unify_schemas.h"
#include "task/for_each.h"

namespace millstream {
namespace {

constexpr const char* kName = "read_ipc";
constexpr const char* kForm = "Arrow IPC";
constexpr std::string_view kFileMagic = "ARROW1";
constexpr std::string_view kFeatherMagic = "FEA1";
constexpr int64_t kStreamRowBytesGuess = 100;

arrow::ipc::IpcReadOptions Options(const ReadLimits& limits, arrow::MemoryPool* pool) {
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.memory_pool = pool;
  options.max_recursion_depth = static_cast<int>(limits.nesting) + 1;  // the column is one
  options.use_threads = false;  // the lanes are the threads
  options.ensure_alignment = arrow::ipc::Alignment::kDataTypeSpecificAlignment;
  return options;
}

Result<std::shared_ptr<arrow::io::InputStream>> StreamOf(const std::shared_ptr<arrow::io::RandomAccessFile>& file, const ListedFile& listed) {
  return arrow::io::RandomAccessFile::GetStream(file, 0, listed.size_bytes);
}

/// Some record batches of a file with a footer.
class FileBatches : public arrow::RecordBatchReader {
 public:
  FileBatches(std::shared_ptr<arrow::ipc::RecordBatchFileReader> file, int64_t next, int64_t end) : file_(std::move(file)), next_(next), end_(end) {}
  std::shared_ptr<arrow::Schema> schema() const override { return file_->schema(); }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    out->reset();
    return next_ == end_ ? Status::OK() : file_->ReadRecordBatch(static_cast<int>(next_++)).Value(out);
  }

 private:
  const std::shared_ptr<arrow::ipc::RecordBatchFileReader> file_;
  int64_t next_;
  const int64_t end_;
};

}  // namespace

Result<std::shared_ptr<const IpcFormat>> IpcFormat::Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, const ReadLimits& limits,
                                                         Scheduler* scheduler, BadFiles* bad) {
  std::shared_ptr<IpcFormat> format(new IpcFormat(std::move(env), std::move(files), limits));
  format->heads_.resize(format->files_->size());
  ARROW_RETURN_NOT_OK(ForEachFile(scheduler, format->heads_.size(), bad,
                                  [&](size_t file) { return format->ReadHead(static_cast<uint32_t>(file)).Value(&format->heads_[file]); }));
  SchemaUnifier unifier;
  for (size_t file = 0; file < format->heads_.size(); ++file) {
    const Head& head = format->heads_[file];
    const ListedFile& listed = (*format->files_)[file];
    ARROW_RETURN_NOT_OK(unifier.AddOrNote(*head.schema, listed.path, file, bad));
    const int64_t rows = head.rows >= 0 ? head.rows : listed.size_bytes / kStreamRowBytesGuess;
    format->rows_guess_ = std::min(format->rows_guess_ + std::min(rows, kRowsGuessMax), kRowsGuessMax);
  }
  if (bad != nullptr) ARROW_RETURN_NOT_OK(bad->first());
  format->schema_ = unifier.Finish();
  ARROW_RETURN_NOT_OK(CheckSchema(*format->schema_, limits, "read_ipc"));
  return format;
}

Result<IpcFormat::Head> IpcFormat::ReadHead(uint32_t file) const {
  const ListedFile& listed = (*files_)[file];
  const auto read = [&]() -> Result<Head> {
    ARROW_ASSIGN_OR_RAISE(auto opened, OpenListed(*env_, listed, arrow::default_memory_pool(), kName));
    ARROW_ASSIGN_OR_RAISE(const auto first, opened->ReadAt(0, std::min<int64_t>(kFileMagic.size(), listed.size_bytes)));
    const std::string_view magic(*first);
    if (magic.starts_with(kFeatherMagic)) return Status::Invalid("it is of Feather's first version, which pyarrow.feather.read_table() reads");
    if (magic == kFileMagic) {
      ARROW_ASSIGN_OR_RAISE(const auto reader, arrow::ipc::RecordBatchFileReader::Open(opened, Options(limits_, arrow::default_memory_pool())));
      ARROW_ASSIGN_OR_RAISE(const int64_t rows, reader->CountRows());
      return Head{true, reader->schema(), reader->num_record_batches(), rows};
    }
    ARROW_ASSIGN_OR_RAISE(auto stream, StreamOf(opened, listed));
    ARROW_ASSIGN_OR_RAISE(const auto reader, arrow::ipc::RecordBatchStreamReader::Open(std::move(stream), Options(limits_, arrow::default_memory_pool())));
    return Head{false, reader->schema()};
  };
  auto head = read();
  if (!head.ok()) return DamagedFile(kForm, listed, head.status());
  ARROW_RETURN_NOT_OK(CheckSchema(*head->schema, limits_, "file " + listed.path));
  return head;
}

Result<std::shared_ptr<arrow::RecordBatchReader>> IpcFormat::Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const {
  const ListedFile& listed = (*files_)[range.file];
  const Head& head = heads_[range.file];
  // Where batches begin is not told, so that they are taken for equally long.
  const auto batch_from = [&](int64_t byte) { return static_cast<int64_t>((static_cast<__int128>(byte) * head.batches + listed.size_bytes - 1) / listed.size_bytes); };
  if (head.has_footer && batch_from(range.begin) == batch_from(range.end)) return arrow::RecordBatchReader::Make({}, schema_);
  auto options = Options(limits_, pool);
  for (const auto& field : schema_->fields()) {
    const int index = head.schema->GetFieldIndex(field->name());
    if (index >= 0) options.included_fields.push_back(index);
  }
  std::sort(options.included_fields.begin(), options.included_fields.end());
  ARROW_ASSIGN_OR_RAISE(auto file, OpenListed(*env_, listed, pool, kName));
  if (!head.has_footer) {
    ARROW_ASSIGN_OR_RAISE(auto stream, StreamOf(file, listed));
    auto reader = arrow::ipc::RecordBatchStreamReader::Open(std::move(stream), options);
    if (!reader.ok()) return DamagedFile(kForm, listed, reader.status());
    return CheckedBatches(kForm, listed, std::move(*reader), schema_, pool);
  }
  auto reader = arrow::ipc::RecordBatchFileReader::Open(std::move(file), options);
  if (!reader.ok()) return DamagedFile(kForm, listed, reader.status());
  if ((*reader)->num_record_batches() != head.batches) return DamagedFile(kForm, listed, Status::Invalid("it was changed while it was read"));
  auto batches = std::make_shared<FileBatches>(std::move(*reader), batch_from(range.begin), batch_from(range.end));
  return CheckedBatches(kForm, listed, std::move(batches), schema_, pool);
}

Result<std::shared_ptr<const FileFormat>> IpcFormat::Select(const std::vector<std::string>& names) const {
  std::shared_ptr<IpcFormat> selected(new IpcFormat(*this));
  selected->schema_ = FieldsOf(*schema_, names);
  return selected;
}

Status IpcFormat::Write(ByteWriter* out) const {
  WriteLimits(limits_, out);
  return WriteSchema(*schema_, out);
}

Result<std::shared_ptr<const IpcFormat>> IpcFormat::Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in) {
  ReadLimits limits;
  ARROW_RETURN_NOT_OK(ReadLimitsFrom(in, &limits));
  ARROW_ASSIGN_OR_RAISE(const auto schema, ReadSchema(in));
  ARROW_ASSIGN_OR_RAISE(const auto format, Make(std::move(env), std::move(files), limits, nullptr));
  std::shared_ptr<IpcFormat> given(new IpcFormat(*format));
  given->schema_ = schema;
  return given;
}

}  // namespace millstream
