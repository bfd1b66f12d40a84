#include "modules/deb/apt.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "modules/deb/disk.hpp"
#include "modules/deb/tools.hpp"
#include "patchbay/files.hpp"

namespace patchbay::deb {
namespace {

using module::Error;
using module::Result;
using module::Status;

constexpr const char* kSystemSources = "/etc/apt/sources.list.d";

Status link_to(const std::string& target, const std::string& directory, const std::string& name) {
  const std::string link = module::join_path(directory, name);
  if (::symlink(target.c_str(), link.c_str()) == 0) return module::Done{};
  return Error::from_errno(errno, "link " + link);
}

/// The paragraph of a package in the index of a repository, where it goes by `name`.
Result<std::string> index_entry(const Package& package, const std::string& name) {
  PATCHBAY_TRY(const auto sum, output_of("sha256sum", {"--binary", package.file}));
  std::string entry = package.control;
  while (!entry.empty() && entry.back() == '\n')
    entry.pop_back();
  return entry + "\nFilename: ./" + name + "\nSize: " + std::to_string(package.size) +
         "\nSHA256: " + sum.substr(0, 64) + "\n\n";
}

/// The word of `line` that begins at `at`, without what encloses it.
std::string word_at(const std::string& line, std::size_t at) {
  const auto end = line.find_first_of(" ])", at);
  return line.substr(at, end == std::string::npos ? end : end - at);
}

/// What apt says that the packages depend on and cannot get; only the beginning of a long list.
std::string unmet_in(const std::string& output) {
  constexpr int kMostReasons = 3;
  std::string reasons;
  int count = 0;
  bool listing = false;
  for (const std::string& line : lines_of(output)) {
    if (!listing || !line.starts_with(' ')) {
      listing = line == "The following packages have unmet dependencies:";
      continue;
    }
    if (count++ == kMostReasons) return reasons + " ...";
    reasons += (reasons.empty() ? "" : "; ") + line.substr(line.find_first_not_of(' '));
  }
  return reasons;
}

}  // namespace

std::string describe(const Change& change) {
  if (change.from.empty()) return "install " + change.package + " " + change.to;
  if (change.to.empty()) return "remove " + change.package + " " + change.from;
  return "replace " + change.package + " " + change.from + " by " + change.to;
}

bool installs(const std::vector<Change>& changes, const Package& package) {
  return std::any_of(changes.begin(), changes.end(), [&](const Change& change) {
    return change.to == package.version &&
           change.package.substr(0, change.package.find(':')) == package.name;
  });
}

std::vector<Change> parse_simulation(const std::string& output) {
  std::vector<Change> changes;
  for (const std::string& line : lines_of(output)) {
    const bool installs = line.starts_with("Inst ");
    if (!installs && !line.starts_with("Remv ")) continue;
    Change change;
    change.package = word_at(line, 5);
    const std::size_t rest = 5 + change.package.size();
    const auto old = line.find(" [", rest);
    const auto fresh = installs ? line.find(" (", rest) : std::string::npos;
    if (old == rest) change.from = word_at(line, old + 2);
    if (fresh != std::string::npos) change.to = word_at(line, fresh + 2);
    const auto same = std::find_if(changes.begin(), changes.end(), [&](const Change& known) {
      return known.package == change.package;
    });
    if (same == changes.end()) {
      changes.push_back(std::move(change));
    } else {
      if (same->from.empty()) same->from = change.from;
      same->to = change.to;
    }
  }
  return changes;
}

Status Apt::prepare() const {
  PATCHBAY_CHECK(module::remove_tree(directory_));
  for (const char* part : {"", "/lists", "/lists/partial", "/cache", "/cache/archives",
                           "/cache/archives/partial", "/sources"}) {
    PATCHBAY_CHECK(make_directory(directory_ + part, 0755));
  }
  PATCHBAY_CHECK(write_index());
  PATCHBAY_CHECK(write_sources());
  auto arguments = options();
  arguments.insert(arguments.end(), {"--quiet=2", "update"});
  auto updated = run_tool("apt-get", std::move(arguments));
  // One of the system's repositories may be gone; whether that matters, the next step shows.
  if (request_.repositories) return module::Done{};
  return std::move(updated).context("read the payload as a repository");
}

Status Apt::write_index() const {
  std::string index;
  // A payload may call its files as it likes.
  std::size_t number = 0;
  for (const Package& package : packages_) {
    const std::string name = std::to_string(number++) + ".deb";
    PATCHBAY_TRY(const auto entry, index_entry(package, name));
    index += entry;
    PATCHBAY_CHECK(link_to(package.file, directory_, name));
  }
  return module::replace_file(directory_ + "/Packages", index, 0644);
}

/// Our repository, and the system's beside it if they may be asked.
Status Apt::write_sources() const {
  const std::string sources = directory_ + "/sources";
  if (request_.repositories && module::exists(kSystemSources)) {
    PATCHBAY_TRY(const auto names, module::list_directory(kSystemSources));
    for (const std::string& name : names) {
      PATCHBAY_CHECK(link_to(module::join_path(kSystemSources, name), sources, name));
    }
  }
  return module::replace_file(sources + "/patchbay-payload.list",
                              "deb [trusted=yes] file:" + directory_ + " ./\n", 0644);
}

std::vector<std::string> Apt::options() const {
  const auto set = [](const std::string& name, const std::string& value) {
    return "--option=" + name + "=" + value;
  };
  const bool keep = request_.conffiles == Request::Conffiles::keep;
  std::vector<std::string> options{
      set("Dir::State::Lists", directory_ + "/lists"), set("Dir::Cache", directory_ + "/cache"),
      set("Dir::Etc::SourceParts", directory_ + "/sources"),
      // The work tree is root's alone, and nothing here comes from a network unless asked for.
      set("APT::Sandbox::User", "root"), set("APT::Get::AutomaticRemove", "false"),
      set("APT::Install-Recommends", "false"),
      set("DPkg::Lock::Timeout", std::to_string(PackageLock::kWaitMinutes * 60)),
      // Its output goes to a log, never to a terminal.
      set("Dpkg::Use-Pty", "false"),
      std::string{"--option=Dpkg::Options::=--force-"} + (keep ? "confold" : "confnew"),
      "--assume-yes", "--allow-downgrades"};
  if (!request_.repositories) options.push_back(set("Dir::Etc::SourceList", "/dev/null"));
  if (!request_.allow_removals) options.emplace_back("--no-remove");
  if (request_.allow_held) options.emplace_back("--allow-change-held-packages");
  return options;
}

std::vector<std::string> Apt::wanted() const {
  std::vector<std::string> wanted;
  for (const Package& package : packages_) {
    if (!is_wanted(package, request_)) continue;
    const std::string architecture =
        package.architecture == "all" ? std::string{} : ":" + package.architecture;
    wanted.push_back(package.name + architecture + "=" + package.version);
  }
  return wanted;
}

Result<std::vector<Change>> Apt::simulate() const {
  auto arguments = options();
  // Removals are judged by us, who can say which they are.
  std::erase(arguments, "--no-remove");
  arguments.insert(arguments.end(), {"--simulate", "--allow-change-held-packages", "install"});
  const auto packages = wanted();
  arguments.insert(arguments.end(), packages.begin(), packages.end());
  PATCHBAY_TRY(const auto exit, capture("apt-get", std::move(arguments)));
  if (exit.output.size() >= kMostOutput) return Error{"apt would change too many packages"};
  if (exit.success()) return parse_simulation(exit.output);
  std::fputs(exit.output.c_str(), stderr);
  const std::string reasons = unmet_in(exit.output);
  return Error{"the packages cannot be installed here" +
               (reasons.empty() ? " (see the log for apt's reasons)" : ": " + reasons)};
}

Status Apt::install() const {
  auto arguments = options();
  arguments.insert(arguments.end(), {"--quiet=2", "install"});
  const auto packages = wanted();
  arguments.insert(arguments.end(), packages.begin(), packages.end());
  return run_tool("apt-get", std::move(arguments));
}

}  // namespace patchbay::deb
