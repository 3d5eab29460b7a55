#include "plan/plan_serial.h"

#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>

#include "base/byte_codec.h"
#include "ops/table_source.h"
#include "plan/blocks.h"
#include "plan/expression_serial.h"
#include "plan/value_serial.h"

namespace millstream {
namespace {

constexpr std::string_view kMagic = "MSPL";
constexpr uint32_t kNodesMax = 100000;
enum SourceForm : uint8_t { kParquetForm = 0, kTableForm = 1, kRangeForm = 2 };

void WriteParquet(const ParquetDataset& parquet, ByteWriter* out) {
  out->Number<uint8_t>(kParquetForm);
  out->Number<uint64_t>(parquet.files().size());
  for (const ListedFile& file : parquet.files()) {
    out->String(file.path);
    out->String(file.relative);
    out->Number<int64_t>(file.size_bytes);
  }
}

Status WriteTable(const PlanNode& node, int64_t inline_bytes_max, ByteWriter* out) {
  out->Number<uint8_t>(kTableForm);
  ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(auto writer, arrow::ipc::MakeStreamWriter(sink, node.schema));
  for (const auto& batch : *node.source->batches()) {
    ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
    ARROW_ASSIGN_OR_RAISE(const int64_t size, sink->Tell());
    if (size > inline_bytes_max) {
      return MakeError(ErrorKind::kInvalidArgument, "this data set holds more than " + std::to_string(inline_bytes_max) +
                                                        " bytes in memory, too much to travel with its plan; write_parquet() it and read it back");
    }
  }
  ARROW_RETURN_NOT_OK(writer->Close());
  ARROW_ASSIGN_OR_RAISE(const auto buffer, sink->Finish());
  out->String(std::string_view(reinterpret_cast<const char*>(buffer->data()), buffer->size()));
  return Status::OK();
}

Status WriteSource(const PlanNode& node, int64_t inline_bytes_max, ByteWriter* out) {
  out->String(node.source_name);
  out->Number<int64_t>(node.blocks);
  if (node.parquet != nullptr) {
    WriteParquet(*node.parquet, out);
    return Status::OK();
  }
  if (node.source->batches() != nullptr) return WriteTable(node, inline_bytes_max, out);
  out->Number<uint8_t>(kRangeForm);
  out->Number<int64_t>(KnownRowCount(node).value_or(0));
  return Status::OK();
}

Result<PlanPtr> ReadParquetSource(std::string name, int64_t blocks, ByteReader* in, const std::shared_ptr<Env>& env) {
  ARROW_ASSIGN_OR_RAISE(const auto count, in->Count(24));
  std::vector<ListedFile> files;
  for (uint64_t i = 0; i < count; ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto path, in->String());
    ARROW_ASSIGN_OR_RAISE(const auto relative, in->String());
    ARROW_ASSIGN_OR_RAISE(const auto size, in->Number<int64_t>());
    files.push_back({std::string(path), std::string(relative), size});
  }
  ARROW_ASSIGN_OR_RAISE(auto dataset, ParquetDataset::Make(env, std::move(files)));
  return SourcePlan(std::move(name), dataset, dataset, blocks);
}

Result<PlanPtr> ReadTableSource(std::string name, int64_t blocks, ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto bytes, in->String());
  ARROW_ASSIGN_OR_RAISE(auto stored, BatchesFromBytes(bytes));
  ARROW_ASSIGN_OR_RAISE(auto source, MakeTableSource(std::move(stored.schema), std::move(stored.batches)));
  return SourcePlan(std::move(name), std::move(source), nullptr, blocks);
}

Result<PlanPtr> ReadSource(ByteReader* in, const std::shared_ptr<Env>& env) {
  ARROW_ASSIGN_OR_RAISE(const auto name, in->String());
  ARROW_ASSIGN_OR_RAISE(const auto blocks, in->Number<int64_t>());
  ARROW_ASSIGN_OR_RAISE(const auto form, in->Number<uint8_t>());
  if (blocks < 0 || blocks > kBlocksMax) return in->Damaged();
  if (form == kParquetForm) return ReadParquetSource(std::string(name), blocks, in, env);
  if (form == kTableForm) return ReadTableSource(std::string(name), blocks, in);
  if (form != kRangeForm) return in->Damaged();
  ARROW_ASSIGN_OR_RAISE(const auto rows, in->Number<int64_t>());
  if (rows < 0) return in->Damaged();
  ARROW_ASSIGN_OR_RAISE(auto source, MakeRangeSource(rows));
  return SourcePlan(std::string(name), std::move(source), nullptr, blocks);
}

Result<PlanPtr> ReadProject(PlanPtr input, ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto count, in->Count(16));
  NamedExpressions columns;
  for (uint64_t i = 0; i < count; ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto name, in->String());
    ARROW_ASSIGN_OR_RAISE(auto expression, ReadExpression(in));
    columns.emplace_back(std::string(name), std::move(expression));
  }
  return ProjectPlan(std::move(input), std::move(columns));
}

Result<PlanPtr> ReadShuffle(PlanPtr input, ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto kind, in->Number<uint8_t>());
  ARROW_ASSIGN_OR_RAISE(const auto seed, in->Number<uint64_t>());
  if (kind > static_cast<uint8_t>(SeedKind::kUnset)) return in->Damaged();
  return ShufflePlanNode(std::move(input), static_cast<SeedKind>(kind), seed);
}

Result<PlanPtr> ReadNode(uint8_t kind, PlanPtr input, ByteReader* in, const std::shared_ptr<Env>& env) {
  if ((kind == static_cast<uint8_t>(PlanNode::Kind::kSource)) != (input == nullptr)) return in->Damaged();
  switch (static_cast<PlanNode::Kind>(kind)) {
    case PlanNode::Kind::kSource:
      return ReadSource(in, env);
    case PlanNode::Kind::kFilter: {
      ARROW_ASSIGN_OR_RAISE(auto filter, ReadExpression(in));
      return FilterPlan(std::move(input), std::move(filter));
    }
    case PlanNode::Kind::kProject:
      return ReadProject(std::move(input), in);
    case PlanNode::Kind::kLimit: {
      ARROW_ASSIGN_OR_RAISE(const auto rows, in->Number<int64_t>());
      return LimitPlan(std::move(input), rows);
    }
    case PlanNode::Kind::kShuffle:
      return ReadShuffle(std::move(input), in);
  }
  return in->Damaged();
}

}  // namespace

Result<std::string> SerializeNode(const PlanNode& node, int64_t inline_bytes_max) {
  ByteWriter out;
  switch (node.kind) {
    case PlanNode::Kind::kSource:
      ARROW_RETURN_NOT_OK(WriteSource(node, inline_bytes_max, &out));
      break;
    case PlanNode::Kind::kFilter:
      ARROW_RETURN_NOT_OK(WriteExpression(*node.filter, &out));
      break;
    case PlanNode::Kind::kProject:
      out.Number<uint64_t>(node.columns.size());
      for (const auto& [name, expression] : node.columns) {
        out.String(name);
        ARROW_RETURN_NOT_OK(WriteExpression(*expression, &out));
      }
      break;
    case PlanNode::Kind::kLimit:
      out.Number<int64_t>(node.limit);
      break;
    case PlanNode::Kind::kShuffle:
      out.Number<uint8_t>(static_cast<uint8_t>(node.seed_kind));
      out.Number<uint64_t>(node.seed);
      break;
  }
  return out.Finish();
}

Result<std::string> SerializePlan(const PlanNode& plan, int64_t inline_bytes_max) {
  std::vector<const PlanNode*> nodes;
  for (const PlanNode* node = &plan; node != nullptr; node = node->input.get()) nodes.push_back(node);
  ByteWriter out;
  for (const char letter : kMagic) out.Number<char>(letter);
  out.Number<uint16_t>(kPlanVersion);
  out.Number<uint32_t>(static_cast<uint32_t>(nodes.size()));
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    out.Number<uint8_t>(static_cast<uint8_t>((*node)->kind));
    ARROW_ASSIGN_OR_RAISE(const auto payload, SerializeNode(**node, inline_bytes_max));
    out.String(payload);
  }
  return out.Finish();
}

Result<PlanPtr> DeserializePlan(std::string_view bytes, const std::shared_ptr<Env>& env) {
  ByteReader in(bytes, "serialised plan");
  for (const char letter : kMagic) {
    ARROW_ASSIGN_OR_RAISE(const char found, in.Number<char>());
    if (found != letter) return in.Damaged();
  }
  ARROW_ASSIGN_OR_RAISE(const auto version, in.Number<uint16_t>());
  if (version != kPlanVersion) {
    return MakeError(ErrorKind::kInvalidArgument, "the serialised plan has version " + std::to_string(version) + ", this library reads version " +
                                                      std::to_string(kPlanVersion) + "; use the same Millstream on both sides");
  }
  ARROW_ASSIGN_OR_RAISE(const auto count, in.Number<uint32_t>());
  if (count == 0 || count > kNodesMax) return in.Damaged();
  PlanPtr plan;
  for (uint32_t i = 0; i < count; ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto kind, in.Number<uint8_t>());
    ARROW_ASSIGN_OR_RAISE(const auto payload, in.String());
    ByteReader node(payload, "serialised plan");
    ARROW_ASSIGN_OR_RAISE(plan, ReadNode(kind, std::move(plan), &node, env));
    if (!node.empty()) return in.Damaged();
  }
  if (!in.empty()) return in.Damaged();
  return plan;
}

}  // namespace millstream
