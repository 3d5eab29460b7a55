#pragma once
/// What this process may use of the machine: the least of affinity, cgroup v1 and v2 quotas and limits.
///
/// A limit may stand at any level between the process's own cgroup and the root of the hierarchy; the least one holds. Inside a container the
/// mount shows only part of the hierarchy, so that the path of /proc/self/cgroup is looked up relative to the mount's root.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace millstream {

/// Cores, at least 1: min(sched_getaffinity, ceil of the cgroup's CPU quota).
int UsableCpus();

/// Bytes: min(physical memory, the cgroup's limit), walking up the hierarchy.
int64_t UsableMemoryBytes();

/// Contents of a file, nullopt if it cannot be read; tests pass their own file tree.
using ReadTextFile = std::function<std::optional<std::string>(const std::string& path)>;

/// ceil(quota / period), 0 for no quota. v2: "max 100000" or "50000 100000"; v1: two files. Empty or unreadable texts are no quota.
int CpusFromQuota(const std::string& cpu_max_v2, const std::string& quota_us_v1, const std::string& period_us_v1);
/// "max", the huge number by which v1 says so, and anything unreadable are 0: no limit.
int64_t BytesFromLimit(const std::string& memory_limit);

/// Directories of the process's cgroup for `controller` ("memory", "cpu"), from its own up to the mount's root; v1 first, then v2.
struct CgroupPaths {
  std::vector<std::string> v1;
  std::vector<std::string> v2;
};
CgroupPaths CgroupPathsOf(const std::string& controller, const std::string& proc_self_cgroup, const std::string& proc_self_mountinfo);

/// The least limit of all levels, 0 if none.
int CgroupCpus(const ReadTextFile& read);
int64_t CgroupMemoryBytes(const ReadTextFile& read);

}  // namespace millstream
