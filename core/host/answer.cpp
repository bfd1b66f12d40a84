#include "core/host/answer.hpp"

#include <string>

#include "core/base/bytes.hpp"

namespace patchbay::host {
namespace {

Error unknown_answer(Call question, std::string_view answer, std::string_view allowed) {
  return Error{ErrorCode::module_failed, std::string{to_string(question)} + ": the answer was \"" +
                                             printable(answer) + "\"; it has to be " +
                                             std::string{allowed} + ", or nothing, which means No"};
}

}  // namespace

Result<bool> parse_yes_no(Call question, std::string_view answer) {
  if (answer.empty() || answer == "No") return false;
  if (answer == "Yes") return true;
  return unknown_answer(question, answer, "Yes or No");
}

Result<Reboot> parse_reboot(Call question, std::string_view answer) {
  if (answer.empty()) return Reboot::no;
  for (const auto reboot : {Reboot::no, Reboot::custom, Reboot::automatic}) {
    if (answer == to_string(reboot)) return reboot;
  }
  return unknown_answer(question, answer, "Yes, No or Automatic");
}

}  // namespace patchbay::host
