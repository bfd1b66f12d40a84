#include "sdk/kit/trace_text.hpp"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/base/bytes.hpp"

namespace patchbay::kit {
namespace {

using nlohmann::json;

constexpr const char* kIndent = "             ";

std::string milliseconds(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%8.1f ms  ", seconds * 1000);
  return text.data();
}

std::string tree_line(char sign, const std::string& path, const json& size) {
  const std::string bytes = size.is_null() ? "" : " (" + size.dump() + " bytes)";
  return std::string{kIndent} + sign + " " + printable(path) + bytes + "\n";
}

/// + what has come to the work tree, - what has gone, ~ what has another size.
std::string tree_lines(const json& before, const json& after) {
  std::string out;
  for (const auto& [path, size] : after.items()) {
    const auto old = before.find(path);
    if (old == before.end()) out += tree_line('+', path, size);
    if (old != before.end() && *old != size) out += tree_line('~', path, size);
  }
  // The whole tree goes after Cleanup; nobody needs a list of that.
  if (after.empty()) return before.empty() ? "" : std::string{kIndent} + "- the work tree\n";
  for (const auto& [path, size] : before.items()) {
    if (!after.contains(path)) out += tree_line('-', path, size);
  }
  return out;
}

std::string call_lines(const json& call) {
  std::string out = milliseconds(call["seconds"]) + call["call"].get<std::string>();
  const auto answer = call["answer"].get<std::string>();
  const auto problem = call["problem"].get<std::string>();
  if (!answer.empty()) out += ": " + printable(answer);
  if (!problem.empty()) out += ": FAILED: " + problem;
  out += "\n";
  for (const auto& line : call["log"])
    out += std::string{kIndent} + "| " + printable(line.get<std::string>()) + "\n";
  return out + tree_lines(call["tree_before"], call["tree_after"]);
}

std::string changed_line(const json& changed) {
  if (changed.empty()) return "changed: nothing\n";
  std::string out;
  for (const auto& [path, what] : changed.items()) {
    const auto text = what.get<std::string>();
    const bool whole = text == "created" || text == "removed";
    out += "changed: " + text + (whole ? " " : " of ") + printable(path) + "\n";
  }
  return out;
}

}  // namespace

std::string trace_as_text(const json& report) {
  std::string out;
  for (const json& call : report["calls"])
    out += call_lines(call);
  return out + changed_line(report["changed"]);
}

}  // namespace patchbay::kit
