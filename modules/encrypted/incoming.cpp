#include "modules/encrypted/incoming.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace patchbay::encrypted {
namespace {

using module::Error;
using module::Fd;
using module::Result;
using module::Status;

constexpr std::string_view kStreams = "streams/";
constexpr std::size_t kLineLimit = 16 * 1024;

/// "name" of "streams/name\n" or "streams/name SIZE\n": how large the ciphertext is, nobody needs.
Result<std::string> name_in(const std::string& line) {
  const Error broken{"stream-next: unexpected '" + line + "'"};
  if (!line.starts_with(kStreams) || !line.ends_with('\n')) return broken;
  const auto rest = line.substr(kStreams.size(), line.size() - kStreams.size() - 1);
  auto name = rest.substr(0, rest.find(' '));
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos)
    return broken;
  return name;
}

}  // namespace

/// Open at once, and nothing to see in it before the client has opened it, too.
Result<Fd> Incoming::open(const std::string& name) const {
  const auto path = module::join_path(tree_, name);
  Fd pipe{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  if (!pipe) return Error::from_errno(errno, "open " + path);
  return pipe;
}

Result<std::string> Incoming::read_line() {
  PATCHBAY_TRY(const auto pipe, open("stream-next"));
  std::string line;
  std::array<char, 4096> buffer{};
  while (line.size() <= kLineLimit) {
    pollfd wanted{pipe.get(), POLLIN, 0};
    PATCHBAY_CHECK(watch_->wait({&wanted, 1}));
    const auto count = ::read(pipe.get(), buffer.data(), buffer.size());
    if (count == 0) return line;
    if (count < 0 && errno != EAGAIN && errno != EINTR)
      return Error::from_errno(errno, "read stream-next");
    if (count > 0) line.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return Error{"stream-next: the line is too long"};
}

Result<std::optional<Incoming::File>> Incoming::next() {
  PATCHBAY_TRY(const auto line, read_line());
  if (line.empty()) return {std::nullopt};
  PATCHBAY_TRY(auto name, name_in(line));
  PATCHBAY_TRY(auto content, open(std::string{kStreams} + name));
  pollfd wanted{content.get(), POLLIN, 0};
  PATCHBAY_CHECK(watch_->wait({&wanted, 1}));
  if (::fcntl(content.get(), F_SETFL, 0) != 0) return Error::from_errno(errno, "stream " + name);
  return {File{std::move(name), std::move(content)}};
}

}  // namespace patchbay::encrypted
