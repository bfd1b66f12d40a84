#pragma once

#include <csignal>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/host/module.hpp"
#include "core/host/work_tree.hpp"
#include "tests/support/collecting_log.hpp"
#include "tests/support/temp_dir.hpp"

/// What the tests of core/host share: a payload out of memory, and a module written by the test.
namespace patchbay::host::testing {

/// Files out of memory, handed over in pieces of `piece` bytes.
class MemorySource final : public PayloadSource {
 public:
  struct Content {
    std::string name;
    std::string bytes;
    std::optional<Error> broken_at_end = {};  ///< what its end reports
    std::function<void()> before_end = {};    ///< runs before its end is reported
    std::uint64_t claimed_size = UINT64_MAX;  ///< instead of the true one
  };

  explicit MemorySource(std::vector<Content> files, std::size_t piece = 64 * 1024)
      : files_{files.begin(), files.end()}, piece_{piece} {}

  Result<std::optional<File>> next_file() override {
    if (begun_) files_.pop_front();
    begun_ = true;
    at_ = 0;
    if (files_.empty()) {
      exhausted_ = true;
      return std::optional<File>{};
    }
    const auto& file = files_.front();
    return std::optional{
        File{file.name, file.claimed_size == UINT64_MAX ? file.bytes.size() : file.claimed_size}};
  }

  Result<ByteSpan> read() override {
    const auto& file = files_.front();
    const auto piece = std::string_view{file.bytes}.substr(at_, piece_);
    at_ += piece.size();
    if (piece.empty() && file.before_end) file.before_end();
    if (piece.empty() && file.broken_at_end) return *file.broken_at_end;
    return as_bytes(piece);
  }

  Status skip() override {
    skipped_ = true;
    return Done{};
  }

  /// From now on says that what it gives out stays where it is, which it does.
  MemorySource& keeping() {
    kept_ = SIZE_MAX;
    return *this;
  }
  [[nodiscard]] std::size_t kept() const override { return kept_; }

  [[nodiscard]] bool exhausted() const { return exhausted_; }
  [[nodiscard]] bool skipped() const { return skipped_; }

 private:
  std::deque<Content> files_;
  std::size_t piece_;
  std::size_t at_ = 0;
  std::size_t kept_ = 0;
  bool begun_ = false;
  bool exhausted_ = false;
  bool skipped_ = false;
};

/// Remembers what a module reported.
class CollectingProgress final : public ProgressSink {
 public:
  void module_progress(unsigned percent) override { seen.push_back(std::to_string(percent)); }
  void module_status(std::string_view text) override { seen.emplace_back(text); }
  std::vector<std::string> seen;
};

/// A module that is a shell script, with its work tree. The body sees $1 (call) and $2 (tree);
/// $OUT is a directory where it can leave something for the test to look at.
class ProbeModule {
 public:
  explicit ProbeModule(const std::string& body, ProgressSink* progress = nullptr)
      : ProbeModule{body, default_settings(), progress} {}

  ProbeModule(const std::string& body, ModuleSettings settings, ProgressSink* progress = nullptr)
      : tree{directory / "data", 0} {
    // The program ignores SIGPIPE as a whole (module.hpp).
    (void)std::signal(SIGPIPE, SIG_IGN);
    settings.environment.push_back("OUT=" + directory.path());
    write_script_file(body);
    created = tree.create(content());
    auto bound =
        bind_module({"probe", script(), Binding::executable}, tree.path(), settings, log, progress);
    module = std::move(bound).value();
  }

  static ModuleSettings default_settings() {
    ModuleSettings settings;
    settings.environment = {"PATH=/usr/bin:/bin"};
    settings.timeout = std::chrono::seconds{20};
    settings.grace = std::chrono::milliseconds{200};
    return settings;
  }
  static ModuleSettings hasty() {
    auto settings = default_settings();
    settings.timeout = std::chrono::milliseconds{300};
    return settings;
  }

  static TreeContent content() {
    TreeContent content;
    content.current_artifact_name = "old-1";
    content.current_device_type = "board";
    content.artifact_name = "new-2";
    content.payload_type = "probe";
    content.header_info = "{\"a\": 1}";
    content.type_info = "{\"type\":\"probe\"}";
    return content;
  }

  [[nodiscard]] std::string script() const { return directory / "probe"; }
  /// What the module left in $OUT/`name`.
  [[nodiscard]] std::string left(const std::string& name) const {
    return patchbay::testing::read_text(directory / name);
  }
  [[nodiscard]] std::string in_tree(const std::string& name) const {
    return tree.path() + "/" + name;
  }

  patchbay::testing::TempDir directory;
  patchbay::testing::CollectingLog log;
  WorkTree tree;
  Status created = Done{};
  std::unique_ptr<Module> module;

 private:
  void write_script_file(const std::string& body) const {
    patchbay::testing::write_script(script(), "#!/bin/sh\n" + body + "\n");
  }
};

}  // namespace patchbay::host::testing
