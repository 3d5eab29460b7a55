#include <arrow/buffer.h>
#include <gtest/gtest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "env/env.h"
#include "env/posix_error.h"
#include "env/posix_file.h"
#include "memory/budget_pool.h"
#include "testing/temporary_directory.h"

namespace millstream {
namespace {

void Write(const std::string& path, const std::string& text) {
  auto file = *RealEnv()->CreateForWrite(path);
  ASSERT_TRUE(file->Write(text.data(), static_cast<int64_t>(text.size())).ok());
  ASSERT_TRUE(file->Close().ok());
}

std::string Numbers(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += std::to_string(i) + " ";
  return text;
}

void ExpectError(const Status& status, ErrorKind kind, const std::string& path) {
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(KindOf(status), kind) << status.message();
  EXPECT_NE(status.message().find(path), std::string::npos) << status.message();
}

TEST(RealEnv, ReadsWhatItWrote) {
  TemporaryDirectory directory;
  const std::string text = Numbers(20'000);
  Write(directory / "a", text);
  auto file = *RealEnv()->OpenForRead(directory / "a");
  EXPECT_EQ(*file->GetSize(), static_cast<int64_t>(text.size()));
  EXPECT_EQ((*file->ReadAt(1000, 500))->ToString(), text.substr(1000, 500));
  EXPECT_EQ((*file->Read(10))->ToString(), text.substr(0, 10));
  EXPECT_EQ((*file->Read(10))->ToString(), text.substr(10, 10));
  ASSERT_TRUE(file->Seek(5).ok());
  EXPECT_EQ(*file->Tell(), 5);
  char out[4];
  EXPECT_EQ(*file->Read(4, out), 4);
  EXPECT_EQ(std::string(out, 4), text.substr(5, 4));
  EXPECT_EQ((*file->ReadAsync(7, 9).MoveResult())->ToString(), text.substr(7, 9));
}

TEST(RealEnv, AReadOverTheEndAllocatesOnlyWhatIsThere) {
  TemporaryDirectory directory;
  Write(directory / "a", "0123456789");
  auto budget = Budget::Make(1 << 20);
  auto pool = BudgetPool::Make(*Budget::Open(budget, "reader", 0), PageArena::Make(0));
  auto file = *RealEnv()->OpenForRead(directory / "a", pool.get());
  {
    auto buffer = *file->ReadAt(4, int64_t{1} << 50);
    EXPECT_EQ(buffer->ToString(), "456789");
    EXPECT_LE(budget->used_bytes(), 128 + BudgetPool::kSmallOverheadBytes);
  }
  EXPECT_EQ((*file->ReadAt(100, 10))->size(), 0);
  ExpectError(file->ReadAt(4, 7, /*allow_short_read=*/false).status(), ErrorKind::kCorruptData, directory / "a");
  EXPECT_FALSE(file->ReadAt(-1, 7).ok());
  EXPECT_FALSE(file->ReadAt(1, -7).ok());
  EXPECT_EQ(budget->used_bytes(), 0);
}

TEST(RealEnv, AClosedFileRefusesReads) {
  TemporaryDirectory directory;
  Write(directory / "a", "text");
  auto file = *RealEnv()->OpenForRead(directory / "a");
  ASSERT_TRUE(file->Close().ok());
  EXPECT_TRUE(file->closed());
  EXPECT_FALSE(file->ReadAt(0, 1).ok());
  EXPECT_FALSE(file->Read(1).ok());
}

TEST(RealEnv, ThreadsReadOneFileAtOnce) {
  TemporaryDirectory directory;
  const std::string text = Numbers(50'000);
  Write(directory / "a", text);
  auto file = *RealEnv()->OpenForRead(directory / "a");
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int id = 0; id < 4; ++id) {
    threads.emplace_back([&, id] {
      for (int i = 0; i < 300; ++i) {
        const size_t position = static_cast<size_t>(id * 7919 + i * 97);
        if ((*file->ReadAt(static_cast<int64_t>(position), 200))->ToString() != text.substr(position, 200)) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(RealEnv, ErrorsCarryKindPathAndReason) {
  TemporaryDirectory directory;
  const auto& env = RealEnv();
  const std::string missing = directory / "missing";
  ExpectError(env->OpenForRead(missing).status(), ErrorKind::kFileNotFound, missing);
  EXPECT_NE(env->OpenForRead(missing).status().message().find("No such file or directory (errno 2)"), std::string::npos);
  ExpectError(env->Stat(missing).status(), ErrorKind::kFileNotFound, missing);
  ExpectError(env->List(missing).status(), ErrorKind::kFileNotFound, missing);
  ExpectError(env->Remove(missing), ErrorKind::kFileNotFound, missing);
  ExpectError(env->Rename(missing, directory / "b"), ErrorKind::kFileNotFound, missing);
  ExpectError(env->Sync(missing), ErrorKind::kFileNotFound, missing);
  ExpectError(env->SpaceOf(missing).status(), ErrorKind::kFileNotFound, missing);
  ExpectError(env->CreateScratch(missing, true).status(), ErrorKind::kFileNotFound, missing);
  ExpectError(env->OpenForRead(directory.path()).status(), ErrorKind::kIo, directory.path());
  Write(directory / "a", "x");
  ExpectError(env->CreateForWrite(directory / "a").status(), ErrorKind::kIo, directory / "a");
  ExpectError(env->List(directory / "a").status(), ErrorKind::kFileNotFound, directory / "a");
}

TEST(RealEnv, PermissionIsItsOwnKind) {
  if (geteuid() == 0) GTEST_SKIP() << "root may open everything";
  TemporaryDirectory directory;
  Write(directory / "a", "x");
  ASSERT_EQ(chmod((directory / "a").c_str(), 0), 0);
  ExpectError(RealEnv()->OpenForRead(directory / "a").status(), ErrorKind::kPermission, directory / "a");
}

TEST(PosixError, AFullDiskIsItsOwnKind) {
  ExpectError(PosixError(ENOSPC, "write file", "p/q"), ErrorKind::kDiskFull, "p/q");
  ExpectError(PosixError(EDQUOT, "write file", "p/q"), ErrorKind::kDiskFull, "p/q");
  ExpectError(PosixError(EACCES, "write file", "p/q"), ErrorKind::kPermission, "p/q");
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  if (full < 0) GTEST_SKIP();
  const Descriptor descriptor(full);
  EXPECT_EQ(WriteFully(full, 0, reinterpret_cast<const uint8_t*>("abc"), 3).error, ENOSPC);
}

TEST(RealEnv, ListsSortedAndFollowsLinks) {
  TemporaryDirectory directory;
  Write(directory / "b", "12345");
  Write(directory / "a", "1");
  Write(directory / "B", "");
  ASSERT_TRUE(RealEnv()->CreateDirectories(directory / "deep/er").ok());
  ASSERT_EQ(symlink((directory / "b").c_str(), (directory / "link").c_str()), 0);
  ASSERT_EQ(symlink((directory / "nowhere").c_str(), (directory / "broken").c_str()), 0);
  const auto entries = *RealEnv()->List(directory.path());
  std::vector<std::string> names;
  for (const auto& entry : entries) names.push_back(entry.path.substr(directory.path().size() + 1));
  EXPECT_EQ(names, (std::vector<std::string>{"B", "a", "b", "deep", "link"}));
  EXPECT_EQ(entries[2].size_bytes, 5);
  EXPECT_EQ(entries[4].size_bytes, 5);
  EXPECT_TRUE(entries[3].is_directory);
  EXPECT_EQ((*RealEnv()->List(directory / "deep/"))[0].path, directory / "deep/er");
}

TEST(RealEnv, RenamesRemovesAndSyncs) {
  TemporaryDirectory directory;
  const auto& env = RealEnv();
  Write(directory / "a", "new");
  Write(directory / "b", "old");
  ASSERT_TRUE(env->Sync(directory / "a").ok());
  ASSERT_TRUE(env->Rename(directory / "a", directory / "b").ok());
  ASSERT_TRUE(env->Sync(directory.path()).ok());
  EXPECT_EQ((*(*env->OpenForRead(directory / "b"))->Read(10))->ToString(), "new");
  EXPECT_EQ(env->Stat(directory / "b")->size_bytes, 3);
  ASSERT_TRUE(env->CreateDirectories(directory / "x/y/z").ok());
  ASSERT_TRUE(env->CreateDirectories(directory / "x/y/z").ok());
  EXPECT_FALSE(env->CreateDirectories(directory / "b/c").ok());
  ASSERT_TRUE(env->RemoveTree(directory / "x").ok());
  ASSERT_TRUE(env->RemoveTree(directory / "x").ok());
  ASSERT_TRUE(env->Remove(directory / "b").ok());
  EXPECT_TRUE(directory.empty());
}

class Scratch : public testing::TestWithParam<bool> {};

TEST_P(Scratch, ReadsBackAndLeavesNoName) {
  TemporaryDirectory directory;
  auto file = *RealEnv()->CreateScratch(directory.path(), GetParam());
  EXPECT_TRUE(directory.empty());
  constexpr int64_t kBytes = 64 << 10;
  const std::unique_ptr<uint8_t, void (*)(void*)> memory(static_cast<uint8_t*>(std::aligned_alloc(4096, kBytes)), std::free);
  for (int64_t i = 0; i < kBytes; ++i) memory.get()[i] = static_cast<uint8_t>(i * 7 >> 3);
  const std::string before(reinterpret_cast<char*>(memory.get()), kBytes);
  ASSERT_TRUE(file->WriteAt(8192, memory.get(), kBytes).ok());
  std::memset(memory.get(), 0, kBytes);
  ASSERT_TRUE(file->ReadAt(8192, memory.get(), kBytes).ok());
  EXPECT_EQ(std::memcmp(memory.get(), before.data(), kBytes), 0);
  ExpectError(file->ReadAt(16384, memory.get(), kBytes), ErrorKind::kCorruptData, directory.path());
  file->Discard(8192, 4096);
  ASSERT_TRUE(file->ReadAt(8192, memory.get(), 8192).ok());
  EXPECT_EQ(std::string(reinterpret_cast<char*>(memory.get() + 4096), 4096), before.substr(4096, 4096));
  EXPECT_TRUE(directory.empty());
}

TEST_P(Scratch, AnUnalignedTransferFallsBackToBuffered) {
  TemporaryDirectory directory;
  auto file = *RealEnv()->CreateScratch(directory.path(), GetParam());
  std::string text = Numbers(1000);
  ASSERT_TRUE(file->WriteAt(3, reinterpret_cast<const uint8_t*>(text.data()), static_cast<int64_t>(text.size())).ok());
  std::string read(text.size(), ' ');
  ASSERT_TRUE(file->ReadAt(3, reinterpret_cast<uint8_t*>(read.data()), static_cast<int64_t>(read.size())).ok());
  EXPECT_EQ(read, text);
}

INSTANTIATE_TEST_SUITE_P(RealEnv, Scratch, testing::Bool(), [](const auto& info) { return info.param ? "Direct" : "Buffered"; });

TEST(RealEnv, KnowsMemoryFileSystems) {
  TemporaryDirectory directory;
  const auto disk = *RealEnv()->SpaceOf(directory.path());
  EXPECT_GT(disk.free_bytes, 0);
  if (access("/dev/shm", X_OK) == 0) {
    EXPECT_TRUE(RealEnv()->SpaceOf("/dev/shm")->in_memory);
  }
  EXPECT_NE(RealEnv()->RandomSeed(), RealEnv()->RandomSeed());
}

}  // namespace
}  // namespace millstream
