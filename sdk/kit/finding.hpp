#pragma once

#include <string>
#include <vector>

/// What a check has found, and how it is told.
namespace patchbay::kit {

struct Finding {
  std::string rule;      ///< short name: "rollback-restores"
  std::string done;      ///< what was done: "Download, ArtifactInstall, ArtifactRollback"
  std::string expected;  ///< by which rule of the protocol
  std::string happened;
};

struct CaseResult {
  std::string name;
  std::string title;
  double seconds = 0;
  std::string skipped;  ///< why it was not played; empty when it was
  std::vector<Finding> findings;
};

struct CheckReport {
  std::string module;
  std::string repeat;  ///< the command line without --only
  std::vector<CaseResult> cases;

  [[nodiscard]] std::size_t findings() const;
};

enum class ReportFormat { text, json };

std::string to_text(const CheckReport& report);
std::string to_json(const CheckReport& report);
std::string to_junit(const CheckReport& report);

/// Findings from the stage to the kit.
std::string serialise(const CaseResult& result);
CaseResult deserialise(const std::string& text);

}  // namespace patchbay::kit
