#include "format/orc/orc_tail.h"

#include <arrow/buffer.h>

#include <algorithm>
#include <cstring>

#include "env/positional_file.h"
#include "format/limits.h"
#include "format/message_fields.h"

namespace millstream {

struct OrcTail::Postscript {
  uint64_t footer_bytes = 0, metadata_bytes = 0;
  uint64_t compression = 0;
  uint64_t block_bytes = 256 << 10;
  std::vector<uint64_t> version;
  uint64_t writer_version = 0;
};

struct OrcTail::Type {
  uint64_t kind = 0, precision = 0, scale = 0, maximum_length = 0;
  std::vector<uint64_t> children;
  std::vector<std::string_view> names;       // of a struct's children
  std::vector<std::string_view> attributes;  // messages
};

namespace {

using arrow::io::RandomAccessFile;
using Field = MessageReader::Field;

constexpr std::string_view kMagic = "ORC";
/// The library reads so many bytes from the end of a file at once.
constexpr int64_t kTailBytes = 16 << 10;
/// Of columns and what is in them, so many times as there may be columns.
constexpr int64_t kTypesOfColumn = 8;
/// Row numbers stay far from the limits of int64, whatever a footer claims.
constexpr uint64_t kFileRowsMax = uint64_t{1} << 48;
constexpr size_t kUnionChildrenMax = 127;
constexpr size_t kVersionNumbersMax = 2;

Status Unread(const std::string& what) { return Status::Invalid("its ", what, " cannot be read"); }

/// The bytes of a file up to some, and others behind them.
class FileAndTail final : public PositionalFile {
 public:
  FileAndTail(std::shared_ptr<RandomAccessFile> file, int64_t file_bytes, std::string tail)
      : PositionalFile("an ORC file"), file_(std::move(file)), file_bytes_(file_bytes), tail_(std::move(tail)) {}
  Status Close() override { return file_->Close(); }
  bool closed() const override { return file_->closed(); }
  Result<int64_t> GetSize() override { return file_bytes_ + static_cast<int64_t>(tail_.size()); }
  Result<int64_t> ReadAt(int64_t at, int64_t bytes, void* out) override {
    int64_t read = 0;
    if (at < file_bytes_) {
      ARROW_ASSIGN_OR_RAISE(read, file_->ReadAt(at, std::min(bytes, file_bytes_ - at), out));
      if (at + read < file_bytes_) return read;
    }
    const int64_t in_tail = std::min(at + read - file_bytes_, static_cast<int64_t>(tail_.size()));
    const auto rest = std::string_view(tail_).substr(static_cast<size_t>(in_tail), static_cast<size_t>(bytes - read));
    if (!rest.empty()) std::memcpy(static_cast<char*>(out) + read, rest.data(), rest.size());
    return read + static_cast<int64_t>(rest.size());
  }
  Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t at, int64_t bytes) override {
    if (at <= file_bytes_ && bytes <= file_bytes_ - at) return file_->ReadAt(at, bytes);
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(bytes));
    ARROW_ASSIGN_OR_RAISE(const int64_t read, ReadAt(at, bytes, buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(read));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }

 private:
  const std::shared_ptr<RandomAccessFile> file_;
  const int64_t file_bytes_;
  const std::string tail_;
};

template <typename Postscript>
bool ParsePostscript(std::string_view message, Postscript* out) {
  return ForEachField(message, [&](const Field& field) {
    switch (field.number) {
      case 1: return IsNumber(field, &out->footer_bytes);
      case 2: return IsNumber(field, &out->compression);
      case 3: return IsNumber(field, &out->block_bytes);
      case 4: return ForEachNumber(field, [&](uint64_t number) { out->version.push_back(number); });
      case 5: return IsNumber(field, &out->metadata_bytes);
      case 6: return IsNumber(field, &out->writer_version);
      default: return true;
    }
  });
}

template <typename Type>
bool ParseType(std::string_view message, Type* type) {
  return ForEachField(message, [&](const Field& field) {
    switch (field.number) {
      case 1: return IsNumber(field, &type->kind);
      case 2: return ForEachNumber(field, [&](uint64_t child) { type->children.push_back(child); });
      case 3: return IsBytes(field, &type->names.emplace_back());
      case 4: return IsNumber(field, &type->maximum_length);
      case 5: return IsNumber(field, &type->precision);
      case 6: return IsNumber(field, &type->scale);
      case 7: return IsBytes(field, &type->attributes.emplace_back());
      default: return true;
    }
  });
}

template <typename Type>
Status CheckType(const Type& type, uint64_t number) {
  if (type.kind >= static_cast<uint64_t>(OrcKind::kEnd)) return Status::Invalid("its type ", number, " is of kind ", type.kind, ", which is not known");
  const auto kind = static_cast<OrcKind>(type.kind);
  const size_t children = type.children.size();
  const bool as_many = kind == OrcKind::kList     ? children == 1
                       : kind == OrcKind::kMap    ? children == 2
                       : kind == OrcKind::kUnion  ? children >= 1 && children <= kUnionChildrenMax
                       : kind == OrcKind::kStruct ? children == type.names.size()
                                                  : children == 0;
  if (!as_many) return Status::Invalid("its type ", number, " of kind ", type.kind, " is made of ", children, " others");
  if (kind == OrcKind::kDecimal && (type.precision > OrcTail::kDecimalDigitsMax || type.scale > OrcTail::kDecimalDigitsMax)) {
    return Status::Invalid("its type ", number, " is a decimal of ", type.precision, " digits, ", type.scale, " of them behind the point");
  }
  return Status::OK();
}

}  // namespace

Result<OrcTail> OrcTail::Read(RandomAccessFile* file, const ListedFile& listed, const ReadLimits& limits) {
  const int64_t size = listed.size_bytes, last_bytes = std::min(size, kTailBytes);
  if (last_bytes == 0) return Status::Invalid("it is empty");
  ARROW_ASSIGN_OR_RAISE(const auto last, ReadExactly(file, size - last_bytes, last_bytes));
  const auto bytes = static_cast<std::string_view>(*last);
  const size_t postscript_bytes = static_cast<uint8_t>(bytes.back());
  if (postscript_bytes < kMagic.size() || postscript_bytes + 1 > bytes.size()) return Status::Invalid("its last byte tells of no postscript");
  const std::string_view message = bytes.substr(bytes.size() - 1 - postscript_bytes, postscript_bytes);
  if (!message.ends_with(kMagic)) {
    // Hive 0.11 wrote it at the beginning only.
    ARROW_ASSIGN_OR_RAISE(const auto first, file->ReadAt(0, kMagic.size()));
    if (static_cast<std::string_view>(*first) != kMagic) return Status::Invalid("it does not end as ORC files do");
  }

  OrcTail tail;
  Postscript postscript;
  if (!ParsePostscript(message, &postscript) || postscript.version.size() > kVersionNumbersMax) return Unread("postscript");
  ARROW_ASSIGN_OR_RAISE(tail.blocks_, OrcBlocks::Make(postscript.compression, postscript.block_bytes));
  const auto footer_end = static_cast<uint64_t>(size) - 1 - postscript_bytes;
  if (postscript.footer_bytes > footer_end || postscript.metadata_bytes > footer_end - postscript.footer_bytes) {
    return Status::Invalid("its footer is longer than the file");
  }
  const auto footer_bytes = static_cast<int64_t>(postscript.footer_bytes), footer_begin = static_cast<int64_t>(footer_end) - footer_bytes;
  tail.content_bytes_ = footer_begin - static_cast<int64_t>(postscript.metadata_bytes);
  std::shared_ptr<arrow::Buffer> stored;
  if (footer_begin >= size - last_bytes) stored = arrow::SliceBuffer(last, footer_begin - (size - last_bytes), footer_bytes);
  else ARROW_RETURN_NOT_OK(ReadExactly(file, footer_begin, footer_bytes).Value(&stored));
  ARROW_ASSIGN_OR_RAISE(const std::string footer, tail.blocks_.Decompressed(static_cast<std::string_view>(*stored), listed, limits));
  ARROW_RETURN_NOT_OK(tail.ParseFooter(footer, postscript, listed, limits));
  return tail;
}

Status OrcTail::ParseFooter(std::string_view message, const Postscript& postscript, const ListedFile& listed, const ReadLimits& limits) {
  uint64_t rows = 0, writer = 0;
  bool is_encrypted = false;
  std::vector<Type> types;
  Status status;
  const bool parsed = ForEachField(message, [&](const Field& field) {
    std::string_view bytes;
    switch (field.number) {
      case 3: return IsBytes(field, &bytes) && (status = AddStripe(bytes)).ok();
      case 4:
        // The row is a type too, and so are lists and maps.
        if (static_cast<int64_t>(types.size()) / kTypesOfColumn > limits.columns) {
          status = OverLimit("file " + listed.path + " has more than " + std::to_string(limits.columns) + " columns", "columns");
          return false;
        }
        return IsBytes(field, &bytes) && ParseType(bytes, &types.emplace_back());
      case 6: return IsNumber(field, &rows);
      case 9: return IsNumber(field, &writer);
      case 10: return is_encrypted = true;
      default: return true;
    }
  });
  ARROW_RETURN_NOT_OK(status);
  if (!parsed) return Unread("footer");
  if (is_encrypted) return Status::Invalid("columns of it are encrypted, which is not read");
  if (rows != static_cast<uint64_t>(rows_)) return Status::Invalid("its footer tells of ", rows, " rows, its stripes of ", rows_);
  if (types.empty() || types[0].kind != static_cast<uint64_t>(OrcKind::kStruct)) return Status::Invalid("its rows are no structs");
  ARROW_RETURN_NOT_OK(AddColumns(types, 0, 0, listed, limits));
  if (columns_.size() != types.size()) return Status::Invalid("it has types that no column is of");
  WriteTail(postscript, types, writer);
  return Status::OK();
}

Status OrcTail::AddStripe(std::string_view message) {
  uint64_t begin = 0, index = 0, data = 0, footer = 0, rows = 0;
  const bool parsed = ForEachField(message, [&](const Field& field) {
    switch (field.number) {
      case 1: return IsNumber(field, &begin);
      case 2: return IsNumber(field, &index);
      case 3: return IsNumber(field, &data);
      case 4: return IsNumber(field, &footer);
      case 5: return IsNumber(field, &rows);
      default: return true;
    }
  });
  if (!parsed) return Unread("footer");
  const int64_t before_bytes = stripes_.empty() ? 0 : stripes_.back().begin + stripes_.back().index_bytes + stripes_.back().data_bytes + stripes_.back().footer_bytes;
  const auto end = static_cast<uint64_t>(content_bytes_);
  const bool within = begin >= static_cast<uint64_t>(before_bytes) && begin <= end && index <= end - begin && data <= end - begin - index && footer <= end - begin - index - data;
  if (!within || footer == 0) return Status::Invalid("its stripe ", stripes_.size(), " is not in the file, or not behind the one before");
  if (rows > kFileRowsMax - static_cast<uint64_t>(rows_)) return Status::Invalid("its stripe ", stripes_.size(), " has an impossible number of rows");
  stripes_.push_back({static_cast<int64_t>(begin), static_cast<int64_t>(index), static_cast<int64_t>(data), static_cast<int64_t>(footer), rows_, static_cast<int64_t>(rows)});
  rows_ += static_cast<int64_t>(rows);
  return Status::OK();
}

/// Numbers of types are those of a walk from the row down: the library counts on that, and on each being in one other only.
Status OrcTail::AddColumns(const std::vector<Type>& types, uint64_t number, int64_t level, const ListedFile& listed, const ReadLimits& limits) {
  if (number != columns_.size() || number >= types.size()) return Status::Invalid("its type ", number, " is out of place");
  const Type& type = types[number];
  ARROW_RETURN_NOT_OK(CheckType(type, number));
  columns_.push_back({static_cast<OrcKind>(type.kind), type.children});
  if (level > limits.nesting && !type.children.empty()) {
    return OverLimit("file " + listed.path + ": there are more than " + std::to_string(limits.nesting) + " lists and structs within each other", "nesting");
  }
  for (const uint64_t child : type.children) ARROW_RETURN_NOT_OK(AddColumns(types, child, level + 1, listed, limits));
  return Status::OK();
}

void OrcTail::WriteTail(const Postscript& postscript, const std::vector<Type>& types, uint64_t writer) {
  std::string footer, message;
  AppendNumberField(1, kMagic.size(), &footer);
  AppendNumberField(2, static_cast<uint64_t>(content_bytes_), &footer);
  for (const Stripe& stripe : stripes_) {
    message.clear();
    int number = 0;
    for (const int64_t value : {stripe.begin, stripe.index_bytes, stripe.data_bytes, stripe.footer_bytes, stripe.rows}) {
      AppendNumberField(++number, static_cast<uint64_t>(value), &message);
    }
    AppendBytesField(3, message, &footer);
  }
  for (const Type& type : types) {
    message.clear();
    AppendNumberField(1, type.kind, &message);
    for (const uint64_t child : type.children) AppendNumberField(2, child, &message);
    for (const std::string_view name : type.names) AppendBytesField(3, name, &message);
    AppendNumberField(4, type.maximum_length, &message);
    AppendNumberField(5, type.precision, &message);
    AppendNumberField(6, type.scale, &message);
    for (const std::string_view attribute : type.attributes) AppendBytesField(7, attribute, &message);
    AppendBytesField(4, message, &footer);
  }
  AppendNumberField(6, static_cast<uint64_t>(rows_), &footer);
  AppendNumberField(9, writer, &footer);

  const std::string stored = blocks_.Stored(footer);
  std::string last;
  AppendNumberField(1, stored.size(), &last);
  AppendNumberField(2, postscript.compression, &last);
  if (blocks_.is_compressed()) AppendNumberField(3, postscript.block_bytes, &last);
  message.clear();
  for (const uint64_t number : postscript.version) AppendVarint(number, &message);
  AppendBytesField(4, message, &last);
  AppendNumberField(6, postscript.writer_version, &last);
  AppendBytesField(8000, kMagic, &last);

  static_assert(kVersionNumbersMax < 8, "the postscript's length is told in a byte");
  // With enough in front of it the library reads none of the content for it.
  tail_.assign(static_cast<size_t>(kTailBytes), '\0');
  tail_ += stored + last;
  tail_.push_back(static_cast<char>(last.size()));
}

std::shared_ptr<RandomAccessFile> OrcTail::FileWith(std::shared_ptr<RandomAccessFile> file) const {
  return std::make_shared<FileAndTail>(std::move(file), content_bytes_, tail_);
}

}  // namespace millstream
