#include "commit/directory_commit.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "commit/job_name.h"
#include "commit/staging_folder.h"
#include "testing/fault_env.h"
#include "testing/temporary_directory.h"

namespace millstream {
namespace {

using Contents = std::map<std::string, std::string>;

void WriteFile(Env& env, const std::string& path, const std::string& text) {
  auto out = env.CreateForWrite(path);
  ASSERT_TRUE(out.ok()) << out.status();
  ASSERT_TRUE((*out)->Write(text.data(), static_cast<int64_t>(text.size())).ok());
  ASSERT_TRUE((*out)->Close().ok());
}

std::string TextOf(const std::string& path) {
  auto file = RealEnv()->OpenForRead(path);
  return file.ok() ? (*(*file)->Read(1 << 20))->ToString() : "unreadable";
}

/// Name to text of what readers see, in folders too; an empty folder has the text "/".
Contents Visible(const std::string& directory) {
  Contents out;
  const auto entries = RealEnv()->List(directory);
  if (!entries.ok()) return out;
  for (const auto& entry : *entries) {
    if (StagingFolder::IsStaging(entry.path)) continue;
    const std::string name = entry.path.substr(directory.size() + 1);
    if (!entry.is_directory) {
      out[name] = TextOf(entry.path);
      continue;
    }
    const Contents inside = Visible(entry.path);
    if (inside.empty()) out[name] = "/";
    for (const auto& [deeper, text] : inside) out[name + "/" + deeper] = text;
  }
  return out;
}

bool HasStaging(const std::string& directory) {
  const auto entries = RealEnv()->List(directory);
  return entries.ok() && std::any_of(entries->begin(), entries->end(), [](const auto& entry) { return StagingFolder::IsStaging(entry.path); });
}

Status StageText(Env& env, OutputCommit& commit, const std::string& name, const std::string& text) {
  ARROW_ASSIGN_OR_RAISE(const auto path, commit.Stage(name));
  ARROW_ASSIGN_OR_RAISE(auto out, env.CreateForWrite(path));
  ARROW_RETURN_NOT_OK(out->Write(text.data(), static_cast<int64_t>(text.size())));
  return out->Close();
}

/// A job that writes n1, n2 and two files in folders.
Status RunJob(const std::shared_ptr<Env>& env, const std::string& directory, SaveMode mode) {
  ARROW_ASSIGN_OR_RAISE(auto commit, OpenDirectoryCommit(env, directory, mode));
  if (commit->skipped()) return Status::OK();
  ARROW_RETURN_NOT_OK(StageText(*env, *commit, "n1", "one"));
  ARROW_RETURN_NOT_OK(StageText(*env, *commit, "n2", "two"));
  ARROW_RETURN_NOT_OK(StageText(*env, *commit, "p=1/n3", "three"));
  ARROW_RETURN_NOT_OK(StageText(*env, *commit, "p=1/q=2/n4", "four"));
  return commit->Publish();
}

const Contents kNew = {{"n1", "one"}, {"n2", "two"}, {"p=1/n3", "three"}, {"p=1/q=2/n4", "four"}};

Contents WithNew(Contents contents) {
  contents.insert(kNew.begin(), kNew.end());
  return contents;
}

TEST(DirectoryCommit, NothingIsVisibleBeforePublish) {
  TemporaryDirectory root;
  const std::string directory = root / "a/b";
  auto commit = *OpenDirectoryCommit(RealEnv(), directory + "/", SaveMode::kError);
  ASSERT_TRUE(StageText(*RealEnv(), *commit, "n1", "one").ok());
  ASSERT_TRUE(StageText(*RealEnv(), *commit, "p/n2", "two").ok());
  EXPECT_EQ(Visible(directory), Contents{});
  ASSERT_TRUE(commit->Publish().ok());
  EXPECT_EQ(Visible(directory), (Contents{{"n1", "one"}, {"p/n2", "two"}}));
  EXPECT_FALSE(HasStaging(directory));
  EXPECT_EQ(commit->FinalPath("n1"), directory + "/n1");
}

TEST(DirectoryCommit, AnAbortedJobLeavesNoTrace) {
  TemporaryDirectory root;
  {
    auto commit = *OpenDirectoryCommit(RealEnv(), root / "a/b", SaveMode::kAppend);
    ASSERT_TRUE(StageText(*RealEnv(), *commit, "n1", "one").ok());
  }
  EXPECT_TRUE(root.empty());
}

TEST(DirectoryCommit, AnAbortedJobKeepsADirectoryThatOthersFilled) {
  TemporaryDirectory root;
  auto commit = *OpenDirectoryCommit(RealEnv(), root / "a", SaveMode::kAppend);
  WriteFile(*RealEnv(), root / "a/other", "x");
  ASSERT_TRUE(commit->Abort().ok());
  EXPECT_EQ(Visible(root / "a"), (Contents{{"other", "x"}}));
}

TEST(DirectoryCommit, EachModeTreatsWhatIsThereAsItsNameSays) {
  TemporaryDirectory root;
  const Contents old = {{"old", "x"}, {"sub/deep", "y"}};
  auto fresh = [&](const std::string& name) {
    EXPECT_TRUE(RealEnv()->CreateDirectories(root / name + "/sub").ok());
    WriteFile(*RealEnv(), root / name + "/old", "x");
    WriteFile(*RealEnv(), root / name + "/sub/deep", "y");
    return root / name;
  };
  const auto appended = fresh("append");
  ASSERT_TRUE(RunJob(RealEnv(), appended, SaveMode::kAppend).ok());
  EXPECT_EQ(Visible(appended), WithNew(old));
  const auto replaced = fresh("overwrite");
  ASSERT_TRUE(RunJob(RealEnv(), replaced, SaveMode::kOverwrite).ok());
  EXPECT_EQ(Visible(replaced), kNew);
  EXPECT_FALSE(HasStaging(replaced));
  const auto ignored = fresh("ignore");
  ASSERT_TRUE(RunJob(RealEnv(), ignored, SaveMode::kIgnore).ok());
  EXPECT_EQ(Visible(ignored), old);
  const auto refused = fresh("error");
  const Status status = RunJob(RealEnv(), refused, SaveMode::kError);
  EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument);
  EXPECT_NE(status.message().find(refused), std::string::npos);
  EXPECT_EQ(Visible(refused), old);
}

TEST(DirectoryCommit, AJobThatComesSecondIsRefusedOrSkippedAtPublish) {
  TemporaryDirectory root;
  for (const SaveMode mode : {SaveMode::kError, SaveMode::kIgnore}) {
    const std::string directory = root / ("mode" + std::to_string(static_cast<int>(mode)));
    auto second = *OpenDirectoryCommit(RealEnv(), directory, mode);
    ASSERT_TRUE(StageText(*RealEnv(), *second, "s", "s").ok());
    ASSERT_TRUE(RunJob(RealEnv(), directory, mode).ok());
    EXPECT_EQ(second->Publish().ok(), mode == SaveMode::kIgnore);
    EXPECT_EQ(second->skipped(), mode == SaveMode::kIgnore);
    second.reset();
    EXPECT_EQ(Visible(directory), kNew);
    EXPECT_FALSE(HasStaging(directory));
  }
}

TEST(DirectoryCommit, AFileOfThatNameIsNeverWrittenOver) {
  TemporaryDirectory root;
  WriteFile(*RealEnv(), root / "n2", "old");
  for (const SaveMode mode : {SaveMode::kAppend, SaveMode::kOverwrite}) {
    EXPECT_FALSE(RunJob(RealEnv(), root.path(), mode).ok());
    EXPECT_EQ(Visible(root.path()), (Contents{{"n2", "old"}}));
    EXPECT_FALSE(HasStaging(root.path()));
  }
}

TEST(DirectoryCommit, JobsOnOneDirectoryLeaveEachOtherAlone) {
  TemporaryDirectory root;
  auto first = *OpenDirectoryCommit(RealEnv(), root.path(), SaveMode::kAppend);
  ASSERT_TRUE(StageText(*RealEnv(), *first, "f", "f").ok());
  ASSERT_TRUE(RunJob(RealEnv(), root.path(), SaveMode::kOverwrite).ok());
  ASSERT_TRUE(first->Publish().ok());
  EXPECT_EQ(Visible(root.path()), WithNew({{"f", "f"}}));
}

TEST(DirectoryCommit, OddNamesAreRefused) {
  TemporaryDirectory root;
  auto commit = *OpenDirectoryCommit(RealEnv(), root.path(), SaveMode::kAppend);
  for (const char* name : {"", ".hidden", "_hidden", "a/.b", "a/_b", "../a", "a/../b", "a//b", "/a", "a/", "a\nb"}) EXPECT_FALSE(commit->Stage(name).ok()) << name;
  ASSERT_TRUE(commit->Stage("twice").ok());
  EXPECT_FALSE(commit->Stage("twice").ok());
  WriteFile(*RealEnv(), root / "file", "x");
  EXPECT_EQ(KindOf(OpenDirectoryCommit(RealEnv(), root / "file", SaveMode::kOverwrite).status()), ErrorKind::kInvalidArgument);
  EXPECT_FALSE(OpenDirectoryCommit(RealEnv(), "", SaveMode::kAppend).ok());
}

/// What a job that died while publishing leaves: no one holds the lock.
void LeaveHalfPublished(const std::string& directory) {
  const std::string staging = directory + "/.millstream-staging-dead";
  for (const char* folder : {"/new", "/old"}) ASSERT_TRUE(RealEnv()->CreateDirectories(staging + folder).ok());
  WriteFile(*RealEnv(), staging + "/lock", "");
  WriteFile(*RealEnv(), staging + "/undo", "d1\nd2\n../outside\nd3");
  WriteFile(*RealEnv(), staging + "/new/d2", "not yet");
  WriteFile(*RealEnv(), staging + "/old/was", "here");
  WriteFile(*RealEnv(), directory + "/d1", "published");
}

TEST(DirectoryCommit, TheNextJobTakesBackWhatAKilledOneHalfPublished) {
  TemporaryDirectory root;
  WriteFile(*RealEnv(), root / "outside", "stays");
  const std::string directory = root / "target";
  ASSERT_TRUE(RealEnv()->CreateDirectories(directory).ok());
  LeaveHalfPublished(directory);
  ASSERT_TRUE(RunJob(RealEnv(), directory, SaveMode::kAppend).ok());
  EXPECT_EQ(Visible(directory), WithNew({{"was", "here"}}));
  EXPECT_FALSE(HasStaging(directory));
  EXPECT_EQ(TextOf(root / "outside"), "stays");
}

TEST(DirectoryCommit, ADirectoryThatAKilledJobMadeDoesNotExistYet) {
  TemporaryDirectory root;
  ASSERT_TRUE(RealEnv()->CreateDirectories(root / "a/.millstream-staging-dead/new").ok());
  WriteFile(*RealEnv(), root / "a/.millstream-staging-dead/new/d", "x");
  ASSERT_TRUE(RunJob(RealEnv(), root / "a", SaveMode::kError).ok());
  EXPECT_EQ(Visible(root / "a"), kNew);
  EXPECT_FALSE(HasStaging(root / "a"));
}

constexpr EnvCall kCalls[] = {EnvCall::kOpen, EnvCall::kCreate, EnvCall::kRead,   EnvCall::kWrite, EnvCall::kClose, EnvCall::kStat,
                              EnvCall::kList, EnvCall::kRename, EnvCall::kRemove, EnvCall::kSync,  EnvCall::kLock};

TEST(DirectoryCommit, AnyCallMayFailAndTheDirectoryIsTheOldOrTheNewOne) {
  const Contents old = {{"o1", "x"}, {"p=1/o2", "y"}};
  for (const SaveMode mode : {SaveMode::kAppend, SaveMode::kOverwrite}) {
    Contents both = kNew;
    if (mode == SaveMode::kAppend) both.insert(old.begin(), old.end());
    for (const EnvCall call : kCalls) {
      for (int index = 0; index < 100; ++index) {
        TemporaryDirectory root;
        WriteFile(*RealEnv(), root / "o1", "x");
        ASSERT_TRUE(RealEnv()->CreateDirectories(root / "p=1").ok());
        WriteFile(*RealEnv(), root / "p=1/o2", "y");
        auto env = FaultEnv::Make(RealEnv());
        env->FailCall(call, index, ErrorKind::kPermission);
        const Status status = RunJob(env, root.path(), mode);
        SCOPED_TRACE(std::string(NameOf(call)) + " " + std::to_string(index) + ": " + status.ToString());
        EXPECT_EQ(Visible(root.path()), status.ok() ? both : old);
        EXPECT_EQ(env->open_files(), 0);
        if (env->faults() == 0) break;
        if (call != EnvCall::kRemove) {
          EXPECT_FALSE(HasStaging(root.path()));
        }
        ASSERT_LT(index, 99);
      }
    }
  }
}

/// Runs the job in a process that is killed at that call; false when it came to its end.
bool KillJobAt(EnvCall call, int index, const std::string& directory, SaveMode mode) {
  const pid_t child = fork();
  if (child == 0) {
    auto env = FaultEnv::Make(RealEnv());
    env->DieAtCall(call, index);
    _exit(RunJob(env, directory, mode).ok() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
  return WIFSIGNALED(status);
}

TEST(DirectoryCommit, AJobMayBeKilledAtAnyCallAndTheNextOneFindsTheOldOrTheNewFiles) {
  const Contents old = {{"o1", "x"}, {"p=1/o2", "y"}};
  for (const SaveMode mode : {SaveMode::kAppend, SaveMode::kOverwrite}) {
    Contents both = kNew;
    if (mode == SaveMode::kAppend) both.insert(old.begin(), old.end());
    int took_back = 0, kept = 0;
    for (const EnvCall call : {EnvCall::kCreate, EnvCall::kWrite, EnvCall::kClose, EnvCall::kRename, EnvCall::kRemove, EnvCall::kSync, EnvCall::kLock}) {
      bool killed = true;
      for (int index = 0; killed; ++index) {
        ASSERT_LT(index, 100);
        SCOPED_TRACE(std::string(NameOf(call)) + " " + std::to_string(index));
        TemporaryDirectory root;
        WriteFile(*RealEnv(), root / "o1", "x");
        ASSERT_TRUE(RealEnv()->CreateDirectories(root / "p=1").ok());
        WriteFile(*RealEnv(), root / "p=1/o2", "y");
        killed = KillJobAt(call, index, root.path(), mode);
        // Each file that is seen is complete, at any time.
        for (const auto& [name, text] : Visible(root.path())) {
          if (text != "/") {
            EXPECT_EQ(text, kNew.contains(name) ? kNew.at(name) : old.at(name));
          }
        }
        { auto next = *OpenDirectoryCommit(RealEnv(), root.path(), SaveMode::kAppend); }
        const Contents found = Visible(root.path());
        EXPECT_TRUE(found == old || found == both);
        if (!killed) {
          EXPECT_EQ(found, both);
        }
        EXPECT_FALSE(HasStaging(root.path()));
        ++(found == old ? took_back : kept);
      }
    }
    EXPECT_GT(took_back, 10);
    EXPECT_GT(kept, 7);
  }
}

TEST(JobName, NamesAreUniqueAndSortByAge) {
  const std::string first = NewJobName(*RealEnv());
  const auto later = RealEnv()->WallClock() + std::chrono::milliseconds(2);
  while (RealEnv()->WallClock() < later) {
  }
  const std::string second = NewJobName(*RealEnv());
  EXPECT_EQ(first.size(), 32u);
  EXPECT_LT(first, second);
}

TEST(EnvLock, ShutsOutASecondHolderUntilItEnds) {
  TemporaryDirectory root;
  auto first = *RealEnv()->TryLock(root / "lock");
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(*RealEnv()->TryLock(root / "lock"), nullptr);
  first.reset();
  EXPECT_NE(*RealEnv()->TryLock(root / "lock"), nullptr);
  EXPECT_EQ(KindOf(RealEnv()->TryLock(root / "none/lock").status()), ErrorKind::kFileNotFound);
}

}  // namespace
}  // namespace millstream
