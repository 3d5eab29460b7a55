#include "spill/spill_area.h"

#include <arrow/buffer.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <thread>

#include "testing/charge_faults.h"
#include "testing/fault_env.h"
#include "testing/temporary_directory.h"

namespace millstream {
namespace {

constexpr int64_t kStaging = 64 << 10;

/// A spill area of its own, with everything around it.
struct Spill {
  explicit Spill(SpillOptions options = {}) : options_(options) {
    options_.directory = directory.path();
    area = *SpillArea::Open(options_, env);
  }
  std::unique_ptr<RunWriter> Writer() { return *area->NewWriter(pool, kStaging); }
  Result<FrameLocation> Append(RunWriter& writer, const std::string& payload, RunAddress address = {}) {
    return writer.Append(address, {{reinterpret_cast<const uint8_t*>(payload.data()), static_cast<int64_t>(payload.size())}});
  }
  Result<std::string> Read(const FrameLocation& frame) {
    ARROW_ASSIGN_OR_RAISE(auto buffer, area->ReadFrame(frame, pool.get()));
    return buffer->ToString();
  }

  TemporaryDirectory directory;
  std::shared_ptr<FaultEnv> env = FaultEnv::Make(RealEnv());
  std::shared_ptr<Budget> budget = Budget::Make(64 << 20);
  std::shared_ptr<BudgetPool> pool = BudgetPool::Make(*Budget::Open(budget, "spiller", 0), PageArena::Make(64 << 20));
  SpillOptions options_;
  std::shared_ptr<SpillArea> area;
};

std::string Payload(size_t bytes, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string payload(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) payload[i] = static_cast<char>(i % 16 < 8 ? random() : i / 64);
  return payload;
}

void ExpectMessage(const Status& status, ErrorKind kind, std::initializer_list<std::string> parts) {
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(KindOf(status), kind) << status.message();
  for (const auto& part : parts) EXPECT_NE(status.message().find(part), std::string::npos) << part << " in " << status.message();
}

struct Way {
  bool direct;
  SpillCodec codec;
  SpillOptions options() const {
    SpillOptions options;
    options.direct_io = direct;
    options.codec = codec;
    return options;
  }
};

std::string NameOfWay(const testing::TestParamInfo<Way>& info) {
  const char* const codecs[] = {"Plain", "Lz4", "Zstd"};
  return std::string(info.param.direct ? "Direct" : "Buffered") + codecs[static_cast<int>(info.param.codec)];
}

class EveryWay : public testing::TestWithParam<Way> {
 protected:
  Spill spill_{GetParam().options()};
};

TEST_P(EveryWay, FramesOfAnySizeComeBack) {
  std::vector<std::string> payloads;
  for (const size_t bytes : {0, 1, 4031, 4032, 4033, 65'471, 65'472, 65'473, 131'008, 200'000, 3'000'000, 100}) {
    payloads.push_back(Payload(bytes, bytes));
  }
  std::vector<FrameLocation> frames;
  {
    auto writer = spill_.Writer();
    for (uint32_t i = 0; i < payloads.size(); ++i) frames.push_back(*spill_.Append(*writer, payloads[i], {1, 2, 3, i}));
    ASSERT_TRUE(writer->Flush().ok());
    EXPECT_EQ(spill_.budget->used_bytes(), spill_.area->WriterBytes(kStaging));
  }
  int64_t stored = 0;
  for (size_t i = 0; i < frames.size(); ++i) {
    EXPECT_EQ(frames[i].offset % 4096, 0);
    EXPECT_EQ(frames[i].payload_bytes, static_cast<int64_t>(payloads[i].size()));
    EXPECT_EQ(*spill_.Read(frames[i]), payloads[i]) << "frame " << i;
    stored += frames[i].stored_bytes;
  }
  EXPECT_EQ(spill_.area->bytes_written(), stored);
  EXPECT_EQ(spill_.area->bytes_read(), stored);
  EXPECT_EQ(spill_.area->bytes_on_disk(), stored);
  EXPECT_EQ(spill_.budget->used_bytes(), 0);
  EXPECT_TRUE(spill_.directory.empty());
  for (const auto& frame : frames) spill_.area->Discard(frame);
  EXPECT_EQ(spill_.area->bytes_on_disk(), 0);
  EXPECT_EQ(spill_.env->open_files(), 0);
}

TEST_P(EveryWay, RandomPiecesOfManyPartitionsComeBackOnOtherThreads) {
  std::mt19937_64 random(6);
  auto writer = spill_.Writer();
  std::vector<std::pair<FrameLocation, std::string>> frames;
  for (uint32_t i = 0; i < 200; ++i) {
    const std::string payload = Payload(random() % (i % 10 == 0 ? 300'000 : 9'000), i);
    std::vector<RunWriter::Piece> pieces;
    for (size_t at = 0; at < payload.size();) {
      const size_t part = std::min<size_t>(payload.size() - at, random() % 5'000);
      pieces.push_back({reinterpret_cast<const uint8_t*>(payload.data()) + at, static_cast<int64_t>(part)});
      at += part;
    }
    frames.emplace_back(*writer->Append({0, 0, 0, i % 7}, pieces), payload);
  }
  ASSERT_TRUE(writer->Flush().ok());
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (size_t reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&, reader] {
      for (size_t i = reader; i < frames.size(); i += 3) {
        const auto read = spill_.Read(frames[i].first);
        if (!read.ok() || *read != frames[i].second) ++wrong;
        spill_.area->Discard(frames[i].first);
      }
    });
  }
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(spill_.area->bytes_on_disk(), 0);
  EXPECT_EQ(spill_.env->open_files(), 1) << "the writer may still append";
  writer.reset();
  EXPECT_EQ(spill_.env->open_files(), 0);
}

TEST_P(EveryWay, AFlippedBitIsACorruptFrameNeverAWrongRow) {
  const std::string payload = Payload(10'000, 1);
  auto writer = spill_.Writer();
  const auto frame = *spill_.Append(*writer, payload, {1, 2, 3, 4});
  ASSERT_TRUE(writer->Flush().ok());
  for (int64_t bit = 0; bit < frame.stored_bytes * 8; bit += bit < 520 ? 1 : 997) {
    spill_.env->FlipBit(0, bit);
    const auto read = spill_.Read(frame);
    if (read.ok()) {
      EXPECT_EQ(*read, payload) << "bit " << bit << " is not in the padding";
    } else {
      ExpectMessage(read.status(), ErrorKind::kCorruptData, {spill_.directory.path(), "partition 4", "MILLSTREAM_SPILL_DIRECTORY"});
    }
    if (bit < 64 * 8) {
      EXPECT_FALSE(read.ok()) << "bit " << bit;
    }
  }
  EXPECT_EQ(*spill_.Read(frame), payload);
}

TEST_P(EveryWay, EveryFaultWhileWritingIsACleanErrorAndCanBeTriedAgain) {
  std::vector<std::string> payloads;
  for (const size_t bytes : {30'000, 30'000, 200'000, 5'000}) payloads.push_back(Payload(bytes, bytes));
  for (const bool half : {false, true}) {
    bool struck = true;
    for (int64_t i = 0; struck; ++i) {
      ASSERT_LT(i, 100);
      auto writer = spill_.Writer();
      const int64_t faults = spill_.env->faults();
      half ? spill_.env->ShortWrite(i) : spill_.env->FailCall(EnvCall::kWrite, i, ErrorKind::kIo);
      std::vector<FrameLocation> frames;
      for (const auto& payload : payloads) {
        auto frame = spill_.Append(*writer, payload);
        if (!frame.ok()) {
          ExpectMessage(frame.status(), half ? ErrorKind::kDiskFull : ErrorKind::kIo, {spill_.directory.path()});
          frame = spill_.Append(*writer, payload);
        }
        frames.push_back(*frame);
      }
      if (!writer->Flush().ok()) {
        ASSERT_TRUE(writer->Flush().ok());
      }
      struck = spill_.env->faults() > faults;
      spill_.env->ClearFaults();
      writer.reset();
      for (size_t frame = 0; frame < frames.size(); ++frame) {
        EXPECT_EQ(*spill_.Read(frames[frame]), payloads[frame]);
        spill_.area->Discard(frames[frame]);
      }
      EXPECT_EQ(spill_.area->bytes_on_disk(), 0);
      EXPECT_EQ(spill_.env->open_files(), 0);
    }
  }
}

TEST_P(EveryWay, EveryRefusedChargeIsACleanError) {
  const std::string payload = Payload(50'000, 1);
  bool refused = true;
  for (int64_t i = 0; refused; ++i) {
    ASSERT_LT(i, 20);
    ChargeFaults faults(spill_.budget);
    faults.RefuseCharge(i);
    refused = false;
    const auto note = [&](const Status& status) {
      if (!status.ok()) {
        EXPECT_EQ(KindOf(status), ErrorKind::kBudget);
        refused = true;
      }
      return status.ok();
    };
    auto writer = spill_.area->NewWriter(spill_.pool, kStaging);
    if (!note(writer.status())) continue;
    const auto frame = *spill_.Append(**writer, payload);
    ASSERT_TRUE((*writer)->Flush().ok());
    const auto read = spill_.Read(frame);
    if (note(read.status())) {
      EXPECT_EQ(*read, payload);
    }
    spill_.area->Discard(frame);
    writer->reset();
    EXPECT_EQ(spill_.budget->used_bytes(), 0);
    EXPECT_EQ(spill_.env->open_files(), 0);
  }
  EXPECT_EQ(spill_.budget->used_bytes(), 0);
}

INSTANTIATE_TEST_SUITE_P(SpillArea, EveryWay,
                         testing::Values(Way{true, SpillCodec::kNone}, Way{false, SpillCodec::kNone}, Way{true, SpillCodec::kLz4},
                                         Way{false, SpillCodec::kZstd}),
                         NameOfWay);

TEST(SpillArea, RefusesADirectoryInMemory) {
  if (access("/dev/shm", W_OK) != 0) GTEST_SKIP();
  const std::string directory = "/dev/shm/millstream-spill-test-" + std::to_string(getpid());
  const auto opened = SpillArea::Open({.directory = directory}, RealEnv());
  ExpectMessage(opened.status(), ErrorKind::kInvalidArgument, {directory, "tmpfs", "MILLSTREAM_SPILL_DIRECTORY", "init(spill_directory=)"});
  EXPECT_NE(access(directory.c_str(), F_OK), 0) << "the refused directory is left behind";
}

TEST(SpillArea, MakesItsDirectoryAndNamesOneItCannotUse) {
  TemporaryDirectory directory;
  EXPECT_TRUE(SpillArea::Open({.directory = directory / "a/b"}, RealEnv()).ok());
  EXPECT_TRUE(RealEnv()->Stat(directory / "a/b")->is_directory);
  (*RealEnv()->CreateForWrite(directory / "file"))->Close().ok();
  const auto under_file = SpillArea::Open({.directory = directory / "file/x"}, RealEnv());
  ExpectMessage(under_file.status(), KindOf(under_file.status()), {directory / "file/x", "MILLSTREAM_SPILL_DIRECTORY"});
  auto env = FaultEnv::Make(RealEnv());
  env->FailCall(EnvCall::kCreate, 0, ErrorKind::kPermission);
  ExpectMessage(SpillArea::Open({.directory = directory.path()}, env).status(), ErrorKind::kPermission,
                {directory.path(), "MILLSTREAM_SPILL_DIRECTORY"});
  EXPECT_EQ(KindOf(SpillArea::Open({}, RealEnv()).status()), ErrorKind::kInvalidArgument);
  EXPECT_EQ(env->open_files(), 0);
}

TEST(SpillArea, AnUnwritableDirectoryIsAPermissionError) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  TemporaryDirectory directory;
  ASSERT_EQ(chmod(directory.path().c_str(), 0500), 0);
  ExpectMessage(SpillArea::Open({.directory = directory.path()}, RealEnv()).status(), ErrorKind::kPermission, {directory.path()});
}

TEST(SpillArea, TheQuotaIsADiskFullErrorThatNamesTheNumbers) {
  SpillOptions options;
  options.quota_bytes = 1'000'000;
  Spill spill(options);
  auto writer = spill.Writer();
  const auto first = *spill.Append(*writer, Payload(600'000, 1));
  ExpectMessage(spill.Append(*writer, Payload(600'000, 2)).status(), ErrorKind::kDiskFull,
                {spill.directory.path(), "602.11 KB more are needed", "397.89 KB are free", "quota of 1 MB", "MILLSTREAM_SPILL_DIRECTORY"});
  EXPECT_EQ(spill.area->bytes_on_disk(), first.stored_bytes);
  ASSERT_TRUE(writer->Flush().ok());
  EXPECT_EQ(*spill.Read(first), Payload(600'000, 1));
  spill.area->Discard(first);
  EXPECT_TRUE(spill.Append(*writer, Payload(600'000, 2)).ok());
}

TEST(SpillArea, TheQuotaLeavesAReserveOfTheDisk) {
  TemporaryDirectory directory;
  auto env = FaultEnv::Make(RealEnv());
  env->PretendSpace(Env::Space{100'000, false});
  auto area = *SpillArea::Open({.directory = directory.path()}, env);
  auto budget = Budget::Make(1 << 20);
  auto pool = BudgetPool::Make(*Budget::Open(budget, "spiller", 0), PageArena::Make(0));
  auto writer = *area->NewWriter(pool, kStaging);
  const std::string fits(90'000, 'x'), over(96'000, 'x');
  const auto piece = [](const std::string& text) {
    return std::vector<RunWriter::Piece>{{reinterpret_cast<const uint8_t*>(text.data()), static_cast<int64_t>(text.size())}};
  };
  EXPECT_EQ(KindOf(writer->Append({}, piece(over)).status()), ErrorKind::kDiskFull);
  EXPECT_TRUE(writer->Append({}, piece(fits)).ok());
}

TEST(SpillArea, AFrameAtTheWrongPlaceIsNoticed) {
  Spill spill;
  auto writer = spill.Writer();
  const auto first = *spill.Append(*writer, Payload(5000, 1), {1, 1, 0, 1});
  const auto second = *spill.Append(*writer, Payload(5000, 2), {1, 1, 0, 2});
  ASSERT_TRUE(writer->Flush().ok());
  FrameLocation swapped = first;
  swapped.offset = second.offset;
  ExpectMessage(spill.Read(swapped).status(), ErrorKind::kCorruptData, {"another frame", "partition 1"});
  FrameLocation stale = first;
  stale.address.attempt = 1;
  ExpectMessage(spill.Read(stale).status(), ErrorKind::kCorruptData, {"another frame", "attempt 1"});
  FrameLocation shorter = first;
  shorter.payload_bytes -= 1;
  ExpectMessage(spill.Read(shorter).status(), ErrorKind::kCorruptData, {"length"});
  FrameLocation outside = second;
  outside.offset = 1 << 30;
  EXPECT_EQ(KindOf(spill.Read(outside).status()), ErrorKind::kInvalidArgument);
}

TEST(SpillArea, AFrameCannotBeReadBeforeTheFlushOrAfterItsFileIsGone) {
  Spill spill;
  auto writer = spill.Writer();
  const auto frame = *spill.Append(*writer, "payload");
  ExpectMessage(spill.Read(frame).status(), ErrorKind::kInvalidArgument, {"flushed"});
  ASSERT_TRUE(writer->Flush().ok());
  EXPECT_EQ(*spill.Read(frame), "payload");
  writer.reset();
  EXPECT_EQ(*spill.Read(frame), "payload");
  spill.area->Discard(frame);
  ExpectMessage(spill.Read(frame).status(), ErrorKind::kInvalidArgument, {"discarded"});
}

TEST(SpillArea, AScopeTakesItsFilesWithIt) {
  Spill spill;
  auto scope = *spill.area->NewScope();
  auto writer = *scope->NewWriter(spill.pool, kStaging);
  const auto frame = *spill.Append(*writer, Payload(100'000, 1));
  ASSERT_TRUE(writer->Flush().ok());
  EXPECT_EQ(spill.area->bytes_on_disk(), frame.stored_bytes) << "the counters are shared";
  EXPECT_FALSE(spill.Read(frame).ok()) << "the files are not";
  EXPECT_TRUE(scope->ReadFrame(frame, spill.pool.get()).ok());
  writer.reset();
  scope.reset();
  EXPECT_EQ(spill.area->bytes_on_disk(), 0);
  EXPECT_EQ(spill.env->open_files(), 0);
}

TEST(SpillArea, DiscardedFramesGiveDiskBlocksBack) {
  Spill spill;
  auto writer = spill.Writer();
  constexpr int64_t kBytes = 32 << 20;
  const auto frame = *spill.Append(*writer, std::string(kBytes, 'x'));
  ASSERT_TRUE(writer->Flush().ok());
  const int64_t before = RealEnv()->SpaceOf(spill.directory.path())->free_bytes;
  spill.area->Discard(frame);
  const int64_t after = RealEnv()->SpaceOf(spill.directory.path())->free_bytes;
  // Other processes use the disk too, so half is enough to know.
  EXPECT_GT(after - before, kBytes / 2);
}

TEST(SpillArea, PayloadsAreAlignedAndOutliveEverything) {
  std::shared_ptr<arrow::Buffer> small, large;
  {
    Spill spill;
    auto writer = spill.Writer();
    const auto first = *spill.Append(*writer, Payload(100, 1));
    const auto second = *spill.Append(*writer, Payload(100'000, 2));
    ASSERT_TRUE(writer->Flush().ok());
    small = *spill.area->ReadFrame(first, spill.pool.get());
    large = *spill.area->ReadFrame(second, spill.pool.get());
    EXPECT_EQ(spill.budget->used_bytes(), spill.area->WriterBytes(kStaging) + BudgetPool::ChargedBytes(first.stored_bytes) + BudgetPool::ChargedBytes(second.stored_bytes));
  }
  EXPECT_EQ(reinterpret_cast<uintptr_t>(small->data()) % 64, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(large->data()) % 64, 0u);
  EXPECT_EQ(large->ToString(), Payload(100'000, 2));
}

TEST(SpillArea, RefusesOddStagingSizes) {
  Spill spill;
  for (const int64_t bytes : {0, 4096, 65'537, -65'536}) {
    EXPECT_EQ(KindOf(spill.area->NewWriter(spill.pool, bytes).status()), ErrorKind::kInvalidArgument);
  }
  EXPECT_EQ(spill.env->open_files(), 0);
}

TEST(SpillArea, IsInertInAForkedChild) {
  Spill spill;
  auto writer = spill.Writer();
  const auto frame = *spill.Append(*writer, "payload");
  ASSERT_TRUE(writer->Flush().ok());
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const bool stale = KindOf(spill.Read(frame).status()) == ErrorKind::kStale && !spill.area->NewWriter(spill.pool, kStaging).ok();
    spill.area->Discard(frame);
    writer.reset();
    spill.area.reset();
    _exit(stale ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(*spill.Read(frame), "payload");
}

}  // namespace
}  // namespace millstream
