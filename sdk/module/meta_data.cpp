#include "patchbay/meta_data.hpp"

#include <algorithm>

namespace patchbay::module {
namespace {

/// Lower case, and `-` for `_`.
std::string folded(std::string_view key) {
  std::string text{key};
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '_') c = '-';
  }
  return text;
}

/// What is left of two words without what they begin and end with in common is at most a letter of
/// each, or two letters that are swapped.
bool is_one_slip_from(const std::string& one, const std::string& other) {
  std::string_view a{one};
  std::string_view b{other};
  while (!a.empty() && !b.empty() && a.front() == b.front()) {
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  while (!a.empty() && !b.empty() && a.back() == b.back()) {
    a.remove_suffix(1);
    b.remove_suffix(1);
  }
  if (a.size() <= 1 && b.size() <= 1) return true;
  return a.size() == 2 && b.size() == 2 && a[0] == b[1] && a[1] == b[0];
}

}  // namespace

Status refuse_misspelt_keys(const std::vector<std::string>& keys,
                            std::span<const std::string_view> known) {
  for (const std::string& key : keys) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const auto meant = std::find_if(known.begin(), known.end(), [&](std::string_view name) {
      return is_one_slip_from(folded(key), folded(name));
    });
    if (meant == known.end()) continue;
    return Error{"meta-data: there is no key '" + key + "'; is '" + std::string{*meant} +
                 "' meant?"};
  }
  return Done{};
}

}  // namespace patchbay::module
