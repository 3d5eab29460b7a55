#include "plan/near_names.h"

#include <algorithm>
#include <vector>

namespace millstream {
namespace {

constexpr int kNamesShownMax = 20;

/// Insertions, deletions and replacements that turn `a` into `b`.
size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::string NearestName(const std::string& name, const std::vector<std::string>& names) {
  std::string near;
  size_t best = std::max<size_t>(name.size() / 2, 1) + 1;
  for (const std::string& candidate : names) {
    const size_t distance = EditDistance(name, candidate);
    if (distance < best) {
      best = distance;
      near = candidate;
    }
  }
  return near;
}

Status UnknownColumn(const std::string& name, const arrow::Schema& schema) {
  const std::string near = NearestName(name, schema.field_names());
  std::string message = "no column '" + name + "'";
  if (!near.empty()) message += "; did you mean '" + near + "'?";
  message += " (columns: ";
  for (int i = 0; i < schema.num_fields(); ++i) {
    if (i > 0) message += ", ";
    if (i == kNamesShownMax) {
      message += "and " + std::to_string(schema.num_fields() - i) + " more";
      break;
    }
    message += schema.field(i)->name();
  }
  return MakeError(ErrorKind::kUnknownColumn, message + ")");
}

Result<std::vector<int>> FindColumns(const std::vector<std::string>& names, const arrow::Schema& schema) {
  std::vector<int> columns;
  for (const std::string& name : names) {
    columns.push_back(schema.GetFieldIndex(name));
    if (columns.back() < 0) return UnknownColumn(name, schema);
  }
  return columns;
}

}  // namespace millstream
