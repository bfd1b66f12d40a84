#include "modules/firmware/version.hpp"

#include <algorithm>

namespace patchbay::firmware {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Takes the first run off `text`: digits, or anything else.
std::string_view take_run(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && is_digit(text[length]) == is_digit(text.front()))
    ++length;
  const auto run = text.substr(0, length);
  text.remove_prefix(length);
  return run;
}

int sign(int value) {
  return (value > 0) - (value < 0);
}

int compare_numbers(std::string_view a, std::string_view b) {
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return sign(a.compare(b));
}

// What a version is that goes on with `rest` beside one that ends there.
int compare_with_end(std::string_view rest) {
  return rest.front() == '~' || rest.front() == '-' ? -1 : 1;
}

// A separator that only one of them has decides like an end.
int compare_words(std::string_view a, std::string_view b) {
  const bool a_early = a.front() == '~' || a.front() == '-';
  const bool b_early = b.front() == '~' || b.front() == '-';
  if (a_early != b_early) return a_early ? -1 : 1;
  return sign(a.compare(b));
}

}  // namespace

int compare_versions(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const bool a_number = is_digit(a.front());
    const bool b_number = is_digit(b.front());
    if (a_number != b_number) return a_number ? 1 : -1;
    const auto left = take_run(a);
    const auto right = take_run(b);
    const int order = a_number ? compare_numbers(left, right) : compare_words(left, right);
    if (order != 0) return order;
  }
  if (a.empty() && b.empty()) return 0;
  return a.empty() ? -compare_with_end(b) : compare_with_end(a);
}

}  // namespace patchbay::firmware
