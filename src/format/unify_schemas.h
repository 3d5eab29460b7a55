#pragma once
/// One schema for files that differ a little.

#include <arrow/type.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "format/bad_data.h"

namespace millstream {

/// Columns in order of first appearance; all nullable. A column that a file lacks is null there. Of two types the wider one is taken: numbers of different width, whole
/// numbers and floats, units of time, and null with anything, also inside lists and structs. Any other difference is a kType error that names column, types and files;
/// two columns of one name in a file are kInvalidArgument.
class SchemaUnifier {
 public:
  Status Add(const arrow::Schema& schema, const std::string& path);
  /// The same of a file that is noted in `bad`, where that is there, if its schema does not go with those before: then it leaves no trace.
  Status AddOrNote(const arrow::Schema& schema, const std::string& path, size_t file, BadFiles* bad);
  std::shared_ptr<arrow::Schema> Finish() const { return arrow::schema(fields_, metadata_); }

 private:
  Status AddField(const std::shared_ptr<arrow::Field>& field, const std::string& path);

  std::vector<std::shared_ptr<arrow::Field>> fields_;
  std::vector<std::string> first_path_;
  std::unordered_map<std::string, size_t> by_name_;
  std::shared_ptr<const arrow::KeyValueMetadata> metadata_;
};

}  // namespace millstream
