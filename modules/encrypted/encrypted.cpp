#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "modules/encrypted/child.hpp"
#include "modules/encrypted/download.hpp"
#include "modules/encrypted/plain_module.hpp"
#include "modules/encrypted/plain_tree.hpp"

// A module that is another one, but for the Download. It is no class of Module: it hands on calls
// that it does not know, and answers, exit codes and signals as they are.
namespace patchbay::encrypted {
namespace {

using module::Child;
using module::ChildProgram;
using module::Context;
using module::Done;
using module::Error;
using module::ProgramExit;
using module::Result;
using module::Status;

constexpr std::array<std::string_view, 8> kStates{
    "ArtifactInstall",      "ArtifactReboot",
    "ArtifactVerifyReboot", "ArtifactCommit",
    "ArtifactRollback",     "ArtifactRollbackReboot",
    "ArtifactFailure",      "ArtifactVerifyRollbackReboot"};

constexpr const char* kAboutItself =
    R"({"type": "encrypted", "description": "Decrypts the payload of a type TYPE.encrypted for the )"
    R"(module TYPE; links of that name lead here.", "streams": true})";

bool is_state(std::string_view call) {
  return std::find(kStates.begin(), kStates.end(), call) != kStates.end();
}

bool is_in_update(const Context& context) {
  return !context.tree().empty() && module::exists(module::join_path(context.tree(), "header"));
}

/// Becomes the plain module.
Status hand_on(const std::string& call, const PlainModule& plain, const std::string& tree) {
  if (!tree.empty() && ::chdir(tree.c_str()) != 0) return Error::from_errno(errno, "enter " + tree);
  std::string program = plain.program;
  std::string name = call;
  std::string path = tree;
  std::array<char*, 4> argv{program.data(), name.data(), tree.empty() ? nullptr : path.data(),
                            nullptr};
  ::execv(program.c_str(), argv.data());
  return Error::from_errno(errno, "run " + program);
}

/// What the plain module says of itself, as it is true of this one.
std::string described(const std::string& answer) {
  auto description = nlohmann::ordered_json::parse(answer, nullptr, false);
  if (!description.is_object()) return answer;
  if (description.contains("type") && description["type"].is_string())
    description["type"] = description["type"].get<std::string>() + std::string{kSuffix};
  description["streams"] = true;
  return description.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

/// A tree for as long as a question lasts, which may not leave anything.
class AskedTree {
 public:
  AskedTree(const Context& context, std::string plain_type)
      : context_{&context}, path_{context.tmp_path("asked")}, type_{std::move(plain_type)} {}
  ~AskedTree() { static_cast<void>(module::remove_tree(path_)); }
  AskedTree(const AskedTree&) = delete;
  AskedTree& operator=(const AskedTree&) = delete;

  Result<std::string> make() {
    PATCHBAY_CHECK(make_plain_tree(*context_, type_, path_));
    return path_;
  }

 private:
  const Context* context_;
  std::string path_;
  std::string type_;
};

Result<ProgramExit> ask_module(const std::string& call, const PlainModule& plain,
                               const std::string& tree) {
  std::vector<std::string> arguments{call};
  if (!tree.empty()) arguments.push_back(tree);
  if (call == "Describe") {
    PATCHBAY_TRY(auto exit, module::run({.path = plain.program,
                                         .arguments = arguments,
                                         .working_directory = tree,
                                         .output = module::Program::Output::capture}));
    const auto text = described(exit.output);
    if (::write(STDOUT_FILENO, text.data(), text.size()) < 0)
      return Error::from_errno(errno, "write the answer");
    return exit;
  }
  PATCHBAY_TRY(auto child, Child::start({.path = plain.program,
                                         .arguments = arguments,
                                         .working_directory = tree,
                                         .others = ChildProgram::Others::pass}));
  return child.reap();
}

/// A question, or a call that this version does not know: in a tree that goes with the answer, or
/// where an update is on its way, in that of the module.
Result<ProgramExit> ask(const std::string& call, const Context& context, const PlainModule& plain) {
  if (!is_in_update(context)) return ask_module(call, plain, context.tree());
  if (module::exists(plain_tree_path(context)))
    return ask_module(call, plain, plain_tree_path(context));
  AskedTree asked{context, plain.type};
  PATCHBAY_TRY(const auto tree, asked.make());
  if (call == "Plan") PATCHBAY_CHECK(show_files(context, plain, tree));
  return ask_module(call, plain, tree);
}

Status state(const std::string& call, const Context& context, const PlainModule& plain) {
  const auto tree = plain_tree_path(context);
  if (!module::exists(tree)) PATCHBAY_CHECK(make_plain_tree(context, plain.type, tree));
  return hand_on(call, plain, tree);
}

Result<PlainModule> plain_module_for(const std::string& self, const Context& context) {
  PlainModule plain;
  // Outside of an update there is but the name under which a client has found this program.
  auto type = module::base_name(self);
  if (is_in_update(context)) {
    PATCHBAY_TRY(type, context.header_value("payload_type"));
  }
  PATCHBAY_TRY(plain.type, plain_type_of(type));
  PATCHBAY_TRY(plain.settings, read_settings());
  PATCHBAY_TRY(plain.program, find_plain_module(plain.type, self, plain.settings));
  return plain;
}

Result<ProgramExit> serve(const std::string& self, const std::string& call,
                          const Context& context) {
  const bool has_tree = !context.tree().empty() && module::exists(plain_tree_path(context));
  // Nothing has come to the plain module yet: nothing to clean up, and no need of that module.
  if (call == "Cleanup" && !has_tree) return ProgramExit{};
  PATCHBAY_TRY(const auto plain, plain_module_for(self, context));
  Status status{Done{}};
  if (call == "Download" || call == "DownloadWithFileSizes") {
    status = download(call, context, plain);
  } else if (call == "Cleanup" || is_state(call)) {
    status = state(call, context, plain);
  } else {
    return ask(call, context, plain);
  }
  if (!status) return std::move(status).error();
  return ProgramExit{};
}

int run(int argc, const char* const* argv) {
  constexpr int kUsage = 64;
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: %s CALL WORK-TREE (update-module protocol, version 3)\n",
                 argc > 0 ? argv[0] : "TYPE.encrypted");
    return kUsage;
  }
  // Of what the client offers, the plain module gets what it finds in its own tree only.
  ::unsetenv("PATCHBAY_FEATURES");
  const std::string self = argv[0];
  const std::string call = argv[1];
  const Context context{argc == 3 ? argv[2] : "", -1};
  if (module::base_name(self) == "encrypted" && call == "Describe") {
    std::puts(kAboutItself);
    return 0;
  }
  const auto exit = serve(self, call, context);
  if (exit) end_like(*exit);
  context.log(call + ": " + exit.error().message());
  return 1;
}

}  // namespace
}  // namespace patchbay::encrypted

int main(int argc, char** argv) {
  return patchbay::encrypted::run(argc, argv);
}
