#include "plan/join_type.h"

#include <algorithm>
#include <iterator>

#include "aggregate/ordered_bytes.h"
#include "column/gather.h"
#include "plan/near_names.h"

namespace millstream {
namespace {

constexpr const char* kNames[] = {"inner", "left_outer", "right_outer", "full_outer", "left_semi", "right_semi", "left_anti", "right_anti"};

Status CheckKeys(const JoinColumns& join, const arrow::Schema& left, const arrow::Schema& right) {
  for (size_t key = 0; key < join.left_keys.size(); ++key) {
    const auto& left_field = *left.field(join.left_keys[key]);
    const auto& right_field = *right.field(join.right_keys[key]);
    const auto type = StorageType(left_field.type());
    if (!type->Equals(*StorageType(right_field.type()))) {
      return MakeError(ErrorKind::kType, "join: the key '" + left_field.name() + "' is " + left_field.type()->ToString() + " on the left and '" + right_field.name() +
                                             "' " + right_field.type()->ToString() + " on the right; cast one of them, for instance with_column('" + left_field.name() +
                                             "', col('" + left_field.name() + "').cast(...))");
    }
    if (!HasOrder(*type)) return MakeError(ErrorKind::kType, "join: values of '" + left_field.name() + "' (" + type->ToString() + ") cannot be keys");
  }
  return Status::OK();
}

/// The keys of one side as the only columns of the other, which has no rows and never had a schema.
arrow::Schema KeysAlone(const arrow::Schema& known, const std::vector<std::string>& known_keys, const std::vector<std::string>& names) {
  arrow::FieldVector fields;
  for (size_t key = 0; key < names.size(); ++key) {
    if (const auto field = known.GetFieldByName(known_keys[key])) fields.push_back(field->WithName(names[key]));
  }
  return arrow::Schema(std::move(fields));
}

bool IsOneSided(JoinType type) { return type >= JoinType::kLeftSemi; }

void AddOneSide(const arrow::Schema& schema, bool right, JoinColumns* join) {
  for (int column = 0; column < schema.num_fields(); ++column) join->columns.push_back({right, column});
  join->schema = arrow::schema(schema.fields());
}

Status AddBothSides(const JoinSpec& spec, const arrow::Schema& left, const arrow::Schema& right, JoinColumns* join) {
  arrow::FieldVector fields;
  const auto is_key = [](const std::vector<int>& keys, int column) { return std::find(keys.begin(), keys.end(), column) != keys.end(); };
  for (int column = 0; column < left.num_fields(); ++column) {
    const auto key = std::find(join->left_keys.begin(), join->left_keys.end(), column);
    const bool is_left_key = key != join->left_keys.end();
    join->columns.push_back({false, column, is_left_key ? join->right_keys[key - join->left_keys.begin()] : -1});
    const int other = right.GetFieldIndex(left.field(column)->name());
    const bool both = !is_left_key && other >= 0 && !is_key(join->right_keys, other);
    fields.push_back(left.field(column)->WithName(left.field(column)->name() + (both ? spec.left_suffix : ""))->WithNullable(true));
  }
  for (int column = 0; column < right.num_fields(); ++column) {
    if (is_key(join->right_keys, column)) continue;
    join->columns.push_back({true, column});
    const bool both = left.GetFieldIndex(right.field(column)->name()) >= 0;
    fields.push_back(right.field(column)->WithName(right.field(column)->name() + (both ? spec.right_suffix : ""))->WithNullable(true));
  }
  for (size_t i = 0; i < fields.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (fields[i]->name() != fields[j]->name()) continue;
      return MakeError(ErrorKind::kInvalidArgument, "join: both sides have a column '" + fields[i]->name() + "'; give left_suffix or right_suffix, or rename one");
    }
  }
  join->schema = arrow::schema(std::move(fields));
  return Status::OK();
}

}  // namespace

const char* NameOf(JoinType type) { return kNames[static_cast<int>(type)]; }

Result<JoinType> JoinTypeOf(const std::string& name) {
  std::string all;
  for (size_t type = 0; type < std::size(kNames); ++type) {
    if (name == kNames[type]) return static_cast<JoinType>(type);
    all += (type == 0 ? "" : ", ") + std::string(kNames[type]);
  }
  return MakeError(ErrorKind::kInvalidArgument, "join_type must be one of " + all + ", got '" + name + "'");
}

Result<JoinColumns> JoinColumnsOf(const JoinSpec& spec, const arrow::Schema& left, const arrow::Schema& right) {
  if (left.num_fields() == 0 && right.num_fields() > 0) return JoinColumnsOf(spec, KeysAlone(right, spec.right_keys, spec.left_keys), right);
  if (right.num_fields() == 0 && left.num_fields() > 0) return JoinColumnsOf(spec, left, KeysAlone(left, spec.left_keys, spec.right_keys));
  JoinColumns join;
  ARROW_ASSIGN_OR_RAISE(join.left_keys, FindColumns(spec.left_keys, left));
  ARROW_ASSIGN_OR_RAISE(join.right_keys, FindColumns(spec.right_keys, right));
  ARROW_RETURN_NOT_OK(CheckKeys(join, left, right));
  if (IsOneSided(spec.type)) {
    AddOneSide(GivesRight(spec.type) ? right : left, GivesRight(spec.type), &join);
    return join;
  }
  ARROW_RETURN_NOT_OK(AddBothSides(spec, left, right, &join));
  return join;
}

}  // namespace millstream
