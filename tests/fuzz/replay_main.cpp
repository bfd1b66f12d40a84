// Runs a fuzz target over files: replays a corpus in builds without libFuzzer. Arguments are files
// and directories; one that cannot be read, or no input at all, is a failure.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz_target.hpp"

namespace {

bool replay(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  if (!in) return false;
  const std::string content{std::istreambuf_iterator<char>{in}, {}};
  // An exact copy on the heap, so that the sanitizer sees every step past its end.
  const std::vector<std::uint8_t> bytes{content.begin(), content.end()};
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  return true;
}

std::vector<std::filesystem::path> files_of(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{path}) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 0;
  for (const char* argument : std::vector<const char*>(argv + 1, argv + argc)) {
    for (const auto& file : files_of(argument)) {
      if (!replay(file)) {
        std::cerr << "cannot read " << file << "\n";
        return 1;
      }
      ++count;
    }
  }
  std::cout << count << " inputs replayed\n";
  return count == 0 ? 1 : 0;
}
