#pragma once

#include <string>
#include <vector>

#include "patchbay/result.hpp"

namespace patchbay::module {

/// A durable list of records in a file, for a module that must know, after a power cut, how far it
/// had come. Keep it in Context::tmp_path() and append *before* doing what the record says.
///
/// A record is a list of texts (any bytes). In the file it is one line, its fields separated by
/// tabs; backslash, tab and newline are written as \\, \t and \n. A cut in the middle of an append
/// leaves a line without its end: that record does not exist, and the next append removes it.
class Journal {
 public:
  using Record = std::vector<std::string>;

  /// The journal at `path`; a missing file is an empty journal, and is made by the first append.
  static Result<Journal> open(std::string path);

  /// Adds a record; it survives a power cut once this has returned.
  Status append(Record record);
  /// Adds several in one write; after a cut the first few of them may be there alone.
  Status append_all(std::vector<Record> records);

  [[nodiscard]] const std::vector<Record>& records() const { return records_; }
  [[nodiscard]] bool empty() const { return records_.empty(); }

  /// Removes the file, durably: the journal is empty again.
  Status clear();

 private:
  explicit Journal(std::string path) : path_{std::move(path)} {}

  std::string path_;
  std::vector<Record> records_;
  std::size_t complete_bytes_ = 0;  ///< length of the file without a torn tail
};

}  // namespace patchbay::module
