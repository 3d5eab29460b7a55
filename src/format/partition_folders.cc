#include "format/partition_folders.h"

#include <arrow/array/array_binary.h>
#include <arrow/compute/cast.h>

#include <algorithm>
#include <string_view>

#include "column/gather.h"

namespace millstream {
namespace {

constexpr std::string_view kNullFolder = "__HIVE_DEFAULT_PARTITION__";

bool IsPlain(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') || letter == '-' || letter == '_' ||
         letter == '.' || letter == '~';
}

void AppendEscaped(char letter, std::string* out) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  const auto byte = static_cast<uint8_t>(letter);
  *out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
}

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    if (IsPlain(letter)) {
      out += letter;
    } else {
      AppendEscaped(letter, &out);
    }
  }
  return out;
}

/// A folder whose name begins with '_' or '.' would be passed over by readers.
std::string FolderName(std::string_view column) {
  std::string out;
  if (column[0] == '_' || column[0] == '.') {
    AppendEscaped(column[0], &out);
    column.remove_prefix(1);
  }
  return out + Escaped(column);
}

bool HasText(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
    case arrow::Type::DATE32:
    case arrow::Type::DATE64:
    case arrow::Type::TIMESTAMP:
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW: return true;
    default: return arrow::is_integer(type.id()) || arrow::is_floating(type.id()) || arrow::is_decimal(type.id());
  }
}

using Texts = std::shared_ptr<arrow::LargeStringArray>;

bool Same(const arrow::LargeStringArray& texts, int64_t row, int64_t other) {
  return texts.IsNull(row) == texts.IsNull(other) && (texts.IsNull(row) || texts.GetView(row) == texts.GetView(other));
}

}  // namespace

Result<PartitionFolders> PartitionFolders::Make(const arrow::Schema& schema, const std::vector<std::string>& columns) {
  PartitionFolders folders;
  for (const std::string& name : columns) {
    const int column = schema.GetFieldIndex(name);
    if (column < 0) return MakeError(ErrorKind::kUnknownColumn, "No column '" + name + "' to partition by; there are " + schema.ToString());
    const auto type = StorageType(schema.field(column)->type());
    if (name.empty() || !HasText(*type)) {
      return MakeError(ErrorKind::kType, "Column '" + name + "' of type " + schema.field(column)->type()->ToString() +
                                             " cannot name folders; partition by numbers, texts, booleans, dates or times");
    }
    folders.columns_.push_back(column);
    folders.names_.push_back(FolderName(name));
  }
  arrow::FieldVector rest;
  for (int column = 0; column < schema.num_fields(); ++column) {
    if (std::find(folders.columns_.begin(), folders.columns_.end(), column) != folders.columns_.end()) continue;
    folders.rest_columns_.push_back(column);
    rest.push_back(schema.field(column));
  }
  if (rest.empty()) return MakeError(ErrorKind::kInvalidArgument, "Every column names folders, and none is left for the files; partition by fewer columns");
  folders.rest_ = arrow::schema(std::move(rest), schema.metadata());
  return folders;
}

Result<std::vector<PartitionFolders::Part>> PartitionFolders::Cut(const arrow::RecordBatch& batch) const {
  auto* const pool = arrow::default_memory_pool();
  std::vector<Texts> texts;
  for (const int column : columns_) {
    ARROW_ASSIGN_OR_RAISE(const auto stored, ToStorage(batch.column_data(column), pool));
    ARROW_ASSIGN_OR_RAISE(const auto cast, arrow::compute::Cast(*arrow::MakeArray(stored), arrow::large_utf8()));
    texts.push_back(std::static_pointer_cast<arrow::LargeStringArray>(cast));
  }
  const auto folder_of = [&](int64_t row) -> Result<std::string> {
    std::string folder;
    for (size_t column = 0; column < texts.size(); ++column) {
      const bool is_null = texts[column]->IsNull(row);
      if (!is_null && texts[column]->GetView(row) == kNullFolder) {
        return MakeError(ErrorKind::kInvalidArgument, "Column '" + batch.schema()->field(columns_[column])->name() + "' has the value '" + std::string(kNullFolder) +
                                                          "', which stands for null in the names of folders; change the value");
      }
      folder += names_[column] + "=" + (is_null ? std::string(kNullFolder) : Escaped(texts[column]->GetView(row))) + "/";
    }
    return folder;
  };
  ARROW_ASSIGN_OR_RAISE(const auto rest, batch.SelectColumns(rest_columns_));
  std::vector<Part> parts;
  for (int64_t begin = 0; begin < batch.num_rows();) {
    int64_t end = begin + 1;
    while (end < batch.num_rows() && std::all_of(texts.begin(), texts.end(), [&](const Texts& column) { return Same(*column, begin, end); })) ++end;
    ARROW_ASSIGN_OR_RAISE(auto folder, folder_of(begin));
    parts.push_back({std::move(folder), rest->Slice(begin, end - begin)});
    begin = end;
  }
  return parts;
}

}  // namespace millstream
