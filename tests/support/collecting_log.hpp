#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/log.hpp"

namespace patchbay::testing {

/// Keeps every record.
class CollectingLog final : public Log {
 public:
  void write(LogLevel level, std::string_view message) override {
    const std::scoped_lock lock{mutex_};
    records_.emplace_back(level, message);
  }
  [[nodiscard]] std::vector<std::pair<LogLevel, std::string>> records() const {
    const std::scoped_lock lock{mutex_};
    return records_;
  }
  /// All messages, one a line.
  [[nodiscard]] std::string text() const {
    std::string all;
    for (const auto& [level, message] : records())
      all += message + "\n";
    return all;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<LogLevel, std::string>> records_;
};

}  // namespace patchbay::testing
