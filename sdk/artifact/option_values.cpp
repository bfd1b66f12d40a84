#include "sdk/artifact/option_values.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "core/artifact/json_check.hpp"
#include "core/artifact/names.hpp"
#include "core/os/file.hpp"

namespace patchbay::artifact_tool {
namespace {

std::string told(const std::string& option, const std::string& value) {
  return option + " \"" + printable(value) + "\"";
}

Error wrong(const std::string& option, const std::string& value, const std::string& why) {
  return {ErrorCode::invalid_input, told(option, value) + ": " + why};
}

Status check_line(const std::string& option, const std::string& text) {
  if (artifact::has_control_character(text))
    return wrong(option, text, "it holds a control character");
  // What had to be escaped and is no control character is not UTF-8.
  if (printable(text, 4 * text.size() + 1) != text) return wrong(option, text, "it is not UTF-8");
  return Done{};
}

}  // namespace

Status check_names(const std::string& option, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    PB_CHECK(artifact::check_artifact_name(option, name, artifact::Limits{}));
    PB_CHECK(check_line(option, name));
  }
  return Done{};
}

Status check_texts(const std::string& option, const std::vector<std::string>& texts) {
  for (const std::string& text : texts)
    PB_CHECK(check_line(option, text));
  return Done{};
}

Result<KeyValues> key_values(const std::string& option, const std::vector<std::string>& texts) {
  KeyValues pairs;
  for (const std::string& text : texts) {
    PB_CHECK(check_line(option, text));
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos)
      return wrong(option, text, "argument must have a delimiting colon, KEY:VALUE");
    std::string key = text.substr(0, colon);
    if (artifact::is_key_of_artifact(key))
      return wrong(option, text, "\"" + key + "\" belongs to the artifact, not to a payload");
    pairs.emplace_back(std::move(key), text.substr(colon + 1));
  }
  return pairs;
}

Result<std::string> read_meta_data(const std::string& option, const std::string& path) {
  const artifact::Limits limits;
  PB_TRY(std::string text, os::read_file(path, limits.meta_data_bytes).context(told(option, path)));
  if (text.empty()) return text;
  PB_CHECK(artifact::check_json_object(text, limits).context(told(option, path) + ": meta-data"));
  return text;
}

Result<std::vector<std::string>> script_files(const std::string& option, const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return Error::from_errno(errno, told(option, path));
  std::vector<std::string> files{path};
  if (S_ISDIR(info.st_mode)) {
    PB_TRY(files, os::list_directory(path).context(told(option, path)));
    for (std::string& name : files)
      name = os::join(path, name);
  }
  for (const std::string& file : files) {
    if (!artifact::is_script_name(file.substr(file.rfind('/') + 1)))
      return wrong(option, file,
                   "the script name is not of the form ArtifactInstall_Enter_00_text");
  }
  return files;
}

}  // namespace patchbay::artifact_tool
