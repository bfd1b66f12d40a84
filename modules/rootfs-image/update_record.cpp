#include "modules/rootfs-image/update_record.hpp"

#include <algorithm>

namespace patchbay::rootfs_image {

using module::Journal;
using module::Result;
using module::Status;

Result<UpdateRecord> UpdateRecord::open(const module::Context& context) {
  PATCHBAY_TRY(auto journal, Journal::open(context.tmp_path("rootfs-image")));
  return UpdateRecord{std::move(journal)};
}

Status UpdateRecord::begin() {
  PATCHBAY_CHECK(journal_.clear());
  return journal_.append({"download"});
}

Status UpdateRecord::written(Slot slot, const std::string& sum) {
  return journal_.append({"image", letter(slot), sum});
}

Status UpdateRecord::switching(Slot from, Slot to, const Settings& settings) {
  PATCHBAY_CHECK(journal_.append({"settings", to_json(settings)}));
  return journal_.append({"switch", letter(from), letter(to)});
}

Status UpdateRecord::committing() {
  return journal_.append({"commit"});
}

Status UpdateRecord::committed() {
  return journal_.append({"committed"});
}

Status UpdateRecord::went_back() {
  return journal_.append({"back"});
}

std::optional<Settings> UpdateRecord::settings() const {
  const auto* const record = find("settings");
  if (record == nullptr || record->size() < 2) return std::nullopt;
  auto settings = parse_settings((*record)[1]);
  return settings ? std::optional{*std::move(settings)} : std::nullopt;
}

const Journal::Record* UpdateRecord::find(std::string_view kind) const {
  const auto& records = journal_.records();
  const auto found = std::find_if(
      records.begin(), records.end(),
      [kind](const Journal::Record& record) { return !record.empty() && record[0] == kind; });
  return found == records.end() ? nullptr : &*found;
}

std::optional<Slot> UpdateRecord::slot_of(std::string_view kind, std::size_t field) const {
  const auto* const record = find(kind);
  if (record == nullptr || record->size() <= field) return std::nullopt;
  return (*record)[field] == "A" ? Slot::a : Slot::b;
}

}  // namespace patchbay::rootfs_image
