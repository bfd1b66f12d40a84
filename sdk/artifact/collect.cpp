#include "sdk/artifact/collect.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/artifact/limits.hpp"
#include "core/artifact/names.hpp"
#include "core/os/file.hpp"
#include "core/os/process.hpp"
#include "sdk/artifact/temporary.hpp"

namespace patchbay::artifact_tool {
namespace {

// Files that are no payload files.
constexpr const char* kMetaData = "meta-data";
constexpr const char* kProvides = "provides";
constexpr const char* kDepends = "depends";

/// A file in a temporary directory, which stays as long as anybody needs a file of it.
class CollectedFile final : public artifact::Content {
 public:
  CollectedFile(std::shared_ptr<TemporaryDirectory> directory, std::string path, std::uint64_t size)
      : directory_{std::move(directory)}, path_{std::move(path)}, size_{size} {}
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] Result<std::unique_ptr<ByteSource>> open() const override {
    PB_TRY(UniqueFd fd, os::open_file(path_, O_RDONLY));
    return std::unique_ptr<ByteSource>{std::make_unique<os::FdSource>(std::move(fd), path_)};
  }

 private:
  std::shared_ptr<TemporaryDirectory> directory_;
  std::string path_;
  std::uint64_t size_;
};

std::vector<std::string> arguments_for(const Generator& generator, const Values& values) {
  std::vector<std::string> arguments;
  for (const GeneratorOption& option : generator.options) {
    const auto given = values.find(option.name);
    if (given == values.end()) continue;
    const bool local = is_local(option.kind);
    for (const std::string& value : given->second) {
      arguments.push_back("--" + option.name + "=" +
                          (local ? std::filesystem::absolute(value).string() : value));
    }
  }
  return arguments;
}

std::vector<std::string> environment_with_this_program() {
  const std::string name = "PATCHBAY_ARTIFACT=";
  auto environment = os::own_environment();
  std::erase_if(environment, [&](const std::string& entry) { return entry.starts_with(name); });
  std::error_code unknown;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", unknown);
  if (!unknown) environment.push_back(name + self.string());
  return environment;
}

Status run_collector(const std::string& program, std::vector<std::string> arguments,
                     const std::string& directory) {
  os::Command command;
  command.program = std::filesystem::absolute(program).string();
  command.arguments = std::move(arguments);
  command.environment = environment_with_this_program();
  command.working_directory = directory;
  std::string last;
  PB_TRY(const os::Exit exit,
         os::run(command, Deadline::never(), [&](os::Stream stream, std::string_view line) {
           if (stream != os::Stream::err || line.empty()) return;
           // One behind: the last one goes into the error.
           if (!last.empty()) std::fprintf(stderr, "%s\n", last.c_str());
           last = line;
         }));
  if (exit.success() && !last.empty()) std::fprintf(stderr, "%s\n", last.c_str());
  if (exit.success()) return Done{};
  return Error{ErrorCode::module_failed,
               exit.describe() + (last.empty() ? "" : ": " + printable(last))};
}

/// A small JSON object of texts.
Result<std::map<std::string, std::string>> read_pairs(const std::string& path) {
  PB_TRY(const std::string text, os::read_file(path, artifact::Limits{}.meta_data_bytes));
  const auto object = nlohmann::json::parse(text, nullptr, false);
  std::map<std::string, std::string> pairs;
  const Error wrong{ErrorCode::invalid_input, path + " is no JSON object of texts"};
  if (!object.is_object()) return wrong;
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string()) return wrong;
    pairs[key] = value.get<std::string>();
  }
  return pairs;
}

/// Whether `name` is what the payload is like, instead of a file of it; then `payload` has it now.
Result<bool> take_facts(const std::string& name, const std::string& path,
                        artifact::PayloadSpec& payload) {
  if (name == kMetaData) {
    PB_TRY(payload.meta_data, os::read_file(path, artifact::Limits{}.meta_data_bytes));
  } else if (name == kProvides) {
    PB_TRY(payload.provides, read_pairs(path));
  } else if (name == kDepends) {
    PB_TRY(const auto pairs, read_pairs(path));
    for (const auto& [key, value] : pairs)
      payload.depends[key] = {value};
  } else {
    return false;
  }
  return true;
}

}  // namespace

Status collect_files(const std::string& program, const Generator& generator, const Values& values,
                     artifact::PayloadSpec& payload) {
  PB_TRY(TemporaryDirectory made, TemporaryDirectory::make({}));
  const auto directory = std::make_shared<TemporaryDirectory>(std::move(made));
  PB_CHECK(
      run_collector(program, arguments_for(generator, values), directory->path()).context(program));
  PB_TRY(auto names, os::list_directory(directory->path()));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const std::string path = directory->file(name);
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return Error::from_errno(errno, path);
    if (!S_ISREG(info.st_mode)) continue;
    PB_TRY(const bool is_fact, take_facts(name, path, payload));
    if (is_fact) continue;
    payload.files.push_back(
        {name, {}, std::make_shared<CollectedFile>(directory, path, info.st_size)});
  }
  return Done{};
}

}  // namespace patchbay::artifact_tool
