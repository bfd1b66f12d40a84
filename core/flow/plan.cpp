#include "core/flow/plan.hpp"

#include <algorithm>

namespace patchbay::flow {
namespace {

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    if (!text.empty()) text += ", ";
    text += "\"" + printable(name) + "\"";
  }
  return text;
}

Status check_device_type(const artifact::Header& header, const Settings& settings) {
  if (settings.device_type.empty()) {
    return Error{ErrorCode::not_found,
                 "this device has no device type, so no artifact fits it; write the line "
                 "\"device_type=NAME\" to " +
                     settings.device_type_file};
  }
  const auto& types = header.compatible_types;
  if (std::find(types.begin(), types.end(), settings.device_type) != types.end()) return Done{};
  return Error{ErrorCode::invalid_input,
               "this artifact is for device type " + list_of(types) + ", this device is \"" +
                   printable(settings.device_type) + "\" (" + settings.device_type_file + ")"};
}

std::map<std::string, std::vector<std::string>> header_depends(const artifact::Header& header) {
  std::map<std::string, std::vector<std::string>> depends;
  if (!header.depends_names.empty()) depends["artifact_name"] = header.depends_names;
  if (!header.depends_groups.empty()) depends["artifact_group"] = header.depends_groups;
  return depends;
}

Status check_depends(const std::map<std::string, std::vector<std::string>>& depends,
                     const store::Provides& provides) {
  if (const auto problem = store::unmet(depends, provides)) {
    return Error{ErrorCode::invalid_input,
                 "the artifact does not fit what is installed: " + *problem};
  }
  return Done{};
}

}  // namespace

bool is_empty_payload(const artifact::Header& header) {
  return header.payloads.size() == 1 && !header.payloads.front().type;
}

Result<std::vector<host::ModuleFile>> check_plan(const artifact::Header& header,
                                                 const store::Installed& installed,
                                                 const Settings& settings) {
  PB_CHECK(check_device_type(header, settings));
  const store::Provides provides = store::all_provides(installed);
  PB_CHECK(check_depends(header_depends(header), provides));
  std::vector<host::ModuleFile> modules;
  for (const artifact::PayloadHeader& payload : header.payloads) {
    PB_CHECK(check_depends(payload.depends, provides));
    if (!payload.type) continue;
    PB_TRY(host::ModuleFile file, host::find_module(*payload.type, settings.module_directories));
    PB_CHECK(host::check_module(file, settings.module).context("update module " + file.type));
    modules.push_back(std::move(file));
  }
  return modules;
}

}  // namespace patchbay::flow
