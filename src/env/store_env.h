#pragma once
/// An Env that reads and writes objects of stores too: paths that begin with "s3://" are keys of a bucket, all others are for the Env below it.
///
/// What a store lacks: renaming copies an object and removes the old one, so that a process that dies in between leaves both; directories are there when something is in
/// them; nothing has to be synced; a lock is an object, which ends with its age (a week), for nobody sees that its owner died.
///
/// Credentials, region and endpoint come from where AWS's own programs take them: the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION,
/// AWS_ENDPOINT_URL, …), the files in ~/.aws, or the machine's role. They are in no path, plan or message.

#include <memory>
#include <string_view>

#include "env/env.h"

namespace millstream {

bool IsStorePath(std::string_view path);

/// Stores are connected to when a path names them first.
std::shared_ptr<Env> WithStores(std::shared_ptr<Env> below);

}  // namespace millstream
