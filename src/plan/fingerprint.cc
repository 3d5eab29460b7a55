#include "plan/fingerprint.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/random.h"
#include "plan/plan_serial.h"

namespace millstream {
namespace {

/// 128 bits over bytes, for telling plans apart (not against an adversary).
class Hasher {
 public:
  void Add(std::string_view bytes) {
    AddWord(bytes.size());
    for (size_t i = 0; i < bytes.size(); i += 8) {
      uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, std::min<size_t>(8, bytes.size() - i));
      AddWord(word);
    }
  }
  std::string Hex() const {
    char text[33];
    std::snprintf(text, sizeof(text), "%016llx%016llx", static_cast<unsigned long long>(Mix64(first_)), static_cast<unsigned long long>(Mix64(second_)));
    return text;
  }

 private:
  void AddWord(uint64_t word) {
    first_ = Mix64(first_ ^ word) + 0x9e3779b97f4a7c15ULL;
    second_ = Mix64(second_ + word) ^ 0xd1b54a32d192ed03ULL;
  }
  uint64_t first_ = 0x6d696c6c73747265ULL;
  uint64_t second_ = 0x616d206f72646572ULL;
};

std::string HashFiles(const PlanNode& source, int64_t* count) {
  Hasher hasher;
  hasher.Add(source.source_name);
  if (source.parquet != nullptr) {
    for (const ListedFile& file : source.parquet->files()) {
      hasher.Add(file.relative);
      hasher.Add(std::to_string(file.size_bytes));
    }
    *count = static_cast<int64_t>(source.parquet->files().size());
  }
  return hasher.Hex();
}

}  // namespace

Result<Fingerprint> FingerprintOf(const PlanNode& plan) {
  Fingerprint out;
  const PlanNode& source = SourceOf(plan);
  out.files = HashFiles(source, &out.file_count);
  out.rows = KnownRowCount(source).value_or(0);
  Hasher schema;
  schema.Add(source.schema->ToString(/*show_metadata=*/true));
  out.schema = schema.Hex();
  Hasher stages;
  out.seed = "none";
  for (const PlanNode* node = &plan; node->input != nullptr; node = node->input.get()) {
    stages.Add(std::to_string(static_cast<int>(node->kind)));
    if (node->kind != PlanNode::Kind::kShuffle) {
      ARROW_ASSIGN_OR_RAISE(const auto payload, SerializeNode(*node, 0));
      stages.Add(payload);
    } else if (out.seed == "none") {
      out.seed = node->seed_kind == SeedKind::kUnset ? "drawn" : (node->seed_kind == SeedKind::kFixed ? "fixed " : "each epoch ") + std::to_string(node->seed);
    }
  }
  out.stages = stages.Hex();
  return out;
}

}  // namespace millstream
