#include "format/limits.h"

#include <arrow/extension_type.h>

namespace millstream {
namespace {

/// A file that is compressed may always have so many, for a ratio means little where there is little.
constexpr int64_t kDecompressedBytesFree = 1 << 20;

const arrow::DataType* StoredType(const arrow::DataType* type) {
  for (;;) {
    if (type->id() == arrow::Type::EXTENSION) type = static_cast<const arrow::ExtensionType*>(type)->storage_type().get();
    else if (type->id() == arrow::Type::DICTIONARY) type = static_cast<const arrow::DictionaryType*>(type)->value_type().get();
    else return type;
  }
}

/// Looks at a schema no deeper than it may be.
class SchemaWalk {
 public:
  SchemaWalk(const ReadLimits& limits, const std::string& where) : limits_(limits), where_(where) {}

  /// `level`: how many lists and structs the fields are in.
  Status Look(const arrow::FieldVector& fields, bool are_columns, int64_t level) {
    columns_ += are_columns ? static_cast<int64_t>(fields.size()) : 0;
    if (columns_ > limits_.columns) {
      return OverLimit(where_ + ": there are more than " + std::to_string(limits_.columns) + " columns, those within structs counted", "columns");
    }
    for (const auto& field : fields) {
      const arrow::DataType* type = StoredType(field->type().get());
      if (type->num_fields() == 0) continue;
      if (level == limits_.nesting) {
        return OverLimit(where_ + ": there are more than " + std::to_string(limits_.nesting) + " lists and structs within each other", "nesting");
      }
      ARROW_RETURN_NOT_OK(Look(type->fields(), type->id() == arrow::Type::STRUCT, level + 1));
    }
    return Status::OK();
  }

 private:
  const ReadLimits& limits_;
  const std::string& where_;
  int64_t columns_ = 0;  // so far
};

}  // namespace

Status CheckLimits(const ReadLimits& limits) {
  for (const ReadLimit& limit : kReadLimits) {
    const int64_t value = limits.*limit.value;
    if (value >= 1 && value <= limit.most) continue;
    return MakeError(ErrorKind::kInvalidArgument, std::string("the limit ") + limit.name + " must be from 1 to " + std::to_string(limit.most) + ", not " + std::to_string(value));
  }
  return Status::OK();
}

Status OverLimit(const std::string& what, const std::string& limit) {
  return MakeError(ErrorKind::kCorruptData, what + "; raise it with limits=ReadLimits(" + limit + "=...)");
}

Status CheckDecompressed(const std::string& path, int64_t stored, int64_t bytes, const ReadLimits& limits) {
  if (bytes <= kDecompressedBytesFree || (bytes - 1) / limits.decompressed_ratio < stored) return Status::OK();
  return OverLimit("file " + path + " has " + std::to_string(stored) + " bytes and decompresses to " + std::to_string(bytes) + " or more, above the ratio of " +
                       std::to_string(limits.decompressed_ratio) + " that is allowed",
                   "decompressed_ratio");
}

Status CheckSchema(const arrow::Schema& schema, const ReadLimits& limits, const std::string& where) { return SchemaWalk(limits, where).Look(schema.fields(), true, 0); }

void WriteLimits(const ReadLimits& limits, ByteWriter* out) {
  for (const ReadLimit& limit : kReadLimits) out->Number<int64_t>(limits.*limit.value);
}

Status ReadLimitsFrom(ByteReader* in, ReadLimits* limits) {
  for (const ReadLimit& limit : kReadLimits) ARROW_RETURN_NOT_OK(in->Number<int64_t>().Value(&(limits->*limit.value)));
  return CheckLimits(*limits).ok() ? Status::OK() : in->Damaged();
}

}  // namespace millstream
