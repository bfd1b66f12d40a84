#include "sdk/kit/finding.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace patchbay::kit {
namespace {

using nlohmann::json;

constexpr std::size_t kNamed = 12;  // so many cases are named; more are counted
constexpr auto kLenient = json::error_handler_t::replace;

std::string repeat_of(const CheckReport& report, const std::string& name) {
  return report.repeat + " --only " + name;
}

json to_object(const Finding& finding) {
  return {{"rule", finding.rule},
          {"done", finding.done},
          {"expected", finding.expected},
          {"happened", finding.happened}};
}

bool is_same(const Finding& one, const Finding& other) {
  return one.rule == other.rule && one.happened == other.happened;
}

std::string xml(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? '?' : c;
    }
  }
  return out;
}

std::string seconds_text(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", seconds);
  return text.data();
}

std::string junit_case(const CheckReport& report, const CaseResult& result) {
  std::string out = "  <testcase classname=\"" + xml(report.module) + "\" name=\"" +
                    xml(result.name) + "\" time=\"" + seconds_text(result.seconds) + "\">\n";
  if (!result.skipped.empty()) out += "    <skipped message=\"" + xml(result.skipped) + "\"/>\n";
  for (const Finding& finding : result.findings) {
    out += "    <failure type=\"" + xml(finding.rule) + "\" message=\"" + xml(finding.happened) +
           "\">done: " + xml(finding.done) + "\nexpected: " + xml(finding.expected) +
           "\nrepeat: " + xml(repeat_of(report, result.name)) + "</failure>\n";
  }
  return out + "  </testcase>\n";
}

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// Adds to a list of names: "success, questions".
void add_name(std::string& names, const std::string& name) {
  names += (names.empty() ? "" : ", ") + name;
}

/// Other cases in which the same has happened, which mostly has the same reason.
std::string others_with(const CheckReport& report, const CaseResult& first,
                        const Finding& finding) {
  std::string names;
  for (const CaseResult& result : report.cases) {
    const auto same = [&finding](const Finding& other) { return is_same(finding, other); };
    if (result.name != first.name &&
        std::any_of(result.findings.begin(), result.findings.end(), same))
      add_name(names, result.name);
  }
  return names;
}

/// What has happened the same way in many cases is said once.
std::string finding_lines(const CheckReport& report) {
  std::string out;
  std::vector<Finding> said;
  for (const CaseResult& result : report.cases) {
    for (const Finding& finding : result.findings) {
      const auto same = [&finding](const Finding& other) { return is_same(finding, other); };
      if (std::any_of(said.begin(), said.end(), same)) continue;
      said.push_back(finding);
      out += result.name + ": " + finding.rule + "\n  done:     " + finding.done +
             "\n  expected: " + finding.expected + "\n  happened: " + finding.happened +
             "\n  repeat:   " + repeat_of(report, result.name) + "\n";
      const auto others = others_with(report, result, finding);
      if (!others.empty()) out += "  also in:  " + others + "\n";
      out += "\n";
    }
  }
  return out;
}

/// A line for each reason.
std::string skip_lines(const CheckReport& report) {
  std::vector<std::pair<std::string, std::vector<std::string>>> lines;  // reason, cases
  for (const CaseResult& result : report.cases) {
    if (result.skipped.empty()) continue;
    auto line = std::find_if(lines.begin(), lines.end(),
                             [&result](const auto& one) { return one.first == result.skipped; });
    if (line == lines.end())
      line = lines.insert(lines.end(), {result.skipped, std::vector<std::string>{}});
    line->second.push_back(result.name);
  }
  std::string out;
  for (const auto& [reason, cases] : lines) {
    std::string names;
    for (const std::string& name : cases)
      add_name(names, name);
    out += "not played: " + (cases.size() > kNamed ? counted(cases.size(), "case") : names) + ": " +
           reason + "\n";
  }
  return out;
}

}  // namespace

std::size_t CheckReport::findings() const {
  std::size_t count = 0;
  for (const CaseResult& result : cases)
    count += result.findings.size();
  return count;
}

std::string to_text(const CheckReport& report) {
  const auto played =
      std::count_if(report.cases.begin(), report.cases.end(),
                    [](const CaseResult& result) { return result.skipped.empty(); });
  const auto found = report.findings();
  return finding_lines(report) + skip_lines(report) + report.module + ": " +
         counted(static_cast<std::size_t>(played), "case") + ", " +
         (found == 0 ? "nothing found" : counted(found, "finding")) + "\n";
}

std::string to_json(const CheckReport& report) {
  json out{{"module", report.module}, {"findings", json::array()}, {"cases", json::array()}};
  for (const CaseResult& result : report.cases) {
    out["cases"].push_back({{"name", result.name},
                            {"title", result.title},
                            {"seconds", result.seconds},
                            {"skipped", result.skipped},
                            {"findings", result.findings.size()}});
    for (const Finding& finding : result.findings) {
      json object = to_object(finding);
      object["case"] = result.name;
      object["repeat"] = repeat_of(report, result.name);
      out["findings"].push_back(std::move(object));
    }
  }
  return out.dump(2, ' ', false, kLenient) + "\n";
}

std::string to_junit(const CheckReport& report) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"" +
                    xml(report.module) + "\" tests=\"" + std::to_string(report.cases.size()) +
                    "\" failures=\"" + std::to_string(report.findings()) + "\">\n";
  for (const CaseResult& result : report.cases)
    out += junit_case(report, result);
  return out + "</testsuite>\n";
}

std::string serialise(const CaseResult& result) {
  json out{{"skipped", result.skipped}, {"findings", json::array()}};
  for (const Finding& finding : result.findings)
    out["findings"].push_back(to_object(finding));
  return out.dump(-1, ' ', false, kLenient);
}

CaseResult deserialise(const std::string& text) {
  CaseResult result;
  const json in = json::parse(text, nullptr, false);
  result.skipped = in.value("skipped", "");
  for (const json& finding : in.value("findings", json::array())) {
    result.findings.push_back({finding.value("rule", ""), finding.value("done", ""),
                               finding.value("expected", ""), finding.value("happened", "")});
  }
  return result;
}

}  // namespace patchbay::kit
