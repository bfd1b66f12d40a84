#include "sdk/artifact/unpack.hpp"

#include <unistd.h>

#include <cstdio>

#include <cerrno>

#include "core/os/file.hpp"
#include "sdk/artifact/artifact_file.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr const char* kUnfinished = ".unfinished";

Error there_already(const std::string& path) {
  return {ErrorCode::conflict, path + " is there already"};
}

}  // namespace

Status make_output_directory(const std::string& path) {
  return os::make_directories(path, 0755);
}

Result<std::vector<std::string>> unpack_scripts(const artifact::Header& header,
                                                const std::string& directory) {
  PB_CHECK(make_output_directory(directory));
  std::vector<std::string> paths;
  for (const artifact::Script& script : header.scripts) {
    paths.push_back(os::join(directory, script.name));
    PB_TRY(const auto sink, make_file(paths.back(), 0755));
    PB_CHECK(sink->write(as_bytes(script.content)));
  }
  return paths;
}

Status unpack_text(const std::string& path, std::string_view text) {
  PB_TRY(const auto sink, make_file(path, 0644));
  return sink->write(as_bytes(text));
}

artifact::FileSinks PayloadUnpacker::sinks() {
  return [this](const artifact::PayloadFile& file) -> Result<std::unique_ptr<artifact::ByteSink>> {
    PB_TRY(const std::string path, place_(file));
    if (os::exists(path)) return there_already(path);
    PB_TRY(auto sink, make_file(path + kUnfinished, 0644));
    paths_.push_back(path);
    return sink;
  };
}

Result<std::vector<std::string>> PayloadUnpacker::keep() {
  for (; kept_ < paths_.size(); ++kept_) {
    const std::string& path = paths_[kept_];
    // link(2), unlike rename(2), never replaces what somebody has put there meanwhile.
    if (::link((path + kUnfinished).c_str(), path.c_str()) != 0)
      return errno == EEXIST ? there_already(path) : Error::from_errno(errno, path);
    ::unlink((path + kUnfinished).c_str());
  }
  return paths_;
}

PayloadUnpacker::~PayloadUnpacker() {
  for (std::size_t i = kept_; i < paths_.size(); ++i)
    ::unlink((paths_[i] + kUnfinished).c_str());
}

}  // namespace patchbay::artifact_tool
