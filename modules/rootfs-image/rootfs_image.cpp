#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "modules/rootfs-image/chunks.hpp"
#include "modules/rootfs-image/delta.hpp"
#include "modules/rootfs-image/device_slots.hpp"
#include "modules/rootfs-image/piece_sums.hpp"
#include "modules/rootfs-image/update_record.hpp"
#include "patchbay/module.hpp"
#include "sdk/slot/image_writer.hpp"

namespace patchbay::rootfs_image {
namespace {

using module::Context;
using module::Description;
using module::Done;
using module::Error;
using module::Lines;
using module::PayloadStream;
using module::Reboot;
using module::Result;
using module::Status;

// Before an update touches anything, the device has to be in order: what runs is what is booted.
Status require_settled(const DeviceSlots& slots) {
  if (slots.state.on_trial)
    return Error{slots.name(slots.state.next) +
                 " is still on trial: commit or roll back the earlier update first (the " +
                 slots.boot->name() + " says so)"};
  if (slots.state.next == slots.running) return Done{};
  return Error{slots.name(slots.running) + " is running, but the " + slots.boot->name() +
               " boots " + slots.name(slots.state.next) +
               " next: reboot first, or set it back by hand"};
}

// Whether the slot of the update runs, on trial or kept.
Status require_update_runs(const DeviceSlots& slots, Slot updated) {
  if (slots.running == updated && slots.state.next == updated) return Done{};
  if (slots.running == updated)
    return Error{slots.name(updated) + " runs the update, but the " + slots.boot->name() +
                 " boots " + slots.name(slots.state.next) + " next"};
  if (slots.state.on_trial && slots.state.next == updated)
    return Error{"the update in " + slots.name(updated) + " has not been booted yet; reboot first"};
  return Error{"the update in " + slots.name(updated) +
               " did not start: the boot loader has gone "
               "back to " +
               slots.name(slots.running)};
}

// The types of payload that the program serves; any other name is that of an image.
enum class Kind : std::uint8_t { image, delta, chunks };
Result<Kind> kind_of(const Context& context) {
  PATCHBAY_TRY(const auto type, context.header_value("payload_type"));
  if (type == "rootfs-delta") return Kind::delta;
  return type == "rootfs-chunks" ? Kind::chunks : Kind::image;
}

// mender-artifact writes it for every root file system; other artifacts may lack it.
std::string promised_sum(const Context& context) {
  const auto text = context.header_value("type-info");
  if (!text) return "";
  const auto info = nlohmann::json::parse(*text, nullptr, false);
  if (!info.is_object() || !info.contains("artifact_provides")) return "";
  const auto& provides = info["artifact_provides"];
  if (!provides.is_object()) return "";
  for (const auto* const key : {"rootfs-image.checksum", "rootfs_image_checksum"}) {
    const auto found = provides.find(key);
    if (found != provides.end() && found->is_string()) return found->get<std::string>();
  }
  return "";
}

constexpr const char* kOneFile =
    "it has to be one file system image, or one delta, or one index of chunks";

class RootfsImage final : public module::Module {
 public:
  Result<bool> provide_payload_file_sizes(Context&) override { return true; }
  [[nodiscard]] bool requires_payload_file_sizes() const override { return false; }
  Result<bool> supports_rollback(Context&) override { return true; }

  // Asked after install, and again after rollback: what counts is whether the running system is the
  // one that will be booted. A rollback of what was never switched needs no reboot.
  Result<Reboot> needs_reboot(Context& context) override {
    PATCHBAY_TRY(const auto record, UpdateRecord::open(context));
    const auto slots = look_back(record);
    if (!slots && falls_back(record)) return Reboot::automatic;
    if (!slots) return slots.error();
    return slots->state.next == slots->running ? Reboot::no : Reboot::automatic;
  }

  Result<std::optional<Description>> describe(Context&) override {
    Description description{.type = "rootfs-image",
                            .description =
                                "Writes a root file system to the slot that does not "
                                "run, and boots it on trial.",
                            .rollback = true,
                            .reboot = Description::Reboots::always,
                            .streams = true,
                            .writes = {"*"}};
    if (const auto settings = read_settings())
      description.writes = {settings->part_a, settings->part_b, "*"};  // and the boot environment
    return {std::move(description)};
  }

  Result<Lines> plan(Context& context) override {
    PATCHBAY_TRY(const auto slots, look_at_slots());
    PATCHBAY_CHECK(require_settled(slots));
    const auto target = other(slots.running);
    PATCHBAY_TRY(const auto image, planned_image(context, slots));
    return Lines{"write " + image + " to " + slots.name(target) + ", which has room for " +
                     module::human_size(slots.device(target).size),
                 "boot it on trial through the " + slots.boot->name() + "; " +
                     slots.name(slots.running) + " stays as it is until the commit",
                 "reboot, rollback possible"};
  }

  Status download(Context& context, PayloadStream& stream) override {
    PATCHBAY_TRY(const auto slots, look_at_slots());
    PATCHBAY_CHECK(require_settled(slots));
    PATCHBAY_TRY(auto record, UpdateRecord::open(context));
    PATCHBAY_CHECK(record.begin());
    const auto target = other(slots.running);
    PATCHBAY_TRY(const auto image, write(context, stream, slots));
    PATCHBAY_CHECK(require_end(stream));
    context.log("wrote " + module::human_size(image.written) + " of " +
                module::human_size(image.size) + " to " + slots.name(target) +
                ", the rest was there already; its SHA-256 is " + image.sum);
    return record.written(target, image.sum);
  }

  Status install(Context& context) override {
    PATCHBAY_TRY(const auto slots, look_at_slots());
    PATCHBAY_CHECK(require_settled(slots));
    PATCHBAY_TRY(auto record, UpdateRecord::open(context));
    const auto target = other(slots.running);
    if (record.image_in() != target)
      return Error{"there is no complete image in " + slots.name(target) + " to switch to"};
    PATCHBAY_CHECK(slot::open_exclusively(slots.device(target), O_RDONLY));
    PATCHBAY_TRY(const auto settings, settings_to_keep(context));
    PATCHBAY_CHECK(record.switching(slots.running, target, settings));
    auto status = slots.boot->try_once(target);
    if (!status) {
      // Half a change may have been made; as far as possible it is taken back at once.
      if (auto back = slots.boot->keep(slots.running); back) PATCHBAY_CHECK(record.went_back());
      return status;
    }
    context.log(slots.name(target) + " will be booted on trial");
    return Done{};
  }

  Status verify_reboot(Context& context) override {
    PATCHBAY_TRY(const auto slots, look_at_slots());
    PATCHBAY_TRY(const auto record, UpdateRecord::open(context));
    PATCHBAY_CHECK(require_update_runs(slots, updated_slot(slots, record)));
    if (slots.state.on_trial) return Done{};
    return Error{"the " + slots.boot->name() +
                 " does not say that an update is on trial; somebody "
                 "else has ended it"};
  }

  Status commit(Context& context) override {
    PATCHBAY_TRY(const auto slots, look_at_slots());
    PATCHBAY_TRY(auto record, UpdateRecord::open(context));
    const auto updated = updated_slot(slots, record);
    PATCHBAY_CHECK(require_update_runs(slots, updated));
    if (!slots.state.on_trial && !record.has_begun_commit())
      return Error{"the " + slots.boot->name() +
                   " does not say that an update is on trial: it has "
                   "failed and was reverted, or was never installed"};
    PATCHBAY_CHECK(record.committing());
    PATCHBAY_CHECK(slots.boot->keep(updated));
    context.log(slots.name(updated) + " is kept");
    return record.committed();
  }

  Status rollback(Context& context) override {
    PATCHBAY_TRY(auto record, UpdateRecord::open(context));
    if (record.has_begun() && !record.old_slot()) return Done{};  // nothing was switched
    auto status = go_back(context, record);
    if (status || !falls_back(record)) return status;
    context.log("the boot loader cannot be told (" + status.error().message() +
                "); not kept, it goes back to slot " + letter(*record.old_slot()) +
                " by itself when the machine reboots");
    return Done{};
  }

  Status verify_rollback_reboot(Context& context) override {
    PATCHBAY_TRY(const auto record, UpdateRecord::open(context));
    PATCHBAY_TRY(const auto slots, look_back(record));
    const auto wanted = record.old_slot().value_or(slots.state.next);
    if (slots.state.on_trial)
      return Error{"the " + slots.boot->name() + " still says that " +
                   slots.name(slots.state.next) + " is on trial"};
    if (slots.running != wanted || slots.state.next != wanted)
      return Error{slots.name(slots.running) + " is running instead of " + slots.name(wanted)};
    return Done{};
  }

  Status failure(Context& context) override { return give_up_trial(context); }
  Status cleanup(Context& context) override { return give_up_trial(context); }

 private:
  static Result<PayloadStream::File> first_file(PayloadStream& stream) {
    PATCHBAY_TRY(const auto file, stream.next_file());
    if (!file) return Error{std::string{"the payload has no file; "} + kOneFile};
    return *file;
  }

  static Status require_end(PayloadStream& stream) {
    PATCHBAY_TRY(const auto second, stream.next_file());
    if (!second) return Done{};
    return Error{"the payload has a second file, '" + second->name + "'; " + kOneFile};
  }

  // What will be written, in words; fails where it cannot be.
  static Result<std::string> planned_image(const Context& context, const DeviceSlots& slots) {
    PATCHBAY_TRY(const auto kind, kind_of(context));
    if (kind == Kind::delta) {
      PATCHBAY_CHECK(delta_for(context, slots));
      return "the image that the delta makes of " + slots.name(slots.running);
    }
    if (kind == Kind::image) return std::string{"the image"};
    PATCHBAY_TRY(const auto request, chunks_for(context, slots));
    return "the image, with what " + slots.name(slots.running) + " has of it and the rest from " +
           request.url + ",";
  }

  static Result<slot::WrittenImage> write(Context& context, PayloadStream& stream,
                                          const DeviceSlots& slots) {
    PATCHBAY_TRY(const auto kind, kind_of(context));
    stream.zero_copy();
    if (kind == Kind::delta) return write_patched(context, stream, slots);
    if (kind == Kind::chunks) return write_chunks(context, stream, slots);
    return write_whole(context, stream, slots.device(other(slots.running)));
  }

  static Result<slot::WrittenImage> write_whole(Context& context, PayloadStream& stream,
                                                const slot::SlotDevice& target) {
    slot::ImageRequest request{.target = target, .expected_sum = promised_sum(context)};
    PATCHBAY_TRY(request.pieces, read_piece_sums(context, request.expected_sum));
    PATCHBAY_TRY(const auto file, first_file(stream));
    request.size = file.size;
    if (stream.can_skip()) {
      context.status("looking at " + target.path);
      PATCHBAY_TRY(const bool there, slot::holds_image(request));
      if (there) {
        context.log(target.path + " has the image already, which need not be sent again");
        PATCHBAY_CHECK(stream.skip());
        return slot::WrittenImage{.size = *request.size, .sum = request.expected_sum};
      }
    }
    return write_from(context, std::move(request),
                      [&stream](std::span<std::byte> bytes) { return stream.read(bytes); });
  }

  static Result<DeltaRequest> delta_for(const Context& context, const DeviceSlots& slots) {
    PATCHBAY_TRY(auto request, read_delta_request(context));
    PATCHBAY_CHECK(
        require_delta_possible(slots.device(slots.running), slots.name(slots.running), request));
    return request;
  }

  // The old image is looked at before anything is fetched: a delta that does not fit it would only
  // be found out at the end.
  static Result<slot::WrittenImage> write_patched(Context& context, PayloadStream& stream,
                                                  const DeviceSlots& slots) {
    PATCHBAY_TRY(const auto request, delta_for(context, slots));
    const auto& old = slots.device(slots.running);
    context.status("looking at " + old.path);
    PATCHBAY_CHECK(require_image(old, slots.name(slots.running), request.from));
    PATCHBAY_TRY(const auto source,
                 patched_image(old, request, [&stream](std::span<std::byte> bytes) {
                   return stream.read(bytes);
                 }));
    PATCHBAY_CHECK(first_file(stream));
    const auto target = slots.device(other(slots.running));
    PATCHBAY_TRY(auto image,
                 write_from(context, {.target = target, .size = request.to.size}, source));
    if (image.sum == request.to.sum) return image;
    return Error{"the delta makes an image with the SHA-256 " + image.sum + ", not " +
                 request.to.sum + " as its meta-data says"};
  }

  static Result<ChunksRequest> chunks_for(const Context& context, const DeviceSlots& slots) {
    PATCHBAY_TRY(auto request, read_chunks_request(context));
    const auto target = other(slots.running);
    PATCHBAY_CHECK(require_chunks_possible(slots.device(target), slots.name(target), request));
    return request;
  }

  static Result<slot::WrittenImage> write_chunks(Context& context, PayloadStream& stream,
                                                 const DeviceSlots& slots) {
    PATCHBAY_TRY(const auto request, chunks_for(context, slots));
    PATCHBAY_TRY(const auto settings, read_settings());
    PATCHBAY_CHECK(first_file(stream));
    PATCHBAY_TRY(const auto index, read_index_file(stream, request));
    // Behind the end of the payload the client has verified it: nothing is asked for by an index
    // that is not the artifact's.
    PATCHBAY_CHECK(require_end(stream));
    const auto& old = slots.device(slots.running);
    const auto& target = slots.device(other(slots.running));
    context.status("looking at " + old.path);
    PATCHBAY_TRY(const auto chunked,
                 chunked_image(old, target, request, index, settings,
                               [&context](const std::string& line) { context.log(line); }));
    PATCHBAY_TRY(auto image,
                 write_from(context, {.target = target, .size = request.to.size}, chunked.source));
    context.log(chunked.summary());
    if (image.sum == request.to.sum) return image;
    return Error{"the chunks make an image with the SHA-256 " + image.sum + ", not " +
                 request.to.sum + " as the meta-data says; has " + slots.name(slots.running) +
                 " been written meanwhile?"};
  }

  static Result<slot::WrittenImage> write_from(Context& context, slot::ImageRequest request,
                                               const slot::ImageSource& source) {
    context.status("writing " + request.target.path);
    request.progress = [&context](unsigned percent) { context.progress(percent); };
    return slot::write_image(request, source);
  }

  // The settings of the system that runs may be just what has to be undone: the way back is found
  // by those with which the switch was made.
  static Result<DeviceSlots> look_back(const UpdateRecord& record) {
    const auto settings = record.settings();
    if (!settings) return look_at_slots();
    auto by_record = look_at_slots(*settings);
    if (by_record) return by_record;
    auto slots = look_at_slots();
    // The record's letters would mean the other slots.
    return slots && are_swapped(*settings, *slots) ? std::move(by_record) : std::move(slots);
  }

  // Where fw_printenv looks by itself is a file of the system that is about to be replaced.
  static Result<Settings> settings_to_keep(const Context& context) {
    constexpr const char* kUsual = "/etc/fw_env.config";
    PATCHBAY_TRY(auto settings, read_settings());
    if (!settings.fw_env_config.empty() || !module::exists(kUsual)) return settings;
    PATCHBAY_TRY(const auto content, module::read_file(kUsual, 64 * 1024));
    settings.fw_env_config = context.tmp_path("fw_env.config");
    PATCHBAY_CHECK(module::replace_file(settings.fw_env_config, content, 0644));
    return settings;
  }

  // What runs on trial, and was never kept, is not booted a second time.
  static bool falls_back(const UpdateRecord& record) {
    const auto settings = record.settings();
    if (!settings || record.has_begun_commit() || record.is_over()) return false;
    const auto running = find_running_slot(*settings);
    return running && *running == record.new_slot();
  }

  static Status go_back(Context& context, UpdateRecord& record) {
    PATCHBAY_TRY(const auto slots, look_back(record));
    // Without a record, the update was installed by a client that kept none of ours.
    if (!record.has_begun() && !slots.state.on_trial) return Done{};
    const auto back_to = record.old_slot().value_or(other(slots.state.next));
    PATCHBAY_CHECK(slots.boot->keep(back_to));
    context.log(slots.name(back_to) + " will be booted again");
    return record.went_back();
  }

  static Slot updated_slot(const DeviceSlots& slots, const UpdateRecord& record) {
    return record.new_slot().value_or(slots.state.next);
  }

  // A client that ends the update without having asked for a rollback leaves it on trial: the next
  // reboot would start a system that the client takes for not installed.
  static Status give_up_trial(Context& context) {
    PATCHBAY_TRY(auto record, UpdateRecord::open(context));
    if (!record.old_slot() || !record.new_slot() || record.is_over()) return Done{};
    PATCHBAY_TRY(const auto slots, look_back(record));
    // Kept although the record does not say so: the commit was cut right after it.
    const bool kept = slots.state == BootState{.next = *record.new_slot(), .on_trial = false};
    PATCHBAY_CHECK(slots.boot->keep(kept ? *record.new_slot() : *record.old_slot()));
    return kept ? record.committed() : record.went_back();
  }
};

}  // namespace
}  // namespace patchbay::rootfs_image

PATCHBAY_EXECUTABLE(patchbay::rootfs_image::RootfsImage)
