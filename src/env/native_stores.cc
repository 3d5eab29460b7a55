#include "env/native_stores.h"

#include <arrow/filesystem/azurefs.h>
#include <arrow/filesystem/gcsfs.h>
#include <arrow/filesystem/hdfs.h>

#include <cstdlib>
#include <utility>

#include "env/s3_library.h"

namespace millstream {
namespace {

/// The library's own is a quarter of an hour, in which a user would think that nothing happens.
constexpr double kRetrySeconds = 60;

using FileSystemPtr = std::shared_ptr<arrow::fs::FileSystem>;

/// Options that are taken one after the other; what is left is an error.
class OptionsToTake {
 public:
  OptionsToTake(std::string_view kind, StoreOptions options) : kind_(kind), options_(std::move(options)) {}

  std::string Take(const std::string& name) {
    const auto option = options_.extract(name);
    return option.empty() ? std::string() : option.mapped();
  }
  void TakeInto(const std::string& name, std::string* out) {
    if (auto value = Take(name); !value.empty()) *out = std::move(value);
  }
  bool TakeFlag(const std::string& name) { return Take(name) == "true"; }
  Status Finish() const {
    if (options_.empty()) return Status::OK();
    return MakeError(ErrorKind::kInvalidArgument, "a store of kind " + kind_ + " has no option '" + options_.begin()->first + "'");
  }

 private:
  const std::string kind_;
  StoreOptions options_;
};

Result<FileSystemPtr> MakeGcs(OptionsToTake options) {
  arrow::fs::GcsOptions gcs = options.TakeFlag("anonymous") ? arrow::fs::GcsOptions::Anonymous() : arrow::fs::GcsOptions::Defaults();
  options.TakeInto("endpoint_override", &gcs.endpoint_override);
  options.TakeInto("scheme", &gcs.scheme);
  options.TakeInto("default_bucket_location", &gcs.default_bucket_location);
  if (auto project = options.Take("project_id"); !project.empty()) gcs.project_id = std::move(project);
  const auto seconds = options.Take("retry_limit_seconds");
  gcs.retry_limit_seconds = seconds.empty() ? kRetrySeconds : std::strtod(seconds.c_str(), nullptr);
  ARROW_RETURN_NOT_OK(options.Finish());
  ARROW_ASSIGN_OR_RAISE(FileSystemPtr store, arrow::fs::GcsFileSystem::Make(gcs));
  return store;
}

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

Result<FileSystemPtr> MakeAzure(OptionsToTake options) {
  arrow::fs::AzureOptions azure;
  azure.account_name = options.Take("account_name");
  options.TakeInto("blob_storage_authority", &azure.blob_storage_authority);
  options.TakeInto("dfs_storage_authority", &azure.dfs_storage_authority);
  options.TakeInto("blob_storage_scheme", &azure.blob_storage_scheme);
  options.TakeInto("dfs_storage_scheme", &azure.dfs_storage_scheme);
  auto key = options.Take("account_key");
  if (key.empty()) key = FromEnvironment("AZURE_STORAGE_KEY");
  const auto sas_token = options.Take("sas_token");
  const auto tenant = options.Take("tenant_id"), client = options.Take("client_id"), secret = options.Take("client_secret");
  ARROW_RETURN_NOT_OK(options.Finish());
  if (!sas_token.empty()) ARROW_RETURN_NOT_OK(azure.ConfigureSASCredential(sas_token));
  else if (!secret.empty()) ARROW_RETURN_NOT_OK(azure.ConfigureClientSecretCredential(tenant, client, secret));
  else if (!client.empty()) ARROW_RETURN_NOT_OK(azure.ConfigureManagedIdentityCredential(client));
  else if (!key.empty()) ARROW_RETURN_NOT_OK(azure.ConfigureAccountKeyCredential(key));
  else ARROW_RETURN_NOT_OK(azure.ConfigureDefaultCredential());
  ARROW_ASSIGN_OR_RAISE(FileSystemPtr store, arrow::fs::AzureFileSystem::Make(azure));
  return store;
}

Result<FileSystemPtr> MakeHdfs(OptionsToTake options) {
  arrow::fs::HdfsOptions hdfs;
  const auto port = options.Take("port");
  hdfs.ConfigureEndPoint(options.Take("host"), port.empty() ? 0 : std::atoi(port.c_str()));
  if (auto user = options.Take("user"); !user.empty()) hdfs.ConfigureUser(std::move(user));
  if (auto ticket = options.Take("kerb_ticket"); !ticket.empty()) hdfs.ConfigureKerberosTicketCachePath(std::move(ticket));
  ARROW_RETURN_NOT_OK(options.Finish());
  ARROW_ASSIGN_OR_RAISE(FileSystemPtr store, arrow::fs::HadoopFileSystem::Make(hdfs));
  return store;
}

/// "container@account.dfs.core.windows.net" or "account.blob.core.windows.net/container"
Result<NativeStorePath> ParseAzure(std::string_view scheme, std::string_view rest) {
  const auto authority = rest.substr(0, rest.find('/'));
  const auto at = authority.find('@');
  const auto host = at == std::string_view::npos ? authority : authority.substr(at + 1);
  auto account = host.substr(0, host.find('.'));
  const bool names_account = host.find('.') != std::string_view::npos;
  NativeStorePath parsed{"abfs", std::string(scheme) + "://", "", {}};
  if (at != std::string_view::npos && authority.substr(0, at).find(':') != std::string_view::npos) {
    return MakeError(ErrorKind::kInvalidArgument, "a path of " + std::string(scheme) + ":// has a password in it, and paths are shown; set AZURE_STORAGE_KEY, or give filesystem=");
  }
  const std::string from_environment = FromEnvironment("AZURE_STORAGE_ACCOUNT_NAME").empty() ? FromEnvironment("AZURE_STORAGE_ACCOUNT") : FromEnvironment("AZURE_STORAGE_ACCOUNT_NAME");
  parsed.options["account_name"] = names_account ? std::string(account) : from_environment;
  if (parsed.options["account_name"].empty()) {
    return MakeError(ErrorKind::kInvalidArgument, "'" + std::string(scheme) + "://" + std::string(rest) + "' names no account: write " + std::string(scheme) +
                                                      "://container@account.dfs.core.windows.net/path, or set AZURE_STORAGE_ACCOUNT_NAME");
  }
  if (!names_account) return parsed;  // the container comes first
  parsed.prefix += std::string(authority) + "/";
  if (at != std::string_view::npos) parsed.inside = std::string(authority.substr(0, at)) + "/";
  return parsed;
}

NativeStorePath ParseHdfs(std::string_view scheme, std::string_view rest) {
  const auto authority = rest.substr(0, rest.find('/'));
  NativeStorePath parsed{"hdfs", std::string(scheme) + "://" + std::string(authority), "", {}};
  auto host = authority;
  if (const auto at = host.find('@'); at != std::string_view::npos) {
    parsed.options["user"] = host.substr(0, at);
    host = host.substr(at + 1);
  }
  if (const auto colon = host.rfind(':'); colon != std::string_view::npos) {
    parsed.options["port"] = host.substr(colon + 1);
    host = host.substr(0, colon);
  }
  parsed.options["host"] = host.empty() ? "default" : scheme == "viewfs" ? "viewfs://" + std::string(host) : std::string(host);
  return parsed;
}

}  // namespace

Result<FileSystemPtr> MakeNativeStore(std::string_view kind, const StoreOptions& options) {
  if (kind == "s3") return MakeS3Store(options);
  if (kind == "gs") return MakeGcs({kind, options});
  if (kind == "abfs") return MakeAzure({kind, options});
  if (kind == "hdfs") return MakeHdfs({kind, options});
  return MakeError(ErrorKind::kInvalidArgument, "there is no store of kind '" + std::string(kind) + "'");
}

Result<std::optional<NativeStorePath>> ParseNativeStorePath(std::string_view path) {
  const auto separator = path.find("://");
  if (separator == std::string_view::npos) return std::nullopt;
  const auto scheme = path.substr(0, separator), rest = path.substr(separator + 3);
  if (scheme == "s3") return NativeStorePath{"s3", "s3://", "", {}};
  if (scheme == "gs" || scheme == "gcs") return NativeStorePath{"gs", std::string(scheme) + "://", "", {}};
  if (scheme == "hdfs" || scheme == "viewfs") return ParseHdfs(scheme, rest);
  if (scheme != "abfs" && scheme != "abfss") return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(auto parsed, ParseAzure(scheme, rest));
  return parsed;
}

}  // namespace millstream
