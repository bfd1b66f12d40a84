#include "core/artifact/json_check.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/base/bytes.hpp"

namespace patchbay::artifact {
namespace {

/// Receives the events of nlohmann's parser, which keeps its own stack on the heap. Returning false
/// stops it.
class Checker {
 public:
  explicit Checker(const Limits& limits) : limits_{limits} {}

  bool null() { return value(); }
  bool boolean(bool) { return value(); }
  bool number_integer(std::int64_t) { return value(); }
  bool number_unsigned(std::uint64_t) { return value(); }
  bool number_float(double, const std::string&) { return value(); }
  bool string(std::string&) { return value(); }
  bool binary(nlohmann::json::binary_t&) { return value(); }

  bool start_object(std::size_t) { return open(); }
  bool end_object() { return close(); }
  bool start_array(std::size_t) {
    if (keys_.empty()) return value();
    return open();
  }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    if (++members_ > limits_.json_members) {
      return fail("more than " + std::to_string(limits_.json_members) + " keys");
    }
    if (keys_.back().insert(name).second) return true;
    return fail("key \"" + printable(name) + "\" appears twice in one object");
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& e) {
    if (!problem_.empty()) return false;
    // 4xx: a number that no double can hold.
    return fail((e.id / 100 == 4 ? "number out of range at byte " : "not valid JSON at byte ") +
                std::to_string(position));
  }

  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  bool value() {
    if (!keys_.empty()) return true;
    return fail("not a JSON object");
  }
  bool open() {
    if (keys_.size() == limits_.json_depth) {
      return fail("nested more than " + std::to_string(limits_.json_depth) + " levels deep");
    }
    keys_.emplace_back();
    return true;
  }
  bool close() {
    keys_.pop_back();
    return true;
  }
  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  const Limits& limits_;
  std::vector<std::unordered_set<std::string>> keys_;  ///< one set a level; empty for arrays
  std::size_t members_ = 0;
  std::string problem_;
};

}  // namespace

Status check_json_object(std::string_view text, const Limits& limits) {
  if (text.empty()) return Error{ErrorCode::invalid_input, "empty; a JSON object is due"};
  if (text.starts_with("\xEF\xBB\xBF")) {
    return Error{ErrorCode::invalid_input, "starts with a byte order mark; JSON has none"};
  }
  // The parser below takes a NUL for the end of its input and would not see what follows.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return Error{ErrorCode::invalid_input, "not valid JSON: NUL at byte " + std::to_string(nul)};
  }
  Checker checker{limits};
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &checker)) return Done{};
  return Error{ErrorCode::invalid_input, checker.problem()};
}

}  // namespace patchbay::artifact
