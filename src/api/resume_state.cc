#include "api/resume_state.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/json/reader.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>

namespace millstream {
namespace {

constexpr size_t kTextBytesMax = 64 << 10;

std::shared_ptr<arrow::Schema> StateSchema() {
  const auto plan = arrow::struct_({arrow::field("files", arrow::utf8()), arrow::field("file_count", arrow::int64()),
                                           arrow::field("rows", arrow::int64()), arrow::field("schema", arrow::utf8()),
                                           arrow::field("stages", arrow::utf8()), arrow::field("seed", arrow::utf8()),
                                           arrow::field("order_version", arrow::int64())});
  const auto position = arrow::struct_({arrow::field("key", arrow::uint64()), arrow::field("ties", arrow::int64()), arrow::field("rows", arrow::int64()),
                                        arrow::field("skip", arrow::int64())});
  return arrow::schema({arrow::field("version", arrow::int64()), arrow::field("plan", plan), arrow::field("seed", arrow::uint64()),
                        arrow::field("epoch", arrow::uint64()), arrow::field("position", position), arrow::field("finished", arrow::boolean())});
}

Status NotAState(const std::string& why) { return MakeError(ErrorKind::kInvalidArgument, "this is not the saved state of an iterator: " + why); }

/// Reads named values, remembering the first one that is missing.
class Fields {
 public:
  static Result<Fields> Parse(std::string_view json) {
    if (json.size() > kTextBytesMax) return NotAState("it has " + std::to_string(json.size()) + " bytes");
    arrow::json::ParseOptions options;
    options.explicit_schema = StateSchema();
    options.newlines_in_values = true;
    options.unexpected_field_behavior = arrow::json::UnexpectedFieldBehavior::Ignore;
    auto batch = arrow::json::ParseOne(options, arrow::Buffer::FromString(std::string(json)));
    if (!batch.ok()) return NotAState(batch.status().message());
    if ((*batch)->num_rows() != 1) return NotAState("it must hold one JSON object");
    Fields fields;
    ARROW_ASSIGN_OR_RAISE(auto row, (*batch)->ToStructArray());
    ARROW_ASSIGN_OR_RAISE(fields.row_, row->GetScalar(0));
    return fields;
  }

  bool Has(const arrow::FieldRef& name) const { return Find(name) != nullptr; }

  template <typename Scalar, typename Value>
  void Take(const arrow::FieldRef& name, Value* out) {
    const auto scalar = Find(name);
    if (scalar == nullptr) return Miss(name);
    if constexpr (std::is_same_v<Value, std::string>) {
      *out = static_cast<const Scalar&>(*scalar).view();
    } else {
      *out = static_cast<Value>(static_cast<const Scalar&>(*scalar).value);
    }
  }

  const Status& status() const { return status_; }

 private:
  /// Null where it is missing or null.
  std::shared_ptr<arrow::Scalar> Find(const arrow::FieldRef& name) const {
    const auto path = name.FindOne(*row_->type);
    if (!path.ok()) return nullptr;
    std::shared_ptr<arrow::Scalar> scalar = row_;
    for (const int index : path->indices()) {
      scalar = static_cast<const arrow::StructScalar&>(*scalar).value[index];
      if (!scalar->is_valid) return nullptr;
    }
    return scalar;
  }
  void Miss(const arrow::FieldRef& name) {
    if (status_.ok()) status_ = NotAState("it lacks " + name.ToString());
  }
  std::shared_ptr<arrow::Scalar> row_;
  Status status_;
};

template <typename Value>
Status Differs(const char* part, const Value& saved, const Value& current) {
  std::string before, now;
  if constexpr (std::is_same_v<Value, std::string>) {
    before = saved;
    now = current;
  } else {
    before = std::to_string(saved);
    now = std::to_string(current);
  }
  return MakeError(ErrorKind::kInvalidArgument, std::string("the saved state belongs to another plan or other data: ") + part + " was " + before +
                                                    " and is " + now + "; load it into the iterator of the data set it was saved from");
}

void TakePlan(Fields* fields, Fingerprint* out) {
  fields->Take<arrow::StringScalar>({"plan", "files"}, &out->files);
  fields->Take<arrow::Int64Scalar>({"plan", "file_count"}, &out->file_count);
  fields->Take<arrow::Int64Scalar>({"plan", "rows"}, &out->rows);
  fields->Take<arrow::StringScalar>({"plan", "schema"}, &out->schema);
  fields->Take<arrow::StringScalar>({"plan", "stages"}, &out->stages);
  fields->Take<arrow::StringScalar>({"plan", "seed"}, &out->seed);
  fields->Take<arrow::Int64Scalar>({"plan", "order_version"}, &out->order_version);
}

void TakePosition(Fields* fields, std::optional<ResumePosition>* out) {
  if (!fields->Has("position")) return;
  ResumePosition& position = out->emplace();
  fields->Take<arrow::UInt64Scalar>({"position", "key"}, &position.stream.key);
  fields->Take<arrow::Int64Scalar>({"position", "ties"}, &position.stream.ties);
  fields->Take<arrow::Int64Scalar>({"position", "rows"}, &position.rows);
  fields->Take<arrow::Int64Scalar>({"position", "skip"}, &position.skip);
}

/// Hashes and descriptions of seeds need no escapes.
std::string FormatPlan(const Fingerprint& plan) {
  return "{\"files\": \"" + plan.files + "\", \"file_count\": " + std::to_string(plan.file_count) + ", \"rows\": " + std::to_string(plan.rows) +
         ", \"schema\": \"" + plan.schema + "\", \"stages\": \"" + plan.stages + "\", \"seed\": \"" + plan.seed +
         "\", \"order_version\": " + std::to_string(plan.order_version) + "}";
}

std::string FormatPosition(const ResumePosition& position) {
  return "{\"key\": " + std::to_string(position.stream.key) + ", \"ties\": " + std::to_string(position.stream.ties) +
         ", \"rows\": " + std::to_string(position.rows) + ", \"skip\": " + std::to_string(position.skip) + "}";
}

}  // namespace

std::string FormatResumeState(const ResumeState& state) {
  return "{\"version\": " + std::to_string(kResumeStateVersion) + ", \"plan\": " + FormatPlan(state.plan) +
         ", \"seed\": " + (state.seed.has_value() ? std::to_string(*state.seed) : "null") + ", \"epoch\": " + std::to_string(state.epoch) +
         ", \"position\": " + (state.position.has_value() ? FormatPosition(*state.position) : "null") +
         ", \"finished\": " + (state.finished ? "true" : "false") + "}";
}

Result<ResumeState> ParseResumeState(std::string_view json) {
  ARROW_ASSIGN_OR_RAISE(auto fields, Fields::Parse(json));
  int64_t version = 0;
  fields.Take<arrow::Int64Scalar>("version", &version);
  ARROW_RETURN_NOT_OK(fields.status());
  if (version != kResumeStateVersion) {
    return MakeError(ErrorKind::kInvalidArgument, "the saved state has version " + std::to_string(version) + ", this library reads version " +
                                                      std::to_string(kResumeStateVersion) + "; use the same Millstream on both sides");
  }
  ResumeState state;
  TakePlan(&fields, &state.plan);
  if (fields.Has("seed")) fields.Take<arrow::UInt64Scalar>("seed", &state.seed.emplace());
  fields.Take<arrow::UInt64Scalar>("epoch", &state.epoch);
  TakePosition(&fields, &state.position);
  fields.Take<arrow::BooleanScalar>("finished", &state.finished);
  ARROW_RETURN_NOT_OK(fields.status());
  const auto negative = [](const ResumePosition& position) { return position.stream.ties < 0 || position.rows < 0 || position.skip < 0; };
  if (state.position.has_value() && negative(*state.position)) return NotAState("its position is negative");
  return state;
}

Status CheckSamePlan(const Fingerprint& saved, const Fingerprint& current) {
  if (saved.order_version != current.order_version) return Differs("order version", saved.order_version, current.order_version);
  if (saved.file_count != current.file_count) return Differs("the number of files", saved.file_count, current.file_count);
  if (saved.rows != current.rows) return Differs("the number of rows", saved.rows, current.rows);
  if (saved.files != current.files) return Differs("the listing of files (relative paths and sizes)", saved.files, current.files);
  if (saved.schema != current.schema) return Differs("the schema", saved.schema, current.schema);
  if (saved.stages != current.stages) return Differs("the stages", saved.stages, current.stages);
  if (saved.seed != current.seed) return Differs("the seed", saved.seed, current.seed);
  return Status::OK();
}

}  // namespace millstream
