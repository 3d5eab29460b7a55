#pragma once
/// What this process may use of the machine: the least of affinity, cgroup v1 and v2 quotas and limits.

#include <cstdint>
#include <string>

namespace millstream {

/// Cores, at least 1: min(sched_getaffinity, ceil of the cgroup's CPU quota).
int UsableCpus();

/// Bytes: min(physical memory, the cgroup's limit), walking up the hierarchy.
int64_t UsableMemoryBytes();

/// Parsers, separate so that tests can feed them file contents.
int CpusFromQuota(const std::string& cpu_max_v2, const std::string& quota_us_v1, const std::string& period_us_v1);

}  // namespace millstream
