#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/artifact/byte_sink.hpp"
#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"
#include "core/os/process.hpp"

namespace patchbay::artifact_tool {

/// The program age at work: what is written to it comes out, encrypted or decrypted, in a file.
class Age final : public artifact::ByteSink {
 public:
  /// `options` says what is to be done, and with which keys. The file at `output` is made.
  static Result<std::unique_ptr<Age>> start(std::vector<std::string> options,
                                            const std::string& output);

  Status write(ByteSpan bytes) override;
  /// There is no more. Whether the file at `output` is complete.
  Status finish();

 private:
  Age() = default;
  Error failure(const os::Exit& exit) const;
  Error ended_early();

  std::string complaint_;
  UniqueFd input_;
  std::unique_ptr<os::Process> process_;  ///< after complaint_, which it writes to
};

}  // namespace patchbay::artifact_tool
