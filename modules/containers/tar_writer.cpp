#include "modules/containers/tar_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>

namespace patchbay::containers {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

std::string tar_header(const std::string& name, std::uint64_t size) {
  std::array<char, kTarBlock> block{};
  std::copy(name.begin(), name.end(), block.begin());
  std::snprintf(block.data() + 100, 8, "%07o", 0644U);
  std::snprintf(block.data() + 108, 8, "%07o", 0U);
  std::snprintf(block.data() + 116, 8, "%07o", 0U);
  std::snprintf(block.data() + 124, 12, "%011llo", static_cast<unsigned long long>(size));
  std::snprintf(block.data() + 136, 12, "%011o", 0U);
  std::fill_n(block.begin() + 148, 8, ' ');
  block[156] = '0';
  std::snprintf(block.data() + 257, 8, "ustar  ");
  unsigned sum = 0;
  for (const char c : block)
    sum += static_cast<unsigned char>(c);
  std::snprintf(block.data() + 148, 8, "%06o", sum);
  return {block.data(), block.size()};
}

std::size_t tar_padding(std::uint64_t size) {
  return (kTarBlock - size % kTarBlock) % kTarBlock;
}

Result<TarWriter> TarWriter::create(const std::string& path) {
  PATCHBAY_TRY(auto file, module::NewFile::create(path));
  return TarWriter{std::move(file)};
}

Status TarWriter::add(const std::string& name, std::uint64_t size, const Upload& content) {
  if (name.size() > kMaxNameInTar || size > kMaxInTar) {
    return Error{"'" + name + "' does not fit into an archive of images"};
  }
  PATCHBAY_CHECK(file_.write(tar_header(name, size)));
  std::array<char, 64 * 1024> block{};
  std::uint64_t done = 0;
  while (true) {
    PATCHBAY_TRY(const auto count, content(block.data(), block.size()));
    if (count == 0) break;
    done += count;
    if (done > size)
      return Error{"'" + name + "' has more than its " + std::to_string(size) + " bytes"};
    PATCHBAY_CHECK(file_.write({block.data(), count}));
  }
  if (done < size)
    return Error{"'" + name + "' ends before its " + std::to_string(size) + " bytes"};
  return file_.write(std::string(tar_padding(size), '\0'));
}

Status TarWriter::finish() {
  return file_.write(std::string(2 * kTarBlock, '\0'));
}

Result<Upload> content_of(const std::string& path) {
  auto file = std::make_shared<module::Fd>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!*file) return Error::from_errno(errno, "open " + path);
  return Upload{[file, path](char* buffer, std::size_t size) -> Result<std::size_t> {
    const auto count = ::read(file->get(), buffer, size);
    if (count < 0) return Error::from_errno(errno, "read " + path);
    return static_cast<std::size_t>(count);
  }};
}

}  // namespace patchbay::containers
