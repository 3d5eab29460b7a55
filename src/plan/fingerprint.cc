#include "plan/fingerprint.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/random.h"
#include "plan/plan_serial.h"
#include "plan/shuffle_seeds.h"

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

std::string HashFiles(const std::vector<const PlanNode*>& sources, int64_t* count) {
  Hasher hasher;
  for (const PlanNode* source : sources) {
    hasher.Add(source->source_name);
    if (source->files == nullptr) continue;
    for (const ListedFile& file : *source->files) {
      hasher.Add(file.relative);
      hasher.Add(std::to_string(file.size_bytes));
    }
    *count += static_cast<int64_t>(source->files->size());
  }
  return hasher.Hex();
}

/// The seed of `top` is told apart from the stages.
Status HashStages(const PlanNode& plan, const PlanNode* top, const SeedNames& seeds, Hasher* stages) {
  if (plan.kind == PlanNode::Kind::kSource) return Status::OK();
  stages->Add(std::to_string(static_cast<int>(plan.kind)));
  if (plan.kind != PlanNode::Kind::kShuffle) {
    ARROW_ASSIGN_OR_RAISE(const auto payload, SerializeNode(plan, 0));
    stages->Add(payload);
  } else if (&plan != top) {
    stages->Add(seeds.Of(plan));
  }
  for (const PlanPtr& input : InputsOf(plan)) ARROW_RETURN_NOT_OK(HashStages(*input, top, seeds, stages));
  return Status::OK();
}

}  // namespace

Result<Fingerprint> FingerprintOf(const PlanNode& plan) {
  Fingerprint out;
  const auto sources = SourcesOf(plan);
  out.files = HashFiles(sources, &out.file_count);
  Hasher schema;
  for (const PlanNode* source : sources) {
    const bool has_ranges = source->files != nullptr && source->parquet == nullptr;  // whose rows nobody knows
    if (!has_ranges) out.rows += KnownRowCount(*source).value_or(0);
    schema.Add(source->schema->ToString(/*show_metadata=*/true));
  }
  out.schema = schema.Hex();
  const PlanNode* shuffle = ShuffleOf(plan);
  const SeedNames seeds(plan);
  out.seed = shuffle == nullptr ? "none" : seeds.Of(*shuffle);
  Hasher stages;
  ARROW_RETURN_NOT_OK(HashStages(plan, shuffle, seeds, &stages));
  out.stages = stages.Hex();
  return out;
}

}  // namespace millstream
