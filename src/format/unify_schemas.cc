#include "format/unify_schemas.h"

#include <arrow/util/utf8.h>

#include <unordered_set>

namespace millstream {
namespace {

/// The type that both columns are brought to, null if there is none.
std::shared_ptr<arrow::DataType> CommonType(const std::shared_ptr<arrow::DataType>& a, const std::shared_ptr<arrow::DataType>& b) {
  if (a->Equals(*b)) return a;
  arrow::Field::MergeOptions options = arrow::Field::MergeOptions::Permissive();
  options.promote_decimal_to_float = false;
  auto merged = arrow::field("x", a)->MergeWith(arrow::field("x", b), options);
  return merged.ok() ? (*merged)->type() : nullptr;
}

}  // namespace

Status SchemaUnifier::Add(const arrow::Schema& schema, const std::string& path) {
  std::unordered_set<std::string> names;
  for (const auto& field : schema.fields()) {
    arrow::util::InitializeUTF8();
    if (!arrow::util::ValidateUTF8(field->name())) {
      return MakeError(ErrorKind::kCorruptData, "file " + path + " has a column whose name is not UTF-8 ('" + field->name() + "'); rewrite it with another name");
    }
    if (!names.insert(field->name()).second) {
      return MakeError(ErrorKind::kInvalidArgument, "file " + path + " has two columns named '" + field->name() + "'; rewrite it with names that differ");
    }
    ARROW_RETURN_NOT_OK(AddField(field, path));
  }
  if (metadata_ == nullptr) metadata_ = schema.metadata();
  return Status::OK();
}

Status SchemaUnifier::AddOrNote(const arrow::Schema& schema, const std::string& path, size_t file, BadFiles* bad) {
  if (bad == nullptr) return Add(schema, path);
  SchemaUnifier with = *this;
  Status added = with.Add(schema, path);
  if (added.ok()) *this = std::move(with);
  return Noted(bad, file, std::move(added));
}

Status SchemaUnifier::AddField(const std::shared_ptr<arrow::Field>& field, const std::string& path) {
  const auto [known, is_new] = by_name_.emplace(field->name(), fields_.size());
  if (is_new) {
    fields_.push_back(field->WithNullable(true));
    first_path_.push_back(path);
    return Status::OK();
  }
  auto& unified = fields_[known->second];
  const auto type = CommonType(unified->type(), field->type());
  if (type == nullptr) {
    return MakeError(ErrorKind::kType, "files have different types for column '" + field->name() + "': " + field->type()->ToString() + " in " + path + ", " +
                                           unified->type()->ToString() + " in " + first_path_[known->second] +
                                           "; read them apart, or rewrite one with the other's type");
  }
  unified = unified->WithType(type);
  return Status::OK();
}

}  // namespace millstream
