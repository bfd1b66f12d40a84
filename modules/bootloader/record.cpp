#include "modules/bootloader/record.hpp"

#include <algorithm>
#include <charconv>

#include "sdk/slot/sha256.hpp"

namespace patchbay::bootloader {
namespace {

using module::Done;
using module::Error;
using module::Journal;
using module::Result;
using module::Status;

Result<std::string> boot_id() {
  return module::read_file("/proc/sys/kernel/random/boot_id", 256);
}

Slot slot_of(const std::string& text) {
  return text == "A" ? Slot::a : Slot::b;
}

std::uint64_t number_of(const std::string& text) {
  std::uint64_t number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Result<Record> Record::open(const module::Context& context) {
  PATCHBAY_TRY(auto journal, Journal::open(context.tmp_path("bootloader")));
  return Record{context.tmp_path(""), std::move(journal)};
}

Status Record::begin() {
  PATCHBAY_CHECK(clear());
  PATCHBAY_TRY(auto boot, boot_id());
  return journal_.append({"begin", std::move(boot)});
}

Status Record::keep_old(Slot slot, const std::string& content) {
  PATCHBAY_CHECK(module::replace_file(backup(slot), content, 0600));
  PATCHBAY_TRY(auto sum, slot::sha256_of(content));
  return journal_.append({"old", letter(slot), std::move(sum)});
}

Status Record::version_is_new() {
  return journal_.append({"version"});
}

Status Record::replacing_files(const std::string& old_sum) {
  return journal_.append({"files", old_sum});
}

Status Record::switching(Slot from, Slot to) {
  return journal_.append({"switch", letter(from), letter(to)});
}

Status Record::installed(Slot slot, const std::string& sum, std::uint64_t size) {
  return journal_.append({"installed", letter(slot), sum, std::to_string(size)});
}

Status Record::committing() {
  return journal_.append({"commit"});
}

Status Record::committed() {
  return journal_.append({"committed"});
}

Status Record::going_back() {
  PATCHBAY_TRY(auto boot, boot_id());
  return journal_.append({"going-back", std::move(boot)});
}

Status Record::went_back() {
  PATCHBAY_TRY(auto boot, boot_id());
  return journal_.append({"back", std::move(boot)});
}

Status Record::clear() {
  PATCHBAY_CHECK(journal_.clear());
  PATCHBAY_CHECK(module::remove_tree(backup(Slot::a)));
  return module::remove_tree(backup(Slot::b));
}

Result<std::vector<Record::Old>> Record::old_copies() const {
  std::vector<Old> all;
  for (const auto& record : journal_.records()) {
    if (record.size() < 3 || record[0] != "old") continue;
    const auto slot = slot_of(record[1]);
    PATCHBAY_TRY(auto content, module::read_file(backup(slot), kLargestArea));
    PATCHBAY_TRY(const auto sum, slot::sha256_of(content));
    if (sum != record[2])
      return Error{"the old loader, which was kept in " + backup(slot) + ", is damaged: SHA-256 " +
                   sum + " instead of " + record[2]};
    all.push_back({slot, std::move(content)});
  }
  return all;
}

std::optional<Record::Installed> Record::installed() const {
  const auto* const record = find("installed");
  if (record == nullptr || record->size() < 4) return std::nullopt;
  return Installed{slot_of((*record)[1]), (*record)[2], number_of((*record)[3])};
}

std::optional<Slot> Record::switched_from() const {
  const auto* const record = find("switch");
  if (record == nullptr || record->size() < 3) return std::nullopt;
  return slot_of((*record)[1]);
}

std::optional<std::string> Record::replaced() const {
  const auto* const record = find("files");
  if (record == nullptr || record->size() < 2) return std::nullopt;
  return (*record)[1];
}

bool Record::has_changes() const {
  return find("old") != nullptr || find("files") != nullptr || find("switch") != nullptr;
}

Result<bool> Record::has_rebooted() const {
  const auto* const record = find("begin");
  if (record == nullptr || record->size() < 2) return false;
  PATCHBAY_TRY(const auto boot, boot_id());
  return boot != (*record)[1];
}

Result<bool> Record::is_going_back() const {
  const auto& records = journal_.records();
  PATCHBAY_TRY(const auto boot, boot_id());
  return std::find(records.begin(), records.end(), Journal::Record{"going-back", boot}) !=
         records.end();
}

Result<bool> Record::runs_on_after_going_back() const {
  const auto* const begin = find("begin");
  const auto* const back = find("back");
  if (begin == nullptr || begin->size() < 2 || back == nullptr || back->size() < 2) return false;
  PATCHBAY_TRY(const auto boot, boot_id());
  return (*back)[1] != (*begin)[1] && (*back)[1] == boot;
}

const Journal::Record* Record::find(std::string_view kind) const {
  const auto& records = journal_.records();
  const auto found = std::find_if(
      records.begin(), records.end(),
      [kind](const Journal::Record& record) { return !record.empty() && record[0] == kind; });
  return found == records.end() ? nullptr : &*found;
}

std::string Record::backup(Slot slot) const {
  return module::join_path(directory_, std::string{"old-loader-"} + letter(slot));
}

}  // namespace patchbay::bootloader
