#include "modules/containers/record.hpp"

#include <algorithm>

#include "patchbay/files.hpp"

namespace patchbay::containers {
namespace {

using module::Error;
using module::Journal;
using module::Result;
using module::Status;

constexpr const char* kBegun = "begun";        // token
constexpr const char* kImage = "image";        // id: was not there before this update
constexpr const char* kName = "name";          // name, id of the image that had it
constexpr const char* kOld = "old";            // id, name, running, restart policy, image id
constexpr const char* kStopping = "stopping";  // id
constexpr const char* kInstalled = "installed";
constexpr const char* kUndoing = "undoing";
constexpr const char* kRestored = "restored";
constexpr const char* kRunning = "running";

Result<std::string> random_token() {
  PATCHBAY_TRY(auto text, module::read_file("/proc/sys/kernel/random/uuid", 64));
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  if (text.empty()) return Error{"the kernel gives no random number"};
  return text;
}

}  // namespace

Record::Record(Journal journal) : journal_{std::move(journal)} {
  for (const auto& entry : journal_.records())
    read(entry);
}

Result<Record> Record::open(const module::Context& context) {
  PATCHBAY_TRY(auto journal, Journal::open(context.tmp_path("containers")));
  return Record{std::move(journal)};
}

void Record::read(const Journal::Record& entry) {
  const std::string& kind = entry.front();
  if (kind == kBegun && entry.size() == 2) token_ = entry[1];
  if (kind == kImage && entry.size() == 2) new_images_.push_back(entry[1]);
  if (kind == kName && entry.size() == 3) moved_names_.push_back({entry[1], entry[2]});
  if (kind == kOld && entry.size() == 6) {
    old_.push_back({entry[1], entry[2], entry[3] == kRunning, entry[4], entry[5]});
  }
  installed_ = installed_ || kind == kInstalled;
  undoing_ = undoing_ || kind == kUndoing;
  restored_ = restored_ || kind == kRestored;
}

Status Record::append(const Journal::Record& entry) {
  PATCHBAY_CHECK(journal_.append(entry));
  read(entry);
  return module::Done{};
}

std::optional<std::vector<std::string>> Record::note(const std::string& kind) const {
  for (const auto& entry : journal_.records())
    if (entry.front() == kind) return std::vector<std::string>(entry.begin() + 1, entry.end());
  return std::nullopt;
}

std::size_t Record::count(const std::string& kind) const {
  const auto& entries = journal_.records();
  return static_cast<std::size_t>(std::count_if(
      entries.begin(), entries.end(), [&](const auto& entry) { return entry.front() == kind; }));
}

bool Record::stopping(const std::string& id) const {
  const Journal::Record wanted{kStopping, id};
  const auto& entries = journal_.records();
  return std::find(entries.begin(), entries.end(), wanted) != entries.end();
}

Status Record::mark_stopping(const std::string& id) {
  return append({kStopping, id});
}

Status Record::begin() {
  PATCHBAY_TRY(auto token, random_token());
  return append({kBegun, std::move(token)});
}

Status Record::bring_image(const std::string& image_id) {
  return append({kImage, image_id});
}

Status Record::move_name(const MovedName& moved) {
  return append({kName, moved.name, moved.image_id});
}

Status Record::set_aside(const std::vector<OldContainer>& containers) {
  std::vector<Journal::Record> entries;
  entries.reserve(containers.size());
  for (const OldContainer& old : containers)
    entries.push_back(
        {kOld, old.id, old.name, old.running ? kRunning : "", old.restart_policy, old.image_id});
  if (entries.empty()) return module::Done{};
  PATCHBAY_CHECK(journal_.append_all(entries));
  for (const auto& entry : entries)
    read(entry);
  return module::Done{};
}

Status Record::add_note(const std::string& kind, const std::vector<std::string>& values) {
  Journal::Record entry{kind};
  entry.insert(entry.end(), values.begin(), values.end());
  return append(entry);
}

Status Record::mark_installed() {
  return append({kInstalled});
}

Status Record::mark_undoing() {
  return undoing_ ? Status{module::Done{}} : append({kUndoing});
}

Status Record::mark_restored() {
  return append({kRestored});
}

Status Record::forget() {
  PATCHBAY_CHECK(journal_.clear());
  *this = Record{std::move(journal_)};
  return module::Done{};
}

}  // namespace patchbay::containers
