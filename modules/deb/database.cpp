#include "modules/deb/database.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include "modules/deb/disk.hpp"
#include "modules/deb/tools.hpp"
#include "patchbay/files.hpp"

namespace patchbay::deb {
namespace {

using module::Error;
using module::Result;
using module::Status;

constexpr const char* kLists = "/var/lib/dpkg/info/";
constexpr const char* kDiversions = "/var/lib/dpkg/diversions";
constexpr std::string_view kListEnding = ".list";
/// dpkg's journal: each file is the paragraph of one package, and stands above the one in `status`
/// until dpkg has put it there.
constexpr const char* kJournal = "/var/lib/dpkg/updates/";
/// The names of its files are numbers of four digits, from 0 on.
constexpr unsigned kMostUpdates = 10000;
constexpr std::size_t kMostPaths = 64U << 20U;
/// Fields of a package's paragraph that are no part of its control file.
constexpr std::array kStateFields{
    "Status:", "Conffiles:", "Config-Version:", "Triggers-Pending:", "Triggers-Awaited:"};
/// What dpkg makes of conffiles. The version belongs to packages of which only these are there.
constexpr std::array kRecordFields{"Conffiles:", "Config-Version:"};

template <std::size_t Count>
bool is_one_of(const std::array<const char*, Count>& fields, const std::string& line) {
  return std::any_of(fields.begin(), fields.end(),
                     [&](const char* field) { return line.starts_with(field); });
}

/// The fields of a paragraph that are `wanted`, by their first lines.
std::string fields_of(const std::string& paragraph,
                      const std::function<bool(const std::string& line)>& wanted) {
  std::string fields;
  bool taking = false;
  for (const std::string& line : lines_of(paragraph)) {
    if (line.empty()) break;
    if (line.front() != ' ') taking = wanted(line);
    if (taking) fields += line + "\n";
  }
  return fields;
}

Result<std::string> paragraph_of(const std::string& package) {
  return output_of("dpkg-query", {"--status", package});
}

bool is_of_record(const std::string& line) {
  return is_one_of(kRecordFields, line);
}

bool is_conffiles(const std::string& line) {
  return line.starts_with("Conffiles:");
}

/// Whether dpkg takes the paragraph: one that it does not would keep it from doing anything. It is
/// asked with a database of its own, in `scratch`.
Status require_readable(const std::string& paragraph, const std::string& scratch) {
  PATCHBAY_CHECK(module::remove_tree(scratch));
  PATCHBAY_CHECK(make_directory(scratch, 0700));
  PATCHBAY_CHECK(module::replace_file(scratch + "/status", paragraph, 0600));
  PATCHBAY_CHECK(output_of("dpkg-query", {"--admindir=" + scratch, "--list"}));
  return module::remove_tree(scratch);
}

/// Where dpkg keeps the list of a package's files; empty: it has none.
std::string list_path(const std::string& package) {
  const auto full = output_of("dpkg-query", {"--show", "--showformat=${binary:Package}", package});
  if (!full) return {};
  // With the architecture only where a package may be there for several of them.
  for (const std::string& name : {*full, full->substr(0, full->find(':'))}) {
    std::string path = kLists + name + std::string{kListEnding};
    if (module::exists(path)) return path;
  }
  return {};
}

/// Whether there is, or will be, more than one package of that name.
bool is_ambiguous(const std::string& name, const std::vector<Change>& changes) {
  if (std::any_of(changes.begin(), changes.end(),
                  [&](const Change& change) { return change.package.starts_with(name + ":"); }))
    return true;
  const auto known = output_of(
      "dpkg-query", {"--show", "--showformat=${db:Status-Abbrev}${Architecture}\n", name});
  if (!known) return false;
  const auto all = lines_of(*known);
  return std::count_if(all.begin(), all.end(),
                       [](const std::string& line) { return !line.starts_with("un"); }) > 1;
}

/// Takes `word` from the end of `line`.
bool take_last(std::string& line, std::string_view word) {
  if (!line.ends_with(word)) return false;
  line.resize(line.size() - word.size());
  return true;
}

/// " /etc/app.conf 99120c8505e9f9d3345d271e6e8744e5", and what dpkg may say of it behind that.
Conffile parse_conffile(std::string line) {
  Conffile conffile;
  conffile.removed_by_package = take_last(line, " remove-on-upgrade");
  conffile.obsolete = take_last(line, " obsolete");
  const auto begin = line.find('/');
  conffile.path = line.substr(begin, line.rfind(' ') - begin);
  conffile.there = module::exists(conffile.path);
  return conffile;
}

Result<std::string> next_in_journal() {
  for (unsigned number = 0; number < kMostUpdates; ++number) {
    const std::string digits = std::to_string(number);
    std::string path = kJournal + std::string(4 - digits.size(), '0') + digits;
    if (!module::exists(path)) return path;
  }
  return Error{std::string{kJournal} + " is full; run dpkg --configure --pending"};
}

}  // namespace

Result<Installed> installed(const std::string& package) {
  // dpkg-query fails for a package that it has never heard of.
  const auto text =
      output_of("dpkg-query", {"--show", "--showformat=${db:Status-Abbrev}|${Version}\n", package});
  if (!text || text->size() < 4) return Installed{};
  const char state = (*text)[1];
  const bool half_done = (*text)[2] != ' ';
  const bool listed = !text->starts_with("un");
  if (state == 'n') return Installed{"", !half_done, false, listed};
  if (state == 'c') return Installed{"", !half_done, true, listed};
  const auto version = text->find('|') + 1;
  return Installed{text->substr(version, text->find('\n') - version), state == 'i' && !half_done,
                   true, listed};
}

Result<std::vector<std::string>> half_unpacked() {
  PATCHBAY_TRY(
      const auto text,
      output_of("dpkg-query", {"--show", "--showformat=${db:Status-Status} ${binary:Package}\n"}));
  constexpr std::string_view kState = "half-installed ";
  std::vector<std::string> packages;
  for (const std::string& line : lines_of(text))
    if (line.starts_with(kState)) packages.push_back(line.substr(kState.size()));
  return packages;
}

std::string recorded_version(const std::string& package) {
  const auto text = output_of("dpkg-query", {"--show", "--showformat=${Version}", package});
  return text ? *text : std::string{};
}

Status name_architectures(std::vector<Change>& changes) {
  PATCHBAY_TRY(const auto foreign, output_of("dpkg", {"--print-foreign-architectures"}));
  if (foreign.empty()) return module::Done{};
  PATCHBAY_TRY(const auto own, output_of("dpkg", {"--print-architecture"}));
  for (Change& change : changes) {
    const bool named = change.package.find(':') != std::string::npos;
    if (!named && is_ambiguous(change.package, changes))
      change.package += ":" + lines_of(own).front();
  }
  return module::Done{};
}

Result<std::string> file_list_of(const std::string& package) {
  const std::string path = list_path(package);
  if (path.empty()) return Error{"dpkg has no list of its files"};
  return module::read_file(path, kMostPaths);
}

Status restore_file_list(const std::string& package, const std::string& list) {
  PATCHBAY_TRY(const auto now, file_list_of(package));
  if (now == list) return module::Done{};
  PATCHBAY_TRY(const auto lock, DatabaseLock::acquire());
  return module::replace_file(list_path(package), list, 0644);
}

Result<std::set<std::string>> owned_by_others(const std::set<std::string>& paths,
                                              const std::vector<Change>& changes) {
  std::set<std::string> owned;
  if (paths.empty()) return owned;
  std::set<std::string> own_lists;
  for (const Change& change : changes)
    own_lists.insert(list_path(change.package));
  PATCHBAY_TRY(const auto names, module::list_directory(kLists));
  for (const std::string& name : names) {
    const std::string path = kLists + name;
    if (!name.ends_with(kListEnding) || own_lists.contains(path)) continue;
    PATCHBAY_TRY(const auto list, module::read_file(path, kMostPaths));
    for (const std::string& line : lines_of(list))
      if (paths.contains(line)) owned.insert(line);
  }
  return owned;
}

Result<std::map<std::string, std::string>> diversions_from(const std::string& package) {
  std::map<std::string, std::string> places;
  if (!module::exists(kDiversions)) return places;
  PATCHBAY_TRY(const auto text, module::read_file(kDiversions, kMostPaths));
  const auto lines = lines_of(text);
  const std::string name = package.substr(0, package.find(':'));
  // A path, where it goes, and whose files are spared; ":" for nobody's.
  for (std::size_t at = 0; at + 2 < lines.size(); at += 3)
    if (lines[at + 2] != name) places[lines[at]] = lines[at + 1];
  return places;
}

Result<std::string> control_of(const std::string& package) {
  PATCHBAY_TRY(const auto paragraph, paragraph_of(package));
  return fields_of(paragraph,
                   [](const std::string& line) { return !is_one_of(kStateFields, line); });
}

Result<std::vector<Conffile>> conffiles_of(const std::string& package) {
  PATCHBAY_TRY(const auto text,
               output_of("dpkg-query", {"--show", "--showformat=${Conffiles}\n", package}));
  std::vector<Conffile> conffiles;
  for (const std::string& line : lines_of(text))
    if (line.find('/') != std::string::npos) conffiles.push_back(parse_conffile(line));
  return conffiles;
}

Result<std::string> conffile_record(const std::string& package) {
  PATCHBAY_TRY(const auto paragraph, paragraph_of(package));
  return fields_of(paragraph, is_of_record);
}

Result<bool> restore_conffile_record(const std::string& package, const std::string& record,
                                     const std::string& scratch) {
  PATCHBAY_TRY(const auto paragraph, paragraph_of(package));
  PATCHBAY_TRY(const auto now, installed(package));
  // One that was half-done before the update is whole now, and has no other version than its own.
  const auto wanted = now.version.empty() ? record : fields_of(record, is_conffiles);
  if (fields_of(paragraph, is_of_record) == wanted) return false;
  const auto changed = fields_of(paragraph, std::not_fn(is_of_record)) + wanted;
  PATCHBAY_CHECK(require_readable(changed, scratch));
  PATCHBAY_TRY(const auto lock, DatabaseLock::acquire());
  PATCHBAY_TRY(const auto path, next_in_journal());
  PATCHBAY_CHECK(module::replace_file(path, changed, 0644));
  return true;
}

}  // namespace patchbay::deb
