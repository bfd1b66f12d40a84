#include "sdk/kit/finding.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace patchbay::kit {
namespace {

using nlohmann::json;

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

}  // namespace

std::size_t CheckReport::findings() const {
  std::size_t count = 0;
  for (const CaseResult& result : cases)
    count += result.findings.size();
  return count;
}

std::string to_text(const CheckReport& report) {
  std::string out;
  for (const CaseResult& result : report.cases) {
    for (const Finding& finding : result.findings) {
      out += result.name + ": " + finding.rule + "\n  done:     " + finding.done +
             "\n  expected: " + finding.expected + "\n  happened: " + finding.happened +
             "\n  repeat:   " + repeat_of(report, result.name) + "\n\n";
    }
  }
  const auto played = static_cast<std::size_t>(
      std::count_if(report.cases.begin(), report.cases.end(),
                    [](const CaseResult& result) { return result.skipped.empty(); }));
  for (const CaseResult& result : report.cases) {
    if (!result.skipped.empty()) out += "not played: " + result.name + ": " + result.skipped + "\n";
  }
  return out + report.module + ": " + std::to_string(played) + " cases, " +
         (report.findings() == 0 ? std::string{"nothing found"}
                                 : std::to_string(report.findings()) + " findings") +
         "\n";
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
