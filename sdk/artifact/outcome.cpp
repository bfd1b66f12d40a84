#include "sdk/artifact/outcome.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/base/bytes.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr std::size_t kLongestMessage = 2000;

struct Codes {
  Outcome outcome;
  int patchbay;
  int mender;  ///< as that program has them since mid 2026
};
constexpr std::array kCodes{
    //    outcome                      patchbay  mender
    Codes{Outcome::done, 0, 0},                 //
    Codes{Outcome::usage, 64, 1},               //
    Codes{Outcome::bad_parameter, 64, 1},       //
    Codes{Outcome::failed, 1, 1},               //
    Codes{Outcome::cannot_create, 1, 3},        //
    Codes{Outcome::cannot_open, 1, 4},          //
    Codes{Outcome::unsupported_version, 5, 2},  //
    Codes{Outcome::unsupported_feature, 5, 6},  //
    Codes{Outcome::invalid_artifact, 5, 5},     //
    Codes{Outcome::system_error, 1, 7},
};

}  // namespace

int exit_code(Face face, Outcome outcome) {
  const auto* row = std::find_if(kCodes.begin(), kCodes.end(),
                                 [&](const Codes& codes) { return codes.outcome == outcome; });
  if (row == kCodes.end()) return 1;
  return face == Face::patchbay ? row->patchbay : row->mender;
}

int fail(const Call& call, Outcome outcome, const Error& error) {
  const std::string message = printable(error.message(), kLongestMessage);
  if (call.face == Face::mender) {
    std::fprintf(stderr, "%s\n", message.c_str());
  } else {
    std::fprintf(stderr, "patchbay-artifact %s: %s\n", call.command.c_str(), message.c_str());
    if (outcome == Outcome::usage)
      std::fprintf(stderr, "Try 'patchbay-artifact %s --help'.\n", call.command.c_str());
  }
  return exit_code(call.face, outcome);
}

int fail(const Call& call, const Error& error) {
  return fail(call, Outcome::failed, error);
}

void warn(const Call& call, const std::string& text) {
  const std::string message = printable(text, kLongestMessage);
  if (call.face == Face::mender) {
    std::fprintf(stderr, "warning: %s\n", message.c_str());
  } else {
    std::fprintf(stderr, "patchbay-artifact %s: warning: %s\n", call.command.c_str(),
                 message.c_str());
  }
}

}  // namespace patchbay::artifact_tool
