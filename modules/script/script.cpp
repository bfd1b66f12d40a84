#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "modules/script/declaration.hpp"
#include "patchbay/module.hpp"

namespace patchbay::script {
namespace {

using module::Context;
using module::Description;
using module::Done;
using module::Error;
using module::Journal;
using module::Lines;
using module::PayloadFile;
using module::Reboot;
using module::Result;
using module::Status;

// What has happened so far; each noted before (started, rollback) or after (the others) the fact.
constexpr const char* kStarted = "started";     // script
constexpr const char* kFinished = "finished";   // script
constexpr const char* kNeverRan = "never ran";  // script: it could not be started
constexpr const char* kRollback = "rolled back";

Result<Declaration> declaration_of(const Context& context) {
  PATCHBAY_TRY(const auto meta_data, context.meta_data());
  return parse_declaration(meta_data);
}

Result<Journal> open_journal(const Context& context) {
  return Journal::open(context.tmp_path("scripts"));
}

std::vector<std::string> names_of(const Journal& journal, std::string_view kind) {
  std::vector<std::string> names;
  for (const auto& record : journal.records()) {
    if (record.front() == kind && record.size() == 2) names.push_back(record[1]);
  }
  return names;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// How it ended; an error if it could not be started.
Result<module::ProgramExit> start_script(const PayloadFile& file,
                                         std::vector<std::string> arguments) {
  struct stat info {};
  if (::stat(file.path.c_str(), &info) != 0)
    return Error::from_errno(errno, "look at " + file.path);
  if (::chmod(file.path.c_str(), (info.st_mode & 07777U) | S_IXUSR) != 0)
    return Error::from_errno(errno, "make " + file.path + " executable");
  return module::run({file.path, std::move(arguments)});
}

Status check(const PayloadFile& file, const module::ProgramExit& exit) {
  if (!exit.success()) return Error{file.name + ": " + exit.describe()};
  return Done{};
}

Status run_script(const PayloadFile& file, std::vector<std::string> arguments) {
  PATCHBAY_TRY(const auto exit, start_script(file, std::move(arguments)));
  return check(file, exit);
}

/// Whether a script may have changed something.
bool touched(const Journal& journal) {
  const auto started = names_of(journal, kStarted);
  return started.size() > names_of(journal, kNeverRan).size();
}

class Script final : public module::Module {
 public:
  Result<Reboot> needs_reboot(Context& context) override {
    PATCHBAY_TRY(const auto declared, declaration_of(context));
    PATCHBAY_TRY(const auto journal, open_journal(context));
    // Where nothing has run, before or after a rollback, there is nothing to reboot for.
    return declared.reboot && touched(journal) ? Reboot::automatic : Reboot::no;
  }

  Result<bool> supports_rollback(Context& context) override {
    PATCHBAY_TRY(const auto declared, declaration_of(context));
    PATCHBAY_TRY(const auto journal, open_journal(context));
    // An install that came to its end, or its failure, before anything ran leaves nothing to undo.
    const bool nothing_ran = !journal.empty() && !touched(journal);
    return !declared.rollback.empty() || nothing_ran;
  }

  // The header is all that is needed to refuse what could only fail later.
  Status download(Context& context, module::PayloadStream&) override {
    PATCHBAY_CHECK(declaration_of(context));
    return Done{};
  }

  Status install(Context& context) override {
    PATCHBAY_TRY(const auto scripts, scripts_to_run(context));
    PATCHBAY_TRY(auto journal, open_journal(context));
    if (!journal.empty())
      return Error{
          "the scripts of this update were started before and interrupted; nobody knows "
          "how far they came, so they are not run again"};
    for (std::size_t i = 0; i < scripts.size(); ++i) {
      context.status("running " + scripts[i].name);
      PATCHBAY_CHECK(journal.append({kStarted, scripts[i].name}));
      context.log("running " + scripts[i].name);
      const auto exit = start_script(scripts[i], {});
      if (!exit) PATCHBAY_CHECK(journal.append({kNeverRan, scripts[i].name}));
      if (!exit) return exit.error();
      PATCHBAY_CHECK(check(scripts[i], *exit));
      PATCHBAY_CHECK(journal.append({kFinished, scripts[i].name}));
      context.progress(static_cast<unsigned>((i + 1) * 100 / scripts.size()));
    }
    // Where the machine starts anew first, that is what has to be looked at.
    PATCHBAY_TRY(const auto declared, declaration_of(context));
    return declared.reboot ? Status{Done{}} : verify(context, declared);
  }

  Status verify_reboot(Context& context) override {
    PATCHBAY_TRY(const auto declared, declaration_of(context));
    return verify(context, declared);
  }

  // Looked at again: between install and commit a person may have waited for days.
  Status commit(Context& context) override {
    PATCHBAY_TRY(const auto declared, declaration_of(context));
    PATCHBAY_CHECK(verify(context, declared));
    if (declared.commit.empty()) return Done{};
    PATCHBAY_TRY(const auto file, context.payload_file(declared.commit));
    PATCHBAY_TRY(auto journal, open_journal(context));
    PATCHBAY_CHECK(journal.append({kStarted, declared.commit}));
    context.log("committing with " + declared.commit);
    PATCHBAY_CHECK(run_script(file, {}));
    return journal.append({kFinished, declared.commit});
  }

  Status rollback(Context& context) override {
    PATCHBAY_TRY(const auto declared, declaration_of(context));
    PATCHBAY_TRY(auto journal, open_journal(context));
    auto started = names_of(journal, kStarted);
    std::erase_if(started, [never_ran = names_of(journal, kNeverRan)](const std::string& name) {
      return contains(never_ran, name);
    });
    const bool done = std::any_of(journal.records().begin(), journal.records().end(),
                                  [](const auto& record) { return record.front() == kRollback; });
    if (declared.rollback.empty() || started.empty() || done) return Done{};
    std::reverse(started.begin(), started.end());
    PATCHBAY_TRY(const auto file, context.payload_file(declared.rollback));
    context.log("rolling back with " + declared.rollback);
    PATCHBAY_CHECK(run_script(file, std::move(started)));
    return journal.append({kRollback});
  }

  Status failure(Context& context) override {
    PATCHBAY_TRY(const auto journal, open_journal(context));
    const auto finished = names_of(journal, kFinished);
    for (const auto& name : names_of(journal, kStarted))
      context.log(name + (contains(finished, name) ? " had finished" : " had not finished"));
    return Done{};
  }

  Result<std::optional<Description>> describe(Context& context) override {
    Declaration declared;
    // Asked what it is in general, it has no meta-data at hand; what is wrong with them, Plan says.
    if (const auto found = declaration_of(context)) declared = *found;
    return {Description{
        .type = "script",
        .description = "Runs the scripts or programs in the artifact.",
        .rollback = !declared.rollback.empty(),
        .reboot = declared.reboot ? Description::Reboots::always : Description::Reboots::maybe,
        .streams = false,
        .writes = {"*"}}};
  }

  Result<Lines> plan(Context& context) override {
    PATCHBAY_TRY(const auto declared, declaration_of(context));
    const std::string way_back =
        declared.rollback.empty() ? ", no rollback" : ", rollback by " + declared.rollback;
    PATCHBAY_TRY(const auto stored, context.payload_files());
    if (stored.empty()) return Lines{"run the scripts of the payload" + way_back};
    PATCHBAY_TRY(const auto scripts, scripts_to_run(context));
    std::vector<std::string> lines;
    lines.reserve(scripts.size());
    for (const auto& script : scripts)
      lines.push_back("run " + script.name + " (" + module::human_size(script.size) + ")" +
                      way_back);
    return lines;
  }

 private:
  static Status verify(Context& context, const Declaration& declared) {
    if (declared.verify.empty()) return Done{};
    PATCHBAY_TRY(const auto file, context.payload_file(declared.verify));
    context.log("verifying with " + declared.verify);
    return run_script(file, {}).context("verify");
  }

  static Result<std::vector<PayloadFile>> scripts_to_run(const Context& context) {
    PATCHBAY_TRY(const auto declared, declaration_of(context));
    for (const auto* const name : {&declared.verify, &declared.commit, &declared.rollback})
      if (!name->empty()) PATCHBAY_CHECK(context.payload_file(*name).context("meta-data"));
    PATCHBAY_TRY(auto scripts, context.payload_files());
    std::erase_if(scripts, [&](const auto& file) { return declared.has_task(file.name); });
    if (scripts.empty()) return Error{"the payload has no script to run"};
    return scripts;
  }
};

}  // namespace
}  // namespace patchbay::script

PATCHBAY_EXECUTABLE(patchbay::script::Script)
