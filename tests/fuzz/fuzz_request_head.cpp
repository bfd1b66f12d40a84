// Any bytes as the head of a program's request: what is passed on is one head, for one server.

#include <algorithm>
#include <cstdlib>

#include "core/control/request_head.hpp"
#include "fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace patchbay;
  const control::Destination server{"https://server", "server", "/prefix"};
  const auto head = control::parse_request_head(as_text(fuzz::input_bytes(data, size)));
  if (!head) return 0;
  const std::string text = control::passed_on(*head, server);
  const auto again = control::parse_request_head(text);
  if (!again || !again->target.starts_with("/prefix/")) std::abort();
  if (text.find("\r\n\r\n") != text.size() - 4) std::abort();
  const auto is_host = [](const auto& field) { return field.name == "Host"; };
  if (std::count_if(again->fields.begin(), again->fields.end(), is_host) != 1) std::abort();
  return 0;
}
