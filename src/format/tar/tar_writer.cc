#include "format/tar/tar_writer.h"

#include <arrow/array/array_binary.h>
#include <arrow/array/util.h>
#include <arrow/compute/cast.h>
#include <arrow/util/checked_cast.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <optional>

#include "format/file_sink.h"
#include "format/images/encode_image.h"
#include "format/images/image_writer.h"
#include "format/json/json_text.h"
#include "format/library_writer.h"
#include "format/numpy/npy_writer.h"
#include "format/tensor_rows.h"

namespace millstream {
namespace {

using arrow::internal::checked_cast;

constexpr size_t kBlockBytes = 512;
constexpr size_t kNameBytes = 100;
constexpr size_t kPrefixBytes = 155;
constexpr int64_t kBufferBytes = 1 << 20;
constexpr int kJpegQuality = 75;

bool IsTextOrBytes(const arrow::DataType& type) {
  return arrow::is_base_binary_like(type.id()) || arrow::is_binary_view_like(type.id()) || type.id() == arrow::Type::FIXED_SIZE_BINARY;
}

enum class Form : uint8_t { kNone, kLeftOut, kBytes, kJpeg, kPng, kArray, kJson, kText };

Form FormOf(const arrow::Field& field) {
  if (field.name().starts_with("__")) return Form::kLeftOut;
  const auto type = PlainType(field.type());
  if (IsTextOrBytes(*type)) return Form::kBytes;
  const std::string ending = field.name().substr(field.name().rfind('.') + 1);
  const auto numbers = TensorRows::ValueType(*field.type());
  const bool are_bytes = numbers != nullptr && numbers->id() == arrow::Type::UINT8 && numbers != field.type();
  if (ending == "jpg" || ending == "jpeg") return are_bytes ? Form::kJpeg : Form::kNone;
  if (ending == "png") return are_bytes ? Form::kPng : Form::kNone;
  if (ending == "npy") return numbers != nullptr ? Form::kArray : Form::kNone;
  if (ending == "json") {
    const auto none = arrow::MakeEmptyArray(field.type());
    return none.ok() && MakeJsonColumn(*none, arrow::default_memory_pool()).ok() ? Form::kJson : Form::kNone;
  }
  return arrow::is_primitive(type->id()) && arrow::compute::CanCast(*type, *arrow::utf8()) ? Form::kText : Form::kNone;
}

class StringText final : public JsonText {
 public:
  explicit StringText(std::string* out) : out_(out) {}

 private:
  Status Write(std::string_view text) override {
    out_->append(text);
    return Status::OK();
  }
  std::string* const out_;
};

/// The bytes of the values of a column.
class Members {
 public:
  static Result<Members> Make(const arrow::Field& field, const std::shared_ptr<arrow::Array>& column, arrow::MemoryPool* pool) {
    Members members;
    members.form_ = FormOf(field);
    members.name_ = field.name();
    members.pool_ = pool;
    members.column_ = column;
    if (members.form_ == Form::kBytes || members.form_ == Form::kText) {
      arrow::compute::ExecContext context(pool);
      ARROW_ASSIGN_OR_RAISE(auto plain, ToPlain(column->data(), pool));
      // As bytes of any length.
      const auto texts = members.form_ == Form::kText ? arrow::large_utf8() : arrow::large_binary();
      ARROW_ASSIGN_OR_RAISE(members.column_, arrow::compute::Cast(*arrow::MakeArray(plain), texts, arrow::compute::CastOptions::Safe(), &context));
    } else if (members.form_ == Form::kJson) {
      ARROW_ASSIGN_OR_RAISE(members.json_, MakeJsonColumn(column, pool));
    } else if (members.form_ != Form::kLeftOut) {
      ARROW_ASSIGN_OR_RAISE(auto rows, TensorRows::Make(column));
      members.rows_ = std::move(rows);
    }
    return members;
  }

  const std::string& name() const { return name_; }
  bool HasMember(int64_t row) const { return form_ != Form::kLeftOut && column_->IsValid(row); }
  /// Valid until the next call.
  Result<std::string_view> BytesOf(int64_t row) {
    if (form_ == Form::kBytes || form_ == Form::kText) return checked_cast<const arrow::LargeBinaryArray&>(*column_).GetView(row);
    bytes_.clear();
    if (form_ == Form::kJson) {
      StringText text(&bytes_);
      json_->Append(row, &text);
      text.Flush();
      return std::string_view(bytes_);
    }
    if (form_ == Form::kArray) {
      ARROW_RETURN_NOT_OK(AppendNpy(*rows_, row, &bytes_));
      return std::string_view(bytes_);
    }
    ARROW_ASSIGN_OR_RAISE(picture_, EncodeRow(*rows_, row, form_ == Form::kPng ? ImageWriteOptions::Form::kPng : ImageWriteOptions::Form::kJpeg, kJpegQuality, pool_));
    return std::string_view(*picture_);
  }

 private:
  Form form_ = Form::kNone;
  std::string name_;
  arrow::MemoryPool* pool_ = nullptr;
  std::shared_ptr<arrow::Array> column_;
  std::optional<TensorRows> rows_;
  std::unique_ptr<JsonColumn> json_;
  std::string bytes_;
  std::shared_ptr<arrow::Buffer> picture_;
};

void PutOctal(uint64_t number, char* field, int digits) { std::snprintf(field, static_cast<size_t>(digits) + 1, "%0*llo", digits, static_cast<unsigned long long>(number)); }

/// As POSIX has it; kInvalidArgument for a name that does not fit.
Result<std::array<char, kBlockBytes>> HeaderOf(const std::string& name, size_t bytes) {
  std::array<char, kBlockBytes> header{};
  size_t cut = 0;
  if (name.size() > kNameBytes) {
    cut = name.find('/', name.size() - kNameBytes - 1);
    if (cut == std::string::npos || cut > kPrefixBytes) return MakeError(ErrorKind::kInvalidArgument, "the name '" + name + "' is longer than those in tar files may be");
    std::memcpy(header.data() + 345, name.data(), cut);
    ++cut;
  }
  std::memcpy(header.data(), name.data() + cut, name.size() - cut);
  PutOctal(0644, header.data() + 100, 7);
  PutOctal(0, header.data() + 108, 7);
  PutOctal(0, header.data() + 116, 7);
  PutOctal(bytes, header.data() + 124, 11);
  PutOctal(0, header.data() + 136, 11);
  std::memset(header.data() + 148, ' ', 8);
  header[156] = '0';
  std::memcpy(header.data() + 257, "ustar\00000", 8);
  uint64_t sum = 0;
  for (const char byte : header) sum += static_cast<uint8_t>(byte);
  PutOctal(sum, header.data() + 148, 6);
  return header;
}

bool LeadsElsewhere(const std::string& key) {
  if (key.empty() || key[0] == '/' || key.find('\0') != std::string::npos) return true;
  for (size_t begin = 0; begin <= key.size();) {
    const size_t end = std::min(key.find('/', begin), key.size());
    if (key.compare(begin, end - begin, "..") == 0) return true;
    begin = end + 1;
  }
  return false;
}

class TarWriter final : public FileWriter {
 public:
  TarWriter(std::unique_ptr<FileSink> sink, std::shared_ptr<BudgetPool> pool, Reservation reserved)
      : pool_(std::move(pool)), reserved_(std::move(reserved)), sink_(std::move(sink)) {
    const std::string& path = sink_->path();
    const size_t begin = path.rfind('/') + 1;
    stem_ = path.substr(begin, path.find('.', begin) - begin);
  }

  Status Write(std::shared_ptr<arrow::RecordBatch> batch) override {
    std::vector<Members> columns;
    for (int column = 0; column < batch->num_columns(); ++column) {
      ARROW_ASSIGN_OR_RAISE(auto members, Members::Make(*batch->schema()->field(column), batch->column(column), pool_.get()));
      columns.push_back(std::move(members));
    }
    std::shared_ptr<arrow::LargeBinaryArray> keys;
    if (const auto column = batch->GetColumnByName("__key__")) {
      ARROW_ASSIGN_OR_RAISE(auto plain, ToPlain(column->data(), pool_.get()));
      ARROW_ASSIGN_OR_RAISE(const auto cast, arrow::compute::Cast(*arrow::MakeArray(plain), arrow::large_binary()));
      keys = std::static_pointer_cast<arrow::LargeBinaryArray>(cast);
    }
    for (int64_t row = 0; row < batch->num_rows(); ++row, ++rows_) {
      const Status status = WriteRow(keys == nullptr || keys->IsNull(row) ? stem_ + "_" + std::to_string(rows_) : std::string(keys->GetView(row)), &columns, row);
      ARROW_RETURN_NOT_OK(sink_->InFile(WithContext(status, "row " + std::to_string(rows_) + " of the file")));
    }
    return Status::OK();
  }

  Result<WrittenRows> Close() override {
    buffer_.append(2 * kBlockBytes, '\0');
    ARROW_RETURN_NOT_OK(sink_->Flush(&buffer_));
    ARROW_ASSIGN_OR_RAISE(const int64_t bytes, sink_->Close());
    return WrittenRows{rows_, bytes};
  }

 private:
  Status WriteRow(const std::string& key, std::vector<Members>* columns, int64_t row) {
    if (LeadsElsewhere(key)) return MakeError(ErrorKind::kInvalidArgument, "the key '" + key + "' is no name within a directory");
    for (Members& column : *columns) {
      if (!column.HasMember(row)) continue;
      const auto bytes = column.BytesOf(row);
      if (!bytes.ok()) return WithContext(bytes.status(), "column '" + column.name() + "'");
      ARROW_ASSIGN_OR_RAISE(const auto header, HeaderOf(key + "." + column.name(), bytes->size()));
      buffer_.append(header.data(), header.size());
      buffer_.append(*bytes);
      buffer_.append((kBlockBytes - bytes->size() % kBlockBytes) % kBlockBytes, '\0');
      if (static_cast<int64_t>(buffer_.size()) >= kBufferBytes) ARROW_RETURN_NOT_OK(sink_->Flush(&buffer_));
    }
    return Status::OK();
  }

  const std::shared_ptr<BudgetPool> pool_;
  const Reservation reserved_;
  const std::unique_ptr<FileSink> sink_;
  std::string stem_;
  std::string buffer_;
  int64_t rows_ = 0;
};

}  // namespace

Status TarWriteFormat::Check(const arrow::Schema& schema) const {
  bool any = false;
  for (const auto& field : schema.fields()) {
    const Form form = FormOf(*field);
    any |= form != Form::kLeftOut;
    if (form != Form::kNone) continue;
    return MakeError(ErrorKind::kType, "Column '" + field->name() + "' of type " + field->type()->ToString() +
                                           " has no form in a tar file under this name; call it *.json, *.npy or *.png where it is such, or make bytes of it");
  }
  if (!any) return MakeError(ErrorKind::kInvalidArgument, "Rows without columns cannot be written as tar files");
  return Status::OK();
}

int64_t TarWriteFormat::EncodeBytes(const arrow::Schema&, int64_t, int64_t) const { return 4 * kBufferBytes; }

Result<std::unique_ptr<FileWriter>> TarWriteFormat::Open(Env& env, const FileToWrite& file) const {
  ARROW_ASSIGN_OR_RAISE(auto reserved, Reservation::Take(file.pool->ledger(), 2 * kBufferBytes));
  ARROW_ASSIGN_OR_RAISE(auto sink, FileSink::Create(env, file.path, compression_, file.pool.get()));
  return std::make_unique<TarWriter>(std::move(sink), file.pool, std::move(reserved));
}

}  // namespace millstream
