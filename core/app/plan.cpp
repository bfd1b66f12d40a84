#include "core/flow/plan.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/app/commands.hpp"
#include "core/app/print.hpp"
#include "core/host/work_tree.hpp"
#include "core/store/provides.hpp"

/// `patchbay plan`: what an install would do, asked of the modules, without touching anything.
namespace patchbay::app {
namespace {

using nlohmann::json;

/// So much of a file is shown to a module that is asked for its plan; what follows reads as zeros.
constexpr std::size_t kPlanFileLimit = 64 * kKiB;

/// A directory for the work trees of a plan; gone with this object.
class ScratchDirectory {
 public:
  static Result<std::unique_ptr<ScratchDirectory>> make() {
    const char* const base = std::getenv("TMPDIR");
    std::string name = os::join(base != nullptr ? base : "/tmp", "patchbay-plan-XXXXXX");
    if (::mkdtemp(name.data()) == nullptr) return Error::from_errno(errno, "make " + name);
    return std::unique_ptr<ScratchDirectory>{new ScratchDirectory{name}};
  }
  ~ScratchDirectory() { static_cast<void>(os::remove_tree(path_).has_value()); }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit ScratchDirectory(std::string path) : path_{std::move(path)} {}
  std::string path_;
};

struct PlannedPayload {
  std::string type;
  std::string module_path;
  json files = json::array();
  std::string described;  ///< what the module answers to Describe; empty: an older module
  std::string planned;    ///< what it answers to Plan
  std::string problem;    ///< why it can plan nothing, where it knows the question
};

/// Reads the files of a payload to their end, which verifies them, and leaves the front of each
/// where the module looks for it.
Status read_files(artifact::Reader& reader, std::size_t payload, const host::WorkTree& tree,
                  PlannedPayload& planned) {
  const std::string directory = os::join(tree.path(), "files");
  PB_CHECK(os::make_directories(directory, 0700));
  for (;;) {
    PB_TRY(const auto file, reader.next_file(payload));
    if (!file) return Done{};
    planned.files.push_back({{"name", file->name}, {"size", file->size}});
    std::string content;
    for (;;) {
      PB_TRY(const ByteSpan bytes, reader.read());
      if (bytes.empty()) break;
      content += as_text(bytes.first(std::min(bytes.size(), kPlanFileLimit - content.size())));
    }
    const std::string path = os::join(directory, file->name);
    PB_CHECK(os::replace_file(path, as_bytes(content), 0600));
    // A hole takes no room.
    std::error_code error;
    std::filesystem::resize_file(path, file->size, error);
    if (error) return Error::from_errno(error.value(), path);
  }
}

host::TreeContent tree_content(const Session& session, const store::Installed& installed,
                               const artifact::Header& header, std::size_t payload) {
  return {installed.name,
          installed.group,
          session.device.settings().device_type,
          header.name,
          header.group,
          header.payloads[payload].type.value_or(""),
          header.header_info,
          header.payloads[payload].type_info,
          header.payloads[payload].meta_data};
}

struct Plan {
  std::string artifact_name;
  std::string signature;
  std::vector<PlannedPayload> payloads;
};

Result<PlannedPayload> plan_payload(const Session& session, artifact::Reader& reader,
                                    const store::Installed& installed, std::size_t index,
                                    const host::ModuleFile& module, const std::string& scratch) {
  PlannedPayload planned;
  planned.type = module.type;
  planned.module_path = module.path;
  const host::WorkTree tree{scratch, index};
  PB_CHECK(tree.create(tree_content(session, installed, reader.header(), index)));
  PB_CHECK(read_files(reader, index, tree, planned));
  PB_TRY(const auto bound, host::bind_module(module, tree.path(), session.device.settings().module,
                                             session.log, nullptr));
  // An older module may fail on a question it does not know; then the plan says less.
  planned.described = bound->ask(host::Call::describe).value_or("");
  auto answer = bound->ask(host::Call::plan);
  if (!answer && !planned.described.empty()) planned.problem = answer.error().message();
  planned.planned = std::move(answer).value_or("");
  return planned;
}

Result<Plan> make_plan(const Session& session) {
  PB_TRY(const store::Store store, session.device.open_store(store::Access::read_only));
  PB_TRY(const store::Installed installed,
         store::read_installed(store, session.device.settings().image_artifact_name));
  PB_TRY(const auto source,
         fetch::open(session.options.source, session.device.transfer_options(), session.log));
  PB_TRY(const artifact::ReaderOptions options, session.device.reader_options());
  PB_TRY(artifact::Reader reader, artifact::Reader::open(*source, options));
  PB_TRY(const auto modules,
         flow::check_plan(reader.header(), installed, session.device.settings()));
  PB_TRY(const auto scratch, ScratchDirectory::make());
  Plan plan;
  plan.artifact_name = reader.header().name;
  plan.signature = reader.signature() == artifact::SignatureState::verified
                       ? "verified by " + reader.verified_by()
                   : reader.signature() == artifact::SignatureState::unchecked
                       ? "not checked, no key is configured"
                       : "none";
  for (std::size_t i = 0; i < modules.size(); ++i) {
    PB_TRY(PlannedPayload planned,
           plan_payload(session, reader, installed, i, modules[i], scratch->path()));
    plan.payloads.push_back(std::move(planned));
  }
  if (modules.empty()) PB_CHECK(reader.next_file(0));
  PB_CHECK(reader.finish());
  return plan;
}

std::string reversible(const PlannedPayload& payload) {
  const json described = json::parse(payload.described, nullptr, false);
  if (!described.is_object() || !described.contains("rollback")) return "known when installing";
  const json& answer = described["rollback"];
  if (!answer.is_string()) return "known when installing";
  return answer == "yes" ? "yes" : "no, once its installation has begun";
}

json plan_json(const Plan& plan) {
  json out{{"artifact_name", plan.artifact_name},
           {"signature", plan.signature},
           {"payloads", json::array()}};
  for (const PlannedPayload& payload : plan.payloads) {
    out["payloads"].push_back(
        {{"type", payload.type},
         {"module", payload.module_path},
         {"files", payload.files},
         {"describe", json::parse(payload.described, nullptr, false).is_object()
                          ? json::parse(payload.described)
                          : json(nullptr)},
         {"reversible", reversible(payload)},
         {"plan", payload.planned},
         {"problem", payload.problem.empty() ? json(nullptr) : json(payload.problem)}});
  }
  return out;
}

void print_plan(const Plan& plan) {
  print("Artifact:  " + printable(plan.artifact_name));
  print("Signature: " + printable(plan.signature));
  if (plan.payloads.empty()) print("No payload: only what the device provides changes.");
  for (std::size_t i = 0; i < plan.payloads.size(); ++i) {
    const PlannedPayload& payload = plan.payloads[i];
    print("Payload " + std::to_string(i) + ": " + payload.type + " (" + payload.module_path + ")");
    for (const json& file : payload.files) {
      print("  file " + file["name"].get<std::string>() + ", " +
            human_size(file["size"].get<std::uint64_t>()));
    }
    print("  can be rolled back: " + reversible(payload));
    std::string_view lines = payload.planned;
    while (!lines.empty()) {
      const std::string_view line = lines.substr(0, lines.find('\n'));
      lines.remove_prefix(std::min(lines.size(), line.size() + 1));
      if (!line.empty()) print("  " + printable(line, 500));
    }
    if (!payload.problem.empty())
      print("  not possible as it is: " + printable(payload.problem, 2000));
  }
  print("Nothing was touched.");
}

}  // namespace

int plan(const Session& session) {
  const auto plan = make_plan(session);
  if (!plan) return session.presenter.refused(Request::install, plan.error());
  if (session.options.json) {
    print_json(plan_json(*plan));
  } else {
    print_plan(*plan);
  }
  return exit_code::kDone;
}

}  // namespace patchbay::app
