#include "patchbay/journal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "patchbay/fd.hpp"
#include "patchbay/files.hpp"

namespace patchbay::module {
namespace {

constexpr std::size_t kLimit = 16 * 1024 * 1024;

std::string encode(const Journal::Record& record) {
  std::string line;
  for (const auto& field : record) {
    if (&field != &record.front()) line += '\t';
    for (const char c : field) {
      switch (c) {
        case '\\':
          line += "\\\\";
          break;
        case '\t':
          line += "\\t";
          break;
        case '\n':
          line += "\\n";
          break;
        default:
          line += c;
      }
    }
  }
  return line += '\n';
}

Journal::Record decode(std::string_view line) {
  Journal::Record record{""};
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\t') {
      record.emplace_back();
    } else if (line[i] == '\\' && i + 1 < line.size()) {
      ++i;
      record.back() += line[i] == 't' ? '\t' : line[i] == 'n' ? '\n' : line[i];
    } else {
      record.back() += line[i];
    }
  }
  return record;
}

}  // namespace

Result<Journal> Journal::open(std::string path) {
  Journal journal{std::move(path)};
  if (!exists(journal.path_)) return journal;
  PATCHBAY_TRY(const auto content, read_file(journal.path_, kLimit));
  std::size_t begin = 0;
  for (auto end = content.find('\n'); end != std::string::npos; end = content.find('\n', begin)) {
    journal.records_.push_back(decode(std::string_view{content}.substr(begin, end - begin)));
    begin = end + 1;
  }
  journal.complete_bytes_ = begin;
  return journal;
}

Status Journal::append(Record record) {
  std::vector<Record> records;
  records.push_back(std::move(record));
  return append_all(std::move(records));
}

Status Journal::append_all(std::vector<Record> records) {
  const bool is_new = complete_bytes_ == 0;
  const Fd fd{::open(path_.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!fd) return Error::from_errno(errno, "open journal " + path_);
  std::string lines;
  for (const Record& record : records)
    lines += encode(record);
  const auto offset = static_cast<off_t>(complete_bytes_);
  if (::ftruncate(fd.get(), offset) != 0) return Error::from_errno(errno, "trim journal " + path_);
  for (std::size_t done = 0; done < lines.size();) {
    const auto written = ::pwrite(fd.get(), lines.data() + done, lines.size() - done,
                                  offset + static_cast<off_t>(done));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error::from_errno(errno, "write journal " + path_);
    done += static_cast<std::size_t>(written);
  }
  if (::fdatasync(fd.get()) != 0) return Error::from_errno(errno, "sync journal " + path_);
  if (is_new) PATCHBAY_CHECK(sync_directory(parent_path(path_)));
  complete_bytes_ += lines.size();
  std::move(records.begin(), records.end(), std::back_inserter(records_));
  return Done{};
}

Status Journal::clear() {
  records_.clear();
  complete_bytes_ = 0;
  if (::unlink(path_.c_str()) == 0) return sync_directory(parent_path(path_));
  if (errno == ENOENT) return Done{};
  return Error::from_errno(errno, "remove journal " + path_);
}

}  // namespace patchbay::module
