#pragma once

#include <span>
#include <string_view>

#include "sdk/artifact/call.hpp"

namespace patchbay::artifact_tool {

/// A row of the table of commands.
struct Command {
  std::string_view name;
  std::string_view summary;
  int (*run)(const Call& call);  ///< returns the exit code; prints its own errors
};

/// Every command, in the order of `--help`. A new one is its own .cpp file, its declaration here
/// and its row in program.cpp.
std::span<const Command> commands();

int cat(const Call& call);
int chunk(const Call& call);
int cp(const Call& call);
int decrypt(const Call& call);
int diff(const Call& call);
int dump(const Call& call);
int encrypt(const Call& call);
int extract(const Call& call);
int install(const Call& call);
int modify(const Call& call);
int read(const Call& call);
int rm(const Call& call);
int schema(const Call& call);
int sign(const Call& call);
int validate(const Call& call);
int write(const Call& call);

/// The whole program.
int run(int argc, const char* const* argv);

}  // namespace patchbay::artifact_tool
