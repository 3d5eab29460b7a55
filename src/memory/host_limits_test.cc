#include "memory/host_limits.h"

#include <gtest/gtest.h>

#include <map>

namespace millstream {
namespace {

constexpr char kMountsV1[] =
    "25 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
    "30 25 0:26 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory\n"
    "31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:10 - cgroup cgroup rw,cpu,cpuacct\n";
constexpr char kMountsV2[] = "28 23 0:25 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

struct FileTree {
  std::map<std::string, std::string> files;
  ReadTextFile reader() const {
    return [this](const std::string& path) -> std::optional<std::string> {
      const auto found = files.find(path);
      return found == files.end() ? std::nullopt : std::optional(found->second);
    };
  }
};

TEST(CpusFromQuota, RoundsUp) {
  EXPECT_EQ(CpusFromQuota("max 100000\n", "", ""), 0);
  EXPECT_EQ(CpusFromQuota("50000 100000\n", "", ""), 1);
  EXPECT_EQ(CpusFromQuota("250000 100000\n", "", ""), 3);
  EXPECT_EQ(CpusFromQuota("200000", "", ""), 2);
  EXPECT_EQ(CpusFromQuota("", "-1\n", "100000\n"), 0);
  EXPECT_EQ(CpusFromQuota("", "150000\n", "100000\n"), 2);
  EXPECT_EQ(CpusFromQuota("", "", ""), 0);
  EXPECT_EQ(CpusFromQuota("garbage", "", ""), 0);
  EXPECT_EQ(CpusFromQuota("100 0", "", ""), 0);
}

TEST(BytesFromLimit, KnowsTheWordsForNoLimit) {
  EXPECT_EQ(BytesFromLimit("536870912\n"), 536870912);
  EXPECT_EQ(BytesFromLimit("max\n"), 0);
  EXPECT_EQ(BytesFromLimit("9223372036854771712\n"), 0);
  EXPECT_EQ(BytesFromLimit("99999999999999999999\n"), 0);
  EXPECT_EQ(BytesFromLimit(""), 0);
  EXPECT_EQ(BytesFromLimit("0"), 0);
}

TEST(CgroupMemoryBytes, TakesTheLeastOfAllLevelsInV2) {
  FileTree tree{{{"/proc/self/cgroup", "0::/user.slice/job.scope/inner\n"},
                 {"/proc/self/mountinfo", kMountsV2},
                 {"/sys/fs/cgroup/user.slice/job.scope/inner/memory.max", "max\n"},
                 {"/sys/fs/cgroup/user.slice/job.scope/memory.max", "1000000\n"},
                 {"/sys/fs/cgroup/user.slice/memory.max", "2000000\n"}}};
  EXPECT_EQ(CgroupMemoryBytes(tree.reader()), 1'000'000);
  tree.files["/sys/fs/cgroup/user.slice/job.scope/inner/memory.high"] = "900000\n";
  EXPECT_EQ(CgroupMemoryBytes(tree.reader()), 900'000);
}

TEST(CgroupMemoryBytes, WalksUpInV1) {
  FileTree tree{{{"/proc/self/cgroup", "9:name=systemd:/\n4:memory:/a/b\n1:cpu,cpuacct:/\n0::/\n"},
                 {"/proc/self/mountinfo", kMountsV1},
                 {"/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n"},
                 {"/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "134217728\n"},
                 {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}}};
  EXPECT_EQ(CgroupMemoryBytes(tree.reader()), 134217728);
}

TEST(CgroupMemoryBytes, IsUnlimitedWithoutCgroups) {
  EXPECT_EQ(CgroupMemoryBytes(FileTree{}.reader()), 0);
  EXPECT_EQ(CgroupMemoryBytes(FileTree{{{"/proc/self/cgroup", "0::/x\n"}}}.reader()), 0);
}

TEST(CgroupCpus, ReadsV1AndV2) {
  FileTree v1{{{"/proc/self/cgroup", "1:cpu,cpuacct:/job\n"},
               {"/proc/self/mountinfo", kMountsV1},
               {"/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "150000\n"},
               {"/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n"}}};
  EXPECT_EQ(CgroupCpus(v1.reader()), 2);
  FileTree v2{{{"/proc/self/cgroup", "0::/job\n"}, {"/proc/self/mountinfo", kMountsV2}, {"/sys/fs/cgroup/job/cpu.max", "400000 100000\n"}}};
  EXPECT_EQ(CgroupCpus(v2.reader()), 4);
}

TEST(CgroupPathsOf, AreRelativeToAMountOfAPart) {
  const std::string mount = "30 25 0:26 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
  const auto own = CgroupPathsOf("memory", "4:memory:/docker/abc/deeper\n", mount);
  EXPECT_EQ(own.v1, (std::vector<std::string>{"/sys/fs/cgroup/memory/deeper", "/sys/fs/cgroup/memory"}));
  const auto similar = CgroupPathsOf("memory", "4:memory:/docker/abcdef\n", mount);
  EXPECT_EQ(similar.v1, (std::vector<std::string>{"/sys/fs/cgroup/memory"}));
  const auto outside = CgroupPathsOf("memory", "4:memory:/../other\n", "30 25 0:26 / /c rw - cgroup cgroup rw,memory\n");
  EXPECT_EQ(outside.v1, (std::vector<std::string>{"/c"}));
}

TEST(CgroupPathsOf, UnescapesMountPoints) {
  const auto paths = CgroupPathsOf("memory", "0::/j\n", "28 23 0:25 / /odd\\040dir rw - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(paths.v2, (std::vector<std::string>{"/odd dir/j", "/odd dir"}));
  EXPECT_TRUE(paths.v1.empty());
}

TEST(HostLimits, AreSaneOnThisMachine) {
  EXPECT_GE(UsableCpus(), 1);
  EXPECT_GE(UsableMemoryBytes(), int64_t{16} << 20);
}

}  // namespace
}  // namespace millstream
