#include "core/fleet/log_upload.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/clock.hpp"

namespace patchbay::fleet {
namespace {

using nlohmann::json;

constexpr std::array kMembers{"timestamp", "level", "message"};

std::string message(std::string_view level, std::string_view timestamp, std::string_view text) {
  const json out{{"timestamp", timestamp}, {"level", level}, {"message", text}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// The line with the members that servers want; nothing when it lacks one.
std::optional<json> parse(std::string_view line) {
  const json in = json::parse(line, nullptr, false);
  if (!in.is_object()) return std::nullopt;
  json out;
  for (const char* const member : kMembers) {
    const auto found = in.find(member);
    if (found == in.end() || !found->is_string() || found->get_ref<const std::string&>().empty())
      return std::nullopt;
    out[member] = *found;
  }
  return out;
}

struct Messages {
  std::deque<std::string> texts;
  std::string first_timestamp;
  bool any_damaged = false;
};

Messages read(std::string_view log) {
  Messages messages;
  std::string timestamp = utc_now();
  while (!log.empty()) {
    const std::string_view line = log.substr(0, log.find('\n'));
    log.remove_prefix(std::min(log.size(), line.size() + 1));
    if (line.empty()) continue;
    const auto entry = parse(line);
    if (entry) timestamp = entry->at("timestamp").get<std::string>();
    messages.any_damaged = messages.any_damaged || !entry;
    if (messages.first_timestamp.empty()) messages.first_timestamp = timestamp;
    messages.texts.push_back(entry ? entry->dump(-1, ' ', false, json::error_handler_t::replace)
                                   : message("error", timestamp, "(a damaged line of the log)"));
  }
  return messages;
}

/// Drops the oldest until the rest fits. Whether any had to go.
bool shorten(std::deque<std::string>& texts, std::size_t most_bytes) {
  std::size_t bytes = 0;
  for (const std::string& text : texts)
    bytes += text.size() + 1;
  const bool too_long = bytes > most_bytes;
  for (; bytes > most_bytes && !texts.empty(); texts.pop_front())
    bytes -= texts.front().size() + 1;
  return too_long;
}

}  // namespace

std::string log_upload(std::string_view log, std::size_t most_bytes) {
  Messages messages = read(log);
  if (messages.texts.empty()) return {};
  if (shorten(messages.texts, most_bytes)) {
    messages.texts.push_front(message("warning", messages.first_timestamp,
                                      "the beginning is left out; the device has the whole log"));
  }
  if (messages.any_damaged) {
    messages.texts.push_front(
        message("error", messages.first_timestamp, "some lines of the log are damaged"));
  }
  std::string body = "{\"messages\":[";
  for (const std::string& text : messages.texts)
    body += text + ",";
  body.back() = ']';
  return body + "}";
}

}  // namespace patchbay::fleet
