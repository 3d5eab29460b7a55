#include "format/sampled_text.h"

#include <algorithm>
#include <atomic>

#include "format/long_lines.h"
#include "task/for_each.h"

namespace millstream {
namespace {

constexpr size_t kFilesSampled = 64;
constexpr int64_t kFirstBytes = 32 << 10;
constexpr int64_t kSamples = 16;
constexpr int64_t kSampleBytes = 32 << 10;
/// Text of a compressed file, in its bytes.
constexpr int64_t kCompressionGuess = 4;

/// Each evenly spread, over the files and over their bytes.
std::vector<FileRange> SampledRanges(const std::vector<ListedFile>& files) {
  std::vector<FileRange> ranges;
  const size_t sampled = std::min(files.size(), kFilesSampled);
  for (size_t i = 0; i < sampled; ++i) {
    const auto file = static_cast<uint32_t>(i * files.size() / sampled);
    ranges.push_back({file, 0, std::min(kFirstBytes, files[file].size_bytes)});
  }
  int64_t total = 0;
  for (const ListedFile& file : files) total += file.size_bytes;
  const int64_t step = std::max(total / kSamples, kSampleBytes);
  int64_t before = 0;
  for (uint32_t file = 0; file < files.size(); ++file) {
    const int64_t size = files[file].size_bytes;
    for (int64_t at = (before + step - 1) / step * step; at < before + size; at += step) {
      const int64_t begin = at - before;
      ranges.push_back({file, begin, std::min(begin + kSampleBytes, size)});
    }
    before += size;
  }
  return ranges;
}

class Sampler {
 public:
  Sampler(Env& env, const std::vector<ListedFile>& files, const SampleOptions& options) : env_(env), files_(files), options_(options) {}

  /// The lines of a range; what they are part of is held.
  Result<std::string_view> Read(const FileRange& range) {
    const ListedFile& listed = files_[range.file];
    const int64_t lines_begin = options_.lines_begin ? options_.lines_begin(range.file) : 0;
    if (options_.cuttable(range.file)) {
      ARROW_ASSIGN_OR_RAISE(const auto file, OpenListed(env_, listed, arrow::default_memory_pool(), options_.reader));
      ARROW_ASSIGN_OR_RAISE(text_, ReadRangeText(*file, listed, lines_begin, range, options_.line_end, options_.limits.line_bytes));
      return WithoutLong(listed, text_.text, text_.begin);
    }
    if (range.begin > 0) return std::string_view();
    ARROW_ASSIGN_OR_RAISE(auto pieces, TextPieces::Open(env_, listed, options_.reader, options_.limits, arrow::default_memory_pool(), lines_begin + kFirstBytes));
    ARROW_RETURN_NOT_OK(pieces.Grow());
    pieces_ = std::make_unique<TextPieces>(std::move(pieces));
    std::string_view text = pieces_->text();
    const bool has_lines = !options_.has_lines || options_.has_lines(range.file);
    if (has_lines && !pieces_->at_end()) text = text.substr(0, LastLineBehind(text, options_.line_end));
    text.remove_prefix(std::min(static_cast<size_t>(lines_begin), text.size()));
    return has_lines ? WithoutLong(listed, text, lines_begin) : text;
  }

 private:
  /// What is before a line that is too long, where that is passed over.
  Result<std::string_view> WithoutLong(const ListedFile& listed, std::string_view text, int64_t begin) const {
    const size_t at = options_.limits_lines ? LongLine(text, options_.limits.line_bytes, options_.line_end) : std::string_view::npos;
    if (at == std::string_view::npos) return text;
    if (!options_.forgives) return TooLong(listed.path, begin + static_cast<int64_t>(at), options_.limits.line_bytes);
    return text.substr(0, at);
  }

  Env& env_;
  const std::vector<ListedFile>& files_;
  const SampleOptions& options_;
  FileText text_;
  std::unique_ptr<TextPieces> pieces_;
};

}  // namespace

size_t SamplesOf(const std::vector<ListedFile>& files) { return SampledRanges(files).size(); }

Result<int64_t> SampleText(Env& env, const std::vector<ListedFile>& files, const SampleOptions& options, Scheduler* scheduler,
                           const std::function<Status(size_t sample, uint32_t file, std::string_view lines)>& look) {
  const auto ranges = SampledRanges(files);
  std::atomic<int64_t> sampled_bytes = 0, sampled_lines = 0;
  ARROW_RETURN_NOT_OK(ForEach(scheduler, static_cast<int64_t>(ranges.size()), [&](int64_t number) -> Status {
    const FileRange& range = ranges[static_cast<size_t>(number)];
    Sampler sampler(env, files, options);
    const auto read = sampler.Read(range);
    if (!read.ok()) return options.forgives && IsBadData(read.status()) ? Status::OK() : read.status();
    const std::string_view lines = *read;
    if (lines.empty()) return Status::OK();
    sampled_bytes += static_cast<int64_t>(lines.size());
    sampled_lines += std::max<int64_t>(std::count(lines.begin(), lines.end(), '\n'), 1);
    return look(static_cast<size_t>(number), range.file, lines);
  }));
  if (sampled_bytes == 0) return 0;
  int64_t bytes = 0;
  for (const ListedFile& file : files) bytes += file.size_bytes * (IsCompressed(file.path) ? kCompressionGuess : 1);
  return static_cast<int64_t>(static_cast<double>(bytes) / static_cast<double>(sampled_bytes) * static_cast<double>(sampled_lines));
}

}  // namespace millstream
