#include "modules/firmware/history.hpp"

#include <algorithm>

namespace patchbay::firmware {
namespace {

using module::Done;
using module::Journal;
using module::Result;
using module::Status;

constexpr const char* kUpdate = "update";  // kind, version
constexpr const char* kChange = "change";  // device, from, kept
constexpr const char* kKept = "kept";

}  // namespace

Result<History> History::open(const module::Context& context) {
  PATCHBAY_TRY(auto journal, Journal::open(context.tmp_path("firmware")));
  History history{std::move(journal)};
  history.read_plan();
  return history;
}

void History::read_plan() {
  for (const auto& record : journal_.records()) {
    if (record.size() != 3 || record[0] != kUpdate) continue;
    kind_ = record[1];
    version_ = record[2];
  }
}

std::vector<History::Change> History::changes() const {
  std::vector<Change> changes;
  for (const auto& record : journal_.records())
    if (record.size() == 4 && record[0] == kChange)
      changes.push_back({record[1], record[2], record[3] == kKept});
  return changes;
}

bool History::has(std::string_view kind, const std::string& device) const {
  return std::any_of(journal_.records().begin(), journal_.records().end(), [&](const auto& record) {
    return record.front() == kind && record.size() == 2 && record[1] == device;
  });
}

Status History::plan(const std::string& kind, const std::string& version,
                     const std::vector<Change>& changes) {
  std::vector<Journal::Record> records{{kUpdate, kind, version}};
  for (const auto& change : changes)
    records.push_back({kChange, change.device, change.from, change.kept ? kKept : ""});
  records.push_back({"planned", ""});
  PATCHBAY_CHECK(journal_.append_all(std::move(records)));
  read_plan();
  return Done{};
}

Status History::note(std::string_view kind, const std::string& device) {
  return journal_.append({std::string{kind}, device});
}

Status History::clear() {
  return journal_.clear();
}

}  // namespace patchbay::firmware
